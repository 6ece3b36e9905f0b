"""`dljax zoo` and `dljax describe`: what the zoo holds."""

from tyro.conf import Positional

from dljax.commands.settings import read_settings


def zoo(pattern: Positional[str] = '*') -> None:
    """List the models: name, parameters, input and paper.

    Args:
        pattern: a shell pattern of names, such as 'lenet*'.
    """
    from rich.console import Console
    from rich.table import Table

    from dljax import zoo as catalogue

    table = Table('name', 'parameters', 'input', 'paper', box=None, pad_edge=False)
    table.columns[1].justify = 'right'
    for name in catalogue.list_models(pattern):
        row = catalogue.row(name)
        shapes = (
            f'{feature} {list(shape.shape[1:])}'
            for feature, shape in catalogue.shapes(name).items()
            if feature not in catalogue.ANSWERS
        )
        table.add_row(name, f'{row.parameters:,}', ', '.join(shapes), row.paper)
    if not table.row_count:
        raise ValueError(
            f"no model matches '{pattern}', only {', '.join(catalogue.list_models())}"
        )
    Console().print(table)


def describe(name: Positional[str], settings: Positional[tuple[str, ...]] = ()) -> None:
    """Show the layers of a model: shapes, parameters and operations of one example.

    Args:
        name: of the model, as `dljax zoo` lists it.
        settings: of the model, such as classes=3 or hidden=(64,32).
    """
    from rich.console import Console
    from rich.table import Table

    from dljax import zoo as catalogue

    summary = catalogue.describe(name, **read_settings(settings))
    table = Table('layer', 'kind', 'output', 'parameters', 'FLOPs', box=None)
    for column in table.columns[3:]:
        column.justify = 'right'
    for layer in summary.layers:
        table.add_row(
            layer.path or name,
            layer.kind,
            layer.output,
            f'{layer.parameters:,}',
            f'{layer.operations:,}',
        )
    table.add_section()
    table.add_row('total', '', '', f'{summary.parameters:,}', f'{summary.operations:,}')
    Console().print(table)
