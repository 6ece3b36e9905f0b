"""Settings of nets: changed, written down and compared."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.models.feedforward import MLP, ModularNetwork
from dljax.models.fields import describe, reconfigured


class Pair(nn.Module):
    """A container as the two-player games have it."""

    first: nn.Module
    second: nn.Module

    def __call__(self, x: jax.Array) -> jax.Array:
        """Add the two."""
        return self.first(x) + self.second(x)


def test_a_setting_reaches_every_module_that_has_it() -> None:
    net = Pair(MLP(outputs=3), ModularNetwork((MLP(outputs=2), MLP(outputs=2))))
    half = reconfigured(net, dtype=jnp.bfloat16, axis_name='data')
    assert half.first.dtype == jnp.bfloat16
    assert [expert.dtype for expert in half.second.experts] == [jnp.bfloat16] * 2
    assert net.first.dtype is None
    assert half.first.outputs == 3


def test_a_changed_precision_computes_in_it_and_keeps_float32_parameters() -> None:
    net = reconfigured(Pair(MLP(outputs=3), MLP(outputs=3)), dtype=jnp.bfloat16)
    x = jax.ShapeDtypeStruct((2, 4), jnp.float32)
    output, variables = jax.eval_shape(net.init_with_output, jax.random.key(0), x)
    assert output.dtype == jnp.bfloat16
    assert {x.dtype for x in jax.tree.leaves(variables)} == {jnp.dtype('float32')}


def test_a_description_names_every_field_and_no_address() -> None:
    net = Pair(MLP(hidden=(4, 5)), ModularNetwork((MLP(), MLP(hidden=(7,)))))
    text = describe(net)
    assert text[''] == 'Pair'
    assert text['first.hidden'] == '(4, 5)'
    assert text['first.activation'] == 'relu'
    assert text['second.experts[1].hidden'] == '(7,)'
    assert not any('0x' in value for value in text.values())
    assert text == describe(net.clone())
    assert text != describe(Pair(MLP(hidden=(4, 6)), net.second))


def test_a_description_leaves_out_how_the_run_is_spread() -> None:
    norm = nn.BatchNorm(use_running_average=False)
    assert describe(norm) == describe(reconfigured(norm, axis_name='data'))
