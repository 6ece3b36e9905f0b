"""`dljax convert`: weights from one library to another."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from dljax.cli.settings import read_settings


def convert(
    source: Positional[Path],
    target: Positional[Path],
    *,
    model: str,
    came_from: Annotated[
        Literal['torchvision', 'keras', 'hugging_face', 'dljax'], arg(name='from')
    ],
    goes_to: Annotated[
        Literal['torchvision', 'keras', 'hugging_face', 'dljax'], arg(name='to')
    ] = 'dljax',
    which: int | Literal['last', 'best'] = 'last',
    averages: bool | None = None,
    member: int | None = None,
    part: str | None = None,
    classes: int | None = None,
    settings: tuple[str, ...] = (),
    overwrite: bool = False,
) -> None:
    """Convert weights, and write TARGET.json, which certifies what was done.

    The source can be .safetensors, .npz, .h5, .weights.h5, .keras, or .pt, .pth, .ckpt
    or .bin of PyTorch; from dljax also the folder of a run or of Orbax; from Hugging
    Face also the folder of a GPT-2 or BERT with its config.json. Where torchvision,
    Keras or transformers is installed, its logits are compared with ours.

    Args:
        source: the weights to read.
        target: the file to write; its suffix says the format, none is an Orbax folder.
        model: as `dljax zoo` lists it.
        came_from: whose weights the source holds.
        goes_to: whose weights the target is to hold.
        which: of a run, its last checkpoint, its best, or a step.
        averages: of a run, take the averages of its parameters, or not; by default
            what it measured.
        member: of a run that was an ensemble, which member.
        part: of a run of several nets side by side, the name of one.
        classes: of the model, where not its default.
        settings: others, such as auxiliary=True.
        overwrite: replace a target that is there.
    """
    from dljax.export import conversion
    from dljax.export.preprocessing import origin
    from dljax.export.preprocessing import say as saying

    chosen = read_settings(settings)
    if classes is not None:
        chosen['classes'] = classes
    made = conversion.convert(
        source,
        target,
        model=model,
        came_from=came_from,
        goes_to=goes_to,
        which=which,
        averages=averages,
        member=member,
        part=part,
        settings=chosen,
        overwrite=overwrite,
    )
    found = made['logits_difference']
    said = (
        f'logits differ by {found["relative"]:.2g} of the largest from the reference'
        if found
        else f'logits not compared: {made["logits_difference_is_null_because"]}'
    )
    if 'run' in made:
        said += f'\nof the run: {origin(made["run"])}'
        said += f'\npreprocessing {saying(made["preprocessing"])}'
    print(
        f'wrote {target}, {model} with {made["parameters"]:,} parameters, and '
        f'{target}.json\n{said}'
    )
