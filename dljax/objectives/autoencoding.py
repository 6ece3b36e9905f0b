"""Rebuilding inputs from a code: one loss, and what makes the kinds of it (U5.1)."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax import rules
from dljax.losses import (
    absolute_activation,
    activation_divergence,
    binary_cross_entropy,
    contraction,
    sum_squared_error,
)
from dljax.metrics import active_fraction
from dljax.objectives import wanted
from dljax.training import declared
from dljax.types import Array, Batch, Direction, Key, Loss, Metrics, PyTree, Score

Penalty = Callable[[nn.Module, Array, Array], Array]


def autoencode(
    feature: str = 'image',
    *,
    corrupt: Callable[[Key, Array], Array] | None = None,
    penalty: Penalty | None = None,
    squared: bool = False,
) -> Loss:
    """Loss of an autoencoder: what its reconstruction misses, and a penalty.

    The cost is the negative log likelihood of the input's pixels where the net gives
    log odds (Bernoulli cross-entropy), else the squared error; summed over the pixels.
    With `corrupt` the net sees a damaged input and has to give the whole one: a
    denoising autoencoder. The net is called in train mode, so it moves its own batch
    statistics.

    Args:
        feature: name of the input in the batch.
        corrupt: `(key, inputs) -> inputs`, drawn anew in each step from the stream
            'corruption'.
        penalty: `(net, inputs, code) -> scalar`: `sparse`, `sparse_l1` or
            `contractive`; several may be added up.
        squared: whether the squared error of the pixels is the cost even where the net
            gives log odds.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metrics 'squared_error', of
        whole pixels, and 'penalty' where there is one.

    Reference:
        Vincent et al. (2008), Extracting and Composing Robust Features with Denoising
        Autoencoders, https://doi.org/10.1145/1390156.1390294

    Example:
        >>> import jax, optax
        >>> from dljax import create_model
        >>> from dljax.data import masking
        >>> from dljax.training import Player, learner
        >>> net = create_model('sparse_autoencoder', code=9, shape=(2, 2, 1))
        >>> loss = autoencode(corrupt=masking(.2), penalty=sparse(.1))
        >>> train = learner(net, {'denoising': Player(optax.adam(.01), loss=loss)})
        >>> batch = {'image': jnp.ones((4, 2, 2, 1))}
        >>> state = train.init(jax.random.key(0), batch)
        >>> sorted(train.update(jax.random.key(0), state, batch)[1])[-2:]
        ['denoising/penalty', 'denoising/squared_error']
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        inputs = batch[feature]
        seen = inputs
        if corrupt is not None:
            seen = corrupt(net.make_rng('corruption'), inputs)
        code = net.encode(seen, train=True)
        outputs = net.decode(code, train=True)
        error = sum_squared_error(pixels(net, outputs), inputs).mean()
        metrics = {'squared_error': error}
        if net.logits and not squared:
            loss = binary_cross_entropy(outputs, inputs).mean()
        else:
            loss = error
        if penalty is not None:
            metrics['penalty'] = penalty(net, inputs, code)
            loss = loss + metrics['penalty']
        return loss, metrics

    return declared(objective, rebuilt(feature, squared))


def sparse(weight: float, target: float = 0.05) -> Penalty:
    """Penalise units that are not active about as often as a target says.

    Args:
        weight: of the sum over the units, at least 0.
        target: the mean activation, in (0, 1); the code is in (0, 1) as well.

    Returns:
        The penalty, weight · Σ_j KL(ρ ‖ ρ̂_j).

    Raises:
        ValueError: for a negative weight.

    Reference:
        Ng (2011), Sparse Autoencoder, CS294A lecture notes,
        https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf
    """
    _check_weight(weight)
    return lambda net, inputs, code: weight * activation_divergence(code, target).sum()


def sparse_l1(weight: float) -> Penalty:
    """Penalise the absolute values of a code.

    Args:
        weight: of their sum, at least 0.

    Returns:
        The penalty, weight · mean over the batch of Σ_j |z_j|.

    Raises:
        ValueError: for a negative weight.

    Reference:
        Olshausen, Field (1996), Emergence of Simple-Cell Receptive Field Properties by
        Learning a Sparse Code for Natural Images, https://doi.org/10.1038/381607a0
    """
    _check_weight(weight)
    return lambda net, inputs, code: weight * absolute_activation(code).mean()


def contractive(weight: float) -> Penalty:
    """Penalise codes that move with the input, by the encoder's whole Jacobian.

    It is taken in evaluation mode: a derivative inside a loss must not move batch
    statistics.

    Args:
        weight: λ, at least 0.

    Returns:
        The penalty, weight · mean over the batch of ‖∂z/∂x‖²_F.

    Raises:
        ValueError: for a negative weight.

    Reference:
        Rifai et al. (2011), Contractive Auto-Encoders: Explicit Invariance During
        Feature Extraction, https://icml.cc/2011/papers/455_icmlpaper.pdf
    """
    _check_weight(weight)

    def penalty(net: nn.Module, inputs: Array, code: Array) -> Array:
        return weight * contraction(code_jacobian(net, inputs)).mean()

    return penalty


