"""Networks that classify texts of words."""

from dljax.models.text.text_classifier import TextClassifier
from dljax.models.text.text_cnn import TextCNN

__all__ = ['TextCNN', 'TextClassifier']
