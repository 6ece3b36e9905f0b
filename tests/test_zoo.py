"""The battery that every row of the zoo passes, and the functions that read it."""

import functools
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Container, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.interpreters import partial_eval as pe

from dljax import models, zoo
from dljax.types import Batch, PyTree

NAMES = zoo.list_models()
LARGE = 4_000_000  # parameters from which on a net takes seconds to compute or compile
DEEP = {  # nets of so many layers that compiling them takes long, whatever their size
    'cyclegan',
    'biggan',
    'googlenet',
    'googlenet_2014',
    'gpt_character',
    'resnet44_cifar',
    'resnet56_cifar',
    'resnet101',
    'resnet110_cifar',
    'resnet1202_cifar',
    'resnet152',
}
DEEPEST = {'resnet1202_cifar'}  # even to trace it takes seconds
# Settings of the nets that take photographs of any size, and a size, for the tests that
# compute; what they leave out is wide and not different.
NARROW = {'classes': 10, 'hidden': 32, 'width': 8}
SIDE = {
    'alexnet': 64,
    'alexnet_2012': 67,
    'googlenet_2014': 80,
    'unet_2015': 188,
    'srgan': 24,
}


@pytest.fixture(autouse=True)
def _programs_of_large_nets_are_let_go(
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """Free at once what a heavy test has compiled; together it comes to 20 GB."""
    yield
    if not {'heavy', 'exhaustive'}.isdisjoint(
        m.name for m in request.node.iter_markers()
    ):
        jax.clear_caches()


def marked(
    slow: Callable[[str], bool], small: str = 'heavy', first: Container[str] = ()
) -> list:
    """Leave to the quick suite one net of some families, to another the small ones.

    One of each other family is heavy. The deepest is not computed: compiling it takes
    minutes and gigabytes, and it differs from its relatives in its depth alone.
    """
    marks, families = [], set()
    for name in sorted(NAMES, key=lambda name: zoo.row(name).parameters):
        if name in DEEPEST:
            continue
        suite = 'exhaustive' if slow(name) else small
        family = zoo.row(name).constructor.__module__.split('.')[2]
        if suite == small and family not in families:
            families.add(family)
            suite = '' if family in first else 'heavy'
        mark = getattr(pytest.mark, suite) if suite else ()
        marks.append(pytest.param(name, marks=mark))
    return marks


def takes_photographs(name: str) -> bool:
    image = zoo.inputs(name).get('image')
    return image is not None and None in image.shape


def large(name: str) -> bool:
    return zoo.row(name).parameters > LARGE or name in DEEP


QUICK = {'feedforward', 'recurrent', 'autoencoder', 'energy'}  # compiled in a second
COMPUTED = marked(large, first=QUICK)
# Eagerly every operation is compiled by itself; a description lowers every layer.
EAGER = marked(
    lambda name: large(name) or takes_photographs(name),
    small='exhaustive',
    first={'feedforward'},
)
TRACED = [
    pytest.param(name, marks=pytest.mark.heavy) if name in DEEP else name
    for name in NAMES
]


def narrow(name: str) -> dict[str, int]:
    if not takes_photographs(name):
        return {}
    return {k: v for k, v in NARROW.items() if k in zoo.settings(name)}


def make_batch(name: str, size: int = 2, **chosen: object) -> Batch:
    rng = np.random.default_rng(0)
    specs, batch = zoo.inputs(name, **chosen), {}
    for feature, shape in zoo.shapes(name, batch=size, **chosen).items():
        if feature == 'image' and takes_photographs(name):
            side, channels = SIDE.get(name, 32), shape.shape[-1]
            shape = jax.ShapeDtypeStruct((size, side, side, channels), shape.dtype)
        low = -1.0 if specs[feature].low is None else specs[feature].low
        high = low + 2.0 if specs[feature].high is None else specs[feature].high
        if np.issubdtype(shape.dtype, np.integer):
            values = rng.integers(low, high, shape.shape, endpoint=True)
        else:
            values = rng.uniform(low, high, shape.shape)
        batch[feature] = values.astype(shape.dtype)
    return batch


def prepared(name: str) -> tuple[nn.Module, Batch, PyTree]:
    """Make a net with parameters, once if it is small."""
    return drawn(name) if large(name) else remembered(name)


def drawn(name: str) -> tuple[nn.Module, Batch, PyTree]:
    """A net with parameters that are random everywhere, also where it starts at 0.

    They come from NumPy, since to compile the initialisers takes seconds a net, and
    since a layer that starts at 0 would hide the layers before it from the gradient.
    """
    chosen = narrow(name)
    net, batch = zoo.create_model(name, **chosen), make_batch(name, size=4, **chosen)
    initialise = nn.init(zoo.row(name).call, net)
    shapes = jax.eval_shape(initialise, jax.random.key(1), batch)['params']
    rng = np.random.default_rng(1)

    def draw(leaf: jax.ShapeDtypeStruct) -> jax.Array:
        scale = 1 / np.sqrt(max(1, np.prod(leaf.shape[:-1])))
        return jnp.asarray(scale * rng.standard_normal(leaf.shape), leaf.dtype)

    @jax.jit
    def collections(batch: Batch) -> PyTree:
        variables = initialise(jax.random.key(1), batch)
        return {k: v for k, v in variables.items() if k != 'params'}

    return net, batch, {**collections(batch), 'params': jax.tree.map(draw, shapes)}


remembered = functools.cache(drawn)


def applied(net: nn.Module, name: str):
    return nn.apply(zoo.row(name).call, net)


def count(params: PyTree) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize('name', TRACED)
def test_the_parameters_are_those_of_the_row_and_all_are_read(name):
    net = zoo.create_model(name)
    assert getattr(net, 'param_dtype', None) in (None, jnp.float32)
    net = net.clone(dtype=jnp.bfloat16, param_dtype=jnp.float16)
    batch = zoo.shapes(name, batch=3)
    variables = jax.eval_shape(
        nn.init(zoo.row(name).call, net), jax.random.key(0), batch
    )
    params = variables['params']
    assert count(params) == zoo.row(name).parameters
    assert {p.dtype for p in jax.tree.leaves(params)} == {jnp.dtype('float16')}

    def check_dtype(following, arguments, keywords, context):
        if hasattr(context.module, 'dtype'):
            assert context.module.dtype == jnp.bfloat16, context.module.path
        return following(*arguments, **keywords)

    with nn.intercept_methods(check_dtype):
        made, outputs = jax.make_jaxpr(applied(net, name), return_shape=True)(
            variables, batch
        )
    assert all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(outputs))
    _, used = pe.dce_jaxpr(made.jaxpr, [True] * len(made.out_avals))
    paths = jax.tree_util.tree_leaves_with_path((variables, batch))
    read = {path for (path, _), reads in zip(paths, used, strict=True) if reads}
    within = jax.tree_util.tree_leaves_with_path(({'params': params},))
    assert not {jax.tree_util.keystr(path) for path, _ in within} - {
        jax.tree_util.keystr(path) for path in read
    }


