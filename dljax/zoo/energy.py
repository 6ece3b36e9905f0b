"""Networks that give each state an energy."""

from dljax.models import energy
from dljax.types import Array, Batch, Spec
from dljax.zoo.rows import Row, label


def _both_ways(net: energy.DeepBeliefNetwork, batch: Batch) -> tuple[Array, Array]:
    """Classify and reconstruct: only the way down uses the visible biases."""
    return net(batch['features']), net.reconstruct(batch['features'])


ROWS = (
    Row(
        name='rbm',
        constructor=energy.RestrictedBoltzmannMachine,
        inputs=lambda net: {'features': Spec((net.visible,), 'float32', 0, 1)},
        parameters=393_284,
        paper='Hinton, 2002, Training Products of Experts by Minimizing Contrastive '
        'Divergence, https://doi.org/10.1162/089976602760128018',
        reference='784·500 weights + 784 + 500 biases',
    ),
    Row(
        name='deep_belief_network',
        constructor=energy.DeepBeliefNetwork,
        inputs=lambda net: {
            'features': Spec((net.visible,), 'float32', 0, 1),
            'label': label(max(net.classes, 2)),
        },
        parameters=1_666_794,
        paper='Hinton, Osindero and Teh, 2006, A Fast Learning Algorithm for Deep '
        'Belief Nets, https://doi.org/10.1162/neco.2006.18.7.1527',
        reference='machines of 784·500+784+500, 500·500+500+500 and 500·2000+500+2000, '
        'an output of 2000·10+10',
        call=_both_ways,
    ),
)
