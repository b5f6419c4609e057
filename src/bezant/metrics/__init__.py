"""Every figure once, by family: of probabilities, of values, and the curves behind the pictures."""

from bezant.metrics.checks import Metric
from bezant.metrics.classification import CLASSIFICATION
from bezant.metrics.regression import REGRESSION

__all__ = ["CLASSIFICATION", "REGRESSION", "Metric"]
