"""State dicts of torch's attention layers become our variables and come back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import MultiHeadAttention, TransformerBlock
from dljax.types import named_leaves
from dljax.weights.torch_attention import from_torch_layer, to_torch_layer

WIDTH, HIDDEN, MEMORY = 4, 6, 5
RNG = np.random.default_rng(0)


def attention(prefix: str = '') -> dict[str, tuple[int, ...]]:
    return {
        f'{prefix}in_proj_weight': (3 * WIDTH, WIDTH),
        f'{prefix}in_proj_bias': (3 * WIDTH,),
        f'{prefix}out_proj.weight': (WIDTH, WIDTH),
        f'{prefix}out_proj.bias': (WIDTH,),
    }


def block(decoder: bool) -> dict[str, tuple[int, ...]]:
    found = attention('self_attn.')
    found |= attention('multihead_attn.') if decoder else {}
    found |= {'linear1.weight': (HIDDEN, WIDTH), 'linear1.bias': (HIDDEN,)}
    found |= {'linear2.weight': (WIDTH, HIDDEN), 'linear2.bias': (WIDTH,)}
    for index in range(1, 4 if decoder else 3):
        found |= {f'norm{index}.weight': (WIDTH,), f'norm{index}.bias': (WIDTH,)}
    return found


APART = {
    'q_proj_weight': (WIDTH, WIDTH),
    'k_proj_weight': (WIDTH, MEMORY),
    'v_proj_weight': (WIDTH, MEMORY),
    'in_proj_bias': (3 * WIDTH,),
    'out_proj.weight': (WIDTH, WIDTH),
    'out_proj.bias': (WIDTH,),
}
ONE = jnp.ones((1, 2, WIDTH))
ATTENTION = MultiHeadAttention(WIDTH, heads=2)
ENCODER = TransformerBlock(HIDDEN, heads=2)
DECODER = TransformerBlock(HIDDEN, heads=2, causal=True)


@pytest.mark.parametrize(
    ('name', 'shapes', 'layer', 'inputs'),
    [
        ('MultiheadAttention', attention(), ATTENTION, (ONE,)),
        ('MultiheadAttention', APART, ATTENTION, (ONE, jnp.ones((1, 3, MEMORY)))),
        ('TransformerEncoderLayer', block(False), ENCODER, (ONE,)),
        ('TransformerDecoderLayer', block(True), DECODER, (ONE, ONE)),
    ],
)
def test_a_state_dict_fits_our_layer_and_comes_back(
    name: str, shapes: dict, layer: object, inputs: tuple
) -> None:
    arrays = {
        key: RNG.normal(size=shape).astype(np.float32) for key, shape in shapes.items()
    }
    like = jax.eval_shape(layer.init, jax.random.key(0), *inputs)
    made = from_torch_layer(name, arrays, like)
    assert jax.tree.map(np.shape, made) == jax.tree.map(jnp.shape, dict(like))
    again = to_torch_layer(name, made)
    assert list(again) == list(arrays)
    for key, value in arrays.items():
        np.testing.assert_array_equal(again[key], value)
    assert len(named_leaves(made)) > len(again)


def test_other_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="'LSTM' is not known, only .*Encoder"):
        from_torch_layer('LSTM', {})
    with pytest.raises(ValueError, match=r'missing \(11\): .*self_attn'):
        from_torch_layer('TransformerEncoderLayer', {'linear1.weight': np.ones((2, 2))})
