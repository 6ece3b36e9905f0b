"""What is exported of a model: its evaluation, with its weights inside."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
from flax import linen as nn
from jax.stages import Wrapped

from dljax import weights, zoo
from dljax.recipes.plan import Specs, draw
from dljax.recipes.sizes import fill_sizes
from dljax.types import AnyBatch, Batch, Key, Predict, PyTree


@dataclasses.dataclass(frozen=True)
class Program:
    """What is written to a file, and what is told of it.

    Attributes:
        name: of the model, for messages.
        specs: of what it takes, without open sizes.
        run: `(batch) -> outputs`, compiled when it is called.
        reference: the same by another way, on NumPy arrays: what is compared with.
        compared: which way that is.
        told: entries of the certificate.
        drawn: `(key, count) -> batch` to compare on.
        checked: whether whoever calls it is held to the bounds of the specs.
    """

    name: str
    specs: Specs
    run: Wrapped
    reference: Callable[[AnyBatch], PyTree]
    compared: str
    told: dict[str, Any]
    drawn: Callable[[Key, int], AnyBatch]
    checked: bool = False


class _Watched(dict):
    """A batch that remembers which of its features were read."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        if name in self:
            self.read.add(name)
        return super().get(name, default)

    def items(self) -> Iterator[tuple[str, Any]]:
        for name in self:
            if name not in zoo.TARGETS:  # who reads all features passes these over
                self.read.add(name)
            yield name, super().__getitem__(name)


def inputs_of(model: str, net: nn.Module, part: str | None = None) -> Specs:
    """Tell what the evaluation of a model reads: not the targets, as a rule.

    Args:
        model: one of `list_models()`.
        net: it, as configured.
        part: what it is used for, of the parts of its row; None for the usual one.

    Returns:
        Specs by feature, in the order of the row.

    Example:
        >>> list(inputs_of('lenet5', zoo.create_model('lenet5')))
        ['image']
        >>> list(inputs_of('gan', zoo.create_model('gan')))
        ['noise']
    """
    used = zoo.row(model).part(part)
    example = fill_sizes(model, used.inputs(net), {})
    return find_read(used.call, net, used.inputs(net), example)


def find_read(
    call: Predict,
    net: nn.Module,
    specs: Specs,
    example: Specs,
) -> Specs:
    """Tell what a function of a net reads of a batch.

    Args:
        call: `(net, batch) -> outputs`.
        net: as configured.
        specs: of all that it might read.
        example: the same without open sizes.

    Returns:
        Those of the specs that are read, in their order.
    """
    read: set[str] = set()

    def watched(module: nn.Module, batch: Batch) -> PyTree:
        seen = _Watched(batch)
        outputs = call(module, seen)
        read.update(seen.read)
        return outputs

    jax.eval_shape(nn.init(watched, net), jax.random.key(0), shapes_of(example, 2))
    return {name: spec for name, spec in specs.items() if name in read}


def of_zoo(
    model: str,
    source: Path | None,
    *,
    part: str | None = None,
    settings: Mapping[str, Any] | None = None,
    sizes: Mapping[str, tuple[int, ...]] | None = None,
) -> Program:
    """Evaluate a model of the zoo, with weights of a file or random ones.

    Args:
        model: one of `list_models()`.
        source: a file that `weights.save` wrote or a folder of Orbax; None for random
            weights.
        part: what it is used for, of the parts of its row; None for the usual one.
        settings: of the model, where not the defaults.
        sizes: the shape of one example of a feature whose size the model leaves open.

    Returns:
        The program.

    Raises:
        ValueError: for a damaged source, weights of another net, or an unknown part.
        TypeError: for an unknown setting.
        OSError: where there is no source.
    """
    net, row = zoo.create_model(model, **(settings or {})), zoo.row(model)
    specs = fill_sizes(model, inputs_of(model, net, part), sizes or {})
    # A file holds the whole net, not only what one part of it needs.
    whole = inputs_of(model, net, zoo.WHOLE)
    known = {name: spec.sizes for name, spec in specs.items() if name in whole}
    whole = fill_sizes(model, whole, known)
    variables = _variables(model, net, whole, source)
    run = evaluated(row.part(part).call, net, variables)
    return Program(
        name=model,
        specs=specs,
        run=run,
        reference=run,
        compared='the net itself with these weights',
        told={
            'model': model,
            'part': part or row.use,
            'settings': {name: repr(value) for name, value in (settings or {}).items()},
            'weights': {'source': 'random' if source is None else source.name},
        },
        drawn=lambda key, count: draw(key, shapes_of(specs, count), specs),
    )


def lasting(
    initialise: Callable[..., PyTree], specs: Specs
) -> tuple[dict[str, PyTree], set[str]]:
    """Tell the variables of a net that no batch shapes.

    Collections that are, such as a carry, are left out of what is exported: an
    evaluation begins at zero.

    Args:
        initialise: what `nn.init` gave.
        specs: of what is read, without open sizes.

    Returns:
        Shapes by collection, and the names of the collections that were left out.
    """
    whole, other = (
        jax.eval_shape(initialise, jax.random.key(0), shapes_of(specs, batch))
        for batch in (2, 4)
    )
    kept = {
        name: collection
        for name, collection in whole.items()
        if jax.tree.map(lambda leaf: leaf.shape, collection)
        == jax.tree.map(lambda leaf: leaf.shape, other[name])
    }
    return kept, whole.keys() - kept.keys()


def _variables(
    model: str, net: nn.Module, specs: Specs, source: Path | None
) -> dict[str, PyTree]:
    """Take the weights from a file, or draw them."""
    initialise = nn.init(zoo.row(model).call, net)
    kept, gone = lasting(initialise, specs)
    if source is None:

        @jax.jit
        def drawn(batch: Batch) -> PyTree:
            variables = initialise(jax.random.key(0), batch)
            return {name: variables[name] for name in kept}

        zeros = jax.tree.map(
            lambda leaf: jax.numpy.zeros(leaf.shape, leaf.dtype), shapes_of(specs, 2)
        )
        return drawn(zeros)
    variables = weights.restore(source)
    variables = {name: tree for name, tree in variables.items() if name not in gone}
    weights.check(variables, kept, f'our {model}')
    return variables


def evaluated(
    call: Predict,
    net: nn.Module,
    variables: Mapping[str, PyTree],
) -> Wrapped:
    """Give the evaluation of a net by a function of it.

    Args:
        call: `(net, batch) -> outputs`.
        net: as configured.
        variables: its arrays by collection.

    Returns:
        `(batch) -> outputs`, compiled; what is a named tuple there is a dictionary
        here, since no one else knows its class.
    """
    apply = nn.apply(call, net)
    return jax.jit(lambda batch: _plain(apply(variables, batch)))


def _plain(outputs: PyTree) -> PyTree:
    if hasattr(outputs, '_asdict'):
        return {name: _plain(value) for name, value in outputs._asdict().items()}
    if isinstance(outputs, tuple | list):
        return tuple(_plain(value) for value in outputs)
    return outputs


def shapes_of(specs: Specs, batch: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """Give shapes and types of a batch.

    Args:
        specs: by feature, without open sizes.
        batch: how many examples, or a symbol.

    Returns:
        By feature.
    """
    return {
        name: jax.ShapeDtypeStruct((batch, *spec.shape), spec.dtype)
        for name, spec in specs.items()
    }
