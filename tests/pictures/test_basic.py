"""Pictures and the page: what they show is what the run knows."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import pictures
from dljax.experiment import Outcome, once
from dljax.models.standardised import Standardised
from dljax.objectives import predict
from dljax.pictures.basic import predict_set
from dljax.types import Array, State

CLASSES = 3
IMAGES = np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 2]].reshape(4, 1, 3, 1)


class Identity(nn.Module):
    """Logits are the pixels, times a weight."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Scale the pixels."""
        x = x.reshape(len(x), -1)
        return nn.Dense(x.shape[-1], use_bias=False, name='dense')(x)


def outcome(evaluation: dict, rows: list | None = None, inputs: int = 3) -> Outcome:
    params = {'dense': {'kernel': 5.0 * jnp.eye(inputs)}}
    state = State(jnp.int32(0), params, {}, {})
    return Outcome(Identity(), state, state, evaluation, rows or [])


def texts(figure: object) -> list[str]:
    return [t.get_text() for axes in figure.axes for t in (*axes.texts, axes.title)]


def test_curves_put_metrics_of_one_name_into_one_panel() -> None:
    rows = [
        {'step': s, 'seconds': 1.0, 'a/loss': 1 / s, 'a/loss/std': 0.1, 'a/accuracy': s}
        for s in (1, 2, 3)
    ]
    rows[-1]['validation/loss'] = 0.5
    figure = pictures.curves(outcome({}, rows))
    by_title = {axes.get_title(): axes for axes in figure.axes}
    assert by_title.keys() == {'loss', 'accuracy'}
    lines = {line.get_label(): line for line in by_title['loss'].lines}
    assert lines.keys() == {'a', 'validation'}
    np.testing.assert_allclose(lines['a'].get_ydata(), [1, 1 / 2, 1 / 3])
    assert list(lines['validation'].get_xdata()) == [3]
    assert len(by_title['loss'].collections) == 1  # the band of the standard deviation


def test_curves_of_a_run_without_rows_are_empty() -> None:
    assert pictures.curves(outcome({})).axes == []


def test_the_confusion_matrix_counts_truth_against_prediction() -> None:
    labels = np.array([0, 1, 2, 0], np.int32)
    batch = {'image': IMAGES, 'label': labels}
    draw = pictures.confusion(predict(), ['a', 'b', 'c'])
    figure = draw(outcome({'test': batch}))
    table = np.asarray(figure.axes[0].images[0].get_array()) ** 2
    np.testing.assert_allclose(table, [[1, 0, 1], [0, 1, 0], [0, 0, 1]])
    assert 'test: 4 examples' in texts(figure)


def test_the_worst_mistake_comes_first() -> None:
    labels = np.array([0, 1, 0, 2], np.int32)
    batch = {'image': IMAGES, 'label': labels}
    draw = pictures.mistakes(predict(), ['a', 'b', 'c'], most=2)
    figure = draw(outcome({'test': batch}))
    assert len(figure.axes) == 2
    assert figure.axes[0].get_title().startswith('a → c\n')
    assert '1 of 4 wrong' in figure.get_suptitle()


def test_a_set_is_predicted_in_parts_and_in_order() -> None:
    shapes = []

    def traced(net: nn.Module, batch: dict) -> Array:
        shapes.append(batch['image'].shape)
        return predict()(net, batch)

    images = np.random.default_rng(0).uniform(size=(150, 1, 3, 1)).astype(np.float32)
    found = predict_set(outcome({'test': {'image': images}}), traced, 'test')
    np.testing.assert_allclose(found, 5 * images.reshape(150, 3), rtol=1e-5)
    assert shapes == [(64, 1, 3, 1)]  # compiled once; 150 are no multiple of it


def test_names_of_classes_are_written_as_they_are() -> None:
    batch = {'image': IMAGES, 'label': np.array([0, 1, 0, 2], np.int32)}
    names = ['$x^$ of', 'a $ b', '10 €']
    for draw in (pictures.confusion, pictures.mistakes):
        figure = draw(predict(), names)(outcome({'test': batch}))
        figure.savefig(io.BytesIO())  # a formula that is none would raise here
    assert figure.axes[0].get_title().startswith(r'\$x^\$ of → 10 €')


def test_long_names_above_mistakes_are_cut() -> None:
    batch = {'image': IMAGES, 'label': np.array([0, 1, 0, 2], np.int32)}
    names = ['golden retriever', 'afghan hound', 'wolf']
    figure = pictures.mistakes(predict(), names)(outcome({'test': batch}))
    assert figure.axes[0].get_title().startswith('golden r… → wolf\n')


def test_mistakes_among_pictures_of_integers_are_shown_in_their_range() -> None:
    net, images = Standardised(Identity(), (0.0,), (1.0,)), (IMAGES * 255).astype('u1')
    params = {'dense': {'kernel': 5.0 * jnp.eye(3)}}
    state = State(jnp.int32(0), params, {}, {})
    batch = {'image': images, 'label': np.array([0, 1, 2, 2], np.int32)}
    figure = pictures.mistakes(predict(), ['a', 'b', 'c'])(
        Outcome(net, state, state, {'test': batch}, [])
    )
    shown = figure.axes[0].images[0]
    assert shown.get_array().max() == 1.0 and shown.get_clim() == (0.0, 1.0)


