"""Small nets that decode, with what they say known."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.types import Array, PyTree

END = 1


class Table(nn.Module):
    """Says what follows the last two tokens, from a table for each example.

    The carry holds the example's table and its last token, and a position, a scalar,
    from which the logits depend as well.
    """

    vocabulary: int = 4
    scale: float = 1.5

    def begin(self, tables: Array, *, steps: int) -> PyTree:
        """Keep [batch, vocabulary, vocabulary, vocabulary] tables."""
        return {
            'tables': tables,
            'last': jnp.zeros(len(tables), jnp.int32),
            'position': jnp.int32(0),
        }

    def read(self, tokens: Array, carry: PyTree) -> tuple[Array, PyTree]:
        """Look up the logits of the token after each pair."""
        before = jnp.concatenate([carry['last'][:, None], tokens], axis=1)
        rows = jnp.arange(len(tokens))[:, None]
        place = carry['position'] + jnp.arange(tokens.shape[1])
        logits = carry['tables'][rows, before[:, :-1], tokens]
        logits = self.scale * logits * (1 + 0.1 * place)[None, :, None]
        after = carry['position'] + tokens.shape[1]
        return logits, {**carry, 'last': tokens[:, -1], 'position': after}


def tables(batch: int, vocabulary: int = 4, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, *(vocabulary,) * 3)).astype(np.float32)


def log_probability(table: np.ndarray, prompt: list[int], tokens: list[int]) -> float:
    """What `Table` gives the tokens after a prompt, by a loop."""
    total, said = 0.0, [0, *prompt]
    for token in tokens:
        logits = 1.5 * table[said[-2], said[-1]].astype(float)
        logits = logits * (1 + 0.1 * (len(said) - 2))
        total += logits[token] - np.logaddexp.reduce(logits)
        said.append(token)
    return total


def all_sequences(vocabulary: int, steps: int, end: int | None) -> list[list[int]]:
    """List what can be written: up to the end token, or all steps."""
    found = {}
    for tokens in itertools.product(range(vocabulary), repeat=steps):
        if end in tokens:
            tokens = tokens[: tokens.index(end) + 1]
        found[tokens] = list(tokens)
    return list(found.values())


def padded(tokens: list[int], steps: int) -> list[int]:
    return tokens + [0] * (steps - len(tokens))


def as_numpy(tree: PyTree) -> PyTree:
    return jax.tree.map(np.asarray, tree)
