"""Folders of models as Hugging Face has them: weights beside a config.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flax import linen as nn

from dljax import weights
from dljax.weights.hugging_face import Name

_FILES = ('model.safetensors', 'pytorch_model.bin')
_PARTS = ('model.safetensors.index.json', 'pytorch_model.bin.index.json')


def known(model: str) -> Name:
    """Refuse a model of which Hugging Face's weights are not taken.

    Args:
        model: its name in the zoo.

    Returns:
        The name.

    Raises:
        ValueError: for another one.
    """
    if model == 'gpt2' or model == 'bert_base':
        return model
    raise ValueError(
        f"{model} has no weights of Hugging Face's, wanted gpt2 or bert_base"
    )


def settled(
    source: Path, model: str, settings: Mapping[str, Any]
) -> tuple[Path, dict[str, Any]]:
    """Find the file of a model, and its settings.

    Args:
        source: the file, or the folder that it lies in.
        model: its name in the zoo.
        settings: that were given.

    Returns:
        The file, and the settings of our net.

    Raises:
        FileNotFoundError: for a folder without weights.
        ValueError: for another model, weights in several files, a config.json that is
            none, a config of what our net is not, or settings that contradict it.
    """
    name = known(model)
    if source.is_dir():
        found = [source / file for file in _FILES if (source / file).is_file()]
        if not found and any((source / file).is_file() for file in _PARTS):
            raise ValueError(
                f"'{source}' has its weights in several files, wanted one: save the "
                'model again with a larger max_shard_size'
            )
        if not found:
            raise FileNotFoundError(
                f"'{source}' holds no weights, wanted {' or '.join(_FILES)}"
            )
        source = found[0]
    config = source.with_name('config.json')
    if not config.is_file():
        return source, dict(settings)
    try:
        content = json.loads(config.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f"'{config}' is no JSON ({error})") from None
    if not isinstance(content, dict):
        raise ValueError(f"'{config}' holds no settings, wanted a JSON object")
    told = weights.settings_of_config(name, content)
    for key in told.keys() & settings.keys():
        if told[key] != settings[key]:
            raise ValueError(
                f"'{config}' says {key}={told[key]!r} and the settings "
                f'{key}={settings[key]!r}, wanted the same: leave the setting out, or '
                'take the file of weights to a folder without the config'
            )
    return source, {**told, **settings}


def config_beside(
    target: Path, model: str, net: nn.Module, *, overwrite: bool
) -> tuple[Path, dict[str, Any]]:
    """Make the config.json that Hugging Face's own reader wants beside weights.

    Args:
        target: of the weights.
        model: its name in the zoo.
        net: with its settings.
        overwrite: whether another one may be replaced.

    Returns:
        Where it belongs, and what it holds.

    Raises:
        FileExistsError: where another one is there.
    """
    path = target.with_name('config.json')
    content = weights.config_of(known(model), net)
    if path.exists() and not overwrite and _content(path) != content:
        raise FileExistsError(f'{path} is there already: --overwrite replaces it')
    return path, content


def _content(path: Path) -> Any:
    """Read another config.json; None for what is no JSON."""
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except ValueError:
        return None
