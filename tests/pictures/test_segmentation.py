"""Pictures of segmentations: right colours, exact figures, every member counted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import metrics
from dljax.experiment import Outcome
from dljax.measures.scores import take_measures
from dljax.measures.segmentation import overlaps, pixel_counts
from dljax.objectives import count_pixels
from dljax.pictures.segmentation import (
    class_overlaps,
    palette,
    pixel_confusion,
    segmented,
)
from dljax.types import Array, Batch, State

NAMES = ('background', 'a', 'b', 'c')
RNG = np.random.default_rng(0)
LABEL = RNG.integers(0, 3, (7, 5, 5)).astype(np.int32)
SAID = np.where(RNG.uniform(size=LABEL.shape) < 0.7, LABEL, (LABEL + 1) % 3)
TEST = {'image': SAID[..., None].astype(np.float32) / 4, 'label': LABEL}


class Reads(nn.Module):
    """Reads classes off the image; a shift of 1 makes the next class of each."""

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Turn grey levels into logits."""
        shift = self.param('shift', nn.initializers.zeros, ())
        said = jnp.round(4 * image[..., 0] + shift).astype(jnp.int32) % 3
        return jnp.where(said[..., None] == jnp.arange(4)[None, None, None], 9.0, 0.0)


def outcome(*shifts: float) -> Outcome:
    one = State(jnp.int32(0), {'shift': jnp.float32(shifts[0])}, {}, {})
    members = State(
        jnp.zeros(len(shifts), jnp.int32), {'shift': jnp.asarray(shifts)}, {}, {}
    )
    state = members if len(shifts) > 1 else one
    return Outcome(Reads(), one, state, {'test': TEST}, [])


def logits(net: nn.Module, batch: Batch) -> Array:
    return net(jnp.asarray(batch['image']))


@pytest.mark.heavy
def test_figures_are_exact_over_the_set_for_every_member() -> None:
    counts = pixel_counts(count_pixels(), batch_size=3)  # 7 examples: two are padding
    seen = outcome(0.0, 1.0)
    found = counts(seen)
    for index, said in enumerate((SAID, (SAID + 1) % 3)):
        wanted = np.zeros((4, 4))
        np.add.at(wanted, (LABEL, said), 1)
        np.testing.assert_array_equal(found[index], wanted)
    figures = take_measures(seen, {'net': overlaps(counts, NAMES)})
    mean, each = jax.jit(
        lambda said: (
            metrics.mean_iou(metrics.confusion_matrix(said, LABEL, classes=4)),
            metrics.intersection_over_union(
                metrics.confusion_matrix(said, LABEL, classes=4)
            ),
        )
    )(SAID)
    np.testing.assert_allclose(figures['net/iou'][0], mean, rtol=1e-6)
    assert figures['net/iou'][1] < 0.3 < figures['net/iou'][0]
    np.testing.assert_allclose(figures['net/iou_objects'][0], each[1:3].mean())
    np.testing.assert_allclose(figures['net/iou_b'][0], each[2])
    assert 'net/iou_c' not in figures  # it does not occur
    alone = take_measures(outcome(0.0), {'net': overlaps(counts, NAMES)})
    np.testing.assert_allclose(alone['net/iou'], figures['net/iou'][0])
    assert np.ndim(alone['net/iou']) == 0


def test_bars_stand_at_the_mean_over_the_members() -> None:
    counts = pixel_counts(count_pixels())
    figure = class_overlaps({'net': counts}, NAMES)(outcome(0.0, 1.0))
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    wanted = np.nan_to_num(
        np.asarray(metrics.intersection_over_union(counts(outcome(0.0, 1.0))))
    ).mean(0)
    np.testing.assert_allclose(heights, wanted, rtol=1e-6)
    assert 'net: mean 0.' in figure.legends[0].get_texts()[0].get_text()


def test_the_confusion_of_pixels_is_in_per_cent_of_the_truth() -> None:
    figure = pixel_confusion(pixel_counts(count_pixels()), NAMES)(outcome(0.0))
    texts = {
        text.get_position(): float(text.get_text()) for text in figure.axes[0].texts
    }
    for kind in range(3):
        right = 100 * (SAID[LABEL == kind] == kind).mean()
        assert texts[kind, kind] == pytest.approx(right, abs=0.051)
    assert (3, 3) not in texts


def test_rows_show_image_truth_prediction_and_errors() -> None:
    figure = segmented({'net': logits}, NAMES, count=3)(outcome(0.0))
    axes = figure.axes[0]
    wrong = 100 * (SAID[:3] != LABEL[:3]).mean()
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        'image',
        'truth',
        'net',
        f'net: {wrong:.1f} % wrong',
    ]
    canvas = np.asarray(axes.images[0].get_array())
    colours = palette(4)
    for row, shown in ((1, LABEL), (2, SAID)):
        np.testing.assert_allclose(
            canvas[6 * row : 6 * row + 5, 6:11], colours[shown[1]], rtol=1e-6
        )
    red = canvas[18:23, 6:11, 0] > 0.9
    np.testing.assert_array_equal(red, SAID[1] != LABEL[1])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ['background', 'a', 'b']


def test_colours_differ() -> None:
    for classes in (2, 11, 21):
        assert len(np.unique(palette(classes), axis=0)) == classes
    with pytest.raises(ValueError, match='classes is 22'):
        palette(22)
