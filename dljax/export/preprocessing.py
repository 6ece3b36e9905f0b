"""What stands before a net, as a certificate tells it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flax import linen as nn

from dljax.data import Normalizer
from dljax.models.standardised import Standardised


def require_float32(feature: str, normalizer: Normalizer) -> None:
    """Refuse to normalise inside a program what float32 cannot tell apart.

    Args:
        feature: its name, for the message.
        normalizer: of its columns.

    Raises:
        ValueError: where neighbouring numbers are a thousandth of the scale apart.

    Example:
        >>> try:
        ...     require_float32('id', Normalizer((98_765_432.0,), (3.0,), 'z_score'))
        ... except ValueError as error:
        ...     print(str(error)[:54])
        'id' is about 98765432 with a scale of 3, and float32,
    """
    offset, scale = np.array(normalizer.offset), np.array(normalizer.scale)
    steps = np.spacing((np.abs(offset) + scale).astype(np.float32)) / scale
    if (worst := int(steps.argmax())) >= 0 and steps[worst] > 1e-3:
        raise ValueError(
            f'{feature!r} is about {offset[worst]:.9g} with a scale of '
            f'{scale[worst]:g}, and float32, which a program takes, has no numbers '
            f'closer than {steps[worst] * scale[worst]:g} there: raw=False (--no-raw) '
            'leaves the normalisation to you, and the file beside the target holds the '
            'two lines that do it in float64'
        )


def of_normalizer(
    feature: str,
    normalizer: Normalizer,
    shape: tuple[int | None, ...],
    *,
    inside: bool,
    inverse: bool = False,
) -> dict[str, Any]:
    """Tell a normalizer, and the two lines of Python that apply it.

    Args:
        feature: the name of the array in these lines.
        normalizer: of its columns, or of each number of an example.
        shape: of an example.
        inside: whether the program applies it.
        inverse: whether what comes out is brought back to its units.

    Returns:
        An entry of a certificate.
    """
    columns, kind = len(normalizer.offset), normalizer.kind
    whole = columns not in (1, shape[-1] if shape else 1)
    return {
        'feature': 'outputs' if inverse else feature,
        'kind': f'inverse {kind} of {feature}' if inverse else kind,
        'offset': list(normalizer.offset),
        'scale': list(normalizer.scale),
        'inside': inside,
        'precision': 'float32' if inside else None,
        'python': _lines(
            'outputs' if inverse else feature,
            normalizer.offset,
            normalizer.scale,
            shape=shape if whole else None,
            inverse=inverse,
        ),
    }


def of_standardised(
    feature: str, net: nn.Module, *, inside: bool
) -> dict[str, Any] | None:
    """Tell the normalisation that a net stands behind, or None if it does not.

    Args:
        feature: the name of the images.
        net: as it was trained.
        inside: whether the program applies it.

    Returns:
        An entry of a certificate.

    Example:
        >>> net = Standardised(nn.Dense(2), offset=(0.5,), scale=(0.25,))
        >>> for line in of_standardised('image', net, inside=True)['python']:
        ...     print(line)
        offset, scale = numpy.float64([0.5]), numpy.float64([0.25])
        image = ((image - offset) / scale).astype('float32')
    """
    if not isinstance(net, Standardised):
        return None
    return {
        'feature': feature,
        'kind': 'standardised',
        'offset': list(net.offset),
        'scale': list(net.scale),
        'reverse': net.reverse,
        'inside': inside,
        'precision': 'float32' if inside else None,
        'python': _lines(feature, net.offset, net.scale, reverse=net.reverse),
    }


def say(preprocessing: Sequence[Mapping[str, Any]]) -> str:
    """Say in a line what of it is inside and what is left to do.

    Args:
        preprocessing: entries of a certificate.

    Example:
        >>> say([{'feature': 'image', 'kind': 'z_score', 'inside': True}])
        'inside: z_score of image'
    """
    inside, outside = (
        ', '.join(
            made['kind'] + f' of {made["feature"]}' * (made['feature'] != 'outputs')
            for made in preprocessing
            if made['inside'] is there
        )
        for there in (True, False)
    )
    parts = [f'inside: {inside}'] if inside else []
    if outside:
        parts.append(f'LEFT TO YOU, with the lines that do it in the file: {outside}')
    return '; '.join(parts) or 'none'


def origin(source: Mapping[str, Any]) -> str:
    """Say in a line out of which part of a run weights are.

    Args:
        source: `Restored.origin`.

    Example:
        >>> origin({'step': 40, 'averages': True, 'member': None, 'part': None})
        'step 40, averages of the parameters'
    """
    words = [f'step {source["step"]}']
    words += [f'part {source["part"]}'] if source['part'] else []
    words += [f'member {source["member"]}'] if source['member'] is not None else []
    words += ['averages of the parameters'] if source['averages'] else []
    return ', '.join(words)


def _lines(
    feature: str,
    offset: tuple[float, ...],
    scale: tuple[float, ...],
    *,
    shape: tuple[int | None, ...] | None = None,
    reverse: bool = False,
    inverse: bool = False,
) -> list[str]:
    around = '' if shape is None else f'.reshape({tuple(shape)})'
    first = 'offset, scale = ' + ', '.join(
        f'numpy.float64({list(numbers)}){around}' for numbers in (offset, scale)
    )
    if inverse:
        return [first, f'{feature} = {feature} * scale + offset']
    turned = '[..., ::-1]' if reverse else ''
    return [
        first,
        f"{feature} = ((({feature} - offset) / scale){turned}).astype('float32')"
        if turned
        else f"{feature} = (({feature} - offset) / scale).astype('float32')",
    ]
