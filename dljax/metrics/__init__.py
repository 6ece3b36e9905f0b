"""Scores: arrays in, one value per example out, or one per class or data set."""

from dljax.metrics.classification import accuracy, top_k_accuracy
from dljax.metrics.codes import (
    active_fraction,
    code_perplexity,
    nearest_neighbours,
    principal_angles,
)
from dljax.metrics.coding import Quantised, quantise, rate_curve
from dljax.metrics.confusion import (
    balanced_accuracy,
    confusion_matrix,
    f1,
    precision,
    recall,
)
from dljax.metrics.forecasting import coverage, naive_scale, predictive_interval
from dljax.metrics.frechet import frechet_distance, frechet_distance_of_moments
from dljax.metrics.image_quality import psnr, ssim
from dljax.metrics.information import (
    contingency_table,
    matched_accuracy,
    mutual_information,
)
from dljax.metrics.likelihood import importance_weighted_bound
from dljax.metrics.luma import luma, psnr_luma, ssim_luma
from dljax.metrics.modes import Modes, count_modes
from dljax.metrics.ngram import witten_bell
from dljax.metrics.partition import (
    Estimate,
    annealed_importance_sampling,
    log_partition,
    states,
)
from dljax.metrics.perceptual import perceptual_distance
from dljax.metrics.ranking import area_under_roc
from dljax.metrics.regression import absolute_error, r_squared
from dljax.metrics.samples import (
    Overlap,
    inception_score,
    kernel_distance,
    manifold_precision_recall,
)
from dljax.metrics.segmentation import (
    dice,
    intersection_over_union,
    mean_iou,
    pixel_accuracy,
)
from dljax.metrics.self_organising import (
    adjacent,
    quantisation_error,
    topographic_error,
)
from dljax.metrics.spectrum import detail_ratio
from dljax.metrics.tokens import perplexity, token_accuracy
from dljax.metrics.transcription import (
    character_error_rate,
    edit_distance,
    edit_distances,
    word_error_rate,
)
from dljax.metrics.translation import Bleu, bleu, brevity_penalty, ngram_matches

__all__ = [
    'Bleu',
    'Estimate',
    'Modes',
    'Overlap',
    'Quantised',
    'absolute_error',
    'accuracy',
    'active_fraction',
    'adjacent',
    'annealed_importance_sampling',
    'area_under_roc',
    'balanced_accuracy',
    'bleu',
    'brevity_penalty',
    'character_error_rate',
    'code_perplexity',
    'confusion_matrix',
    'contingency_table',
    'count_modes',
    'coverage',
    'detail_ratio',
    'dice',
    'edit_distance',
    'edit_distances',
    'f1',
    'frechet_distance',
    'frechet_distance_of_moments',
    'importance_weighted_bound',
    'inception_score',
    'intersection_over_union',
    'kernel_distance',
    'log_partition',
    'luma',
    'manifold_precision_recall',
    'matched_accuracy',
    'mean_iou',
    'mutual_information',
    'naive_scale',
    'nearest_neighbours',
    'ngram_matches',
    'perceptual_distance',
    'perplexity',
    'pixel_accuracy',
    'precision',
    'predictive_interval',
    'principal_angles',
    'psnr',
    'psnr_luma',
    'quantisation_error',
    'quantise',
    'r_squared',
    'rate_curve',
    'recall',
    'ssim',
    'ssim_luma',
    'states',
    'token_accuracy',
    'top_k_accuracy',
    'topographic_error',
    'witten_bell',
    'word_error_rate',
]
