"""Attention, transformer layers and ViT equal torch's, gradients included."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import linen as nn

from dljax import create_model
from dljax.layers import MultiHeadAttention, TransformerBlock, length_mask
from dljax.types import Array, PyTree, named_leaves
from dljax.weights import from_torch_layer, from_torchvision, reference, to_torchvision

BATCH, STEPS, TIME, WIDTH, HEADS, HIDDEN, MEMORY = 3, 5, 7, 8, 2, 12, 6
LENGTHS = np.array([5, 3, 1])
PLACES = np.array([7, 2, 4])
RNG = np.random.default_rng(0)
TOLERANCE = {'float32': 1e-5, 'float64': 1e-10}
WIDTHS = pytest.mark.parametrize('kind', TOLERANCE)


def randomised(net: torch.nn.Module, kind: str) -> torch.nn.Module:
    """Draw all parameters, biases and scales too, and leave out dropout."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(0.0, 0.5)
    return net.to(getattr(torch, kind)).eval()


def drawn(kind: str, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [RNG.normal(size=shape).astype(kind) for shape in shapes]


def arrays_of(net: torch.nn.Module, gradient: bool = False) -> dict[str, np.ndarray]:
    return {
        name: (leaf.grad if gradient else leaf.detach()).numpy().copy()
        for name, leaf in net.named_parameters()
    }


def agree(ours: PyTree, theirs: PyTree, tolerance: float) -> None:
    """Relative to the largest number of each array, or of all where it is about 0."""
    mine, wanted = named_leaves(ours), named_leaves(theirs)
    assert list(mine) == list(wanted)
    largest = max(np.abs(leaf).max() for leaf in wanted.values())
    for path, value in wanted.items():
        # Of a key's bias the gradient is 0 but for rounding.
        scale = largest if path.endswith('key/bias') else np.abs(value).max()
        error = np.abs(np.asarray(mine[path]) - value).max() / scale
        assert error < tolerance, f'{path}: {error}'


def compare(
    kind: str,
    name: str,
    theirs: torch.nn.Module,
    ours: nn.Module,
    inputs: list[np.ndarray],
    run_theirs: Callable[..., torch.Tensor],
    run_ours: Callable[..., Array],
) -> None:
    """Compare outputs, and the gradients of their weighted sum."""
    given = [torch.tensor(array, requires_grad=True) for array in inputs]
    wanted = run_theirs(theirs, *given)
    weight = RNG.normal(size=tuple(wanted.shape)).astype(kind)
    # What a padded query reads is of no use, and torch has NaN for some.
    weight[np.arange(STEPS)[None] >= LENGTHS[:, None]] = 0
    wanted = torch.where(torch.tensor(weight) == 0, 0.0, wanted)
    (wanted * torch.tensor(weight)).sum().backward()
    gradient = from_torch_layer(name, arrays_of(theirs, gradient=True))['params']
    with jax.enable_x64(kind == 'float64'):
        like = jax.eval_shape(
            ours.clone(param_dtype=kind).init, jax.random.key(0), *inputs
        )
        variables = from_torch_layer(name, arrays_of(theirs), like)
        variables = jax.tree.map(jnp.asarray, variables)

        def loss(params: PyTree, inputs: list[Array]) -> tuple[Array, Array]:
            outputs = run_ours(ours, {'params': params}, *inputs)
            return (outputs * weight).sum(), outputs

        compute = jax.jit(jax.grad(loss, (0, 1), has_aux=True))
        (slopes, towards), outputs = compute(
            variables['params'], [jnp.asarray(array) for array in inputs]
        )
        assert outputs.dtype == kind
        shown = np.where(weight == 0, 0.0, np.asarray(outputs))
    tolerance = TOLERANCE[kind]
    agree({'outputs': shown}, {'outputs': wanted.detach().numpy()}, tolerance)
    agree(slopes, gradient, tolerance)
    for mine, other in zip(towards, given, strict=True):
        agree({'inputs': mine}, {'inputs': other.grad.numpy()}, tolerance)


def padding(lengths: np.ndarray, time: int) -> torch.Tensor:
    return torch.tensor(np.arange(time)[None] >= lengths[:, None])


def later(steps: int) -> torch.Tensor:
    return torch.triu(torch.ones(steps, steps, dtype=torch.bool), 1)


@WIDTHS
@pytest.mark.parametrize('causal', [False, True])
def test_attention_to_itself(kind: str, causal: bool) -> None:
    theirs = randomised(
        torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True), kind
    )
    mask = length_mask(LENGTHS, STEPS)
    compare(
        kind,
        'MultiheadAttention',
        theirs,
        MultiHeadAttention(WIDTH, HEADS, causal=causal),
        drawn(kind, (BATCH, STEPS, WIDTH)),
        lambda net, x: net(
            *(x, x, x),
            key_padding_mask=padding(LENGTHS, STEPS),
            attn_mask=later(STEPS) if causal else None,
        )[0],
        lambda net, variables, x: net.apply(variables, x, mask=mask),
    )


