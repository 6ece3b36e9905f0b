"""Gaps first and labels then: the user's own texts, and what is taken over."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from dljax.training import fit, learner

SCRIPT = Path(__file__).parent.parent / 'experiments/text/masked_words.py'
SIZES = ('layers', 'width', 'heads', 'batch_size', 'labels')


@pytest.fixture(scope='module')
def script() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    words = ['awful', 'fine']
    rows = [f'a {words[n % 2]} film,{words[n % 2]}' for n in range(30)]
    path = tmp_path / 'films.csv'
    path.write_text('\n'.join(['said,is', *rows]))
    return path


def test_each_text_begins_with_the_token_of_the_whole(script: SimpleNamespace) -> None:
    split = {'tokens': np.int32([[3, 1, 0], [4, 5, 1]]), 'length': np.int32([2, 3])}
    made = script.begun({**split, 'label': np.int32([0, 1])}, 9)
    assert made['tokens'].tolist() == [[9, 3, 1, 0], [9, 4, 5, 1]]
    assert made['length'].tolist() == [3, 4]
    assert made['label'].tolist() == [0, 1]
    assert {values.dtype.name for values in made.values()} == {'int32'}


def test_a_table_and_texts_without_a_class_are_read(
    script: SimpleNamespace, table: Path
) -> None:
    more = table.parent / 'more.txt'
    more.write_text('a dull film\n\na dull play\n')
    settings = {name: script.TINY[name] for name in SIZES}
    made = script.experiment(
        data=table, text='said', label='is', unlabelled=more, **settings
    )
    assert made.class_names == ('awful', 'fine')
    tokens = made.vocabularies['tokens']
    # 'play' is seen once alone.
    assert set(tokens.words) == {
        'a',
        'film',
        'awful',
        'fine',
        'dull',
        '[CLS]',
        '[MASK]',
    }
    assert made.net.tuned.vocabulary == made.net.pretrained.vocabulary == tokens.size
    assert 'train 24 texts of at most 4 tokens' in made.data_summary
    assert 'unlabelled 26 texts of at most 4 tokens' in made.data_summary
    assert made.data_summary.endswith('; 4 labels')
    test = made.evaluation['test']
    assert (test['tokens'][:, 0] == tokens.size - 2).all()
    assert (test['length'] == 5).all()
    _, batch = made.source.init(jax.random.key(0))
    assert sorted(batch['labelled']['label'].tolist()) == [0, 0, 1, 1]
    assert batch['unlabelled'].keys() == {'tokens', 'length'}


def test_all_labels_may_be_learned(script: SimpleNamespace, table: Path) -> None:
    settings = {name: script.TINY[name] for name in SIZES} | {'labels': None}
    made = script.experiment(data=table, text='said', label='is', **settings)
    assert made.data_summary.endswith('; all labels')
    assert len(made.source.init(jax.random.key(0))[1]['labelled']['label']) == 4


def test_unlabelled_texts_alone_are_refused(
    script: SimpleNamespace, table: Path
) -> None:
    with pytest.raises(ValueError, match='wanted a table of texts with classes as w'):
        script.experiment(unlabelled=table)


def test_the_most_frequent_word_is_that_of_the_training(
    script: SimpleNamespace,
) -> None:
    measure = script.most_frequent(np.array([[9, 4, 4, 3, 1, 0, 0]]), first=9)
    texts = {'tokens': np.array([[9, 4, 3, 1], [9, 5, 1, 0]])}
    outcome = SimpleNamespace(evaluation={'test': texts})
    assert measure(outcome) == {'accuracy': 1 / 3}


@pytest.mark.heavy
def test_the_net_to_tune_takes_over_what_filling_gaps_has_taught(
    script: SimpleNamespace,
) -> None:
    made = script.experiment(**script.TINY)
    train = learner(made.net, made.players)
    key = jax.random.key(0)
    found = [
        jax.device_get(fit(train, made.source, steps=steps, key=key)[0].params)
        for steps in (2, 3, 5)  # gaps filled, taken over, labels learned
    ]
    before, taken, tuned = found
    jax.tree.map(np.testing.assert_array_equal, before['scratch'], taken['scratch'])
    jax.tree.map(
        np.testing.assert_array_equal, before['pretrained'], tuned['pretrained']
    )
    bert, source = taken['tuned']['bert'], taken['pretrained']
    assert source.keys() - bert.keys() == {'masked'}
    for name in bert.keys() & source.keys():
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
            bert[name],
            source[name],
        )
    mine = before['tuned']['bert']['pooler']
    jax.tree.map(np.testing.assert_array_equal, bert['pooler'], mine)
    for name in ('tuned', 'scratch'):
        moved = tuned[name]['output']['kernel'] - taken[name]['output']['kernel']
        assert np.abs(moved).max() > 0
