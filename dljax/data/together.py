"""Several sources as one."""

from collections.abc import Mapping

from dljax.types import Batch, Key, Position, Source, State, fold


def together(sources: Mapping[str, Source]) -> Source:
    """Draw from several sources side by side, each with its own batch size and order.

    Args:
        sources: by name; all traced, or all of the host.

    Returns:
        A source whose batch holds the batch of each under its name.

    Raises:
        ValueError: without a source, or for sources of both kinds.
    """
    kinds = {source.host for source in sources.values()}
    if len(kinds) != 1:
        raise ValueError(
            f'together() got {len(sources)} sources, wanted one or more that are all '
            'traced (resident) or all of the host (stream)'
        )

    def first(key: Key) -> tuple[Position, Batch]:
        return _parted(
            {name: source.init(fold(key, name)) for name, source in sources.items()}
        )

    def following(key: Key, position: Position, state: State) -> tuple[Position, Batch]:
        return _parted(
            {
                name: source.next(fold(key, name), position[name], state)
                for name, source in sources.items()
            }
        )

    arrays = {name: source.arrays for name, source in sources.items()}
    known = all(part is not None for part in arrays.values())
    return Source(first, following, kinds.pop(), arrays if known else None)


def _parted(pairs: Mapping[str, tuple]) -> tuple[dict, dict]:
    return (
        {name: pair[0] for name, pair in pairs.items()},
        {name: pair[1] for name, pair in pairs.items()},
    )
