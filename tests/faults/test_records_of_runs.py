"""What a run writes as text, damaged anywhere, is read in words or not at all."""

import json
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from flax import linen as nn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from dljax import create_model
from dljax.cli.settings import read_settings
from dljax.host import sealing
from dljax.host.sealing import Damaged
from dljax.models.rebuilding import rebuilt, structure
from dljax.runs import ledger, rows
from dljax.training import header

CONTENT = {'step': 3, 'metrics': {'loss': 0.5, 'accuracy': None}, 'ended': 'at 3'}
ROW = b'{"step": 3, "seconds": 0.5, "p/loss": 0.25}'
LEDGER = json.dumps(
    {'experiment': 'a/b', 'config': {'arguments': {}}, 'result': {'metrics': {}}}
).encode()
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(
                'module container fields name type array partial arguments keywords '
                'enum member dataclass float mapping unknown features'.split()
            )
            | some.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def edited(content: bytes) -> some.SearchStrategy[bytes]:
    """Put a few other bytes somewhere, or cut the end off, or begin from nothing."""

    def change(edit: tuple[int, int, bytes]) -> bytes:
        at, old, new = edit
        return content[:at] + new + content[at + old :]

    place = some.integers(0, len(content))
    edit = some.tuples(place, some.integers(0, 4), some.binary(max_size=4))
    return edit.map(change) | place.map(lambda at: content[:at]) | some.binary()


def sealed_file(folder: Path, text: bytes) -> None:
    path = folder / 'result.json'
    path.write_bytes(text)
    try:
        found = sealing.read(path)
    except Damaged:
        return
    # Only the layout may differ, or it is an object that never had a seal.
    assert found == sealing.add_seal(CONTENT) or sealing.SEAL not in found


def header_of(folder: Path, text: bytes) -> None:
    place = folder / '3/header'
    place.mkdir(parents=True, exist_ok=True)
    (place / 'metadata').write_bytes(text)
    try:
        header.read(folder / '3')
    except Damaged:
        return
    assert json.loads(text) == json.loads(HEADER)


def records(folder: Path, text: bytes) -> None:
    path = folder / 'metrics.jsonl'
    path.write_bytes(ROW + b'\n' + text + b'\n')
    sums = [rows.checksum(ROW), rows.checksum(ROW)]
    rows.checksums(path).write_bytes(b''.join(line + b'\n' for line in sums))
    assert all(row == json.loads(ROW) for row in rows.read(path).rows[:2])


def line_of_a_ledger(folder: Path, text: bytes) -> None:
    path = folder / 'results.jsonl'
    path.write_bytes(text + b'\n')
    try:
        ledger.page(path)
    except ValueError as error:
        assert str(path) in str(error)


def _header() -> bytes:
    made = header.make_header(3, {'w': 1.0}, {'loss': 0.5}, {'config': {}})
    return json.dumps(made).encode()


HEADER = _header()
KINDS: dict[str, tuple[bytes, Callable[[Path, bytes], None]]] = {
    'result.json': (json.dumps(sealing.add_seal(CONTENT)).encode(), sealed_file),
    'header of a checkpoint': (HEADER, header_of),
    'metrics.jsonl': (ROW, records),
    'ledger': (LEDGER, line_of_a_ledger),
}
QUICK = dict(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def try_file(kind: str, folder: Path, many: int) -> None:
    content, check = KINDS[kind]

    @settings(max_examples=many, **QUICK)
    @given(edited(content))
    def one(text: bytes) -> None:
        check(folder, text)

    one()


def try_nets(many: int) -> None:
    net = structure(create_model('mlp', hidden=(3,), outputs=2))

    @settings(max_examples=many, **QUICK)
    @given(VALUES, some.sampled_from([*net['fields'], None]))
    def one(value: object, field: str | None) -> None:
        fields = {**net['fields'], field: value} if field else net['fields']
        try:
            made = rebuilt({**net, 'fields': fields} if field else value)
        except ValueError:
            return
        assert isinstance(made, nn.Module)

    one()


def try_settings(many: int) -> None:
    letters = string.ascii_letters + string.digits + '=()[]{},.:\'"-+_ \\#'

    @settings(max_examples=many, **QUICK)
    @given(some.text(letters, max_size=12) | some.text(max_size=6))
    def one(word: str) -> None:
        for setting in (word, f'width={word}', f'={word}', f'{word}=1'):
            try:
                chosen = read_settings([setting])
            except ValueError:
                continue
            assert all(name.isidentifier() for name in chosen)

    one()


@pytest.mark.parametrize('kind', KINDS)
def test_a_damaged_file_is_told(kind: str, tmp_path: Path) -> None:
    try_file(kind, tmp_path, 20)


@pytest.mark.faults
@pytest.mark.parametrize('kind', KINDS)
def test_many_damaged_files_are_told(kind: str, tmp_path: Path) -> None:
    try_file(kind, tmp_path, 2000)


@pytest.mark.heavy
def test_a_description_of_a_net_is_rebuilt_or_refused_in_words() -> None:
    try_nets(20)


@pytest.mark.faults
def test_many_descriptions_are_rebuilt_or_refused_in_words() -> None:
    try_nets(2000)


@pytest.mark.heavy
def test_words_are_settings_or_refused() -> None:
    try_settings(50)


@pytest.mark.faults
def test_many_words_are_settings_or_refused() -> None:
    try_settings(5000)
