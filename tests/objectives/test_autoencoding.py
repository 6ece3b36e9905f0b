"""Autoencoding: each kind learns what makes it that kind."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from jax.random import key_data
from sklearn.decomposition import PCA

from dljax import create_model
from dljax.data import gaussian_noise, resident
from dljax.models.container import container
from dljax.objectives import (
    autoencode,
    code_jacobian,
    contractive,
    score_reconstruction,
    solve_components,
    sparse,
    sparse_l1,
    within,
)
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array, Batch, Metrics, Objective, PyTree, State

KEY = jax.random.key(0)
SHAPE = (4, 4, 1)


def bars(count: int) -> np.ndarray:
    """Draw images of crossing bars, of eight independent causes."""
    rng = np.random.default_rng(count)
    rows, columns = rng.random((2, count, 4)) < 0.3
    images = rows[:, :, None] | columns[:, None, :]
    return images[..., None].astype(np.float32)


TRAIN, TEST = bars(400), {'image': bars(200)}


def trained(net: nn.Module, loss: Objective, steps: int = 200) -> State:
    train = learner(net, {'net': Player(optax.adam(0.01), loss=loss)})
    source = resident({'image': TRAIN}, 50)
    return fit(train, source, steps=steps, key=KEY, chunk=200)[0]


def drawn(net: nn.Module, images: np.ndarray) -> PyTree:
    form, rng = jax.eval_shape(net.init, KEY, images), np.random.default_rng(0)
    return jax.tree.map(lambda s: np.float32(0.3 * rng.normal(size=s.shape)), form)


def rebuilt(net: nn.Module, variables: PyTree, images: np.ndarray) -> Array:
    return jax.jit(functools.partial(net.apply, method='reconstruct'))(
        variables, images
    )


def scores(net: nn.Module, state: State, **settings: Callable) -> dict[str, float]:
    return evaluate(net, score_reconstruction(**settings), state, [TEST])


@pytest.mark.heavy
def test_it_learns_to_rebuild_images_better_than_their_mean() -> None:
    net = create_model('autoencoder', code=8, hidden=(32,), shape=SHAPE)
    state = trained(net, autoencode())
    variance = TEST['image'].var(0).sum()
    assert scores(net, state)['squared_error'] < 0.3 * variance


def test_the_cost_follows_from_what_the_net_gives() -> None:
    batch = {'image': TRAIN[:5]}
    for name, squared in [('linear_autoencoder', False), ('sparse_autoencoder', True)]:
        net = create_model(name, code=3, shape=SHAPE)
        variables = drawn(net, batch['image'])
        call = jax.jit(nn.apply(autoencode(squared=squared), net))
        loss, metrics = call(variables, batch, 0)
        pixels = np.asarray(rebuilt(net, variables, batch['image']))
        wanted = np.square(pixels - batch['image']).sum((1, 2, 3)).mean()
        np.testing.assert_allclose([loss, metrics['squared_error']], wanted, rtol=1e-5)
    likelihood, metrics = jax.jit(nn.apply(autoencode(), net))(variables, batch, 0)
    wanted = -np.log(np.where(batch['image'] == 1, pixels, 1 - pixels))
    np.testing.assert_allclose(likelihood, wanted.sum((1, 2, 3)).mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics['squared_error'], loss, rtol=1e-6)


@pytest.mark.exhaustive
def test_a_denoising_net_repairs_what_a_plain_one_does_not() -> None:
    net = create_model('autoencoder', code=16, hidden=(32,), shape=SHAPE)
    noise = gaussian_noise(0.5)
    plain = scores(net, trained(net, autoencode()), corrupt=noise)
    denoising = scores(net, trained(net, autoencode(corrupt=noise)), corrupt=noise)
    assert denoising['denoising_error'] < 0.8 * plain['denoising_error']
    assert denoising['denoising_error'] < 0.5 * 16 * 0.5**2  # of the noise itself


def test_damage_is_drawn_anew_for_each_step_and_the_target_stays_whole() -> None:
    seen = []

    def corrupt(key: Array, inputs: Array) -> Array:
        jax.debug.callback(lambda words: seen.append(np.asarray(words)), key_data(key))
        return jnp.zeros_like(inputs)

    net = create_model('linear_autoencoder', code=3, shape=SHAPE)
    train = learner(
        net, {'net': Player(optax.sgd(0.0), loss=autoencode(corrupt=corrupt))}
    )
    batch = {'image': TRAIN[:5]}
    state, update = jax.jit(train.init)(KEY, batch), jax.jit(train.update)
    seen.clear()
    losses = []
    for _ in range(2):
        state, metrics = update(KEY, state, batch)
        losses.append(metrics['net/loss'])
    jax.effects_barrier()
    assert len(seen) == 2 and not np.array_equal(*seen)
    wanted = np.square(TRAIN[:5]).sum((1, 2, 3)).mean()  # zeros give zeros
    np.testing.assert_allclose(losses, [wanted, wanted], rtol=1e-5)


def test_a_sparsity_penalty_is_added_to_the_cost() -> None:
    net, batch = create_model('sparse_autoencoder', code=3, shape=SHAPE), TRAIN[:5]
    variables = drawn(net, batch)
    code = np.asarray(
        jax.jit(functools.partial(net.apply, method='encode'))(variables, batch)
    )
    mean = code.mean(0)
    divergence = 0.05 * np.log(0.05 / mean) + 0.95 * np.log(0.95 / (1 - mean))
    for penalty, wanted in (
        (sparse(0.5, 0.05), 0.5 * divergence.sum()),
        (sparse_l1(0.4), 0.4 * np.abs(code).sum(1).mean()),
    ):
        call = jax.jit(nn.apply(autoencode(squared=True, penalty=penalty), net))
        loss, metrics = call(variables, {'image': batch}, 0)
        np.testing.assert_allclose(loss - metrics['squared_error'], wanted, rtol=1e-4)


@pytest.mark.exhaustive
@pytest.mark.parametrize('penalty', [sparse(0.5, 0.05), sparse_l1(0.4)])
def test_a_sparsity_penalty_leaves_few_units_active(penalty: Callable) -> None:
    net = create_model('sparse_autoencoder', code=32, shape=SHAPE)
    plain = scores(net, trained(net, autoencode()))
    few = scores(net, trained(net, autoencode(penalty=penalty)))
    assert few['active_share'] < 0.6 * plain['active_share']
    assert few['squared_error'] < 0.3 * TEST['image'].var(0).sum()


def test_the_contraction_equals_the_closed_form_of_a_logistic_layer() -> None:
    net = create_model('sparse_autoencoder', code=5, shape=SHAPE)
    inputs = np.random.default_rng(0).random((3, *SHAPE)).astype(np.float32)
    variables = drawn(net, inputs)
    encoded = jax.jit(functools.partial(net.apply, method='encode'))
    code = np.asarray(encoded(variables, inputs))
    kernel = variables['params']['encoder']['output']['kernel']
    # ∂z_j/∂x_i = z_j (1 - z_j) W_ij
    derivative = code * (1 - code)
    wanted = (derivative**2 * np.square(kernel).sum(0)[None]).sum(1).mean()

    def penalty(net: nn.Module, inputs: Array) -> Array:
        return contractive(0.7)(net, inputs, net.encode(inputs))

    got = jax.jit(nn.apply(penalty, net))(variables, inputs)
    np.testing.assert_allclose(got, 0.7 * wanted, rtol=1e-5)
    wide = create_model('sparse_autoencoder', code=20, shape=SHAPE)
    variables = drawn(wide, inputs)
    forward = jax.jit(nn.apply(code_jacobian, wide))(variables, inputs)
    assert forward.shape == (3, 20, *SHAPE)

    def encode(x: jax.Array) -> jax.Array:
        return wide.apply(variables, x[None], method='encode')[0]

    np.testing.assert_allclose(
        forward, jax.jit(jax.vmap(jax.jacrev(encode)))(inputs), atol=1e-6
    )


@pytest.mark.exhaustive
def test_a_contractive_net_moves_its_code_less_within_a_container_too() -> None:
    part = create_model('sparse_autoencoder', code=8, shape=SHAPE)
    net = container(plain=part, contractive=part)
    train = learner(
        net,
        {
            name: Player(optax.adam(0.01), loss=within(name, loss), trains=(name,))
            for name, loss in {
                'plain': autoencode(),
                'contractive': autoencode(penalty=contractive(1.0)),
            }.items()
        },
    )
    state, _ = fit(train, resident({'image': TRAIN}, 50), steps=200, key=KEY, chunk=200)

    def moved(net: nn.Module, batch: Batch) -> list[Array]:
        parts = (net.plain, net.contractive)
        return [jnp.square(code_jacobian(p, batch['image'])).mean() for p in parts]

    plain, few = nn.apply(moved, net)({'params': state.params}, TEST)
    assert few < 0.5 * plain


@pytest.mark.heavy
def test_one_move_makes_a_linear_net_the_principal_components() -> None:
    net = create_model('linear_autoencoder', code=5, shape=SHAPE)
    player = Player(optax.sgd(1.0), direction=solve_components())
    train = learner(net, {'components': player})
    state, metrics = fit(train, resident({'image': TRAIN}), steps=1, key=KEY)
    model = PCA(5, svd_solver='full').fit(TRAIN.reshape(len(TRAIN), -1))
    test = TEST['image'].reshape(200, -1)
    wanted = model.inverse_transform(model.transform(test))
    variables = {'params': state.params}
    got = np.asarray(jax.jit(net.apply)(variables, TEST['image'])).reshape(200, -1)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    encoded = jax.jit(functools.partial(net.apply, method='encode'))
    code = encoded(variables, TEST['image'])
    np.testing.assert_allclose(code, model.transform(test), atol=1e-4)
    train_set = TRAIN.reshape(len(TRAIN), -1)
    left = model.inverse_transform(model.transform(train_set)) - train_set
    np.testing.assert_allclose(
        metrics['components/squared_error'], [np.square(left).sum(1).mean()], rtol=1e-4
    )


def test_a_net_that_is_not_linear_has_no_closed_form() -> None:
    net = create_model('autoencoder', code=3, hidden=(6,), shape=SHAPE)
    train = learner(net, {'net': Player(optax.sgd(1.0), direction=solve_components())})
    with pytest.raises(ValueError, match=r"\['hidden_0', 'output'\] and logits=True"):
        jax.eval_shape(train.init, KEY, {'image': TRAIN[:5]})


def test_scores_are_those_of_each_example_and_damage_is_the_same_each_time() -> None:
    net = create_model('autoencoder', code=3, hidden=(6,), shape=SHAPE)
    state = State(np.int32(0), drawn(net, TRAIN[:5])['params'], {}, {})
    score = score_reconstruction(corrupt=gaussian_noise(0.5))
    first, again = (evaluate(net, score, state, [TEST]) for _ in range(2))
    assert first == again
    pixels = rebuilt(net, {'params': state.params}, TEST['image'])
    wanted = np.square(np.asarray(pixels) - TEST['image']).sum((1, 2, 3)).mean()
    assert first['squared_error'] == pytest.approx(wanted, rel=1e-5)
    assert first['denoising_error'] != pytest.approx(wanted, rel=1e-5)


def test_the_penalties_refuse_a_negative_weight() -> None:
    for penalty in (sparse, sparse_l1, contractive):
        with pytest.raises(ValueError, match='weight is -1, wanted at least 0'):
            penalty(-1)


def test_statistics_of_a_batch_do_not_move_in_the_jacobian() -> None:
    class Encoder(nn.Module):
        """A batch-normalised layer."""

        @nn.compact
        def __call__(self, image: Array, *, train: bool) -> Array:
            """Encode."""
            x = image.reshape(len(image), -1)
            return nn.Dense(3)(nn.BatchNorm(use_running_average=not train)(x))

    part = create_model('linear_autoencoder', code=3, shape=SHAPE)
    net = part.clone(encoder=Encoder())

    def loss(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        code = net.encode(batch['image'], train=False)
        return contractive(1.0)(net, batch['image'], code), {}

    train = learner(net, {'net': Player(optax.sgd(0.1), loss=loss)})
    batch = {'image': TRAIN[:5]}
    state = jax.jit(train.init)(KEY, batch)
    before = jax.tree.map(np.array, state.collections)
    after = jax.jit(train.update)(KEY, state, batch)[0].collections
    assert 'batch_stats' in before
    jax.tree.map(np.testing.assert_array_equal, before, after)
