"""Four small tables: three to classify, one to regress."""

from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from dljax.data.builders.embedded import Embedded


class Table(Embedded, skip_registration=True):
    """Base: 'features' [column] float32 as measured, with 'label' or 'target'.

    Columns are left in their own units: what to subtract and divide by is learned from
    the training split alone (`dljax.data.normalise`).

    Attributes:
        columns: number of features.
        classes: their names, or empty for a float32 'target'.
    """

    columns: ClassVar[int]
    classes: ClassVar[tuple[str, ...]] = ()

    def _features(self) -> dict[str, Any]:
        features = tfds.features.Tensor(shape=(self.columns,), dtype=np.float32)
        if self.classes:
            label = tfds.features.ClassLabel(names=list(self.classes))
            return {'features': features, 'label': label}
        target = tfds.features.Scalar(dtype=np.float32)
        return {'features': features, 'target': target}

    def _arrays(self) -> dict[str, np.ndarray]:
        from sklearn import datasets

        settings = {} if self.classes else {'scaled': False}
        read = getattr(datasets, self.name.replace('dljax_', 'load_'))
        features, targets = read(return_X_y=True, **settings)
        features = features.astype(np.float32)
        if self.classes:
            return {'features': features, 'label': targets}
        return {'features': features, 'target': targets.astype(np.float32)}


class Iris(Table, skip_registration=True):
    """150 iris flowers: 4 lengths in cm, 3 species."""

    name = 'dljax_iris'
    columns = 4
    classes = ('setosa', 'versicolor', 'virginica')
    about = (
        '150 iris flowers of three species: length and width of sepal and petal, in cm.'
    )
    source = 'https://doi.org/10.24432/C56C76'
    reference = (
        'R. A. Fisher, 1936, The use of multiple measurements in taxonomic problems, '
        'Annals of Eugenics 7, https://doi.org/10.1111/j.1469-1809.1936.tb02137.x'
    )


class Wine(Table, skip_registration=True):
    """178 wines: 13 chemical measurements, 3 cultivars."""

    name = 'dljax_wine'
    columns = 13
    classes = ('cultivar_0', 'cultivar_1', 'cultivar_2')
    about = '178 Italian wines of three cultivars: 13 chemical measurements.'
    source = 'https://doi.org/10.24432/C5PC7J'
    reference = (
        'S. Aeberhard and M. Forina, 1991, Wine, UCI Machine Learning Repository, '
        'https://doi.org/10.24432/C5PC7J'
    )


class BreastCancer(Table, skip_registration=True):
    """569 breast tumours: 30 measurements of cell nuclei; malignant 0, benign 1."""

    name = 'dljax_breast_cancer'
    columns = 30
    classes = ('malignant', 'benign')
    about = (
        '569 breast tumours, malignant (0) or benign (1): 30 measurements of cell '
        'nuclei in a fine-needle aspirate (Wisconsin diagnostic set).'
    )
    source = 'https://doi.org/10.24432/C5DW2B'
    reference = (
        'W. N. Street, W. H. Wolberg and O. L. Mangasarian, 1993, Nuclear feature '
        'extraction for breast tumor diagnosis, https://doi.org/10.1117/12.148698'
    )


class Diabetes(Table, skip_registration=True):
    """442 diabetes patients: 10 measurements; target: progression after a year."""

    name = 'dljax_diabetes'
    columns = 10
    about = (
        '442 diabetes patients: age, sex, body mass index, blood pressure and six '
        'blood serum measurements, unscaled; the target, 25 to 346, measures the '
        'progression of the disease after a year.'
    )
    source = 'https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html'
    reference = (
        'B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, 2004, Least angle '
        'regression, Annals of Statistics 32, '
        'https://doi.org/10.1214/009053604000000067'
    )
