"""What nets that enlarge pictures have in common."""


def enlargements(scale: int) -> tuple[int, ...]:
    """Part an enlargement into steps of 2 and 3, as sub-pixel convolutions take them.

    Args:
        scale: by which the sides grow.

    Returns:
        The steps, whose product is the scale.

    Raises:
        ValueError: for a scale below 2, or one with another prime factor.

    Example:
        >>> enlargements(4), enlargements(6)
        ((2, 2), (2, 3))
    """
    steps, left = [], scale
    for factor in (2, 3):
        while left > 1 and left % factor == 0:
            steps.append(factor)
            left //= factor
    if left != 1 or not steps:
        raise ValueError(
            f'scale is {scale}, wanted a product of 2 and 3, such as 2, 3, 4 or 8'
        )
    return tuple(steps)
