"""Networks whose units organise themselves."""

from dljax.models import self_organising
from dljax.types import Spec
from dljax.zoo.rows import Row

ROWS = (
    Row(
        name='self_organising_map',
        constructor=self_organising.SelfOrganisingMap,
        inputs=lambda net: {'features': Spec((None,))},
        example={'features': (4,)},
        parameters=400,
        paper='Kohonen, 1982, Self-Organized Formation of Topologically Correct '
        'Feature Maps, https://doi.org/10.1007/BF00337288',
        reference='10·10 prototypes of 4 features',
    ),
)
