"""What Hugging Face calls the settings and arrays of GPT-2 and BERT."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from dljax.weights.entries import Entry, Form, Part, as_it_is

_DENSE = Form(2, '[out, in]', lambda x: x.T, lambda x: x.T)
_MATRIX = as_it_is(2, '[in, out]')
_VECTORS = as_it_is(2, '[count, width]')
_VECTOR = as_it_is(1, '[features]')


class Kind(NamedTuple):
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


KINDS = {
    'gpt2': Kind(
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
    'bert_base': Kind(
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
