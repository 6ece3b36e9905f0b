"""Several nets side by side."""

import jax
import numpy as np
import pytest
from flax import linen as nn

from dljax.models.container import container


def test_each_net_has_its_own_parameters_under_its_name() -> None:
    dense = nn.Dense(2)
    both = container(left=dense, right=dense)
    assert both == container(left=dense, right=dense)
    assert hash(both) == hash(container(left=nn.Dense(2), right=nn.Dense(2)))

    def answers(net: nn.Module, x: jax.Array) -> tuple:
        return net.left(x), net.right(x)

    init = jax.jit(nn.init(answers, both))
    variables = init(jax.random.key(0), np.ones((1, 3), np.float32))
    left, right = (variables['params'][name]['kernel'] for name in ('left', 'right'))
    assert left.shape == right.shape == (3, 2)
    assert np.all(np.asarray(left) != right)


def test_parts_of_the_nets_are_not_shared_either() -> None:
    whole = nn.Sequential([nn.Dense(2)])
    both = container(left=whole, right=whole.clone())  # one instance inside of both
    init = nn.init(lambda net, x: (net.left(x), net.right(x)), both)
    variables = jax.jit(init)(jax.random.key(0), np.ones((1, 3), np.float32))
    left, right = (
        variables['params'][name]['layers_0']['kernel'] for name in ('left', 'right')
    )
    assert np.all(np.asarray(left) != right)


def test_without_a_net_there_is_no_container() -> None:
    with pytest.raises(ValueError, match='got no net'):
        container()


@pytest.mark.parametrize('name', ['with', 'class', '2_layers', 'a b'])
def test_a_name_that_is_none_of_a_field_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"a net is called '{name}', wanted a name"):
        container(**{name: nn.Dense(1)})
