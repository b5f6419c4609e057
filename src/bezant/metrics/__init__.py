"""Every figure once, by family: of probabilities, values, counts, rankings, and the curves of pictures."""

from bezant.metrics.checks import Metric
from bezant.metrics.classification import CLASSIFICATION
from bezant.metrics.counts import COUNTS
from bezant.metrics.regression import REGRESSION

__all__ = ["CLASSIFICATION", "COUNTS", "REGRESSION", "Metric"]
