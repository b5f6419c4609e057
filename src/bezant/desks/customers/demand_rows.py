"""Customers at past cuts as training rows: what was known of each, what was expected, what then happened.

Times are measured in horizons. Where the log is shorter than twice the horizon, an earlier cut asks the same
question on a smaller scale: 20 weeks known and 20 to come, say, in place of 39 and 39. The models of repeat
purchases are fitted afresh at every cut, as they will be at the last one, so that what they get wrong
there (their totals above all) can be learned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bezant.network.batch import Batch
from bezant.network.heads.demand import AMOUNT, COUNT, LOG_AMOUNT, LOG_COUNT, LOGIT_ACTIVE
from bezant.network.records import Records
from bezant.traditional.demand import (
    BuyTillYouDie,
    Demand,
    Purchases,
    Summary,
    bg_nbd,
    pareto_nbd,
    summarise,
)
from bezant.traditional.demand.boosting import earlier_cut
from bezant.types import BoolArray, FloatArray, IntArray

LAWS: dict[str, Callable[[], BuyTillYouDie]] = {"bg_nbd": bg_nbd, "pareto_nbd": pareto_nbd}
"""The models of repeat purchases that the network may start from."""

MOST_FOR_LAWS = 25_000
"""Customers, drawn at random, from which four parameters are estimated; of 5,000 totals are too unsure."""

SCALES = (0.8, 0.9, 1.0)
"""Cuts of a log shorter than two horizons, as parts of the largest at which the question can be asked."""

MOST_WINDOWS = 4
"""Cuts of a longer log, half a horizon apart."""

UNIT = 39 * 7 * 86_400_000_000
"""Microseconds as which a record's horizon counts."""

FADING = (0.1, 0.25, 0.5, 1.0)
"""Horizons in which a purchase's weight falls to 1/e, where recent ones are counted."""

NO_GAP, SHORTEST = 9.0, 0.001
"""Horizons between purchases, of a customer with one purchase, and at least."""

SMALLEST = 1e-6
"""Expectations below it count as this much: their logarithms are needed."""


@dataclass(frozen=True)
class Window:
    """A cut, and the weeks after it over which is counted what happened."""

    cut: np.datetime64
    weeks: float

    @property
    def end(self) -> np.datetime64:
        """The first day after it."""
        return self.cut + np.timedelta64(round(7 * self.weeks), "D")


def past_windows(start: np.datetime64, until: np.datetime64, horizon: float) -> tuple[Window, ...]:
    """Return the windows inside the known period, earliest first; the last one ends where it ends.

    Parameters
    ----------
    start, until : datetime64[D]
        The first known day, and the first that is not.
    horizon : float
        Weeks that will be asked for.
    """
    cut, weeks = earlier_cut(start, until, horizon)
    if weeks < horizon - 0.5:
        span = (cut - start) / np.timedelta64(1, "D")
        return tuple(Window(start + np.timedelta64(round(span * s), "D"), weeks * s) for s in SCALES)
    steps = [np.timedelta64(round(3.5 * horizon * j), "D") for j in range(MOST_WINDOWS)]
    cuts = [cut - step for step in steps if cut - step >= start + np.timedelta64(round(7 * horizon), "D")]
    return tuple(Window(c, weeks) for c in reversed(cuts or [cut]))


Laws = dict[str, BuyTillYouDie]


def fit_laws(bought: Purchases, cut: np.datetime64, most: int, seed: int) -> Laws:
    """Fit every model of repeat purchases to what is known before the cut, of so many customers at most."""
    known = bought.until(cut)
    if len(known.names) > most:
        chosen = np.zeros(len(known.names), bool)
        chosen[np.random.default_rng(seed).choice(len(chosen), most, replace=False)] = True
        known = of_customers(known, chosen)
    return {key: law().fit(known, cut, 0.0) for key, law in LAWS.items()}


def of_customers(bought: Purchases, chosen: BoolArray) -> Purchases:
    """Return the purchases of some customers, a bool for each."""
    kept = chosen[bought.customer]
    number = np.cumsum(chosen) - 1
    return Purchases(
        bought.names[chosen], number[bought.customer[kept]], bought.day[kept], bought.amount[kept]
    )


def answers(laws: Laws, bought: Purchases, cut: np.datetime64, weeks: float) -> dict[str, Demand]:
    """Return what each law expects of everyone who bought before the cut."""
    return {key: law.predict(bought, cut, weeks) for key, law in laws.items()}


@dataclass(frozen=True, eq=False)
class DemandRows:
    """Customers at one cut.

    Attributes
    ----------
    window : Window
    summary : Summary
        What was known of each of the n customers.
    expected : dict of str to Demand
        By law, over the window.
    batch : Batch
        The same for the network, without a target.
    """

    window: Window
    summary: Summary
    expected: dict[str, Demand]
    batch: Batch

    @property
    def names(self) -> np.ndarray:
        """The customers, shape (n,)."""
        return self.summary.names

    @property
    def first(self) -> np.ndarray:
        """The day of each customer's first purchase, shape (n,)."""
        return self.window.cut - np.rint(7 * self.summary.age + 1).astype("timedelta64[D]")

    @property
    def repeated(self) -> IntArray:
        """1 for customers with a repeat purchase, 0 for those without, shape (n,)."""
        return (self.summary.frequency > 0).astype(np.int64)

    def offsets(self, law: str) -> FloatArray:
        """Return the expected log count, log-odds of any purchase, and log amount of one, shape (n, 3)."""
        return _logarithms(self.expected[law])

    def target(self, bought: Purchases, law: str) -> Tensor:
        """Return what happened in the window beside what a law expected, as the head reads it, (n, 5)."""
        count, spend = bought.between(self.window.cut, self.window.end, self.names)
        target = np.empty((len(count), 5), np.float32)
        target[:, COUNT], target[:, AMOUNT] = count, np.maximum(spend, 0.0) / np.maximum(count, 1)
        target[:, [LOG_COUNT, LOGIT_ACTIVE, LOG_AMOUNT]] = self.offsets(law)
        return torch.from_numpy(target)


