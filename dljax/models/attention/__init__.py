"""Transformers: text, translation, images and series by attention."""

from dljax.models.attention.bert import bert_base
from dljax.models.attention.bert_classifier import bert_classifier
from dljax.models.attention.language_model import gpt2, gpt_character
from dljax.models.attention.transformer import Transformer
from dljax.models.attention.transformer_forecaster import TransformerForecaster
from dljax.models.attention.transformer_small import transformer_small
from dljax.models.attention.vision_transformer import vit_b_16, vit_b_32

__all__ = [
    'Transformer',
    'TransformerForecaster',
    'bert_base',
    'bert_classifier',
    'gpt2',
    'gpt_character',
    'transformer_small',
    'vit_b_16',
    'vit_b_32',
]
