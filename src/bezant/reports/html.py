"""The validation report as one HTML file that needs nothing from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bezant.artifacts import write_whole
from bezant.evidence.evaluation import Evaluation
from bezant.metrics import curves
from bezant.reports import figures
from bezant.reports.canvas import LineStyle, line_styles
from bezant.reports.content import DataSummary, Finding, LearningCurve, ReportContent, Severity
from bezant.reports.glossary import GLOSSARY
from bezant.reports.tables import (
    comparison_table,
    goodness,
    group_tables,
    model_order,
    number,
    percent,
    significance_rows,
    tally,
)
from bezant.types import FloatArray

HEADLINE = "roc_auc"
"""The figure that opens the report."""

MOST_COLUMNS = 300
"""Columns of the training table that are listed."""

MOST_IMPORTANT = 15
"""Columns that the picture of importance shows."""

MOST_SENTENCES = 500
"""Findings, and notes, that are printed."""

CONTENTS = (
    ("verdict", "Verdict"),
    ("comparison", "Comparison"),
    ("scores", "Scores"),
    ("periods", "Periods and segments"),
    ("training", "Inputs and learning"),
    ("data", "Data and findings"),
    ("configuration", "Configuration"),
    ("notes", "Notes"),
    ("glossary", "Glossary"),
)
"""Anchors of the sections, and their names in the list of contents."""

SEVERITY_WORDS = {Severity.REFUSE: "Problem", Severity.WARN: "Warning", Severity.NOTE: "Note"}
"""What a reader sees before a finding."""

NO_SCORES = "The scores of the test rows were not kept, so the pictures drawn from them are left out."
ONE_OUTCOME = "The test rows hold one outcome only, so there is nothing to rank or to calibrate."
NO_PERIODS = "The test rows have no times, so nothing is shown by period."


@dataclass(frozen=True)
class Drawn:
    """A picture with its title and what it says."""

    title: str
    caption: str
    svg: Markup


def render(content: ReportContent) -> str:
    """Return the report as HTML: no script, font, style or image from outside.

    Parameters
    ----------
    content : ReportContent
        What the report shows. The same content gives the same text.

    Returns
    -------
    str
        Under 2 MB however many test rows there are: curves are thinned, tables are capped and say so.
    """
    environment = Environment(
        loader=PackageLoader("bezant.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.j2").render(_context(content)).lstrip()


def write(content: ReportContent, path: str | Path) -> Path:
    """Write the report whole or not at all.

    Parameters
    ----------
    content : ReportContent
        What the report shows.
    path : str or Path
        Where it goes; missing folders are made, an older report is replaced.

    Returns
    -------
    Path
        The file.
    """
    target = Path(path)
    write_whole(target, render(content).encode("utf-8", errors="replace"))
    return target


def _context(content: ReportContent) -> dict[str, Any]:
    evaluation = content.evaluation
    opening, opening_gaps = _opening(evaluation)
    training, training_gaps = _training(content)
    return {
        "title": content.title,
        "created": _moment(content.created),
        "verdict": evaluation.verdict.replace(" %", "\N{NO-BREAK SPACE}%"),
        "tally": tally(evaluation),
        "facts": _facts(content),
        "opening": opening,
        "opening_gaps": opening_gaps,
        "contents": CONTENTS,
        "rows": f"{evaluation.rows:,}",
        "level": percent(evaluation.level, 0),
        "large": evaluation.large,
        "comparison": comparison_table(evaluation),
        "significance": significance_rows(evaluation),
        "scores": _scores(evaluation),
        "no_scores": ONE_OUTCOME if evaluation.scores else NO_SCORES,
        "periods": group_tables(evaluation.by_period, evaluation),
        "no_periods": NO_PERIODS,
        "segments": group_tables(evaluation.by_segment, evaluation),
        "training": training,
        "training_gaps": training_gaps,
        "calibration": _calibration(content),
        "data_sentence": _data_sentence(content.data),
        "findings": [
            (SEVERITY_WORDS[finding.severity], finding)
            for finding in sorted(content.findings, key=_gravity)[:MOST_SENTENCES]
        ],
        "columns": _columns(content.data),
        "columns_left_off": _left_off(len(content.data.columns), MOST_COLUMNS, "columns"),
        "configuration": _settings(content.configuration),
        "versions": _settings(content.versions),
        "notes": _notes(content),
        "glossary": list(GLOSSARY.items()),
    }


# ---------------------------------------------------------------------------------------- opening


def _opening(evaluation: Evaluation) -> tuple[list[Drawn], list[str]]:
    """Return the pictures the report opens on, and a sentence for each that cannot be drawn."""
    drawn, gaps = [], []
    if _both_outcomes(evaluation):
        drawn += [_roc(evaluation), _reliability(evaluation)]
    else:
        gaps.append(
            NO_SCORES if not len(evaluation.y) else "The test rows hold one outcome only, so nothing ranks."
        )
    if evaluation.by_period.num_rows:
        drawn.append(_by_period(evaluation))
    else:
        gaps.append(NO_PERIODS)
    drawn.append(_headline(evaluation))
    return drawn, gaps


def _both_outcomes(evaluation: Evaluation) -> bool:
    return bool(evaluation.scores) and 0 < evaluation.events < evaluation.rows


def _styles(evaluation: Evaluation) -> dict[str, LineStyle]:
    """Return each model's style: the same in every picture."""
    return line_styles(model_order(evaluation), evaluation.large)


