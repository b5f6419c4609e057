"""The public estimators: composition of the parts below, one folder a desk."""

from bezant.desks.credit.blend import Blend
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.customers.demand import CustomerDemand
from bezant.desks.customers.recommender import ProductRecommender
from bezant.desks.loading import load
from bezant.desks.loss.expected_loss import ExpectedLoss
from bezant.desks.loss.severity import LossSeverity
from bezant.desks.markets.forecaster import MarketForecaster
from bezant.desks.markets.risk import MarketRisk
from bezant.desks.over_time.macro_overlay import MacroOverlay, fit_macro_overlay
from bezant.desks.over_time.stress import Scenario, StressTest, stress_test
from bezant.desks.over_time.term_structure import PDTermStructure
from bezant.desks.pretraining.history_model import HistoryModel
from bezant.desks.tracking import log_fit
from bezant.desks.tuning.optimizers import compare_optimizers
from bezant.desks.tuning.tuning import Tuning, tune

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
