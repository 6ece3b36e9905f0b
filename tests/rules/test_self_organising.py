"""Self-organising maps: grids by hand, rules against NumPy, limits, unfolding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import metrics, rules
from dljax.data import resident
from dljax.layers import squared_distances
from dljax.models.self_organising import SelfOrganisingMap, grid_coordinates
from dljax.objectives import organise, score_map
from dljax.training import Player, evaluate, fit, learner

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(30, 3)).astype(np.float32)
GRID = grid_coordinates(3, 4, 'hexagonal')
PROTOTYPES = RNG.normal(size=(12, 3)).astype(np.float32)


adjacent = jax.jit(metrics.adjacent)
kohonen, batch_map = jax.jit(rules.kohonen), jax.jit(rules.batch_map)


def neighbours(rows: int, columns: int, grid: str) -> dict[int, set[int]]:
    near = np.asarray(adjacent(grid_coordinates(rows, columns, grid)))
    return {i: set(np.flatnonzero(row).tolist()) for i, row in enumerate(near)}


def test_a_rectangular_grid_has_up_to_four_neighbours_and_no_diagonal() -> None:
    # 0 1 2
    # 3 4 5
    # 6 7 8
    near = neighbours(3, 3, 'rectangular')
    assert near[4] == {1, 3, 5, 7}
    assert near[0] == {1, 3} and near[5] == {2, 4, 8}


def test_a_hexagonal_grid_has_up_to_six_neighbours() -> None:
    # 0 1 2
    #  3 4 5
    # 6 7 8
    near = neighbours(3, 3, 'hexagonal')
    assert near[4] == {1, 2, 3, 5, 7, 8}
    assert near[3] == {0, 1, 4, 6, 7} and near[5] == {2, 4, 8}
    assert near[0] == {1, 3} and near[6] == {7, 3} and near[2] == {1, 4, 5}


@pytest.mark.parametrize('grid', ['rectangular', 'hexagonal'])
def test_adjacency_is_mutual_also_on_a_large_grid(grid: str) -> None:
    near = neighbours(30, 40, grid)
    assert all(i in near[j] for i in near for j in near[i])
    assert sum(map(len, near.values())) == 2 * (
        30 * 39 + 29 * 40 + (29 * 39 if grid == 'hexagonal' else 0)
    )


def twin(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Both directions by loops over examples and units, in float64."""
    online, sums, totals = np.zeros((12, 3)), np.zeros((12, 3)), np.zeros(12)
    for x in INPUTS.astype(float):
        winner = np.argmin([np.linalg.norm(x - w) for w in PROTOTYPES])
        for j in range(12):
            d = np.linalg.norm(GRID[j] - GRID[winner])
            h = np.exp(-(d**2) / (2 * radius**2))
            online[j] += h * (PROTOTYPES[j] - x) / len(INPUTS)
            sums[j] += h * x
            totals[j] += h
    return online, PROTOTYPES - sums / totals[:, None]


@pytest.mark.parametrize('radius', [0.5, 1.0, 3.0])
def test_both_rules_equal_their_numpy_twins(radius: float) -> None:
    online, batch = twin(radius)
    got = kohonen(PROTOTYPES, INPUTS, GRID, radius)
    np.testing.assert_allclose(got, online, rtol=1e-4, atol=1e-5)
    got = batch_map(PROTOTYPES, INPUTS, GRID, radius)
    np.testing.assert_allclose(got, batch, rtol=1e-4, atol=1e-5)


def test_a_map_far_from_zero_moves_and_measures_as_near_it() -> None:
    far = 98_765_432
    prototypes, inputs = np.round(8 * PROTOTYPES) * 8, np.round(8 * INPUTS) * 8
    away = [each + np.float32(far) for each in (prototypes, inputs)]
    for rule in (kohonen, batch_map):
        near = rule(prototypes, inputs, GRID, 1.0)
        got = rule(*away, GRID, 1.0)
        np.testing.assert_allclose(got, near, rtol=1e-4, atol=1e-4)
    measure = jax.jit(squared_distances)
    np.testing.assert_allclose(measure(*away[::-1]), measure(inputs, prototypes))


def test_an_update_of_one_example_is_the_rule_of_the_paper() -> None:
    net = SelfOrganisingMap(rows=3, columns=4, grid='hexagonal')
    move = organise(radius=lambda step: 1.5, rule=rules.kohonen)
    train = learner(net, {'map': Player(optax.sgd(0.3), direction=move)})
    batch = {'features': INPUTS[:1]}
    before = jax.jit(train.init)(jax.random.key(0), batch)
    after, _ = jax.jit(train.update)(jax.random.key(0), before, batch)
    w = np.asarray(before.params['prototypes'])
    winner = np.square(w - INPUTS[0]).sum(1).argmin()
    h = np.exp(-np.square(GRID - GRID[winner]).sum(1) / (2 * 1.5**2))
    wanted = w + 0.3 * h[:, None] * (INPUTS[0] - w)
    np.testing.assert_allclose(after.params['prototypes'], wanted, atol=1e-6)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('neighbourhood', [rules.gaussian, rules.bubble])
