"""Logits of the reference implementations with given weights."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dljax.weights import reference
from dljax.weights.keras_layers import sort_by_layer


def torchvision_logits(
    name: str,
    state: Mapping[str, np.ndarray],
    images: np.ndarray,
    transform_input: bool = False,
) -> np.ndarray:
    """Compute logits by torchvision.

    Args:
        name: of the model.
        state: the whole state dict, from `to_torchvision`.
        images: [batch, height, width, channel] float32, normalised.
        transform_input: of GoogLeNet.

    Returns:
        [batch, classes] float32.

    Raises:
        ImportError: where torchvision is not installed.
        ValueError: where torchvision has no such model, as for other sizes of layers.
    """
    models, torch = reference.torchvision_models(), reference.torch()
    last = ('fc.bias', 'heads.head.bias', 'classifier.6.bias')
    settings = {'num_classes': next(len(state[key]) for key in last if key in state)}
    if name == 'googlenet':
        settings |= {
            'init_weights': False,
            'aux_logits': 'aux1.fc2.bias' in state,
            'transform_input': transform_input,
        }
    with torch.device('meta'):  # no time for weights that are replaced at once
        net = getattr(models, name)(weights=None, **settings).eval()
    tensors = {
        key: torch.from_numpy(
            array if array.dtype == np.int64 else array.astype(np.float32)
        )
        for key, array in state.items()
    }
    try:
        net.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise ValueError(f'torchvision has no such {name}: {error}') from error
    with torch.no_grad():
        return net(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()


def keras_logits(
    name: str, arrays: Mapping[str, np.ndarray], images: np.ndarray
) -> np.ndarray:
    """Compute logits by keras.applications.

    Args:
        name: of our model.
        arrays: the weights by LAYER/kernel and so on, from `to_keras`.
        images: [batch, height, width, channel] float32, normalised.

    Returns:
        [batch, classes] float32.

    Raises:
        ImportError: where Keras is not installed.
        ValueError: where Keras has no such model, as for other sizes of layers.
    """
    applications = reference.keras_applications()
    constructor: Callable = {
        'vgg16': applications.VGG16,
        'vgg19': applications.VGG19,
        'resnet50_keras': applications.ResNet50,
    }[name]
    net = constructor(
        weights=None,
        input_shape=images.shape[1:],
        classes=len(arrays['predictions/bias']),
        classifier_activation=None,
    )
    for layer, values in (sort_by_layer(arrays) or {}).items():
        net.get_layer(layer).set_weights(
            [v.astype(np.float32) for v in values.values()]
        )
    return np.asarray(net(images, training=False))


def hugging_face_outputs(
    name: str,
    arrays: Mapping[str, np.ndarray],
    config: Mapping[str, Any],
    tokens: np.ndarray,
) -> np.ndarray:
    """Compute by transformers what our net of that name gives first.

    Args:
        name: of our model, 'gpt2' or 'bert_base'.
        arrays: the weights, from `to_hugging_face`.
        config: the settings, from `config_of`.
        tokens: [batch, time] integers.

    Returns:
        Logits [batch, time, vocabulary] of GPT-2, states [batch, time, width] of BERT,
        float32.

    Raises:
        ImportError: where transformers is not installed.
        ValueError: where it has no such model.
    """
    peers, torch = reference.transformers(), reference.torch()
    if name == 'gpt2':
        config = {**config, 'bos_token_id': 0, 'eos_token_id': 0}
        net = peers.GPT2LMHeadModel(peers.GPT2Config(**config)).eval()
        body, left = net.transformer, ()
    else:
        net = body = peers.BertModel(peers.BertConfig(**config)).eval()
        left = ('cls.', 'embeddings.position_ids')
    tensors = {
        key: torch.from_numpy(array.astype(np.float32))
        for key, array in arrays.items()
        if not key.startswith(left)
    }
    try:
        missing, unexpected = body.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise ValueError(f'transformers has no such {name}: {error}') from error
    missing = [key for key in missing if not key.endswith(('attn.bias', '_ids'))]
    if missing or unexpected:
        raise ValueError(
            f'transformers has another {name}: it lacks {unexpected[:3]} and wants '
            f'{missing[:3]}'
        )
    with torch.no_grad():
        return net(torch.from_numpy(tokens)).to_tuple()[0].numpy()
