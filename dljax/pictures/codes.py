"""Pictures of codes: what is rebuilt from them, where they lie, what they stand for."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.experiment import Outcome, Picture
from dljax.types import Array, HostBatch, Predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Encode = Predict
Decode = Callable[[nn.Module, Array], Array]


def reconstructions(
    rows: Mapping[str, Encode], split: str = 'test', count: int = 16
) -> Picture:
    """Show inputs and, below each, what becomes of it.

    Args:
        rows: `(net, batch) -> [batch, height, width, channel]` in [0, 1] by the caption
            of the row, such as a net's reconstructions, or the input with noise.
        split: which set, with 'image' [batch, height, width, channel] in [0, 1]; where
            it has a 'label', the classes take turns.
        count: how many inputs.

    Returns:
        The picture, whose first row is the inputs.
    """

    def draw(outcome: Outcome) -> 'Figure':
        batch = outcome.evaluation[split]
        taken = choose(batch, count)
        batch = {name: np.asarray(values)[taken] for name, values in batch.items()}
        shown = _applied(outcome, rows, batch)
        return image_rows({'original': batch['image'], **shown}, f'{split} set')

    return draw


def latent_plot(
    encode: Encode | Mapping[str, Encode],
    names: Sequence[str],
    split: str = 'test',
) -> Picture:
    """Draw codes in the plane, coloured by class.

    A code of more than two numbers is shown by its first two principal components.

    Args:
        encode: `(net, batch) -> [batch, code]`, or several by name, a panel each.
        names: of the classes, at most 20.
        split: which set, with 'label' [batch].

    Returns:
        The picture.
    """
    several = encode if isinstance(encode, Mapping) else {'': encode}

    def draw(outcome: Outcome) -> 'Figure':
        import matplotlib
        from matplotlib.figure import Figure

        batch = outcome.evaluation[split]
        label = np.asarray(batch['label'])
        palette = matplotlib.colormaps['tab10' if len(names) <= 10 else 'tab20']
        columns = min(len(several), 3)
        height = -(-len(several) // columns)
        figure = Figure(
            figsize=(max(4.6 * columns, 5.5), 4.4 * height + 0.6), layout='constrained'
        )
        codes = _applied(outcome, several, batch)
        for index, (title, code) in enumerate(codes.items()):
            points, labels = plane(np.asarray(code))
            axes = figure.add_subplot(height, columns, index + 1)
            for number, name in enumerate(names):
                x, y = points[label == number].T
                axes.scatter(
                    x, y, s=14, color=palette(number), label=name, linewidths=0
                )
            axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
            axes.grid(alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc='outside lower center',
            ncols=min(len(names), 10),
            markerscale=2,
            columnspacing=1.0,
            handletextpad=0.2,
        )
        return figure

    return draw


def traversal(
    decode: Decode,
    encode: Encode,
    split: str = 'test',
    *,
    example: int = 0,
    span: float = 2.5,
    steps: int = 11,
    most: int = 8,
) -> Picture:
    """Show what each number of a code does: it moves, the others stay.

    Each runs over the codes' mean ± span standard deviations; the others are those of
    one example. The numbers that vary most come first.

    Args:
        decode: `(net, [count, code]) -> [count, height, width, channel]` in [0, 1].
        encode: `(net, batch) -> [batch, code]`.
        split: which set.
        example: whose code the others keep.
        span: in standard deviations.
        steps: images in a row.
        most: rows.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        codes = np.asarray(outcome.apply(encode, outcome.evaluation[split]), np.float32)
        mean, deviation = codes.mean(0), codes.std(0)
        units = np.argsort(-deviation)[:most]
        moved = np.tile(codes[example], (len(units), steps, 1))
        for row, unit in enumerate(units):
            reach = np.linspace(-span, span, steps)
            moved[row, :, unit] = mean[unit] + deviation[unit] * reach
        images = outcome.apply(decode, jnp.asarray(moved.reshape(-1, codes.shape[1])))
        images = np.asarray(images).reshape(len(units), steps, *images.shape[1:])
        captions = [f'unit {unit}: ± {span * deviation[unit]:.2g}' for unit in units]
        title = f'one number of the code of {split} example {example} moves'
        return image_rows(dict(zip(captions, images, strict=True)), title)

    return draw


