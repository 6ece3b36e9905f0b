"""How much fine detail a picture has beside a true one, wherever it lies."""

import numpy as np


def detail_ratio(
    image: np.ndarray, target: np.ndarray, *, above: float = 0.125
) -> float:
    """Compare the power of two pictures at high frequencies, in dB.

    10 log₁₀ of the ratio of the spectral powers above a frequency, under a Hann window.
    A blurred picture is far below 0, noise far above; detail of the true strength in
    the wrong places, which costs PSNR, is 0.

    Args:
        image: [height, width] float.
        target: the true one, of the shape of `image`.
        above: the frequency in cycles per pixel, in (0, ½); 1 / (2 scale) is where a
            picture that is smaller by the scale ends.

    Returns:
        In dB; infinite where the true picture has no such power.

    Raises:
        ValueError: for unequal shapes, another rank, or a frequency out of range.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).normal(size=(32, 32))
        >>> round(detail_ratio(noise / 2, noise), 2)
        -6.02
    """
    if image.shape != target.shape or image.ndim != 2:
        raise ValueError(
            f'image and target have shapes {image.shape} and {target.shape}, wanted '
            'one [height, width]: take one channel, such as the brightness'
        )
    if not 0 < above < 0.5:
        raise ValueError(f'above is {above}, wanted a frequency in (0, 0.5)')
    rows, columns = image.shape
    window = np.hanning(rows + 2)[1:-1, None] * np.hanning(columns + 2)[None, 1:-1]
    radius = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :])
    fine = radius >= above

    def power(values: np.ndarray) -> float:
        values = values.astype(np.float64)
        spectrum = np.fft.rfft2((values - values.mean()) * window)
        # All but the first and, of an even width, the last column stand for two.
        twice = np.full(radius.shape[1], 2.0)
        twice[0] = 1.0
        if columns % 2 == 0:
            twice[-1] = 1.0
        return float((np.abs(spectrum) ** 2 * twice[None, :])[fine].sum())

    made, true = power(image), power(target)
    with np.errstate(divide='ignore', invalid='ignore'):
        return float(10 * (np.log10(made) - np.log10(true)))
