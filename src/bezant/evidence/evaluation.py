"""A model's held-out figures beside those of the others on the same rows, with a verdict in one sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.evidence.comparison import Comparison
from bezant.evidence.intervals import Estimate
from bezant.types import FloatArray, InputError, IntArray

__all__ = ["FIGURES", "Comparison", "Estimate", "Evaluation"]

FIGURES: Mapping[str, str] = MappingProxyType(
    {
        "roc_auc": "AUC",
        "gini": "Gini",
        "ks": "KS",
        "average_precision": "average precision",
        "log_loss": "log loss",
        "brier": "Brier",
        "expected_calibration_error": "ECE",
        "calibration_slope": "slope",
    }
)
"""The figures of every model and every group, and how they are called in tables."""

GROUP_SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("group_by", pa.string()),
        ("group", pa.string()),
        ("rows", pa.int64()),
        ("events", pa.int64()),
        ("figure", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)
"""The columns of the tidy tables: one row a model, group and figure."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The held-out figures of the large model and of the others, on the same rows.

    Parameters
    ----------
    large : str
        The large model's name: a key of ``figures``.
    y : array of shape (n,)
        The outcomes, 0 or 1 (1 is the event, such as default); empty where they were not kept.
    scores : mapping of str to array of shape (n,)
        Every model's probabilities of 1, the large model's among them; empty where they were not kept.
    figures : mapping of str to mapping of str to Estimate
        Model, then figure (a key of :data:`FIGURES`), on all rows.
    by_period, by_segment : pyarrow.Table
        The columns of :data:`GROUP_SCHEMA`; beside the figures above, ``event_rate`` (observed) and
        ``mean_score`` (predicted). No rows where no time or no segments were given.
    comparisons : tuple of Comparison
        The large model against each other one.
    verdict : str
        One sentence.
    notes : tuple of str, default ()
        What was skipped or grouped, in sentences.
    level : float, default 0.95
        The coverage the intervals aim at.
    rows, events : int
        Number of rows and of ones; counted from ``y`` where it was kept.
    """

    large: str
    y: IntArray
    scores: Mapping[str, FloatArray]
    figures: Mapping[str, Mapping[str, Estimate]]
    by_period: pa.Table
    by_segment: pa.Table
    comparisons: tuple[Comparison, ...]
    verdict: str
    notes: tuple[str, ...] = ()
    level: float = 0.95
    rows: int = 0
    events: int = 0

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "y", np.asarray(self.y).astype(np.int8))
        set_field(self, "scores", {m: np.asarray(p, dtype=np.float64) for m, p in self.scores.items()})
        set_field(self, "comparisons", tuple(self.comparisons))
        set_field(self, "notes", tuple(self.notes))
        if len(self.y):
            set_field(self, "rows", len(self.y))
            set_field(self, "events", int(self.y.sum()))
        self._check()

    def _check(self) -> None:
        if self.large not in self.figures:
            raise InputError(
                f"There are no figures of the large model {self.large!r}; the models are "
                f"{', '.join(map(repr, self.figures))}."
            )
        for model, p in self.scores.items():
            if len(p) != len(self.y):
                raise InputError(
                    f"The model {model!r} has {len(p)} scores for {len(self.y)} outcomes; "
                    "score every row once."
                )
        for name in ("by_period", "by_segment"):
            if getattr(self, name).schema.names != GROUP_SCHEMA.names:
                raise InputError(
                    f"The table {name} has the columns {getattr(self, name).schema.names}; "
                    f"it needs {GROUP_SCHEMA.names}."
                )

    def to_json(self, *, with_scores: bool = False) -> str:
        """Return the evaluation as JSON text that :meth:`from_json` reads.

        Parameters
        ----------
        with_scores : bool, default False
            Whether to keep ``y`` and ``scores``: about 20 bytes a row and model.
        """
        content: dict[str, Any] = {
            "large": self.large,
            "rows": self.rows,
            "events": self.events,
            "level": self.level,
            "verdict": self.verdict,
            "notes": self.notes,
            "figures": {m: {f: asdict(e) for f, e in by.items()} for m, by in self.figures.items()},
            "comparisons": [asdict(c) for c in self.comparisons],
            "by_period": self.by_period.to_pylist(),
            "by_segment": self.by_segment.to_pylist(),
        }
        if with_scores:
            content["y"] = self.y.tolist()
            content["scores"] = {m: p.tolist() for m, p in self.scores.items()}
        return json.dumps(_without_nan(content), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """Return the evaluation written by :meth:`to_json`; the scores are empty if they were not kept."""
        content = json.loads(text)
        figures = {
            m: {f: Estimate(**_with_nan(e)) for f, e in by.items()} for m, by in content["figures"].items()
        }
        tables = {
            name: pa.Table.from_pylist([_with_nan(row) for row in content[name]], schema=GROUP_SCHEMA)
            for name in ("by_period", "by_segment")
        }
        return cls(
            large=content["large"],
            y=np.asarray(content.get("y", ()), dtype=np.int8),
            scores=content.get("scores", {}),
            figures=figures,
            comparisons=tuple(Comparison(**_with_nan(c)) for c in content["comparisons"]),
            verdict=content["verdict"],
            notes=tuple(content["notes"]),
            level=content["level"],
            rows=content["rows"],
            events=content["events"],
            **tables,
        )


def _without_nan(value: Any) -> Any:
    """Replace NaN, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(value: dict[str, Any]) -> dict[str, Any]:
    return {k: math.nan if v is None else v for k, v in value.items()}
