"""The settings of a history model, checked, and how its training follows from the number of histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from bezant.network.backbones import BackboneConfig, BackboneKind
from bezant.network.history import TERMS, HistoryConfig, Term
from bezant.network.record_encoder import RecordsConfig
from bezant.network.sizes import SizeName
from bezant.schema.words import listed
from bezant.training.config import TrainingConfig, read_config
from bezant.types import InputError

STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 800, 2, 60
"""Training needs steps: so many, in at least and at most so many passes."""


def history_config(
    backbone: BackboneConfig | BackboneKind, size: SizeName, window: int, terms: Sequence[Term]
) -> HistoryConfig:
    """Return the network's configuration; an InputError says in one sentence what a setting may be."""
    _refuse_unknown(backbone, size, window, terms)
    if not isinstance(backbone, BackboneConfig):
        backbone = BackboneConfig(kind=backbone, size=size)
    if not backbone.causal:
        raise InputError(
            "A history model reads from the past to the present; give it a causal backbone, such as "
            "BackboneConfig(kind='cnn')."
        )
    return HistoryConfig(records=RecordsConfig(backbone=backbone, window=window), terms=tuple(terms))


def _refuse_unknown(backbone: object, size: object, window: object, terms: object) -> None:
    if not isinstance(backbone, BackboneConfig):
        allowed_of = {"backbone": (backbone, get_args(BackboneKind)), "size": (size, get_args(SizeName))}
        for name, (given, allowed) in allowed_of.items():
            if not isinstance(given, str) or given not in allowed:
                raise InputError(f"{name} is one of {listed(allowed)}, not {given!r}.")
    if isinstance(window, bool) or not isinstance(window, int) or window < 1:
        raise InputError(f"window is a whole number from 1 on, not {window!r}; 256 is usual.")
    known = isinstance(terms, list | tuple) and all(isinstance(t, str) and t in TERMS for t in terms)
    if not known or not isinstance(terms, list | tuple) or not terms or len(set(terms)) < len(terms):
        raise InputError(
            f"terms is a tuple of some of {listed(TERMS)}, each once, not {terms!r}; all are usual."
        )


def history_training(
    given: TrainingConfig | Mapping[str, Any] | None, seed: int, rows: int
) -> TrainingConfig:
    """Return how so many histories are trained on; what was not given follows from their number."""
    config = given if isinstance(given, TrainingConfig) else read_config(given or {})
    batch = config.batch_size or int(np.clip(2 ** round(np.log2(max(rows, 2) / 32)), 16, 128))
    epochs = config.max_epochs or int(
        np.clip(round(STEPS * batch / max(rows, 1)), FEWEST_EPOCHS, MOST_EPOCHS)
    )
    rate = config.learning_rate or (0.002 if config.optimizer == "adamw" else None)
    chosen = {"seed": seed, "batch_size": batch, "max_epochs": epochs, "learning_rate": rate}
    return config.model_copy(update=chosen)
