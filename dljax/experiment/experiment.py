"""An experiment: what is trained on what."""

import dataclasses
from collections.abc import Mapping

from flax import linen as nn

from dljax.data import Normalizer, Tokens
from dljax.experiment.outcome import Alarm, Measure, Picture
from dljax.training import Plateau, Player
from dljax.training.stopping import Stop, require_metric
from dljax.types import Figures, HostBatch, PyTree, Score, Source, Spec


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is trained on what: all that `run` needs to know.

    Attributes:
        net: any Linen module.
        players: by name, in the order of their turns.
        source: of the training batches.
        steps: updates in all.
        data_summary: one line about the data: real, composed or synthetic, how much.
        score: per-example scores `(net, batch, step) -> {name: [batch]}`, if any.
        evaluation: the sets to score. 'test' is scored once, at the end; any other
            also along the training.
        inputs: the declared form of each feature, checked before anything is compiled.
        best: the metric of an evaluation by which the best checkpoint is kept; where
            that is not the last one, its scores are reported too, under 'best/'.
        maximize: whether a larger `best` is better.
        stop: when to end early.
        record_every: updates averaged into one row of the records; by default a
            hundredth of all.
        evaluate_every: updates between evaluations, each with a checkpoint; by default
            a tenth of all.
        pictures: drawn at the end, by name: figures, or texts.
        along: pictures drawn at every evaluation along the training as well, by name;
            under an ensemble, of its first member.
        alarms: by name, what says in a sentence what is wrong with the run, if anything
            is; asked at every evaluation, said on the console and on the page.
        measures: metrics of the outcome as a whole, taken at the end, by the name that
            they are entered under; [members] values for an ensemble, or one number.
        normalizers: fitted on the training split, stored with the run, by feature; they
            go along when the run is exported, that of 'target' with its outputs.
        class_names: of the labels in their order, stored with the run.
        vocabularies: what the tokens of a feature mean, by feature; stored with the
            run, and handed on when it is exported.
        evaluation_batch: examples scored at once.
        start: arrays to begin with, as `learner` takes them: pretrained weights, say.
        may_diverge: players whose loss may leave the finite numbers without ending the
            run, where that is what the experiment shows.
        plateau: lowers the learning rates where a metric of an evaluation stalls.
    """

    net: nn.Module
    players: Mapping[str, Player]
    source: Source
    steps: int
    data_summary: str
    score: Score | None = None
    evaluation: Mapping[str, HostBatch] = dataclasses.field(default_factory=dict)
    inputs: Mapping[str, Spec] = dataclasses.field(default_factory=dict)
    best: str | None = None
    maximize: bool = True
    stop: Stop | None = None
    record_every: int | None = None
    evaluate_every: int | None = None
    pictures: Mapping[str, Picture] = dataclasses.field(default_factory=dict)
    along: Mapping[str, Picture] = dataclasses.field(default_factory=dict)
    alarms: Mapping[str, Alarm] = dataclasses.field(default_factory=dict)
    measures: Mapping[str, Measure] = dataclasses.field(default_factory=dict)
    normalizers: Mapping[str, Normalizer] = dataclasses.field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    vocabularies: Mapping[str, Tokens] = dataclasses.field(default_factory=dict)
    evaluation_batch: int = 256
    start: PyTree | None = None
    may_diverge: tuple[str, ...] = ()
    plateau: Plateau | None = None

    def __post_init__(self) -> None:
        unknown = set(self.may_diverge) - set(self.players)
        if unknown:
            raise ValueError(
                f'may_diverge names {sorted(unknown)}, but the players are '
                f'{sorted(self.players)}'
            )
        for name in ('steps', 'record_every', 'evaluate_every', 'evaluation_batch'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name}={value}, wanted 1 or more')
        if both := self.pictures.keys() & self.along.keys():
            raise ValueError(
                f'{sorted(both)} are drawn along the training and at its end under one '
                'name: rename one'
            )
        if self.evaluation and self.score is None:
            raise ValueError('there are sets to evaluate but no score to do it by')
        if self.plateau:
            self.plateau.require_set(self.evaluation)

    def require(self, found: Figures) -> None:
        """Refuse a `best`, `stop` or plateau of what is no score along the training.

        Args:
            found: the scores of an evaluation along it.

        Raises:
            ValueError: where one of them is not among them.
        """
        if self.best and self.best not in found:
            raise ValueError(
                f"best='{self.best}' is no score along the training, wanted one of "
                f'{sorted(found)}'
            )
        if self.plateau:
            self.plateau.require(found)
        others = ('step', 'seconds', 'plateau/', *(f'{name}/' for name in self.players))
        require_metric(self.stop, found, others)
