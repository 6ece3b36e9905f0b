"""Which net of a run is meant, and for what it is used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flax import linen as nn

from dljax import zoo
from dljax.export.matching import bare, contradictions, is_model, kin_of, model_of
from dljax.models.rebuilding import pieces, rebuilt
from dljax.weights.restored import Restored, unpack
from dljax.weights.runs import Taken


class Selected(NamedTuple):
    """A net out of a run.

    Attributes:
        restored: the net with all that belongs to it.
        model: its name in the zoo, or None where it has none.
        use: the part of the row that it is used for, or None for the usual one.
    """

    restored: Restored
    model: str | None
    use: str | None


def select(
    workdir: str | Path,
    found: Taken,
    *,
    model: str | None = None,
    part: str | None = None,
    settings: Mapping[str, Any] | None = None,
    net: nn.Module | None = None,
) -> Selected:
    """Choose a net of a run, and make sure that it is what it is taken for.

    Args:
        workdir: the folder of the run.
        found: what `runs.taken` gave.
        model: its name in the zoo; None for whatever it is.
        part: of several nets that stand side by side, the name of one; of a model of
            the zoo, what it is used for; or both, as in 'gan/discriminator'.
        settings: that it is said to have.
        net: the net itself, or that of the part.

    Returns:
        The net.

    Raises:
        ValueError: for another model, settings of another net, an unknown part, several
            nets without one, or a net that cannot be rebuilt.
    """
    chosen, made = dict(settings or {}), found.config.get('net')
    if net is None and made is None and model is not None:
        net = zoo.create_model(model, **chosen)
    if net is not None:
        restored, use = unpack(workdir, found, part=part or '', net=net), None
    else:
        path, use = '', None
        if made is not None:
            path, use = _resolved(workdir, dict(pieces(made)), model, part)
        restored = unpack(workdir, found, part=path)
    inner = bare(restored.net)
    name = model or model_of(inner)
    if name is not None and not is_model(name, inner):
        raise ValueError(
            f'{workdir} trained {model_of(inner) or type(inner).__name__}, not {name}: '
            'model=None, on the command line `run`, takes whatever it is'
        )
    if chosen:
        if name is None:
            raise ValueError('settings are of a model of the zoo, and this net is none')
        if lines := contradictions(name, inner, chosen):
            raise ValueError(
                f'{"; ".join(lines)}: {workdir} knows its settings, leave them out'
            )
    return Selected(restored, name, use)


def _resolved(
    workdir: str | Path,
    there: Mapping[str, Any],
    model: str | None,
    part: str | None,
) -> tuple[str, str | None]:
    """Find the path of the net, and what it is used for."""
    if part is None:
        return _meant(workdir, there, model), None
    head, _, tail = part.rpartition('/')
    names = kin_of(bare(net)) if (net := _net(there.get(head))) else []
    known = {use for name in names for use in (zoo.WHOLE, *zoo.row(name).parts)}
    if tail in known:
        return head, tail
    if part in there and 'container' not in there[part]:
        return part, None
    uses = [] if head else sorted(known)
    raise ValueError(
        f'the net of {workdir} has no part {part!r}, wanted one of '
        + ', '.join([*uses, *outer(there)])
    )


def _meant(workdir: str | Path, there: Mapping[str, Any], model: str | None) -> str:
    """Find the one net that is of this model, the outermost."""
    if model is None:
        if 'container' in there['']:
            raise ValueError(
                f'{workdir} trained several nets side by side: say which part, '
                f'{", ".join(outer(there))}'
            )
        return ''
    zoo.row(model)  # an unknown one is refused as such
    fitting = [
        path
        for path, made in there.items()
        if (net := _net(made)) is not None and is_model(model, bare(net))
    ]
    depth = min((path.count('/') for path in fitting), default=0)
    if '' in fitting:
        return ''
    fitting = [path for path in fitting if path.count('/') == depth]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ValueError(
            f'{workdir} trained several of {model}: say which part, '
            f'{", ".join(fitting)}'
        )
    if 'container' not in there['']:
        rebuilt(there[''])  # says what is unknown, if that is the reason
    paths = outer(there) if 'container' in there[''] else ['']
    nets = {path: _net(there[path]) for path in paths}
    names = [
        f'{path} ({model_of(bare(net)) or type(bare(net)).__name__})'
        if path
        else model_of(bare(net)) or type(bare(net)).__name__
        for path, net in nets.items()
        if net is not None
    ]
    raise ValueError(f'{workdir} trained {", ".join(names)}, not {model}')


def outer(there: Mapping[str, Any]) -> list[str]:
    """List the outermost nets of a container that are no containers themselves.

    Args:
        there: descriptions by path, as `rebuilding.pieces` gives them.

    Example:
        >>> dense = {'module': 'flax.linen.Dense', 'fields': {}}
        >>> outer({'': {'container': {}}, 'a': {'container': {}}, 'a/b': dense})
        ['a/b']
    """
    nets = [path for path, made in there.items() if path and 'container' not in made]
    return [p for p in nets if not any(p.startswith(f'{other}/') for other in nets)]


def _net(made: Mapping[str, Any] | None) -> nn.Module | None:
    if made is None or 'container' in made:
        return None
    try:
        return rebuilt(made)
    except ValueError:
        return None
