"""Objectives: functions of a bound net that join losses and rules with nets."""

from dljax.objectives.adversarial import (
    fool,
    penalise_between,
    penalise_real,
    tell_apart,
)
from dljax.objectives.anomaly import invert, score_inversion
from dljax.objectives.attacks import (
    Attack,
    fast_gradient_sign,
    learn_under,
    projected_gradient,
    score_under,
)
from dljax.objectives.autoencoding import (
    autoencode,
    code_jacobian,
    contractive,
    score_reconstruction,
    solve_components,
    sparse,
    sparse_l1,
)
from dljax.objectives.auxiliary import classify_samples, recover_codes
from dljax.objectives.auxiliary_heads import classify_with_auxiliaries
from dljax.objectives.captioning import caption, score_caption
from dljax.objectives.classification import (
    classify,
    predict,
    score_classes,
    score_solved,
)
from dljax.objectives.code_prior import (
    draw_codes,
    predict_codes,
    score_codes,
    surprise_of_codes,
)
from dljax.objectives.control import (
    epsilon_greedy,
    greedy,
    score_return,
    temporal_difference,
)
from dljax.objectives.damage import damaged, score_repair
from dljax.objectives.energy import (
    contrastive_divergence,
    pretrain,
    score_machine,
)
from dljax.objectives.forecasting import (
    each_channel,
    on_all_windows,
    score_forecast,
    score_free_run,
)
from dljax.objectives.generative import fit_classes
from dljax.objectives.image_translation import (
    close_cycles,
    match_pairs,
    score_cycles,
    score_pairs,
)
from dljax.objectives.language import predict_next, score_next
from dljax.objectives.masked import predict_masked, score_masked
from dljax.objectives.orthogonality import hold_orthogonal
from dljax.objectives.path_length import even_paths, hold_paths
from dljax.objectives.quantised import quantise_codes, score_quantised
from dljax.objectives.regression import regress, score_regression
from dljax.objectives.restoration import (
    feature_difference,
    pixel_difference,
    restore,
    restore_to_fool,
    score_restoration,
    tell_restored,
)
from dljax.objectives.rules import follow, perceptron, place_centres, solve_readout
from dljax.objectives.segmentation import count_pixels, score_segmentation, segment
from dljax.objectives.self_organising import organise, score_map
from dljax.objectives.sequence import (
    generate,
    score_generation,
    score_tags,
    tag,
)
from dljax.objectives.transcription import score_transcription, transcribe
from dljax.objectives.translation import score_translation, translate
from dljax.objectives.unmoved import unmoved
from dljax.objectives.variational import elbo, score_variational
from dljax.objectives.within import from_part, side_by_side, within

__all__ = [
    'Attack',
    'autoencode',
    'caption',
    'classify',
    'classify_samples',
    'classify_with_auxiliaries',
    'close_cycles',
    'code_jacobian',
    'contractive',
    'contrastive_divergence',
    'count_pixels',
    'damaged',
    'draw_codes',
    'each_channel',
    'elbo',
    'epsilon_greedy',
    'even_paths',
    'fast_gradient_sign',
    'feature_difference',
    'fit_classes',
    'follow',
    'fool',
    'from_part',
    'generate',
    'greedy',
    'hold_orthogonal',
    'hold_paths',
    'invert',
    'learn_under',
    'match_pairs',
    'on_all_windows',
    'organise',
    'penalise_between',
    'penalise_real',
    'perceptron',
    'pixel_difference',
    'place_centres',
    'predict',
    'predict_codes',
    'predict_masked',
    'predict_next',
    'pretrain',
    'projected_gradient',
    'quantise_codes',
    'recover_codes',
    'regress',
    'restore',
    'restore_to_fool',
    'score_caption',
    'score_classes',
    'score_codes',
    'score_cycles',
    'score_forecast',
    'score_free_run',
    'score_generation',
    'score_inversion',
    'score_machine',
    'score_map',
    'score_masked',
    'score_next',
    'score_pairs',
    'score_quantised',
    'score_reconstruction',
    'score_regression',
    'score_repair',
    'score_restoration',
    'score_return',
    'score_segmentation',
    'score_solved',
    'score_tags',
    'score_transcription',
    'score_translation',
    'score_under',
    'score_variational',
    'segment',
    'side_by_side',
    'solve_components',
    'solve_readout',
    'sparse',
    'sparse_l1',
    'surprise_of_codes',
    'tag',
    'tell_apart',
    'tell_restored',
    'temporal_difference',
    'transcribe',
    'translate',
    'unmoved',
    'within',
]
