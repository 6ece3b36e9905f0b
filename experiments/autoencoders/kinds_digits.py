"""All kinds of autoencoders at one width of the code, on real digits (U5.1, U5.2).

Papers: Hinton, Salakhutdinov (2006), Reducing the dimensionality of data with neural
networks, https://doi.org/10.1126/science.1127647; Vincent et al. (2008), Extracting and
composing robust features with denoising autoencoders,
https://doi.org/10.1145/1390156.1390294; Rifai et al. (2011), Contractive auto-encoders,
https://icml.cc/2011/papers/455_icmlpaper.pdf; Kingma, Welling (2014), Auto-encoding
variational Bayes, https://arxiv.org/abs/1312.6114.

Measured with 5 members, seed 0, on a 2-core CPU, in 275 s for all, with codes of 16
numbers (sparse_wide: 128) for 64 pixels, on 360 test images:

| kind | error | from noise | PSNR | SSIM | active | linear | neighbours |
|---|---|---|---|---|---|---|---|
| components | 0.74 | 2.21 | 19.7 | .941 | 57 % | 91.9 % | 97.2 % |
| undercomplete | 0.42 ± .01 | 3.68 ± .16 | 22.5 | .966 | 68 % | 91.1 % | 96.2 % |
| deep | 0.54 ± .05 | 3.39 ± .13 | 21.4 | .957 | 65 % | 89.9 % | 96.1 % |
| convolutional | 0.44 ± .01 | 2.25 ± .12 | 22.2 | .964 | 71 % | 91.6 % | 96.6 % |
| sparse | 0.57 ± .01 | 4.24 ± .25 | 21.1 | .951 | 66 % | 89.1 % | 96.2 % |
| sparse_wide | 0.44 ± .01 | 1.80 ± .02 | 22.1 | .965 | 41 % | 96.7 % | 96.3 % |
| denoising | 0.66 ± .01 | 1.19 ± .01 | 20.3 | .944 | 67 % | 90.7 % | 96.7 % |
| contractive | 0.65 ± .03 | 1.79 ± .01 | 20.4 | .947 | 88 % | 91.0 % | 96.2 % |
| variational | 1.73 ± .01 | 2.47 ± .08 | 16.1 | .816 | 31 % | 84.6 % | 93.4 % |

Error is the squared error of an image, 'from noise' that of what is rebuilt from an
image with noise of standard deviation 0.3, whose own error is 5.8; 'active' the
fraction of the code that acts; then the accuracy of a least-squares classifier and of
five neighbours on the codes (on the pixels themselves: 93.9 and 97.8 %). The denoising
net repairs best, and the contractive one halves what the plain net misses there. A code
of 16 is too narrow to be sparse, and the variational one gives up most of its numbers.
The deep net fits the training set best (0.17) and generalises worse than the shallow
one.
Command:
python experiments/autoencoders/kinds_digits.py --members 5
"""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data, metrics, pictures
from dljax.experiment import Experiment, Outcome, once
from dljax.losses import sum_squared_error
from dljax.measures.tables import Table, entered
from dljax.models.container import container
from dljax.objectives import (
    autoencode,
    contractive,
    elbo,
    score_reconstruction,
    side_by_side,
    solve_components,
    sparse,
    within,
)
from dljax.pictures.codes import Encode, latent_plot, reconstructions, traversal
from dljax.rules import least_squares_solution
from dljax.training import Player
from dljax.types import Array, Batch, Key, Objective, Spec

Damage = Callable[[Key, Array], Array]

Kind = Literal[
    'components',
    'undercomplete',
    'deep',
    'convolutional',
    'sparse',
    'sparse_wide',
    'denoising',
    'contractive',
    'variational',
]
TINY = {
    'kinds': ('components', 'contractive'),
    'steps': 2,
    'hidden': (8,),
    'code': 3,
}
COLUMNS = {
    'squared_error': 'squared error',
    'noisy_error': 'from noise',
    'psnr': 'PSNR, dB',
    'ssim': 'SSIM',
    'active_share': 'active fraction',
    'linear_accuracy': 'linear probe',
    'neighbour_accuracy': 'neighbours',
}


