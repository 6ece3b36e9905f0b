"""Folders of splits, told from folders of classes by their names and content."""

import os
import re
from collections.abc import Callable, Sequence

SPLITS = {
    'train': 'train',
    'training': 'train',
    'trn': 'train',
    'validation': 'validation',
    'validating': 'validation',
    'valid': 'validation',
    'val': 'validation',
    'dev': 'validation',
    'development': 'validation',
    'test': 'test',
    'testing': 'test',
    'tst': 'test',
}
# What names of splits have besides, as in 'train_set' and 'seg_train'.
_BESIDES = (
    'set sets data dataset datasets split splits folder dir image images img imgs '
    'picture pictures photo photos jpg jpeg png sample samples example examples seg '
    'new my the full real orig original resized cropped final small'
).split()
_JOINED = ('set', 'data', 'images', 'img')  # written without a sign between, 'testset'


def split_of(name: str, common: frozenset[str] = frozenset()) -> str | None:
    """Tell which split a folder is by its name, in any capitals.

    Args:
        name: of the folder.
        common: other words that it may have besides.

    Returns:
        'train', 'validation', 'test' or `None`.

    Example:
        >>> split_of('Training'), split_of('seg_test'), split_of('test tube')
        ('train', 'test', None)
    """
    found = [word for word in _words(name) if word in SPLITS]
    rest = {word for word in _words(name) if word not in SPLITS} - common
    if len(found) != 1 or not rest <= {*_BESIDES}:
        return None
    return SPLITS[found[0]]


def parts(
    folders: Sequence[str],
    inside: Callable[[str], tuple[list[str], bool]],
    refusal: Callable[[str], ValueError],
    names: Callable[[Sequence[str]], str],
) -> dict[str, str]:
    """Find the folder of each split, or nothing where the folders are the classes.

    A folder of a split that holds but one of the same split stands for that.

    Args:
        folders: below the root.
        inside: gives the folders in one, and whether files lie beside them.
        refusal: makes the error from what is wrong.
        names: writes names for a message.

    Returns:
        The folders by split.

    Raises:
        ValueError: for splits beside classes, a split twice or without classes, no
            split to train on, names that tell a split and a class, or classes that
            hold folders of the same names.
    """
    words = [{*_words(name)} for name in folders if {*_words(name)} & {*SPLITS}]
    common = set.intersection(*words) if len(words) > 1 else set()
    found = {
        name: split for name in folders if (split := split_of(name, frozenset(common)))
    }
    holding = [name for name in found if inside(name)[0]]
    alone = len(found) == len(folders)
    if not alone and not any(found[name] == 'train' for name in holding):
        _require_no_products(folders, refusal, names)
        _require_apart(folders, inside, refusal, names)
        return {}  # a class may be called 'train' as well
    if not found:
        return {}
    twice = len({*found.values()}) < len(found)
    if not alone or twice or 'train' not in found.values():
        raise refusal(
            f"holds {names(folders)}, wanted either folders of splits alone ('train', "
            "and 'validation' or 'val', and 'test', each once, and the first at least) "
            'or folders of classes: move or rename what does not belong there'
        )
    if not holding and len(found) > 1:
        raise refusal(
            f'holds {names(folders)} without folders in them, wanted a folder for each '
            'class in each of the splits: sort the files into such'
        )
    if not holding:
        return {}  # one class, which is too few
    return {
        split: _innermost(name, split, inside)
        for split in ('train', 'validation', 'test')
        for name in found
        if found[name] == split
    }


def _require_no_products(
    folders: Sequence[str],
    refusal: Callable[[str], ValueError],
    names: Callable[[Sequence[str]], str],
) -> None:
    """Refuse names such as 'train_cat' and 'test_cat', of a split and of a class."""
    told: dict[str, dict[str, str]] = {}
    for name in folders:
        splits = [SPLITS[word] for word in _words(name) if word in SPLITS]
        rest = ' '.join(word for word in _words(name) if word not in SPLITS)
        if rest and len(splits) == 1:
            told.setdefault(rest, {})[splits[0]] = name
    for rest, by_split in told.items():
        if len(by_split) > 1:
            split, name = next(iter(by_split.items()))
            raise refusal(
                f'holds {names(list(by_split.values()))}, which seem to be one class '
                "in several splits, wanted folders 'train', 'validation' and 'test' "
                f"with a folder for each class in them: make '{name}' "
                f"'{split}/{rest}'; if they are classes of their own, rename them"
            )


def _require_apart(
    folders: Sequence[str],
    inside: Callable[[str], tuple[list[str], bool]],
    refusal: Callable[[str], ValueError],
    names: Callable[[Sequence[str]], str],
) -> None:
    """Refuse classes that seem to be splits by what they hold."""
    held = {name: inside(name) for name in folders}
    filled = {name: value for name, value in held.items() if value[0] or value[1]}
    parted = {name: below for name, (below, _) in filled.items() if below}
    if len(parted) < 2:
        return
    sets = [{name.casefold() for name in below} for below in parted.values()]
    shared = set.intersection(*sets)
    beside = any(pictures for _, pictures in filled.values())
    if not shared or len(shared) < 2 and (beside or max(map(len, sets)) < 2):
        return  # a folder 'images' in every class is no class
    shown = [n for n in next(iter(parted.values())) if n.casefold() in shared]
    raise refusal(
        f'holds {names(list(parted))}, in each of which there are {names(shown)}: are '
        "the latter the classes, call the former 'train', 'validation' and 'test'; are "
        'the former the classes, move the files of each into one folder'
    )


def _innermost(
    folder: str, split: str, inside: Callable[[str], tuple[list[str], bool]]
) -> str:
    """Go down where there is nothing but a folder of the same split."""
    for _ in range(8):
        below, pictures = inside(folder)
        if len(below) != 1 or pictures or split_of(below[0]) != split:
            break
        if not inside(os.path.join(folder, below[0]))[0]:
            break
        folder = os.path.join(folder, below[0])
    return folder


def _words(name: str) -> list[str]:
    """Cut a name into words, 'TestSet', 'testset' and 'test-set2' alike."""
    apart = re.sub(r'([a-z])([A-Z])', r'\1 \2', name)
    words = re.findall('[a-z]+', apart.casefold())
    found = []
    for word in words:
        end = next(
            (e for e in _JOINED if word.endswith(e) and word[: -len(e)] in SPLITS), ''
        )
        found += [word[: -len(end)], end] if end else [word]
    return found
