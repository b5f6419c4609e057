"""The public estimators: composition of the parts below, one desk a file."""

from bezant.desks.blend import Blend
from bezant.desks.credit import CreditRisk
from bezant.desks.demand import CustomerDemand
from bezant.desks.expected_loss import ExpectedLoss
from bezant.desks.history_model import HistoryModel
from bezant.desks.loading import load
from bezant.desks.macro_overlay import MacroOverlay, fit_macro_overlay
from bezant.desks.market_risk import MarketRisk
from bezant.desks.markets import MarketForecaster
from bezant.desks.optimizers import compare_optimizers
from bezant.desks.recommender import ProductRecommender
from bezant.desks.severity import LossSeverity
from bezant.desks.stress import Scenario, StressTest, stress_test
from bezant.desks.term_structure import PDTermStructure
from bezant.desks.tracking import log_fit
from bezant.desks.tuning import Tuning, tune

__all__ = [
    "Blend",
    "CreditRisk",
    "CustomerDemand",
    "ExpectedLoss",
    "HistoryModel",
    "LossSeverity",
    "MacroOverlay",
    "MarketForecaster",
    "MarketRisk",
    "PDTermStructure",
    "ProductRecommender",
    "Scenario",
    "StressTest",
    "Tuning",
    "compare_optimizers",
    "fit_macro_overlay",
    "load",
    "log_fit",
    "stress_test",
    "tune",
]
