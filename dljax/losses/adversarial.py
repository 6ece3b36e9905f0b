"""Losses of the two players of an adversarial game, and penalties on a critic.

A discriminator gives each sample a logit, large for what it takes for real. Where it
gives several (one for each patch of an image), their mean is the loss of the sample.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dljax.types import Array


class Game(NamedTuple):
    """What the two players pay.

    Attributes:
        real: `(logits of real samples) -> [batch]`, the discriminator's loss on them.
        fake: `(logits of fake samples) -> [batch]`, its loss on those.
        generator: `(logits of fake samples) -> [batch]`, the generator's loss.
        threshold: the logit above which a sample is taken for real; None where a logit
            says that of no sample by itself, as a critic's score.
    """

    real: Callable[[Array], Array]
    fake: Callable[[Array], Array]
    generator: Callable[[Array], Array]
    threshold: float | None = 0.0


def minimax_game(*, label_smoothing: float = 0.0) -> Game:
    """The value of the game itself, E log D(x) + E log(1 - D(G(z))), D = σ(logit).

    The generator minimises log(1 - D(G(z))), whose gradient vanishes where the
    discriminator is sure: take `non_saturating_game` unless that is what you study.

    Args:
        label_smoothing: s in [0, 1): real samples are labelled 1 - s, fakes stay 0.

    Returns:
        The game; losses in nats.

    Raises:
        ValueError: for a smoothing out of range.

    Reference:
        Goodfellow et al. (2014), Generative Adversarial Nets,
        https://arxiv.org/abs/1406.2661
        Salimans et al. (2016), Improved Techniques for Training GANs,
        https://arxiv.org/abs/1606.03498; the one-sided label smoothing.

    Example:
        >>> import jax.numpy as jnp
        >>> print(minimax_game().generator(jnp.array([0., -50.])).round(3))
        [-0.693 -0.   ]
    """
    game = non_saturating_game(label_smoothing=label_smoothing)
    return game._replace(generator=lambda fake: -_mean(jax.nn.softplus(fake)))


def non_saturating_game(*, label_smoothing: float = 0.0) -> Game:
    """Cross-entropies of both players: the generator minimises -log D(G(z)).

    The fixed point is that of `minimax_game`, the gradient strong where fakes are bad.

    Args:
        label_smoothing: s in [0, 1): real samples are labelled 1 - s, fakes stay 0.

    Returns:
        The game; losses in nats.

    Raises:
        ValueError: for a smoothing out of range.

    Reference:
        Goodfellow et al. (2014), Generative Adversarial Nets, section 3,
        https://arxiv.org/abs/1406.2661

    Example:
        >>> import jax.numpy as jnp
        >>> print(non_saturating_game().generator(jnp.array([0., -50.])).round(2))
        [ 0.69 50.  ]
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f'label_smoothing is {label_smoothing}, wanted a number in [0, 1): 0 keeps '
            'the label of real samples at 1, 0.1 is usual'
        )

    def real(logits: Array) -> Array:
        labels = jnp.full(logits.shape, 1.0 - label_smoothing)
        return _mean(optax.sigmoid_binary_cross_entropy(_float(logits), labels))

    return Game(
        real=real,
        fake=lambda logits: _mean(jax.nn.softplus(_float(logits))),
        generator=lambda logits: _mean(jax.nn.softplus(-_float(logits))),
    )


def least_squares_game(a: float = 0.0, b: float = 1.0, c: float = 1.0) -> Game:
    """Squares of the distance to a label.

    ½(D(x) - b)² and ½(D(G(z)) - a)² for the discriminator, ½(D(G(z)) - c)² for the
    generator. With b - c = 1 and b - a = 2 the game minimises Pearson's χ² divergence;
    the default 0, 1, 1 labels plainly and does as well in the paper.

    Args:
        a: the label of fakes for the discriminator.
        b: the label of real samples.
        c: the value that the generator wants its fakes to get.

    Returns:
        The game.

    Raises:
        ValueError: where fakes and real samples have one label.

    Reference:
        Mao et al. (2017), Least Squares Generative Adversarial Networks,
        https://arxiv.org/abs/1611.04076

    Example:
        >>> import jax.numpy as jnp
        >>> print(least_squares_game().fake(jnp.array([0., 2.])))
        [0. 2.]
    """
    if a == b:
        raise ValueError(f'a and b are both {a}, wanted two labels that differ')

    def to(label: float) -> Callable[[Array], Array]:
        return lambda logits: _mean(0.5 * jnp.square(_float(logits) - label))

    return Game(real=to(b), fake=to(a), generator=to(c), threshold=(a + b) / 2)


