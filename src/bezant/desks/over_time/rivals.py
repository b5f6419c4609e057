"""The traditional models of when an event comes, beside the large one: same rows, same held-out part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.desks.estimators.intake import Intake
from bezant.network.fields.glance import NOTHING, Glance
from bezant.traditional.hazard import HAZARDS, KaplanMeier, LogisticHazard
from bezant.training.table import HeldOut
from bezant.types import FloatArray


@dataclass(frozen=True)
class HazardRival:
    """A fitted traditional model of when an event comes.

    Attributes
    ----------
    model : KaplanMeier or LogisticHazard
        Fitted on all rows.
    glance : Glance
        How the records of rows become columns that it reads.
    """

    model: KaplanMeier | LogisticHazard
    glance: Glance = NOTHING

    @property
    def name(self) -> str:
        """Name in tables and pictures."""
        return self.model.name

    def score_periods(self, table: pa.Table) -> FloatArray:
        """Return the probability of the event by the end of each period, shape (n, T), for typed rows."""
        return self.model.score_periods(self.glance.told(table))

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {**self.model.to_document(), "glance": self.glance.model_dump(mode="json")}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> HazardRival:
        """Read what :meth:`to_document` returned, or the model alone did before rows had records."""
        model = HAZARDS[document["model"]].from_document(document)
        return cls(model, Glance.model_validate(document.get("glance", {})))


@dataclass(frozen=True)
class HazardRivals:
    """The traditional models of one fit.

    Attributes
    ----------
    models : tuple of HazardRival
        In the order of the tables.
    judged : dict of str to float64 array
        By name: probabilities (n, T) on the judging rows, by models that were fitted to the others.
    notes : tuple of str
        Which could not be fitted, and why.
    """

    models: tuple[HazardRival, ...]
    judged: dict[str, FloatArray]
    notes: tuple[str, ...]


def fit_hazard_rivals(
    intake: Intake, targets: FloatArray, periods: int, parts: HeldOut, wanted: bool, glance: Glance
) -> HazardRivals:
    """Fit the traditional models; of rows with records they read what ``glance`` tells of these.

    Parameters
    ----------
    intake : Intake
        The n typed rows.
    targets : float64 array, shape (n, 2)
        As :func:`bezant.network.heads.hazard.hazard_targets` makes them.
    periods : int
        Number T of periods.
    parts : HeldOut
        Rows that judge, and those to learn from before.
    wanted : bool
        Whether any is to be fitted.
    glance : Glance
        What the large model is told of the records.
    """
    if not wanted:
        return HazardRivals((), {}, ())
    judged: dict[str, FloatArray] = {}
    models: list[HazardRival] = []
    notes: list[str] = []
    learned = np.concatenate([parts.training, parts.stopping])
    table, schema = glance.told(intake.table), glance.told_schema(intake.schema)
    for kind in HAZARDS.values():
        try:
            if len(parts.judging):
                first = kind().fit(table.take(learned), schema, targets[learned], periods)
                judged[kind.name] = first.score_periods(table.take(parts.judging))
            models.append(HazardRival(kind().fit(table, schema, targets, periods), glance))
        except Exception as error:  # a rival's failure must not lose a trained model
            judged.pop(kind.name, None)
            notes.append(f"{kind.name} could not be fitted ({type(error).__name__}): {error}")
    return HazardRivals(tuple(models), judged, tuple(notes))


def restore_hazard_rival(document: str) -> HazardRival:
    """Build a rival again from its saved text."""
    return HazardRival.from_document(json.loads(document))
