"""Networks that classify texts of words."""

from dljax.models import text
from dljax.types import Array, Batch, Spec
from dljax.zoo.rows import Row, Specs, label


def _words(net: text.TextCNN | text.TextClassifier) -> Specs:
    return {
        'tokens': Spec((None,), 'int32', 0, net.vocabulary - 1),
        'length': Spec((), 'int32', 1),
        'label': label(net.classes),
    }


def _read(net: text.TextCNN | text.TextClassifier, batch: Batch) -> Array:
    return net(batch['tokens'], batch.get('length'))


ROWS = (
    Row(
        name='text_cnn',
        constructor=text.TextCNN,
        inputs=_words,
        call=_read,
        example={'tokens': (12,)},
        parameters=6_360_902,
        paper='Kim, 2014, Convolutional Neural Networks for Sentence Classification, '
        'https://arxiv.org/abs/1408.5882',
        reference='20000·300 + (3+4+5)·300·100 + 3·100 + 300·2+2',
    ),
    Row(
        name='text_classifier',
        constructor=text.TextClassifier,
        inputs=_words,
        call=_read,
        example={'tokens': (12,)},
        parameters=2_235_010,
        paper='Schuster and Paliwal, 1997, Bidirectional Recurrent Neural Networks, '
        'https://doi.org/10.1109/78.650093',
        reference='20000·100 + two LSTMs of 100·512+128·512+512 + 256·2+2',
    ),
)
