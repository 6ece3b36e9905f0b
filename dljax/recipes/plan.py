"""A recipe, and the plan that it is made from: what a family's file states."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.training import Learner, Player, learner
from dljax.types import Array, Batch, Key, Spec, fold

Specs = dict[str, Spec]


def alone(net: nn.Module) -> nn.Module:
    """Train the net as the zoo has it."""
    return net


def as_in_the_zoo(net: nn.Module, specs: Specs) -> Specs:
    """Read the features that the row states."""
    return specs


def alike(net: nn.Module) -> int:
    """Leave sizes that are those of another feature as they are."""
    return 1


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a row of the zoo is trained, whatever its settings.

    Attributes:
        players: `(net) -> {name: Player}`, for the net as `arrange` leaves it.
        batch: examples in an update, where nothing else is asked for.
        arrange: `(net of the zoo) -> net to train`, where learning takes more than the
            net itself.
        features: `(net of the zoo, specs of its row) -> specs of what the players
            read`, where that is something else.
        drawn: features of the row that the objectives draw themselves.
        shaped_by: for a feature whose sizes are those of another one, that other:
            the label of each pixel has the height and width of the image.
        lengths: for a feature that holds lengths, that whose first axis they measure.
        scale: `(net of the zoo) -> n`, where a feature in `shaped_by` has n times the
            sides of the other, as the targets of super-resolution have.
    """

    players: Callable[[Any], Mapping[str, Player]]
    batch: int
    arrange: Callable[[nn.Module], nn.Module] = alone
    features: Callable[[Any, Specs], Specs] = as_in_the_zoo
    drawn: tuple[str, ...] = ()
    shaped_by: Mapping[str, str] = dataclasses.field(default_factory=dict)
    lengths: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scale: Callable[[Any], int] = alike


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A net, what moves its parameters, and what a batch of it looks like.

    Attributes:
        net: to train; a container where learning takes more than one net.
        players: by name, in the order of their turns.
        batch: shapes and types of what an update reads, [batch, ...] by feature.
        specs: of one example of each of these features, without open sizes.
    """

    net: nn.Module
    players: Mapping[str, Player]
    batch: dict[str, jax.ShapeDtypeStruct]
    specs: dict[str, Spec]

    def learner(self, *, axis: str | None = None) -> Learner:
        """Build the train step.

        Args:
            axis: name of the mapped axis, under `pmap` or `shard_map`.

        Returns:
            The pair of `init` and `update`.
        """
        return learner(self.net, self.players, axis=axis)

    def draw(self, key: Key) -> Batch:
        """Draw a batch that the specs allow; there is nothing to learn in it.

        Args:
            key: of the draws.

        Returns:
            Arrays as `batch` tells: integers, and floats within two bounds, uniform;
            other floats normal, and moved to the one side of a single bound.
        """
        return draw(key, self.batch, self.specs)


def draw(
    key: Key, shapes: Mapping[str, jax.ShapeDtypeStruct], specs: Mapping[str, Spec]
) -> Batch:
    """Draw arrays of these shapes that the specs allow, see `Recipe.draw`."""
    return {
        name: _draw(fold(key, 'draw', name), shape, specs[name])
        for name, shape in shapes.items()
    }


def _draw(key: Key, shape: jax.ShapeDtypeStruct, spec: Spec) -> Array:
    if jnp.issubdtype(shape.dtype, jnp.bool_):
        return jax.random.bernoulli(key, 0.5, shape.shape)
    if jnp.issubdtype(shape.dtype, jnp.integer):
        low = int(spec.low or 0)
        high = low + 1 if spec.high is None else int(spec.high)
        return jax.random.randint(key, shape.shape, low, high + 1, shape.dtype)
    if spec.low is not None and spec.high is not None:
        return jax.random.uniform(
            key, shape.shape, shape.dtype, minval=spec.low, maxval=spec.high
        )
    values = jax.random.normal(key, shape.shape, shape.dtype)
    if spec.low is not None:
        return spec.low + jnp.abs(values)
    return values if spec.high is None else spec.high - jnp.abs(values)
