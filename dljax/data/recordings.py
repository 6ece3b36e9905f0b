"""Sets of recordings: named by their labels, in a folder a class, or in a table."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dljax.data.builders.listing import RECORDINGS, escape, list_files
from dljax.data.delimited import body, column_of, table
from dljax.data.padded import BEYOND
from dljax.data.wav import read_wav

MEMORY = 4 * 2**30  # bytes of the padded sounds of a split


class Recordings(NamedTuple):
    """Sounds as arrays, and what is known of each.

    Attributes:
        arrays: 'audio' [example, time] float32, 0 after its end; 'length' [example]
            int32, samples; 'label' [example] int32 where there are classes.
        facts: what else is known, [example] texts by name, such as 'text', 'speaker'
            and 'file'.
        class_names: by label; empty without classes.
        rate: samples in a second.
        summary: one line for the start of a run.
    """

    arrays: dict[str, np.ndarray]
    facts: dict[str, list[str]]
    class_names: tuple[str, ...]
    rate: int
    summary: str


def named_recordings(
    path: str | os.PathLike[str],
    fields: Sequence[str] = ('label', 'speaker', 'index'),
    *,
    rate: int | None = None,
    longest: float = 30.0,
    beyond: str = 'refuse',
) -> Recordings:
    """Read the WAV files of a folder whose names say what they are: `7_jackson_32.wav`.

    Args:
        path: of the folder; what is in folders inside it is not read.
        fields: what the parts of a name between underscores are, in their order;
            'label' among them is the class. With one part more than there are fields
            the name is a fault.
        rate: samples in a second; by default that of the files, which then is one.
        longest: seconds of a recording.
        beyond: what becomes of longer ones: 'refuse' names them, 'drop' leaves them
            out, 'cut' keeps their beginning.

    Returns:
        The recordings, in the order of their names.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for a setting out of range; or that names every file that cannot be
            used.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"'{root}' is no folder, wanted one of WAV files")
    if not fields or len(set(fields)) < len(fields):
        raise ValueError(f'fields are {tuple(fields)}, wanted names, each once')
    files, facts, faults = [], {name: [] for name in fields}, []
    for entry in sorted(root.iterdir()):
        if entry.suffix.lower() not in RECORDINGS.endings or entry.name[0] == '.':
            continue
        parts = entry.stem.split('_')
        if len(parts) != len(fields) or '' in parts:
            form = '_'.join(map(str.upper, fields))
            faults.append(f'{escape(entry.name)} is not named {form}.wav')
            continue
        files.append(entry.name)
        for name, part in zip(fields, parts, strict=True):
            facts[name].append(part)
    classes = facts.pop('label', None)
    return _loaded(root, files, facts, classes, rate, longest, beyond, faults)


def recording_folder(
    path: str | os.PathLike[str],
    *,
    rate: int | None = None,
    longest: float = 30.0,
    beyond: str = 'refuse',
) -> dict[str, Recordings]:
    """Read a folder of WAV files, one folder for each class.

    `path/cat/1.wav`, or `path/train/cat/1.wav` where there are folders of splits, as
    `folder` has it for pictures. Links and other files inside are faults.

    Args:
        path: of the folder.
        rate: samples in a second; by default that of the files, which then is one.
        longest: seconds of a recording.
        beyond: what becomes of longer ones, as in `named_recordings`.

    Returns:
        The recordings by split, which is 'train' alone where there are no folders of
        splits.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for folders that are no classes, a setting out of range; or that
            names every file that cannot be used.
    """
    listing = list_files(path, RECORDINGS)
    found: dict[str, Recordings] = {}
    for split, files in listing.splits.items():
        classes = [listing.classes[file.label] for file in files]
        names = [file.path for file in files]
        root, faults = Path(listing.root), list(listing.faults)
        found[split] = _loaded(
            root, names, {}, classes, rate, longest, beyond, faults, listing.classes
        )
    rates = {split: made.rate for split, made in found.items()}
    if len(set(rates.values())) > 1:
        raise ValueError(
            f'the splits have the rates {rates}, wanted one: say to which rate all are '
            'to be resampled'
        )
    return found


