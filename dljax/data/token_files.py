"""Vocabularies as files, so that a run keeps what its tokens mean."""

import os
from pathlib import Path

from dljax.data.byte_pairs import BytePairs
from dljax.data.text import Vocabulary
from dljax.data.tokens import Tokens, json_fields
from dljax.data.words import Words


def tokens_from_json(text: str) -> Tokens:
    """Read a vocabulary of any kind.

    Args:
        text: what its `to_json` wrote.

    Returns:
        The vocabulary.

    Raises:
        ImportError: for byte pairs, where the library `tokenizers` is not installed.
        ValueError: for anything else.

    Example:
        >>> tokens_from_json(Words.of(['a b a']).to_json())
        Words(words=('a', 'b'), lowercase=False, signs=False, letters=False)
    """
    kinds: dict[str, type[Words] | type[BytePairs] | type[Vocabulary]] = {
        'words': Words,
        'byte pairs': BytePairs,
        'characters': Vocabulary,
    }
    return kinds[json_fields(text)['kind']].from_json(text)


def save_tokens(path: str | os.PathLike[str], tokens: Tokens) -> Path:
    """Write a vocabulary into a file, such as `tokens.json` in the folder of a run.

    Args:
        path: of the file; one that is there is replaced, as a whole.
        tokens: the vocabulary.

    Returns:
        The path.

    Raises:
        OSError: if it cannot be written.
    """
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f'{path.name}.{os.getpid()}')
    half.write_text(tokens.to_json(), encoding='utf-8')
    half.replace(path)
    return path


def load_tokens(path: str | os.PathLike[str]) -> Tokens:
    """Read a vocabulary that `save_tokens` wrote.

    Args:
        path: of the file.

    Returns:
        The vocabulary.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for another content.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted a vocabulary: save it by save_tokens"
        )
    try:
        return tokens_from_json(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f"'{path}': {error}") from None
