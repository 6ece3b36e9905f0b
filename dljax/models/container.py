"""Several nets as one, where no class of their own says what they are to each other."""

import keyword

from flax import linen as nn


def container(**nets: nn.Module) -> nn.Module:
    """Put nets side by side as the fields of one module.

    For comparisons: each net is a field, and a group of parameters, of the name that it
    is given, as `objectives.within` and `Player(trains=...)` want it. Nets that belong
    together by their nature, such as two adversaries, deserve a class that says so.

    Args:
        **nets: unbound modules by name. They share no parameters.

    Returns:
        A module without a call of its own; modules of equal names are of one class.

    Raises:
        ValueError: without a net, or for a name that no field of Python can have.

    Example:
        >>> both = container(small=nn.Dense(1), large=nn.Dense(9))
        >>> both.large.features
        9
    """
    if not nets:
        raise ValueError('container() got no net, wanted one or more by name')
    names = tuple(nets)
    for name in names:
        if keyword.iskeyword(name) or not name.isidentifier():
            raise ValueError(
                f"a net is called '{name}', wanted a name as Python's variables have: "
                'add a letter'
            )
    if names not in _CLASSES:
        body = {'__annotations__': dict.fromkeys(names, nn.Module)}
        body |= {'__doc__': 'Nets side by side.', '__module__': __name__}
        _CLASSES[names] = type('Container', (nn.Module,), body)
    # Linen takes one instance in two places, also inside of nets, for shared weights.
    return _CLASSES[names](**{name: net.copy() for name, net in nets.items()})


_CLASSES: dict[tuple[str, ...], type[nn.Module]] = {}
