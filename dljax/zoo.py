"""The catalogue: one explicit row for each model, and the functions that read it."""

import dataclasses
import difflib
import fnmatch
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
from flax import linen as nn

from dljax.models import convolutional, feedforward
from dljax.models.summary import Summary, summarise
from dljax.types import Batch, PyTree, Spec

Specs = dict[str, Spec]
ANSWERS = ('label', 'target')  # features that a net is compared with, not given


def evaluate_inputs(net: nn.Module, batch: Batch) -> PyTree:
    """Call a net on the features that are no answers, in their order."""
    return net(*(value for name, value in batch.items() if name not in ANSWERS))


@dataclasses.dataclass(frozen=True)
class Row:
    """One model of the zoo.

    Attributes:
        name: what `create_model` knows it by.
        constructor: a module class, or a function that returns a configured module.
        inputs: `(net) -> {feature: Spec}`, what the net accepts as configured: shapes
            with None for any size, ranges, and the range of its labels.
        parameters: trainable numbers at the default settings, on `example`.
        paper: authors, year, title, link.
        reference: where the count or the outputs can be checked.
        example: the shape that stands for a feature whose spec leaves one open.
        call: `(net, batch) -> outputs`, one evaluation of the net on such features.
    """

    name: str
    constructor: Callable[..., nn.Module]
    inputs: Callable[[Any], Specs]
    parameters: int
    paper: str
    reference: str
    example: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    call: Callable[[nn.Module, Batch], PyTree] = evaluate_inputs


def _label(classes: int) -> Spec:
    return Spec((), 'int32', 0, classes - 1)


def _images(size: int, channels: int, classes: int) -> Specs:
    return {
        'image': Spec((size, size, channels), 'float32', 0, 1),
        'label': _label(classes),
    }


def _table(outputs: int) -> Specs:
    """Rows of a table; a single output is a logit that tells two classes apart."""
    return {'features': Spec((None,)), 'label': _label(max(outputs, 2))}


_LENET = (
    'LeCun, Bottou, Bengio and Haffner, 1998, Gradient-Based Learning Applied to '
    'Document Recognition, https://doi.org/10.1109/5.726791'
)

_XOR = (
    'Rumelhart, Hinton and Williams, 1986, Learning Internal Representations by Error '
    'Propagation, Parallel Distributed Processing, volume 1, chapter 8'
)


def _outputs(*nets: nn.Module) -> int:
    sizes = (getattr(net, k, None) for net in nets for k in ('outputs', 'classes'))
    return next(size for size in sizes if size is not None)


def _corners(net: feedforward.MLP) -> Specs:
    return {'features': Spec((2,), 'float32', 0, 1), 'label': _label(2)}


_ROWS = (
    Row(
        name='perceptron',
        constructor=feedforward.Perceptron,
        inputs=lambda net: _table(net.units),
        example={'features': (2,)},
        parameters=3,
        paper='Rosenblatt, 1958, The Perceptron: A Probabilistic Model for Information '
        'Storage and Organization in the Brain, https://doi.org/10.1037/h0042519',
        reference='two weights and a threshold',
    ),
    Row(
        name='logistic_regression',
        constructor=feedforward.logistic_regression,
        inputs=lambda net: _table(net.units),
        example={'features': (30,)},
        parameters=31,
        paper='Cox, 1958, The Regression Analysis of Binary Sequences, '
        'https://doi.org/10.1111/j.2517-6161.1958.tb00292.x',
        reference='scikit-learn: coef_ and intercept_ on the breast cancer table',
    ),
    Row(
        name='mlp',
        constructor=feedforward.MLP,
        inputs=lambda net: _table(net.outputs),
        example={'features': (784,)},
        parameters=101_770,
        paper='Rumelhart, Hinton and Williams, 1986, Learning Representations by '
        'Back-Propagating Errors, https://doi.org/10.1038/323533a0',
        reference='784·128+128 + 128·10+10',
    ),
    Row(
        name='xor_2_2_1',
        constructor=feedforward.xor_2_2_1,
        inputs=_corners,
        parameters=9,
        paper=_XOR,
        reference='2·2+2 + 2+1',
    ),
    Row(
        name='xor_2_4_1',
        constructor=feedforward.xor_2_4_1,
        inputs=_corners,
        parameters=17,
        paper=_XOR,
        reference='2·4+4 + 4+1',
    ),
    Row(
        name='rbf_network',
        constructor=feedforward.RBFNetwork,
        inputs=lambda net: _table(net.outputs),
        example={'features': (4,)},
        parameters=83,
        paper='Moody and Darken, 1989, Fast Learning in Networks of Locally-Tuned '
        'Processing Units, https://doi.org/10.1162/neco.1989.1.2.281',
        reference='10·4 centres + 10 widths + 10·3+3',
    ),
    Row(
        name='modular_network',
        constructor=feedforward.ModularNetwork,
        inputs=lambda net: _table(_outputs(net.combine, net.experts[0])),
        example={'features': (4,)},
        parameters=112,
        paper='Jacobs, Jordan, Nowlan and Hinton, 1991, Adaptive Mixtures of Local '
        'Experts, https://doi.org/10.1162/neco.1991.3.1.79',
        reference='two experts of 2·8+8 + 8·3+3, a gate of 4·2+2',
    ),
    Row(
        name='lenet5',
        constructor=convolutional.LeNet5,
        inputs=lambda net: _images(28 if net.padding == 'SAME' else 32, 1, net.classes),
        parameters=61_706,
        paper=_LENET,
        reference='the LeNet of the PyTorch tutorial "Neural Networks"',
    ),
    Row(
        name='lenet5_1998',
        constructor=convolutional.LeNet1998,
        inputs=lambda net: _images(32, 1, 10),
        parameters=60_000,
        paper=_LENET,
        reference='the paper, section II.B: 156+12+1,516+32+48,120+10,164',
    ),
    Row(
        name='tutorial_cnn',
        constructor=convolutional.TutorialCNN,
        inputs=lambda net: _images(28, 1, net.classes),
        parameters=3_144_110,
        paper='Row U2.3 of the course',
        reference='364 + 12,636 + 3,113,460 + 17,650',
    ),
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
        Specs by feature, the answers (label, target) included.

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
    """List a model's layers with shapes, parameters and operations.

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
