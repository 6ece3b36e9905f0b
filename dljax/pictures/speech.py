"""Pictures of speech recognition: what was heard, and what was said of it when."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dljax.experiment import Outcome, Picture
from dljax.pictures.basic import plain_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Hearing(NamedTuple):
    """A recording, and the tokens of the best path through it.

    Attributes:
        features: [frames, bands], such as log-mel ones.
        places: [tokens] the frame at which each token begins.
        tokens: of the path, as texts.
        target: what was said.
    """

    features: np.ndarray
    places: Sequence[float]
    tokens: Sequence[str]
    target: str


def hearings(
    look: Callable[[Outcome], Sequence[Hearing]], seconds: float = 0.01
) -> Picture:
    """Draw a spectrogram for each recording, the tokens of the best path under it.

    Args:
        look: of an outcome, the recordings.
        seconds: of a frame of the features.

    Returns:
        The picture, one recording below the other, all on one scale of time.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        heard = look(outcome)
        figure = Figure(figsize=(9, 1.6 * len(heard)), layout='constrained')
        longest = max(len(each.features) for each in heard) * seconds
        panels = figure.subplots(len(heard), 1, squeeze=False)[:, 0]
        for axes, each in zip(panels, heard, strict=True):
            frames, bands = each.features.shape
            axes.imshow(
                each.features.T,
                cmap='magma',
                aspect='auto',
                origin='lower',
                extent=(0, frames * seconds, 0, bands),
            )
            axes.set_xlim(0, longest)
            places = [(place + 0.5) * seconds for place in each.places]
            axes.set_xticks(places, plain_names(each.tokens))
            axes.set_yticks([])
            axes.set_title(plain_names([each.target])[0], fontsize=9, loc='left')
            axes.tick_params(labelsize=8)
        panels[-1].set_xlabel(f'the whole width is {longest:.2f} s')
        return figure

    return draw
