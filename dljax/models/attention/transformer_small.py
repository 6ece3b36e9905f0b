"""A transformer for small data (U3.8, U3.9)."""

from typing import Any

from dljax.models.attention.transformer import Transformer
from dljax.models.settings import settings_of


@settings_of(
    Transformer,
    source_tokens=10000,
    target_tokens=10000,
    width=256,
    layers=3,
    hidden=512,
    shared='output',
)
def transformer_small(**settings: Any) -> Transformer:
    """Make a transformer for small data: 9,073,664 parameters for 10,000 tokens.

    The source's embedding is its own; with `shared='all'`, of a joint vocabulary, there
    are 6,513,664.

    Args:
        **settings: the attributes of `Transformer`.

    Returns:
        The net, of 3 + 3 layers of width 256.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Vaswani et al. (2017), Attention Is All You Need,
        https://arxiv.org/abs/1706.03762

    Example:
        >>> transformer_small().width
        256
    """
    return Transformer(**settings)
