"""Networks without convolution or recurrence."""

from flax import linen as nn

from dljax.models import feedforward
from dljax.types import Spec
from dljax.zoo.rows import Row, Specs, forecast, label, table

_XOR = (
    'Rumelhart, Hinton and Williams, 1986, Learning Internal Representations by Error '
    'Propagation, Parallel Distributed Processing, volume 1, chapter 8'
)
_LINEAR = (
    'Zeng et al., 2022, Are Transformers Effective for Time Series Forecasting?, '
    'https://arxiv.org/abs/2205.13504'
)
_HOURS = {'history': (336, 7), 'target': (96, 7)}


def _outputs(*nets: nn.Module) -> int:
    sizes = (getattr(net, k, None) for net in nets for k in ('outputs', 'classes'))
    return next(size for size in sizes if size is not None)


def _corners(net: feedforward.MLP) -> Specs:
    return {'features': Spec((2,), 'float32', 0, 1), 'label': label(2)}


ROWS = (
    Row(
        name='perceptron',
        constructor=feedforward.Perceptron,
        inputs=lambda net: table(net.units),
        example={'features': (2,)},
        parameters=3,
        paper='Rosenblatt, 1958, The Perceptron: A Probabilistic Model for Information '
        'Storage and Organization in the Brain, https://doi.org/10.1037/h0042519',
        reference='two weights and a threshold',
    ),
    Row(
        name='logistic_regression',
        constructor=feedforward.logistic_regression,
        inputs=lambda net: table(net.units),
        example={'features': (30,)},
        parameters=31,
        paper='Cox, 1958, The Regression Analysis of Binary Sequences, '
        'https://doi.org/10.1111/j.2517-6161.1958.tb00292.x',
        reference='scikit-learn: coef_ and intercept_ on the breast cancer table',
    ),
    Row(
        name='mlp',
        constructor=feedforward.MLP,
        inputs=lambda net: table(net.outputs),
        example={'features': (784,)},
        parameters=101_770,
        paper='Rumelhart, Hinton and Williams, 1986, Learning Representations by '
        'Back-Propagating Errors, https://doi.org/10.1038/323533a0',
        reference='784·128+128 + 128·10+10',
    ),
    Row(
        name='xor_2_2_1',
        constructor=feedforward.xor_2_2_1,
        inputs=_corners,
        parameters=9,
        paper=_XOR,
        reference='2·2+2 + 2+1',
    ),
    Row(
        name='xor_2_4_1',
        constructor=feedforward.xor_2_4_1,
        inputs=_corners,
        parameters=17,
        paper=_XOR,
        reference='2·4+4 + 4+1',
    ),
    Row(
        name='rbf_network',
        constructor=feedforward.RBFNetwork,
        inputs=lambda net: table(net.outputs),
        example={'features': (4,)},
        parameters=83,
        paper='Moody and Darken, 1989, Fast Learning in Networks of Locally-Tuned '
        'Processing Units, https://doi.org/10.1162/neco.1989.1.2.281',
        reference='10·4 centres + 10 widths + 10·3+3',
    ),
    Row(
        name='modular_network',
        constructor=feedforward.ModularNetwork,
        inputs=lambda net: table(_outputs(net.combine, net.experts[0])),
        example={'features': (4,)},
        parameters=112,
        paper='Jacobs, Jordan, Nowlan and Hinton, 1991, Adaptive Mixtures of Local '
        'Experts, https://doi.org/10.1162/neco.1991.3.1.79',
        reference='two experts of 2·8+8 + 8·3+3, a gate of 4·2+2',
    ),
    Row(
        name='linear_forecaster',
        constructor=feedforward.LinearForecaster,
        inputs=forecast,
        example=_HOURS,
        parameters=32_352,
        target=('target', 'history'),
        paper=_LINEAR,
        reference='336·96 + 96, shared by the channels',
    ),
    Row(
        name='nlinear',
        constructor=feedforward.nlinear,
        inputs=forecast,
        example=_HOURS,
        parameters=32_352,
        target=('target', 'history'),
        paper=_LINEAR,
        reference='336·96 + 96, shared by the channels',
    ),
    Row(
        name='dlinear',
        constructor=feedforward.DLinear,
        inputs=forecast,
        example=_HOURS,
        parameters=64_704,
        target=('target', 'history'),
        paper=_LINEAR,
        reference='2·(336·96 + 96), shared by the channels',
    ),
)
