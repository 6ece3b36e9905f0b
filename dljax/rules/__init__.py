"""Learning rules: arrays in, descent directions out, where a gradient would stand."""

from dljax.rules.backpropagation import Backward, backward, forward
from dljax.rules.backpropagation_through_time import (
    ThroughTime,
    backward_through_time,
    state_gradient_norms,
)
from dljax.rules.contrastive_divergence import contrastive_divergence
from dljax.rules.gaussian_classes import gaussian_classes
from dljax.rules.hebbian import hebb, oja
from dljax.rules.kmeans import assign, initial_centres, kmeans, spread
from dljax.rules.least_squares import least_squares, least_squares_solution
from dljax.rules.perceptron import perceptron
from dljax.rules.principal_components import Components, principal_components
from dljax.rules.self_organising import (
    Neighbourhood,
    batch_map,
    bubble,
    gaussian,
    kohonen,
)
from dljax.rules.worked_example import WorkedExample, worked_example

__all__ = [
    'Backward',
    'Components',
    'Neighbourhood',
    'ThroughTime',
    'WorkedExample',
    'assign',
    'backward',
    'backward_through_time',
    'batch_map',
    'bubble',
    'contrastive_divergence',
    'forward',
    'gaussian',
    'gaussian_classes',
    'hebb',
    'initial_centres',
    'kmeans',
    'kohonen',
    'least_squares',
    'least_squares_solution',
    'oja',
    'perceptron',
    'principal_components',
    'spread',
    'state_gradient_norms',
    'worked_example',
]
