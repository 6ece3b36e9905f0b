"""State dicts of torch's attention and transformer layers to our variables and back."""

from collections.abc import Iterator, Mapping

import numpy as np

from dljax.types import PyTree
from dljax.weights.entries import Entry, Form, Part, as_it_is, read, write

_DENSE = Form(2, '[out, in]', lambda x: x.T, lambda x: x.T)
_VECTOR = as_it_is(1, '[features]')
_PROJECTIONS = ('query', 'key', 'value')
_LAYERS = (
    'MultiheadAttention',
    'TransformerEncoderLayer',
    'TransformerDecoderLayer',
)


def from_torch_layer(
    name: str, arrays: Mapping[str, np.ndarray], like: PyTree = None
) -> dict[str, PyTree]:
    """Make variables of our layer from a state dict of torch's.

    'MultiheadAttention' becomes `layers.MultiHeadAttention`, whose keys and values have
    one width; 'TransformerEncoderLayer' and 'TransformerDecoderLayer' become
    `layers.TransformerBlock`, causal and with a memory if it is a decoder's.

    Args:
        name: of torch's class.
        arrays: the state dict in NumPy arrays.
        like: the variables of our layer or their shapes, to compare with; without, only
            the ranks are.

    Returns:
        `{'params': ...}`; copies.

    Raises:
        ValueError: for an unknown name; or arrays that are missing, unexpected or of
            another shape, all of which are named.

    Example:
        >>> arrays = {'in_proj_weight': np.ones((12, 4)), 'in_proj_bias': np.ones(12),
        ...           'out_proj.weight': np.ones((4, 4)), 'out_proj.bias': np.ones(4)}
        >>> made = from_torch_layer('MultiheadAttention', arrays)
        >>> made['params']['value']['kernel'].shape
        (4, 4)
    """
    apart = 'q_proj_weight' in arrays
    return read(f"torch's {name}", _entries(name, apart), arrays, like)


def to_torch_layer(name: str, variables: Mapping[str, PyTree]) -> dict[str, np.ndarray]:
    """Make a state dict of torch's layer from variables of ours: the way back.

    Args:
        name: of torch's class, as for `from_torch_layer`.
        variables: `{'params': ...}`.

    Returns:
        NumPy arrays, copies, in torch's order.

    Raises:
        ValueError: for an unknown name, or variables of another layer.

    Example:
        >>> part = {'kernel': np.ones((4, 4)), 'bias': np.ones(4)}
        >>> names = 'query', 'key', 'value', 'output'
        >>> variables = {'params': dict.fromkeys(names, part)}
        >>> list(to_torch_layer('MultiheadAttention', variables))[0]
        'in_proj_weight'
    """
    apart = False
    if name == 'MultiheadAttention' and 'params' in variables:
        parts = variables['params']
        widths = {np.shape(parts[part]['kernel'])[0] for part in parts}
        apart = len(widths) > 1
    found = write(f'our layer for {name}', _entries(name, apart), variables)
    return {key: np.array(value, order='C') for key, value in found.items()}


def _entries(name: str, apart: bool) -> list[Entry]:
    if name not in _LAYERS:
        raise ValueError(
            f"the state dict of '{name}' is not known, only those of "
            + ', '.join(_LAYERS)
        )
    if name == 'MultiheadAttention':
        return list(_attention('', 'params', apart))
    return list(_block(name == 'TransformerDecoderLayer'))


def _attention(theirs: str, ours: str, apart: bool = False) -> Iterator[Entry]:
    """Map an attention, whose first three maps are one there unless they are apart."""
    for there, here, form in (('weight', 'kernel', _DENSE), ('bias', 'bias', _VECTOR)):
        for index, part in enumerate(_PROJECTIONS):
            path = f'{ours}/{part}/{here}'
            if apart and here == 'kernel':
                yield Entry(f'{theirs}{part[0]}_proj_weight', path, form)
            else:
                yield Entry(f'{theirs}in_proj_{there}', path, form, Part(index, 3))
    yield from _dense(f'{theirs}out_proj', f'{ours}/output')


def _dense(theirs: str, ours: str) -> Iterator[Entry]:
    yield Entry(f'{theirs}.weight', f'{ours}/kernel', _DENSE)
    yield Entry(f'{theirs}.bias', f'{ours}/bias', _VECTOR)


def _norm(theirs: str, ours: str) -> Iterator[Entry]:
    yield Entry(f'{theirs}.weight', f'{ours}/scale', _VECTOR)
    yield Entry(f'{theirs}.bias', f'{ours}/bias', _VECTOR)


def _block(decoder: bool) -> Iterator[Entry]:
    """Map a layer of torch.nn.Transformer, of an encoder or a decoder."""
    yield from _attention('self_attn.', 'params/attention')
    if decoder:
        yield from _attention('multihead_attn.', 'params/cross_attention')
    yield from _dense('linear1', 'params/feed_forward/hidden')
    yield from _dense('linear2', 'params/feed_forward/output')
    norms = ['attention', *(['cross_attention'] if decoder else []), 'feed_forward']
    for index, name in enumerate(norms, 1):
        yield from _norm(f'norm{index}', f'params/{name}_norm')


def vision_transformer(layers: int, patch: int) -> Iterator[Entry]:
    """Map the state dict of torchvision's vision transformers.

    Args:
        layers: how many blocks.
        patch: side of a patch in pixels.

    Yields:
        The entries in torch's order.
    """
    yield Entry('class_token', 'params/token', _TOKEN)
    yield Entry('conv_proj.weight', 'params/patches/kernel', _of_patches(patch))
    yield Entry('conv_proj.bias', 'params/patches/bias', _VECTOR)
    yield Entry('encoder.pos_embedding', 'params/positions/embedding', _POSITIONS)
    for index in range(layers):
        there = f'encoder.layers.encoder_layer_{index}'
        here = f'params/encoder/layer_{index}'
        yield from _norm(f'{there}.ln_1', f'{here}/attention_norm')
        yield from _attention(f'{there}.self_attention.', f'{here}/attention')
        yield from _norm(f'{there}.ln_2', f'{here}/feed_forward_norm')
        yield from _dense(f'{there}.mlp.0', f'{here}/feed_forward/hidden')
        yield from _dense(f'{there}.mlp.3', f'{here}/feed_forward/output')
    yield from _norm('encoder.ln', 'params/encoder/norm')
    yield from _dense('heads.head', 'params/output')


_TOKEN = Form(
    3, '[1, 1, width]', lambda x: x[0, 0], lambda x: x[None, None], rank_here=1
)
_POSITIONS = Form(
    3, '[1, places, width]', lambda x: x[0], lambda x: x[None], rank_here=2
)


def _of_patches(patch: int) -> Form:
    """A convolution over patches, which is a matrix for the numbers of a patch."""

    def here(x: np.ndarray) -> np.ndarray:
        return x.transpose(2, 3, 1, 0).reshape(-1, x.shape[0])

    def there(x: np.ndarray) -> np.ndarray:
        return x.reshape(patch, patch, -1, x.shape[-1]).transpose(3, 2, 0, 1)

    words = f'[width, channel, {patch}, {patch}]'
    return Form(4, words, here, there, rank_here=2)
