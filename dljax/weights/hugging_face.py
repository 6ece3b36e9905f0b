"""GPT-2 and BERT of Hugging Face: their settings and weights, without transformers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from dljax.types import PyTree
from dljax.weights.entries import Entry, read, write
from dljax.weights.hugging_face_names import KINDS, Kind

Name = Literal['gpt2', 'bert_base']


def settings_of_config(name: Name, config: Mapping[str, Any]) -> dict[str, Any]:
    """Take the settings of our net from a config.json.

    Args:
        name: of our model, 'gpt2' or 'bert_base'.
        config: what the file holds; sizes that it leaves out are those of our model.

    Returns:
        Keywords for `create_model(name, ...)`.

    Raises:
        ValueError: for an unknown name, or a config of what our net is not, such as
            another activation.

    Example:
        >>> settings_of_config('gpt2', {'n_layer': 24, 'n_embd': 1024, 'n_head': 16})
        {'width': 1024, 'layers': 24, 'heads': 16}
    """
    kind = _kind(name)
    for key, values in kind.fixed.items():
        if key in config and config[key] not in values:
            raise ValueError(
                f'the config has {key}={config[key]!r}, wanted {values[0]!r}: {name} '
                'here is of no other form'
            )
    found = {ours: config.get(key) for key, ours in kind.sizes.items()}
    return {key: value for key, value in found.items() if value is not None}


def config_of(name: Name, net: Any) -> dict[str, Any]:
    """Write the settings of our net as a config.json has them: the way back.

    Args:
        name: of our model, 'gpt2' or 'bert_base'.
        net: of that model, with its settings.

    Returns:
        What the file holds, `model_type` included.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> from dljax import create_model
        >>> config_of('gpt2', create_model('gpt2'))['n_embd']
        768
    """
    kind = _kind(name)
    sizes = {key: getattr(net, ours) for key, ours in kind.sizes.items()}
    return {**{key: values[0] for key, values in kind.fixed.items()}, **sizes}


def from_hugging_face(
    name: Name, arrays: Mapping[str, np.ndarray], like: PyTree = None
) -> dict[str, PyTree]:
    """Make our variables from the arrays of a model of Hugging Face.

    Taken with or without the prefixes 'transformer.' and 'bert.', and with 'gamma' and
    'beta' for the norms as older files have them. Left out are masks, numbers of
    positions, the output that is the embedding again, and BERT's head for its second
    task.

    Args:
        name: of our model, 'gpt2' or 'bert_base'.
        arrays: those of a safetensors file, in NumPy.
        like: the variables of our net or their shapes, to compare with. Of BERT they
            tell whether its pooler and its head that fills gaps are wanted; without,
            those that are there come in.

    Returns:
        `{'params': ...}`; copies.

    Raises:
        ValueError: for an unknown name, an output that is not the embedding again; or
            arrays that are missing, unexpected or of another shape, all of which are
            named.

    Reference:
        Wolf et al. (2020), Transformers: State-of-the-Art Natural Language Processing,
        https://arxiv.org/abs/1910.03771

    Example:
        >>> try:
        ...     from_hugging_face('gpt2', {'wpe.weight': np.ones((8, 4))})
        ... except ValueError as error:
        ...     print(str(error).splitlines()[0])
        these weights are not those of Hugging Face's gpt2:
    """
    kind, there, tied = _kind(name), {}, {}
    for key, value in arrays.items():
        key = key.removeprefix(kind.prefix)
        key = re.sub(r'LayerNorm\.gamma$', 'LayerNorm.weight', key)
        key = re.sub(r'LayerNorm\.beta$', 'LayerNorm.bias', key)
        if key in kind.tied:
            tied[key] = value
        elif not kind.left_out.fullmatch(key):
            there[key] = value
    _require_tied(name, kind.tied, tied, there)
    groups = set(like['params']) if like is not None else kind.groups(there)
    wanted = [entry.theirs for entry in kind.entries(_layers(there), {*kind.heads})]
    entries = list(kind.entries(_layers(there), groups))
    unused = set(wanted) - {entry.theirs for entry in entries}
    there = {key: value for key, value in there.items() if key not in unused}
    return read(f"Hugging Face's {name}", entries, there, like)


def to_hugging_face(
    name: Name, variables: Mapping[str, PyTree]
) -> dict[str, np.ndarray]:
    """Make the arrays of a model of Hugging Face from our variables: the way back.

    Args:
        name: of our model, 'gpt2' or 'bert_base'.
        variables: `{'params': ...}`.

    Returns:
        NumPy arrays, copies, by their names without a prefix, as `GPT2Model` and
        `BertModel` have them; with 'cls.predictions' where the head that fills gaps is
        there.

    Raises:
        ValueError: for an unknown name, or variables of another model.
    """
    found = write(f'our {name}', _entries(name, variables), variables)
    return {key: np.array(value, order='C') for key, value in found.items()}


def theirs_by_ours(name: Name, variables: Mapping[str, PyTree]) -> dict[str, str]:
    """Tell from which array each of our leaves comes.

    Args:
        name: of our model, 'gpt2' or 'bert_base'.
        variables: `{'params': ...}`.

    Returns:
        Names of Hugging Face by the paths of our leaves.

    Raises:
        ValueError: for an unknown name.
    """
    return {entry.ours: entry.theirs for entry in _entries(name, variables)}


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise ValueError(f'the name is {name!r}, wanted ' + ' or '.join(KINDS))
    return KINDS[name]


def _require_tied(
    name: str,
    pairs: Mapping[str, str],
    tied: Mapping[str, np.ndarray],
    there: Mapping[str, np.ndarray],
) -> None:
    """Refuse an array that our net takes for another one, where it is none."""
    for key, value in tied.items():
        like = there.get(pairs[key])
        if like is not None and not np.array_equal(value, like):
            raise ValueError(
                f'{key} is not {pairs[key]} again, as it is in {name}: the model has '
                'an output of its own, which our net does not have'
            )


def _layers(arrays: Mapping[str, np.ndarray]) -> int:
    found = (re.match(r'(?:h|encoder\.layer)\.(\d+)\.', key) for key in arrays)
    return max((int(match[1]) + 1 for match in found if match), default=1)


def _entries(name: str, variables: Mapping[str, PyTree]) -> Iterator[Entry]:
    kind, params = _kind(name), variables.get('params', {})
    stack = params.get(kind.stack, {})
    layers = sum(1 for key in stack if key.startswith('layer_'))
    return kind.entries(layers, set(params))
