"""The public estimators: composition of the parts below, one desk a file."""

from bezant.desks.credit import CreditRisk
from bezant.desks.expected_loss import ExpectedLoss
from bezant.desks.loading import load
from bezant.desks.optimizers import compare_optimizers
from bezant.desks.severity import LossSeverity

__all__ = ["CreditRisk", "ExpectedLoss", "LossSeverity", "compare_optimizers", "load"]