def demand_rows(bought: Purchases, window: Window, laws: Laws) -> DemandRows:
    """Return everyone who bought before the cut; nothing from the cut on is looked at."""
    known = bought.until(window.cut)
    summary = summarise(known, window.cut)
    expected = answers(laws, known, window.cut, window.weeks)
    numbers = np.hstack([_numbers(summary, expected, window.weeks), _rhythm(known, window)])
    codes = torch.empty(len(summary), 0, dtype=torch.int32)
    return DemandRows(
        window, summary, expected, Batch(torch.from_numpy(numbers), codes, records=_records(known, window))
    )


def _logarithms(expected: Demand) -> FloatArray:
    count, active = np.maximum(expected.count, SMALLEST), np.clip(expected.active, SMALLEST, 1 - SMALLEST)
    amount = np.maximum(expected.spend, SMALLEST**2) / count
    return np.stack([np.log(count), np.log(active / (1 - active)), np.log(np.maximum(amount, SMALLEST))], 1)


def _numbers(summary: Summary, expected: dict[str, Demand], weeks: float) -> np.ndarray:
    age, recency = np.maximum(summary.age, 1 / 7) / weeks, summary.recency / weeks
    own = [
        np.log1p(summary.frequency),
        recency,
        age,
        age - recency,
        np.log(np.maximum(summary.frequency, 0.5) / age),
        np.log1p(np.maximum(summary.money, 0.0)),
        np.log1p(np.maximum(summary.first, 0.0)),
    ]
    laws = [column for answer in expected.values() for column in _logarithms(answer).T]
    return np.stack([*own, *laws], 1).astype(np.float32)


def _rhythm(known: Purchases, window: Window) -> np.ndarray:
    """Return how lately, how evenly and for how much each customer bought, times in horizons, (n, 10)."""
    n, starts = len(known.names), np.flatnonzero(np.diff(known.customer, prepend=-1))
    ago = (window.cut - known.day).astype(np.float64) / (7 * window.weeks)
    recent = [np.bincount(known.customer, np.exp(-ago / span), n) for span in FADING]
    gap = -np.diff(ago, prepend=0.0)
    gap[starts] = 0.0
    repeats, ends = np.bincount(known.customer, minlength=n) - 1, np.append(starts[1:], len(ago)) - 1
    mean, square = (np.bincount(known.customer, g, n) / np.maximum(repeats, 1) for g in (gap, gap**2))
    spread, last = np.sqrt(np.maximum(square - mean**2, 0.0)), gap[ends]
    mean, last = (np.where(repeats > 0, g, NO_GAP) for g in (mean, last))
    paid = known.amount[ends], np.maximum.reduceat(known.amount, starts)
    amounts = [np.log1p(np.maximum(a, 0.0)) for a in paid]
    waited = np.log(np.maximum(ago[ends], SHORTEST) / np.maximum(mean, SHORTEST))
    return np.stack([*recent, mean, spread, last, waited, *amounts], 1).astype(np.float32)


def _records(known: Purchases, window: Window) -> Records:
    """Return each customer's days as records whose times count back from one moment, in horizons."""
    before = (window.cut - known.day).astype(np.int64) / (7 * window.weeks)
    moment = 2**54  # far enough after 1970 for any log; the calendar of scaled times means nothing
    starts = np.flatnonzero(np.diff(known.customer, prepend=-1))
    amounts = np.log1p(np.maximum(known.amount, 0.0)).astype(np.float32)[:, None]
    return Records(
        torch.from_numpy(amounts),
        torch.empty(len(amounts), 0, dtype=torch.int32),
        torch.from_numpy(moment - np.rint(before * UNIT).astype(np.int64)),
        torch.from_numpy(starts),
        torch.from_numpy(np.diff(starts, append=len(amounts))),
        torch.full((len(starts),), moment, dtype=torch.int64),
    )


def joined(parts: list[Batch]) -> Batch:
    """Return batches with targets, and all or none with records, one after another."""
    numbers, codes, target = (
        torch.cat([getattr(p, name) for p in parts]) for name in ("numbers", "codes", "target")
    )
    records = [p.records for p in parts if p.records is not None]
    if not records:
        return Batch(numbers, codes, target=target)
    begins = np.cumsum([0, *(len(r.times) for r in records)]).tolist()
    tensors = [torch.cat(column) for column in zip(*(r.tensors() for r in records), strict=True)]
    starts = torch.cat([r.starts + begin for r, begin in zip(records, begins[:-1], strict=True)])
    return Batch(numbers, codes, target=target, records=replace(Records(*tensors), starts=starts))
