"""Holes of pictures filled without learning, to compare with."""

import importlib.util

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from dljax.measures.repairing import Damaged, Method


def harmonic(damaged: Damaged) -> np.ndarray:
    """Fill holes with what is as smooth as can be, by Laplace's equation.

    A pixel in a hole is the mean of its neighbours, as far as there are any.

    Args:
        damaged: whose 'seen' has a last channel of 1 where it is whole.

    Returns:
        [height, width, channel] float32.

    Reference:
        Chan, Shen (2001), Mathematical Models for Local Nontexture Inpaintings,
        https://doi.org/10.1137/S0036139900368844
    """
    hole = damaged.seen[..., -1] < 0.5
    picture = damaged.seen[..., :-1].copy()
    if not hole.any() or hole.all():
        return picture
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(hole.sum())
    rows, columns = np.nonzero(hole)
    count = len(rows)
    neighbours = np.zeros(count)
    right = np.zeros((count, picture.shape[-1]))
    links: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        y, x = rows + down, columns + across
        inside = (y >= 0) & (y < hole.shape[0]) & (x >= 0) & (x < hole.shape[1])
        here = np.nonzero(inside)[0]
        neighbours[here] += 1
        other = number[y[here], x[here]]
        known = other < 0
        right[here[known]] += picture[y[here[known]], x[here[known]]]
        links[0].append(here[~known])
        links[1].append(other[~known])
    places = np.concatenate(links[0]), np.concatenate(links[1])
    joined = sparse.coo_matrix((np.ones(len(places[0])), places), (count, count))
    system = (sparse.diags(neighbours) - joined).tocsc()
    solved = np.asarray(linalg.spsolve(system, right))
    picture[hole] = solved.reshape(count, -1)
    return picture.clip(0, 1)


def biharmonic(damaged: Damaged) -> np.ndarray:
    """Fill holes by scikit-image's biharmonic equation, which keeps slopes as well.

    Args:
        damaged: likewise.

    Returns:
        [height, width, channel] float32.

    Reference:
        Damelin, Hoang (2018), On Surface Completion and Image Inpainting by Biharmonic
        Functions, https://arxiv.org/abs/1707.06567
    """
    from skimage.restoration import inpaint_biharmonic

    hole = damaged.seen[..., -1] < 0.5
    filled = inpaint_biharmonic(damaged.seen[..., :-1], hole, channel_axis=-1)
    return np.asarray(filled, np.float32).clip(0, 1)


def filling_methods() -> dict[str, Method]:
    """Give the methods that there are: scikit-image need not be installed.

    Returns:
        By name.
    """
    methods: dict[str, Method] = {'harmonic': harmonic}
    if importlib.util.find_spec('skimage') is not None:
        methods['biharmonic'] = biharmonic
    return methods
