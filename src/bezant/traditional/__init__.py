"""The models the large one must beat, one file each, fitted under the same protocol.

Those of the field's neural tutorials are in :mod:`bezant.traditional.textbook`, which imports torch.
"""

from bezant.traditional.binning import BinnedColumn
from bezant.traditional.boosting_search import BoostingConfiguration
from bezant.traditional.gradient_boosting import GradientBoosting
from bezant.traditional.model import TraditionalModel
from bezant.traditional.scorecard import Scorecard

TRADITIONAL: dict[str, type[TraditionalModel]] = {m.key: m for m in (GradientBoosting, Scorecard)}
"""Models by their stable names in saved models."""

__all__ = [
    "TRADITIONAL",
    "BinnedColumn",
    "BoostingConfiguration",
    "GradientBoosting",
    "Scorecard",
    "TraditionalModel",
]