@WIDTHS
def test_attention_to_a_memory_and_its_weights(kind: str) -> None:
    settings = {'kdim': MEMORY, 'vdim': MEMORY, 'batch_first': True}
    theirs = randomised(torch.nn.MultiheadAttention(WIDTH, HEADS, **settings), kind)
    ours = MultiHeadAttention(WIDTH, HEADS)
    inputs = drawn(kind, (BATCH, STEPS, WIDTH), (BATCH, TIME, MEMORY))
    mask = length_mask(PLACES, TIME)
    hidden = {'key_padding_mask': padding(PLACES, TIME)}
    compare(
        kind,
        'MultiheadAttention',
        theirs,
        ours,
        inputs,
        lambda net, x, memory: net(x, memory, memory, **hidden)[0],
        lambda net, variables, x, memory: net.apply(variables, x, memory, mask=mask),
    )
    if kind == 'float32':
        x, memory = map(torch.tensor, inputs)
        _, wanted = theirs(x, memory, memory, average_attn_weights=False, **hidden)
        variables = from_torch_layer('MultiheadAttention', arrays_of(theirs))
        _, sown = ours.apply(variables, *inputs, mask=mask, mutable='intermediates')
        (weights,) = sown['intermediates']['weights']
        np.testing.assert_allclose(weights, wanted.detach().numpy(), atol=1e-6)


@WIDTHS
@pytest.mark.parametrize('norm_first', [False, True])
def test_a_layer_of_an_encoder(kind: str, norm_first: bool) -> None:
    theirs = randomised(
        torch.nn.TransformerEncoderLayer(
            *(WIDTH, HEADS, HIDDEN, 0.0),
            activation='gelu',
            batch_first=True,
            norm_first=norm_first,
        ).train(),
        kind,
    ).train()  # in evaluation torch takes another way, without gradients
    ours = TransformerBlock(
        HIDDEN, HEADS, norm_first=norm_first, activation=_exact_gelu
    )
    mask = length_mask(LENGTHS, STEPS)
    compare(
        kind,
        'TransformerEncoderLayer',
        theirs,
        ours,
        drawn(kind, (BATCH, STEPS, WIDTH)),
        lambda net, x: net(x, src_key_padding_mask=padding(LENGTHS, STEPS)),
        lambda net, variables, x: net.apply(variables, x, None, mask),
    )


def _exact_gelu(x: Array) -> Array:
    return jax.nn.gelu(x, approximate=False)


@WIDTHS
@pytest.mark.parametrize('norm_first', [False, True])
def test_a_layer_of_a_decoder(kind: str, norm_first: bool) -> None:
    theirs = randomised(
        torch.nn.TransformerDecoderLayer(
            *(WIDTH, HEADS, HIDDEN, 0.0), batch_first=True, norm_first=norm_first
        ),
        kind,
    )
    ours = TransformerBlock(HIDDEN, HEADS, causal=True, norm_first=norm_first)
    mask, memory_mask = length_mask(LENGTHS, STEPS), length_mask(PLACES, TIME)
    compare(
        kind,
        'TransformerDecoderLayer',
        theirs,
        ours,
        drawn(kind, (BATCH, STEPS, WIDTH), (BATCH, TIME, WIDTH)),
        lambda net, x, memory: net(
            x,
            memory,
            tgt_mask=later(STEPS),
            tgt_key_padding_mask=padding(LENGTHS, STEPS),
            memory_key_padding_mask=padding(PLACES, TIME),
        ),
        lambda net, variables, x, memory: net.apply(
            variables, x, memory, mask, memory_mask
        ),
    )


@pytest.mark.heavy
@pytest.mark.parametrize('name', ['vit_b_16', 'vit_b_32'])
def test_vision_transformers_are_those_of_torchvision(name: str) -> None:
    torch.manual_seed(0)
    theirs = getattr(reference.torchvision_models(), name)(
        weights=None, num_classes=7
    ).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    net = create_model(name, classes=7)
    image = RNG.normal(size=(2, 224, 224, 3)).astype(np.float32)
    like = jax.eval_shape(net.init, jax.random.key(0), image)
    variables = from_torchvision(name, state, like)
    again = to_torchvision(name, variables)
    assert list(again) == list(state)
    for key, value in state.items():
        np.testing.assert_array_equal(again[key], value)

    logits = theirs(torch.tensor(image.transpose(0, 3, 1, 2).copy()))
    weight = RNG.normal(size=logits.shape).astype(np.float32)
    (logits * torch.tensor(weight)).sum().backward()
    gradient = from_torchvision(name, arrays_of(theirs, gradient=True))['params']

    def loss(params: PyTree) -> tuple[Array, Array]:
        outputs = net.apply({'params': params}, image)
        return (outputs * weight).sum(), outputs

    slopes, outputs = jax.jit(jax.grad(loss, has_aux=True))(variables['params'])
    agree({'logits': outputs}, {'logits': logits.detach().numpy()}, 1e-5)
    agree(slopes, gradient, 1e-4)
