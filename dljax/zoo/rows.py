"""A row of the catalogue, and the specs that many rows share."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from flax import linen as nn

from dljax.types import Batch, Predict, PyTree, Spec

Specs = dict[str, Spec]
TARGETS = ('label', 'target')  # features that a net is compared with, not given
DRAWN = ('noise', 'code')  # features that no data have
WHOLE = 'whole'


def evaluate_inputs(net: nn.Module, batch: Batch) -> PyTree:
    """Call a net on the features that are no targets, in their order."""
    return net(*(value for name, value in batch.items() if name not in TARGETS))


@dataclasses.dataclass(frozen=True)
class Part:
    """What a model can be used for.

    Attributes:
        inputs: `(net) -> {feature: Spec}`, what it reads, and perhaps targets.
        call: `(net, batch) -> outputs`, in evaluation mode, without random numbers.
        target: features in whose units the outputs are, the first that there is.
    """

    inputs: Callable[[Any], Specs]
    call: Predict = evaluate_inputs
    target: tuple[str, ...] = ('target',)


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
        target: features in whose units the outputs are, the first that there is.
        parts: what else the net can be used for, by name.
        use: the part that it is used for as a rule; 'whole' is `call`.
    """

    name: str
    constructor: Callable[..., nn.Module]
    inputs: Callable[[Any], Specs]
    parameters: int
    paper: str
    reference: str
    example: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    call: Predict = evaluate_inputs
    target: tuple[str, ...] = ('target',)
    parts: Mapping[str, Part] = dataclasses.field(default_factory=dict)
    use: str = WHOLE

    def part(self, name: str | None = None) -> Part:
        """Look up what the net is used for.

        Args:
            name: one of `parts`, or 'whole'; None for `use`.

        Returns:
            The part.

        Raises:
            ValueError: for an unknown one.
        """
        name = name or self.use
        if name == WHOLE:
            return Part(self.inputs, self.call, self.target)
        if name not in self.parts:
            raise ValueError(
                f'{self.name} has no part {name!r}, wanted one of '
                + ', '.join([WHOLE, *self.parts])
            )
        return self.parts[name]


def label(classes: int) -> Spec:
    """One of so many classes."""
    return Spec((), 'int32', 0, classes - 1)


def images(size: int, channels: int, classes: int) -> Specs:
    """Square images in [0, 1], and their class."""
    return {
        'image': Spec((size, size, channels), 'float32', 0, 1),
        'label': label(classes),
    }


def forecast(net: Any) -> Specs:
    """A history of some channels, and what follows it."""
    return {'history': Spec((None, None)), 'target': Spec((net.horizon, None))}


def table(outputs: int) -> Specs:
    """Rows of a table; a single output is a logit that tells two classes apart."""
    return {'features': Spec((None,)), 'label': label(max(outputs, 2))}