def hinge_game() -> Game:
    """Margins: max(0, 1 - D(x)) and max(0, 1 + D(G(z))); the generator wants D high.

    Returns:
        The game.

    Reference:
        Lim, Ye (2017), Geometric GAN, https://arxiv.org/abs/1705.02894
        Miyato et al. (2018), Spectral Normalization for Generative Adversarial
        Networks, https://arxiv.org/abs/1802.05957

    Example:
        >>> import jax.numpy as jnp
        >>> print(hinge_game().real(jnp.array([.5, 3.])))
        [0.5 0. ]
    """
    return Game(
        real=lambda logits: _mean(jax.nn.relu(1.0 - _float(logits))),
        fake=lambda logits: _mean(jax.nn.relu(1.0 + _float(logits))),
        generator=lambda logits: -_mean(logits),
    )


def wasserstein_game() -> Game:
    """Differences of a critic's scores: its loss is E D(G(z)) - E D(x).

    Minus that is the earth mover's distance if the norm of the critic's gradient is at
    most 1, which `gradient_penalty` or spectral normalisation has to see to. A score is
    no logit, so there is no threshold.

    Returns:
        The game.

    Reference:
        Arjovsky et al. (2017), Wasserstein GAN, https://arxiv.org/abs/1701.07875

    Example:
        >>> import jax.numpy as jnp
        >>> print(wasserstein_game().real(jnp.array([.5, -3.])))
        [-0.5  3. ]
    """
    return Game(
        real=lambda logits: -_mean(logits),
        fake=lambda logits: _mean(logits),
        generator=lambda logits: -_mean(logits),
        threshold=None,
    )


def gradient_penalty(gradient: Array, target: float = 1.0) -> Array:
    """Penalty on a critic's gradient whose norm is not the target, (‖∂D/∂x‖₂ - t)².

    Args:
        gradient: [batch, ...] ∂D/∂x at some samples.
        target: t, 1 in the paper.

    Returns:
        [batch] float32. Where a gradient is 0, so is that of the penalty.

    Reference:
        Gulrajani et al. (2017), Improved Training of Wasserstein GANs,
        https://arxiv.org/abs/1704.00028

    Example:
        >>> import jax.numpy as jnp
        >>> print(gradient_penalty(jnp.array([[3., 4.], [0., 1.]])))
        [16.  0.]
    """
    squares = _squares(gradient)
    positive = squares > 0
    norms = jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)
    return jnp.square(norms - target)


def r1_penalty(gradient: Array) -> Array:
    """Penalty on the discriminator's gradient at real samples, ½‖∂D/∂x‖₂².

    Args:
        gradient: [batch, ...] ∂D/∂x at real samples.

    Returns:
        [batch] float32.

    Reference:
        Mescheder et al. (2018), Which Training Methods for GANs do actually Converge?,
        https://arxiv.org/abs/1801.04406

    Example:
        >>> import jax.numpy as jnp
        >>> print(r1_penalty(jnp.array([[3., 4.], [0., 1.]])))
        [12.5  0.5]
    """
    return 0.5 * _squares(gradient)


def _float(values: Array) -> Array:
    return jnp.asarray(values, jnp.float32)


def _mean(values: Array) -> Array:
    """Average everything but the batch axis."""
    return _float(values).reshape(len(values), -1).mean(1)


def _squares(gradient: Array) -> Array:
    return jnp.square(_float(gradient)).reshape(len(gradient), -1).sum(1)