@pytest.mark.parametrize('name', NAMES)
def test_the_features_pass_the_specs_and_a_further_class_does_not(name):
    batch = make_batch(name)
    for feature, spec in zoo.inputs(name).items():
        spec.check(feature, batch[feature])
        if feature == 'label':
            with pytest.raises(ValueError, match="'label' of example 0"):
                spec.check(feature, batch[feature] + spec.high + 1)


@pytest.mark.parametrize('name', COMPUTED)
def test_a_gradient_reaches_every_parameter(name):
    net, batch, variables = prepared(name)

    def projected(params: PyTree) -> jax.Array:
        outputs = applied(net, name)({**variables, 'params': params}, batch)
        # Random weights, since a plain sum over a softmax would be constant.
        return sum(
            (leaf * jax.random.normal(jax.random.key(2), leaf.shape)).sum()
            for leaf in jax.tree.leaves(outputs)
        )

    gradients = jax.jit(jax.grad(projected))(variables['params'])
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
        assert jnp.isfinite(leaf).all() and jnp.any(leaf != 0), path


@pytest.mark.parametrize('name', EAGER)
def test_jit_equals_eager_and_evaluation_is_deterministic(name):
    net, batch, variables = prepared(name)
    run = applied(net, name)
    eager = run(variables, batch, rngs={'dropout': jax.random.key(3)})
    compiled = jax.jit(run)(variables, batch, rngs={'dropout': jax.random.key(4)})
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        eager,
        compiled,
    )


