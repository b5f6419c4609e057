"""How the latest part of the rows differs from the part before, on which a model would be trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bezant.evidence.checks.finding import Finding, Severity, named
from bezant.evidence.checks.view import Column, View
from bezant.metrics.target_statistics import quantile_bins
from bezant.schema import Kind
from bezant.types import AnyArray, BoolArray, FloatArray

HELD_OUT = 0.15
"""Share of the rows, the latest, that stands for the held-out part."""

MODERATE, LARGE = 0.1, 0.25
"""Thresholds of the population stability index: Siddiqi (2006), "Credit Risk Scorecards", chapter 8."""

NEW_SHARE = 0.05
"""Share of the later rows with values never seen before from which it is said."""

BINS = 10
MOST_CATEGORIES = 50


def drift_findings(view: View) -> Iterator[Finding]:
    """Find columns whose distribution moved, values that are new, and a moved event share."""
    split = _split(view)
    if split is None:
        return
    train, later = split
    rows = int(later.sum())
    yield from _event_share(view.y[train], view.y[later])
    found = [(c.name, *_index(c, train, later)) for c in view.inputs if c.kind is not Kind.TIME]
    bands: tuple[tuple[Severity, float, float], ...] = (("warn", LARGE, np.inf), ("note", MODERATE, LARGE))
    for severity, low, high in bands:
        moved = sorted((p, n) for n, p, chance in found if low <= p < high and p > chance)[::-1]
        if moved:
            yield _moved(severity, moved, rows)
    new = {c.name: _new_share(c, train, later) for c in view.inputs if not c.is_ordered}
    new = {n: s for n, s in new.items() if s >= NEW_SHARE}
    if new:
        named_shares = ", ".join(f"{s:.1%} in {n!r}" for n, s in new.items())
        yield Finding(
            "new-values", "note", tuple(new),
            f"{named(list(new))} {'hold' if len(new) > 1 else 'holds'} values among the latest {rows:,} "
            f"rows that no earlier row has ({named_shares}); expect the model to know less about those rows.",
            {"rows": rows, **new},
        )  # fmt: skip


def _split(view: View) -> tuple[BoolArray, BoolArray] | None:
    """Labelled rows before and in the latest 15 %; None where time does not divide them."""
    if view.time is None:
        return None
    days = view.time.numbers()
    usable = view.labelled & ~np.isnan(days)
    if not usable.any():
        return None
    cut = np.quantile(days[usable], 1 - HELD_OUT, method="lower")
    later = usable & (days > cut)
    if not later.any():
        later = usable & (days >= cut)
    train = usable & ~later
    return (train, later) if min(train.sum(), later.sum()) >= 100 else None


def _event_share(train: FloatArray, later: FloatArray) -> Iterator[Finding]:
    before, after = float(train.mean()), float(later.mean())
    pooled = (train.sum() + later.sum()) / (len(train) + len(later))
    error = float(np.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / len(train) + 1 / len(later))))
    if abs(after - before) > 4 * error and not 0.8 <= after / max(before, 1e-12) <= 1.25:
        yield Finding(
            "event-share-drift", "warn", (),
            f"The event share is {before:.1%} in the earlier {len(train):,} rows and {after:.1%} in the "
            f"latest {len(later):,}; judge the model out-of-time and recalibrate it on recent rows.",
            {"earlier_share": before, "latest_share": after,
             "earlier_rows": len(train), "rows": len(later)},
        )  # fmt: skip


def _moved(severity: Severity, moved: list[tuple[float, str]], rows: int) -> Finding:
    names = [n for _, n in moved]
    are = "are" if len(names) > 1 else "is"
    much = "much" if severity == "warn" else "somewhat"
    index = f"population stability index {moved[0][0]:.2f}"
    if len(moved) > 1:
        index += f" for {names[0]!r} down to {moved[-1][0]:.2f} for {names[-1]!r}"
    return Finding(
        "drift", severity, tuple(names),
        f"{named(names, most=12)} {are} distributed {much} otherwise in the latest {rows:,} rows than before "
        f"({index}); find out why and judge the model out-of-time.",
        {"rows": rows, **{n: p for p, n in moved}},
    )  # fmt: skip


def _index(column: Column, train: BoolArray, later: BoolArray) -> tuple[float, float]:
    """Population stability index of a column, and what chance alone stays below."""
    groups = _groups(column, train)
    size = int(groups.max()) + 2
    before, after = (np.bincount(groups[column.codes[rows]] + 1, minlength=size) for rows in (train, later))
    seen = before + after > 0
    # Yurdakul and Naranjo (2020): without drift the index is (1/n + 1/m) times a chi-square of B - 1.
    freedom = int(seen.sum()) - 1
    chance = (1 / before.sum() + 1 / after.sum()) * (freedom + 4 * np.sqrt(2 * max(freedom, 1)))
    return population_stability_index(before[seen], after[seen]), float(chance)


def population_stability_index(before: AnyArray, after: AnyArray) -> float:
    """Sum over groups of (q - p) ln(q / p), where p and q are the shares before and after.

    Parameters
    ----------
    before, after : (g,) arrays
        Rows of each group; half a row is added to each, so that an empty group stays finite.
    """
    p = (before + 0.5) / (before + 0.5).sum()
    q = (after + 0.5) / (after + 0.5).sum()
    return float(((q - p) * np.log(q / p)).sum())


def _groups(column: Column, train: BoolArray) -> npt.NDArray[np.int64]:
    """(v + 1,) group of each value: deciles or the most frequent categories; the last entry is missing."""
    codes = column.codes[train]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.values))
    if column.is_ordered and len(column.values) > 2 * BINS:
        groups = quantile_bins(column.values, counts, BINS)
    else:
        rank = np.empty(len(column.values), np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(column.values))
        groups = np.minimum(rank, MOST_CATEGORIES)
    return np.append(groups, -1)


def _new_share(column: Column, train: BoolArray, later: BoolArray) -> float:
    codes = column.codes[train]
    seen = np.bincount(codes[codes >= 0], minlength=len(column.values)) > 0
    return float(np.mean(~np.append(seen, True)[column.codes[later]]))
