"""A judge of made digits, and the measures that it takes (U4.4)."""

from dljax.judge.classifier import STEPS as STEPS
from dljax.judge.classifier import Judge as Judge
from dljax.judge.classifier import digits_judge as digits_judge
from dljax.judge.quality import agreement as agreement
from dljax.judge.quality import anchored as anchored
from dljax.judge.quality import compared as compared
from dljax.judge.quality import sample_quality as sample_quality
