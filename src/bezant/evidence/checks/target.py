"""Is there enough of both outcomes to learn from?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bezant.evidence.checks.finding import Finding, of_rows
from bezant.evidence.checks.view import View
from bezant.schema.words import counted

EVENTS_AN_INPUT = 10
"""Events an input needs at least: Peduzzi et al. (1996), Journal of Clinical Epidemiology 49(12)."""

FEWEST_EVENTS = 20
"""Below this many rows of the rarer outcome no held-out figure means anything."""


def target_findings(view: View) -> Iterator[Finding]:
    """Find a target of one class, with few events, with a suspicious share, or missing."""
    labelled = int(view.labelled.sum())
    events = int(np.nansum(view.y))
    rarer = min(events, labelled - events)
    counts = {"rows": view.rows, "labelled_rows": labelled, "events": events}
    if labelled < view.rows:
        gone = view.rows - labelled
        yield Finding(
            "target-missing", "warn", (),
            f"The target is missing in {of_rows(gone, view.rows)}, which no statistic here uses; "
            "leave those rows out of the fit and ask why their outcome is not known.",
            counts,
        )  # fmt: skip
    if rarer == 0:
        yield Finding(
            "one-class", "refuse", (),
            f"The target has only one class ({counted(events, 'event')} in {labelled:,} labelled rows); "
            "name another target or add rows of the other outcome.",
            counts,
        )  # fmt: skip
        return
    yield from _few_events(view, rarer, labelled, counts)
    share = events / labelled
    if share > 0.5 and labelled >= 100:
        yield Finding(
            "event-share", "warn", (),
            f"The event (1) is the more frequent outcome, in {of_rows(events, labelled)} ({share:.1%}); "
            "make sure that 1 means default and not its absence.",
            {**counts, "share": share},
        )  # fmt: skip


def _few_events(view: View, rarer: int, labelled: int, counts: dict[str, int]) -> Iterator[Finding]:
    inputs = len(view.inputs)
    wanted = max(EVENTS_AN_INPUT * inputs, FEWEST_EVENTS)
    if rarer >= wanted:
        return
    yield Finding(
        "few-events", "refuse" if rarer < FEWEST_EVENTS else "warn", (),
        f"The rarer outcome stands in only {of_rows(rarer, labelled)} for {inputs} input columns; gather "
        f"at least {wanted:,} such rows ({EVENTS_AN_INPUT} an input) or use fewer columns.",
        {**counts, "inputs": inputs},
    )  # fmt: skip
