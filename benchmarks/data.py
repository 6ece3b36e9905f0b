"""How many examples a second each kind of source gives."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np

from benchmarks import apart, machine, results
from dljax import data
from dljax.types import Source


def drawn(source: Source, seconds: float) -> tuple[int, float]:
    """Draw batches for about so long: examples, and the seconds that they took."""
    key = jax.random.key(0)
    position, batch = source.init(key)
    examples = len(jax.tree.leaves(batch)[0])
    following = source.next
    if not source.host:
        following = jax.jit(source.next)
    many, start = 0, None
    while start is None or time.perf_counter() - start < seconds:
        position, batch = following(key, position, None)
        jax.block_until_ready(batch)
        if start is None:  # the first compiles, or starts workers
            start = time.perf_counter()
        else:
            many += examples
    return many, time.perf_counter() - start


def sources(folder: Path, batch: int) -> Iterator[tuple[str, Callable[[], Source]]]:
    """Give the sources by name; each is made when it is its turn."""
    digits = data.load('digits')
    images = digits.images('train', (32, 32))
    scenes = data.digit_scenes(images['image'], images['label'], size=(64, 64))
    yield 'resident', lambda: data.resident(images, batch)
    yield 'procedural scenes', lambda: data.procedural(scenes.draw, batch)
    for workers in (0, 2):
        yield (
            f'stream of a TFDS set, {workers} workers',
            lambda workers=workers: data.stream(
                digits.records('train'), batch, workers=workers
            ),
        )
    pictures(folder / 'pictures', images)
    read = data.folder(folder / 'pictures', data_dir=folder / 'prepared')
    yield (
        'stream of a folder of pictures, 2 workers',
        lambda: data.stream(read.records('train'), batch, workers=2),
    )


def pictures(folder: Path, images: dict[str, np.ndarray]) -> None:
    """Write a folder of classes."""
    from PIL import Image

    for index, (image, label) in enumerate(
        zip(images['image'], images['label'], strict=True)
    ):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        grey = np.uint8(255 * image[..., 0])
        Image.fromarray(grey).save(place / f'{index}.png')


def main() -> None:
    """Read the command line and measure."""
    parser: argparse.ArgumentParser = apart.parser('data', __doc__)
    parser.add_argument('--batch', type=int, default=64)
    asked = parser.parse_args()
    loaded = machine.require_quiet(allow=asked.allow_load)
    described = machine.describe('grain', 'tensorflow-datasets')
    with tempfile.TemporaryDirectory() as folder:
        for name, make in sources(Path(folder), asked.batch):
            source = make()
            speeds = []
            for _ in range(asked.repeats):
                many, seconds = drawn(source, asked.seconds)
                speeds.append(many / seconds)
            middle = float(np.median(speeds))
            row = {
                'source': name,
                'batch': asked.batch,
                'examples_per_second': middle,
                'loaded': loaded,
                **described,
            }
            results.append(asked.results, row)
            print(f'{name}: {middle:.4g} examples/s', flush=True)


if __name__ == '__main__':
    main()
