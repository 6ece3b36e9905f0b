"""Explanations: their axioms, closed forms of simple nets, and planted truths."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import explain, zoo
from dljax.data import resident
from dljax.explain.target import evidence
from dljax.layers import batch_norm, global_average_pool
from dljax.models.feedforward import MLP
from dljax.objectives import classify
from dljax.training import Player, fit, learner
from dljax.types import Array, PyTree

LINEAR = MLP((), 3)
IMAGE = np.random.default_rng(0).uniform(size=(4, 6, 5, 2)).astype(np.float32)
METHODS = {
    'gradient': explain.gradient,
    'gradient_times_input': explain.gradient_times_input,
    'smooth_gradient': explain.smooth_gradient,
    'integrated_gradients': explain.integrated_gradients,
    'grad_cam': explain.grad_cam,
    'occlusion': functools.partial(explain.occlusion, patch=1),
}
APART = ('gradient', 'grad_cam', 'occlusion')  # those that share no code


class Pooled(nn.Module):
    """Convolutions with batch norm and dropout, a global pool, a dense layer."""

    classes: int = 3

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits."""
        x = nn.tanh(nn.Conv(5, (3, 3), name='first')(image))
        x = batch_norm(x, train=train, name='norm')
        x = nn.Dropout(0.5, deterministic=not train, name='dropout')(x)
        x = nn.Conv(4, (3, 3), strides=(1, 2), name='last')(x)
        return nn.Dense(self.classes, name='output')(global_average_pool(x))


@functools.lru_cache
def made(net: nn.Module, pixels: tuple[int, ...] = IMAGE.shape) -> PyTree:
    return jax.jit(net.init)(jax.random.key(1), jnp.ones(pixels))


@functools.lru_cache
def compiled(function: Callable, net: nn.Module, settings: tuple) -> Callable:
    return jax.jit(nn.apply(functools.partial(function, **dict(settings)), net))


def call(function: Callable, net: nn.Module, *arguments: Any, **settings: Any):
    """The variables of the net come first, the images after them."""
    try:
        run = compiled(function, net, tuple(settings.items()))
    except TypeError:  # a setting that is an array
        run = compiled.__wrapped__(function, net, tuple(settings.items()))
    return run(*arguments)


