"""What a search may change about a credit model, and the settings that stand for each choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bezant.desks.estimators.network_settings import NetworkSettings
from bezant.training.optimizers import LEARNING_RATES

SPACE_VERSION = 1
"""Changes with the space: a study of another space cannot go on."""

SMOOTHINGS = {"3, 30": (3.0, 30.0), "10, 100": (10.0, 100.0), "30, 300": (30.0, 300.0)}
"""Strengths of smoothing that are tried, by the name they have in a study."""

WEIGHT_DECAY = 0.03
"""What AdamW takes if it is told nothing."""


def propose(trial: Any) -> dict[str, Any]:
    """Return one choice of a study's trial."""
    return {
        "size": trial.suggest_categorical("size", ["tiny", "small"]),
        "dropout": trial.suggest_float("dropout", 0.0, 0.6),
        "learning_rate": trial.suggest_float("learning_rate", 0.0005, 0.02, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 0.001, 1.0, log=True),
        "hide": trial.suggest_float("hide", 0.0, 0.4),
        "least_rows_a_value": trial.suggest_int("least_rows_a_value", 1, 200, log=True),
        "smoothings": trial.suggest_categorical("smoothings", list(SMOOTHINGS)),
    }


def usual_choice(rows: int) -> dict[str, Any]:
    """Return the choice that stands for the usual settings of a table with so many rows."""
    usual = NetworkSettings()
    return {
        "size": "small",
        "dropout": usual.dropout,
        "learning_rate": LEARNING_RATES["adamw"],
        "weight_decay": WEIGHT_DECAY,
        "hide": usual.hide,
        "least_rows_a_value": int(np.clip(rows // 2000, 2, 20)),
        "smoothings": next(name for name, value in SMOOTHINGS.items() if value == usual.smoothings),
    }


def settings_of(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of :class:`bezant.CreditRisk` that a choice stands for."""
    return {
        "size": choice["size"],
        "training": {name: choice[name] for name in ("learning_rate", "weight_decay")},
        "network": {
            "dropout": choice["dropout"],
            "hide": choice["hide"],
            "smoothings": list(SMOOTHINGS[choice["smoothings"]]),
            "least_rows_a_value": choice["least_rows_a_value"],
        },
    }
