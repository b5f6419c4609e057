"""The sentences above the pictures of a validation report."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from bezant.reports.pictures import opening_pictures


def caption(evaluation, shares):
    """Return what is said of the default rate by period of which the large model expects these shares."""
    rows = evaluation.by_period.to_pylist()
    for row in rows:
        if row["model"] == evaluation.large and row["figure"] == "mean_score":
            row["value"] = shares(row["group"])
        if row["figure"] == "event_rate":
            row |= {"value": 0.2, "low": 0.1, "high": 0.3}
    table = pa.Table.from_pylist(rows, schema=evaluation.by_period.schema)
    pictures, _ = opening_pictures(replace(evaluation, by_period=table))
    return next(d.caption for d in pictures if d.title == "Default rate by period of approval")


def test_the_period_that_is_farthest_off_is_named_not_the_last_one(content):
    evaluation = content.evaluation
    second = sorted(set(evaluation.by_period["group"].to_pylist()))[1]
    said = caption(evaluation, lambda group: 0.05 if group == second else 0.29)
    assert f"{evaluation.large} is farthest off in {second}, with 5.0% where 20.0% defaulted." in said
    assert f"{evaluation.large} stays within the interval of every period." in caption(
        evaluation, lambda group: 0.15
    )
