"""`dljax results`: the page of what was measured."""

from pathlib import Path

from tyro.conf import Positional


def results(folder: Positional[Path] = Path('experiments')) -> None:
    """Write README.md of a folder of experiments from its results.jsonl.

    Args:
        folder: the folder.
    """
    from dljax.runs.ledger import page

    readme = folder / 'README.md'
    readme.write_text(page(folder / 'results.jsonl'), encoding='utf-8')
    print(f'wrote {readme}')
