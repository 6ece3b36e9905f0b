"""BLEU equals sacrebleu's, error rates equal jiwer's, on the same tokens."""

import numpy as np
import pytest

from dljax.metrics import bleu, character_error_rate, word_error_rate
from tests.metrics.test_translation import CORPUS

TINY = (
    ([['a', 'b', 'c', 'd', 'e']], [[['a', 'b', 'x', 'd', 'e']]]),
    ([['a', 'b']], [[['a', 'b']]]),
    ([['x', 'y']], [[['a', 'b', 'c']]]),
)


@pytest.mark.parametrize('smoothing', [False, True])
def test_bleu_and_its_parts_equal_those_of_sacrebleu(smoothing: bool) -> None:
    sacrebleu = pytest.importorskip('sacrebleu')
    for predictions, references in (CORPUS, *TINY):
        columns = zip(*references, strict=True)
        wanted = sacrebleu.corpus_bleu(
            [' '.join(tokens) for tokens in predictions],
            [[' '.join(tokens) for tokens in column] for column in columns],
            tokenize='none',
            smooth_method='exp' if smoothing else 'none',
            force=True,
        )
        result = bleu(predictions, references, smoothing=smoothing)
        np.testing.assert_allclose(100 * result.score, wanted.score, rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            100 * np.array(result.precisions), wanted.precisions, rtol=0, atol=1e-9
        )
        np.testing.assert_allclose(result.brevity_penalty, wanted.bp, atol=1e-12)
        assert result.length == wanted.sys_len
        assert result.reference_length == wanted.ref_len


def test_error_rates_equal_those_of_jiwer() -> None:
    jiwer = pytest.importorskip('jiwer')
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 20, 60)
    texts = [''.join(rng.choice(list('abc '), size)).strip() for size in sizes]
    said, true = texts[:30], [text or 'a' for text in texts[30:]]
    assert word_error_rate(said, true) == pytest.approx(jiwer.wer(true, said))
    assert character_error_rate(said, true) == pytest.approx(jiwer.cer(true, said))
