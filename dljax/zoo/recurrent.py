"""Recurrent networks."""

from dljax.models import recurrent
from dljax.models.recurrent import (
    EncoderDecoder,
    SequenceClassifier,
    SequenceGenerator,
    SequenceTagger,
    categorical,
)
from dljax.types import Array, Batch, Spec
from dljax.zoo.rows import Row, Specs, label

_LENGTH = Spec((), 'int32', 1)


def _tokens(many: int, shape: tuple[int | None, ...] = (None,)) -> Spec:
    return Spec(shape, 'int32', 0, many - 1)


def _generated(net: SequenceGenerator) -> Specs:
    if net.draw is categorical:
        sequence = _tokens(net.outputs, (net.steps,))
    else:
        sequence = Spec((net.steps, net.outputs))
    if net.classes is None:
        return {'condition': Spec((None,)), 'sequence': sequence}
    return {'label': label(net.classes), 'sequence': sequence}


def _translated(net: EncoderDecoder | recurrent.AttentionTranslator) -> Specs:
    return {
        'source': _tokens(net.source_tokens),
        'source_length': _LENGTH,
        'target': _tokens(net.target_tokens),
        'target_length': _LENGTH,
    }


def _captioned(net: recurrent.Captioner) -> Specs:
    """Images of any size and channels, and a sentence about each."""
    return {
        'image': Spec((None, None, None), 'float32', 0, 1),
        'caption': _tokens(net.vocabulary),
        'caption_length': _LENGTH,
    }


def _read(net: SequenceClassifier | SequenceTagger, batch: Batch) -> Array:
    return net(batch['sequence'], batch.get('length'))


def _forced(net: SequenceGenerator, batch: Batch) -> Array:
    condition = batch['label'] if net.classes is not None else batch['condition']
    return net(condition, batch['sequence'])


def _series(net: recurrent.EchoStateNetwork) -> Specs:
    """A sequence, and what is wanted in each of its steps."""
    return {'history': Spec((None, None)), 'target': Spec((None, net.outputs))}


def _forecast(net: recurrent.Forecaster | recurrent.Autoregression) -> Specs:
    """A history, and what follows it."""
    return {'history': Spec((None, 1)), 'target': Spec((net.horizon,))}


def _heard(net: recurrent.SpeechCTC) -> Specs:
    """A recording of a window or more, and what is said in it, padded by blanks."""
    return {
        'sound': Spec((None,)),
        'sound_length': Spec((), 'int32', net.window or round(0.025 * net.rate)),
        'target': _tokens(net.tokens),
        'target_length': _LENGTH,
    }


def _text(net: recurrent.CharacterModel) -> Specs:
    tokens = Spec((None,), 'int32', 0, net.vocabulary - 1)
    return {'tokens': tokens, 'target': tokens}