def test_a_confusion_matrix_of_many_classes_stays_of_a_size() -> None:
    count = 130
    images = np.eye(count, dtype=np.float32).reshape(count, 1, count, 1)
    batch = {'image': images, 'label': np.arange(count, dtype=np.int32)}
    draw = pictures.confusion(predict(), [f'kind {i}' for i in range(count)])
    figure = draw(outcome({'test': batch}, inputs=count))
    assert max(figure.get_size_inches()) < 20
    axes = figure.axes[0]
    assert not axes.texts and len(axes.get_xticks()) <= 40
    assert axes.get_xticklabels()[1].get_text() == 'kind 4'


def test_filters_for_three_channels_are_in_colour_around_grey() -> None:
    kernel = np.zeros((2, 2, 3, 2), np.float32)
    kernel[0, 1, 2, 0], kernel[1, 1, :, 1] = 4.0, -2.0
    done = outcome({})
    done.state.params['conv'] = {'kernel': kernel}
    first, second = pictures.filters('conv')(done).axes
    shown = np.asarray(first.images[0].get_array())
    np.testing.assert_allclose(shown[0, 1], [0.5, 0.5, 1.0])
    np.testing.assert_allclose(shown[0, 0], 0.5)
    np.testing.assert_allclose(second.images[0].get_array()[1, 1], 0.25)


def test_filters_of_convolutions_and_of_dense_units_are_drawn() -> None:
    done = outcome({})
    conv = {'kernel': np.arange(2 * 2 * 1 * 5, dtype=np.float32).reshape(2, 2, 1, 5)}
    dense = {'kernel': np.ones((16, 3), np.float32)}
    params = {'conv': conv, 'block': {'dense': dense}}
    done.state.params.update(params)
    assert len(pictures.filters('conv')(done).axes) == 5
    shown = pictures.filters('block', 'dense')(done)
    assert shown.axes[0].images[0].get_array().shape == (4, 4)
    with pytest.raises(ValueError, match="no layer 'conf'.*'conv'"):
        pictures.filters('conf')(done)


def test_the_boundary_is_where_the_logit_changes_its_sign() -> None:
    points = np.array([[0, 0], [1, 1]], np.float32)
    batch = {'features': points, 'label': np.array([0, 1], np.int32)}

    def logit(net: nn.Module, batch: dict) -> Array:
        return batch['features'][:, :1] - 0.5

    figure = pictures.boundary(logit)(outcome({'train': batch}))
    contours = [c for c in figure.axes[0].collections if hasattr(c, 'levels')]
    (contour,) = contours
    np.testing.assert_allclose(contour.get_paths()[0].vertices[:, 0], 0.5, atol=1e-6)


def test_a_grid_shows_each_image_with_its_caption() -> None:
    images = np.random.default_rng(0).random((10, 4, 4, 3))
    figure = pictures.grid(images, captions=[str(i) for i in range(10)], title='ten')
    assert [axes.get_title() for axes in figure.axes] == [str(i) for i in range(10)]
    np.testing.assert_allclose(figure.axes[3].images[0].get_array(), images[3])


def test_an_outcome_applies_functions_to_the_bound_net() -> None:
    done = outcome({})
    doubled = done.apply(lambda net, x: 2 * net(x, train=False), IMAGES)
    np.testing.assert_allclose(doubled, 10 * IMAGES.reshape(4, 3))
    assert isinstance(doubled, jax.Array)


def test_every_member_answers_for_itself() -> None:
    done = outcome({})
    np.testing.assert_allclose(
        done.each(predict(), {'image': IMAGES}), 5 * IMAGES.reshape(1, 4, 3)
    )
    params = {'dense': {'kernel': jnp.stack([jnp.eye(3), 2.0 * jnp.eye(3)])}}
    members = State(jnp.zeros(2, jnp.int32), params, {}, {})
    done = Outcome(done.net, done.state, members, {}, [])
    np.testing.assert_allclose(
        done.each(predict(), {'image': IMAGES}),
        np.stack([IMAGES.reshape(4, 3), 2 * IMAGES.reshape(4, 3)]),
    )


def test_crowded_curves_share_one_legend_outside_the_panels() -> None:
    rows = [
        {'step': step, **{f'p{i}/loss': 1.0 / (i + step) for i in range(7)}}
        for step in (1, 2)
    ]
    rows[1]['p0/gap'] = 3.0
    figure = pictures.curves(outcome({}, rows))
    assert [axes.get_legend() for axes in figure.axes] == [None, None]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f'p{i}' for i in range(7)
    ]
    gap, loss = figure.axes
    assert gap.lines[0].get_color() == loss.lines[0].get_color()
    assert len({line.get_color() for line in loss.lines}) == 7


def test_what_is_computed_of_an_outcome_is_computed_once() -> None:
    seen = []
    first, second = outcome({'test': {}}), outcome({})
    count = once(lambda done: seen.append(done) or len(done.evaluation))
    assert [count(first), count(first), count(second), count(second)] == [1, 1, 0, 0]
    assert [done is first for done in seen] == [True, False]
