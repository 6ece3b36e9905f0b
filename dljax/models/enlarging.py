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


def largest_block(scale: int) -> int:
    """Choose the squares in which the last convolution of such a net is computed.

    Args:
        scale: by which the sides grow.

    Returns:
        2 to 4, a divisor of the scale; see `kernels.convolve_blocked`.

    Example:
        >>> largest_block(4), largest_block(6), largest_block(2)
        (4, 3, 2)
    """
    return next(block for block in (4, 3, 2) if scale % block == 0)
