"""The catalogue: one explicit row for each model, and the functions that read it.

Rows stand by family, a file each.
"""

import difflib
import fnmatch
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import jax
from flax import linen as nn

from dljax.models.summary import Summary, summarise
from dljax.zoo.rows import DRAWN as DRAWN
from dljax.zoo.rows import TARGETS as TARGETS
from dljax.zoo.rows import WHOLE as WHOLE
from dljax.zoo.rows import Part as Part
from dljax.zoo.rows import Row, Specs

# In the order in which they are listed; a file here, in `dljax.models` and in
# `dljax.recipes` for each.
FAMILIES = (
    'feedforward',
    'convolutional',
    'residual',
    'recurrent',
    'text',
    'attention',
    'control',
    'energy',
    'generative',
    'self_organising',
    'adversarial',
    'autoencoder',
    'segmentation',
    'restoration',
    'image_translation',
)
_ROWS: tuple[Row, ...] = tuple(
    row
    for family in FAMILIES
    for row in importlib.import_module(f'dljax.zoo.{family}').ROWS
)
_BY_NAME = {row.name: row for row in _ROWS}


def list_models(pattern: str = '*') -> list[str]:
    """List the names of the models.

    Args:
        pattern: with `*`, `?` and `[...]` as in file names.

    Returns:
        The names that match, in alphabetical order.

    Example:
        >>> list_models('tutorial*')
        ['tutorial_cnn']
    """
    return sorted(fnmatch.filter(_BY_NAME, pattern))


def row(name: str) -> Row:
    """Look a model up.

    Args:
        name: one of `list_models()`.

    Returns:
        Its row.

    Raises:
        ValueError: for an unknown name; the message tells the nearest ones.

    Example:
        >>> row('lenet5').parameters
        61706
    """
    if name not in _BY_NAME:
        near = difflib.get_close_matches(name, _BY_NAME, n=3, cutoff=0.4)
        hint = f'did you mean {" or ".join(near)}?' if near else 'see list_models()'
        raise ValueError(f'there is no model {name!r}: {hint}')
    return _BY_NAME[name]


def settings(name: str) -> dict[str, inspect.Parameter]:
    """Tell which settings a model has, with their defaults.

    Args:
        name: one of `list_models()`.

    Returns:
        Parameters of its constructor by name.

    Raises:
        ValueError: for an unknown model.

    Example:
        >>> settings('lenet5')['classes'].default
        10
    """
    parameters = inspect.signature(row(name).constructor).parameters
    # Linen adds these two to every module; a net that stands alone has neither.
    return {k: v for k, v in parameters.items() if k not in ('parent', 'name')}


def create_model(name: str, **chosen: Any) -> nn.Module:
    """Make a model.

    Args:
        name: one of `list_models()`.
        **chosen: settings that are not to have their defaults.

    Returns:
        A Linen module.

    Raises:
        ValueError: for an unknown model, or a setting out of range.
        TypeError: for an unknown setting; the message tells those allowed.

    Example:
        >>> create_model('lenet5', classes=3).classes
        3
    """
    allowed = settings(name)
    for setting in chosen:
        if setting not in allowed:
            raise TypeError(
                f'{name} has no setting {setting!r}; its settings are: '
                + ', '.join(allowed)
            )
    return row(name).constructor(**chosen)


def inputs(name: str, **chosen: Any) -> Specs:
    """Tell what a model accepts with the given settings.

    Args:
        name: one of `list_models()`.
        **chosen: settings that are not to have their defaults.

    Returns:
        Specs by feature, the targets (label, target) included.

    Raises:
        ValueError: for an unknown model.
        TypeError: for an unknown setting.

    Example:
        >>> inputs('lenet5', classes=3)['label'].high
        2
    """
    return row(name).inputs(create_model(name, **chosen))


def shapes(
    name: str, *, batch: int = 1, **chosen: Any
) -> dict[str, jax.ShapeDtypeStruct]:
    """Give a batch that a model accepts, without its values.

    Args:
        name: one of `list_models()`.
        batch: the number of examples.
        **chosen: settings that are not to have their defaults.

    Returns:
        Shapes and types by feature, for `jax.eval_shape` or `jax.jit(...).lower`.

    Raises:
        ValueError: for an unknown model.
        TypeError: for an unknown setting.

    Example:
        >>> shapes('lenet5', batch=2)['image'].shape
        (2, 32, 32, 1)
    """
    example = row(name).example
    return {
        feature: jax.ShapeDtypeStruct(
            (batch, *example.get(feature, spec.shape)), spec.dtype
        )
        for feature, spec in inputs(name, **chosen).items()
    }


def describe(
    name: str,
    *,
    batch: Mapping[str, jax.ShapeDtypeStruct] | None = None,
    **chosen: Any,
) -> Summary:
    """List a model's layers with shapes, parameters and FLOPs.

    Args:
        name: one of `list_models()`.
        batch: shapes of the features; None for one example as in `shapes`.
        **chosen: settings that are not to have their defaults.

    Returns:
        The layers and the totals. No parameter is allocated.

    Raises:
        ValueError: for an unknown model.
        TypeError: for an unknown setting.

    Example:
        >>> describe('lenet5').parameters
        61706
    """
    batch = shapes(name, **chosen) if batch is None else batch
    return summarise(create_model(name, **chosen), row(name).call, batch)
