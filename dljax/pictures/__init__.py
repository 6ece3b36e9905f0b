"""Pictures of a run: functions that return what draws them from its outcome.

What fits any experiment is here; what one family draws, such as codes, samples or maps,
is imported from its file.
"""

from dljax.pictures.basic import boundary as boundary
from dljax.pictures.basic import confusion as confusion
from dljax.pictures.basic import filters as filters
from dljax.pictures.basic import grid as grid
from dljax.pictures.basic import mistakes as mistakes
from dljax.pictures.basic import plain_names as plain_names
from dljax.pictures.classes import class_counts as class_counts
from dljax.pictures.classes import confused_pairs as confused_pairs
from dljax.pictures.comparison import compared as compared
from dljax.pictures.comparison import listed as listed
from dljax.pictures.progress import against_updates as against_updates
from dljax.pictures.progress import curves as curves
