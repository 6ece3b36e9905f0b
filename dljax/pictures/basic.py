"""Pictures for any family: classifications, weights, rows of images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from dljax.data import as_float, batches
from dljax.experiment import Outcome, Picture
from dljax.metrics import confusion_matrix as count_confusions
from dljax.pictures.progress import plain
from dljax.types import Predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AT_ONCE = 64  # examples predicted; a whole set of photographs would fill the memory
MOST_NAMES = 40  # of classes along an axis
WIDEST = 9  # letters of a name above a small picture, which holds two of them


def predict_set(outcome: Outcome, predict: Predict, split: str) -> np.ndarray:
    """Predict a whole set, a batch at a time.

    Args:
        outcome: of the run.
        predict: `(net, batch) -> [batch, ...]`.
        split: which set.

    Returns:
        [example, ...].
    """
    arrays, parts = outcome.evaluation[split], []
    count = len(next(iter(arrays.values())))
    for batch in batches(arrays, min(AT_ONCE, count)):
        mask = batch.pop('mask')
        parts.append(np.asarray(outcome.apply(predict, batch))[mask > 0])
    return np.concatenate(parts)


def plain_names(names: Sequence[str]) -> list[str]:
    """Let Matplotlib write names as they are, where it would see formulas."""
    return [name.replace('$', r'\$') for name in names]


def _classes(logits: np.ndarray) -> np.ndarray:
    """Choose the class: of the largest logit, or whether a single one is at least 0."""
    if logits.ndim == 1 or logits.shape[1] == 1:
        return (logits.reshape(-1) >= 0).astype(np.int32)
    return logits.argmax(1)


def confusion(predict: Predict, names: Sequence[str], split: str = 'test') -> Picture:
    """Count which class was taken for which.

    Args:
        predict: `(net, batch) -> logits` of [batch, classes].
        names: of the classes.
        split: which set.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        batch = outcome.evaluation[split]
        said = _classes(predict_set(outcome, predict, split))
        table = np.asarray(
            count_confusions(said, jnp.asarray(batch['label']), classes=len(names))
        )
        size = 2 + 0.42 * min(len(names), MOST_NAMES)
        figure = plain(size, size)
        axes = figure.add_subplot()
        axes.imshow(np.sqrt(table), cmap='Blues')
        for (row, column), count in np.ndenumerate(table):
            if count and len(names) <= MOST_NAMES:
                color = 'white' if count > table.max() / 3 else 'black'
                axes.text(
                    column, row, f'{count:g}', ha='center', va='center', color=color
                )
        ticks = range(0, len(names), -(-len(names) // MOST_NAMES))
        shown = plain_names([names[tick] for tick in ticks])
        wide = {'rotation': 45, 'ha': 'right', 'rotation_mode': 'anchor'}
        axes.set_xticks(ticks, shown, **(wide if max(map(len, shown)) > 2 else {}))
        axes.set_yticks(ticks, shown)
        title = f'{split}: {len(batch["label"])} examples'
        axes.set(xlabel='predicted', ylabel='true', title=title)
        return figure

    return draw


def mistakes(
    predict: Predict, names: Sequence[str], split: str = 'test', most: int = 24
) -> Picture:
    """Show the pictures whose true class was thought least likely.

    Args:
        predict: `(net, batch) -> logits` of [batch, classes].
        names: of the classes.
        split: which set; its images are [batch, height, width, channel] in [0, 1], or
            integers.
        most: how many.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        batch = outcome.evaluation[split]
        logits = predict_set(outcome, predict, split).astype(np.float64)
        logits -= logits.max(1, keepdims=True)
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        true, said = np.asarray(batch['label']), probabilities.argmax(1)
        right = probabilities[np.arange(len(true)), true]
        worst = np.argsort(right)[:most]
        wrong = int((said != true).sum())
        short = [n if len(n) <= WIDEST else n[: WIDEST - 1] + '…' for n in names]
        shown = plain_names(short)
        captions = [
            f'{shown[true[i]]} → {shown[said[i]]}\n{100 * right[i]:.0f} %'
            for i in worst
        ]
        title = (
            f'{split}: {wrong} of {len(true)} wrong; true → predicted, belief in true'
        )
        images = np.asarray(batch['image'])[worst]
        images = as_float(images) if images.dtype.kind == 'u' else images
        return grid(images, captions=captions, title=title)

    return draw


def filters(*path: str, title: str = '') -> Picture:
    """Show the kernels of a convolution, or the input weights of dense units as images.

    Kernels for three channels are shown in colour, grey for 0; of others it is the mean
    over the channels, red above 0 and blue below.

    Args:
        *path: of the layer in the parameters, such as 'conv_0'.
        title: of the picture.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        params = outcome.state.params
        for name in path:
            if name not in params:
                raise ValueError(
                    f"there is no layer '{name}' on the path {path}, only "
                    f'{sorted(params)}'
                )
            params = params[name]
        kernel = np.asarray(params['kernel'])
        if kernel.ndim == 2:
            side = int(np.sqrt(kernel.shape[0]))
            kernel = kernel.reshape(side, side, 1, -1)
        name = title or '/'.join(path)
        if kernel.shape[2] == 3:
            tiles = 0.5 + 0.5 * kernel / max(np.abs(kernel).max(), 1e-12)
            return grid(np.moveaxis(tiles, -1, 0)[:64], title=name)
        tiles = np.moveaxis(kernel.mean(2), -1, 0)[:64, ..., None]
        return grid(tiles, title=name, symmetric=True)

    return draw


def boundary(
    predict: Predict, split: str = 'train', low: float = -0.5, high: float = 1.5
) -> Picture:
    """Colour the plane of two features by the predicted class.

    Args:
        predict: `(net, batch) -> logits`, one a point, positive for class 1.
        split: the set whose points are marked.
        low: smallest coordinate drawn.
        high: largest coordinate drawn.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        axis = np.linspace(low, high, 201, dtype=np.float32)
        points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
        logits = np.asarray(outcome.apply(predict, {'features': points})).reshape(
            201, 201
        )
        figure = plain(4.6, 4)
        axes = figure.add_subplot()
        belief = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        shading = axes.pcolormesh(axis, axis, belief, cmap='RdBu_r', vmin=0, vmax=1)
        figure.colorbar(shading, label='probability of class 1')
        if logits.min() < 0 < logits.max():
            axes.contour(axis, axis, logits, levels=[0], colors='black')
        batch = outcome.evaluation[split]
        for label, marker in ((0, 'o'), (1, 's')):
            x, y = np.asarray(batch['features'])[np.asarray(batch['label']) == label].T
            axes.scatter(
                x, y, marker=marker, s=90, c='white', edgecolors='black', label=label
            )
        handles, labels = axes.get_legend_handles_labels()
        labels = [f'class {label}' for label in labels]
        figure.legend(handles, labels, loc='outside upper center', ncols=2)
        axes.set(xlabel='$x_1$', ylabel='$x_2$', aspect='equal')
        return figure

    return draw


def grid(
    images: np.ndarray,
    captions: Sequence[str] = (),
    title: str = '',
    columns: int = 8,
    symmetric: bool = False,
) -> 'Figure':
    """Lay images out in rows.

    Args:
        images: [count, height, width, channel] with 1 or 3 channels; in [0, 1] unless
            symmetric.
        captions: a text above each.
        title: of the whole.
        columns: images in a row.
        symmetric: whether zero is the middle of the scale, as for weights.

    Returns:
        The figure.
    """
    columns = min(columns, max(len(images), 1))
    height = -(-max(len(images), 1) // columns)
    figure = plain(1.15 * columns, (1.6 if captions else 1.2) * height + 0.4)
    extent = float(np.abs(images).max()) if symmetric and images.size else 1.0
    for index, image in enumerate(images):
        axes = figure.add_subplot(height, columns, index + 1)
        grey = image.shape[-1] == 1
        axes.imshow(
            image[..., 0] if grey else np.clip(image, 0, 1),
            cmap='RdBu_r' if symmetric else 'gray',
            vmin=-extent if symmetric else 0.0,
            vmax=extent,
        )
        axes.set_axis_off()
        if captions:
            axes.set_title(captions[index], fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
