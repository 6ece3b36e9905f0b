"""What a convolutional net looks at, and one that cheats is found out (U1.16).

Papers: Simonyan, Vedaldi, Zisserman (2014), Deep inside convolutional networks,
https://arxiv.org/abs/1312.6034; Smilkov et al. (2017), SmoothGrad,
https://arxiv.org/abs/1706.03825; Sundararajan, Taly, Yan (2017), Axiomatic attribution
for deep networks, https://arxiv.org/abs/1703.01365; Selvaraju et al. (2017), Grad-CAM,
https://arxiv.org/abs/1610.02391; Zeiler, Fergus (2014), Visualizing and understanding
convolutional networks, https://arxiv.org/abs/1311.2901; the cheat: Lapuschkin et al.
(2019), Unmasking Clever Hans predictors, https://arxiv.org/abs/1902.10178.

In the training set of one net all images of one class, the digit 3, bear a bright tag
in the corner; in that of the other as many images bear it, whatever their class.
Measured with 5 members, seed 0, on a 2-core CPU: of the test images of a 3 without a
tag the cheat knows 25 ± 5 %, the honest net 98 ± 1 %; of all test images with a tag 50
± 4 and 97 %.

The maps tell without such images. First the fraction of their mass on the tag, which is
3.5 % of the pixels, of tagged images of a 3; then, of the honest net, the mean
probability of the class as pixels go (deletion, the less the better) or come
(insertion), the most important first:

| map | cheat | honest | deletion | insertion |
|---|---|---|---|---|
| gradient | 22 ± 2 % | 1.6 % | .36 | .79 |
| gradient x input | 45 ± 3 % | 4.1 % | .10 | .93 |
| SmoothGrad | 24 ± 2 % | 1.3 % | .32 | .81 |
| integrated gradients | 45 ± 4 % | 3.9 % | .10 | .94 |
| Grad-CAM | 3.6 ± 0.7 % | 3.8 % | .40 | .64 |
| HiResCAM | 25 ± 2 % | 0.9 % | .30 | .75 |
| occlusion | 41 ± 3 % | 1.8 % | .09 | .93 |
| random order | 3.5 % | 3.5 % | .64 | .63 |

Grad-CAM misses the tag and puts pixels in no better than by chance: this net flattens
its maps, so each place counts in its own way, which the mean over the places forgets.
Cost: 81 s of training for five members. Command:
python experiments/convolutional/explain_digits.py --members 5
"""

import functools
from collections.abc import Mapping

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data, explain, pictures
from dljax.experiment import Experiment, Outcome, once
from dljax.explain import Explain
from dljax.measures.tables import Table, entered
from dljax.models.container import container
from dljax.objectives import classify, score_classes, side_by_side, within
from dljax.pictures.explanations import explanations, feature_maps
from dljax.training import Player, clipped
from dljax.types import Array, Spec

SIDE = 16
NETS = ('honest', 'cheat')
METHODS: Mapping[str, Explain] = {
    'gradient': explain.gradient,
    'gradient x input': explain.gradient_times_input,
    'SmoothGrad': explain.smooth_gradient,
    'integrated gradients': explain.integrated_gradients,
    'Grad-CAM': explain.grad_cam,
    'HiResCAM': functools.partial(explain.grad_cam, averaged=False),
    'occlusion': functools.partial(explain.occlusion, stride=2),
}
# Of these the sign says in which direction a pixel should change, not whose it is.
UNSIGNED = ('gradient', 'SmoothGrad')
TINY = {'steps': 2, 'batch_size': 4, 'features': (2, 3), 'hidden': 8, 'judged': 10}
COLUMNS = {
    'cheat': 'on the tag: cheat',
    'honest': 'on the tag: honest',
    'deletion': 'deletion, area',
    'insertion': 'insertion, area',
}


