"""Autoencoders with a codebook on bound nets: their loss, and scores (U5.1)."""

from flax import linen as nn

from dljax.losses import binary_cross_entropy, sum_squared_error
from dljax.metrics import code_perplexity
from dljax.objectives.autoencoding import pixels, rebuilt
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score


def quantise_codes(
    feature: str = 'image', *, commitment: float = 0.25, squared: bool = False
) -> Loss:
    """Learn an autoencoder whose code is of a codebook.

    L = -log p(x | e) + Σ ‖sg(z) - e‖² + β Σ ‖z - sg(e)‖², summed over the pixels of an
    image and over the vectors z of its map: reconstruction, codebook loss (where the
    codebook is learned, not averaged) and commitment. The distortion is the
    cross-entropy where the net gives log odds, else the squared error. The net is
    called in train mode, so that averaged codes move.

    Args:
        feature: name of the input in the batch.
        commitment: β, at least 0.
        squared: whether the squared error counts even where the net gives log odds.

    Returns:
        `(net, batch, step) -> (loss, metrics)`: 'squared_error' of whole images,
        'commitment' ‖z - e‖² of a vector, and 'perplexity' of the batch's codes.

    Raises:
        ValueError: for a negative weight.

    Reference:
        Oord et al. (2017), Neural Discrete Representation Learning, equation 3,
        https://arxiv.org/abs/1711.00937

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from dljax import create_model
        >>> from dljax.training import Player, learner
        >>> net = create_model('vqvae', codes=8, features=4, width=8, channels=1)
        >>> player = Player(optax.adam(1e-3), loss=quantise_codes())
        >>> train = learner(net, {'vqvae': player})
        >>> batch = {'image': jnp.ones((2, 8, 8, 1))}
        >>> state = train.init(jax.random.key(0), batch)
        >>> _, metrics = train.update(jax.random.key(0), state, batch)
        >>> print(metrics['vqvae/perplexity'] >= 1)
        True
    """
    if commitment < 0:
        raise ValueError(f'commitment is {commitment}, wanted at least 0')

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        image = batch[feature]
        made = net(image, train=True)
        error = sum_squared_error(pixels(net, made.outputs), image).mean()
        loss = error
        if net.logits and not squared:
            loss = binary_cross_entropy(made.outputs, image).mean()
        each = commitment * made.commitment
        if not net.quantiser.averaged:
            each = each + made.codebook
        loss = loss + each.sum() / len(image)
        return loss, {
            'squared_error': error,
            'commitment': made.commitment.mean(),
            'perplexity': code_perplexity(made.indices, net.quantiser.codes),
        }

    return declared(objective, rebuilt(feature, squared))


def score_quantised(feature: str = 'image') -> Score:
    """Score an autoencoder with a codebook.

    Args:
        feature: name of the input in the batch.

    Returns:
        `(net, batch, step) -> scores` in evaluation mode, each [batch]: 'squared_error'
        of the pixels, summed, and 'commitment', ‖z - e‖² of a vector; where the net
        gives log odds also their 'loss', the cross-entropy in nats.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        image = batch[feature]
        made = net(image, train=False)
        scores = {
            'squared_error': sum_squared_error(pixels(net, made.outputs), image),
            'commitment': made.commitment.reshape(len(image), -1).mean(axis=1),
        }
        if net.logits:
            scores['loss'] = binary_cross_entropy(made.outputs, image)
        return scores

    return declared(score, rebuilt(feature))
