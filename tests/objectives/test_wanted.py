"""Each objective and score refuses what it has no meaning for, and says why."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import create_model, losses, objectives, rules, zoo
from dljax.data import resident, stream
from dljax.layers import GRU, RecurrentStack
from dljax.models.channels import EachChannel
from dljax.models.container import container
from dljax.models.recurrent.captioner import PooledConvolutions
from dljax.training import (
    Player,
    declared,
    ensemble,
    evaluate,
    fit,
    learner,
)
from dljax.training.declaration import check_by
from dljax.types import State

SEED = np.random.default_rng(0)
X = SEED.normal(size=(6, 4)).astype(np.float32)
TWO = np.array([0, 1, 1, 0, 1, 0], np.int32)
IMAGE = SEED.uniform(size=(6, 4, 4, 1)).astype(np.float32)
PIXELS = np.tile(np.array([0, 1, 2, 1], np.int32), (6, 4, 1))
SERIES, LENGTH = SEED.normal(size=(6, 3, 2)).astype(np.float32), np.array([3, 1, 2] * 2)
TAGS = np.tile(np.array([0, 1, 0], np.int32), (6, 1))
GAME = losses.non_saturating_game()


class Pair(nn.Module):
    """Two nets that value actions."""

    online: nn.Module
    target: nn.Module


@functools.cache
def model(name, **settings):
    return create_model(name, **settings)


MLP = model('mlp', hidden=(2,), outputs=2)
SINGLE = model('mlp', hidden=(2,), outputs=1)
VAE = model('vae', code=1, hidden=(2,), shape=(4, 4, 1))
OF_CLASS = model('conditional_vae', code=1, classes=2, shape=(4, 4, 1))
AUTO = model('autoencoder', code=2, shape=(4, 4, 1))
GAN = model(
    'cgan',
    size=4,
    classes=2,
    latent=2,
    noise_hidden=2,
    label_hidden=2,
    hidden=2,
    maxout=((2, 2),) * 3,
)
PLAIN = model('gan', size=4, latent=2)
SIGNED = model('acgan', size=4, channels=1, classes=2, latent=2, width=2, first=2)
TEXT = model('character_lstm', vocabulary=3, embedding=2)
TRANSLATOR = model('encoder_decoder', source_tokens=4, target_tokens=3, embedding=2)
READER = model(
    'bert_base', vocabulary=4, context=4, width=4, layers=1, heads=2, hidden=4
)
TAGGER = model('sequence_tagger', outputs=2)
GENERATOR = model('sequence_generator', outputs=3, classes=2, steps=3)
MACHINE = model('rbm', visible=4, hidden=2)
BELIEF = model('deep_belief_network', visible=4, hidden=(2, 2), classes=2)
ACTORS = Pair(MLP, MLP.copy())
COLUMNS = EachChannel(model('autoregression'))
UNET = model('unet', classes=3, width=2, depth=1)
SPEECH = model(
    'speech_ctc',
    tokens=3,
    bands=8,
    features=(2,),
    kernel_sizes=((3, 3),),
    strides=((2, 2),),
    stack=RecurrentStack(GRU(2)),
)
CAPTIONER = model(
    'captioner',
    vocabulary=4,
    encoder=PooledConvolutions((2,)),
    decoder=RecurrentStack(GRU(2)),
)

LABELLED = {'features': X, 'label': TWO}
PICTURES = {'image': IMAGE, 'label': TWO}
SEGMENTED = {'image': IMAGE, 'label': PIXELS}
TAGGED = {'sequence': SERIES, 'length': LENGTH, 'label': TAGS}
MADE = {'label': TWO, 'sequence': TAGS}
NUMBERS = {'features': X, 'target': X[:, :1]}
HISTORY = {'history': SERIES, 'target': SERIES}
BITS = {'features': (X > 0).astype(np.float32)}
READ = {'tokens': TAGS, 'target': TAGS}
GAPS = {'tokens': TAGS, 'length': LENGTH}
PLAYED = {
    'observation': X,
    'following': X,
    'reward': X[:, 0],
    'action': TWO,
    'terminated': TWO > 0,
}
WORDS = {
    'source': TAGS,
    'target': TAGS,
    'source_length': LENGTH,
    'target_length': LENGTH,
}
SAID = {
    'image': IMAGE,
    'caption': TAGS + 1,
    'caption_length': LENGTH,
    'references': (TAGS + 1)[:, None],
}
HEARD = {
    'sound': SEED.normal(size=(6, 2000)).astype(np.float32),
    'sound_length': np.array([2000, 1900, 1800] * 2),
    'target': np.tile(np.array([1, 2, 1], np.int32), (6, 1)),
    'target_length': LENGTH,
}
RGB = SEED.uniform(-1, 1, size=(2, 6, 16, 16, 3)).astype(np.float32)
PAIRED, LARGER = {'a': RGB[0], 'b': RGB[1]}, {'image': IMAGE, 'target': IMAGE}
PIX2PIX = model('pix2pix_small', width=4, patch_width=4)
CYCLE = model('cyclegan_small', width=4, patch_width=4, pool=0)
VQ = model('vqvae', codes=4, features=2, width=4, channels=1, blocks=0)
PRIOR = container(
    autoencoder=VQ,
    prior=model('gpt_character', vocabulary=5, context=1, width=8, layers=1, heads=2),
)
ENLARGER = container(
    generator=model('mlp', hidden=(), outputs=16), discriminator=SINGLE
)
CONDITIONS = {
    'generator_conditions': ('label',),
    'discriminator_conditions': ('label',),
}
o = objectives
# name: objective, net, data that it means something for
OBJECTIVES = {
    'autoencode': (o.autoencode(), AUTO, PICTURES),
    'caption': (o.caption(), CAPTIONER, SAID),
    'classify': (o.classify('features'), MLP, LABELLED),
    'classify_samples': (o.classify_samples(), SIGNED, PICTURES),
    'classify_with_auxiliaries': (
        o.classify_with_auxiliaries('features'),
        MLP,
        LABELLED,
    ),
    'close_cycles': (o.close_cycles(GAME), CYCLE, PAIRED),
    'contrastive_divergence': (o.contrastive_divergence('features'), MACHINE, BITS),
    'damaged': (o.damaged(o.restore(), lambda key, x: x), AUTO, LARGER),
    'each_channel': (o.each_channel(o.solve_readout('history')), COLUMNS, HISTORY),
    'elbo': (o.elbo(condition='label'), OF_CLASS, PICTURES),
    'fit_classes': (o.fit_classes(), model('gaussian_classifier'), LABELLED),
    'fool': (o.fool(GAME, **CONDITIONS), GAN, PICTURES),
    'from_part': (
        o.from_part('a', o.classify('features')),
        MLP,
        {'a': LABELLED},
    ),
    'generate': (o.generate(), GENERATOR, MADE),
    'invert': (o.invert(), container(gan=PLAIN, inverse=MLP), PICTURES),
    'learn_under': (
        o.learn_under(o.fast_gradient_sign(0.1), o.classify('features')),
        MLP,
        LABELLED,
    ),
    'match_pairs': (o.match_pairs(GAME), PIX2PIX, PAIRED),
    'on_all_windows': (
        o.on_all_windows(o.regress('history'), 1, 1),
        MLP,
        {'series': SERIES},
    ),
    'organise': (
        o.organise(radius=lambda step: 1.0, rule=rules.kohonen),
        MLP,
        {'features': X},
    ),
    'perceptron': (o.perceptron(), model('perceptron'), LABELLED),
    'place_centres': (o.place_centres(), MLP, {'features': X}),
    'predict_codes': (o.predict_codes(), PRIOR, PICTURES),
    'predict_masked': (o.predict_masked(3), READER, GAPS),
    'predict_next': (o.predict_next(), TEXT, READ),
    'pretrain': (o.pretrain(0, 'features'), BELIEF, BITS),
    'quantise_codes': (o.quantise_codes(), VQ, PICTURES),
    'regress': (o.regress(), SINGLE, NUMBERS),
    'restore': (o.restore(), AUTO, LARGER),
    'restore_to_fool': (o.restore_to_fool(GAME), ENLARGER, LARGER),
    'score_caption': (o.score_caption(), CAPTIONER, SAID),
    'score_classes': (o.score_classes('features'), SINGLE, LABELLED),
    'score_codes': (o.score_codes(), PRIOR, PICTURES),
    'score_cycles': (o.score_cycles(), CYCLE, PAIRED),
    'score_forecast': (o.score_forecast(), MLP, HISTORY),
    'score_free_run': (o.score_free_run(), MLP, HISTORY),
    'score_generation': (o.score_generation(), GENERATOR, MADE),
    'score_inversion': (
        o.score_inversion(),
        container(gan=PLAIN, inverse=MLP),
        PICTURES,
    ),
    'score_machine': (o.score_machine('features'), MACHINE, BITS),
    'score_masked': (o.score_masked(3), READER, GAPS),
    'score_map': (o.score_map(), MLP, {'features': X}),
    'score_next': (
        o.score_next(),
        TEXT,
        {**READ, 'weight': np.ones((6, 3), np.float32)},
    ),
    'score_pairs': (o.score_pairs(), PIX2PIX, PAIRED),
    'score_quantised': (o.score_quantised(), VQ, PICTURES),
    'score_reconstruction': (o.score_reconstruction(), AUTO, PICTURES),
    'score_regression': (o.score_regression(), SINGLE, NUMBERS),
    'score_repair': (o.score_repair(), AUTO, LARGER),
    'score_restoration': (o.score_restoration(), AUTO, LARGER),
    'score_segmentation': (o.score_segmentation(), UNET, SEGMENTED),
    'score_solved': (o.score_solved('features'), MLP, LABELLED),
    'score_tags': (o.score_tags(), TAGGER, TAGGED),
    'score_transcription': (o.score_transcription(), SPEECH, HEARD),
    'score_translation': (o.score_translation(), TRANSLATOR, WORDS),
    'score_under': (
        o.score_under(o.fast_gradient_sign(0.1), o.score_classes('features')),
        MLP,
        LABELLED,
    ),
    'score_variational': (o.score_variational(), VAE, PICTURES),
    'segment': (o.segment(ignore=255), UNET, SEGMENTED),
    'side_by_side': (
        o.side_by_side({'a': o.score_classes('features')}),
        container(a=MLP),
        LABELLED,
    ),
    'solve_components': (o.solve_components(), AUTO, PICTURES),
    'solve_readout': (o.solve_readout(classes=2), MLP, LABELLED),
    'tag': (o.tag(), TAGGER, TAGGED),
    'tell_apart': (o.tell_apart(GAME, **CONDITIONS), GAN, PICTURES),
    'tell_restored': (o.tell_restored(GAME), ENLARGER, LARGER),
    'temporal_difference': (o.temporal_difference(), ACTORS, PLAYED),
    'transcribe': (o.transcribe(), SPEECH, HEARD),
    'translate': (o.translate(), TRANSLATOR, WORDS),
    'within': (o.within('a', o.classify('features')), container(a=MLP), LABELLED),
}
# These see no data, or are no objective themselves.
NOTHING_TO_REFUSE = {
    'Attack',
    'draw_codes',
    'even_paths',
    'fast_gradient_sign',
    'feature_difference',
    'hold_orthogonal',
    'hold_paths',
    'pixel_difference',
    'projected_gradient',
    'surprise_of_codes',
    'code_jacobian',
    'contractive',
    'count_pixels',
    'epsilon_greedy',
    'follow',
    'greedy',
    'penalise_between',
    'penalise_real',
    'predict',
    'recover_codes',
    'score_return',
    'sparse',
    'sparse_l1',
    'unmoved',
}


def changed(arrays, feature, value):
    """Put one value into the second example of a feature."""
    if not isinstance(next(iter(arrays.values())), np.ndarray):
        return {name: changed(part, feature, value) for name, part in arrays.items()}
    values = arrays[feature].copy()
    values[(1,) + (0,) * (values.ndim - 1)] = value
    return {**arrays, feature: values}


# name, feature, value: what that objective has no meaning for
BAD = [
    *(('autoencode', 'image', value) for value in (-0.5, 255.0, np.nan)),
    ('caption', 'caption', 4),
    ('caption', 'image', np.nan),
    *(('classify', 'label', value) for value in (-1, 2, 255)),
    ('classify', 'features', np.inf),
    ('classify_samples', 'label', 2),
    ('classify_with_auxiliaries', 'label', -1),
    *(('contrastive_divergence', 'features', value) for value in (-1.0, 1.5)),
    *(('elbo', 'image', value) for value in (-1.0, 255.0)),
    ('each_channel', 'target', np.nan),
    ('elbo', 'label', 2),
    ('fit_classes', 'label', 5),
    ('fool', 'label', -1),
    ('from_part', 'label', -1),
    ('generate', 'label', 2),
    ('generate', 'sequence', -1),
    ('invert', 'image', 1.5),
    ('close_cycles', 'a', np.nan),
    ('damaged', 'target', np.nan),
    ('learn_under', 'label', 2),
    ('match_pairs', 'b', np.nan),
    ('on_all_windows', 'series', np.inf),
    ('predict_codes', 'image', np.nan),
    ('quantise_codes', 'image', np.nan),
    ('restore', 'target', np.nan),
    ('restore_to_fool', 'target', np.nan),
    ('score_codes', 'image', np.nan),
    ('score_cycles', 'b', np.nan),
    ('score_pairs', 'a', np.nan),
    ('score_quantised', 'image', np.nan),
    ('score_repair', 'target', np.nan),
    ('score_restoration', 'image', np.nan),
    ('score_under', 'label', -1),
    ('tell_restored', 'target', np.nan),
    ('organise', 'features', np.nan),
    ('perceptron', 'label', -1),
    ('place_centres', 'features', np.inf),
    ('predict_masked', 'tokens', 4),
    ('predict_next', 'tokens', -1),
    ('predict_next', 'target', 3),
    ('pretrain', 'features', 2.0),
    ('regress', 'target', np.nan),
    ('score_caption', 'references', -1),
    *(('score_classes', 'label', value) for value in (-1, 2)),
    ('score_forecast', 'target', np.nan),
    ('score_free_run', 'history', np.nan),
    ('score_generation', 'sequence', 3),
    ('score_inversion', 'image', -2.0),
    ('score_machine', 'features', -1.0),
    ('score_map', 'features', np.nan),
    ('score_masked', 'length', 9),
    ('score_next', 'target', 3),
    ('score_reconstruction', 'image', -1.0),
    ('score_regression', 'target', np.inf),
    ('score_segmentation', 'label', 255),
    ('score_solved', 'label', 2),
    *(('score_tags', 'label', value) for value in (-1, 2)),
    *(('score_tags', 'length', value) for value in (0, 4)),
    ('score_transcription', 'sound_length', 0),
    ('score_translation', 'source', 4),
    ('score_variational', 'image', 255.0),
    ('segment', 'label', -1),
    ('side_by_side', 'label', -1),
    ('solve_components', 'image', np.nan),
    ('solve_readout', 'label', 2),
    ('tag', 'label', -1),
    ('tell_apart', 'image', -1.0),
    ('tell_apart', 'label', 2),
    *(('temporal_difference', 'action', value) for value in (-1, 2)),
    ('temporal_difference', 'reward', np.nan),
    ('transcribe', 'sound', np.inf),
    ('transcribe', 'target', 3),
    ('translate', 'target', 3),
    ('translate', 'target_length', 9),
    ('within', 'label', 2),
]


def test_every_objective_declares_what_its_data_have_to_be():
    assert set(OBJECTIVES) == set(objectives.__all__) - NOTHING_TO_REFUSE
    assert {name for name, *_ in BAD} == set(OBJECTIVES)


@pytest.mark.parametrize('name', OBJECTIVES)
def test_data_that_mean_something_are_let_through(name):
    objective, net, arrays = OBJECTIVES[name]
    assert callable(objective.check)
    check_by(objective, net, arrays)
    check_by(objective, net, jax.tree.map(jnp.asarray, arrays))


@pytest.mark.parametrize('name, feature, value', BAD)
def test_data_without_a_meaning_are_refused_with_feature_and_example(
    name, feature, value
):
    objective, net, arrays = OBJECTIVES[name]
    with pytest.raises(ValueError, match=f"'{feature}' of example 1 is .*, wanted"):
        check_by(objective, net, changed(arrays, feature, value))


@pytest.mark.parametrize(
    'labels, outputs, advice',
    [
        (TWO + 1, 2, 'start at 1: subtract 1'),
        (TWO + 1, 1, 'start at 1: subtract 1'),
        (2 * TWO - 1, 1, 'map -1 and 1 to 0 and 1'),
        (2 * TWO - 1, 2, 'map -1 and 1 to 0 and 1'),
        (TWO - 1, 2, '-1 often marks what has no class: drop or mask'),
        (2 * TWO, 1, 'give the net 3 outputs'),
        (5 * TWO, 2, 'give the net 6 outputs'),
        (TWO.astype(np.float32), 2, "astype('int32')"),
        (TWO * 0.5, 2, 'number the classes from 0 on'),
        (TWO[:, None], 1, 'reshape the labels'),
        (255 * TWO, 2, 'map 0 and 255 to 0 and 1'),
        (np.eye(2, dtype=int)[TWO], 2, 'argmax'),
        (np.eye(2, dtype=np.float32)[TWO], 2, 'argmax'),
        (TWO[:5], 2, 'as many examples'),
    ],
)
def test_the_advice_fits_the_labels(labels, outputs, advice):
    net = MLP if outputs == 2 else SINGLE
    objective = OBJECTIVES['classify'][0]
    with pytest.raises(ValueError, match=re.escape(advice)):
        check_by(objective, net, {'features': X, 'label': labels})


def test_soft_labels_that_are_no_distribution_are_refused_before_they_are_learned():
    objective = o.regress(loss=losses.cross_entropy)
    soft = np.full((6, 2), 0.5, np.float32)
    check_by(objective, MLP, {'features': X, 'target': soft})
    for wrong in (2 * soft, 0.5 * soft):
        with pytest.raises(ValueError, match="'target' of example 0 is .*sum of 1 ov"):
            check_by(objective, MLP, {'features': X, 'target': wrong})


def test_padding_and_what_is_ignored_may_be_anything():
    tags = np.where(np.arange(3)[None, :] < LENGTH[:, None], TAGS, -1)
    check_by(o.tag(), TAGGER, {**TAGGED, 'label': tags})
    check_by(o.segment(ignore=255), UNET, changed(SEGMENTED, 'label', 255))


@pytest.mark.parametrize('make', [o.classify, o.score_classes])
@pytest.mark.parametrize(
    ('feature', 'value'), [('tokens', -1), ('tokens', 9), ('length', 0), ('length', 4)]
)
def test_tokens_and_lengths_of_texts_are_those_of_the_net(make, feature, value):
    net = model('text_cnn', vocabulary=9, embedding=2, features=2, windows=(2,))
    texts = {'tokens': TAGS, 'length': LENGTH, 'label': TWO}
    objective = make(('tokens', 'length'))
    check_by(objective, net, texts)
    padding = np.where(np.arange(3)[None] < LENGTH[:, None], TAGS, -1)
    check_by(objective, net, {**texts, 'tokens': padding})
    with pytest.raises(ValueError, match=f"'{feature}' of example 1 is .*, wanted"):
        check_by(objective, net, changed(texts, feature, value))


def test_the_range_of_images_is_that_of_the_generator():
    objective = o.tell_apart(GAME, generator_conditions=('label',))
    signed = {**PICTURES, 'image': 2 * IMAGE - 1}
    check_by(objective, SIGNED, signed)
    with pytest.raises(ValueError, match=r'wanted numbers in \[0, 1\] as the gener'):
        check_by(objective, GAN, signed)
    with pytest.raises(ValueError, match=r'x / 127.5 - 1'):
        check_by(objective, SIGNED, {**PICTURES, 'image': 255 * IMAGE})


def test_a_distortion_of_real_numbers_takes_any_finite_image():
    standardised = {'image': 3 * IMAGE - 2}
    check_by(o.elbo(reconstruction=losses.quadratic), VAE, standardised)
    with pytest.raises(ValueError, match=r'wanted numbers in \[0, 1\]'):
        binomial = functools.partial(losses.binomial_loss, trials=16)
        check_by(o.elbo(reconstruction=binomial), VAE, standardised)


def trainer(label):
    source = resident({'features': X, 'label': label})
    player = Player(optax.sgd(0.1), loss=o.classify('features'))
    return learner(MLP, {'classifier': player}), source


def test_fit_refuses_before_it_compiles_also_for_an_ensemble():
    train, source = trainer(TWO - 1)
    for one in ((train, source), ensemble(train, source, 2)):
        with pytest.raises(ValueError, match="player 'classifier'"):
            fit(*one, steps=1, key=jax.random.key(0))


@pytest.mark.heavy
def test_fit_checks_each_batch_of_a_source_on_the_host():
    records = [{'features': x, 'label': y} for x, y in zip(X, TWO, strict=True)]
    records[4]['label'] = np.int32(7)
    train, _ = trainer(TWO)
    with pytest.raises(ValueError, match="'label' of example 0 is 7"):
        fit(train, stream(records, 1), steps=12, key=jax.random.key(0))


def test_a_procedural_source_is_checked_where_it_begins():
    train, source = trainer(TWO)
    wrong = source._replace(
        init=lambda key: (0, {'features': X, 'label': TWO - 1}), arrays=None
    )
    for one in ((train, wrong), ensemble(train, wrong, 2)):
        with pytest.raises(ValueError, match="'label' of example 0 is -1"):
            fit(*one, steps=1, key=jax.random.key(0))


def test_inputs_of_the_zoo_are_checked_as_well():
    train, source = trainer(TWO)
    inputs = zoo.inputs('mlp', hidden=(2,), outputs=2)
    train = learner(
        MLP,
        {'p': Player(optax.sgd(0.1), loss=lambda net, batch, step: (0.0, {}))},
    )
    bad = resident({'features': X, 'label': TWO + 1})
    with pytest.raises(ValueError, match=r"the data: 'label' .* wanted .*\[0, 1\]"):
        fit(train, bad, steps=1, key=jax.random.key(0), inputs=inputs)
    state = State(jnp.int32(0), MLP.init(jax.random.key(0), X)['params'], {}, {})
    score = o.score_classes('features')
    with pytest.raises(ValueError, match="no feature 'label'"):
        evaluate(MLP, score, state, [{'features': X}], inputs=inputs)


def test_evaluate_checks_what_is_not_masked():
    state = State(jnp.int32(0), MLP.init(jax.random.key(0), X)['params'], {}, {})
    score, labels = o.score_classes('features'), np.where(TWO, -1, TWO)
    batch = {'features': X, 'label': labels}
    with pytest.raises(ValueError, match="batch 0 .*'label' of example 1 is -1"):
        evaluate(MLP, score, state, [batch])
    found = evaluate(MLP, score, state, [{**batch, 'mask': labels >= 0}])
    assert np.isfinite(found['loss'])


def test_an_objective_of_the_user_may_declare_its_own_data():
    def positive(net, arrays):
        if arrays['features'].min() <= 0:
            raise ValueError("'features' are not positive: take absolute values")

    def loss(net, batch, step):
        return jnp.log(batch['features']).mean() * net(batch['features']).mean(), {}

    train = learner(MLP, {'p': Player(optax.sgd(0.1), loss=declared(loss, positive))})
    with pytest.raises(ValueError, match="player 'p': 'features' are not positive"):
        fit(train, resident({'features': X}), steps=1, key=jax.random.key(0))
