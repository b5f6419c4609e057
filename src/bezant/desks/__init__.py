"""The public estimators: composition of the parts below, one desk a file."""

from bezant.desks.credit import CreditRisk
from bezant.desks.loading import load

__all__ = ["CreditRisk", "load"]
