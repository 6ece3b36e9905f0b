"""`dljax launch`: one command in several processes of this machine."""

from typing import Annotated

from tyro.conf import Positional, arg


def launch(
    command: Positional[tuple[str, ...]],
    *,
    processes: Annotated[int, arg(aliases=['-n'])] = 2,
    restarts: int = 3,
    heartbeat: int = 20,
) -> None:
    """Run a command in several processes that train together, and watch them.

    `dljax launch -n 2 -- python experiments/convolutional/lenet_digits.py`: the flag
    --devices says how many devices each of them has. Where one dies all start again,
    from the last checkpoint.

    Args:
        command: what to run, behind --.
        processes: how many.
        restarts: how often all are started again at most.
        heartbeat: seconds without a word from one of them after which all are started
            again.
    """
    from dljax.host.launch import launch as run

    raise SystemExit(
        run(command, processes=processes, restarts=restarts, heartbeat=heartbeat)
    )
