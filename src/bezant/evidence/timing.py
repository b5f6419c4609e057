"""Held-out figures of models that say when an event comes, all on the same censored rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.metrics.classification import roc_auc
from bezant.metrics.survival import censored_brier, concordance, kaplan_meier, status_at
from bezant.types import BoolArray, FloatArray


@dataclass(frozen=True)
class HorizonFigures:
    """One model at one horizon.

    Attributes
    ----------
    model : str
        Its name.
    month : float
        The horizon, from origination.
    known, events : int
        Rows whose status at the horizon is known, and the events among them.
    auc : float
        Area under the ROC curve among the known; NaN with one class.
    predicted : float
        Mean probability of all rows.
    observed : float
        Kaplan-Meier estimate of all rows, which allows for those not observed so long.
    brier : float
        Mean squared error, weighted for censoring (Graf et al. 1999).
    """

    model: str
    month: float
    known: int
    events: int
    auc: float
    predicted: float
    observed: float
    brier: float


@dataclass(frozen=True)
class TimingEvaluation:
    """Figures of several models on the same rows.

    Attributes
    ----------
    large : str
        The large model's name.
    rows : int
        Rows judged.
    concordance : mapping of str to float
        By model, of the probability at the last horizon (Harrell et al. 1982).
    horizons : tuple of HorizonFigures
        Model by model, horizon by horizon.
    """

    large: str
    rows: int
    concordance: Mapping[str, float]
    horizons: tuple[HorizonFigures, ...]

    def __post_init__(self) -> None:
        if self.large not in self.concordance:
            raise ValueError(f"there are no figures of {self.large!r}")

    def to_table(self) -> pa.Table:
        """Return one row a model and horizon."""
        rows = [asdict(h) | {"concordance": self.concordance[h.model]} for h in self.horizons]
        return pa.Table.from_pylist(rows)

    def to_json(self) -> str:
        """Return everything as JSON; a figure that does not exist is null."""
        horizons = [{k: _plain(v) for k, v in asdict(h).items()} for h in self.horizons]
        shares = {name: _plain(value) for name, value in self.concordance.items()}
        found = {"large": self.large, "rows": self.rows, "concordance": shares, "horizons": horizons}
        return json.dumps(found, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> TimingEvaluation:
        """Build it again from :meth:`to_json`."""
        document = json.loads(text)
        horizons = tuple(HorizonFigures(**_with_nan(h)) for h in document["horizons"])
        return cls(document["large"], document["rows"], _with_nan(document["concordance"]), horizons)


def evaluate_timing(
    duration: FloatArray,
    event: BoolArray,
    scores: Mapping[str, FloatArray],
    months: Sequence[float],
    *,
    large: str,
) -> TimingEvaluation:
    """Judge probabilities of the event by each horizon.

    Parameters
    ----------
    duration : float64 array, shape (n,)
        Months to the event or to the end of observation.
    event : bool array, shape (n,)
    scores : mapping of str to float64 array of shape (n, horizons)
        By model.
    months : sequence of float
        The horizons.
    large : str
        The large model's key in ``scores``.
    """
    figures = []
    for name, p in scores.items():
        for place, month in enumerate(months):
            by_then, known = status_at(duration, event, month)
            events = int((by_then & known).sum())
            both = 0 < events < known.sum()
            figures.append(
                HorizonFigures(
                    name,
                    float(month),
                    int(known.sum()),
                    events,
                    roc_auc(by_then[known].astype(float), p[known, place]) if both else float("nan"),
                    float(p[:, place].mean()) if len(p) else float("nan"),
                    float(1 - kaplan_meier(duration, event, np.array([month]))[0]),
                    censored_brier(duration, event, p[:, place], month),
                )
            )
    shares = {name: concordance(duration, event, p[:, -1]) for name, p in scores.items()}
    return TimingEvaluation(large, len(duration), shares, tuple(figures))


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _with_nan(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float("nan") if value is None else value for key, value in document.items()}
