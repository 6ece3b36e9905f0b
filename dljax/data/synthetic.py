"""Problems made by rule, whose answer is known: kind 'synthetic'."""

import numpy as np

GATES = {
    'and': (0, 0, 0, 1),
    'or': (0, 1, 1, 1),
    'xor': (0, 1, 1, 0),
    'xnor': (1, 0, 0, 1),
    'nand': (1, 1, 1, 0),
}


def truth_table(gate: str) -> dict[str, np.ndarray]:
    """Give the four rows of a logic gate of two inputs.

    Args:
        gate: 'and', 'or', 'xor', 'xnor' or 'nand'.

    Returns:
        'features': [4, 2] float32, the inputs 00, 01, 10, 11; 'label': [4] int32; both
        0 or 1.

    Raises:
        ValueError: for another name.
    """
    if gate not in GATES:
        raise ValueError(f"gate is '{gate}', wanted one of {list(GATES)}")
    return {
        'features': np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32),
        'label': np.array(GATES[gate], np.int32),
    }


def regression(
    seed: int, examples: int = 1000, features: int = 20, noise: float = 0.1
) -> dict[str, np.ndarray]:
    r"""Make a linear regression with large targets, on which large steps overflow.

    $x \sim N(0, I)$, $y = x \cdot w + \epsilon$ with every $w_i$ uniform in (0, 100):
    the standard deviation of $y$ is about $58 \sqrt{\text{features}}$, 258 for 20. The
    targets are left unscaled on purpose (U3.6).

    Args:
        seed: 0 or more; equal seeds give equal problems.
        examples: number of examples, 1 or more.
        features: number of columns, all of them informative, 1 or more.
        noise: standard deviation of the noise, in units of the target.

    Returns:
        'features': [examples, features] float32; 'target': [examples] float32.

    Raises:
        ValueError: for a size below 1 or noise below 0.

    Reference:
        Pedregosa et al. (2011), Scikit-learn: Machine Learning in Python,
        https://www.jmlr.org/papers/v12/pedregosa11a.html; the problem is that of its
        `make_regression` with every feature informative, the numbers are others.
    """
    if examples < 1 or features < 1 or not noise >= 0:
        raise ValueError(
            f'examples is {examples}, features {features}, noise {noise}, wanted sizes '
            'of 1 or more and noise of 0 or more'
        )
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(examples, features))
    weights = random.uniform(0, 100, size=features)
    targets = inputs @ weights + noise * random.normal(size=examples)
    return {
        'features': inputs.astype(np.float32),
        'target': targets.astype(np.float32),
    }
