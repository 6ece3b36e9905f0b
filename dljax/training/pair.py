"""What the training loop knows of a learner."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dljax.types import Batch, Key, Metrics, State


class Learner(NamedTuple):
    """A pair of pure functions, as Optax's, and what their data have to be.

    Attributes:
        init: `(key, batch) -> state`.
        update: `(key, state, batch) -> (state, metrics)`; `key` is the run's root key.
        check: `(arrays) -> None` of [example, ...] arrays by feature, on the host.
            Raises ValueError for data that an objective has no meaning for; None takes
            what comes.
    """

    init: Callable[[Key, Batch], State]
    update: Callable[[Key, State, Batch], tuple[State, Metrics]]
    check: Callable[[Mapping[str, Any]], None] | None = None
