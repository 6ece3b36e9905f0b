"""What the settings of layers and nets have to be."""


def check_fractions(**rates: float) -> None:
    """Refuse fractions that are dropped in training out of [0, 1).

    Args:
        **rates: by the names of their settings.

    Raises:
        ValueError: naming the setting and its value.

    Example:
        >>> check_fractions(dropout=0.5)
    """
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise ValueError(
                f'{name} is {rate}, wanted a number in [0, 1): the fraction that is '
                'dropped, not the fraction that is kept'
            )
