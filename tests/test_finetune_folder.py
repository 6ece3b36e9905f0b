"""Fine-tuning on a folder of the user: what begins, what moves, what is refused."""

import dataclasses
import io
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from flax import linen as nn
from PIL import Image
from rich.console import Console

from dljax import create_model, data, run, weights, zoo
from dljax.experiment import Report
from dljax.types import PyTree, named_leaves

SCRIPT = Path(__file__).parent.parent / 'experiments/convolutional/finetune_folder.py'
CLASSES = ('Äpfel', 'birnen $', 'kirschen')


@pytest.fixture(scope='module')
def script() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.fixture(scope='module')
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of three kinds of pictures that differ in brightness and size."""
    root = tmp_path_factory.mktemp('fruit')
    random = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (root / name).mkdir()
        for number in range(20):
            values = random.integers(80 * label, 80 * label + 60, (40, 36 + number))
            Image.fromarray(values.astype(np.uint8)).save(root / name / f'{number}.png')
    return root


def variables_of(model: str, **settings: object) -> PyTree:
    """Draw the variables of a net as NumPy arrays, without compiling it."""
    net = create_model(model, **settings)
    call = nn.init(zoo.row(model).call, net)
    shapes = jax.eval_shape(call, jax.random.key(0), zoo.shapes(model, **settings))
    random = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: random.uniform(0.01, 0.05, leaf.shape).astype(leaf.dtype), shapes
    )


def trained(experiment: object, workdir: Path) -> Report:
    return run(experiment, workdir, console=Console(file=io.StringIO()))


def moved(state: object, start: PyTree) -> dict[str, bool]:
    """Tell which of the arrays that were given are not the same to the bit."""
    now = named_leaves({'params': state.params, **state.collections})
    return {
        path: not np.array_equal(np.asarray(now[path]), value)
        for path, value in named_leaves(start).items()
    }


@pytest.mark.heavy
def test_a_frozen_body_stays_as_it_was_saved_and_the_page_names_the_classes(
    script: SimpleNamespace, fruit: Path, tmp_path: Path
) -> None:
    start = variables_of('lenet5', classes=10)
    weights.save(tmp_path / 'net.safetensors', start)
    made = script.experiment(
        data=fruit,
        model='lenet5',
        weights=tmp_path / 'net.safetensors',
        normalise='own',
        steps=2,
        frozen_steps=2,
        batch_size=8,
    )
    assert list(made.players) == ['head'] and made.net.net.classes == 3
    assert (
        'fruit' in made.data_summary
        and '60 pictures in 3 class folders' in made.data_summary
    )
    shown = ('Classes', 'Confusion matrix')  # the others are drawn in the heavy suite
    made = dataclasses.replace(
        made, pictures={name: made.pictures[name] for name in shown}
    )
    report = trained(made, tmp_path / 'run')
    body = weights.without(start, 'output')
    assert not any(moved(report.state, body).values())
    assert report.state.params['output']['kernel'].shape == (84, 3)
    page = (tmp_path / 'run/report.html').read_text()
    assert all(name in page for name in CLASSES)
    assert (tmp_path / 'run/pictures/confusion_matrix.png').stat().st_size > 1000
    # What this run has learned begins the next one, with its normalisation.
    again = script.experiment(
        data=fruit,
        model='lenet5',
        weights=tmp_path / 'run',
        steps=4,
        batch_size=8,
    )
    assert list(again.players) == ['all']
    assert (again.net.offset, again.net.scale) == (made.net.offset, made.net.scale)
    np.testing.assert_array_equal(
        again.start['params']['conv_0']['kernel'], body['params']['conv_0']['kernel']
    )
    assert 'output' not in again.start['params']


@pytest.fixture(scope='module')
def torchvision(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PyTree]:
    variables = variables_of('resnet18')
    path = tmp_path_factory.mktemp('weights') / 'resnet18.safetensors'
    weights.write(path, weights.to_torchvision('resnet18', variables))
    return path, variables


@pytest.mark.heavy
def test_weights_of_torchvision_begin_the_body_and_decide_the_normalisation(
    script: SimpleNamespace, fruit: Path, torchvision: tuple[Path, PyTree]
) -> None:
    path, variables = torchvision
    made = script.experiment(
        data=fruit, model='resnet18', weights=path, size=32, steps=400
    )
    assert made.source.arrays['image'].shape == (42, 32, 32, 3)
    assert made.net.offset == (0.485, 0.456, 0.406) and not made.net.reverse
    wanted = named_leaves(weights.without(variables, 'output'))
    got = named_leaves(made.start)
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(got[name], value)
    assert made.players['head'].during == (0, 80)
    assert made.players['all'].during == (80, None)


@pytest.mark.heavy
def test_weights_of_another_model_are_refused_with_all_that_does_not_fit(
    script: SimpleNamespace,
    fruit: Path,
    torchvision: tuple[Path, PyTree],
    tmp_path: Path,
) -> None:
    path, _ = torchvision
    with pytest.raises(ValueError, match=r'(?s)missing \(80\): layer1.2.conv1.weight'):
        script.experiment(data=fruit, model='resnet34', weights=path, size=32)
    wide = variables_of('lenet5')
    wide['params']['conv_1']['kernel'] = np.zeros((5, 5, 6, 17), np.float32)
    del wide['params']['hidden_1']
    weights.save(tmp_path / 'other.npz', wide)
    with pytest.raises(ValueError) as failure:
        script.experiment(data=fruit, model='lenet5', weights=tmp_path / 'other.npz')
    for part in ('missing (2): params/hidden_1/bias', 'conv_1/kernel', '6, 17]'):
        assert part in str(failure.value)


def test_how_pictures_were_normalised_has_to_be_known(
    script: SimpleNamespace, fruit: Path, tmp_path: Path
) -> None:
    path = tmp_path / 'net.npz'
    weights.save(path, variables_of('lenet5'))
    settings = {'data': fruit, 'model': 'lenet5', 'weights': path}
    with pytest.raises(ValueError, match='say so by --normalise'):
        script.experiment(**settings)
    assert script.experiment(**settings, normalise='none').net.offset == (0.0,)
    with pytest.raises(ValueError, match='3 channels are to be .* of 1: choose'):
        script.experiment(**settings, normalise='imagenet')
    certificate = {'source': {'framework': 'dljax'}}
    (tmp_path / 'net.npz.json').write_text(json.dumps(certificate))
    with pytest.raises(ValueError, match='say so by --normalise'):
        script.experiment(**settings)


def test_only_classifiers_of_images_are_taken(script: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match='model=unet is no classifier.*lenet5'):
        script.experiment(model='unet')
    with pytest.raises(ValueError, match='there is no model'):
        script.experiment(model='lenet7')


@pytest.mark.parametrize(
    'model', ['vae', 'acgan', 'cgan', 'conditional_vae', 'logistic_regression', 'gan']
)
def test_what_is_no_classifier_is_neither_taken_nor_offered(
    model: str, script: SimpleNamespace, fruit: Path
) -> None:
    with pytest.raises(ValueError, match=f'model={model} is no class.*wanted') as found:
        script.experiment(data=fruit, model=model)
    offered = str(found.value).split('wanted one of ')[1].split(', ')
    assert {'lenet5', 'resnet18', 'vgg16', 'googlenet'} < {*offered}
    assert not {'vae', 'acgan', 'cgan', 'conditional_vae', 'unet'} & {*offered}


def test_what_is_offered_gives_logits(script: SimpleNamespace) -> None:
    # One of each family; they share their forward pass.
    for model in ('lenet5', 'tutorial_cnn', 'alexnet', 'vgg11', 'resnet_cifar'):
        height, width, channels = script._image(model)
        script._require_logits(model, (height or 224, width or 224, channels))
    with pytest.raises(ValueError, match='lenet5 cannot take images of 3x3 .*larger'):
        script._require_logits('lenet5', (3, 3, 1))


@pytest.mark.parametrize(
    'wrong',
    [{'size': 0}, {'size': -4}, {'batch_size': 0}, {'steps': 0}, {'frozen_steps': -1}]
    + [{'body_rate': float('nan')}, {'workers': -1}, {'rotation': -1.0}]
    + [{'smallest_area': 0.0}, {'crop': 0.0}, {'size': 3}],
)
def test_settings_out_of_range_are_refused_before_a_picture_is_read(
    wrong: dict, script: SimpleNamespace, fruit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(listing: object, *settings: object) -> None:
        raise AssertionError('a folder was prepared')

    monkeypatch.setattr('dljax.data.builders.folder.folder_form', never)
    with pytest.raises(ValueError, match=next(iter(wrong)).split('_')[-1]):
        script.experiment(data=fruit, model='lenet5', **wrong)


@pytest.mark.heavy
def test_a_class_that_is_never_found_is_said(
    script: SimpleNamespace, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    for name, count, grey in (('healthy', 95, 120), ('sick', 10, 126)):
        (tmp_path / 'a' / name).mkdir(parents=True)
        for i in range(count):
            values = np.clip(random.normal(grey, 60, (8, 8)), 0, 255).astype(np.uint8)
            Image.fromarray(values).save(tmp_path / 'a' / name / f'{i}.png')
    settings = {'data': tmp_path / 'a', 'model': 'lenet5', 'steps': 2, 'batch_size': 8}
    made = script.experiment(**settings, balance='none')
    # Begins by saying the first class, whatever it sees.
    head = {'kernel': np.zeros((84, 2), np.float32), 'bias': np.float32([9, -9])}
    start = {'params': {'output': head}}
    made = dataclasses.replace(made, pictures={}, start=start)
    assert (
        made.best == 'validation/balanced_accuracy'
        and 'balance: none' in made.data_summary
    )
    report = trained(made, tmp_path / 'run')
    assert report.metrics['test/accuracy'] == pytest.approx(19 / 21)
    assert report.metrics['test/balanced_accuracy'] == pytest.approx(0.5)
    assert report.metrics['recall/healthy'] == 1
    assert report.metrics['recall/sick'] == report.metrics['recall/(least)'] == 0
    said = json.loads((tmp_path / 'run/result.json').read_text())['alarms']['classes']
    assert said['says'].startswith("class 'sick' is never found: recall 0 of 1 in vali")
    assert 'is never found' in (tmp_path / 'run/report.html').read_text()
    assert 'balance: weights' in script.experiment(**settings).data_summary
    drawn = script.experiment(**settings, balance='sampling').source
    position, batch = drawn.init(jax.random.key(0))
    labels = []
    following = jax.jit(lambda position: drawn.next(jax.random.key(0), position, None))
    for _ in range(25):
        position, batch = following(position)
        labels += batch['label'].tolist()
    assert 70 < sum(labels) < 130


@pytest.mark.heavy
def test_pictures_that_do_not_fit_on_the_device_come_in_the_same_batches(
    script: SimpleNamespace, fruit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data.folder(fruit, size=(8, 8))
    device = script._source(folder, 16, workers=0)
    names = script._source.__globals__
    monkeypatch.setitem(names, 'RESIDENT', 42 * 8 * 8 - 1)
    host = script._source(folder, 16, workers=0)
    assert host.host and not device.host
    with pytest.raises(ValueError, match='choose balance=weights'):
        script._source(folder, 16, workers=0, balanced=True)
    np.testing.assert_array_equal(script._labels(folder), folder['train']['label'])
    key = jax.random.key(0)
    places = [source.init(key)[0] for source in (device, host)]
    for _ in range(3):
        batches = []
        for index, source in enumerate((device, host)):
            places[index], batch = source.next(key, places[index], None)
            batches.append(batch)
        for name in ('image', 'label'):
            np.testing.assert_array_equal(batches[0][name], batches[1][name])


@pytest.mark.heavy
@pytest.mark.parametrize(
    'frozen_steps, frozen_statistics, moving',
    [(2, False, ()), (1, False, ('batch_stats', 'params')), (1, True, ('params',))],
)
def test_a_body_stands_still_as_long_as_the_user_says(
    frozen_steps: int,
    frozen_statistics: bool,
    moving: tuple[str, ...],
    script: SimpleNamespace,
    fruit: Path,
    tmp_path: Path,
) -> None:
    weights.save(tmp_path / 'net.npz', variables_of('resnet_cifar'))
    made = script.experiment(
        data=fruit,
        model='resnet_cifar',
        weights=tmp_path / 'net.npz',
        normalise='own',
        size=16,
        batch_size=4,
        frozen_statistics=frozen_statistics,
        frozen_steps=frozen_steps,
        steps=2,
    )
    made = dataclasses.replace(made, pictures={})
    changes = moved(trained(made, tmp_path / 'run').state, made.start)
    for path, changed in changes.items():
        assert changed == (path.split('/')[0] in moving), path


@pytest.mark.heavy
def test_without_weights_the_digits_are_learned(
    script: SimpleNamespace, tmp_path: Path
) -> None:
    made = script.experiment(model='lenet5', steps=300)
    assert "scikit-learn's 8x8 digits (real)" in made.data_summary
    report = trained(made, tmp_path)
    assert report.metrics['test/accuracy'] > 0.8
