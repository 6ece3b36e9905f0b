"""`dljax zoo` and `dljax describe`: what the zoo holds."""

from tyro.conf import Positional

from dljax.cli.settings import read_settings


def zoo(pattern: Positional[str] = '*', papers: bool = False) -> None:
    """List the models: name, family, parameters and input.

    Args:
        pattern: a shell pattern of names, such as 'lenet*'.
        papers: list the paper of each model instead.
    """
    from rich.console import Console
    from rich.table import Table

    from dljax import zoo as catalogue

    names = catalogue.list_models(pattern)
    if not names:
        raise ValueError(
            f"no model matches '{pattern}', only {', '.join(catalogue.list_models())}"
        )
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column('name', no_wrap=True)
    if papers:
        table.add_column('paper', overflow='fold')  # an address is not cut off
        for name in names:
            table.add_row(name, catalogue.row(name).paper)
    else:
        table.add_column('family', no_wrap=True)
        table.add_column('parameters', justify='right', no_wrap=True)
        table.add_column('input', overflow='fold')
        for name in names:
            row = catalogue.row(name)
            shapes = (
                f'{feature} {list(shape.shape[1:])}'.replace(', ', ',')
                for feature, shape in catalogue.shapes(name).items()
                if feature not in catalogue.TARGETS
            )
            family = row.constructor.__module__.split('.')[2]
            table.add_row(name, family, f'{row.parameters:,}', ', '.join(shapes))
    Console().print(table)


def describe(name: Positional[str], settings: Positional[tuple[str, ...]] = ()) -> None:
    """Show the layers of a model: shapes, parameters and FLOPs of one example.

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
            f'{layer.flops:,}',
        )
    table.add_section()
    table.add_row('total', '', '', f'{summary.parameters:,}', f'{summary.flops:,}')
    Console().print(table)
