"""Greedy layers, copies and few labels: what moves when, and what is drawn."""

import functools

import jax
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy.special import expit

from dljax.data import labelled, resident
from dljax.models.energy import DeepBeliefNetwork
from dljax.objectives import classify, follow, pretrain, within
from dljax.training import Player, ensemble, fit, learner

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
NET = DeepBeliefNetwork(
    visible=8, hidden=(6, 5), classes=2, kernel_init=nn.initializers.normal(0.3)
)
LABEL = RNG.integers(0, 2, 300).astype(np.int32)
PATTERNS = np.kron(np.eye(2), np.ones((1, 4)))[LABEL]
NOISY = np.abs(PATTERNS - (RNG.uniform(size=PATTERNS.shape) < 0.1)).astype(np.float32)
BATCH = {'image': NOISY, 'label': LABEL}


def layers(steps: int) -> dict[str, Player]:
    return {
        f'layer_{i}': Player(
            optax.sgd(0.3, 0.5),
            direction=pretrain(i),
            during=(i * steps, i * steps + steps),
        )
        for i in range(2)
    }


def moved(before: dict, after: dict) -> set[str]:
    return {
        name
        for name in before
        if any(
            (np.asarray(a) != np.asarray(b)).any()
            for a, b in zip(
                jax.tree.leaves(before[name]), jax.tree.leaves(after[name]), strict=True
            )
        )
    }


@pytest.mark.heavy
def test_layers_learn_in_turn_and_the_output_waits() -> None:
    train = learner(NET, layers(2))
    source = resident(BATCH, 50)
    state, after = jax.jit(train.init)(KEY, source.init(KEY)[1]), []
    update = jax.jit(train.update)
    for _ in range(4):
        after.append(state.params)
        state, _ = update(KEY, state, {name: each[:50] for name, each in BATCH.items()})
    assert moved(after[0], after[2]) == {'rbm_0'}
    assert moved(after[2], state.params) == {'rbm_1'}


@pytest.mark.heavy
def test_a_greedy_stack_reconstructs_what_it_has_seen() -> None:
    train = learner(NET, layers(800))
    state, history = fit(train, resident(BATCH, 50), steps=1600, key=KEY, chunk=400)
    for layer in range(2):
        error = history[f'layer_{layer}/reconstruction_error']
        error = error[np.isfinite(error)]
        assert len(error) == 800
        assert error[-50:].mean() < 0.85 * error[:10].mean()
    logits = NET.apply({'params': state.params}, NOISY, method=NET.reconstruct)
    # Up through both machines and down again the noise is gone, the pattern is not.
    assert ((np.asarray(logits) > 0) == (PATTERNS > 0.5)).mean() > 0.95


def test_the_way_up_and_down_is_that_of_the_machines() -> None:
    form, rng = jax.eval_shape(NET.init, KEY, NOISY)['params'], np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: np.float32(rng.normal(size=leaf.shape)), form)
    x = NOISY[:3]
    first, second = params['rbm_0'], params['rbm_1']

    def up(x: np.ndarray, rbm: dict) -> np.ndarray:
        return expit(x @ rbm['kernel'] + rbm['hidden_bias'][None])

    top = up(up(x, first), second)
    wanted = top @ params['output']['kernel'] + params['output']['bias'][None]
    got = jax.jit(NET.apply)({'params': params}, x)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    middle = expit(top @ second['kernel'].T + second['visible_bias'][None])
    wanted = middle @ first['kernel'].T + first['visible_bias'][None]
    got = jax.jit(functools.partial(NET.apply, method=NET.reconstruct))(
        {'params': params}, x
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


class Two(nn.Module):
    """A stack, and a classifier that starts as its copy."""

    stack: nn.Module
    tuned: nn.Module


@pytest.mark.heavy
def test_a_stack_in_a_container_is_copied_at_its_moment_and_then_tuned() -> None:
    players = {
        'greedy': Player(
            optax.sgd(0.3),
            direction=within('stack', pretrain(0)),
            trains=('stack',),
            during=(0, 2),
        ),
        'tune': Player(
            optax.adam(0.01),
            loss=within('tuned', classify()),
            trains=('tuned',),
            during=(3, None),
        ),
        'copy': Player(
            optax.sgd(1.0),
            direction=follow('stack', 'tuned'),
            trains=('tuned',),
            during=(2, 3),
        ),
    }
    train = learner(Two(NET.clone(), NET.clone()), players)
    batch = {name: values[:50] for name, values in BATCH.items()}
    state, update = jax.jit(train.init)(KEY, batch), jax.jit(train.update)
    states = []
    for _ in range(5):
        states.append(state.params)
        state, _ = update(KEY, state, batch)
    assert moved(states[0], states[2]) == {'stack'}
    assert moved(states[2], states[3]) == {'tuned'}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
        states[3]['tuned'],
        states[3]['stack'],
    )
    assert moved(states[3], state.params) == {'tuned'}


@pytest.mark.heavy
def test_few_labels_are_balanced_fixed_and_each_member_s_own() -> None:
    arrays = {**BATCH, 'number': np.arange(300, dtype=np.int32)}
    source = labelled(arrays, 20, 5)
    begin, following = jax.jit(source.init), jax.jit(source.next)
    seen = []
    for seed in (0, 0, 1):
        key = jax.random.key(seed)
        position, _ = begin(key)
        drawn = []
        for _ in range(8):  # two epochs
            position, batch = following(key, position, None)
            number = np.asarray(batch['number'])
            np.testing.assert_array_equal(LABEL[number], batch['label'])
            np.testing.assert_array_equal(NOISY[number], batch['image'])
            drawn += number.tolist()
        assert sorted(drawn[:20]) == sorted(drawn[20:]) and len(set(drawn)) == 20
        assert drawn[:20] != drawn[20:]
        assert LABEL[drawn[:20]].sum() == 10
        seen.append(drawn)
    assert seen[0] == seen[1] and set(seen[0]) != set(seen[2])
    player = Player(optax.sgd(0.0), loss=classify())
    _, each = ensemble(learner(NET, {'c': player}), source, 3)
    subsets = np.sort(np.asarray(jax.jit(each.init)(KEY)[0]['subset']))
    assert len(np.unique(subsets, axis=0)) == 3
    whole = jax.jit(labelled(arrays, 20).init)(KEY)[1]
    assert sorted(whole['label'].tolist()) == 10 * [0] + 10 * [1]


@pytest.mark.parametrize('examples', [0, 7, 400])
def test_a_number_of_labels_that_cannot_be_balanced_is_refused(examples: int) -> None:
    with pytest.raises(ValueError, match=f'examples={examples} of 2 classes'):
        labelled(BATCH, examples)


def test_a_stack_without_a_machine_is_refused() -> None:
    with pytest.raises(ValueError, match='hidden is'):
        DeepBeliefNetwork(hidden=())
    with pytest.raises(ValueError, match='wanted all to be at least 1'):
        DeepBeliefNetwork(hidden=(3, 0))