def _roc(evaluation: Evaluation) -> Drawn:
    scored = [model for model in model_order(evaluation) if model in evaluation.scores]
    found = {model: curves.roc_curve(evaluation.y, evaluation.scores[model]) for model in scored}
    areas = {model: evaluation.figures[model]["roc_auc"].value for model in scored}
    caption = "Share of defaults caught for each share of good loans refused, from the highest score down."
    svg = figures.roc(found, areas, styles=_styles(evaluation))
    return Drawn("Ranking: ROC curve", caption, Markup(svg))


def _reliability(evaluation: Evaluation) -> Drawn:
    large, peer = evaluation.large, _best_peer(evaluation, "log_loss")
    y, p = evaluation.y, evaluation.scores[large]
    beside = (
        (peer, curves.reliability_curve(y, evaluation.scores[peer])) if peer in evaluation.scores else None
    )
    svg = figures.reliability(
        curves.reliability_curve(y, p, level=evaluation.level),
        curves.score_histogram(y, p),
        styles=_styles(evaluation),
        peer=beside,
    )
    slope = evaluation.figures[large].get("calibration_slope")
    said = f" Slope {number(slope.value, 'calibration_slope')} (ideal: 1)." if slope else ""
    caption = f"Bins of equal size; bars are {percent(evaluation.level, 0)} intervals.{said}"
    return Drawn("Calibration: predicted against observed", caption, Markup(svg))


def _best_peer(evaluation: Evaluation, figure: str) -> str:
    """Return the best model beside the large one, or an empty name where there is none."""
    peers = [m for m, found in evaluation.figures.items() if m != evaluation.large and figure in found]
    return max(peers, key=lambda m: goodness(evaluation.figures[m][figure].value, figure), default="")


def _by_period(evaluation: Evaluation) -> Drawn:
    table = evaluation.by_period
    table = table.filter(pc.equal(table["group_by"], table["group_by"][0]))
    labels = list(dict.fromkeys(table["group"].to_pylist()))

    def series(model: str, figure: str, part: str) -> FloatArray:
        rows = table.filter(pc.and_(pc.equal(table["model"], model), pc.equal(table["figure"], figure)))
        found = dict(zip(rows["group"].to_pylist(), rows[part].to_pylist(), strict=True))
        return np.array([math.nan if found.get(g) is None else found[g] for g in labels], dtype=np.float64)

    large = evaluation.large
    observed, low, high = (series(large, "event_rate", part) for part in ("value", "low", "high"))
    predicted = {model: series(model, "mean_score", "value") for model in model_order(evaluation)}
    svg = figures.default_rate_by_period(labels, observed, low, high, predicted, styles=_styles(evaluation))
    caption = (
        f"Over all test rows {percent(evaluation.events / max(1, evaluation.rows))} defaulted; in "
        f"{labels[-1]} {large} predicts {percent(float(predicted[large][-1]))} where "
        f"{percent(float(observed[-1]))} defaulted."
    )
    return Drawn("Default rate by period of approval", caption, Markup(svg))


def _headline(evaluation: Evaluation) -> Drawn:
    found = {m: by[HEADLINE] for m, by in evaluation.figures.items() if HEADLINE in by}
    ordered = sorted(found, key=lambda model: -goodness(found[model].value, HEADLINE))
    estimates = {model: (found[model].value, found[model].low, found[model].high) for model in ordered}
    svg = figures.headline(estimates, styles=_styles(evaluation), label="AUC")
    best = _best_peer(evaluation, HEADLINE)
    caption = f"With {percent(evaluation.level, 0)} intervals, on the same rows."
    if best:
        gap = found[evaluation.large].value - found[best].value
        word = "above" if gap >= 0 else "below"
        caption += (
            f" {evaluation.large} stands {number(abs(gap), HEADLINE)} {word} the best other model, {best}."
        )
    return Drawn("AUC of every model", caption, Markup(svg))


def _facts(content: ReportContent) -> list[tuple[str, str]]:
    evaluation, data = content.evaluation, content.data
    facts = [("Model", evaluation.large), ("Trained on", f"{data.rows:,} rows")]
    if data.period:
        facts.append(("Training period", _span(*data.period)))
    facts.append(("Judged on", f"{evaluation.rows:,} rows"))
    if content.times is not None and len(content.times):
        times = np.asarray(content.times).astype("datetime64[D]")
        facts.append(("Test period", _span(str(np.nanmin(times)), str(np.nanmax(times)))))
    rate = percent(evaluation.events / max(1, evaluation.rows))
    return [*facts, ("Default rate in the test", rate)]


def _moment(created: str) -> str:
    """Return an ISO time as a reader writes it."""
    moment = datetime.fromisoformat(created)
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def _span(first: str, last: str) -> str:
    """Return two ISO dates as a span of months."""
    return f"{first[:7]} – {last[:7]}" if first[:7] != last[:7] else first[:7]


