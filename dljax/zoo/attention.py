"""Transformers."""

from dljax.models import attention
from dljax.models.attention.bert import Bert
from dljax.models.attention.bert_classifier import BertClassifier
from dljax.models.attention.language_model import LanguageModel
from dljax.models.attention.vision_transformer import VisionTransformer
from dljax.types import Array, Batch, PyTree, Spec
from dljax.zoo.rows import Row, Specs, forecast, images, label

_ATTENTION = (
    'Vaswani et al., 2017, Attention Is All You Need, https://arxiv.org/abs/1706.03762'
)
_GPT = (
    'Radford et al., 2019, Language Models Are Unsupervised Multitask Learners, '
    'https://cdn.openai.com/better-language-models/'
    'language_models_are_unsupervised_multitask_learners.pdf'
)
_VISION = (
    'Dosovitskiy et al., 2021, An Image Is Worth 16x16 Words: Transformers for Image '
    'Recognition at Scale, https://arxiv.org/abs/2010.11929'
)
_BERT = (
    'Devlin et al., 2019, BERT: Pre-training of Deep Bidirectional Transformers for '
    'Language Understanding, https://arxiv.org/abs/1810.04805'
)
_LENGTH = Spec((), 'int32', 1)


def _tokens(many: int) -> Spec:
    return Spec((None,), 'int32', 0, many - 1)


def _text(net: LanguageModel) -> Specs:
    return {'tokens': _tokens(net.vocabulary), 'target': _tokens(net.vocabulary)}


def _translated(net: attention.Transformer) -> Specs:
    return {
        'source': _tokens(net.source_tokens),
        'source_length': _LENGTH,
        'target': _tokens(net.target_tokens),
        'target_length': _LENGTH,
    }


def _translate(net: attention.Transformer, batch: Batch) -> Array:
    return net(batch['source'], batch['target'], batch['source_length'])


def _gaps(net: Bert) -> Specs:
    return {'tokens': _tokens(net.vocabulary), 'length': _LENGTH}


def _texts(net: BertClassifier) -> Specs:
    return {
        'tokens': _tokens(net.vocabulary),
        'length': _LENGTH,
        'label': label(net.classes),
    }


def _read(net: Bert | BertClassifier, batch: Batch) -> PyTree:
    return net(batch['tokens'], batch['length'])


def _pictures(net: VisionTransformer) -> Specs:
    return images(net.size, 3, net.classes)


ROWS = (
    Row(
        name='transformer',
        constructor=attention.Transformer,
        inputs=_translated,
        call=_translate,
        example={'source': (8,), 'target': (6,)},
        parameters=63_082_496,
        paper=_ATTENTION,
        reference='37000·512 + 6·(4·(512·512+512) + 512·2048+2048+2048·512+512 + '
        '2·1024) + 6·(8·(512·512+512) + 512·2048+2048+2048·512+512 + 3·1024); 65 M in '
        'table 3, of about 37,000 tokens',
    ),
    Row(
        name='transformer_small',
        constructor=attention.transformer_small,
        inputs=_translated,
        call=_translate,
        example={'source': (8,), 'target': (6,)},
        parameters=9_073_664,
        paper=_ATTENTION,
        reference='2·10000·256 + 3·(263,168 + 262,912 + 1,024) + 3·(526,336 + 262,912 '
        '+ 1,536)',
    ),
    Row(
        name='gpt_character',
        constructor=attention.gpt_character,
        inputs=_text,
        example={'tokens': (32,), 'target': (32,)},
        parameters=838_912,
        paper=_GPT,
        reference='100·128 + 256·128 + 4·(66,048 + 131,712 + 512) + 256',
    ),
    Row(
        name='gpt2',
        constructor=attention.gpt2,
        inputs=_text,
        example={'tokens': (32,), 'target': (32,)},
        parameters=124_439_808,
        paper=_GPT,
        reference="Hugging Face's gpt2",
    ),
    Row(
        name='bert_base',
        constructor=attention.bert_base,
        inputs=_gaps,
        call=_read,
        example={'tokens': (32,)},
        parameters=109_482_240,
        paper=_BERT,
        reference="Hugging Face's bert-base-uncased, with its pooler",
    ),
    Row(
        name='bert_classifier',
        constructor=attention.bert_classifier,
        inputs=_texts,
        call=_read,
        example={'tokens': (32,)},
        parameters=109_483_778,
        paper=_BERT,
        reference="Hugging Face's BertForSequenceClassification: 109,482,240 + 768·2+2",
    ),
    Row(
        name='vit_b_16',
        constructor=attention.vit_b_16,
        inputs=_pictures,
        parameters=86_567_656,
        paper=_VISION,
        reference='torchvision: vit_b_16',
    ),
    Row(
        name='vit_b_32',
        constructor=attention.vit_b_32,
        inputs=_pictures,
        parameters=88_224_232,
        paper=_VISION,
        reference='torchvision: vit_b_32',
    ),
    Row(
        name='transformer_forecaster',
        constructor=attention.TransformerForecaster,
        inputs=forecast,
        example={'history': (336, 7), 'target': (96, 7)},
        parameters=921_440,
        target=('target', 'history'),
        paper='Nie et al., 2022, A Time Series is Worth 64 Words: Long-term '
        'Forecasting with Transformers, https://arxiv.org/abs/2211.14730',
        reference='patches 16·128+128, positions 42·128, 3·(4·(128·128+128) + '
        '128·256+256 + 256·128+128 + 4·128) + 256, output 42·128·96+96',
    ),
)
