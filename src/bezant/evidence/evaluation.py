"""A model's held-out figures beside those of the others on the same rows, with a verdict in one sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bezant.evidence.bootstrap import RESAMPLES
from bezant.evidence.comparison import Comparison, compare_models, verdict_sentence
from bezant.evidence.groups import (
    FIGURES,
    GROUP_SCHEMA,
    TOP_SEGMENTS,
    figure_estimates,
    figures_by_group,
    segment_values,
    tidy_rows,
    years,
)
from bezant.evidence.intervals import Estimate
from bezant.metrics.checks import outcomes_and_probabilities
from bezant.types import FloatArray, InputError, IntArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FIGURES",
    "GROUP_SCHEMA",
    "Comparison",
    "Estimate",
    "Evaluation",
    "evaluate_scores",
    "figure_estimates",
]


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

    def to_frame(self) -> pd.DataFrame:
        """Return all figures as one tidy pandas frame with the columns of :data:`GROUP_SCHEMA`.

        The figures on all rows come first, with ``group_by`` and ``group`` both ``"all"``.
        """
        overall = tidy_rows(self.figures, "all", "all", self.rows, self.events)
        table = pa.Table.from_pylist(overall, schema=GROUP_SCHEMA)
        frame: pd.DataFrame = pa.concat_tables([table, self.by_period, self.by_segment]).to_pandas()
        return frame

    def __str__(self) -> str:
        heads = ["model", *FIGURES.values()]
        order = sorted(self.figures, key=lambda model: model != self.large)
        body = [[model, *(_cell(self.figures[model], f) for f in FIGURES)] for model in order]
        widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in (heads, *body)
        ]
        about = f"{self.rows:,} rows, {self.events:,} events; {100 * self.level:g} % intervals in brackets"
        return "\n".join([about, "", *lines, "", self.verdict, *self.notes])


WITH_INTERVAL = ("roc_auc", "log_loss")
"""The figures whose interval stands in the text table; the others have theirs in ``figures``."""


def _cell(figures: Mapping[str, Estimate], figure: str) -> str:
    if figure not in figures:
        return ""
    e = figures[figure]
    if math.isnan(e.value):
        return "-"
    interval = f" [{e.low:.3f}, {e.high:.3f}]" if figure in WITH_INTERVAL and not math.isnan(e.low) else ""
    return f"{e.value:.3f}{interval}"


def evaluate_scores(
    y: npt.ArrayLike,
    scores: Mapping[str, npt.ArrayLike],
    *,
    large: str,
    time: npt.ArrayLike | None = None,
    segments: Mapping[str, npt.ArrayLike] | None = None,
    random_state: int | None = 0,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Judge the large model beside others on the same held-out rows.

    Parameters
    ----------
    y : array-like of shape (n,)
        The outcomes, 0 or 1. They must be of rows no model was trained, tuned or calibrated on.
    scores : mapping of str to array-like of shape (n,)
        Every model's probabilities of 1, in the order of ``y``.
    large : str
        The key of the large model in ``scores``.
    time : array-like of datetime64 of shape (n,), optional
        When each row happened; gives the figures by year.
    segments : mapping of str to array-like of str of shape (n,), optional
        Columns to look into; the 8 most frequent values of each, and the others together.
    random_state : int or None, default 0
        Seed of the bootstrap.
    level : float, default 0.95
        Coverage of all intervals; a difference is significant below ``1 - level``.
    resamples : int, default 300
        Bootstrap samples.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If lengths differ, a score is missing or no probability, or ``large`` has no scores.
    """
    if large not in scores:
        raise InputError(
            f"The large model {large!r} has no scores; the models are {', '.join(map(repr, scores))}."
        )
    outcomes, checked = _checked(y, scores)
    by_year = {} if time is None else {"year": years(time, len(outcomes))}
    columns = {name: segment_values(name, values, len(outcomes)) for name, values in (segments or {}).items()}
    seeds = np.random.SeedSequence(random_state)
    figures = figure_estimates(outcomes, checked, level=level, resamples=resamples, random_state=seeds)
    notes: list[str] = []
    tables = [
        figures_by_group(outcomes, checked, groups, most, level, resamples, seeds, notes)
        for groups, most in ((by_year, None), (columns, TOP_SEGMENTS))
    ]
    comparisons = compare_models(outcomes, checked, large=large, level=level)
    return Evaluation(
        large=large,
        y=outcomes,
        scores=checked,
        figures={m: {f: by[f] for f in FIGURES} for m, by in figures.items()},
        by_period=tables[0],
        by_segment=tables[1],
        comparisons=comparisons,
        verdict=verdict_sentence(figures, comparisons, large=large, level=level),
        notes=tuple(notes),
        level=level,
    )


def _checked(
    y: npt.ArrayLike, scores: Mapping[str, npt.ArrayLike]
) -> tuple[npt.NDArray[np.int8], dict[str, npt.NDArray[np.float64]]]:
    """Return outcomes and probabilities as arrays, or name the model whose scores are no good."""
    checked = {}
    for model, p in scores.items():
        try:
            outcomes, checked[model] = outcomes_and_probabilities(y, p)
        except InputError as error:
            raise InputError(f"Model {model!r}: {error}") from error
    return outcomes.astype(np.int8), checked


def _without_nan(value: Any) -> Any:
    """Replace NaN, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(value: dict[str, Any]) -> dict[str, Any]:
    return {k: math.nan if v is None else v for k, v in value.items()}