# ----------------------------------------------------------------------------------- other parts


def _scores(evaluation: Evaluation) -> list[Drawn]:
    if not _both_outcomes(evaluation):
        return []
    large, p = evaluation.large, evaluation.scores[evaluation.large]
    ks = curves.ks_curve(evaluation.y, p)
    spread = figures.score_distribution(curves.score_histogram(evaluation.y, p), large=large)
    said = f"At a probability of {percent(ks.at)} the outcomes of {large} are furthest apart."
    return [
        Drawn("KS curve", said, Markup(figures.ks(ks, large=large))),
        Drawn("Scores by outcome", "Each outcome's scores as shares of its own total.", Markup(spread)),
    ]


def _training(content: ReportContent) -> tuple[list[Drawn], list[str]]:
    drawn, gaps = [], []
    if content.importance is not None and content.importance.num_rows:
        table = content.importance.sort_by([("importance", "descending"), ("column", "ascending")])
        shown = table.slice(0, MOST_IMPORTANT)
        values, low, high = (shown[part].to_numpy().astype(float) for part in ("importance", "low", "high"))
        svg = figures.importance(shown["column"].to_pylist(), values, low, high)
        more = _left_off(table.num_rows, MOST_IMPORTANT, "columns")
        caption = f"Loss in AUC of {content.evaluation.large} when a column is shuffled. {more}".strip()
        drawn.append(Drawn("Permutation importance", caption, Markup(svg)))
    else:
        gaps.append("The importance of the columns was not measured.")
    curve = content.learning
    if curve is not None and len(curve.epoch):
        svg = figures.learning(
            curve.epoch, curve.train_loss, curve.validation_loss, curve.validation_auc, curve.best_epoch
        )
        drawn.append(Drawn("Learning curves", _learning_caption(curve), Markup(svg)))
    else:
        gaps.append("No learning curve was recorded.")
    return drawn, gaps


def _learning_caption(curve: LearningCurve) -> str:
    losses = (
        "Training: mean log loss of the steps, dropout on. Held-out: log loss after recalibration (best "
        "shift and slope)."
    )
    best, ran = curve.best_epoch, len(curve.epoch)
    if curve.refit_rows is None:
        return f"Epoch {best} of {ran} was best on the held-out rows and was kept. {losses}"
    return (
        f"Epoch {best} of {ran} was best on the held-out rows; the delivered model was then trained again "
        f"for {best} {'epoch' if best == 1 else 'epochs'} on all {curve.refit_rows:,} rows. {losses}"
    )


def _calibration(content: ReportContent) -> dict[str, Any] | None:
    choice = content.calibration
    if choice is None:
        return None
    losses = sorted(choice.held_out_log_loss.items(), key=lambda item: (item[1], item[0]))
    sentence = (
        f"Probabilities are calibrated by {choice.method}, chosen by log loss on rows that the network "
    )
    sentence += "was not trained on."
    if content.learning is not None and content.learning.refit_rows is not None:
        sentence = (
            "The methods were compared by log loss on held-out rows with the first network, which was not "
            f"trained on them; the chosen map, {choice.method}, is applied to the network trained on all "
            "rows."
        )
    return {
        "sentence": sentence,
        "rows": [
            {"method": name, "loss": f"{loss:.5f}", "kept": name == choice.method} for name, loss in losses
        ],
    }


def _data_sentence(data: DataSummary) -> str:
    rate = percent(data.events / max(1, data.rows))
    when = f" from {data.period[0][:10]} to {data.period[1][:10]}" if data.period else ""
    return f"The model was trained on {data.rows:,} rows{when}, of which {data.events:,} ({rate}) defaulted."


def _columns(data: DataSummary) -> list[dict[str, str]]:
    return [
        {
            "name": column.name,
            "kind": column.kind,
            "role": column.role,
            "missing": percent(column.missing_share) if column.missing_share else "0",
            "distinct": f"{column.distinct:,}",
            "note": column.note,
        }
        for column in data.columns[:MOST_COLUMNS]
    ]


def _gravity(finding: Finding) -> int:
    return list(Severity).index(finding.severity)


def _left_off(found: int, most: int, what: str) -> str:
    """Return a sentence for what a cap leaves off, or nothing; ``what`` is a plural in s."""
    left = found - most
    if left <= 0:
        return ""
    return f"1 more {what[:-1]} is not shown." if left == 1 else f"{left:,} more {what} are not shown."


def _notes(content: ReportContent) -> list[str]:
    notes = list(dict.fromkeys([*content.notes, *content.evaluation.notes]))
    more = _left_off(len(content.findings), MOST_SENTENCES, "findings")
    return notes[:MOST_SENTENCES] + [
        said for said in (_left_off(len(notes), MOST_SENTENCES, "notes"), more) if said
    ]


def _settings(settings: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Return settings as a flat list of dotted names and texts."""
    flat: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat += _settings(value, f"{prefix}{name}.")
        else:
            flat.append((f"{prefix}{name}", _text(value)))
    return flat


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(part) for part in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
