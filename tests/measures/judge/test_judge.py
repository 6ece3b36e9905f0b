"""The judge of made digits, and its measures, on generators whose samples are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import metrics
from dljax.experiment import Outcome
from dljax.measures.judge import (
    Judge,
    Recipe,
    agreement,
    compare,
    digits_judge,
    make_anchors,
    sample_quality,
    training,
)
from dljax.training import Learner
from dljax.types import Array, Key, Source, State


class Tint(nn.Module):
    """A generator whose one parameter is the grey of all its images."""

    @nn.compact
    def __call__(self, count: int) -> Array:
        """Give so many images."""
        grey = self.param('grey', nn.initializers.constant(0.5), ())
        return jnp.full((count, 8, 8, 1), 1.0) * grey


def outcome(*greys: float) -> Outcome:
    """A run of one member, or an ensemble of several."""
    grey = jnp.array(greys) if len(greys) > 1 else jnp.float32(greys[0])
    state = State(jnp.zeros_like(grey, jnp.int32), {'grey': grey}, {}, {})
    return Outcome(Tint(), state, state, {}, [])


def untrained(train: Learner, source: Source, *, steps: int, key: Key) -> tuple:
    """Stand for `fit`, at a fraction of its seconds."""
    _, batch = jax.eval_shape(source.init, key)
    batch = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), batch)
    return jax.jit(train.init)(key, batch), {}


def drawn_judge(seed: int = 0) -> Judge:
    """A judge as it is before its training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, 'fit', untrained)
        return digits_judge(2, seed)


@pytest.fixture(scope='module')
def judge() -> Judge:
    return drawn_judge()


@pytest.mark.heavy
def test_the_features_are_what_the_logits_are_computed_from(judge: Judge) -> None:
    images = judge.test[:7]
    features = judge.features(images)
    assert features.shape == (7, 64) and features.min() >= 0 < features.max()
    output = judge.params['output']
    wanted = features @ np.asarray(output['kernel']) + np.asarray(output['bias'])
    np.testing.assert_allclose(judge.logits(images), wanted, rtol=1e-4, atol=1e-5)
    right = judge.logits(judge.test).argmax(1) == judge.test_labels
    assert judge.accuracy == pytest.approx(right.mean())
    of_ones = right[judge.test_labels == 1].mean()
    assert judge.recalls[1] == pytest.approx(of_ones)


@pytest.mark.heavy
def test_a_judge_is_trained_once_and_its_fingerprint_is_of_its_weights(
    judge: Judge,
) -> None:
    assert digits_judge(2, seed=0) is judge
    other = drawn_judge(seed=1)
    assert len(judge.fingerprint) == 12 and judge.fingerprint != other.fingerprint
    again = Judge.fingerprint_of(jax.tree.map(np.array, judge.params))
    assert again == judge.fingerprint


def test_a_judge_says_what_its_figures_depend_on(judge: Judge) -> None:
    said = judge.describe(made=123)
    for word in (
        '64 features',
        'TutorialCNN',
        judge.fingerprint,
        '1,257 real',
        '123 samples',
        'without a resize filter',
        '2 updates',
        f'{judge.accuracy:.1%}',
    ):
        assert word in said, said
    assert '360 samples' in judge.describe()


def test_a_judge_refuses_other_shapes_and_ranges(judge: Judge) -> None:
    with pytest.raises(ValueError, match=r'shape \(2, 28, 28, 1\)'):
        judge.features(np.ones((2, 28, 28, 1)))
    with pytest.raises(ValueError, match=r'range from -1 to -1, wanted \[0, 1\]'):
        judge.logits(-np.ones((2, 8, 8, 1)))
    with pytest.raises(ValueError, match='range from nan'):
        judge.logits(np.full((2, 8, 8, 1), np.nan))


def test_training_digits_are_at_no_distance_from_themselves(judge: Judge) -> None:
    found = compare(judge.real, judge)
    assert found['fid'] < 1e-6 and found['precision'] == found['recall'] == 1.0
    # The pairs of an image and its own copy make it negative.
    assert found['kid'] < 0


def test_the_anchors_are_real_digits_and_pixels_like_theirs(judge: Judge) -> None:
    anchors = make_anchors(judge, 300)
    test, gauss = anchors['test_digits'], anchors['gaussian_pixels']
    assert test.shape == gauss.shape == (300, 8, 8, 1)
    assert len(np.unique(test.reshape(300, -1), axis=0)) == 300
    whole = {image.tobytes() for image in judge.test}
    assert all(image.tobytes() in whole for image in test)
    # Quantiles pass through the cut at 0 and 1, as moments do not.
    mean, deviation = judge.real.mean(0), judge.real.std(0)
    for fraction, height in ((0.5, 0.0), (0.841, 1.0), (0.159, -1.0)):
        wanted = np.clip(mean + height * deviation, 0, 1)
        np.testing.assert_allclose(np.quantile(gauss, fraction, 0), wanted, atol=0.12)
    assert 0 == gauss.min() and gauss.max() == 1