def transcribed_recordings(
    path: str | os.PathLike[str],
    *,
    file: str = 'file',
    text: str | None = 'text',
    label: str | None = None,
    delimiter: str | None = None,
    rate: int | None = None,
    longest: float = 30.0,
    beyond: str = 'refuse',
) -> Recordings:
    """Read the WAV files that a table names, with what is said in them.

    Args:
        path: of the table, a CSV file whose first row names the columns.
        file: the column of the files' paths, from the folder of the table on; none may
            lead out of it.
        text: the column of the transcripts, if there is one.
        label: the column of the classes, if there is one.
        delimiter: between two fields, as `read_column` takes it.
        rate: samples in a second; by default that of the files, which then is one.
        longest: seconds of a recording.
        beyond: what becomes of longer ones, as in `named_recordings`.

    Returns:
        The recordings in the order of the table, the transcripts as facts 'text'.

    Raises:
        FileNotFoundError: if there is no such table.
        ValueError: if it is no such table, for a setting out of range; or that names
            every file that cannot be used.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}', wanted a table of files")
    if text is None and label is None:
        raise ValueError('neither text nor label is named, wanted a column of either')
    found = table(path, delimiter, None, None)
    columns = {
        name: column_of(found, column, None)
        for name, column in (('file', file), ('text', text), ('label', label))
        if column is not None
    }
    facts: dict[str, list[str]] = {name: [] for name in columns}
    root, faults = path.parent.resolve(), []
    for line, fields in body(found, prose=True):
        row = {n: fields[i] if i < len(fields) else '' for n, i in columns.items()}
        if empty := [found.names[columns[name]] for name in row if not row[name]]:
            faults.append(f"row {line} has no '{empty[0]}'")
        elif not (root / row['file']).resolve().is_relative_to(root):
            faults.append(f'row {line}: {escape(row["file"])} lies outside the folder')
        else:
            for name, value in row.items():
                facts[name].append(value)
    files, classes = facts.pop('file'), facts.pop('label', None)
    return _loaded(root, files, facts, classes, rate, longest, beyond, faults)


def _loaded(
    root: Path,
    files: list[str],
    facts: dict[str, list[str]],
    classes: list[str] | None,
    rate: int | None,
    longest: float,
    beyond: str,
    faults: list[str],
    class_names: tuple[str, ...] = (),
) -> Recordings:
    """Read all files, or name all that cannot be used."""
    if not longest > 0 or beyond not in BEYOND or (rate is not None and rate < 1):
        raise ValueError(
            f'rate is {rate}, longest {longest} s and beyond {beyond!r}, wanted a rate '
            f'of 1 or more, a time above 0 and one of {", ".join(BEYOND)}'
        )
    kept, sounds, long, common = [], [], 0, rate
    for place, name in enumerate(files):
        try:
            sound = read_wav(root / name, rate)
        except (OSError, ValueError) as error:
            faults.append(str(error).replace(f"'{root / name}'", escape(name), 1))
            continue
        common = common or sound.rate
        most = int(longest * sound.rate)
        long += len(sound.audio) > most
        if sound.rate != common:
            faults.append(f'{escape(name)} has a rate of {sound.rate}, not {common}')
        elif len(sound.audio) <= most or beyond == 'cut':
            kept.append(place)
            sounds.append(sound.audio[:most])
        elif beyond == 'refuse':
            seconds = len(sound.audio) / sound.rate
            faults.append(f'{escape(name)} is {seconds:.1f} s long')
    if faults or not sounds:
        message = (
            f"'{escape(str(root))}' cannot be used as it is, wanted whole WAV files of "
            f'{longest:g} s or less, at one rate if none is named: {len(faults)} files '
            'have to be mended or taken out'
        )
        raise ValueError('\n- '.join([message, *faults]))
    assert common is not None  # there is a sound
    lengths = np.array([len(sound) for sound in sounds], np.int32)
    size = 4 * len(sounds) * int(lengths.max())
    if size > MEMORY:
        raise ValueError(
            f'{len(sounds):,} recordings of up to {lengths.max() / common:.1f} s need '
            f'{size / 2**30:.1f} GiB, wanted {MEMORY / 2**30:g} or less: take a '
            "smaller rate, or a smaller longest with beyond='drop'"
        )
    audio = np.zeros((len(sounds), lengths.max()), np.float32)
    for row, sound in zip(audio, sounds, strict=True):
        row[: len(sound)] = sound
    arrays = {'audio': audio, 'length': lengths}
    if classes is not None:
        class_names = class_names or tuple(sorted({classes[i] for i in kept}))
        number = {name: label for label, name in enumerate(class_names)}
        arrays['label'] = np.array([number[classes[i]] for i in kept], np.int32)
    facts = {**facts, 'file': files}
    what = 'cut' if beyond == 'cut' else 'left out'
    said = f', {long:,} longer than {longest:g} s {what}' * (long > 0)
    summary = (
        f'{len(sounds):,} recordings of at most {lengths.max() / common:.2f} s at '
        f'{common:,} samples in a second{said}'
    )
    facts = {name: [values[i] for i in kept] for name, values in facts.items()}
    return Recordings(arrays, facts, class_names, common, summary)
