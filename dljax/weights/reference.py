"""The reference implementations, where they are installed; nothing else needs them.

This is the only file of the package that imports torch, torchvision, transformers or
Keras, and it does so when one of its functions is called.
"""

import importlib.util
import os
from types import ModuleType

EXTRA = "pip install 'dljax[parity]'"


def is_installed(name: str) -> bool:
    """Tell whether a package can be imported, without importing it."""
    return importlib.util.find_spec(name) is not None


def torch() -> ModuleType:
    """Import torch.

    Raises:
        ImportError: where it is not installed; says how to install it.
    """
    _require('torch')
    import torch  # pyright: ignore[reportMissingImports] # a peer, not needed

    return torch


def torchvision_models() -> ModuleType:
    """Import `torchvision.models`.

    Its classifiers need none of torchvision's compiled operators. Where these do not
    fit the torch that is installed, as a wheel for CUDA beside a torch for the CPU, the
    import would fail at the two operators that it describes to torch; they are declared
    first then.

    Raises:
        ImportError: where it is not installed; says how to install it.
    """
    _require('torchvision')
    framework = torch()
    try:
        # The checker takes the file torchvision.py beside this one for it.
        from torchvision import models  # pyright: ignore[reportAttributeAccessIssue]
    except RuntimeError as error:
        if 'operator torchvision::' not in str(error):
            raise
        for name in ('nms', 'qnms'):
            signature = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
            framework.library.define(f'torchvision::{name}', signature)
        from torchvision import models  # pyright: ignore[reportAttributeAccessIssue]
    return models


def keras_applications() -> ModuleType:
    """Import `keras.applications`, on JAX unless KERAS_BACKEND says otherwise.

    Raises:
        ImportError: where Keras is not installed; says how to install it.
    """
    _require('keras')
    os.environ.setdefault('KERAS_BACKEND', 'jax')
    # The checker takes the file keras.py beside this one for it.
    from keras import applications  # pyright: ignore[reportAttributeAccessIssue]

    return applications


def transformers() -> ModuleType:
    """Import transformers.

    Raises:
        ImportError: where it is not installed; says how to install it.
    """
    _require('transformers')
    if is_installed('torchvision'):
        torchvision_models()  # transformers imports it, with its operators
    import transformers  # pyright: ignore[reportMissingImports] # a peer, not needed

    return transformers


def _require(name: str) -> None:
    if not is_installed(name):
        raise ImportError(f'{name} is not installed, and this needs it: {EXTRA}')
