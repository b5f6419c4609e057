"""The report of a market backtest as one HTML file that needs nothing from outside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bezant.artifacts import write_whole
from bezant.evidence.markets import MarketScores, MarketTask, PartValue, SurpriseSignal
from bezant.evidence.markets.words import bars_in_words, signed
from bezant.evidence.var_backtests import RiskBacktest
from bezant.histories.market import Bars
from bezant.reports.environment import rendered
from bezant.reports.glossary import MARKET_GLOSSARY
from bezant.reports.html import _moment, _settings
from bezant.reports.market_pictures import (
    asset_pictures,
    coverage_pictures,
    page_styles,
    part_pictures,
    score_picture,
)
from bezant.schema.words import counted
from bezant.traditional.markets import MarketForecast
from bezant.types import AnyArray, FloatArray, InputError

CONTENTS = (
    ("verdict", "Verdict"),
    ("scores", "Scores"),
    ("coverage", "Coverage"),
    ("assets", "Forecasts and risk"),
    ("tails", "VaR and ES"),
    ("parts", "Parts"),
    ("configuration", "Configuration"),
    ("notes", "Notes"),
    ("glossary", "Glossary"),
)
"""Anchors of the sections, and their names in the list of contents."""

MOST_TAILS = 60
"""Rows of the table of VaR backtests."""


@dataclass(frozen=True, eq=False)
class MarketReportContent:
    """Everything that the report of a backtest shows.

    Attributes
    ----------
    title : str
    created : str
        Moment of the report in ISO form.
    bars : Bars
    forecasts : mapping of model to MarketForecast
        Of the same origins; the judged one first.
    scores : MarketScores
    refits : datetime64 array of shape (f,)
    weights : mapping of part to float array of shape (f, 2)
    parts : tuple of PartValue
        What each part gives; empty where there is one alone.
    signals : mapping of asset to SurpriseSignal or None
        Of the assets that are drawn; None where nothing was forecast one bar ahead.
    configuration : mapping of str to object
    notes : tuple of str
    """

    title: str
    created: str
    bars: Bars
    forecasts: Mapping[str, MarketForecast]
    scores: MarketScores
    refits: AnyArray
    weights: Mapping[str, FloatArray]
    parts: tuple[PartValue, ...]
    signals: Mapping[str, SurpriseSignal | None]
    configuration: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.title.strip() or not self.signals:
            raise InputError("A report of markets has a title and draws at least one asset.")

    @property
    def judged(self) -> MarketForecast:
        """Return the forecasts of the model that is judged."""
        return self.forecasts[self.scores.large]


def render_markets(content: MarketReportContent) -> str:
    """Return the report as HTML: no script, font, style or image from outside."""
    return rendered("market.html.j2", **_context(content))


def write_market_report(content: MarketReportContent, path: str | Path) -> Path:
    """Write the report whole or not at all; missing folders are made, an older report is replaced."""
    write_whole(Path(path), render_markets(content).encode("utf-8", errors="replace"))
    return Path(path)


def _context(content: MarketReportContent) -> dict[str, Any]:
    scores = content.scores
    styles = page_styles(scores, content.weights)
    coverage, tails = coverage_pictures(scores, styles), _tail_rows(scores)
    return {
        "title": content.title,
        "created": _moment(content.created),
        "verdict": _spaced(scores.verdict),
        "unpredictable": _spaced(scores.unpredictable),
        "facts": _facts(content),
        "contents": CONTENTS,
        "ratios": score_picture(scores, styles),
        "opening": coverage[:2],
        "columns": [_column(task) for task in scores.tasks],
        "table": _score_rows(scores),
        "significance": _significance(scores),
        "directions": [_spaced(d.sentence) for d in scores.directions],
        "large": scores.large,
        "coverage": coverage[2:],
        "covered": _covered_rows(scores),
        "horizons": [bars_in_words(h) for h in scores.by_regime],
        "assets": [
            (asset, asset_pictures(content.bars, content.judged, asset, signal))
            for asset, signal in content.signals.items()
        ],
        "undrawn": len(np.unique(content.bars.owner[content.judged.rows])) - len(content.signals),
        "tails": tails[:MOST_TAILS],
        "uncounted": max(0, len(tails) - MOST_TAILS),
        "one_ahead": content.judged.horizons[0] == 1,
        "parts": [_part_row(content, part) for part in content.parts],
        "part_horizons": [bars_in_words(h) for h in content.judged.horizons],
        "part_pictures": part_pictures(
            content.refits, content.bars.time[content.judged.rows].max(), content.weights, styles
        ),
        "configuration": _settings(content.configuration),
        "notes": [*content.notes, *scores.notes],
        "glossary": list(MARKET_GLOSSARY.items()),
    }


def _facts(content: MarketReportContent) -> list[tuple[str, str]]:
    found, bars = content.judged, content.bars
    times = bars.time[found.rows].astype("datetime64[D]")
    count = len(np.unique(bars.owner[found.rows]))
    return [
        ("Assets", f"{count:,}"),
        ("Origins", f"{len(found):,}"),
        ("From", str(times.min())),
        ("To", str(times.max())),
        ("Fitted anew", counted(len(content.refits), "time")),
        ("Bars ahead", ", ".join(map(str, found.horizons))),
    ]


# ------------------------------------------------------------------------------------------ tables


def _column(task: MarketTask) -> dict[str, str]:
    against = "over" if task.relative else "minus"
    return {"name": _spaced(task.name), "measure": f"{task.measure} {against} {task.baseline}"}


def _score_rows(scores: MarketScores) -> list[dict[str, Any]]:
    models = list(scores.tasks[0].losses)
    best = {task.name: min(task.losses, key=lambda m: task.figure(m)) for task in scores.tasks}
    return [
        {
            "model": model,
            "large": model == scores.large,
            "cells": [_score_cell(task, model, best[task.name]) for task in scores.tasks],
        }
        for model in models
    ]


def _score_cell(task: MarketTask, model: str, best: str) -> dict[str, Any]:
    figure, chosen = task.figure(model), task.confidence_set
    tested = task.against(model, task.baseline)
    return {
        "text": _spaced(f"{figure:.3f}" if task.relative else signed(figure, ".3f")),
        "best": model == best,
        "kept": chosen is not None and model in chosen.included,
        "small": "" if tested is None else f"p {_p(tested.p_value)}",
    }


def _significance(scores: MarketScores) -> list[dict[str, str]]:
    rows = []
    for task in scores.tasks:
        others = dict.fromkeys(n for n in (task.baseline, task.best_but(scores.large)) if n is not None)
        for other in others:
            tested = task.against(scores.large, other)
            if tested is None:
                continue
            outcome = task.lead(scores.large, other)
            words = {"better": "better", "worse": "worse", "same": "cannot be told apart"}[outcome]
            rows.append(
                {
                    "task": _spaced(task.name),
                    "against": other,
                    "difference": _spaced(_difference(task, other, tested.difference)),
                    "statistic": _spaced(signed(tested.statistic, ".2f")),
                    "p_value": _p(tested.p_value),
                    "adjusted": _p(task.adjusted(scores.large)[other]),
                    "outcome": outcome,
                    "words": words,
                }
            )
    return rows


def _difference(task: MarketTask, other: str, difference: float) -> str:
    """Return a difference of losses as a share of the other's, where losses have a ratio."""
    if not task.relative:
        return signed(difference, ".3f")
    return signed(difference / float(np.nanmean(task.losses[other])), ".1%")


