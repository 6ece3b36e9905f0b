"""BERT with a head that classifies, for fine-tuning (U3.9)."""

from typing import Any

from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.models.attention.bert import Bert
from dljax.models.settings import check_settings, settings_of
from dljax.types import Array


class BertClassifier(nn.Module):
    """An encoder that may have been pretrained, and logits of its summary.

    The parameters are in the groups `bert`, as those of the encoder, and `output`. So
    what a `Bert` has learned by filling gaps is taken over group by group; its pooler
    is new where it has filled gaps only.

    Attributes:
        encoder: what reads the text, with its settings.
        classes: the number of logits, at least 2.
        dropout: the probability in [0, 1) with which an element of the summary is
            dropped.
        dtype: the type of the computation; None leaves the encoder's own.
        param_dtype: the type of the parameters; None leaves the encoder's own.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for fewer than two classes or a dropout out of range.

    Reference:
        Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding, https://arxiv.org/abs/1810.04805; section 4.1.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> bert = Bert(30, context=8, width=8, layers=1, heads=2, hidden=16)
        >>> tokens, length = jnp.zeros((2, 5), jnp.int32), jnp.array([5, 3])
        >>> logits, _ = BertClassifier(bert, classes=3).init_with_output(
        ...     jax.random.key(0), tokens, length)
        >>> print(logits.shape)
        (2, 3)
    """

    encoder: Bert = Bert()
    classes: int = 2
    dropout: float = 0.1
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None
    kernel_init: Initializer = nn.initializers.truncated_normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_settings(self.classes, {'dropout': self.dropout})

    @property
    def vocabulary(self) -> int:
        """Number of tokens that the encoder knows."""
        return self.encoder.vocabulary

    @nn.compact
    def __call__(
        self,
        tokens: Array,
        length: Array | None = None,
        segment: Array | None = None,
        *,
        train: bool = False,
    ) -> Array:
        """Compute the logits.

        Args:
            tokens: [batch, time] int32 in [0, vocabulary), of which the first stands
                for the whole: BERT's own texts begin with a token '[CLS]'.
            length: [batch] int32 in [1, time], true steps; None for all.
            segment: [batch, time] int32, the kind of each token; None for kind 0.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, classes] logits.
        """
        types: dict[str, Any] = {
            'dtype': self.dtype or self.encoder.dtype,
            'param_dtype': self.param_dtype or self.encoder.param_dtype,
        }
        bert = self.encoder.clone(parent=self, name='bert', **types)
        _, summary = bert(tokens, length, segment, train=train)
        summary = nn.Dropout(self.dropout, deterministic=not train)(summary)
        output = nn.Dense(
            self.classes, kernel_init=self.kernel_init, name='output', **types
        )
        return output(summary)


@settings_of(Bert)
def bert_classifier(classes: int = 2, **settings: Any) -> BertClassifier:
    """Make BERT-base with a head that classifies: 109,483,778 parameters for two.

    Args:
        classes: the number of logits.
        **settings: the attributes of `Bert`; the dropout and the initialiser are those
            of the head as well.

    Returns:
        The net.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding, https://arxiv.org/abs/1810.04805; section 4.1.

    Example:
        >>> bert_classifier(3, layers=2).encoder.layers
        2
    """
    bert = Bert(**settings)
    return BertClassifier(bert, classes, bert.dropout, kernel_init=bert.kernel_init)
