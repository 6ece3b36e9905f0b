"""Contrastive divergence: the data's statistics against the model's."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from dljax.types import Array


def contrastive_divergence(
    params: Mapping[str, Array],
    data: Array,
    model: Array,
    weights: Array | None = None,
) -> dict[str, Array]:
    """Direction of a restricted Boltzmann machine: down the negative log-likelihood.

    The gradient of -log p(v) is E_data[∂F/∂θ] - E_model[∂F/∂θ] with the free energy F;
    for the weights, -⟨v σ(c + v W)⟩_data + ⟨v σ(c + v W)⟩_model. It is exact where the
    model's visible states are drawn from the model, or all listed with their
    probabilities; contrastive divergence takes those of k Gibbs steps from the data,
    its persistent form those of chains that go on from update to update.

    Args:
        params: `kernel` [visible, hidden] W, `visible_bias` b and `hidden_bias` c.
        data: [batch, visible] in [0, 1].
        model: [states, visible] in [0, 1], visible states of the model.
        weights: [states], probabilities of these states; None for equal ones.

    Returns:
        A direction for each parameter, float32.

    Raises:
        ValueError: if the shapes do not belong together.

    Reference:
        Hinton (2002), Training Products of Experts by Minimizing Contrastive
        Divergence, https://doi.org/10.1162/089976602760128018
        Tieleman (2008), Training Restricted Boltzmann Machines Using Approximations to
        the Likelihood Gradient, https://doi.org/10.1145/1390156.1390290; persistent
        chains.

    Example:
        >>> import jax.numpy as jnp
        >>> params = {'kernel': jnp.zeros((2, 1)), 'visible_bias': jnp.zeros(2),
        ...           'hidden_bias': jnp.zeros(1)}
        >>> seen, dreamt = jnp.array([[1., 0.]]), jnp.array([[1., 1.]])
        >>> print(contrastive_divergence(params, seen, dreamt)['visible_bias'])
        [0. 1.]
    """
    visible = params['kernel'].shape[0]
    if (
        data.ndim != 2
        or model.ndim != 2
        or not (data.shape[1] == model.shape[1] == visible)
    ):
        raise ValueError(
            f'data and model have shapes {data.shape} and {model.shape}, wanted '
            f'[batch, {visible}] and [states, {visible}]: flatten the images'
        )
    even = jnp.full(len(data), 1.0 / len(data))
    if weights is None:
        weights = jnp.full(len(model), 1.0 / len(model))
    seen = _statistics(params, data, even)
    dreamt = _statistics(params, model, weights)
    return jax.tree.map(jnp.subtract, dreamt, seen)


def _statistics(
    params: Mapping[str, Array], visible: Array, weights: Array
) -> dict[str, Array]:
    """Average what the energy is linear in, with the hidden units summed out."""
    visible = visible.astype(jnp.float32)
    kernel = params['kernel'].astype(jnp.float32)
    hidden = jax.nn.sigmoid(
        _product(visible, kernel) + params['hidden_bias'].astype(jnp.float32)[None, :]
    )
    weighted = weights.astype(jnp.float32)[:, None] * visible
    return {
        'kernel': _product(weighted.T, hidden),
        'visible_bias': weighted.sum(axis=0),
        'hidden_bias': (weights[:, None] * hidden).sum(axis=0),
    }


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
