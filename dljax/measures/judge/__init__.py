"""A judge of made images, and the measures that it takes (U4.4)."""

from dljax.measures.judge.classifier import Judge as Judge
from dljax.measures.judge.opened import judged_images as judged_images
from dljax.measures.judge.perceptual import diversity as diversity
from dljax.measures.judge.perceptual import looks_apart as looks_apart
from dljax.measures.judge.quality import agreement as agreement
from dljax.measures.judge.quality import compare as compare
from dljax.measures.judge.quality import make_anchors as make_anchors
from dljax.measures.judge.quality import quality_by_setting as quality_by_setting
from dljax.measures.judge.quality import sample_quality as sample_quality
from dljax.measures.judge.training import Recipe as Recipe
from dljax.measures.judge.training import digits_judge as digits_judge
from dljax.measures.judge.training import judge_of as judge_of
from dljax.measures.judge.training import train_judge as train_judge
