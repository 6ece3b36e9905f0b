"""Pictures that a folder holds more than once, byte for byte."""

import hashlib
import os
from collections import defaultdict
from itertools import pairwise

from dljax.data.builders.listing import File, Listing, escape

TWICE = ' There twice: '


def find_repeated(listing: Listing) -> str:
    """Say which pictures are there more than once, in several splits or classes.

    What is tested was trained on then, or has two labels. Only files of equal size are
    read.

    Args:
        listing: of the folder.

    Returns:
        A sentence that begins with `TWICE`, or nothing.
    """
    by_size = defaultdict(list)
    for split, files in listing.splits.items():
        for file in files:
            by_size[file.size].append((split, file))
    by_content = defaultdict(list)
    for size, found in by_size.items():
        if len(found) > 1 and size:
            for split, file in found:
                by_content[_digest(listing.root, file)].append((split, file))
    by_content.pop(None, None)
    groups = [found for found in by_content.values() if len(found) > 1]
    if not groups:
        return ''
    trained = [
        file
        for found in groups
        for split, file in found
        if split != 'train' and any(other == 'train' for other, _ in found)
    ]
    torn = [
        (one.path, other.path)
        for found in groups
        for (_, one), (_, other) in pairwise(found)
        if one.label != other.label
    ]
    said = []
    if trained:
        said.append(
            f'{len(trained):,} pictures of validation or test are in train too, such '
            f'as {escape(trained[0].path)}'
        )
    elif list(listing.splits) == ['train']:
        more = sum(len(found) - 1 for found in groups)
        said.append(
            f'{more:,} pictures are copies of others, such as '
            f'{escape(groups[0][1][1].path)}, and may be in train and in test'
        )
    if torn:
        one, other = map(escape, torn[0])
        said.append(f'{len(torn):,} have two classes, such as {one} and {other}')
    return f'{TWICE}{"; ".join(said)}.' if said else ''


def _digest(root: str, file: File) -> bytes | None:
    """Hash a file; one that cannot be read is told of by who decodes it."""
    flags = os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_BINARY', 0)
    try:
        handle = os.open(os.path.join(root, file.path), flags)
        with os.fdopen(handle, 'rb') as opened:
            return hashlib.file_digest(opened, 'sha256').digest()
    except OSError:
        return None
