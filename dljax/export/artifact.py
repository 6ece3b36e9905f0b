"""Writing the inference of a model as StableHLO, and reading it back."""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dljax
from dljax import zoo
from dljax.export.inference import evaluated, inputs_of, variables_of
from dljax.recipes.plan import Specs, draw
from dljax.recipes.sizes import sized
from dljax.types import Batch, PyTree, named_leaves
from dljax.workdir import write_json

PLATFORMS = ('cpu', 'cuda', 'tpu')
_USE = 'jax.export.deserialize(open(FILE, "rb").read()).call({NAME: ARRAY, ...})'


def export(
    model: str,
    target: Path,
    *,
    weights: Path | None = None,
    batch: int | None = None,
    platforms: Sequence[str] = PLATFORMS,
    sizes: Mapping[str, tuple[int, ...]] | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the inference of a model, with its weights, as a file that only JAX reads.

    The program is `zoo.row(model).call` in evaluation mode, which takes no random
    numbers: noise is an input where a net turns noise into something. It maps a
    dictionary of arrays by feature to what the net gives.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / 'xor.stablehlo'
        ...     made = export('xor_2_2_1', path)
        ...     run = load(path)
        >>> made['inputs']['features']['shape'], made['weights']['source']
        (['batch', 2], 'random')
        >>> run({'features': np.zeros((5, 2), np.float32)}).shape
        (5, 1)

    Args:
        model: one of `list_models()`.
        target: the file; TARGET.json beside it tells what it is.
        weights: a file or a folder that `dljax.weights` wrote, or the folder of a run;
            None for random ones.
        batch: examples in a call; None for any number.
        platforms: on which it is to run, of 'cpu', 'cuda', 'rocm' and 'tpu'.
        sizes: the shape of one example of a feature whose size the model leaves open.
        settings: of the model, where not the defaults.
        overwrite: whether a target that is there may be replaced.

    Returns:
        What the JSON file holds. Its 'difference' is the largest from what the net
        itself gives of a batch that was drawn, when the file was read back and run.

    Raises:
        ValueError: for an unknown model, weights of another one, a platform or size
            that cannot be, a net that takes no symbol for its batch, or a program that
            gives other numbers than the net.
        TypeError: for an unknown setting.
        OSError: where the target is there already, or the weights are not.
    """
    beside = target.with_name(f'{target.name}.json')
    for path in (target, beside):
        if path.exists() and not overwrite:
            raise FileExistsError(f'{path} is there already: --overwrite replaces it')
    if batch is not None and batch < 1:
        raise ValueError(f'batch is {batch}, wanted at least 1, or None for any number')
    unknown = set(platforms) - {*PLATFORMS, 'rocm'}
    if unknown or not platforms:
        raise ValueError(
            f'platforms are {", ".join(platforms) or "none"}, wanted some of cpu, '
            'cuda, rocm, tpu'
        )
    chosen = dict(settings or {})
    net = zoo.create_model(model, **chosen)
    specs = sized(model, inputs_of(model, net), sizes or {})
    run = evaluated(model, net, variables_of(model, net, specs, weights))
    exported = _exported(model, run, _shapes(specs, batch), platforms)
    content = exported.serialize()
    drawn = draw(jax.random.key(1), _shapes(specs, batch or 3), specs)
    difference, reason = _difference(run, bytes(content), drawn, platforms)
    if difference is not None and not difference['relative'] <= 1e-3:
        raise ValueError(
            f'{model} read back gives other numbers, which differ by '
            f'{difference["relative"]:.3g} of the largest: nothing was written. Are '
            'the weights finite?'
        )
    made = {
        'model': model,
        'settings': {name: repr(value) for name, value in chosen.items()},
        'weights': {'source': 'random' if weights is None else weights.name},
        'inputs': {
            name: {
                'shape': [batch or 'batch', *spec.shape],
                'dtype': spec.dtype,
                'low': spec.low,
                'high': spec.high,
            }
            for name, spec in specs.items()
        },
        'outputs': _outputs(exported),
        'platforms': list(platforms),
        'use': _USE,
        'bytes': len(content),
        'sha256': hashlib.sha256(content).hexdigest(),
        'difference': difference,
        'difference_is_null_because': reason,
        'calling_convention': exported.calling_convention_version,
        'versions': {
            'python': platform.python_version(),
            'dljax': dljax.__version__,
            **{name: importlib.metadata.version(name) for name in ('jax', 'flax')},
        },
    }
    target.write_bytes(content)
    write_json(beside, made)
    return made


def load(path: str | Path) -> Callable[[Batch], PyTree]:
    """Read what `export` wrote.

    Args:
        path: of the file.

    Returns:
        The inference, `(batch) -> outputs`, compiled when it is called. It can be
        called inside other functions of JAX.

    Raises:
        ValueError: for a file that is damaged, or is none; when it is called, for
            features that are missing or not known.
        OSError: where there is no file.
    """
    path = Path(path)
    content = path.read_bytes()
    beside = path.with_name(f'{path.name}.json')
    if beside.exists():
        wanted = json.loads(beside.read_text(encoding='utf-8'))['sha256']
        if hashlib.sha256(content).hexdigest() != wanted:
            raise ValueError(f'{path} is not the file that {beside.name} tells of')
    return _called(content, str(path))


def _called(content: bytes, what: str) -> Callable[[Batch], PyTree]:
    from jax.export import deserialize

    try:
        exported = deserialize(bytearray(content))
    except Exception as error:  # flatbuffers raise whatever they stumble upon
        raise ValueError(f'{what} holds no program that JAX exported') from error
    (shapes,), _ = jax.tree.unflatten(exported.in_tree, exported.in_avals)
    compiled = jax.jit(exported.call)

    def run(batch: Batch) -> PyTree:
        if batch.keys() != shapes.keys():
            raise ValueError(
                f'the batch has {", ".join(sorted(batch))}, wanted '
                + ', '.join(
                    f'{name} {aval.str_short()}' for name, aval in shapes.items()
                )
            )
        return compiled(dict(batch))

    return run


def _shapes(specs: Specs, batch: int | None) -> dict[str, jax.ShapeDtypeStruct]:
    if batch is None:
        from jax.export import symbolic_shape

        (batch,) = symbolic_shape('batch')
    return {
        name: jax.ShapeDtypeStruct((batch, *spec.shape), spec.dtype)
        for name, spec in specs.items()
    }


def _exported(
    model: str,
    run: Callable[[Batch], PyTree],
    shapes: Mapping[str, jax.ShapeDtypeStruct],
    platforms: Sequence[str],
) -> Any:
    from jax.export import export as exported

    try:
        return exported(run, platforms=tuple(platforms))(dict(shapes))
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        if all(isinstance(shape.shape[0], int) for shape in shapes.values()):
            raise ValueError(
                f'{model} cannot be exported for {", ".join(platforms)}: {first}'
            ) from error
        raise ValueError(
            f'{model} cannot be exported for any number of examples: {first}; give '
            'the number, --batch N'
        ) from error


def _outputs(exported: Any) -> dict[str, Any]:
    """Describe what is given, by path; a single array has the path ''."""
    tree = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    return {
        name: {'shape': [_size(n) for n in aval.shape], 'dtype': aval.dtype.name}
        for name, aval in named_leaves(tree).items()
    }


def _size(size: Any) -> int | str:
    return size if isinstance(size, int) else str(size)


def _difference(
    run: Callable[[Batch], PyTree],
    content: bytes,
    batch: Batch,
    platforms: Sequence[str],
) -> tuple[dict[str, float] | None, str | None]:
    """Compare what is read back with the net itself, where it can be run here."""
    here = {'gpu': 'cuda'}.get(jax.default_backend(), jax.default_backend())
    if here not in platforms:
        return None, f'it was written on {here}, on which it is not to run'
    pairs = [
        (np.asarray(a, np.float32), np.asarray(b, np.float32))
        for a, b in zip(
            jax.tree.leaves(run(batch)),
            jax.tree.leaves(_called(content, 'the artifact')(batch)),
            strict=True,
        )
    ]
    absolute = max(float(np.abs(a - b).max()) for a, b in pairs)
    largest = max(float(np.abs(a).max()) for a, _ in pairs)
    return {'absolute': absolute, 'relative': absolute / (largest or 1.0)}, None