def test_the_gradient_of_a_linear_net_is_its_weights() -> None:
    variables = made(LINEAR)
    label = np.array([2, 0, 1, 1])
    kernel = np.asarray(variables['params']['output']['kernel'])
    wanted = kernel[:, label].T.reshape(IMAGE.shape)
    found = call(explain.gradient, LINEAR, variables, IMAGE, label)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    times = call(explain.gradient_times_input, LINEAR, variables, IMAGE, label)
    np.testing.assert_allclose(times, wanted * IMAGE, rtol=1e-6)
    one_step = call(
        explain.integrated_gradients, LINEAR, variables, IMAGE, label, steps=1
    )
    np.testing.assert_allclose(one_step, wanted * IMAGE, rtol=1e-5)
    covered = call(explain.occlusion, LINEAR, variables, IMAGE, label, patch=1)
    parts = (wanted * IMAGE).sum(-1, keepdims=True)
    np.testing.assert_allclose(covered, parts, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('shape', [(4, 5), (4, 7, 3)], ids=['table', 'series'])
def test_gradients_explain_inputs_of_any_rank(shape: tuple[int, ...]) -> None:
    inputs = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    variables = made(LINEAR, shape)
    kernel = np.asarray(variables['params']['output']['kernel'])
    label = np.array([0, 2, 1, 1])
    wanted = kernel[:, label].T.reshape(shape)
    found = call(explain.gradient, LINEAR, variables, inputs, label)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    for method in (explain.gradient_times_input, explain.integrated_gradients):
        found = call(method, LINEAR, variables, inputs, label)
        np.testing.assert_allclose(found, wanted * inputs, rtol=1e-5, atol=1e-6)
    smooth = call(explain.smooth_gradient, LINEAR, variables, inputs, label, samples=2)
    np.testing.assert_allclose(smooth, wanted, rtol=1e-5)


@pytest.mark.heavy
def test_the_predicted_class_is_explained_unless_another_is_named() -> None:
    net, variables = Pooled(), made(Pooled())
    said = np.asarray(jax.jit(net.apply)(variables, IMAGE)).argmax(1)
    for name in APART:
        method = METHODS[name]
        by_default = call(method, net, variables, IMAGE)
        named = call(method, net, variables, IMAGE, said)
        np.testing.assert_array_equal(by_default, named, err_msg=name)
        other = call(method, net, variables, IMAGE, (said + 1) % 3)
        assert not np.allclose(by_default, other), name


@pytest.mark.heavy
def test_a_single_logit_speaks_for_two_classes() -> None:
    net, variables = Pooled(1), made(Pooled(1))
    answer = jax.jit(net.apply)
    logits = np.asarray(answer(variables, IMAGE))[:, 0]
    params = variables['params']
    shifted = {**params['output'], 'bias': params['output']['bias'] - logits.mean()}
    variables = {**variables, 'params': {**params, 'output': shifted}}
    said = np.asarray(answer(variables, IMAGE))[:, 0] > 0
    assert 0 < said.sum() < 4
    ones = call(explain.gradient, net, variables, IMAGE, np.ones(4, np.int32))
    signs = np.where(said, 1.0, -1.0)[:, None, None, None]
    np.testing.assert_allclose(
        call(explain.gradient, net, variables, IMAGE), signs * ones
    )


def difference(
    net: nn.Module, variables: PyTree, image: np.ndarray, other: np.ndarray
) -> np.ndarray:
    answer = jax.jit(net.apply)
    both = [np.asarray(answer(variables, each)) for each in (image, other)]
    said = both[0].argmax(1)[:, None]
    return np.take_along_axis(both[0] - both[1], said, axis=1)[:, 0]


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('baseline', ['images', 0.0, 0.5])
def test_integrated_gradients_add_up_to_the_difference(baseline: float | str) -> None:
    net, variables = Pooled(), made(Pooled())
    if baseline == 'images':
        baseline = np.random.default_rng(9).uniform(size=IMAGE.shape)
        baseline = baseline.astype(np.float32)
    found = call(
        explain.integrated_gradients, net, variables, IMAGE, baseline=baseline, steps=8
    )
    start = np.broadcast_to(np.float32(baseline), IMAGE.shape)
    wanted = difference(net, variables, IMAGE, start)
    assert np.abs(wanted).max() > 0.05
    total = np.asarray(found).sum((1, 2, 3))
    np.testing.assert_allclose(total, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.heavy
def test_with_kinks_on_the_way_they_add_up_the_better_the_more_steps() -> None:
    net = MLP((16, 16), 3, activation=jax.nn.relu)
    variables = made(net)
    start = np.random.default_rng(7).normal(size=IMAGE.shape).astype(np.float32)
    wanted = difference(net, variables, IMAGE, start)
    settings = {'baseline': start}
    errors = []
    for steps in (2, 128):
        method = functools.partial(explain.integrated_gradients, steps=steps)
        found = call(method, net, variables, IMAGE, **settings)
        found = np.asarray(found).sum((1, 2, 3))
        errors.append(np.abs(found - wanted).max())
    assert errors[1] < min(0.01, errors[0] / 3)


class Powers(nn.Module):
    """Logits that are the sums of the squares and the cubes of the pixels."""

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits."""
        scale = self.param('scale', nn.initializers.ones, ())
        x = scale * image.reshape(len(image), -1)
        return jnp.stack([jnp.square(x).sum(1), (x**3).sum(1)], 1)


def test_integrated_gradients_of_powers_are_the_powers() -> None:
    """The way's integral is known: x², x³ for each pixel, whatever the others."""
    net = Powers()
    for label, power in ((0, 2), (1, 3)):
        labels = jnp.full(4, label)
        found = call(
            explain.integrated_gradients, net, made(net), IMAGE, labels, steps=2
        )
        np.testing.assert_allclose(found, IMAGE**power, rtol=1e-5)
    by_trapezoid = call(
        explain.integrated_gradients,
        net,
        made(net),
        IMAGE,
        jnp.full(4, 1),
        steps=3,
        rule='trapezoid',
    )
    # 3x² over {0, ½, 1} with weights {¼, ½, ¼}: 3 (⅛ + ¼) = 1.125.
    np.testing.assert_allclose(by_trapezoid, 1.125 * IMAGE**3, rtol=1e-5)


@pytest.mark.exhaustive
def test_smooth_gradient_without_noise_is_the_gradient() -> None:
    net, variables = Pooled(), made(Pooled())
    plain = call(explain.gradient, net, variables, IMAGE)
    smooth = call(explain.smooth_gradient, net, variables, IMAGE, noise=0.0)
    np.testing.assert_allclose(smooth, plain, rtol=1e-5, atol=1e-7)


@pytest.mark.heavy
def test_smooth_gradient_averages_noise_of_a_fraction_of_the_range() -> None:
    net, image = Powers(), 3 * IMAGE
    label = jnp.full(4, 1)
    found = call(
        explain.smooth_gradient, net, made(net), image, label, samples=2000, noise=0.2
    )
    # The mean of 3 (x + σz)² is 3x² + 3σ².
    reach = image.max((1, 2, 3)) - image.min((1, 2, 3))
    extra = (found - 3 * image**2).mean((1, 2, 3))
    np.testing.assert_allclose(extra, 3 * (0.2 * reach) ** 2, rtol=0.05)
    other = call(
        explain.smooth_gradient, net, made(net), image, label, key=jax.random.key(3)
    )
    again = call(
        explain.smooth_gradient, net, made(net), image, label, key=jax.random.key(3)
    )
    np.testing.assert_array_equal(other, again)
    assert not np.allclose(other, call(explain.smooth_gradient, net, made(net), image))


@pytest.mark.heavy
def test_grad_cam_before_a_global_pool_and_a_dense_layer_is_the_class_map() -> None:
    net, variables = Pooled(), made(Pooled())
    label = jnp.array([0, 1, 2, 1])
    settings = {'signed': True, 'resized': False}
    found = call(explain.grad_cam, net, variables, IMAGE, label, **settings)
    _, kept = net.apply(
        variables,
        IMAGE,
        capture_intermediates=lambda module, _: module.name == 'last',
        mutable=['intermediates'],
    )
    (maps,) = kept['intermediates']['last']['__call__']
    weights = variables['params']['output']['kernel'][:, label].T
    by_zhou = jnp.einsum('bhwk,bk->bhw', maps, weights)
    assert maps.shape[1:3] == (6, 3)
    np.testing.assert_allclose(found[..., 0], by_zhou / 18, rtol=1e-4, atol=1e-6)
    settings['averaged'] = False  # each place has the derivative of the mean
    same = call(explain.grad_cam, net, variables, IMAGE, label, **settings)
    np.testing.assert_allclose(same, found, rtol=1e-4, atol=1e-6)
    positive = call(explain.grad_cam, net, variables, IMAGE, label, resized=False)
    np.testing.assert_allclose(positive, np.maximum(found, 0), rtol=1e-5)
    assert (np.asarray(found) < 0).any() and (np.asarray(positive) > 0).any()
    whole = call(explain.grad_cam, net, variables, IMAGE, label)
    assert whole.shape == (4, 6, 5, 1)
    first = call(explain.grad_cam, net, variables, IMAGE, label, layer='first')
    assert not np.allclose(first, whole)


@pytest.mark.heavy
def test_all_are_of_evaluation_mode_and_move_nothing() -> None:
    net = Pooled()
    variables = made(net)
    stats = jax.tree.map(lambda s: s + 0.3, variables['batch_stats'])
    variables = {**variables, 'batch_stats': stats}
    for name in APART:
        method = METHODS[name]
        mutable = nn.apply(method, net, mutable=['batch_stats'])
        found, moved = jax.jit(mutable)(
            variables, IMAGE, rngs={'params': jax.random.key(5)}
        )
        jax.tree.map(np.testing.assert_array_equal, moved['batch_stats'], stats)
        again = call(method, net, variables, IMAGE)
        np.testing.assert_allclose(found, again, rtol=1e-5, atol=1e-7, err_msg=name)
        # Were batch statistics used, the others of the batch would matter.
        alone = call(method, net, variables, IMAGE[1:2])
        np.testing.assert_allclose(
            alone[0], found[1], rtol=1e-4, atol=1e-6, err_msg=name
        )


@functools.cache
def planted() -> tuple[nn.Module, PyTree, Array]:
    """A net that has learned that the pixel (2, 3) alone decides."""
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(512, 6, 5, 1)).astype(np.float32)
    label = (image[:, 2, 3, 0] > 0.5).astype(np.int32)
    net = Planted()
    train = learner(net, {'net': Player(optax.adam(1e-2), loss=classify())})
    source = resident({'image': image, 'label': label}, 64)
    key = jax.random.key(0)
    state, metrics = fit(train, source, steps=300, key=key, chunk=100)
    assert metrics['net/accuracy'][-1] > 0.9
    return net, {'params': state.params}, jnp.asarray(image[:64])


class Planted(nn.Module):
    """A convolution without pooling, since the place matters, and a dense layer."""

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits."""
        x = nn.relu(nn.Conv(8, (1, 1), name='conv')(image))
        return nn.Dense(2, name='output')(x.reshape(len(x), -1))


@pytest.mark.parametrize(
    'name',
    [
        pytest.param('local_cam', marks=pytest.mark.heavy),
        *(
            pytest.param(n, marks=pytest.mark.exhaustive)
            for n in METHODS
            if n != 'grad_cam'
        ),
    ],
)
def test_the_pixel_that_decides_is_found_and_not_by_a_random_net(name: str) -> None:
    """Also the check of Adebayo et al. (2018): the map has to depend on the weights."""
    net, variables, image = planted()
    region = np.zeros((6, 5), bool)
    region[2, 3] = True
    local = functools.partial(explain.grad_cam, averaged=False, signed=True)
    method = METHODS.get(name, local)
    found = call(method, net, variables, image)
    # On an image whose pixel is dark, what is multiplied by it says nothing.
    fraction = np.median(explain.fraction_within(found, jnp.asarray(region)))
    others = {'params': made(net, image.shape)['params']}
    by_chance = call(method, net, others, image)
    chance = np.median(explain.fraction_within(by_chance, jnp.asarray(region)))
    assert fraction > 0.3
    assert chance < 0.1


def test_grad_cam_depends_on_the_weights() -> None:
    net = Pooled()
    one, two = (jax.jit(net.init)(jax.random.key(seed), IMAGE) for seed in (1, 2))
    label = jnp.zeros(4, jnp.int32)
    settings = {'signed': True, 'resized': False}
    maps = [
        call(explain.grad_cam, net, v, IMAGE, label, **settings) for v in (one, two)
    ]
    assert abs(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]) < 0.9


def test_every_pixel_is_covered_and_gets_the_mean_of_its_patches() -> None:
    variables = made(LINEAR)
    label = jnp.zeros(4, jnp.int32)
    kernel = variables['params']['output']['kernel'][:, 0].reshape(6, 5, 2)
    part = np.asarray((kernel[None] * (IMAGE - 0.2)).sum(-1))
    settings = {'patch': 3, 'stride': 2, 'value': 0.2}
    found = call(explain.occlusion, LINEAR, variables, IMAGE, label, **settings)
    total, count = np.zeros((4, 6, 5)), np.zeros((6, 5))
    for top in (0, 2, 3):  # the last place reaches the edge
        for left in (0, 2):
            place = np.s_[top : top + 3, left : left + 3]
            total[:, *place] += part[:, *place].sum((1, 2))[:, None, None]
            count[place] += 1
    np.testing.assert_allclose(found[..., 0], total / count, rtol=1e-3, atol=1e-5)


def test_deletion_and_insertion_go_from_end_to_end_and_know_a_good_map() -> None:
    variables = made(LINEAR)
    label = jnp.array([0, 1, 2, 0])
    true = call(explain.gradient_times_input, LINEAR, variables, IMAGE, label)

    def probability(image: Array) -> np.ndarray:
        probabilities = jax.nn.softmax(LINEAR.apply(variables, image))
        return np.take_along_axis(
            np.asarray(probabilities), np.asarray(label)[:, None], 1
        )[:, 0]

    ends = probability(IMAGE), probability(jnp.zeros_like(IMAGE))
    areas = {}
    for curve, order in ((explain.deletion, ends), (explain.insertion, ends[::-1])):
        for sign in (1, -1):
            found = call(curve, LINEAR, variables, IMAGE, sign * true, label, steps=30)
            assert found.shape == (4, 31)
            np.testing.assert_allclose(found[:, 0], order[0], rtol=1e-5)
            np.testing.assert_allclose(found[:, -1], order[1], rtol=1e-5)
            areas[curve.__name__, sign] = np.asarray(found.mean(1))
    assert (areas['deletion', 1] < areas['deletion', -1]).all()
    assert (areas['insertion', 1] > areas['insertion', -1]).all()
    # One step of thirty takes exactly one pixel, the one of the largest part.
    found = call(explain.deletion, LINEAR, variables, IMAGE, true, label, steps=30)
    place = np.asarray(true.sum(-1)).reshape(4, -1).argmax(1)
    without = np.array(IMAGE.reshape(4, 30, 2))
    without[np.arange(4), place] = 0
    np.testing.assert_allclose(
        found[:, 1], probability(jnp.asarray(without.reshape(IMAGE.shape))), rtol=1e-5
    )


def test_the_fraction_within_a_region() -> None:
    found = jnp.array([[[[-1.0, 2.0], [0.0, -1.0]]], [[[0.0, 0.0], [0.0, 0.0]]]])
    region = jnp.array([[False, True]])
    np.testing.assert_allclose(explain.fraction_within(found, region), [0.25, 0.0])


def test_what_cannot_be_explained_is_refused() -> None:
    variables = made(LINEAR)
    with pytest.raises(ValueError, match='no module of MLP has .* by its gradients'):
        call(explain.grad_cam, LINEAR, variables, IMAGE)
    net, others = Pooled(), made(Pooled())
    with pytest.raises(ValueError, match=r"'output', wanted .*'first', 'norm'"):
        call(explain.grad_cam, net, others, IMAGE, layer='output')
    with pytest.raises(ValueError, match='image has shape'):
        call(explain.occlusion, LINEAR, variables, IMAGE[0])
    with pytest.raises(ValueError, match=r'the inputs have shape \(2,\), wanted'):
        call(explain.gradient, LINEAR, variables, IMAGE[0, 0, 0])
    with pytest.raises(ValueError, match='channel, height, width'):
        call(explain.gradient, LINEAR, variables, IMAGE.transpose(0, 3, 1, 2)[:, :1])
    with pytest.raises(ValueError, match='inputs have type uint8, wanted floats'):
        call(explain.gradient, LINEAR, variables, IMAGE.astype(jnp.uint8))
    conv = nn.Conv(2, (1, 1))

    class Maps(nn.Module):
        @nn.compact
        def __call__(self, image: Array, *, train: bool = False) -> Array:
            return conv.copy(name='conv')(image)

    with pytest.raises(ValueError, match=r'gives \(4, 6, 5, 2\), wanted logits'):
        call(explain.gradient, Maps(), made(Maps()), IMAGE)
    for method, settings, message in (
        (explain.smooth_gradient, {'samples': 0}, 'samples is 0'),
        (explain.smooth_gradient, {'noise': -1.0}, 'noise -1'),
        (explain.integrated_gradients, {'steps': 0}, 'steps is 0'),
        (
            explain.integrated_gradients,
            {'steps': 1, 'rule': 'trapezoid'},
            'steps is 1, wanted at least 2',
        ),
        (explain.integrated_gradients, {'rule': 'simpson'}, "rule is 'simpson'"),
        (explain.occlusion, {'patch': 6}, 'patch is 6 and stride 1'),
        (explain.occlusion, {'patch': 2, 'stride': 3}, 'stride 3'),
    ):
        with pytest.raises(ValueError, match=message):
            call(method, LINEAR, variables, IMAGE, **settings)
    with pytest.raises(ValueError, match='the map has shape'):
        call(explain.deletion, LINEAR, variables, IMAGE, IMAGE[:, 1:])
    with pytest.raises(ValueError, match='steps is 0'):
        call(explain.insertion, LINEAR, variables, IMAGE, IMAGE, steps=0)
    found = call(explain.gradient, LINEAR, variables, IMAGE, jnp.full(4, 7))
    assert np.isnan(found).all()


def test_of_a_single_logit_there_are_two_classes_and_no_other() -> None:
    found = evidence(jnp.array([[3.0]] * 4), jnp.array([0, 1, 2, -1]))
    np.testing.assert_array_equal(found, [-3, 3, np.nan, np.nan])


# A path of each family of the zoo: what Grad-CAM explains when it is not told.
LAST = {
    'resnet20_cifar': 'layer3_2',
    'lenet5': 'conv_1',
    'tutorial_cnn': 'conv_1',
    'alexnet': 'conv_4',
    'googlenet': 'inception5b',
    'vgg11_bn': 'conv5_2',
    'resnet18': 'layer4_1',
}


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('name', LAST)
def test_the_classifiers_of_the_zoo_are_explained(name: str) -> None:
    net, image = zoo.create_model(name), zoo.shapes(name)['image']
    variables = jax.eval_shape(net.init, jax.random.key(0), image)
    found = []

    def explained(net: nn.Module, image: Array) -> Array:
        found.append(explain.last_spatial(net, image))
        return explain.grad_cam(net, image, resized=False)

    cam = jax.eval_shape(nn.apply(explained, net), variables, image)
    assert found == [LAST[name]]
    assert cam.ndim == 4 and cam.shape[1] > 1 and cam.shape[3] == 1