ROWS = (
    Row(
        name='sequence_classifier',
        constructor=recurrent.SequenceClassifier,
        inputs=lambda net: {
            'sequence': Spec((None, None)),
            'length': _LENGTH,
            'label': label(max(net.outputs, 2)),
        },
        example={'sequence': (8, 8)},
        parameters=70_402,
        paper='Schuster and Paliwal, 1997, Bidirectional Recurrent Neural Networks, '
        'https://doi.org/10.1109/78.650093',
        reference='LSTM 8·512+128·512+512 + 128·2+2',
        call=_read,
    ),
    Row(
        name='sequence_tagger',
        constructor=recurrent.SequenceTagger,
        inputs=lambda net: {
            'sequence': Spec((None, None)),
            'length': _LENGTH,
            'label': Spec((None,), 'int32', 0, max(net.outputs, 2) - 1),
        },
        example={'sequence': (8, 3), 'label': (8,)},
        parameters=67_842,
        paper='Elman, 1990, Finding Structure in Time, '
        'https://doi.org/10.1207/s15516709cog1402_1',
        reference='LSTM 3·512+128·512+512 + 128·2+2',
        call=_read,
    ),
    Row(
        name='sequence_generator',
        constructor=recurrent.SequenceGenerator,
        inputs=_generated,
        example={'condition': (8,)},
        parameters=79_761,
        paper='Graves, 2013, Generating Sequences With Recurrent Neural Networks, '
        'https://arxiv.org/abs/1308.0850',
        reference='carry 10·256+256 + LSTM 17·512+128·512+512 + 128·17+17',
        call=_forced,
    ),
    Row(
        name='encoder_decoder',
        constructor=recurrent.EncoderDecoder,
        inputs=_translated,
        example={'source': (8,), 'target': (6,)},
        parameters=263_840,
        paper='Sutskever, Vinyals and Le, 2014, Sequence to Sequence Learning with '
        'Neural Networks, https://arxiv.org/abs/1409.3215; Cho et al., 2014, Learning '
        'Phrase Representations using RNN Encoder-Decoder for Statistical Machine '
        'Translation, https://arxiv.org/abs/1406.1078',
        reference='two embeddings of 32·64, three GRUs of 64·384+128·384+384+128, '
        'carry 256·128+128, 128·32+32',
        call=lambda net, batch: net(
            batch['source'], batch['target'], batch['source_length']
        ),
    ),
    Row(
        name='attention_translator',
        constructor=recurrent.AttentionTranslator,
        inputs=_translated,
        example={'source': (8,), 'target': (6,)},
        parameters=421_792,
        paper='Bahdanau et al., 2015, Neural Machine Translation by Jointly Learning '
        'to Align and Translate, https://arxiv.org/abs/1409.0473',
        reference='two embeddings of 32·64, two GRUs of 64·384+128·384+384+128 and one '
        'of 320·384+128·384+384+128, carry 256·128+128, attention 128·128+128 + '
        '256·128 + 128, output 448·32+32',
        call=lambda net, batch: net(
            batch['source'], batch['target'], batch['source_length']
        ),
    ),
    Row(
        name='captioner',
        constructor=recurrent.Captioner,
        inputs=_captioned,
        example={'image': (32, 32, 1), 'caption': (7,)},
        parameters=335_616,
        paper='Xu et al., 2015, Show, Attend and Tell: Neural Image Caption Generation '
        'with Visual Attention, https://arxiv.org/abs/1502.03044; Vinyals et al., '
        '2014, Show and Tell: A Neural Image Caption Generator, '
        'https://arxiv.org/abs/1411.4555',
        reference='convolutions 9·1·32+2·32 + 9·32·64+2·64 + 9·64·128+2·128, carry '
        '128·256+256, embedding 32·64, attention 128·128+128 + 128·128 + 128, LSTM '
        '(64+128)·512+128·512+512, output (128+128+64)·32+32',
        call=lambda net, batch: net(batch['image'], batch['caption']),
    ),
    Row(
        name='echo_state_network',
        constructor=recurrent.EchoStateNetwork,
        inputs=_series,
        example={'history': (30, 1), 'target': (30, 1)},
        parameters=402,
        target=('target', 'history'),
        paper='Jaeger and Haas, 2004, Harnessing Nonlinearity: Predicting Chaotic '
        'Systems and Saving Energy in Wireless Communication, '
        'https://doi.org/10.1126/science.1091277',
        reference='the readout alone: 400 units, 1 input, 1 bias',
    ),
    Row(
        name='forecaster',
        constructor=recurrent.Forecaster,
        inputs=_forecast,
        example={'history': (168, 1)},
        parameters=20_440,
        target=('target', 'history'),
        paper='Lin et al., 2023, SegRNN: Segment Recurrent Neural Network for '
        'Long-Term Time Series Forecasting, https://arxiv.org/abs/2308.11200',
        reference='GRU 12·192 + 64·192 + 192 + 64, output 64·24+24, highway 168·24',
    ),
    Row(
        name='autoregression',
        constructor=recurrent.Autoregression,
        inputs=_forecast,
        example={'history': (168, 1)},
        parameters=4_056,
        target=('target', 'history'),
        paper='Yule, 1927, On a Method of Investigating Periodicities in Disturbed '
        'Series, https://doi.org/10.1098/rsta.1927.0007',
        reference='168·24 + 24',
    ),
    Row(
        name='character_lstm',
        constructor=recurrent.CharacterModel,
        inputs=_text,
        example={'tokens': (32,), 'target': (32,)},
        parameters=734_564,
        paper='Graves, 2013, Generating Sequences With Recurrent Neural Networks, '
        'https://arxiv.org/abs/1308.0850',
        reference='100·64 + 4·384·(64+384+1) + 384·100+100',
    ),
    Row(
        name='speech_ctc',
        constructor=recurrent.SpeechCTC,
        inputs=_heard,
        example={'sound': (8000,), 'target': (4,)},
        parameters=708_733,
        paper='Amodei et al., 2015, Deep Speech 2: End-to-End Speech Recognition in '
        'English and Mandarin, https://arxiv.org/abs/1512.02595',
        reference='11·11·32+32 + 11·5·32·32+32, of 40 bands 10 are left: two GRUs of '
        '320·384+128·384+384+128, two of 256·384+128·384+384+128, output 256·29+29',
        call=lambda net, batch: net(batch['sound'], batch.get('sound_length')),
    ),
)
