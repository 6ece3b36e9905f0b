"""Windows from anywhere: whole pieces of the text, every place as likely."""

import jax
import numpy as np
import pytest

from dljax.data import random_windows

TEXT = np.arange(20, dtype=np.uint8)


def test_windows_are_pieces_of_the_text_from_all_places() -> None:
    source = random_windows(TEXT, 500, 4)
    position, first = source.init(jax.random.key(0))
    after, batch = source.next(jax.random.key(0), position, None)
    assert after == 1
    for name in batch:
        np.testing.assert_array_equal(batch[name], first[name])
    tokens, target = np.asarray(batch['tokens']), np.asarray(batch['target'])
    assert tokens.shape == (500, 4) and tokens.dtype == np.int32
    np.testing.assert_array_equal(target, tokens + 1)
    begins, counts = np.unique(tokens[:, 0], return_counts=True)
    assert begins.tolist() == list(range(16))  # the last target is the last character
    assert counts.min() > 10
    other = source.next(jax.random.key(0), after, None)[1]['tokens']
    assert (np.asarray(other) != tokens).any()


@pytest.mark.parametrize(
    ('tokens', 'sizes', 'words'),
    [
        (TEXT, (1, 20), 'window 20 for 20 tokens'),
        (TEXT, (0, 4), 'batch_size is 0'),
        (TEXT[None], (1, 4), 'wanted one row'),
        (TEXT / 2, (1, 4), 'wanted one row'),
    ],
)
def test_what_gives_no_windows_is_refused(
    tokens: np.ndarray, sizes: tuple[int, int], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        random_windows(tokens, *sizes)
