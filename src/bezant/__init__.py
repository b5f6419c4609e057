"""Large deep models for finance: trained on your histories, judged against the traditional model.

Names are imported when they are first used, so that ``import bezant`` takes a fraction of a second.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bezant import datasets, splits
    from bezant.desks import (
        Blend,
        CreditRisk,
        CustomerDemand,
        ExpectedLoss,
        HistoryModel,
        LossSeverity,
        MacroOverlay,
        MarketForecaster,
        MarketRisk,
        PDTermStructure,
        ProductRecommender,
        Scenario,
        compare_optimizers,
        fit_macro_overlay,
        load,
        log_fit,
        stress_test,
        tune,
    )
    from bezant.evidence.checks import CheckReport, check
    from bezant.evidence.evaluation import Evaluation, evaluate_scores
    from bezant.evidence.grades import MasterScale
    from bezant.histories import LabelsAsOf, join_as_of, labels_as_of, with_records
    from bezant.schema import Field, Kind, Role, Schema, infer_schema
    from bezant.training.config import TrainingConfig
    from bezant.types import ArtifactError, InputError, MissingExtraError

__version__ = "0.1.0"

_HOMES = {
    "ArtifactError": "bezant.types",
    "CheckReport": "bezant.evidence.checks",
    "Blend": "bezant.desks",
    "CreditRisk": "bezant.desks",
    "CustomerDemand": "bezant.desks",
    "Evaluation": "bezant.evidence.evaluation",
    "ExpectedLoss": "bezant.desks",
    "HistoryModel": "bezant.desks",
    "Field": "bezant.schema",
    "InputError": "bezant.types",
    "Kind": "bezant.schema",
    "LabelsAsOf": "bezant.histories",
    "LossSeverity": "bezant.desks",
    "MacroOverlay": "bezant.desks",
    "MarketForecaster": "bezant.desks",
    "MarketRisk": "bezant.desks",
    "MasterScale": "bezant.evidence.grades",
    "MissingExtraError": "bezant.types",
    "PDTermStructure": "bezant.desks",
    "ProductRecommender": "bezant.desks",
    "Role": "bezant.schema",
    "Scenario": "bezant.desks",
    "Schema": "bezant.schema",
    "TrainingConfig": "bezant.training.config",
    "check": "bezant.evidence.checks",
    "compare_optimizers": "bezant.desks",
    "datasets": "bezant.datasets",
    "evaluate_scores": "bezant.evidence.evaluation",
    "fit_macro_overlay": "bezant.desks",
    "infer_schema": "bezant.schema",
    "join_as_of": "bezant.histories",
    "labels_as_of": "bezant.histories",
    "load": "bezant.desks",
    "log_fit": "bezant.desks",
    "splits": "bezant.splits",
    "stress_test": "bezant.desks",
    "tune": "bezant.desks",
    "with_records": "bezant.histories",
}
"""Where each public name lives; a module's own name stands for the module."""

__all__ = [
    "ArtifactError",
    "Blend",
    "CheckReport",
    "CreditRisk",
    "CustomerDemand",
    "Evaluation",
    "ExpectedLoss",
    "Field",
    "HistoryModel",
    "InputError",
    "Kind",
    "LabelsAsOf",
    "LossSeverity",
    "MacroOverlay",
    "MarketForecaster",
    "MarketRisk",
    "MasterScale",
    "MissingExtraError",
    "PDTermStructure",
    "ProductRecommender",
    "Role",
    "Scenario",
    "Schema",
    "TrainingConfig",
    "__version__",
    "check",
    "compare_optimizers",
    "datasets",
    "evaluate_scores",
    "fit_macro_overlay",
    "infer_schema",
    "join_as_of",
    "labels_as_of",
    "load",
    "log_fit",
    "splits",
    "stress_test",
    "tune",
    "with_records",
]


def __getattr__(name: str) -> Any:
    """Import a public name the first time it is asked for (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'bezant' has no attribute {name!r}")
    module = importlib.import_module(home)
    value = module if home == f"bezant.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, whether they have been used or not."""
    return sorted(__all__)
