"""A judge of made digits, and the measures that it takes (U4.4)."""

from dljax.measures.judge.classifier import Judge as Judge
from dljax.measures.judge.classifier import digits_judge as digits_judge
from dljax.measures.judge.quality import agreement as agreement
from dljax.measures.judge.quality import compare as compare
from dljax.measures.judge.quality import make_anchors as make_anchors
from dljax.measures.judge.quality import sample_quality as sample_quality
