"""Run every check on a table, in an order in which what one has settled is not said twice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pyarrow as pa

from bezant.evidence.checks.copies import (
    duplicate_column_findings,
    duplicate_row_findings,
    follows_time_findings,
)
from bezant.evidence.checks.decision_time import later_time_findings, sister_findings
from bezant.evidence.checks.digits import digit_findings
from bezant.evidence.checks.drift import drift_findings
from bezant.evidence.checks.finding import CheckReport, Finding
from bezant.evidence.checks.identifiers import constant_findings, identifier_findings
from bezant.evidence.checks.outcome import alone_findings, one_outcome_findings
from bezant.evidence.checks.snapshot import snapshot_findings
from bezant.evidence.checks.target import target_findings
from bezant.evidence.checks.time_order import time_findings
from bezant.evidence.checks.view import View, view_of
from bezant.schema import Schema
from bezant.types import AnyArray


def check(
    table: pa.Table,
    schema: Schema,
    y: AnyArray,
    *,
    times: AnyArray | None = None,
    max_rows: int = 200_000,
    random_state: int = 0,
    today: date | None = None,
) -> CheckReport:
    """Look for what spoils a model before it is fitted.

    Parameters
    ----------
    table : pyarrow.Table
        n rows, raw or typed; columns that the schema does not know are left aside.
    schema : Schema
        What the columns mean. Only inputs are judged; the ordering time is the field with that role.
    y : (n,) array
        The target, 0 or 1 (the event), NaN where it is missing.
    times : (n,) datetime64 array, optional
        The ordering time, where it is not a column of the table.
    max_rows : int, default 200000
        Out-of-fold statistics use at most this many labelled rows, drawn at random; counts, event
        shares and drift always use all rows.
    random_state : int, default 0
        Seed of that draw and of the folds: the same input gives the same report.
    today : date, optional
        Day after which times lie in the future, default the day of the call.

    Returns
    -------
    CheckReport

    Raises
    ------
    InputError
        If the table is empty, y or times does not fit it, y holds something but 0, 1 and missing, or
        a column cannot be read as its kind.
    """
    view = view_of(table, schema, y, times, max_rows, random_state)
    findings = list(target_findings(view))
    settled = _keep(findings, constant_findings(view)) | _keep(findings, identifier_findings(view))
    view = view.without(settled)
    if not any(f.code == "one-class" for f in findings):
        view = _without_leaks(view, findings)
    findings.extend(duplicate_column_findings(view))
    findings.extend(duplicate_row_findings(view))
    findings.extend(time_findings(view, today))
    follows = list(follows_time_findings(view))
    findings.extend(follows)
    findings.extend(drift_findings(view.without(f.columns[0] for f in follows)))
    if any("out-of-fold" in f.sentence for f in findings) and len(view.sample) < int(view.labelled.sum()):
        findings.append(_sampled(view, random_state))
    return CheckReport(tuple(findings))


def _without_leaks(view: View, findings: list[Finding]) -> View:
    """Add the leaks to the findings, each column once under its plainest sign; return the rest."""
    judged = {c.name: c for c in view.columns}
    late: list[str] = []
    for family in (one_outcome_findings, later_time_findings, digit_findings, alone_findings):
        found = list(family(view))
        findings.extend(found)
        leaks = [f for f in found if f.severity != "note"]
        late += [f.columns[0] for f in leaks if f.code != "leaks-through-digits"]
        view = view.without(f.columns[0] for f in leaks)
    view = view.without(_keep(findings, sister_findings(view, [judged[n] for n in late]), first=True))
    _keep(findings, snapshot_findings(view))  # these stay: they are questions
    return view


def _keep(findings: list[Finding], found: Iterable[Finding], *, first: bool = False) -> set[str]:
    """Add findings to the list and return the columns that they name (or name first)."""
    found = list(found)
    findings.extend(found)
    return {n for f in found for n in (f.columns[:1] if first else f.columns)}


def _sampled(view: View, random_state: int) -> Finding:
    rows, labelled = len(view.sample), int(view.labelled.sum())
    return Finding(
        "sampled", "note", (),
        f"The out-of-fold figures come from {rows:,} of {labelled:,} labelled rows, drawn at random with "
        f"seed {random_state}; raise max_rows to use more.",
        {"rows": labelled, "sampled_rows": rows},
    )  # fmt: skip