def experiment(
    *,
    kinds: tuple[Kind, ...] = get_args(Kind),
    code: int = 16,
    hidden: tuple[int, ...] = (128,),
    deep: tuple[int, ...] = (256, 128, 64),
    features: tuple[int, ...] = (16, 32),
    wide: int = 128,
    steps: int = 3000,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    noise: float = 0.3,
    sparsity: float = 0.3,
    contraction: float = 0.3,
) -> Experiment:
    """Train all kinds at once, each on batches of its own.

    All minimise the cross-entropy of the pixels, but the principal components, which
    minimise the squared error.

    Args:
        kinds: which are compared.
        code: its width.
        hidden: widths of the hidden layers of the shallow kinds.
        deep: the same of the deep kind.
        features: of the convolutions.
        wide: width of the overcomplete code of a further sparse kind.
        steps: updates of each.
        batch_size: examples in one update; the components see all.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        noise: standard deviation of the noise that is to be removed, in the training of
            the denoising kind and in the evaluation of all.
        sparsity: weight of the divergence of the mean activations from 0.1.
        contraction: weight of the squared derivative of the code.
    """
    digits = data.load('digits')

    def images(split: str) -> dict[str, np.ndarray]:
        arrays = digits[split]
        return {
            'image': data.as_float(arrays['image']),
            'label': arrays['label'],
        }

    sets = {split: images(split) for split in ('train', 'validation', 'test')}
    shape = sets['train']['image'].shape[1:]
    dense = create_model('autoencoder', code=code, hidden=hidden, shape=shape)
    logistic = dense.clone(code_activation=jax.nn.sigmoid)
    damage = data.gaussian_noise(noise)
    known: dict[Kind, tuple[nn.Module, Objective]] = {
        'components': (
            create_model('linear_autoencoder', code=code, shape=shape),
            solve_components(),
        ),
        'undercomplete': (dense, autoencode()),
        'deep': (
            create_model(
                'deep_autoencoder',
                code=code,
                hidden=deep,
                shape=shape,
                activation=jax.nn.relu,
            ),
            autoencode(),
        ),
        'convolutional': (
            create_model(
                'convolutional_autoencoder', code=code, features=features, shape=shape
            ),
            autoencode(),
        ),
        'sparse': (logistic, autoencode(penalty=sparse(sparsity, target=0.1))),
        'sparse_wide': (
            create_model('sparse_autoencoder', code=wide, shape=shape),
            autoencode(penalty=sparse(sparsity, target=0.1)),
        ),
        'denoising': (dense, autoencode(corrupt=damage)),
        'contractive': (logistic, autoencode(penalty=contractive(contraction))),
        'variational': (
            create_model('vae', code=code, hidden=hidden, shape=shape),
            elbo(),
        ),
    }
    rate = optax.cosine_decay_schedule(learning_rate, steps)
    nets, players, sources = {}, {}, {}
    for name in kinds:
        nets[name], objective = known[name]
        inner = within(name, objective)
        if name == 'components':  # solved for once, on the whole set
            players[name] = Player(
                optax.sgd(1.0), direction=inner, trains=(name,), during=(0, 1)
            )
            sources[name] = data.resident(sets['train'])
        else:
            players[name] = Player(optax.adam(rate), loss=inner, trains=(name,))
            sources[name] = data.resident(sets['train'], batch_size)
    table = once(lambda outcome: compare(outcome, kinds, sets['train'], damage))
    return Experiment(
        net=container(**nets),
        players=players,
        source=data.together(sources),
        steps=steps,
        data_summary=digits.summary,
        score=side_by_side(
            {name: score_reconstruction(corrupt=damage) for name in kinds}
        ),
        evaluation={split: sets[split] for split in ('validation', 'test')},
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        pictures={
            'Kinds side by side': pictures.compared(table, COLUMNS),
            'Table': pictures.listed(table, COLUMNS),
            'Reconstructions': reconstructions({name: rebuild(name) for name in kinds}),
            'Denoised': reconstructions(
                {
                    'noisy': lambda net, batch: noisy(batch['image'], damage),
                    **{name: rebuild(name, damage) for name in kinds},
                }
            ),
            'Codes': latent_plot(
                {name: encode(name) for name in kinds}, digits.class_names
            ),
            f'What the {kinds[-1]} code means': traversal(
                lambda net, codes: getattr(net, kinds[-1]).images(codes),
                encode(kinds[-1]),
            ),
        },
        measures={'codes': entered(table)},
    )


def noisy(image: Array, damage: Damage) -> Array:
    """Damage images in the same way each time."""
    return damage(jax.random.key(0), jnp.asarray(image))


def encode(name: str) -> Encode:
    """Give the codes of one net."""
    return lambda net, batch: getattr(net, name).encode(batch['image'])


def rebuild(name: str, damage: Damage | None = None) -> Encode:
    """Give what one net makes of the images, damaged or not."""

    def images(net: nn.Module, batch: Batch) -> Array:
        image = batch['image'] if damage is None else noisy(batch['image'], damage)
        return getattr(net, name).reconstruct(image)

    return images


def compare(
    outcome: Outcome, names: Sequence[str], known: Batch, damage: Damage
) -> Table:
    """Compute the columns of the comparison on the test set.

    The linear probe is the least-squares classifier of the training codes.

    Returns:
        [members] by kind and column.
    """

    def columns(net: nn.Module, batch: Batch, known: Batch) -> dict[str, Array]:
        image, label = batch['image'], batch['label']
        code, others = net.encode(image), net.encode(known['image'])
        rebuilt = net.reconstruct(image)
        repaired = net.reconstruct(noisy(image, damage))
        targets = jax.nn.one_hot(known['label'], 10)
        probe = least_squares_solution(others, targets, ridge=1e-3)
        logits = code @ probe['kernel'] + probe['bias'][None, :]
        neighbours = metrics.nearest_neighbours(
            code, others, known['label'], classes=10
        )
        values = {
            'squared_error': sum_squared_error(rebuilt, image),
            'noisy_error': sum_squared_error(repaired, image),
            'psnr': metrics.psnr(rebuilt, image),
            'ssim': metrics.ssim(rebuilt, image, window=7),
            'active_share': metrics.active_fraction(code),
            'linear_accuracy': metrics.accuracy(logits, label),
            'neighbour_accuracy': (neighbours == label).astype(jnp.float32),
        }
        return {name: values[name].mean() for name in COLUMNS}

    def all_kinds(net: nn.Module, *sets: Batch) -> dict[str, dict[str, Array]]:
        return {name: columns(getattr(net, name), *sets) for name in names}

    made = outcome.each(all_kinds, outcome.evaluation['test'], known)
    return {
        name: {column: np.asarray(made[name][column]) for column in COLUMNS}
        for name in names
    }


if __name__ == '__main__':
    command(experiment)
