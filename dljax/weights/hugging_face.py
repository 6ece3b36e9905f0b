"""GPT-2 and BERT of Hugging Face: their settings and weights, without transformers."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from dljax.types import PyTree
from dljax.weights.entries import Entry, Form, Part, as_it_is, read, write

Name = Literal['gpt2', 'bert_base']
_DENSE = Form(2, '[out, in]', lambda x: x.T, lambda x: x.T)
_MATRIX = as_it_is(2, '[in, out]')
_VECTORS = as_it_is(2, '[count, width]')
_VECTOR = as_it_is(1, '[features]')


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
    kind, params = _kind(name), variables.get('params', {})
    stack = params.get(kind.stack, {})
    layers = sum(1 for key in stack if key.startswith('layer_'))
    entries = kind.entries(layers, set(params))
    found = write(f'our {name}', entries, variables)
    return {key: np.array(value, order='C') for key, value in found.items()}


class _Kind(NamedTuple):
    """What a family of models is called there."""

    prefix: str
    stack: str
    heads: tuple[str, ...]
    left_out: re.Pattern[str]
    tied: Mapping[str, str]
    sizes: Mapping[str, str]
    fixed: Mapping[str, tuple]
    entries: Callable[[int, set[str]], Iterator[Entry]]
    groups: Callable[[Mapping[str, np.ndarray]], set[str]]


def _kind(name: str) -> _Kind:
    if name not in _KINDS:
        raise ValueError(f'the name is {name!r}, wanted ' + ' or '.join(_KINDS))
    return _KINDS[name]


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


def _pair(theirs: str, ours: str, form: Form) -> Iterator[Entry]:
    yield Entry(f'{theirs}.weight', f'params/{ours}/kernel', form)
    yield Entry(f'{theirs}.bias', f'params/{ours}/bias', _VECTOR)


def _norm(theirs: str, ours: str) -> Iterator[Entry]:
    yield Entry(f'{theirs}.weight', f'params/{ours}/scale', _VECTOR)
    yield Entry(f'{theirs}.bias', f'params/{ours}/bias', _VECTOR)


def _gpt2(layers: int, groups: set[str]) -> Iterator[Entry]:
    del groups
    yield Entry('wte.weight', 'params/embedding/embedding', _VECTORS)
    yield Entry('wpe.weight', 'params/positions/embedding', _VECTORS)
    for index in range(layers):
        there, here = f'h.{index}', f'decoder/layer_{index}'
        yield from _norm(f'{there}.ln_1', f'{here}/attention_norm')
        # One matrix for all three, [in, out]: its layer is a convolution of width 1.
        for suffix, leaf, form in (
            ('weight', 'kernel', _MATRIX),
            ('bias', 'bias', _VECTOR),
        ):
            for place, part in enumerate(('query', 'key', 'value')):
                path = f'params/{here}/attention/{part}/{leaf}'
                split = Part(place, 3, axis=form.rank - 1)
                yield Entry(f'{there}.attn.c_attn.{suffix}', path, form, split)
        yield from _pair(f'{there}.attn.c_proj', f'{here}/attention/output', _MATRIX)
        yield from _norm(f'{there}.ln_2', f'{here}/feed_forward_norm')
        yield from _pair(f'{there}.mlp.c_fc', f'{here}/feed_forward/hidden', _MATRIX)
        yield from _pair(f'{there}.mlp.c_proj', f'{here}/feed_forward/output', _MATRIX)
    yield from _norm('ln_f', 'decoder/norm')


def _bert(layers: int, groups: set[str]) -> Iterator[Entry]:
    for there, here in (
        ('word', 'embedding'),
        ('position', 'positions'),
        ('token_type', 'segments'),
    ):
        name = f'embeddings.{there}_embeddings.weight'
        yield Entry(name, f'params/{here}/embedding', _VECTORS)
    yield from _norm('embeddings.LayerNorm', 'embedding_norm')
    for index in range(layers):
        there, here = f'encoder.layer.{index}', f'encoder/layer_{index}'
        for part in ('query', 'key', 'value'):
            path = f'{here}/attention/{part}'
            yield from _pair(f'{there}.attention.self.{part}', path, _DENSE)
        path = f'{here}/attention/output'
        yield from _pair(f'{there}.attention.output.dense', path, _DENSE)
        path = f'{here}/attention_norm'
        yield from _norm(f'{there}.attention.output.LayerNorm', path)
        path = f'{here}/feed_forward/hidden'
        yield from _pair(f'{there}.intermediate.dense', path, _DENSE)
        path = f'{here}/feed_forward/output'
        yield from _pair(f'{there}.output.dense', path, _DENSE)
        yield from _norm(f'{there}.output.LayerNorm', f'{here}/feed_forward_norm')
    if 'pooler' in groups:
        yield from _pair('pooler.dense', 'pooler', _DENSE)
    if 'masked' in groups:
        yield Entry('cls.predictions.bias', 'params/masked/bias', _VECTOR)
        there = 'cls.predictions.transform'
        yield from _pair(f'{there}.dense', 'masked/hidden', _DENSE)
        yield from _norm(f'{there}.LayerNorm', 'masked/norm')


def _heads_of_bert(arrays: Mapping[str, np.ndarray]) -> set[str]:
    known = {'pooler.dense.weight': 'pooler', 'cls.predictions.bias': 'masked'}
    return {group for key, group in known.items() if key in arrays}


_KINDS = {
    'gpt2': _Kind(
        prefix='transformer.',
        stack='decoder',
        heads=(),
        left_out=re.compile(r'h\.\d+\.attn\.(bias|masked_bias)'),
        tied={'lm_head.weight': 'wte.weight'},
        sizes={
            'vocab_size': 'vocabulary',
            'n_positions': 'context',
            'n_embd': 'width',
            'n_layer': 'layers',
            'n_head': 'heads',
            'n_inner': 'hidden',
            'resid_pdrop': 'dropout',
        },
        fixed={
            'activation_function': ('gelu_new', 'gelu_pytorch_tanh'),
            'layer_norm_epsilon': (1e-5,),
            'tie_word_embeddings': (True,),
            'scale_attn_by_inverse_layer_idx': (False,),
            'scale_attn_weights': (True,),
            'add_cross_attention': (False,),
            'model_type': ('gpt2',),
        },
        entries=_gpt2,
        groups=lambda arrays: set(),
    ),
    'bert_base': _Kind(
        prefix='bert.',
        stack='encoder',
        heads=('pooler', 'masked'),
        left_out=re.compile(r'embeddings\.position_ids|cls\.seq_relationship\..*'),
        tied={
            'cls.predictions.decoder.weight': 'embeddings.word_embeddings.weight',
            'cls.predictions.decoder.bias': 'cls.predictions.bias',
        },
        sizes={
            'vocab_size': 'vocabulary',
            'max_position_embeddings': 'context',
            'type_vocab_size': 'segments',
            'hidden_size': 'width',
            'num_hidden_layers': 'layers',
            'num_attention_heads': 'heads',
            'intermediate_size': 'hidden',
            'hidden_dropout_prob': 'dropout',
            'layer_norm_eps': 'epsilon',
        },
        fixed={
            'hidden_act': ('gelu',),
            'position_embedding_type': ('absolute',),
            'is_decoder': (False,),
            'add_cross_attention': (False,),
            'model_type': ('bert',),
        },
        entries=_bert,
        groups=_heads_of_bert,
    ),
}