def test_without_neighbours_the_batch_map_is_k_means(neighbourhood) -> None:
    prototypes = PROTOTYPES.copy()
    prototypes[5] = 1e3  # without an input: it stays
    move = jax.jit(functools.partial(rules.batch_map, neighbourhood=neighbourhood))
    got = move(prototypes, INPUTS, GRID, 0.0)
    wanted = jax.jit(rules.kmeans)(prototypes, INPUTS)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    np.testing.assert_array_equal(got[5], 0.0)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('neighbourhood', [rules.gaussian, rules.bubble])
def test_with_all_as_neighbours_every_prototype_goes_to_the_mean(neighbourhood) -> None:
    move = jax.jit(functools.partial(rules.batch_map, neighbourhood=neighbourhood))
    got = move(PROTOTYPES, INPUTS, GRID, 1e4)
    arrived = np.broadcast_to(INPUTS.mean(0), PROTOTYPES.shape)
    np.testing.assert_allclose(PROTOTYPES - got, arrived, atol=1e-5)


def test_a_bubble_of_one_holds_the_adjacent_units_of_either_grid() -> None:
    bubble = jax.jit(rules.bubble)
    for grid in ('rectangular', 'hexagonal'):
        places = grid_coordinates(5, 6, grid)
        gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)
        wanted = np.asarray(adjacent(places)) | np.eye(30, dtype=bool)
        np.testing.assert_array_equal(bubble(np.float32(gaps), 1.0), wanted)


def test_the_errors_of_a_map_are_those_worked_by_hand() -> None:
    net = SelfOrganisingMap(rows=2, columns=2)
    # Units 0 and 3, and 1 and 2, lie on diagonals of the grid.
    prototypes = np.float32([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    batch = {'features': np.float32([[0.2, 0.0], [0.8, 0.7], [5.0, 5.0]])}
    score = jax.jit(nn.apply(score_map(), net))
    scores = score({'params': {'prototypes': prototypes}}, batch, 0)
    wanted = [0.2, np.hypot(0.2, 0.7), 0.0]
    np.testing.assert_allclose(scores['quantisation_error'], wanted, atol=1e-3)
    np.testing.assert_array_equal(scores['topographic_error'][:2], [0.0, 1.0])


def test_a_shorter_type_does_not_blur_the_errors() -> None:
    batch, score = {'features': INPUTS}, score_map()
    variables = {'params': {'prototypes': PROTOTYPES}}
    found = []
    for dtype in (None, jnp.bfloat16):
        net = SelfOrganisingMap(rows=3, columns=4, grid='hexagonal', dtype=dtype)
        found.append(jax.jit(nn.apply(score, net))(variables, batch, 0))
    jax.tree.map(np.testing.assert_array_equal, *found)
    answer = jax.eval_shape(net.apply, variables, INPUTS)
    assert answer.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ('grid', 'rule'),
    [
        pytest.param('hexagonal', 'batch', marks=pytest.mark.heavy),
        pytest.param('rectangular', 'batch', marks=pytest.mark.exhaustive),
        pytest.param('hexagonal', 'online', marks=pytest.mark.exhaustive),
        pytest.param('rectangular', 'online', marks=pytest.mark.exhaustive),
    ],
)
def test_a_map_unfolds_over_a_square(grid: str, rule: str) -> None:
    square = RNG.uniform(size=(1000, 2)).astype(np.float32)
    net = SelfOrganisingMap(rows=6, columns=6, grid=grid)
    steps, batch = (60, None) if rule == 'batch' else (2000, 1)
    move = organise(
        radius=optax.exponential_decay(3.0, steps, 0.2),
        rule=rules.batch_map if batch is None else rules.kohonen,
    )
    rate = 1.0 if batch is None else 0.3
    train = learner(net, {'map': Player(optax.sgd(rate), direction=move)})
    key, source = jax.random.key(0), resident({'features': square}, batch)
    state, history = fit(train, source, steps=steps, key=key, chunk=20)
    scored = [{'features': square}]
    start = evaluate(net, score_map(), train.init(key, source.init(key)[1]), scored)
    end = evaluate(net, score_map(), state, scored)
    # By chance two units of 36 are adjacent once in nine times.
    assert start['topographic_error'] > 0.5 and end['topographic_error'] < 0.1
    # 36 squares of side 1/6: the mean distance from the middle is 0.064.
    assert end['quantisation_error'] < 0.09 < 0.2 < start['quantisation_error']
    np.testing.assert_allclose(history['map/radius'][[0, -1]], [3.0, 0.6], rtol=0.03)


def test_grids_and_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match='rows is 0'):
        SelfOrganisingMap(rows=0)
    with pytest.raises(ValueError, match="grid is 'round'.*'hexagonal'"):
        SelfOrganisingMap(grid='round')
    with pytest.raises(ValueError, match=r'wanted \(12, 2\)'):
        rules.kohonen(PROTOTYPES, INPUTS, GRID[:5], 1.0)
    with pytest.raises(ValueError, match='at least two units'):
        metrics.topographic_error(jnp.ones((3, 1)), jnp.ones((1, 2)))