@pytest.mark.others('heavy')
@pytest.mark.parametrize('name', EAGER)
def test_bfloat16_is_finite(name):
    net, batch, variables = prepared(name)
    outputs = jax.jit(applied(net.clone(dtype=jnp.bfloat16), name))(variables, batch)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(outputs))


@pytest.mark.parametrize('name', NAMES)
def test_every_net_can_be_hashed_and_equals_its_twin(name):
    assert hash(zoo.create_model(name)) == hash(zoo.create_model(name))
    assert zoo.create_model(name) == zoo.create_model(name)


@pytest.mark.parametrize('name', NAMES)
def test_an_unknown_setting_is_answered_with_the_known_ones(name):
    with pytest.raises(TypeError, match=f"{name} has no setting 'deterministic'") as e:
        zoo.create_model(name, deterministic=True)
    assert all(setting in str(e.value) for setting in zoo.settings(name))


@pytest.mark.others('heavy')
@pytest.mark.parametrize('name', EAGER)
def test_the_description_adds_up(name):
    summary = zoo.describe(name)
    assert summary.parameters == zoo.row(name).parameters
    assert sum(layer.parameters for layer in summary.layers) == summary.parameters
    assert sum(layer.flops for layer in summary.layers) == summary.flops
    assert all(layer.flops >= 0 for layer in summary.layers)


def test_every_public_constructor_has_a_row():
    known = {zoo.row(name).constructor for name in NAMES}
    missing = []
    for family in pkgutil.iter_modules(models.__path__, models.__name__ + '.'):
        if not family.ispkg:
            continue
        package = importlib.import_module(family.name)
        for public in package.__all__:
            thing = getattr(package, public)
            if inspect.isfunction(thing):
                made = typing.get_type_hints(thing).get('return')
            else:
                made = thing
            constructs = isinstance(made, type) and issubclass(made, nn.Module)
            if constructs and thing not in known:
                missing.append(f'{family.name}.{public}')
    assert not missing, f'add rows to dljax/zoo/ for {missing}'


def test_there_is_one_list_of_families():
    packages = {f.name for f in pkgutil.iter_modules(models.__path__) if f.ispkg}
    assert packages == set(zoo.FAMILIES)
    assert len(zoo.FAMILIES) == len(packages)


def test_every_architecture_file_exports_something():
    for family in pkgutil.iter_modules(models.__path__, models.__name__ + '.'):
        if not family.ispkg:
            continue
        package = importlib.import_module(family.name)
        homes = {getattr(package, name).__module__ for name in package.__all__}
        files = pkgutil.iter_modules(package.__path__, family.name + '.')
        assert {file.name for file in files} <= homes


def test_an_unknown_model_is_answered_with_the_nearest_ones():
    with pytest.raises(ValueError, match='did you mean lenet5'):
        zoo.create_model('lenet')
    with pytest.raises(ValueError, match='list_models'):
        zoo.row('0')


def test_models_are_listed_by_pattern():
    assert 'lenet5' in zoo.list_models('lenet*')
    assert 'mlp' not in zoo.list_models('lenet*')
    assert zoo.list_models() == sorted(set(zoo.list_models()))


def test_no_name_stands_twice():
    names = [row.name for row in zoo._ROWS]
    assert sorted(names) == zoo.list_models()


def test_the_description_follows_the_settings_and_the_batch():
    batch = {'features': jax.ShapeDtypeStruct((5, 3), jnp.float32)}
    summary = zoo.describe('mlp', batch=batch, hidden=(4,), outputs=2)
    assert summary.parameters == 3 * 4 + 4 + 4 * 2 + 2
    rows = {layer.path: layer for layer in summary.layers}
    assert rows['hidden_0'].output == 'float32[5,4]'
    assert rows['hidden_0'].parameters == 16
    # Two for a product and its sum: 5 rows of 4 units of 3 inputs.
    assert rows['hidden_0'].flops == 5 * 4 * 2 * 3
