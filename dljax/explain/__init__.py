"""What a prediction was made from: maps of the inputs, by functions of a bound net.

All but those of attention and importance have the form `(net, inputs, label=None) ->
map`, with settings as keywords: they explain the logit of `label`, or of the class that
the net predicts, in evaluation mode, and can be compiled, mapped and differentiated.
Those of gradients take inputs of any rank, `grad_cam`, `occlusion` and the curves
images. `shapley_values` and `permutation_importance` ask for outputs alone, and so take
any function: of tables, tokens or images.
"""

from dljax.explain.activation import grad_cam, last_spatial
from dljax.explain.attention import attention_maps, attention_rollout
from dljax.explain.gradients import (
    gradient,
    gradient_times_input,
    integrated_gradients,
    smooth_gradient,
)
from dljax.explain.importance import permutation_importance
from dljax.explain.occlusion import occlusion
from dljax.explain.quality import deletion, fraction_within, insertion
from dljax.explain.shapley import exact_shapley_values, shapley_values
from dljax.explain.target import Explain, Explained
from dljax.explain.words import keep_words, word_values

__all__ = [
    'Explain',
    'Explained',
    'attention_maps',
    'attention_rollout',
    'deletion',
    'exact_shapley_values',
    'grad_cam',
    'gradient',
    'gradient_times_input',
    'insertion',
    'integrated_gradients',
    'keep_words',
    'last_spatial',
    'occlusion',
    'permutation_importance',
    'shapley_values',
    'fraction_within',
    'smooth_gradient',
    'word_values',
]