def test_precision_and_recall_compare_sets_of_one_size(judge: Judge) -> None:
    """Balls around more real images than samples would hold more of the samples."""
    images = judge.test[:20]
    sizes = []

    def overlap(real: np.ndarray, made: np.ndarray) -> metrics.Overlap:
        sizes.append((len(real), len(made)))
        return metrics.Overlap(0.25, 0.75)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, 'manifold_precision_recall', overlap)
        found = compare(images, judge)
    assert sizes == [(20, 20)]
    assert (found['precision'], found['recall']) == (0.25, 0.75)


def drawn(net: nn.Module, key: Key, count: int) -> Array:
    noise = 0.2 * jax.random.uniform(key, (count, 8, 8, 1))
    return net(count) + noise


@pytest.mark.heavy
def test_quality_is_measured_member_by_member(judge: Judge) -> None:
    found = sample_quality(drawn, judge, count=20)(outcome(0.1, 0.8, 0.3))
    for index, grey in enumerate((0.1, 0.8, 0.3)):
        alone = sample_quality(drawn, judge, count=20, anchors=False)(outcome(grey))
        for name in ('fid', 'kid', 'inception_score', 'precision', 'recall'):
            assert alone[name].shape == (1,)
            wanted = pytest.approx(alone[name][0], rel=1e-4, abs=1e-9)
            assert found[name][index] == wanted
    assert found['fid'].shape == (3,) and len(set(found['fid'])) == 3
    assert found['fid/median'] == sorted(found['fid'])[1]
    real, poor = (found[f'{a}/fid'] for a in ('test_digits', 'gaussian_pixels'))
    assert 0 < real < poor and real < found['fid'].min()
    assert real == compare(make_anchors(judge, 20)['test_digits'], judge)['fid']
    less = sample_quality(drawn, judge, count=20, anchors=False)(outcome(0.1, 0.8, 0.3))
    left = {name for name in found if not name.startswith(('test', 'gaussian'))}
    assert less.keys() == left and len(left) == 6
    with pytest.raises(ValueError, match='count=361, wanted 5 to 360'):
        sample_quality(drawn, judge, count=361)


def test_agreement_is_the_fraction_that_is_classified_as_asked(judge: Judge) -> None:
    """A generator that gives a real digit of the class asked for, or of the next."""
    firsts = np.stack(
        [judge.test[np.argmax(judge.test_labels == digit)] for digit in range(10)]
    )
    said = judge.logits(firsts).argmax(1)

    def draw(net: nn.Module, key: Key, labels: Array) -> Array:
        shift = (net(1)[0, 0, 0, 0] > 0.5).astype(jnp.int32)
        return jnp.asarray(firsts)[(labels + shift) % 10]

    found = agreement(draw, judge, count=50)(outcome(0.0, 1.0))
    wanted = (said == np.arange(10)).mean(), (np.roll(said, -1) == np.arange(10)).mean()
    np.testing.assert_allclose(found['agreement'], wanted)
    assert found['median'] == pytest.approx(np.mean(wanted))
    assert found['test_digits'] == judge.accuracy
    assert agreement(draw, judge, count=50)(outcome(0.0))['agreement'] == [wanted[0]]
    with pytest.raises(ValueError, match='count=0'):
        agreement(draw, judge, count=0)


def test_the_line_of_the_digits_judge_is_that_of_the_ledger(judge: Judge) -> None:
    """Metrics of different lines are not comparable; those of many runs have this."""
    assert Recipe(seed=0).describe(1257, 'digits') == (
        'a TutorialCNN (32, 64)-64 of (3, 3) kernels and dropout 0.2, trained on 1,257 '
        'digits: 3,000 updates of 64 by Adam, 0.002 falling to 0 along a cosine, '
        'random rotation to 12 degrees, scale to 15%, shift to 8%, seed 0'
    )
    said = judge.describe()
    assert said.startswith('judged by 64 features of a TutorialCNN (32, 64)-64 of ')
    assert said.endswith(
        f'seed 0; sha256 {judge.fingerprint}, {judge.accuracy:.1%} of the test digits '
        'right; 1,257 real training digits, 360 samples a member, 8x8 without a resize '
        'filter'
    )


@pytest.mark.heavy
def test_a_judge_is_trained() -> None:
    few = digits_judge(3, seed=2)
    # As it was before there were judges of other sets; bits depend on the hardware.
    sums = {'conv_0': 72.568625, 'conv_1': 894.750835, 'hidden': 843.096739}
    for layer, wanted in sums.items():
        got = np.abs(np.asarray(few.params[layer]['kernel'], np.float64)).sum()
        assert got == pytest.approx(wanted, rel=1e-5), layer
    assert few.fingerprint != drawn_judge(seed=2).fingerprint
    moved = jax.tree.map(
        lambda a, b: np.abs(a - b).max(), few.params, drawn_judge(seed=2).params
    )
    assert 0 < min(jax.tree.leaves(moved)) and max(jax.tree.leaves(moved)) < 0.1


@pytest.mark.exhaustive
def test_the_judge_knows_its_digits() -> None:
    judge = digits_judge()
    assert judge.accuracy >= 0.99
    anchors = make_anchors(judge, 360)
    real, poor = (compare(anchors[name], judge) for name in anchors)
    assert 9 < real['inception_score'] <= 10
    assert real['fid'] < poor['fid'] / 20
    assert min(real['precision'], real['recall']) > 0.8
