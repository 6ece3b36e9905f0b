"""Docstrings have one form: what, arguments, results, errors, source, example."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / 'dljax'
ORDER = ('Attributes', 'Args', 'Returns', 'Yields', 'Raises', 'Reference', 'Example')
OTHERS = ('References', 'Examples', 'Note', 'Notes', 'See Also', 'Return', 'Raise')
HEAD = re.compile(rf'^({"|".join((*ORDER, *OTHERS))}):$', re.M)


def docstrings() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text:
                    name = getattr(node, 'name', '')
                    yield f'{path.relative_to(PACKAGE)}:{name}', text


def test_sections_stand_in_one_order() -> None:
    found = {name: HEAD.findall(text) for name, text in docstrings()}
    assert sum(map(len, found.values())) > 1000
    wrong = {
        name: sections
        for name, sections in found.items()
        if not set(sections) <= set(ORDER)
        or sections != sorted(sections, key=ORDER.index)
        or len(set(sections)) != len(sections)
    }
    assert not wrong
