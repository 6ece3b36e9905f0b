"""What is exported of a model: its evaluation, with its weights inside."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
from flax import linen as nn

from dljax import weights, zoo
from dljax.recipes.plan import Specs
from dljax.recipes.sizes import sized
from dljax.runs import from_run
from dljax.types import Batch, PyTree


class _Watched(dict):
    """A batch that remembers which of its features were read."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def items(self) -> Iterator[tuple[str, Any]]:
        for name in self:
            if name not in zoo.ANSWERS:  # who reads all features passes these over
                self.read.add(name)
            yield name, super().__getitem__(name)


def inputs_of(model: str, net: nn.Module) -> Specs:
    """Tell what the evaluation of a model reads: not the answers, as a rule.

    Args:
        model: one of `list_models()`.
        net: it, as configured.

    Returns:
        Specs by feature, in the order of the row.

    Example:
        >>> list(inputs_of('lenet5', zoo.create_model('lenet5')))
        ['image']
    """
    specs, read = zoo.row(model).inputs(net), set()

    def watched(module: nn.Module, batch: Batch) -> PyTree:
        seen = _Watched(batch)
        outputs = zoo.row(model).call(module, seen)
        read.update(seen.read)
        return outputs

    example = sized(model, specs, {})
    jax.eval_shape(nn.init(watched, net), jax.random.key(0), _shapes(example, 2))
    return {name: spec for name, spec in specs.items() if name in read}


def variables_of(
    model: str, net: nn.Module, specs: Specs, source: Path | None
) -> dict[str, PyTree]:
    """Take the weights from a file, or draw them.

    Collections that are shaped by the batch, such as a carry, are left out: an
    evaluation begins at zero.

    Args:
        model: one of `list_models()`.
        net: it, as configured.
        specs: of what it reads, without open sizes.
        source: a file that `weights.save` wrote, a folder of Orbax, or that of a run;
            None for random weights.

    Returns:
        Arrays by collection.

    Raises:
        ValueError: for a damaged source, or weights of another net.
        OSError: where there is no source.
    """
    initialise = nn.init(zoo.row(model).call, net)
    whole, other = (
        jax.eval_shape(initialise, jax.random.key(0), _shapes(specs, batch))
        for batch in (2, 4)
    )
    kept = [
        name
        for name, collection in whole.items()
        if jax.tree.map(lambda leaf: leaf.shape, collection)
        == jax.tree.map(lambda leaf: leaf.shape, other[name])
    ]
    if source is None:

        @jax.jit
        def drawn(batch: Batch) -> PyTree:
            variables = initialise(jax.random.key(0), batch)
            return {name: variables[name] for name in kept}

        zeros = jax.tree.map(
            lambda leaf: jax.numpy.zeros(leaf.shape, leaf.dtype),
            _shapes(specs, 2),
        )
        return drawn(zeros)
    run = (source / 'checkpoints').is_dir()
    variables = from_run(source) if run else weights.restore(source)
    gone = whole.keys() - set(kept)
    variables = {name: tree for name, tree in variables.items() if name not in gone}
    weights.check(variables, {name: whole[name] for name in kept}, f'our {model}')
    return variables


def evaluated(
    model: str, net: nn.Module, variables: Mapping[str, PyTree]
) -> Callable[[Batch], PyTree]:
    """Give the evaluation of a net by the `call` of its row.

    Returns:
        `(batch) -> outputs`, compiled; what is a named tuple there is a dictionary
        here, since no one else knows its class.
    """
    apply = nn.apply(zoo.row(model).call, net)
    return jax.jit(lambda batch: _plain(apply(variables, batch)))


def _plain(outputs: PyTree) -> PyTree:
    if hasattr(outputs, '_asdict'):
        return {name: _plain(value) for name, value in outputs._asdict().items()}
    if isinstance(outputs, tuple | list):
        return tuple(_plain(value) for value in outputs)
    return outputs


def _shapes(specs: Specs, batch: int) -> dict[str, jax.ShapeDtypeStruct]:
    return {
        name: jax.ShapeDtypeStruct((batch, *spec.shape), spec.dtype)
        for name, spec in specs.items()
    }
