"""GoogLeNet as it was published."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.models.convolutional.googlenet import GoogLeNet

_kernel_init = nn.initializers.lecun_uniform()
_bias_init = nn.initializers.constant(0.2)


def googlenet_2014(
    classes: int = 1000,
    *,
    width: int = 64,
    dropout: float = 0.4,
    auxiliary_dropout: float = 0.7,
    auxiliary: bool = True,
    remat: bool = False,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = _kernel_init,
    bias_init: Initializer = _bias_init,
) -> GoogLeNet:
    """Make the GoogLeNet of the paper: 13,378,280 parameters for images of 224x224.

    5x5 kernels in the third branch of every module, biases and no batch normalisation,
    local response normalisation in the stem, 3x3 windows in every maximum pool, and
    both auxiliary heads, without which there are 6,998,552 parameters. The paper gives
    neither its initialisation nor the constants of the response normalisation: both are
    those of its replication for Caffe, made with the author's help.

    Args:
        classes: the number of logits, at least 2.
        width: channels of the first convolution, as of `GoogLeNet`.
        dropout: the probability in [0, 1) with which an input of the output is dropped.
        auxiliary_dropout: that of the hidden units of the auxiliary heads.
        auxiliary: whether there are auxiliary heads, which want images of at least
            79x79; their number of weights depends on the size.
        remat: whether each module is rematerialised in the backward pass.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        bias_init: initialiser of the biases of convolutions and hidden layers.

    Returns:
        The net.

    Raises:
        ValueError: as `GoogLeNet`.

    Reference:
        Szegedy et al. (2015), Going Deeper with Convolutions,
        https://arxiv.org/abs/1409.4842
        Jia et al. (2014), Caffe: Convolutional Architecture for Fast Feature Embedding,
        https://github.com/BVLC/caffe/tree/master/models/bvlc_googlenet; its
        replication.

    Example:
        >>> import jax
        >>> net, image = googlenet_2014(10), jnp.ones((2, 96, 96, 3))
        >>> init = net.init_with_output  # traced here; call it to get parameters
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0), image)
        >>> print(logits.shape, 'aux2' in variables['params'])
        (2, 10) True
    """
    return GoogLeNet(
        classes=classes,
        width=width,
        dropout=dropout,
        auxiliary_dropout=auxiliary_dropout,
        auxiliary=auxiliary,
        kernel_size=5,
        last_window=3,
        adaptive=False,
        response_norm=True,
        normalise=None,
        remat=remat,
        dtype=dtype,
        param_dtype=param_dtype,
        kernel_init=kernel_init,
        bias_init=bias_init,
    )
