"""Learning to give each pixel a class, and counting how often it succeeds."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import losses, metrics
from dljax.data import Placement, batches, paint, procedural
from dljax.models.segmentation import UNet
from dljax.objectives import count_pixels, score_segmentation, segment
from dljax.objectives.segmentation import crop
from dljax.training import Player, fit, learner
from dljax.types import Array, Batch, Key, fold


class Says(nn.Module):
    """Gives the classes that it is shown as an image, in the middle of it."""

    classes: int = 3
    edge: int = 0

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Turn class numbers into sure logits."""
        self.param('none', nn.initializers.zeros, ())
        side = slice(self.edge, image.shape[1] - self.edge)
        said = image[:, side, side, 0].astype(jnp.int32)
        return 20.0 * jax.nn.one_hot(said, self.classes)


def apply(objective, net: nn.Module, batch: Batch):
    call = jax.jit(nn.apply(objective, net))
    return call({'params': {'none': np.zeros((), np.float32)}}, batch, 0)


def example(said: list, label: list) -> Batch:
    return {
        'image': np.asarray(said, np.float32)[None, ..., None],
        'label': np.asarray(label, np.int32)[None],
    }


def test_scores_are_those_of_each_example() -> None:
    one = example([[0, 1], [2, 0]], [[0, 1], [1, 2]])
    other = example([[0, 0], [0, 1]], [[0, 0], [0, 0]])
    batch = {name: np.concatenate([one[name], other[name]]) for name in one}
    scores = apply(score_segmentation(), Says(), batch)
    np.testing.assert_allclose(scores['accuracy'], [2 / 4, 3 / 4])
    np.testing.assert_allclose(scores['foreground'], [1 / 3, 1])  # it has none
    np.testing.assert_allclose(scores['loss'], [20 * 2 / 4, 20 / 4], rtol=1e-5)
    scores = apply(score_segmentation(ignore=1), Says(), batch)
    np.testing.assert_allclose(scores['accuracy'], [1 / 2, 3 / 4])
    np.testing.assert_allclose(scores['foreground'], [0, 1])


def test_logits_of_the_middle_are_compared_with_the_labels_of_the_middle() -> None:
    said = np.arange(16).reshape(4, 4) % 3
    label = np.full((4, 4), 2)
    label[1:3, 1:3] = said[1:3, 1:3]
    batch = example(said, label)
    assert apply(score_segmentation(), Says(), batch)['accuracy'][0] < 1
    assert apply(score_segmentation(), Says(edge=1), batch)['accuracy'][0] == 1
    value, scores = apply(segment(dice=1.0), Says(edge=1), batch)
    assert value < 1e-6 and scores['accuracy'] == 1
    with pytest.raises(ValueError, match='wanted no smaller height'):
        crop(jnp.ones((1, 2, 2)), jnp.ones((1, 4, 4)))


def test_counts_over_a_set_leave_out_its_padding_and_what_is_ignored() -> None:
    rng = np.random.default_rng(0)
    batch = {
        'image': rng.integers(0, 3, (5, 4, 4, 1)).astype(np.float32),
        'label': rng.integers(0, 4, (5, 4, 4)).astype(np.int32),
    }
    count = jax.jit(nn.apply(count_pixels(ignore=3), Says()))
    variables = {'params': {'none': np.zeros((), np.float32)}}
    found = sum(np.asarray(count(variables, part)) for part in batches(batch, 2))
    said = batch['image'][..., 0].astype(np.int32)
    wanted = metrics.confusion_matrix(
        said, np.minimum(batch['label'], 2), classes=3, where=batch['label'] < 3
    )
    np.testing.assert_array_equal(found, wanted)


def test_the_loss_is_the_sum_of_what_is_asked_for() -> None:
    batch = example([[0, 1], [2, 0]], [[0, 1], [1, 2]])
    batch['instance'] = np.asarray([[[0, 1], [2, 2]]])
    logits = 20 * np.eye(3, dtype=np.float32)[batch['image'][..., 0].astype(int)]
    value, _ = apply(
        segment(
            class_weights=(1.0, 2.0, 3.0),
            weights=lambda batch: losses.border_weights(batch['instance'], 2),
            dice=0.5,
        ),
        Says(),
        batch,
    )

    @jax.jit
    def by_hand(logits: Array, label: Array, instance: Array) -> tuple[Array, Array]:
        weights = losses.border_weights(instance, 2)
        entropy = losses.pixel_cross_entropy(
            logits, label, class_weights=(1.0, 2.0, 3.0), weights=weights
        )
        return weights, entropy + 0.5 * losses.soft_dice(logits, label)

    weights, wanted = by_hand(logits, batch['label'], batch['instance'])
    np.testing.assert_allclose(value, wanted[0], rtol=1e-6)
    assert weights.max() > 2
    with pytest.raises(ValueError, match='dice is -1'):
        segment(dice=-1)


def squares(key: Key, examples: int) -> Batch:
    """Squares of two classes, told apart by whether one corner is missing."""
    full = jnp.ones((6, 6))
    glyphs = jnp.stack([full, full.at[:2, :2].set(0.0)])[..., None]
    kind = jax.random.randint(fold(key, 'kind'), (examples, 1), 0, 2)
    centre = jax.random.randint(fold(key, 'centre'), (examples, 1, 2), -1, 2)
    place = Placement(
        centre.astype(jnp.float32),
        jnp.full((examples, 1), 6.0),
        jnp.zeros((examples, 1)),
        jnp.ones((examples, 1)),
    )
    return paint(jnp.zeros((examples, 8, 8, 1)), glyphs[kind], kind + 1, place)


@pytest.mark.parametrize(
    ('depth', 'reached'),
    [
        pytest.param(1, True, marks=pytest.mark.heavy),
        pytest.param(0, False, marks=pytest.mark.exhaustive),
    ],
)
def test_a_unet_tells_apart_what_a_local_net_cannot(depth: int, reached: bool) -> None:
    """A pixel far from the corner sees it through the pooling alone."""
    net = UNet(3, 6, depth)
    train = learner(net, {'unet': Player(optax.adam(0.01), loss=segment())})
    source = procedural(squares, 16)
    state, _ = fit(train, source, steps=100, key=jax.random.key(1))
    count = jax.jit(nn.apply(count_pixels(), net))
    table = count({'params': state.params}, squares(jax.random.key(9), 64))
    found = float(metrics.mean_iou(table))
    assert (found > 0.9) is reached, found
