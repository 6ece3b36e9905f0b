"""AlexNet, VGG and GoogLeNet of the papers and of torchvision (U2.4)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.layers import batch_norm, local_response_norm
from dljax.models.convolutional import AlexNet, AlexNet2012, GoogLeNet, googlenet_2014
from dljax.models.convolutional.vgg import VGG
from dljax.types import PyTree, named_leaves


def shapes(net: nn.Module, *image: int) -> PyTree:
    x = jax.ShapeDtypeStruct((2, *image), jnp.float32)
    return jax.eval_shape(net.init, jax.random.key(0), x)


def counts(net: nn.Module, *image: int) -> dict[str, int]:
    return {
        name: sum(leaf.size for leaf in jax.tree.leaves(layer))
        for name, layer in shapes(net, *image)['params'].items()
    }


def drawn(net: nn.Module, *image: int) -> tuple[PyTree, np.ndarray]:
    """Random variables and images without compiling the initialisers."""
    rng = np.random.default_rng(0)

    def draw(path: str, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        scale = 1 / np.sqrt(max(1, np.prod(leaf.shape[:-1])))
        values = scale * rng.normal(size=leaf.shape)
        return (np.abs(values) if path.endswith('var') else values).astype(np.float32)

    tree = shapes(net, *image)
    leaves = [draw(path, leaf) for path, leaf in named_leaves(tree).items()]
    x = rng.normal(size=(2, *image)).astype(np.float32)
    return jax.tree.unflatten(jax.tree.structure(tree), leaves), x


def test_the_layers_of_alexnet_have_the_sizes_of_the_paper():
    found = counts(AlexNet2012(), 227, 227, 3)
    # Two devices: kernels of 5x5x48, 3x3x256, 3x3x192 and 3x3x192 from the second on.
    assert found == {
        'conv_0': 96 * (11 * 11 * 3 + 1),
        'conv_1': 256 * (5 * 5 * 48 + 1),
        'conv_2': 384 * (3 * 3 * 256 + 1),
        'conv_3': 384 * (3 * 3 * 192 + 1),
        'conv_4': 256 * (3 * 3 * 192 + 1),
        'hidden_0': 4096 * (6 * 6 * 256 + 1),
        'hidden_1': 4096 * (4096 + 1),
        'output': 1000 * (4096 + 1),
    }
    assert sum(counts(AlexNet2012(groups=1), 227, 227, 3).values()) == 62_378_344


def test_a_padded_alexnet_takes_images_of_224():
    assert shapes(AlexNet2012(padding=2), 224, 224, 3) == shapes(
        AlexNet2012(), 227, 227, 3
    )


@pytest.mark.heavy
def test_alexnet_starts_with_the_biases_and_weights_of_the_paper():
    net = AlexNet2012(hidden=300, classes=2)

    @jax.jit
    def start(key: jax.Array) -> PyTree:
        leaves = named_leaves(net.init(key, jnp.ones((1, 67, 67, 3)))['params'])
        wanted = ('bias', 'hidden_0/kernel')  # the others are never drawn
        return {k: v for k, v in leaves.items() if k.endswith(wanted)}

    leaves = start(jax.random.key(0))
    kernel = leaves.pop('hidden_0/kernel')
    ones = {'conv_1/conv', 'conv_3/conv', 'conv_4/conv', 'hidden_0', 'hidden_1'}
    assert len(leaves) == 8
    for path, bias in leaves.items():
        assert set(np.unique(bias)) == {float(path.removesuffix('/bias') in ones)}
    assert kernel.size > 70_000
    np.testing.assert_allclose([kernel.mean(), kernel.std()], [0, 0.01], atol=2e-4)


@pytest.mark.heavy
def test_alexnet_normalises_and_then_pools_behind_its_first_two_convolutions():
    net = AlexNet2012(hidden=4, classes=2)
    variables, x = drawn(net, 67, 67, 3)

    def run(x: jax.Array) -> PyTree:
        seen = {}

        def look(following, arguments, keywords, context):
            result = following(*arguments, **keywords)
            seen['/'.join(context.module.path)] = (arguments, result)
            return result

        with nn.intercept_methods(look):
            net.apply(variables, x)
        pairs = (('conv_0', 'conv_1'), ('conv_1', 'conv_2'))
        return [(seen[before][1], seen[after][0][0]) for before, after in pairs]

    def normalised_and_pooled(x: jax.Array) -> jax.Array:
        return nn.max_pool(local_response_norm(x), (3, 3), (2, 2))

    for output, inputs in jax.jit(run)(x):
        wanted = jax.jit(normalised_and_pooled)(output)
        np.testing.assert_allclose(inputs, wanted, rtol=1e-5)


# Table 1 of Szegedy et al.: module, channels, side of the maps at 224x224, and the
# number of parameters in thousands, which the table gives inexactly.
TABLE = {
    '3a': ((64, 96, 128, 16, 32, 32), 28, 159),
    '3b': ((128, 128, 192, 32, 96, 64), 28, 380),
    '4a': ((192, 96, 208, 16, 48, 64), 14, 364),
    '4b': ((160, 112, 224, 24, 64, 64), 14, 437),
    '4c': ((128, 128, 256, 24, 64, 64), 14, 463),
    '4d': ((112, 144, 288, 32, 64, 64), 14, 580),
    '4e': ((256, 160, 320, 32, 128, 128), 14, 840),
    '5a': ((256, 160, 320, 32, 128, 128), 7, 1072),
    '5b': ((384, 192, 384, 48, 128, 128), 7, 1388),
}


@pytest.mark.heavy
def test_the_modules_of_googlenet_have_the_sizes_of_table_1():
    net, sides = googlenet_2014(), {}

    def look(following, arguments, keywords, context):
        result = following(*arguments, **keywords)
        sides['/'.join(context.module.path)] = getattr(result, 'shape', None)
        return result

    with nn.intercept_methods(look):
        found, channels = counts(net, 224, 224, 3), 192
    for name, (features, side, thousands) in TABLE.items():
        a, b, c, d, e, f = features
        wanted = (channels + 1) * (a + b + d + f) + (9 * b + 1) * c + (25 * d + 1) * e
        channels = a + c + e + f
        assert found[f'inception{name}'] == wanted
        assert abs(wanted / 1024 - thousands) < 0.08 * thousands
        assert sides[f'inception{name}'] == (2, side, side, channels)
    assert found['conv2'] + found['conv3'] == 64 * 65 + 192 * (9 * 64 + 1)
    assert found['output'] == 1000 * 1025
    for head, inputs in {'aux1': 512, 'aux2': 528}.items():
        hidden = 1024 * (4 * 4 * 128 + 1)
        assert found[head] == 128 * (inputs + 1) + hidden + 1000 * 1025
    heads = found['aux1'] + found['aux2']
    assert sum(found.values()) - heads == 6_998_552


@pytest.mark.heavy
def test_the_auxiliary_heads_of_torchvision_add_their_parameters():
    assert sum(counts(GoogLeNet(auxiliary=True), 224, 224, 3).values()) == 13_004_888


SMALLEST = {
    'alexnet': 63,
    'alexnet_2012': 67,
    'vgg11': 32,
    'googlenet': 15,
    'googlenet_2014': 79,
}


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('name', SMALLEST)
def test_the_smallest_images_pass_and_smaller_ones_are_refused(name: str):
    size, net = SMALLEST[name], create_model(name, classes=5)
    for channels in (1, 4):
        logits = jax.eval_shape(
            lambda key, x, net=net: net.init_with_output(key, x)[0],
            jax.random.key(0),
            jax.ShapeDtypeStruct((3, size, size + 9, channels), np.float32),
        )
        assert logits.shape == (3, 5)
    with pytest.raises(ValueError, match=f'of at least {size}'):
        shapes(net, size + 9, size - 1, 3)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('name', ['alexnet', 'vgg11_bn', 'googlenet'])
def test_a_net_with_an_average_pool_has_the_same_parameters_for_any_size(name: str):
    net = create_model(name)
    assert shapes(net, 64, 96, 3) == shapes(net, 224, 224, 3)


def test_a_padding_makes_smaller_images_possible():
    shapes(AlexNet2012(padding=2), 63, 63, 3)
    with pytest.raises(ValueError, match='at least 63'):
        shapes(AlexNet2012(padding=2), 62, 63, 3)


@pytest.mark.exhaustive
def test_without_auxiliary_heads_the_googlenet_of_the_paper_takes_small_images():
    shapes(googlenet_2014(auxiliary=False), 32, 32, 3)


SMALL = {
    'alexnet': (AlexNet(classes=2, hidden=4), 64, 5),
    'alexnet_2012': (AlexNet2012(classes=2, hidden=4), 67, 5),
    'vgg': (VGG(2, (1, 1, 1, 1, 1), 2, 4, 1, normalise=batch_norm), 32, 5),
    'googlenet': (GoogLeNet(classes=2, auxiliary=True), 15, 9),
}


@pytest.mark.parametrize(
    'name',
    [
        pytest.param(
            name, marks=pytest.mark.heavy if name == 'vgg' else pytest.mark.exhaustive
        )
        for name in SMALL
    ],
)
def test_what_is_computed_anew_is_the_same(name: str):
    net, size, blocks = SMALL[name]
    # Few places lie below a batch norm here, which makes much of a rounding error.
    variables, x = jax.tree.map(np.float64, drawn(net, size, size, 3))
    again = net.clone(remat=True)
    assert shapes(again, size, size, 3) == shapes(net, size, size, 3)

    def step(net: nn.Module) -> PyTree:
        def loss(params: PyTree) -> tuple[jax.Array, PyTree]:
            logits, moved = net.apply(
                {**variables, 'params': params},
                x,
                train=True,
                mutable='batch_stats',
                rngs={'dropout': jax.random.key(1)},
            )
            return (logits**2).sum(), (logits, moved)

        return jax.value_and_grad(loss, has_aux=True)(variables['params'])

    def marks(net: nn.Module) -> int:
        return str(jax.make_jaxpr(lambda: step(net))()).count('prevent_cse')

    with jax.enable_x64(True):
        assert marks(net) == 0 and marks(again) == blocks
        plain, rematerialised = (jax.jit(lambda n=n: step(n))() for n in (net, again))
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(plain))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12 * largest),
        plain,
        rematerialised,
    )


@pytest.mark.heavy
def test_images_are_brought_from_imagenet_to_one_around_zero():
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    net = GoogLeNet(classes=2, transform_input=True)
    variables, x = drawn(net, 15, 15, 3)

    @jax.jit
    def transformed(x: jax.Array) -> jax.Array:
        seen = []

        def look(following, arguments, keywords, context):
            if context.module.path == ('conv1',):
                seen.append(arguments[0])
            return following(*arguments, **keywords)

        with nn.intercept_methods(look):
            net.apply(variables, x)
        return seen[0]  # what is computed of it is never compiled

    raw = x * np.float32(deviation) + np.float32(mean)  # in [0, 1], were it a picture
    np.testing.assert_allclose(transformed(x), 2 * raw - 1, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match='wanted 3 channels for transform_input'):
        shapes(net, 15, 15, 1)


@pytest.mark.exhaustive
def test_only_the_logits_of_all_heads_move_their_statistics():
    net = GoogLeNet(classes=2, auxiliary=True, dropout=0.0, auxiliary_dropout=0.0)
    variables, x = drawn(net, 15, 15, 3)

    def both(net: GoogLeNet, x: jax.Array) -> PyTree:
        return net(x), net.with_auxiliaries(x)

    def train_mode(net: GoogLeNet, x: jax.Array) -> PyTree:
        return net.with_auxiliaries(x, train=True)

    @jax.jit
    def run(x: jax.Array) -> PyTree:
        plain = net.apply(variables, x, train=True, mutable='batch_stats')[1]
        logits, moved = nn.apply(
            lambda net, x: net.with_auxiliaries(x, train=True),
            net,
            mutable='batch_stats',
        )(variables, x)
        return nn.apply(both, net)(variables, x), plain, logits, moved

    (alone, (main, heads)), plain, (logits, _), moved = run(x)
    np.testing.assert_allclose(alone, main, rtol=1e-5)
    assert [head.shape for head in heads] == [(2, 2), (2, 2)]
    assert not np.allclose(main, logits)  # statistics of the batch
    before = variables['batch_stats']
    for name in before:
        one, other, start = (
            jax.tree.leaves(tree[name])
            for tree in (plain['batch_stats'], moved['batch_stats'], before)
        )
        assert not np.allclose(other[0], start[0])
        assert np.allclose(one[0], start[0]) == name.startswith('aux')


def test_without_auxiliary_heads_their_logits_are_refused():
    net = GoogLeNet(classes=2)
    with pytest.raises(ValueError, match='make it with auxiliary=True'):
        jax.eval_shape(
            nn.init(lambda net, x: net.with_auxiliaries(x), net),
            jax.random.key(0),
            jnp.ones((1, 15, 15, 3)),
        )


@pytest.mark.parametrize(
    ('name', 'settings', 'fault'),
    [
        ('vgg16', {'classes': 1}, 'classes is 1'),
        ('vgg16', {'dropout': 1.0}, 'dropout is 1.0'),
        ('vgg16', {'pooled': 0}, 'pooled is 0'),
        ('alexnet', {'hidden': 0}, 'hidden is 0'),
        ('alexnet_2012', {'groups': 3}, 'wanted a divisor of 128'),
        ('alexnet_2012', {'padding': 11}, 'less than the kernel'),
        ('googlenet', {'auxiliary_dropout': -0.1}, 'auxiliary_dropout is -0.1'),
    ],
)
def test_settings_out_of_range_are_refused(name: str, settings: PyTree, fault: str):
    with pytest.raises(ValueError, match=fault):
        create_model(name, **settings)


def test_a_vgg_has_five_stages():
    with pytest.raises(ValueError, match='wanted five numbers'):
        VGG(stages=(1, 1, 1, 1))


def test_the_settings_of_a_variant_are_those_that_it_leaves_open():
    with pytest.raises(TypeError) as caught:
        create_model('vgg16_bn', normalise=None)
    message = str(caught.value)
    assert 'hidden' in message and 'stages' not in message
    assert create_model('vgg16_bn', width=4).width == 4
