"""GPT-2 and BERT give what Hugging Face's give, gradients included."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from dljax import create_model
from dljax.export.conversion import convert
from dljax.types import Array, PyTree, named_leaves
from dljax.weights import (
    from_hugging_face,
    reference,
    settings_of_config,
    to_hugging_face,
)

transformers = pytest.importorskip('transformers')
if reference.is_installed('torchvision'):
    reference.torchvision_models()  # which declares what transformers imports of it

TOKENS = np.random.default_rng(0).integers(0, 50, (3, 9))
LENGTHS = np.array([9, 4, 6])
TRUE = np.arange(9) < LENGTHS[:, None]


def randomised(net: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return net.eval()


def compare(
    name: Any, theirs: torch.nn.Module, wanted: torch.Tensor, method: str
) -> None:
    """Compare the outputs at true places, and the gradients of their weighted sum."""
    weight = np.random.default_rng(1).normal(size=wanted.shape) * TRUE[..., None]
    weight = weight.astype(np.float32)
    (wanted * torch.tensor(weight)).sum().backward()
    net = create_model(name, **settings_of_config(name, theirs.config.to_dict()))
    state = {key: leaf.numpy() for key, leaf in theirs.state_dict().items()}
    slopes = {
        key: np.zeros(leaf.shape, np.float32) if leaf.grad is None else leaf.grad
        for key, leaf in theirs.named_parameters()
    }
    inputs = (TOKENS, LENGTHS) if name == 'bert_base' else (TOKENS,)
    like = jax.eval_shape(
        lambda key: net.init(key, *inputs, method=method), jax.random.key(0)
    )
    variables = from_hugging_face(name, state, like)
    gradient = from_hugging_face(
        name, {key: np.asarray(leaf) for key, leaf in slopes.items()}, like
    )['params']

    def loss(params: PyTree) -> tuple[Array, Array]:
        outputs = net.apply({'params': params}, *inputs, method=method)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        return (outputs * weight).sum(), outputs

    compute = jax.jit(jax.grad(loss, has_aux=True))
    ours, outputs = compute(jax.tree.map(jnp.asarray, variables['params']))
    shown = wanted.detach().numpy()[TRUE]
    np.testing.assert_allclose(outputs[TRUE], shown, atol=1e-5 * np.abs(shown).max())
    mine, expected = named_leaves(ours), named_leaves(gradient)
    largest = max(np.abs(leaf).max() for leaf in expected.values())
    for path, value in expected.items():
        if path.startswith('pooler'):
            continue  # nothing was asked of it
        error = np.abs(np.asarray(mine[path]) - value).max()
        assert error < 1e-5 * largest, f'{path}: {error}'
    again = to_hugging_face(name, variables)
    for key, value in again.items():
        where = next(k for k in state if k == key or k.endswith(f'.{key}'))
        np.testing.assert_array_equal(value, state[where])


def test_gpt2_is_that_of_hugging_face() -> None:
    config = transformers.GPT2Config(
        vocab_size=50, n_positions=12, n_embd=8, n_layer=2, n_head=2
    )
    net = randomised(transformers.GPT2LMHeadModel(config))
    logits = net(
        torch.tensor(TOKENS), attention_mask=torch.tensor(TRUE.astype(int))
    ).logits
    compare('gpt2', net, logits, '__call__')


@pytest.mark.parametrize('method', ['__call__', 'fill'])
def test_bert_is_that_of_hugging_face(method: str) -> None:
    config = transformers.BertConfig(
        vocab_size=50,
        max_position_embeddings=12,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        pad_token_id=None,  # whose vector torch gives no gradient
    )
    made = transformers.BertForMaskedLM if method == 'fill' else transformers.BertModel
    net = randomised(made(config))
    answer = net(torch.tensor(TOKENS), attention_mask=torch.tensor(TRUE.astype(int)))
    states = answer.logits if method == 'fill' else answer.last_hidden_state
    compare('bert_base', net, states, method)


@pytest.mark.parametrize('name', ['gpt2', 'bert_base'])
def test_a_saved_model_is_converted_and_certified(name: str, tmp_path: Path) -> None:
    if name == 'gpt2':
        config = transformers.GPT2Config(
            vocab_size=50, n_positions=12, n_embd=8, n_layer=2, n_head=2
        )
        net = transformers.GPT2LMHeadModel(config)
    else:
        sizes = {'num_hidden_layers': 2, 'num_attention_heads': 2, 'vocab_size': 50}
        config = transformers.BertConfig(
            hidden_size=8, intermediate_size=16, max_position_embeddings=12, **sizes
        )
        net = transformers.BertModel(config)
    randomised(net).save_pretrained(tmp_path / 'there')
    here, back = tmp_path / 'here.npz', tmp_path / 'back/model.safetensors'
    made = convert(tmp_path / 'there', here, model=name, came_from='hugging_face')
    assert made['logits_difference']['relative'] < 1e-5
    assert 'transformers' in made['versions']
    back.parent.mkdir()
    settings = {key: eval(value) for key, value in made['settings'].items()}
    words = {'model': name, 'came_from': 'dljax', 'goes_to': 'hugging_face'}
    convert(here, back, **words, settings=settings)
    again = type(net).from_pretrained(back.parent).state_dict()
    for key, value in net.state_dict().items():
        torch.testing.assert_close(again[key], value, rtol=0, atol=0)
