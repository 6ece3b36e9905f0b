"""Every row of the zoo has a train step, and the small ones really make it."""

import itertools
from collections.abc import Container

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import recipes, zoo
from dljax.recipes import recipe

NAMES = zoo.list_models()
# One of each family, of a size at which compiling and computing takes a moment.
SMALL = {
    'xor_2_4_1': {},
    'lenet5': {},
    'resnet_cifar': {'sizes': {'image': (8, 8, 3)}},
    'sequence_tagger': {'sizes': {'sequence': (4, 3)}},
    'gpt_character': {
        **{'vocabulary': 9, 'context': 8, 'width': 8, 'layers': 1, 'heads': 2},
        'sizes': {'tokens': (8,)},
    },
    'text_cnn': {
        **{'vocabulary': 9, 'embedding': 4, 'features': 3},
        'sizes': {'tokens': (6,)},
    },
    'dqn_cartpole': {},
    'rbm': {'visible': 12, 'hidden': 5},
    'gaussian_naive_bayes': {},
    'self_organising_map': {},
    'dcgan_small': {},
    'vae': {'shape': (4, 4, 1), 'hidden': (8,)},
    'unet': {'depth': 1, 'width': 4, 'sizes': {'image': (8, 8, 1)}},
    'srresnet': {'blocks': 1, 'features': 4, 'sizes': {'image': (6, 5, 3)}},
    'pix2pix_small': {'width': 4, 'patch_width': 4, 'sizes': {'a': (16, 16, 1)}},
}

# Even to trace these takes long.
DEEP = ('resnet*', 'preact*', 'goo*', 'vgg*', 'alex*', 'unet*', '*gan', 'deep_belief*')
DEEP += ('srresnet', 'edsr*', 'cyclegan*', 'pix2pix*')
SLOW = {name for family in DEEP for name in zoo.list_models(family)}
OFTEN = {'resnet_cifar', 'acgan', 'unet', 'cyclegan_small'}


def suite(case: object, quick: Container, heavy: Container) -> list:
    """Mark what is not quick."""
    if case in quick:
        return []
    return [pytest.mark.heavy if case in heavy else pytest.mark.exhaustive]


QUICK = {(name, 'float32') for name in ('xor_2_4_1', 'self_organising_map')}
QUICK |= {('xor_2_4_1', 'bfloat16')}
FLOATS = {(name, 'float32') for name in SMALL} | {('lenet5', 'bfloat16')}
TRACED = [
    pytest.param(n, marks=suite(n, set(SMALL) - SLOW, (set(NAMES) - SLOW) | OFTEN))
    for n in NAMES
]
COMPUTED = [
    pytest.param(*case, marks=suite(case, QUICK, FLOATS))
    for case in itertools.product(SMALL, ('float32', 'bfloat16'))
]


def test_the_recipes_are_those_of_the_rows():
    assert sorted(recipes._PLANS) == NAMES
    families = {zoo.row(name).constructor.__module__.split('.')[2] for name in NAMES}
    assert len(families) == len(SMALL)


@pytest.mark.parametrize('name', TRACED)
def test_an_update_keeps_the_form_of_the_state_and_gives_finite_types(name):
    made = recipe(name)
    train, key = made.learner(), jax.random.key(0)
    state = jax.eval_shape(train.init, key, made.batch)
    moved, metrics = jax.eval_shape(train.update, key, state, made.batch)
    assert jax.tree.map(jnp.shape, moved) == jax.tree.map(jnp.shape, state)
    assert {leaf.dtype.name for leaf in metrics.values()} == {'bool', 'float32'}
    # All that the row counts is there, and is trained by someone.
    groups = set(state.params)
    trained = {
        group.split('/')[0]
        for player in made.players.values()
        for group in player.trains or groups
    }
    assert trained == groups


@pytest.mark.parametrize(('name', 'precision'), COMPUTED)
def test_two_updates_are_finite(name, precision):
    made = recipe(name, batch=16, precision=precision, **SMALL[name])
    train, key = made.learner(), jax.random.key(0)
    batch = jax.jit(made.draw)(key)
    for feature, values in batch.items():
        if values.dtype != bool:
            made.specs[feature].check(feature, values)

    state, update = jax.jit(train.init)(key, batch), jax.jit(train.update)
    last, metrics = update(key, update(key, state, batch)[0], batch)
    assert int(last.step) == 2
    for metric in jax.device_get(metrics).values():
        assert metric.dtype in (np.float32, np.bool_) and np.isfinite(metric)
    assert {p.dtype.name for p in jax.tree.leaves(last.params)} == {'float32'}
    still = jax.tree.map(np.array_equal, state.params, last.params)
    assert not all(jax.tree.leaves(still))


@pytest.mark.heavy
def test_sizes_and_lengths_follow_the_feature_that_they_belong_to():
    tagger = recipe('sequence_tagger', batch=200, sizes={'sequence': (5, 2)})
    assert tagger.batch['label'].shape == (200, 5)
    length = tagger.draw(jax.random.key(0))['length']
    assert int(length.min()) == 1 and int(length.max()) == 5
    unet = recipe('unet', sizes={'image': (48, 64, 3)})
    assert unet.batch['label'].shape[1:] == (48, 64)


def test_settings_reach_the_net_and_its_specs():
    made = recipe('dqn_cartpole', actions=5)
    assert made.specs['action'].high == 4 and made.net.online.actions == 5
    assert recipe('vgg11', remat=True).net.remat
    resnet = recipe('resnet20_cifar', axis_name='data', precision='bfloat16')
    assert resnet.net.axis_name == 'data' and resnet.net.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'remat': True}, 'lenet5 cannot recompute its blocks: .* resnet50'),
        ({'batch': 0}, 'batch is 0'),
        ({'precision': 'int4'}, "precision is 'int4', wanted 'float32'"),
        ({'sizes': {'image': (28, 28, 1)}}, r'is \(28, 28, 1\), wanted \(32, 32, 1\)'),
        ({'sizes': {'sound': (2,)}}, "no 'sound' .*, only image, label"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        recipe('lenet5', **settings)


def test_an_unknown_model_is_answered_with_the_nearest_ones():
    with pytest.raises(ValueError, match='did you mean lenet5'):
        recipe('lenet')


@pytest.mark.parametrize('name', ['srresnet', 'srgan'])
def test_targets_of_an_enlargement_are_larger_by_its_scale(name):
    made = recipe(name, scale=3, batch=2, sizes={'image': (20, 16, 3)})
    assert made.batch['target'].shape == (2, 60, 48, 3)
    given = {'image': (8, 8, 3), 'target': (99, 99, 3)}
    assert recipe(name, sizes=given).batch['target'].shape == (16, 99, 99, 3)
