"""GPT-2 and BERT by the names that Hugging Face gives them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import create_model
from dljax.types import PyTree
from dljax.weights.hugging_face import (
    from_hugging_face,
    settings_of_config,
    to_hugging_face,
)

CONFIGS = {
    'gpt2': {
        **{'vocab_size': 11, 'n_positions': 6, 'n_embd': 4, 'n_layer': 2, 'n_head': 2},
        **{'n_inner': None, 'activation_function': 'gelu_new', 'resid_pdrop': 0.2},
    },
    'bert_base': {
        **{'vocab_size': 11, 'max_position_embeddings': 6, 'hidden_size': 4},
        **{'num_hidden_layers': 2, 'num_attention_heads': 2, 'intermediate_size': 6},
        **{'type_vocab_size': 2, 'hidden_act': 'gelu', 'layer_norm_eps': 1e-12},
    },
}
TOKENS = jnp.zeros((1, 5), jnp.int32)


def shapes(name: str, method: str = '__call__') -> PyTree:
    net = create_model(name, **settings_of_config(name, CONFIGS[name]))
    return jax.eval_shape(
        lambda key, tokens: net.init(key, tokens, method=method),
        jax.random.key(0),
        TOKENS,
    )


def drawn(like: PyTree) -> PyTree:
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype), like
    )


@pytest.mark.parametrize(
    ('name', 'method', 'prefix'),
    [
        ('gpt2', '__call__', 'transformer.'),
        ('bert_base', '__call__', 'bert.'),
        ('bert_base', 'fill', ''),
    ],
)
def test_variables_go_out_and_come_back(name: str, method: str, prefix: str) -> None:
    like = shapes(name, method)
    variables = drawn(like)
    arrays = to_hugging_face(name, variables)
    there = {f'{prefix}{key}': value for key, value in arrays.items()}
    for expected in (like, None):
        again = from_hugging_face(name, there, expected)
        jax.tree.map(np.testing.assert_array_equal, again, dict(variables))


def test_names_and_forms_are_those_of_the_files() -> None:
    arrays = to_hugging_face('gpt2', drawn(shapes('gpt2')))
    assert arrays['h.1.attn.c_attn.weight'].shape == (4, 12)
    assert arrays['h.0.mlp.c_fc.weight'].shape == (4, 16)
    assert len(arrays) == 2 + 2 * 12 + 2 and 'ln_f.weight' in arrays
    variables = drawn(shapes('bert_base'))
    arrays = to_hugging_face('bert_base', variables)
    assert len(arrays) == 5 + 2 * 16 + 2
    assert arrays['encoder.layer.1.intermediate.dense.weight'].shape == (6, 4)
    kernel = variables['params']['encoder']['layer_0']['attention']['key']['kernel']
    theirs = arrays['encoder.layer.0.attention.self.key.weight']
    np.testing.assert_array_equal(theirs.T, kernel)


def test_what_is_no_weight_of_ours_is_left_out_and_old_names_are_known() -> None:
    variables = drawn(shapes('bert_base', 'fill'))
    arrays = to_hugging_face('bert_base', variables)
    old = {
        key.replace('Norm.weight', 'Norm.gamma').replace('Norm.bias', 'Norm.beta'): a
        for key, a in arrays.items()
    }
    old |= {
        'pooler.dense.weight': np.ones((4, 4), np.float32),
        'pooler.dense.bias': np.ones(4, np.float32),
        'cls.seq_relationship.weight': np.ones((2, 4), np.float32),
        'cls.predictions.decoder.weight': arrays['embeddings.word_embeddings.weight'],
        'embeddings.position_ids': np.arange(6)[None],
    }
    again = from_hugging_face('bert_base', old, shapes('bert_base', 'fill'))
    jax.tree.map(np.testing.assert_array_equal, again, dict(variables))
    assert {'pooler', 'masked'} < set(from_hugging_face('bert_base', old)['params'])


@pytest.mark.parametrize(
    ('name', 'tied', 'like'),
    [
        ('gpt2', 'lm_head.weight', 'wte.weight'),
        (
            'bert_base',
            'cls.predictions.decoder.weight',
            'embeddings.word_embeddings.weight',
        ),
        ('bert_base', 'cls.predictions.decoder.bias', 'cls.predictions.bias'),
    ],
)
def test_an_output_of_its_own_is_refused(name: str, tied: str, like: str) -> None:
    method = '__call__' if name == 'gpt2' else 'fill'
    arrays = to_hugging_face(name, drawn(shapes(name, method)))
    from_hugging_face(name, {**arrays, tied: arrays[like].copy()})
    with pytest.raises(ValueError, match=f'{tied} is not {like} again'):
        from_hugging_face(name, {**arrays, tied: arrays[like] + 1e-3})


def test_a_config_gives_the_sizes_and_another_form_is_refused() -> None:
    made = settings_of_config('gpt2', CONFIGS['gpt2'])
    assert made == {
        **{'vocabulary': 11, 'context': 6, 'width': 4, 'layers': 2, 'heads': 2},
        'dropout': 0.2,
    }
    with pytest.raises(ValueError, match="activation_function='relu', wanted 'gelu"):
        settings_of_config('gpt2', {'activation_function': 'relu'})
    for name, config in (  # of the same names, but other arithmetic
        ('gpt2', {'scale_attn_weights': False}),
        ('bert_base', {'model_type': 'roberta'}),
    ):
        (key,) = config
        with pytest.raises(ValueError, match=f'the config has {key}='):
            settings_of_config(name, config)
    with pytest.raises(ValueError, match="'t5', wanted gpt2 or bert_base"):
        settings_of_config('t5', {})
    arrays = to_hugging_face('gpt2', drawn(shapes('gpt2')))
    arrays['h.0.attn.c_attn.bias'] = arrays['h.0.attn.c_attn.bias'][:-1]
    with pytest.raises(ValueError, match=r'h.0.attn.c_attn.bias \[11\], wanted \[12\]'):
        from_hugging_face('gpt2', arrays, shapes('gpt2'))
