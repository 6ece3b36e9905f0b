"""Transformers: text, translation and images by attention."""

from dljax.models.attention.bert import bert_base
from dljax.models.attention.language_model import gpt2, gpt_character
from dljax.models.attention.transformer import Transformer
from dljax.models.attention.transformer_small import transformer_small
from dljax.models.attention.vision_transformer import vit_b_16, vit_b_32

__all__ = [
    'Transformer',
    'bert_base',
    'gpt2',
    'gpt_character',
    'transformer_small',
    'vit_b_16',
    'vit_b_32',
]