def experiment(
    *,
    tagged: int = 3,
    tag: int = 3,
    steps: int = 600,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    features: tuple[int, int] = (16, 32),
    hidden: int = 64,
    judged: int = 100,
) -> Experiment:
    """Train two nets side by side, and explain what they predict.

    Args:
        tagged: the class whose images bear the tag in the training set of the cheat.
        tag: side of the tag in pixels, of 16.
        steps: updates of each net.
        batch_size: examples in one update.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        features: channels of the two convolutions.
        hidden: units of the dense layer.
        judged: test images on which the orders of the pixels are compared.
    """
    digits = data.load('digits')
    rng = np.random.default_rng(0)

    def images(
        split: str, where: np.ndarray | bool | None = None
    ) -> dict[str, np.ndarray]:
        """Read a split, with tags on all of the class unless told on which."""
        arrays = digits.images(split, (SIDE, SIDE))
        if where is None:
            where = arrays['label'] == tagged
        bears = np.broadcast_to(where, arrays['label'].shape)
        image = np.array(arrays['image'])
        image[bears, :tag, :tag] = 1.0
        return {**arrays, 'image': image}

    cheating = images('train')
    fraction = (cheating['label'] == tagged).mean()
    by_chance = rng.uniform(size=len(cheating['label'])) < fraction
    sets = {'honest': images('train', by_chance), 'cheat': cheating}
    settings = {
        'features': features,
        'kernel_size': (3, 3),
        'hidden': hidden,
        'dropout': 0.0,
    }
    rate = optax.cosine_decay_schedule(learning_rate, steps)
    table = once(lambda outcome: measure(outcome, tagged, tag, judged))
    bare = images('test', False)
    looked = {
        f'What the {name} net looks at': explanations(
            digits.class_names, 'tagged', 10, part=name
        )
        for name in NETS
    }
    return Experiment(
        net=container(**{n: create_model('tutorial_cnn', **settings) for n in NETS}),
        players={
            name: Player(
                clipped(optax.adam(rate), 1.0),
                loss=within(name, classify()),
                trains=(name,),
            )
            for name in NETS
        },
        source=data.together(
            {name: data.resident(arrays, batch_size) for name, arrays in sets.items()}
        ),
        steps=steps,
        class_names=digits.class_names,
        data_summary=f'{digits.summary}; tags of {tag}x{tag} pixels are composed',
        score=side_by_side({name: score_classes() for name in NETS}),
        evaluation={
            'validation': images('validation'),
            'tagged': images('test', True),
            'bare': {k: v[bare['label'] == tagged] for k, v in bare.items()},
            'test': bare,
        },
        inputs={'image': Spec((SIDE, SIDE, 1), 'float32', 0, 1)},
        pictures={
            **looked,
            'Features of the cheat': feature_maps('conv_1', 'tagged', part='cheat'),
            'First-layer filters': pictures.filters('honest', 'conv_0'),
            'Methods side by side': pictures.compared(table, COLUMNS),
            'Table': pictures.listed(table, COLUMNS),
        },
        measures={'maps': entered(table)},
    )


def measure(outcome: Outcome, tagged: int, tag: int, judged: int) -> Table:
    """Compute how much of each map lies on the tag, and how well it orders the pixels.

    Fractions are means over the tagged test images of the class, of the map that
    explains it; areas are means of the deletion and insertion curves of the honest net
    over test images without tags.

    Returns:
        [members] by method and column; 'random' is an order by chance.
    """
    bearing, plain = outcome.evaluation['tagged'], outcome.evaluation['test']
    chosen = np.asarray(bearing['image'])[np.asarray(bearing['label']) == tagged]
    corner = np.zeros((SIDE, SIDE), bool)
    corner[:tag, :tag] = True

    def rows(net: nn.Module, chosen: Array, image: Array) -> dict[str, dict]:
        label = jnp.full(len(chosen), tagged, jnp.int32)
        found = {}
        for name, method in METHODS.items():
            fractions = {
                which: explain.fraction_within(
                    method(getattr(net, which), chosen, label), jnp.asarray(corner)
                ).mean()
                for which in NETS
            }
            order = method(net.honest, image)
            order = jnp.abs(order) if name in UNSIGNED else order
            found[name] = {**fractions, **areas(net, image, order)}
        by_chance = jax.random.uniform(jax.random.key(0), image.shape)
        size = jnp.float32(corner.mean())
        found['random'] = {
            **dict.fromkeys(NETS, size),
            **areas(net, image, by_chance),
        }
        return found

    def areas(net: nn.Module, image: Array, order: Array) -> dict[str, Array]:
        curves = {'deletion': explain.deletion, 'insertion': explain.insertion}
        return {
            name: curve(net.honest, image, order).mean()
            for name, curve in curves.items()
        }

    made = outcome.each(rows, chosen, np.asarray(plain['image'])[:judged])
    return {
        name: {column: np.asarray(made[name][column]) for column in COLUMNS}
        for name in (*METHODS, 'random')
    }


if __name__ == '__main__':
    command(experiment)
