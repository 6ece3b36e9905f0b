"""Arguments that no experiment has a meaning for are refused, and no others."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from dljax.cli import command
from dljax.experiment.arguments import check_arguments

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    'arguments, wanted',
    [
        ({'learning_rate': -1.0}, 'a rate of 0 or more: correct --learning-rate'),
        ({'learning_rate': float('inf')}, 'a rate of 0 or more'),
        ({'tuning_rate': -1e-3}, 'a rate of 0 or more'),
        ({'learning_rate': float('nan')}, 'a number'),
        ({'scale': float('nan')}, 'a number'),
        ({'size': 0}, '1 or more'),
        ({'batch_size': -4}, '1 or more'),
        ({'hidden': (8, 0)}, '1 or more'),
        ({'dropout': 1.0}, 'a number in [0, 1)'),
        ({'generator_dropout': -0.1}, 'a number in [0, 1)'),
        ({'weight_decay': -1e-4}, 'a number of 0 or more'),
    ],
)
def test_an_argument_out_of_range_is_refused_with_its_flag(arguments, wanted):
    with pytest.raises(ValueError, match=re.escape(f'wanted {wanted}')):
        check_arguments(arguments)


def test_a_rate_of_nothing_and_what_is_left_out_are_legal():
    check_arguments({'learning_rate': 0.0, 'size': None, 'hidden': (), 'cell': 'lstm'})
    check_arguments({'resume': False, 'slope': -1.0, 'width': 0.5, 'steps': 1})


def test_no_experiment_of_the_house_is_refused(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    paths = sorted(ROOT.glob('experiments/*/*.py'))
    for path in paths:
        module = importlib.import_module(f'experiments.{path.parent.name}.{path.stem}')
        parameters = inspect.signature(module.experiment).parameters
        check_arguments({name: p.default for name, p in parameters.items()})
        check_arguments(module.TINY)
    assert len(paths) > 40


def test_the_command_line_refuses_before_the_experiment_is_made(capsys):
    def experiment(*, size: int = 8, learning_rate: float = 1e-3):
        """Make nothing.

        Args:
            size: of it.
            learning_rate: of it.
        """
        raise AssertionError('made')

    for flag, value in (('--size', '0'), ('--learning-rate', '-1')):
        with pytest.raises(SystemExit) as caught:
            command(experiment, [flag, value])
        assert caught.value.code == 1
        assert f'correct {flag}' in capsys.readouterr().err
