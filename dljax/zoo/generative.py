"""Classifiers that model how each class makes its examples."""

from dljax.models import generative
from dljax.zoo.rows import Row, table

ROWS = (
    Row(
        name='gaussian_classifier',
        constructor=generative.GaussianClassifier,
        inputs=lambda net: table(net.classes),
        example={'features': (4,)},
        parameters=45,
        paper='Hastie, Tibshirani and Friedman, 2009, The Elements of Statistical '
        'Learning, 4.3, https://doi.org/10.1007/978-0-387-84858-7',
        reference='3 priors + 3·4 means + 3·(4·5/2) covariances',
    ),
    Row(
        name='quadratic_discriminant_analysis',
        constructor=generative.quadratic_discriminant_analysis,
        inputs=lambda net: table(net.classes),
        example={'features': (4,)},
        parameters=45,
        paper='Friedman, 1989, Regularized Discriminant Analysis, '
        'https://doi.org/10.1080/01621459.1989.10478752',
        reference='3 priors + 3·4 means + 3·(4·5/2) covariances; posteriors: '
        'scikit-learn',
    ),
    Row(
        name='linear_discriminant_analysis',
        constructor=generative.linear_discriminant_analysis,
        inputs=lambda net: table(net.classes),
        example={'features': (4,)},
        parameters=25,
        paper='Fisher, 1936, The Use of Multiple Measurements in Taxonomic Problems, '
        'https://doi.org/10.1111/j.1469-1809.1936.tb02137.x',
        reference='3 priors + 3·4 means + 4·5/2 of one covariance; posteriors: '
        'scikit-learn',
    ),
    Row(
        name='gaussian_naive_bayes',
        constructor=generative.gaussian_naive_bayes,
        inputs=lambda net: table(net.classes),
        example={'features': (4,)},
        parameters=27,
        paper='Ng and Jordan, 2001, On Discriminative vs. Generative Classifiers: A '
        'Comparison of Logistic Regression and Naive Bayes, '
        'https://papers.nips.cc/paper/2001/hash/'
        '7b7a53e239400a13bd6be6c91c4f6c4e-Abstract.html',
        reference='3 priors + 3·4 means + 3·4 variances; posteriors: scikit-learn',
    ),
)
