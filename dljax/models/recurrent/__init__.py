"""Recurrent networks, by the form of what goes in and what comes out."""

from dljax.models.recurrent.attention_translator import AttentionTranslator
from dljax.models.recurrent.autoregression import Autoregression
from dljax.models.recurrent.captioner import Captioner
from dljax.models.recurrent.character_model import CharacterModel
from dljax.models.recurrent.echo_state_network import EchoStateNetwork
from dljax.models.recurrent.encoder_decoder import EncoderDecoder
from dljax.models.recurrent.forecaster import Forecaster
from dljax.models.recurrent.sequence_classifier import SequenceClassifier
from dljax.models.recurrent.sequence_generator import (
    SequenceGenerator,
    bernoulli,
    categorical,
    expected,
)
from dljax.models.recurrent.sequence_tagger import SequenceTagger
from dljax.models.recurrent.speech_ctc import SpeechCTC

__all__ = [
    'AttentionTranslator',
    'Autoregression',
    'Captioner',
    'CharacterModel',
    'EchoStateNetwork',
    'EncoderDecoder',
    'Forecaster',
    'SequenceClassifier',
    'SequenceGenerator',
    'SequenceTagger',
    'SpeechCTC',
    'bernoulli',
    'categorical',
    'expected',
]
