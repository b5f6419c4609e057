"""Expected demand judged on what came after the period that was learned from."""

from __future__ import annotations

import numpy as np

from bezant.desks.customers.demand_fit import LARGE, FittedDemand, outcomes
from bezant.desks.customers.demand_rows import LAWS, Window
from bezant.evidence.demand import DemandEvaluation, Outlook, evaluate_demand
from bezant.schema.words import counted
from bezant.traditional.demand import Demand, DemandBoosting, Purchases
from bezant.types import InputError

MISSING_END = 0.05
"""Share of the horizon that a log may lack at its end and still be taken to reach it."""


def reaches_end(bought: Purchases, window: Window) -> bool:
    """Tell whether a log ends where a window does, or so little before it that it may have been quiet."""
    missing = window.end - np.timedelta64(1, "D") - bought.day.max()
    return bool(missing / np.timedelta64(7, "D") <= window.weeks * MISSING_END)


def judge_later(fitted: FittedDemand, bought: Purchases, window: Window, seed: int) -> DemandEvaluation:
    """Judge what is expected after the known period on what came, beside the traditional models.

    Parameters
    ----------
    fitted : FittedDemand
    bought : Purchases
        A log that reaches the window's end.
    window : Window
        Begins where the known period ended.
    seed : int
        Of the intervals and of LightGBM, which is fitted here to what was known at the cut.

    Raises
    ------
    InputError
        If the log ends before the window does.
    """
    if not reaches_end(bought, window):
        raise InputError(
            f"The events end on {bought.day.max()}, but {window.weeks:g} weeks from {window.cut} end on "
            f"{window.end}; give a log that reaches it, or none: then customers held out of the fit are "
            "shown."
        )
    rows, own = fitted.outlook(bought.until(window.cut), window)
    boosted, missing = _boosted(bought.until(window.cut), window, seed)
    rivals = {LAWS[law]().name: d for law, d in rows.expected.items()} | boosted
    expected = {LARGE: own} | {name: Outlook(d.count, d.spend, d.active) for name, d in rivals.items()}
    notes = [
        *missing,
        f"Judged on {window.weeks:.1f} weeks from {window.cut}, the end of the period that was learned "
        f"from, of all {len(rows.names):,} customers who had bought before.",
    ]
    silent = int((window.end - bought.day.max()) / np.timedelta64(1, "D")) - 1
    if silent > 0:
        notes.append(
            f"The last purchase is {counted(silent, 'day')} before the end of these weeks; if the log "
            "stopped there, the totals that came are too low by what was bought since."
        )
    return evaluate_demand(
        outcomes(bought, rows), expected, large=LARGE, notes=tuple(notes), first=rows.first, random_state=seed
    )


def _boosted(known: Purchases, window: Window, seed: int) -> tuple[dict[str, Demand], list[str]]:
    """Return what LightGBM expects that learned from all that is known, or a note why it expects nothing."""
    boosting = DemandBoosting(random_state=seed)
    try:
        boosting.fit(known, window.cut, window.weeks)
    except InputError as error:
        return {}, [f"{boosting.name} takes no part: {error}"]
    return {boosting.name: boosting.predict(known, window.cut, window.weeks)}, []
