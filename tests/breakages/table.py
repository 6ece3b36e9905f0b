"""Ways to break the package, each with the tests that have to notice."""

from typing import NamedTuple


class Breakage(NamedTuple):
    """A change that no test may let pass.

    Attributes:
        name: what is wrong then.
        file: that is changed, below the root of the repository.
        now: a piece of it that occurs once.
        then: what stands there instead.
        tests: files that should fail, and options of pytest.
    """

    name: str
    file: str
    now: str
    then: str
    tests: str


BREAKAGES = [
    Breakage(
        'losses: a label of no class counts as one',
        'dljax/losses/meaning.py',
        'jnp.where((labels >= 0) & (labels < classes), 1.0, jnp.nan)',
        'jnp.ones(labels.shape)',
        'tests/losses/test_meaning.py',
    ),
    Breakage(
        'losses: R1 without its half',
        'dljax/losses/adversarial.py',
        'return 0.5 * _squares(gradient)',
        'return _squares(gradient)',
        'tests/losses/test_adversarial.py',
    ),
    Breakage(
        'losses: the Kullback-Leibler divergence is a tenth too small',
        'dljax/losses/gaussian.py',
        'return 0.5 * per_example(jnp.square(mean) + spread)',
        'return 0.45 * per_example(jnp.square(mean) + spread)',
        'tests/losses/test_gaussian.py',
    ),
    Breakage(
        'losses: a Q target goes on after the end of an episode',
        'dljax/losses/temporal_difference.py',
        'discount * jnp.where(terminated, 0.0, ahead)',
        'discount * ahead',
        'tests/losses/test_temporal_difference.py',
    ),
    Breakage(
        'metrics: ties count as won in the area under the curve',
        'dljax/metrics/ranking.py',
        'rank = np.cumsum(size) - (size - 1) / 2',
        'rank = np.cumsum(size)',
        'tests/metrics/test_modes_ranking_information.py',
    ),
    Breakage(
        'metrics: the Frechet distance leaves half of the shared part in',
        'dljax/metrics/frechet.py',
        '- 2 * shared',
        '- shared',
        'tests/metrics/test_samples.py',
    ),
    Breakage(
        'metrics: F1 is halved',
        'dljax/metrics/confusion.py',
        '_ratio(2 * jnp.diagonal(confusion), both)',
        '_ratio(jnp.diagonal(confusion), both)',
        'tests/metrics/test_metrics.py tests/metrics/test_segmentation.py',
    ),
    Breakage(
        'rules: the perceptron moves its bias by the sum, not the mean',
        'dljax/rules/perceptron.py',
        "'bias': -delta.mean(axis=0)",
        "'bias': -delta.sum(axis=0)",
        'tests/rules/test_perceptron.py',
    ),
    Breakage(
        'rules: k-means does not divide by the number of points',
        'dljax/rules/kmeans.py',
        'return sums / jnp.maximum(counts, 1.0)',
        'return sums',
        'tests/rules/test_closed_forms.py',
    ),
    Breakage(
        'rules: Sanger subtracts the units behind instead of those before',
        'dljax/rules/hebbian.py',
        'jnp.triu(',
        'jnp.tril(',
        'tests/rules/test_closed_forms.py',
    ),
    Breakage(
        'rules: contrastive divergence climbs instead of descending',
        'dljax/rules/contrastive_divergence.py',
        'jax.tree.map(jnp.subtract, dreamt, seen)',
        'jax.tree.map(jnp.subtract, seen, dreamt)',
        'tests/rules/test_contrastive_divergence.py',
    ),
    Breakage(
        "layers: the LSTM's extra bias is that of another gate",
        'dljax/layers/lstm.py',
        'bias.at[width : 2 * width].add',
        'bias.at[:width].add',
        'tests/layers/test_recurrent.py',
    ),
    Breakage(
        'layers: dropout of 2012 does not scale in evaluation',
        'dljax/layers/dropout.py',
        'return inputs * jnp.asarray(self.keep, inputs.dtype)',
        'return inputs',
        'tests/layers/test_dropout.py',
    ),
    Breakage(
        'layers: unbiased running variances are biased',
        'dljax/layers/batch_norm.py',
        'return variance * (count / (count - 1))',
        'return variance',
        'tests/layers/test_batch_norm.py',
    ),
    Breakage(
        'layers: maxout takes the mean',
        'dljax/layers/maxout.py',
        'self.features, self.pieces).max(-1)',
        'self.features, self.pieces).mean(-1)',
        'tests/layers/test_units.py',
    ),
    Breakage(
        'layers: the window of the local response is shifted',
        'dljax/layers/local_response_norm.py',
        '[(window // 2, (window - 1) // 2)]',
        '[(window - 1, 0)]',
        'tests/layers/test_local_response_norm.py',
    ),
    Breakage(
        'layers: the spectral radius ends its squarings early',
        'dljax/layers/reservoir.py',
        'jnp.arange(SQUARINGS + 1, dtype=matrix.dtype)',
        'jnp.arange(3, dtype=matrix.dtype)',
        'tests/layers/test_reservoir.py',
    ),
    Breakage(
        'models: a bottleneck has its stride in the other convolution',
        'dljax/layers/residual.py',
        '[(f, 1, first), (f, 3, second), (4 * f, 1, 1)]',
        '[(f, 1, second), (f, 3, first), (4 * f, 1, 1)]',
        'tests/models/test_residual.py',
    ),
    Breakage(
        'training: data are not looked at before they are trained on',
        'dljax/training/loop.py',
        'source = bordered(source, learner, batch)',
        'pass',
        'tests/objectives/test_wanted.py',
    ),
    Breakage(
        'training: fit in parts begins its source anew',
        'dljax/training/position.py',
        'position = state.position',
        'position = None',
        'tests/training/test_position.py',
    ),
    Breakage(
        'training: shares of several devices keep their own gradients',
        'dljax/training/turn.py',
        'gradient, metrics, stats = jax.lax.pmean((gradient, metrics, stats), axis)',
        'metrics, stats = jax.lax.pmean((metrics, stats), axis)',
        'tests/training/test_parallel.py',
    ),
    Breakage(
        'training: a search along a line sees the gradient of one share',
        'dljax/training/turn.py',
        'return moved[0], jax.lax.pmean(tangents[0], axis)',
        'return moved[0], tangents[0]',
        'tests/training/test_turn.py',
    ),
    Breakage(
        'training: a player begins its turns at the wrong update',
        'dljax/training/player.py',
        '((step - start) % self.every == 0)',
        '(step % self.every == 0)',
        'tests/training/test_learner.py',
    ),
    Breakage(
        'training: a plateau lowers nothing',
        'dljax/training/plateau.py',
        'lambda u: u * state.scale.astype(u.dtype)',
        'lambda u: u',
        'tests/training/test_plateau.py',
    ),
    Breakage(
        'training: patience lasts one row longer',
        'dljax/training/stopping.py',
        'if age >= patience:',
        'if age > patience:',
        'tests/training/test_stopping.py',
    ),
    Breakage(
        'training: a skipped update leaves its traces',
        'dljax/training/skipping.py',
        'kept = jax.tree.map(chosen, moved, state).replace(step=moved.step)',
        'kept = moved',
        'tests/training/test_skipping.py',
    ),
    Breakage(
        'training: updates are skipped for ever',
        'dljax/training/skipping.py',
        'if (self.row > self.limit).any():',
        'if False:',
        'tests/training/test_skipping.py',
    ),
    Breakage(
        'checkpoints: a header is believed without its checksum',
        'dljax/training/header.py',
        'elif header[SEAL] != seal(header):',
        'elif False:',
        'tests/training/test_checkpoint.py',
    ),
    Breakage(
        'checkpoints: values are believed without their checksum',
        'dljax/training/header.py',
        "same = digest(known) == header['sha256']",
        'same = True',
        'tests/training/test_checkpoint.py',
    ),
    Breakage(
        'records: a row is believed without its checksum',
        'dljax/runs/rows.py',
        '(number <= len(sums) and checksum(text) not in known)',
        'False',
        'tests/runs/test_record.py',
    ),
    Breakage(
        'records: a result is believed without its checksum',
        'dljax/host/sealing.py',
        'SEAL in content and content[SEAL] != seal(content)',
        'False',
        'tests/runs/test_workdir.py tests/runs/test_verify.py',
    ),
    Breakage(
        'runs: two in one folder',
        'dljax/host/lock.py',
        'lock.acquire()',
        'pass',
        'tests/runs/test_workdir.py',
    ),
    Breakage(
        'runs: a foreign folder is written into',
        'dljax/runs/workdir.py',
        "if names and names != ['checkpoints']:",
        'if False:',
        'tests/runs/test_workdir.py',
    ),
    Breakage(
        'runs: verify looks at no file that nobody reads',
        'dljax/runs/verify.py',
        'elif changed:',
        'elif False:',
        'tests/runs/test_verify.py',
    ),
    Breakage(
        'runs: a signal is noted and not heeded',
        'dljax/runs/session.py',
        'signal = agreed(request.signal, ask=due)',
        'signal = None',
        'tests/runs/test_run.py -k interrupted_run',
    ),
    Breakage(
        'data: rounded before the offset is subtracted',
        'dljax/data/normalise.py',
        'return ((_wide(values) - offset) / scale).astype(np.float32)',
        'return (values.astype(np.float32) - offset.astype(np.float32)) / scale',
        'tests/data/test_normalise.py',
    ),
    Breakage(
        'data: a class that is not there weighs with the others',
        'dljax/data/balance.py',
        'np.count_nonzero(counts)',
        'len(counts)',
        'tests/data/test_balance.py',
    ),
    Breakage(
        'data: the last window of a series is left out',
        'dljax/data/windows.py',
        'return length - history - horizon + 1',
        'return length - history - horizon',
        'tests/data/test_windows.py',
    ),
    Breakage(
        'data: a replay memory is never overwritten',
        'dljax/data/replay.py',
        'place = written % rounds * actors',
        'place = written * actors',
        'tests/data/test_replay.py',
    ),
    Breakage(
        'environments: a pole may fall as long as the cart stays',
        'dljax/environments/cartpole.py',
        '(jnp.abs(state[0]) > EDGE) | (',
        '(jnp.abs(state[0]) > EDGE) & (',
        'tests/environments/test_cartpole.py',
    ),
    Breakage(
        'explain: the trapezoids of integrated gradients do not add up to one',
        'dljax/explain/gradients.py',
        'np.full(steps, 1 / (steps - 1))',
        'np.full(steps, 1.1 / (steps - 1))',
        'tests/explain/test_explain.py',
    ),
    Breakage(
        'explain: places that are covered often count more',
        'dljax/explain/occlusion.py',
        ' / masks.sum(0)[None]',
        '',
        'tests/explain/test_explain.py',
    ),
    Breakage(
        'export: the order of the colours is forgotten',
        'dljax/export/preprocessing.py',
        "turned = '[..., ::-1]' if reverse else ''",
        "turned = ''",
        'tests/export/test_export_of_runs.py -k lines_for_a_reader',
    ),
    Breakage(
        'weights: big-endian numbers are read as little-endian ones',
        'dljax/weights/pickled.py',
        'flat = flat.byteswap()',
        'pass',
        'tests/weights/test_pickled.py',
    ),
    Breakage(
        'weights: an average is taken for the net',
        'dljax/weights/prefixes.py',
        'prefix = plain[0] if len(whole) > 1 else whole[0]',
        'prefix = whole[-1]',
        'tests/weights/test_prefixes.py',
    ),
    Breakage(
        'aot: the bytes of what is gathered count twice',
        'dljax/aot/cost.py',
        'given -= taken',
        'pass',
        'tests/aot/test_cost.py',
    ),
    Breakage(
        'cli: a negative learning rate is trained with',
        'dljax/experiment/arguments.py',
        "return None if 0 <= number < math.inf else 'a rate of 0 or more'",
        'return None',
        'tests/experiment/test_arguments.py',
    ),
]
