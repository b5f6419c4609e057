"""The validation report as one HTML file that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bezant.artifacts import write_whole
from bezant.reports.content import DataSummary, Finding, ReportContent, Severity
from bezant.reports.environment import rendered
from bezant.reports.glossary import GLOSSARY
from bezant.reports.pictures import (
    NO_PERIODS,
    NO_SCORES,
    ONE_OUTCOME,
    opening_pictures,
    score_pictures,
    training_pictures,
)
from bezant.reports.tables import (
    comparison_table,
    group_tables,
    left_off,
    percent,
    significance_rows,
    tally,
)

MOST_COLUMNS = 300
"""Columns of the training table that are listed."""

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
    return rendered("report.html.j2", **_context(content))


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
    opening, opening_gaps = opening_pictures(evaluation)
    training, training_gaps = training_pictures(content)
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
        "scores": score_pictures(evaluation),
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
        "columns_left_off": left_off(len(content.data.columns), MOST_COLUMNS, "columns"),
        "configuration": _settings(content.configuration),
        "versions": _settings(content.versions),
        "notes": _notes(content),
        "glossary": list(GLOSSARY.items()),
    }


# ---------------------------------------------------------------------------------------- opening


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


def _notes(content: ReportContent) -> list[str]:
    notes = list(dict.fromkeys([*content.notes, *content.evaluation.notes]))
    more = left_off(len(content.findings), MOST_SENTENCES, "findings")
    return notes[:MOST_SENTENCES] + [
        said for said in (left_off(len(notes), MOST_SENTENCES, "notes"), more) if said
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