def _covered_rows(scores: MarketScores) -> list[dict[str, Any]]:
    """Return a row a group (regimes, then assets), coverage at each horizon with its interval."""
    regimes = [found[scores.large] for found in scores.by_regime.values()]
    rows = []
    for kind, columns in (("regime", regimes), ("asset", list(scores.by_asset.values()))):
        for label in columns[0].labels:
            if kind == "asset" and (label == "all" or len(columns[0].labels) <= 2):
                continue  # which is told already
            cells = []
            for each in columns:
                at = each.labels.index(label) if label in each.labels else None
                if at is None:
                    cells.append({"text": "–", "small": ""})
                    continue
                interval = f"{100 * each.low[at]:.1f} to {100 * each.high[at]:.1f}"
                cells.append({"text": f"{100 * each.rate[at]:.1f}%", "small": interval})
            rows.append({"label": label, "cells": cells})
    return rows


def _tail_rows(scores: MarketScores) -> list[dict[str, Any]]:
    return [
        _tail_row(asset, level, test)
        for asset, levels in scores.tails.items()
        for level, test in levels.items()
    ]


def _tail_row(asset: str, level: float, test: RiskBacktest) -> dict[str, Any]:
    by_name = {t.name: t for t in test.tests}
    return {
        "asset": asset,
        "level": f"{100 * level:g}%",
        "days": f"{test.days:,}",
        "beyond": f"{int(test.exceptions.sum())}",
        "rate": f"{100 * test.rate:.2f}%",
        "tests": [
            {"text": _p(t.p_value), "rejected": t.rejects()} if (t := by_name.get(name)) else None
            for name in TESTS.values()
        ],
        "light": f"{test.light.zone}, ×{test.light.multiplier:.2f}" if test.light else "–",
        "zone": test.light.zone if test.light else "",
    }


TESTS = {
    "Kupiec": "Kupiec",
    "Christoffersen": "Christoffersen",
    "Dynamic quantile": "Dynamic quantile",
    "Z2": "Acerbi-Szekely Z2",
}
"""Columns of the table of tails, and the names of their tests."""


def _part_row(content: MarketReportContent, part: PartValue) -> dict[str, Any]:
    return {
        "name": part.name,
        "variance_weight": f"{100 * part.variance_weight:.0f}%",
        "quantile_weight": f"{100 * part.quantile_weight:.0f}%",
        "without_variance": _spaced(signed(part.without_variance, ".4f")),
        "without": [_spaced(signed(v, ".2%")) for v in part.without_quantiles],
    }


def _p(value: float) -> str:
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def _spaced(text: str) -> str:
    """Write numbers as the rest of the page does: a minus for a hyphen, and no space before per cent."""
    return re.sub(r"(?<![\w.])-(?=\d)", "\N{MINUS SIGN}", text).replace(" %", "%")
