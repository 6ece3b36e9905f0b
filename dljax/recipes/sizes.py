"""The sizes of what a model reads, where its row leaves them open."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from dljax import zoo
from dljax.recipes.plan import Specs
from dljax.types import Spec

Shape = tuple[int, ...]
Open = tuple[int | None, ...]
_NONE: Mapping[str, str] = MappingProxyType({})


def fill_sizes(
    name: str,
    specs: Specs,
    sizes: Mapping[str, Shape],
    *,
    shaped_by: Mapping[str, str] = _NONE,
    lengths: Mapping[str, str] = _NONE,
    scale: int = 1,
) -> Specs:
    """Fill in the sizes that are open: those asked for, else those of the examples.

    Args:
        name: of the model.
        specs: what is read, by feature.
        sizes: the shape of one example of some of the features.
        shaped_by: see `Plan`.
        lengths: see `Plan`.
        scale: what `Plan.scale` gives.

    Returns:
        Specs without open sizes.

    Raises:
        ValueError: for a feature that is not read, or a size that it cannot have.

    Example:
        >>> specs = zoo.inputs('resnet50')
        >>> fill_sizes('resnet50', specs, {'image': (64, 64, 3)})['image'].shape
        (64, 64, 3)
    """
    for feature in sizes:
        if feature not in specs:
            raise ValueError(
                f'{name} reads no {feature!r} whose size could be set, only '
                + ', '.join(specs)
            )
    example = zoo.row(name).example
    filled: Specs = {}
    for feature, spec in specs.items():
        if feature in sizes:
            shape = sizes[feature]
        elif feature in shaped_by:
            shape = _as_its_model(spec, filled[shaped_by[feature]], scale)
        else:
            shape = example.get(feature, spec.shape)
        if not _fits(spec, shape):
            raise ValueError(
                f'the size of {feature!r} of {name} is {shape}, wanted {spec.shape}, '
                'where None stands for any number from 1 on'
            )
        high = spec.high
        if feature in lengths:
            high = filled[lengths[feature]].shape[0]
        filled[feature] = dataclasses.replace(spec, shape=tuple(shape), high=high)
    return filled


def _as_its_model(spec: Spec, model: Spec, scale: int) -> Open:
    like = zip(spec.shape, model.sizes, strict=False)
    return tuple(scale * other if size is None else size for size, other in like)


def _fits(spec: Spec, shape: Open) -> bool:
    return len(shape) == len(spec.shape) and all(
        isinstance(size, int) and size >= 1 and wanted in (None, size)
        for size, wanted in zip(shape, spec.shape, strict=True)
    )
