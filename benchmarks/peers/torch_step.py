"""The step in torch: eager or compiled, in either layout, on some threads."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.peers import cases
from benchmarks.peers.cases import Case
from benchmarks.peers.torch_nets import make


def build(
    case: Case,
    batch: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    *,
    check: bool = False,
    precision: str = 'float32',
    compiled: bool = False,
    channels_last: bool = True,
    threads: int = 1,
) -> Callable[[int], list[float]]:
    """Make the function that trains for some steps and returns their losses.

    Args:
        case: what is trained.
        batch: of it.
        weights: of our net at the start, by path.
        check: whether random numbers are replaced by known ones.
        precision: 'bfloat16' is torch's automatic mixed precision; in float32 a GPU's
            products are of TF32, as XLA's are.
        compiled: whether `torch.compile` makes the loss and the optimizer's step.
        channels_last: the layout of images in memory.
        threads: that one operation may take.

    Returns:
        The function.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as XLA does
    on = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    if on.type == 'cuda':
        torch.set_float32_matmul_precision('high')
        torch.backends.cudnn.allow_tf32 = True
    mixed = functools.partial(
        torch.autocast, on.type, torch.bfloat16, enabled=precision == 'bfloat16'
    )
    nets = make(case, weights)
    arrays = {k: torch.tensor(v) for k, v in batch.items()}
    if arrays['input'].ndim == 4:
        arrays['input'] = arrays['input'].permute(0, 3, 1, 2).contiguous()
        layout = torch.channels_last if channels_last else torch.contiguous_format
        arrays['input'] = arrays['input'].to(memory_format=layout)
        nets = nets.to(memory_format=layout)
    if 'label' in arrays:
        arrays['label'] = arrays['label'].long()
    arrays = {k: v.to(on) for k, v in arrays.items()}
    nets = nets.to(on).train()
    turns = [
        (torch.compile(loss) if compiled else loss, trained, optimizer(case, trained))
        for loss, trained in losses(case, nets)
    ]

    def step() -> torch.Tensor:
        total = 0.0
        for loss, trained, made in turns:
            if len(turns) > 1:  # no gradient of the other player's weights
                nets.requires_grad_(False)
                trained.requires_grad_(True)
            made.zero_grad(set_to_none=True)
            with mixed():
                value = loss(**arrays)
            value.backward()
            made.step()
            total = total + value.detach()
        return total

    def run(steps: int) -> list[float]:
        with known_numbers() if check else contextlib.nullcontext():
            return torch.stack([step() for _ in range(steps)]).tolist()

    run.steps = 1
    return run


Turn = tuple[Callable[..., torch.Tensor], nn.Module]


def losses(case: Case, nets: nn.Module) -> list[Turn]:
    """Give each player's loss, and the part of the net that it trains."""
    if case.task == 'translate':

        def translate(input: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            logits = nets(input, label)
            return F.cross_entropy(logits.flatten(0, 1), label.flatten())

        return [(translate, nets)]
    if case.task == 'classify':

        def classify(input: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            return F.cross_entropy(nets(input), label)

        return [(classify, nets)]
    if case.task == 'reconstruct':

        def elbo(input: torch.Tensor) -> torch.Tensor:
            flat = input.flatten(1)
            logits, mean, log_variance = nets(flat)
            distortion = F.binary_cross_entropy_with_logits(
                logits, flat, reduction='sum'
            )
            rate = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
            return (distortion + rate) / len(flat)

        return [(elbo, nets)]
    generator, discriminator = nets

    def tell_apart(input: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(len(input), 100, device=input.device)
        with torch.no_grad():
            fake = generator(noise)
        on_real, on_fake = discriminator(input), discriminator(fake)
        return F.softplus(-on_real).mean() + F.softplus(on_fake).mean()

    def fool(input: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(len(input), 100, device=input.device)
        return F.softplus(-discriminator(generator(noise))).mean()

    return [(tell_apart, discriminator), (fool, generator)]


def optimizer(case: Case, trained: nn.Module) -> torch.optim.Optimizer:
    """Make the optimizer of what a player trains, in torch's fused form."""
    said, parameters = case.optimizer, list(trained.parameters())
    if said.kind == 'adam':
        betas = (said.momentum, 0.999)
        return torch.optim.Adam(parameters, said.learning_rate, betas, fused=True)
    return torch.optim.SGD(
        parameters, said.learning_rate, momentum=said.momentum, fused=True
    )


@contextlib.contextmanager
def known_numbers() -> Iterator[None]:
    """Replace random numbers by those of `cases`."""

    def normal(*shape: int, device: torch.device | None = None) -> torch.Tensor:
        return torch.tensor(cases.normal(shape), device=device)

    def normal_like(values: torch.Tensor) -> torch.Tensor:
        return normal(*values.shape, device=values.device)

    def dropout(x: torch.Tensor, p: float, training: bool, *_: bool) -> torch.Tensor:
        mask = torch.tensor(cases.kept(tuple(x.shape), 1 - p), device=x.device)
        return x * mask / (1 - p)

    with (
        mock.patch('torch.randn', normal),
        mock.patch('torch.randn_like', normal_like),
        mock.patch('torch.nn.functional.dropout', dropout),
    ):
        yield
