"""Transformers that predict the next token, and GPT-2 by name (U3.9)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers import LearnedPositions, TransformerBlock, TransformerStack, by_rows
from dljax.layers.checks import check_fractions
from dljax.layers.dot_product import Implementation
from dljax.models.settings import check_sizes, settings_of
from dljax.types import Array, PyTree


class LanguageModel(nn.Module):
    """Causal blocks over embedded tokens, and the odds of the next token (U3.9).

    Learned vectors of token and position are added; blocks with the norm first follow,
    then a norm; the logits are products with the token vectors themselves. The
    parameters are in the groups `embedding`, `positions` and `decoder`.

    Attributes:
        vocabulary: the number of tokens, at least 2.
        context: the most tokens of a sequence, at least 1.
        width: of a token's vector, a multiple of `heads`.
        layers: how many blocks, at least 1.
        heads: of each attention.
        hidden: width of the feed-forward nets; None for four times `width`.
        dropout: the probability in [0, 1) with which an element of the embedded tokens,
            of an attention weight or of what a sub-layer adds is dropped.
        deviation: standard deviation of the initial weights; that of the weights that
            end a sub-layer is divided by √(2 layers).
        activation: of the feed-forward nets; by default GELU by its tanh.
        remat: whether the backward pass computes the inside of each block anew.
        implementation: of the attention, see `layers.attend`.
        dtype: the type of the computation; None takes that of the parameters.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Radford et al. (2019), Language Models Are Unsupervised Multitask Learners,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = LanguageModel(30, context=8, width=8, layers=2, heads=2)
        >>> tokens = jnp.zeros((2, 5), jnp.int32)
        >>> variables = net.init(jax.random.key(0), tokens)
        >>> print(net.apply(variables, tokens).shape)
        (2, 5, 30)
    """

    vocabulary: int = 50257
    context: int = 1024
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int | None = None
    dropout: float = 0.1
    deviation: float = 0.02
    activation: Callable[[Array], Array] = partial(jax.nn.gelu, approximate=True)
    remat: bool = False
    implementation: Implementation = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        hidden = 4 * self.width if self.hidden is None else self.hidden
        check_sizes(
            context=self.context,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            hidden=hidden,
        )
        check_fractions(dropout=self.dropout)
        if self.vocabulary < 2 or self.width % self.heads:
            raise ValueError(
                f'vocabulary is {self.vocabulary}, width {self.width} and heads '
                f'{self.heads}, wanted at least 2 tokens, and a width that is a '
                'multiple of the heads'
            )

    def setup(self) -> None:
        """Make the three parts."""
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        init = nn.initializers.normal(self.deviation)
        deep = nn.initializers.normal(self.deviation / (2 * self.layers) ** 0.5)
        self.embedding = nn.Embed(
            self.vocabulary, self.width, embedding_init=init, **types
        )
        self.positions = LearnedPositions(self.context, embedding_init=init, **types)
        self.thin = nn.Dropout(self.dropout)
        block = TransformerBlock(
            hidden=4 * self.width if self.hidden is None else self.hidden,
            heads=self.heads,
            causal=True,
            norm_first=True,
            activation=self.activation,
            dropout=self.dropout,
            attention_dropout=self.dropout,
            implementation=self.implementation,
            kernel_init=init,
            output_init=deep,
            parent=None,
        )
        self.decoder = TransformerStack(block, self.layers, remat=self.remat, **types)

    def __call__(
        self, tokens: Array, *, cached: bool = False, train: bool = False
    ) -> Array:
        """Predict the token that follows each one.

        Args:
            tokens: [batch, time] int32 in [0, vocabulary), at most `context` of them.
            cached: whether to go on where the last call ended, by what it has left in
                the collection 'cache'; see `read`.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, time, vocabulary] logits; those at a time have seen the tokens up
            to it.
        """
        x = self.positions(self.embedding(tokens), cached=cached)
        x = self.thin(x, deterministic=not train)
        x = self.decoder(x, cache_length=self.context if cached else None, train=train)
        return by_rows(self.embedding.attend, x)

    def begin(self, *, steps: int | None = None) -> None:
        """Begin without a carry, see `read`.

        Args:
            steps: the most tokens that will be read; None for any number.

        Raises:
            ValueError: for more of them than `context`.
        """
        if steps is not None and steps > self.context:
            raise ValueError(
                f'the prompt and what is to be written are {steps} tokens, wanted at '
                f'most {self.context}, the context of the net: write less, or cut the '
                'prompt'
            )

    def read(self, tokens: Array, carry: PyTree = None) -> tuple[Array, PyTree]:
        """Predict as a call does, from a carry on, and return the next one.

        Tokens beyond the context, those of the carry included, have logits of NaN.

        Args:
            tokens: [batch, time] int32 in [0, vocabulary).
            carry: what an earlier call returned, keys and values of the tokens before;
                None for none.

        Returns:
            [batch, time, vocabulary] logits, and the carry after the last token, of
            arrays [batch, ...].
        """
        net, variables = self.unbind()
        return net.apply(
            {'params': variables['params'], **(carry or {})},
            tokens,
            cached=True,
            mutable='cache',
        )


@settings_of(LanguageModel)
def gpt2(**settings: Any) -> LanguageModel:
    """Make the smallest GPT-2: 124,439,808 parameters, its output those of its input.

    Args:
        **settings: the attributes of `LanguageModel`.

    Returns:
        The net.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Radford et al. (2019), Language Models Are Unsupervised Multitask Learners,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

    Example:
        >>> gpt2().layers
        12
    """
    return LanguageModel(**settings)


@settings_of(
    LanguageModel,
    vocabulary=100,
    context=256,
    width=128,
    layers=4,
    heads=4,
    dropout=0.0,
)
def gpt_character(**settings: Any) -> LanguageModel:
    """Make a small GPT for characters: 838,912 parameters for 100 of them.

    Args:
        **settings: the attributes of `LanguageModel`.

    Returns:
        The net, of 4 layers of width 128.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Radford et al. (2019), Language Models Are Unsupervised Multitask Learners,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

    Example:
        >>> gpt_character(vocabulary=65).width
        128
    """
    return LanguageModel(**settings)
