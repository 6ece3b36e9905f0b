"""How fast a GPT-2 writes by its cache, beside that of Hugging Face in torch.

Both have the same weights, drawn at random, and write the likeliest token each time;
what they write has to be the same. They take turns (A B B A), in one process. The time
of the first call, which compiles, stands apart.
"""

import argparse
import functools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from benchmarks import machine, results
from dljax import create_model, weights
from dljax.decoding import greedy
from dljax.weights import reference

PEERS = ('torch', 'torch.compile')
Write = Callable[[np.ndarray], np.ndarray]  # [batch, prompt] to [batch, steps] tokens


def ours(net: nn.Module, variables: dict, steps: int) -> Write:
    """Decode by the cache, in one compiled call."""
    decode = functools.partial(greedy, steps=steps)
    write = jax.jit(nn.apply(lambda module, prompt: decode(module, prompt).tokens, net))
    held = jax.tree.map(jnp.asarray, variables)
    return lambda prompt: np.asarray(write(held, prompt))


def theirs(net: nn.Module, variables: dict, steps: int, *, compiled: bool) -> Write:
    """Decode by `generate`: with a cache that grows, or compiled with a static one."""
    torch, peers = reference.torch(), reference.transformers()
    settings = {**weights.config_of('gpt2', net), 'bos_token_id': 0, 'eos_token_id': 0}
    model = peers.GPT2LMHeadModel(peers.GPT2Config(**settings)).eval()
    arrays = weights.to_hugging_face('gpt2', variables)
    model.transformer.load_state_dict(
        {key: torch.from_numpy(value) for key, value in arrays.items()}, strict=False
    )
    words = {'max_new_tokens': steps, 'min_new_tokens': steps, 'do_sample': False}
    words |= {'use_cache': True, 'pad_token_id': 0, 'eos_token_id': None}
    if compiled:
        words['cache_implementation'] = 'static'
        model.forward = torch.compile(model.forward)

    def write(prompt: np.ndarray) -> np.ndarray:
        given = torch.from_numpy(prompt.astype(np.int64))
        with torch.no_grad():
            made = model.generate(given, attention_mask=given * 0 + 1, **words)
        return made[:, prompt.shape[1] :].numpy()

    return write


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.decoding')
    parser.description = __doc__.splitlines()[0]
    parser.add_argument('--layers', type=int, default=12)
    parser.add_argument('--width', type=int, default=768)
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--prompt', type=int, default=32, help='tokens that are given')
    parser.add_argument('--steps', type=int, default=64, help='tokens that are written')
    parser.add_argument('--turns', type=int, default=4, help='of each, an even number')
    parser.add_argument('--peers', nargs='*', default=[*PEERS], choices=PEERS)
    parser.add_argument('--results', type=Path, default=results.path('decoding'))
    parser.add_argument('--allow-load', action='store_true')
    asked = parser.parse_args()
    loaded = machine.require_quiet(allow=asked.allow_load)
    sizes = {'layers': asked.layers, 'width': asked.width, 'heads': asked.width // 64}
    net = create_model('gpt2', **sizes)
    random = np.random.default_rng(0)
    prompt = random.integers(0, net.vocabulary, (asked.batch, asked.prompt), np.int32)
    variables = jax.tree.map(
        np.asarray, jax.jit(net.init)(jax.random.key(0), jnp.asarray(prompt))
    )
    ways: dict[str, Write] = {'dljax': ours(net, variables, asked.steps)}
    for peer in asked.peers:
        compiled = peer == 'torch.compile'
        ways[peer] = theirs(net, variables, asked.steps, compiled=compiled)
    first, wanted = {}, None
    for name, write in ways.items():
        start = time.perf_counter()
        found = write(prompt)
        first[name] = time.perf_counter() - start
        wanted = found if wanted is None else wanted
        if not np.array_equal(found, wanted):
            raise RuntimeError(f'{name} writes other tokens than dljax')
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(asked.turns):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            ways[name](prompt)
            times[name].append(time.perf_counter() - start)
    tokens = asked.batch * asked.steps
    row = {
        'model': f'gpt2 of {asked.layers} layers, {asked.width} wide',
        'batch': asked.batch,
        'prompt': asked.prompt,
        'steps': asked.steps,
        'tokens_per_second': {
            name: tokens / statistics.median(found) for name, found in times.items()
        },
        'first_seconds': first,
        'all': times,
        'loaded': loaded,
        **machine.describe('torch', 'transformers'),
    }
    results.append(asked.results, row)
    for name, speed in row['tokens_per_second'].items():
        print(f'{name}: {speed:.4g} tokens/s, the first call {first[name]:.3g} s')


if __name__ == '__main__':
    main()