def image_rows(rows: Mapping[str, np.ndarray | Array], title: str = '') -> 'Figure':
    """Lay images out in rows, each with a caption at its left.

    Args:
        rows: [count, height, width, channel] with 1 or 3 channels, in [0, 1], by
            caption; of equal shapes.
        title: of the whole.

    Returns:
        The figure.

    Raises:
        ValueError: for rows of unequal shapes.
    """
    from matplotlib.figure import Figure

    shapes = {np.shape(images) for images in rows.values()}
    if len(shapes) != 1:
        raise ValueError(
            f'the rows have shapes {sorted(shapes)}, wanted one and the same for all'
        )
    count, height, width, channels = shapes.pop()
    gap = max(1, width // 12)
    canvas = np.ones(
        (len(rows) * (height + gap) - gap, count * (width + gap) - gap, channels)
    )
    for row, images in enumerate(rows.values()):
        for column, image in enumerate(np.asarray(images, np.float32)):
            top, left = row * (height + gap), column * (width + gap)
            canvas[top : top + height, left : left + width] = image
    scale = min(0.75, 12 / count)
    figure = Figure(
        figsize=(scale * count + 2, scale * len(rows) * height / width + 0.6),
        layout='constrained',
    )
    axes = figure.add_subplot()
    axes.imshow(
        canvas[..., 0] if channels == 1 else np.clip(canvas, 0, 1),
        cmap='gray',
        vmin=0,
        vmax=1,
        interpolation='nearest',
    )
    middles = (height - 1) / 2 + np.arange(len(rows)) * (height + gap)
    axes.set_yticks(middles, list(rows))
    axes.set_xticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(title, fontsize=10)
    return figure


def plane(codes: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """Bring codes to two numbers each.

    Args:
        codes: [examples, code].

    Returns:
        [examples, 2] and what the two axes are: the code itself where it has two
        numbers, its first two principal components where it has more; a single one is
        drawn against zero.
    """
    codes = np.asarray(codes, np.float64)
    if codes.shape[1] == 1:
        return np.pad(codes, ((0, 0), (0, 1))), ('code', '')
    if codes.shape[1] == 2:
        return codes, ('code, unit 0', 'code, unit 1')
    centred = codes - codes.mean(0)
    _, values, components = np.linalg.svd(centred, full_matrices=False)
    fraction = 100 * values**2 / max((values**2).sum(), 1e-30)
    labels = [f'component {i + 1}: {fraction[i]:.0f} % of the variance' for i in (0, 1)]
    return centred @ components[:2].T, (labels[0], labels[1])


def _applied(
    outcome: Outcome, functions: Mapping[str, Encode], batch: HostBatch
) -> dict[str, Array]:
    """Call several functions on the bound net, compiled as one; in their order."""
    made = outcome.apply(
        lambda net, batch: {name: f(net, batch) for name, f in functions.items()}, batch
    )
    return {name: made[name] for name in functions}


def choose(batch: HostBatch, count: int) -> np.ndarray:
    """Number the first examples of a set, those of each class in turn if it has labels.

    Args:
        batch: with 'image' and, maybe, 'label', [example, ...] each.
        count: how many.

    Returns:
        [count] indices.
    """
    order = np.arange(len(batch['image']))
    if 'label' in batch:
        label = np.asarray(batch['label'])
        turn = np.zeros(len(label), int)  # how many of its class stand before it
        for kind in np.unique(label):
            turn[label == kind] = np.arange((label == kind).sum())
        order = np.lexsort((label, turn))
    return order[:count]
