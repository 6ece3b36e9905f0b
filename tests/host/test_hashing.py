"""A hash of files is of their names and contents, wherever they lie."""

import hashlib
from pathlib import Path

from dljax.host.hashing import hash_files
from dljax.runs.manifest import files_of


def test_a_file_has_the_hash_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / 'a'
    path.write_bytes(b'x' * 3_000_000)
    wanted = hashlib.sha256(b'x' * 3_000_000).hexdigest()
    assert hash_files(path) == (wanted, 3_000_000)


def test_a_folder_has_one_of_names_and_contents(tmp_path: Path) -> None:
    found = []
    for n, (name, content) in enumerate(
        [('a', '1'), ('a', '1'), ('b', '1'), ('a', '2')]
    ):
        folder = tmp_path / str(n)
        (folder / 'inner').mkdir(parents=True)
        (folder / 'inner' / name).write_text(content)
        (folder / 'z').write_text('')
        found.append(hash_files(folder).sha256)
    assert found[0] == found[1] and len({*found}) == 3


def test_paths_among_arguments_are_hashed_and_no_others(tmp_path: Path) -> None:
    (tmp_path / 'a').write_text('1')
    told = files_of({'data': tmp_path, 'gone': tmp_path / 'b', 'name': 'a', 'n': 1})
    assert told == {'data': hash_files(tmp_path)._asdict()}