def code_jacobian(net: nn.Module, inputs: Array) -> Array:
    """Differentiate each code by its own input.

    Args:
        net: bound, with parameters, and with a method `encode`.
        inputs: [batch, ...].

    Returns:
        [batch, code, ...], in evaluation mode.
    """
    module, variables = net.unbind()

    def encode(example: Array) -> Array:
        return module.apply(variables, example[None], method='encode')[0]

    wide = jax.eval_shape(encode, inputs[0]).size > inputs[0].size
    return jax.vmap(jax.jacfwd(encode) if wide else jax.jacrev(encode))(inputs)


def solve_components(feature: str = 'image') -> Direction:
    """Principal components as the weights of a linear autoencoder, all at once (U5.3).

    The direction leads from the weights to those that encode by (x - μ) V and decode
    by z Vᵀ + μ, of this batch, so that `optax.sgd(1.)` arrives in one move.

    Args:
        feature: name of the input in the batch.

    Returns:
        `(net, batch, step) -> (direction, metrics)` with the metric 'squared_error' of
        the solution on this batch; the net is a `linear_autoencoder`.

    Raises:
        ValueError: when it is played, for a net with hidden layers.

    Reference:
        Baldi, Hornik (1989), Neural Networks and Principal Component Analysis,
        https://doi.org/10.1016/0893-6080(89)90014-2
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        if net.is_initializing():
            net(batch[feature], train=False)
        params = net.variables['params']
        layers = sorted({*params['encoder'], *params['decoder']})
        if layers != ['output'] or net.logits:
            raise ValueError(
                f'the net has the layers {layers} and logits={net.logits}, wanted a '
                'single layer on either side, of pixels: see linear_autoencoder'
            )
        inputs = batch[feature].reshape(len(batch[feature]), -1)
        width = params['encoder']['output']['bias'].size
        found = rules.principal_components(inputs, width)
        bias = -jnp.matmul(found.mean, found.vectors, precision='highest')
        into = {'kernel': found.vectors, 'bias': bias}
        out = {'kernel': found.vectors.T, 'bias': found.mean}
        solution = {'encoder': {'output': into}, 'decoder': {'output': out}}
        left = jnp.square(inputs - found.mean[None, :]).sum(axis=1).mean()
        kept = found.variances.sum() * (len(inputs) - 1) / len(inputs)
        direction = jax.tree.map(lambda w, best: w - best, params, solution)
        return direction, {'squared_error': left - kept}

    return declared(objective, wanted.all_finite(feature))


def score_reconstruction(
    feature: str = 'image', *, corrupt: Callable[[Key, Array], Array] | None = None
) -> Score:
    """Scores of an autoencoder: the errors of each example, and how much its code acts.

    Args:
        feature: name of the input in the batch.
        corrupt: `(key, inputs) -> inputs`, the damage that is to be repaired; the same
            in each evaluation.

    Returns:
        `(net, batch, step) -> scores` in evaluation mode, each [batch]: 'squared_error'
        of the pixels, summed; 'active_share' of the code; where the net gives log odds
        also their 'loss', the cross-entropy in nats; with `corrupt` also
        'denoising_error', the squared error of what is rebuilt from the damaged input.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        inputs = batch[feature]
        code = net.encode(inputs)
        outputs = net.decode(code)
        scores = {
            'squared_error': sum_squared_error(pixels(net, outputs), inputs),
            'active_share': active_fraction(code),
        }
        if net.logits:
            scores['loss'] = binary_cross_entropy(outputs, inputs)
        if corrupt is not None:
            rebuilt = net.reconstruct(corrupt(net.make_rng('corruption'), inputs))
            scores['denoising_error'] = sum_squared_error(rebuilt, inputs)
        return scores

    return declared(score, rebuilt(feature))


def rebuilt(
    feature: str, squared: bool = False
) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    """Make a check of inputs: probabilities where the net gives log odds of them."""

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        odds = getattr(net, 'logits', False) and not squared
        loss = binary_cross_entropy if odds else sum_squared_error
        wanted.target_of(loss, arrays, feature)

    return check


def pixels(net: nn.Module, outputs: Array) -> Array:
    """Turn the outputs of an autoencoder into pixels.

    Args:
        net: that tells whether it gives log odds by its field `logits`.
        outputs: [batch, ...].

    Returns:
        [batch, ...] float32.
    """
    outputs = outputs.astype(jnp.float32)
    return jax.nn.sigmoid(outputs) if net.logits else outputs


def _check_weight(weight: float) -> None:
    if weight < 0:
        raise ValueError(f'weight is {weight}, wanted at least 0')
