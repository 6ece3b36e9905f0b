"""How near made samples are to real ones, by their features: on the host, in float64.

Each of these metrics depends on how many samples it is taken from and on the features:
publish both beside it.
"""

from typing import NamedTuple

import numpy as np

from dljax.metrics.features import Features, check_features, check_pair


class Overlap(NamedTuple):
    """What two sets share, in their features.

    Attributes:
        precision: fraction of the made samples that lie among the real ones, in [0, 1].
        recall: fraction of the real samples that lie among the made ones, in [0, 1].
    """

    precision: float
    recall: float


def kernel_distance(
    real: Features,
    made: Features,
    *,
    subsets: int = 100,
    size: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    r"""Squared maximum mean discrepancy with a cubic kernel: KID, on deep features.

    The kernel is $k(x, y) = (x \cdot y / d + 1)^3$. The estimate has no bias at any
    sample size, so it is negative about as often as not for equal distributions.

    Args:
        real: [examples, features].
        made: [other examples, features].
        subsets: random pairs of subsets to estimate it from, 1 or more.
        size: examples of each set in a subset, 2 or more; fewer where a set is smaller.
        seed: of the draw of the subsets.

    Returns:
        [subsets] float64; [1] where a subset would be everything. Their mean is the
        estimate to report, their standard deviation says how far to trust it.

    Raises:
        ValueError: for other shapes, fewer than two examples, a number that is not
            finite, or a setting out of range.

    Reference:
        Bińkowski et al. (2018), Demystifying MMD GANs, https://arxiv.org/abs/1801.01401

    Example:
        >>> import jax.numpy as jnp
        >>> print(kernel_distance(jnp.zeros((2, 1)), jnp.ones((3, 1))))
        [7.]
    """
    real, made = check_pair(real, made)
    if subsets < 1 or size < 2:
        raise ValueError(f'subsets={subsets} and size={size}, wanted at least 1 and 2')
    if size >= max(len(real), len(made)):
        return np.array([_discrepancy(real, made)])
    random = np.random.default_rng(seed)

    def some(examples: np.ndarray) -> np.ndarray:
        chosen = random.choice(len(examples), min(size, len(examples)), replace=False)
        return examples[chosen]

    return np.array([_discrepancy(some(real), some(made)) for _ in range(subsets)])


def _discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(a: np.ndarray) -> float:
        table = kernel(a, a)
        return (table.sum() - np.trace(table)) / (len(a) * (len(a) - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()


def inception_score(logits: Features) -> float:
    r"""Whether a classifier is sure of each sample, and not always of the same class.

    $\exp(E_x KL(p(y|x) \| p(y)))$ with the mean prediction $p(y)$.

    Args:
        logits: [examples, classes] of the classifier on the made samples.

    Returns:
        From 1, where every prediction is the same, to the number of classes.

    Raises:
        ValueError: for another shape, or a number that is not finite.

    Reference:
        Salimans et al. (2016), Improved Techniques for Training GANs,
        https://arxiv.org/abs/1606.03498. They average over ten parts of the samples;
        here all are one part.

    Example:
        >>> import jax.numpy as jnp
        >>> print(round(inception_score(1e3 * jnp.eye(4)), 6))
        4.0
    """
    logits = check_features('logits', logits, least=1)
    logits = logits - logits.max(axis=1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    probabilities = np.exp(logs)
    mean = probabilities.mean(axis=0)
    # A class that no sample can have adds nothing: there 0 log 0 is 0.
    log_mean = np.log(np.where(mean > 0, mean, 1.0))
    return float(
        np.exp((probabilities * (logs - log_mean[None, :])).sum(axis=1).mean())
    )


def manifold_precision_recall(
    real: Features, made: Features, *, neighbours: int = 3
) -> Overlap:
    """Tell apart samples that are poor from samples that are too much alike.

    A set covers the balls round its examples, each as wide as the distance of the
    example's k-th nearest neighbour in the set. Precision is the fraction of made
    samples in the balls of the real ones, recall that of real samples in those of the
    made.

    Args:
        real: [examples, features].
        made: [other examples, features]; the paper takes equally many of both.
        neighbours: k, from 1 to one less than the examples of the smaller set.

    Returns:
        Precision and recall.

    Raises:
        ValueError: for other shapes, a number that is not finite, or `neighbours` out
            of range.

    Reference:
        Kynkäänniemi et al. (2019), Improved Precision and Recall Metric for Assessing
        Generative Models, https://arxiv.org/abs/1904.06991

    Example:
        >>> import jax.numpy as jnp
        >>> real, made = jnp.array([[0.], [1.], [9.]]), jnp.array([[.1], [.2], [.3]])
        >>> overlap = manifold_precision_recall(real, made, neighbours=1)
        >>> print(f'{overlap.precision:.2f} {overlap.recall:.2f}')
        1.00 0.33
    """
    from scipy.spatial.distance import cdist

    real, made = check_pair(real, made)
    if not 1 <= neighbours < min(len(real), len(made)):
        raise ValueError(
            f'neighbours={neighbours} for {len(real)} and {len(made)} examples, wanted '
            'at least 1 and less than either'
        )

    def radius(examples: np.ndarray) -> np.ndarray:
        # The nearest of all is the example itself, at distance 0.
        return np.partition(cdist(examples, examples), neighbours)[:, neighbours]

    gaps = cdist(real, made)
    inside = gaps <= radius(real)[:, None], gaps <= radius(made)[None, :]
    return Overlap(float(inside[0].any(0).mean()), float(inside[1].any(1).mean()))
