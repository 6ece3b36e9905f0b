"""Pictures of a run: functions that return what draws them from its outcome.

Those of one family stand in a file of their own and are imported from there.
"""

from dljax.pictures.augmentations import contact_sheet as contact_sheet
from dljax.pictures.basic import boundary as boundary
from dljax.pictures.basic import confusion as confusion
from dljax.pictures.basic import filters as filters
from dljax.pictures.basic import grid as grid
from dljax.pictures.basic import mistakes as mistakes
from dljax.pictures.basic import plain_names as plain_names
from dljax.pictures.classes import class_counts as class_counts
from dljax.pictures.classes import confused_pairs as confused_pairs
from dljax.pictures.codes import Encode as Encode
from dljax.pictures.codes import image_rows as image_rows
from dljax.pictures.codes import latent_plot as latent_plot
from dljax.pictures.codes import reconstructions as reconstructions
from dljax.pictures.codes import traversal as traversal
from dljax.pictures.comparison import Table as Table
from dljax.pictures.comparison import compared as compared
from dljax.pictures.comparison import entered as entered
from dljax.pictures.comparison import listed as listed
from dljax.pictures.explanations import explanations as explanations
from dljax.pictures.explanations import feature_maps as feature_maps
from dljax.pictures.learning import learning_curve as learning_curve
from dljax.pictures.progress import against_updates as against_updates
from dljax.pictures.progress import curves as curves
from dljax.pictures.rates import rate_curves as rate_curves
from dljax.pictures.rates import rebuilt_within as rebuilt_within
