"""Docstrings have one form: what, arguments, results, errors, source, example."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / 'dljax'
ORDER = ('Attributes', 'Args', 'Returns', 'Yields', 'Raises', 'Reference', 'Example')
OTHERS = ('References', 'Examples', 'Note', 'Notes', 'See Also', 'Return', 'Raise')
HEAD = re.compile(rf'^({"|".join((*ORDER, *OTHERS))}):$', re.M)
# One author, two, or the first of more, and the year: 'Cover, Thomas (2006), '.
NAME = r'[\w-]+(?: [\w-]+)?'
AUTHORS = rf'{NAME}(?:, {NAME}| et al\.)? \(\d{{4}}\), '
# The title, with a section or the like; the link, but of some books; what it says.
ENTRY = re.compile(
    AUTHORS + r'(?:(?!://)[^;])+?'
    r'(?:, https?://\S*[^\s.,;])?'
    r'(?:[;.] (?:(?!://).)+\.)?'
)


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


def references() -> Iterator[tuple[str, str]]:
    """Give the entries of all references, each as one line."""
    for name, text in docstrings():
        section = re.search(r'^Reference:\n((?: {4}.+\n?)+)', text, re.M)
        if section:
            lines = inspect.cleandoc(section[1])
            for entry in re.split(rf'\n(?={AUTHORS})', lines):
                yield name, entry.replace('\n', ' ')


def test_references_have_one_style() -> None:
    found = list(references())
    assert len(found) > 150
    assert [each for each in found if not ENTRY.fullmatch(each[1])] == []
    assert [each for each in found if re.search(r', \d{4}\b', each[1])] == []
