"""A folder of pictures, made ready to be prepared."""

import functools
from collections import Counter
from collections.abc import Iterator

import numpy as np

from dljax.data.builders.embedded import FRACTIONS, split_indices
from dljax.data.builders.files import Example, Form, tenth
from dljax.data.builders.listing import File, Listing, escape
from dljax.data.builders.picture import Recipe, kind, picture, pixels
from dljax.data.builders.twice import find_repeated

Parts = dict[str, list[File]]


def folder_form(
    listing: Listing,
    size: tuple[int, int] | None,
    crop: float | None,
    channels: int | None,
    background: int,
) -> Form:
    """Decide on the form of all pictures from their headers.

    Colour takes three channels, grey one; 16 bits are kept where all is grey.

    Args:
        listing: of the folder.
        size: (height, width) to resize to, or `None` where all are of one size.
        crop: as in `Recipe`.
        channels: 1, 3, or `None` for what the pictures have.
        background: as in `Recipe`.

    Returns:
        What is to be prepared.

    Raises:
        ValueError: that names every file that is not fit.
    """
    loose = Recipe(channels or 3, 'uint8', size, crop, background)
    kinds = set()
    for files in listing.splits.values():
        for file in files:
            try:
                with picture(listing.root, file) as image:
                    kinds.add(kind(image))
            except Exception:
                raise refusal(listing, loose) from None
    if listing.faults:
        raise refusal(listing, loose)
    grey = all(grey for grey, _ in kinds) and channels != 3
    deep = grey and any(deep for _, deep in kinds)
    recipe = Recipe(
        channels or (1 if grey else 3),
        'uint16' if deep else 'uint8',
        size,
        crop,
        background,
    )
    parts = _parts(listing)
    first = parts['train'][0]
    try:
        with picture(listing.root, first) as image:
            shape = pixels(image, recipe).shape
    except Exception:
        raise refusal(listing, recipe) from None
    return Form(
        description=description(listing) + find_repeated(listing),
        citation='',
        shape=shape,
        dtype=recipe.dtype,
        classes={'label': listing.classes},
        examples={
            split: functools.partial(_examples, listing, files, recipe, shape)
            for split, files in parts.items()
        },
    )


def description(listing: Listing) -> str:
    """Say what a folder holds, and how it is split."""
    count = sum(map(len, listing.splits.values()))
    if list(listing.splits) == ['train']:
        splits = f'{FRACTIONS}, stratified by class, random_state=0'
    elif 'validation' in listing.splits:
        splits = f'the folders of the user ({", ".join(listing.splits)})'
    else:
        splits = (
            'the folders of the user, of train a tenth for validation, stratified by '
            'class, random_state=0'
        )
    over = listing.passed_over
    return (
        f'{count:,} pictures in {len(listing.classes)} class folders. Splits: {splits}.'
        + f' Passed over: {over} hidden or other files.' * (over > 0)
    )


def refusal(listing: Listing, recipe: Recipe) -> ValueError:
    """Look at every picture, to name all that are not fit at once."""
    faults, sizes = list(listing.faults), Counter()
    for files in listing.splits.values():
        for file in files:
            try:
                with picture(listing.root, file) as image:
                    sizes[pixels(image, recipe).shape[:2]] += 1
            except ValueError as error:
                faults.append(f'{escape(file.path)} {error}')
            except Exception as error:
                what = f'cannot be read ({type(error).__name__}: {error})'
                faults.append(f'{escape(file.path)} {what}')
    message = f"'{escape(listing.root)}' cannot be used as it is"
    if faults:
        message += f': {len(faults)} files have to be mended or taken out\n- '
        message += '\n- '.join(sorted(faults))
    if len(sizes) > 1:
        common = ', '.join(
            f'{height}x{width} ({count})'
            for (height, width), count in sizes.most_common(12)
        )
        more = f' and {len(sizes) - 12} more' if len(sizes) > 12 else ''
        message += (
            f'\nThe pictures have {len(sizes)} sizes, height x width: {common}{more}; '
            'wanted one, or size=(height, width) to resize them to'
        )
    return ValueError(message)


def _parts(listing: Listing) -> Parts:
    """Make the splits, each in a fixed order in which the classes are mixed."""
    splits = dict(listing.splits)
    train = splits['train']
    labels = np.array([file.label for file in train])
    if list(splits) == ['train']:
        try:
            parts = split_indices(len(train), labels)
        except ValueError as error:
            counts = np.bincount(labels, minlength=len(listing.classes))
            fewest = listing.classes[counts.argmin()]
            raise ValueError(
                f"'{escape(listing.root)}' has {len(train)} pictures of {len(counts)} "
                f"classes, of '{fewest}' {counts.min()}, which cannot be parted "
                f'{FRACTIONS} ({error}): add pictures, or part them yourself into '
                'the folders train, validation and test'
            ) from error
        return {split: [train[i] for i in index] for split, index in parts.items()}
    if 'validation' not in splits:
        rest, held_out = tenth(labels)
        splits['train'] = [train[i] for i in rest]
        splits['validation'] = [train[i] for i in held_out]
    return {
        split: [splits[split][i] for i in _mixed(len(splits[split]))]
        for split in ('train', 'validation', 'test')
        if split in splits
    }


def _mixed(count: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(count)


def _examples(
    listing: Listing, files: list[File], recipe: Recipe, shape: tuple[int, int, int]
) -> Iterator[Example]:
    """Read one split; at the first fault look for all others, and end."""
    for file in files:
        try:
            with picture(listing.root, file) as image:
                values = pixels(image, recipe)
        except Exception:
            raise refusal(listing, recipe) from None
        if values.shape != shape:
            raise refusal(listing, recipe)
        yield {'image': values, 'label': file.label}
