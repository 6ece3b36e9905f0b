"""Every form of gradient clipping, by name (U3.6)."""

from collections.abc import Mapping

import optax

from dljax.training.norm import clip_to_norm
from dljax.training.optimizers import by_path, scale_to_norm


def forms_of_clipping(
    *, norm: float, value: float, ratio: float, ranges: Mapping[str, float]
) -> dict[str, optax.GradientTransformation]:
    """Give each form that a gradient can be tamed in, to compare them.

    Args:
        norm: largest global norm, and the length that 'fixed' scales to.
        value: largest absolute value of an element.
        ratio: largest gradient of a unit, as a fraction of the norm of its weights.
        ranges: largest absolute values by shell pattern over the parameters' paths, the
            first that matches, for 'groups'.

    Returns:
        Transformations to chain before an optimizer; 'plain', the last, clips nothing.

    Reference:
        Pascanu et al. (2013), On the Difficulty of Training Recurrent Neural Networks,
        https://arxiv.org/abs/1211.5063; by norm.
        Brock et al. (2021), High-Performance Large-Scale Image Recognition Without
        Normalization, https://arxiv.org/abs/2102.06171; adaptive.
        Graves (2013), Generating Sequences With Recurrent Neural Networks,
        https://arxiv.org/abs/1308.0850; by ranges for groups.

    Example:
        >>> forms = forms_of_clipping(norm=1., value=1., ratio=.1, ranges={'*': 10.})
        >>> list(forms)
        ['norm', 'value', 'adaptive', 'fixed', 'groups', 'plain']
    """
    return {
        'norm': clip_to_norm(norm),
        'value': optax.clip(value),
        'adaptive': optax.adaptive_grad_clip(ratio),
        'fixed': scale_to_norm(norm),
        'groups': by_path({path: optax.clip(limit) for path, limit in ranges.items()}),
        'plain': optax.identity(),
    }
