"""Handwritten digits, 8x8: the smallest real set of images."""

from typing import Any, cast

import numpy as np
import tensorflow_datasets as tfds

from dljax.data.builders.embedded import Embedded


class Digits(Embedded, skip_registration=True):
    """1,797 digits by 13 writers: image [8, 8, 1] uint8 in 0...255, label 0...9.

    The source counts ink in 4x4 blocks of a bitmap, 0 to 16; here 16 becomes 255. This
    is not MNIST. The splits mix the writers, as scikit-learn's own examples do.
    """

    name = 'dljax_digits'
    about = (
        '1,797 handwritten digits by 13 writers, 8x8 pixels, 17 grey levels stretched '
        'to 0...255: the test part of the UCI set, not MNIST.'
    )
    source = 'https://doi.org/10.24432/C50P49'
    reference = (
        'E. Alpaydin and C. Kaynak, 1998, Optical Recognition of Handwritten Digits, '
        'UCI Machine Learning Repository, https://doi.org/10.24432/C50P49'
    )

    def _features(self) -> dict[str, Any]:
        return {
            'image': tfds.features.Image(shape=(8, 8, 1), encoding_format='png'),
            'label': tfds.features.ClassLabel(names=list('0123456789')),
        }

    def _arrays(self) -> dict[str, np.ndarray]:
        from sklearn.datasets import load_digits

        digits = cast(Any, load_digits())  # a Bunch; there are no stubs
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        return {'image': images, 'label': digits.target}
