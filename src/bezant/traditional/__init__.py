"""The models the large one must beat, one file each, fitted under the same protocol."""

from bezant.traditional.binning import BinnedColumn
from bezant.traditional.gradient_boosting import BoostingConfiguration, GradientBoosting
from bezant.traditional.scorecard import Scorecard

__all__ = ["BinnedColumn", "BoostingConfiguration", "GradientBoosting", "Scorecard"]
