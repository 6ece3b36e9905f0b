"""Networks whose units organise themselves on a grid."""

from dljax.models.self_organising.self_organising_map import (
    Grid,
    SelfOrganisingMap,
    grid_coordinates,
)

__all__ = ['Grid', 'SelfOrganisingMap', 'grid_coordinates']
