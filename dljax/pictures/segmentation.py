"""Pictures of nets that classify pixels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dljax import metrics
from dljax.experiment import Outcome, Picture
from dljax.measures.segmentation import Counts
from dljax.objectives.segmentation import crop
from dljax.pictures.codes import image_rows
from dljax.pictures.progress import plain
from dljax.types import Predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def class_overlaps(counts: Mapping[str, Counts], names: Sequence[str]) -> Picture:
    """Draw the intersection over union of each class, a bar a net.

    Args:
        counts: of `pixel_counts`, by the name of the net.
        names: of the classes, the background first.

    Returns:
        The picture: means over the members, and lines from the least to the greatest.
    """

    def draw(outcome: Outcome) -> 'Figure':
        figure = plain(2.5 + (0.3 + 0.2 * len(counts)) * len(names), 3.4)
        axes = figure.add_subplot()
        width = 0.8 / len(counts)
        for index, (name, count) in enumerate(counts.items()):
            table = count(outcome)
            values = np.nan_to_num(np.asarray(metrics.intersection_over_union(table)))
            middle = values.mean(0)
            ends = np.stack([middle - values.min(0), values.max(0) - middle]).clip(0)
            mean = float(np.asarray(metrics.mean_iou(table)).mean())
            places = np.arange(len(names)) + (index - (len(counts) - 1) / 2) * width
            axes.bar(
                places,
                middle,
                width,
                yerr=ends if len(values) > 1 else None,
                label=f'{name}: mean {mean:.3f}',
            )
            axes.axhline(mean, color=f'C{index}', linestyle=':', linewidth=1)
        axes.set_xticks(range(len(names)), names)
        axes.set(ylim=(0, 1), ylabel='intersection over union')
        axes.grid(axis='y', alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside upper center', ncols=len(counts))
        return figure

    return draw


def pixel_confusion(counts: Counts, names: Sequence[str]) -> Picture:
    """Draw which class pixels were taken for, in per cent of those of the true class.

    Args:
        counts: of `pixel_counts`.
        names: of the classes.

    Returns:
        The picture, of all members together.
    """

    def draw(outcome: Outcome) -> 'Figure':
        table = counts(outcome).sum(0)
        fraction = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
        figure = plain(2.6 + 0.5 * len(names), 2 + 0.44 * len(names))
        axes = figure.add_subplot()
        axes.imshow(np.sqrt(fraction), cmap='Blues', vmin=0, vmax=10)
        for (row, column), value in np.ndenumerate(fraction):
            if value >= 0.05:
                color = 'white' if value > 35 else 'black'
                text = f'{value:.1f}' if value < 99.95 else '100'
                place = {'ha': 'center', 'va': 'center', 'fontsize': 8}
                axes.text(column, row, text, color=color, **place)
        turned = 45 if max(map(len, names)) > 2 else 0
        axes.set_xticks(range(len(names)), names, rotation=turned)
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel='predicted', ylabel='true')
        axes.set_title('% of the pixels of the true class', fontsize=10)
        return figure

    return draw


def segmented(
    predict: Mapping[str, Predict],
    names: Sequence[str],
    split: str = 'test',
    count: int = 10,
) -> Picture:
    """Show images, the truth, what nets make of them, and where they are wrong.

    Args:
        predict: `(net, batch) -> [batch, height, width, classes]` logits, by the name
            of the net; of the middle of the images where they are smaller.
        names: of the classes, the background first; at most 21.
        split: which set; its images are in [0, 1], with 1 or 3 channels.
        count: how many images.

    Returns:
        The picture, with a legend of the classes; wrong pixels are red on the image.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.patches import Patch

        batch = outcome.evaluation[split]
        batch = {k: np.asarray(batch[k][:count]) for k in ('image', 'label')}
        said = {
            name: np.asarray(outcome.apply(one, batch)) for name, one in predict.items()
        }
        like = next(iter(said.values()))
        image, label = (np.asarray(crop(batch[k], like)) for k in batch)
        image = np.broadcast_to(image, (*image.shape[:3], 3))
        colours = palette(len(names))
        rows = {'image': image, 'truth': colours[label]}
        for name, logits in said.items():
            found = logits.argmax(-1)
            wrong = found != label
            fraction = f'{100 * wrong.mean():.1f} % wrong'
            rows[name] = colours[found]
            dim = 0.6 * image
            rows[f'{name}: {fraction}'] = np.where(
                wrong[..., None], [1.0, 0.1, 0.1], dim
            )
        figure = image_rows(rows, f'{split} set')
        present = np.unique([label, *(one.argmax(-1) for one in said.values())])
        figure.legend(
            handles=[
                Patch(
                    facecolor=tuple(colours[index]), edgecolor='0.5', label=names[index]
                )
                for index in present
            ],
            loc='outside lower center',
            ncols=min(len(present), 11),
            fontsize=8,
            handlelength=1.0,
            columnspacing=1.0,
        )
        return figure

    return draw


def palette(classes: int) -> np.ndarray:
    """Give each class a colour: a dark grey the background, bright ones the others.

    Args:
        classes: how many, from 1 to 21.

    Returns:
        [classes, 3] in [0, 1], all different.

    Raises:
        ValueError: for another number.
    """
    from matplotlib import color_sequences

    if not 1 <= classes <= 21:
        raise ValueError(f'classes is {classes}, wanted 1 to 21, the colours there are')
    colours = color_sequences['tab10' if classes <= 11 else 'tab20']
    return np.array([(0.12, 0.12, 0.12), *colours[: classes - 1]])
