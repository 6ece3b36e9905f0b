"""What a prediction was made from: maps of the input, by functions of a bound net.

All but those of attention have the form `(net, image, label=None) -> map`, with
settings as keywords: they explain the logit of `label`, or of the class that the net
predicts, in evaluation mode, and can be compiled, mapped and differentiated.
"""

from dljax.explain.activation import grad_cam, last_spatial
from dljax.explain.attention import attention_maps, attention_rollout
from dljax.explain.gradients import (
    gradient,
    gradient_times_input,
    integrated_gradients,
    smooth_gradient,
)
from dljax.explain.occlusion import occlusion
from dljax.explain.quality import deletion, fraction_within, insertion
from dljax.explain.target import Explain

__all__ = [
    'Explain',
    'attention_maps',
    'attention_rollout',
    'deletion',
    'grad_cam',
    'gradient',
    'gradient_times_input',
    'insertion',
    'integrated_gradients',
    'last_spatial',
    'occlusion',
    'fraction_within',
    'smooth_gradient',
]
