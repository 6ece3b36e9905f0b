"""Docstrings have one form: what, arguments, results, errors, source, example."""

import ast
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from docstring_parser import parse

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
ARRAYS = {'Array', 'ArrayLike', 'jax.Array', 'jnp.ndarray', 'np.ndarray'}
NUMBERS = {'None', 'bool', 'int', 'float', 'Sequence[int]', 'Sequence[float]'}
# '[batch, 3]' or '[...]', which the range '[0, 1]' is not, or a word for it.
SHAPE = re.compile(
    r'\[[^\]]*(?:[a-z]|\.\.\.)[^\]]*\]'
    r'|\bscalar\b|\bany shape\b|\bshape of\b|\bas of `'
)


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding='utf-8'))


def docstrings() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob('*.py')):
        for node in ast.walk(parsed(path)):
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


def is_array(annotation: ast.expr | None, names: set[str]) -> bool:
    """Tell whether it is one of the names, or a union of them and plain numbers."""
    members = set(ast.unparse(annotation).split(' | ')) if annotation else set()
    return bool(members & names) and members <= names | NUMBERS


@functools.cache
def array_names(path: Path) -> set[str]:
    """Give what stands for arrays in a module: their types and aliases of them."""
    names = set(ARRAYS)
    for node in parsed(path).body:
        if isinstance(node, ast.ImportFrom):
            source = PACKAGE.parent / f'{(node.module or "").replace(".", "/")}.py'
            if source.exists():
                names |= array_names(source) & {each.name for each in node.names}
        elif isinstance(node, ast.Assign) and is_array(node.value, names):
            names |= {ast.unparse(target) for target in node.targets}
    return names - {'Key'}  # of a shape that nobody needs to know


def is_public(function: ast.stmt) -> bool:
    """Tell whether it is a function that others call, but no overload of another."""
    return (
        isinstance(function, ast.FunctionDef)
        and (function.name == '__call__' or not function.name.startswith('_'))
        and 'overload' not in map(ast.unparse, function.decorator_list)
    )


def array_arguments() -> Iterator[tuple[str, str]]:
    """Give the arrays that public functions and methods take, and what Args says."""
    for path in sorted(PACKAGE.rglob('*.py')):
        tree = parsed(path)
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        public = [node for node in classes if not node.name.startswith('_')]
        for owner in (tree, *public):
            for function in filter(is_public, owner.body):
                said = {
                    name.strip(' *'): param.description or ''
                    for param in parse(ast.get_docstring(function) or '').params
                    if param.args[0] == 'param'
                    for name in param.arg_name.split(',')
                }
                name = f'{path.relative_to(PACKAGE)}:{getattr(owner, "name", "")}'
                for node in ast.walk(function.args):
                    if isinstance(node, ast.arg) and is_array(
                        node.annotation, array_names(path)
                    ):
                        place = f'{name}.{function.name}({node.arg})'
                        yield place, ' '.join(said.get(node.arg, '').split())


def test_arguments_that_are_arrays_have_shapes() -> None:
    found = list(array_arguments())
    assert len(found) > 500
    without = [place for place, text in found if not SHAPE.search(text)]
    assert without == []
