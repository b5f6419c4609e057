"""How far the corrections of demand are believed, of which law, and where the totals are put."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import torch

from bezant.desks.customers.demand_rows import LAWS, DemandRows
from bezant.evidence.demand import Outlook, demand_figures
from bezant.network.heads.demand import demand_terms
from bezant.traditional.demand import Demand
from bezant.types import BoolArray, FloatArray, InputError

SHARES = ((0.0, 0.0), (0.25, 0.25), (0.5, 0.5))
"""How much of the network's and of the boosted correction may be believed; held-out customers choose.

Both alike: the customers who buy most decide by which of two is nearer, and they are few.
"""

MOST_LEVEL = 2.0
"""A total is moved by at most this factor."""


@dataclass(frozen=True)
class Trust:
    """What stands between the network's corrections and the answers.

    Attributes
    ----------
    law : str
        Key of the model of repeat purchases that is corrected.
    believed : tuple of three pairs of float
        Shares of the network's and of the boosted correction that are believed, of count, activity and
        amount.
    count : pair of float
        Factors that put the totals where those of the past window were, of customers without a repeat
        purchase and of those with one. What a law misses is with the former; one factor for all would give it
        to those who buy most.
    spend : float
        The same of amounts, for all.
    active : float
        Shift of the log-odds that does so with the share of active customers.
    """

    law: str
    believed: tuple[tuple[float, float], ...] = ((0.0, 0.0),) * 3
    count: tuple[float, float] = (1.0, 1.0)
    spend: float = 1.0
    active: float = 0.0

    def __post_init__(self) -> None:
        if self.law not in LAWS or len(self.believed) != 3 or min(*self.count, self.spend) <= 0:
            raise InputError(f"A correction needs a known law and factors above 0, not {asdict(self)}.")

    def outlook(self, rows: DemandRows, corrections: FloatArray) -> Outlook:
        """Return the answers about customers, whose corrections are (n, 3, 2)."""
        log_count, log_odds, log_amount = self._logarithms(rows, corrections).T
        count = np.asarray(self.count)[rows.repeated] * np.exp(log_count)
        active = 1 / (1 + np.exp(-(log_odds + self.active)))
        # Whoever is expected to buy .1 times buys at all with a probability of .1 at most (Markov).
        return Outlook(count, self.spend * count * np.exp(log_amount), np.minimum(active, count))

    def _logarithms(self, rows: DemandRows, corrections: FloatArray) -> FloatArray:
        return np.asarray(rows.offsets(self.law) + (np.asarray(self.believed) * corrections).sum(-1))

    def levelled(self, rows: DemandRows, corrections: FloatArray, happened: Outlook) -> Trust:
        """Return it with the totals of a past window."""
        plain = replace(self, count=(1.0, 1.0), spend=1.0, active=0.0)
        found = plain.outlook(rows, corrections)
        groups = [rows.repeated == group for group in (0, 1)]
        without, repeated = (_factor(happened.count[g], found.count[g]) for g in groups)
        count = without, repeated
        spend = _factor(happened.spend, np.asarray(count)[rows.repeated] * found.spend)
        odds = self._logarithms(rows, corrections)[:, 1]
        return replace(plain, count=count, spend=spend, active=_shift(odds, float(happened.active.mean())))


def best_law(parts: list[DemandRows], happened: list[Outlook]) -> Trust:
    """Return the law whose error of the total moved least between past cuts; of one cut, the nearest.

    Who buys more and who less is corrected afterwards; that a total is as far off ahead as it was in the
    past is believed, and has to hold.
    """
    laws = {law: Trust(law) for law in LAWS}
    if len(parts) == 1:
        levels = {k: t.levelled(parts[0], _nothing(parts[0]), happened[0]) for k, t in laws.items()}
        found = {k: t.outlook(parts[0], _nothing(parts[0])) for k, t in levels.items()}
        return min(levels.values(), key=lambda t: demand_figures(happened[0], found[t.law])["deviance"])
    counts = [
        [
            _factor(seen.count, t.outlook(rows, _nothing(rows)).count)
            for rows, seen in zip(parts, happened, strict=True)
        ]
        for t in laws.values()
    ]
    return list(laws.values())[int(np.ptp(np.log(counts), axis=1).argmin())]


def _nothing(rows: DemandRows) -> FloatArray:
    return np.zeros((len(rows.summary), 3, 2))


def believed(
    trust: Trust, rows: DemandRows, corrections: FloatArray, happened: Outlook, learning: BoolArray
) -> Trust:
    """Return it with the shares that the held-out customers choose and levels of the others."""
    losses = {
        share: _losses(trust, rows, corrections * np.asarray(share), happened, ~learning) for share in SHARES
    }
    shares = tuple(min(SHARES, key=lambda share: losses[share][part]) for part in range(3))
    part = _some(rows, learning)
    return replace(trust, believed=shares).levelled(
        part, corrections[learning], happened.rows(np.flatnonzero(learning))
    )


def _losses(
    trust: Trust, rows: DemandRows, corrections: FloatArray, happened: Outlook, judged: BoolArray
) -> FloatArray:
    """Return the mean losses of count, activity and amount, (3,), with the levels of all other customers."""
    amount = happened.spend / np.maximum(happened.count, 1)
    target = np.column_stack([happened.count, amount, rows.offsets(trust.law)])
    learning = np.flatnonzero(~judged)
    whole = replace(trust, believed=((1.0, 1.0),) * 3)
    level = whole.levelled(_some(rows, ~judged), corrections[learning], happened.rows(learning))
    moved = corrections.sum(-1) + np.array([0.0, level.active, np.log(level.spend)])
    moved[:, 0] += np.log(level.count)[rows.repeated]
    terms = demand_terms(torch.from_numpy(moved[judged]), torch.from_numpy(target[judged]))
    return terms.mean(0).numpy()


def _some(rows: DemandRows, chosen: BoolArray) -> DemandRows:
    """Return some customers of a cut, for whom corrections are known already."""
    expected = {
        law: Demand(d.names[chosen], d.count[chosen], d.spend[chosen], d.active[chosen])
        for law, d in rows.expected.items()
    }
    summary = replace(
        rows.summary, **{f.name: getattr(rows.summary, f.name)[chosen] for f in fields(rows.summary)}
    )
    return replace(rows, expected=expected, summary=summary)


def _factor(happened: FloatArray, expected: FloatArray) -> float:
    total = float(expected.sum())
    factor = float(happened.sum()) / total if total > 0 else 1.0
    return float(np.clip(factor, 1 / MOST_LEVEL, MOST_LEVEL))


def _shift(log_odds: FloatArray, share: float) -> float:
    """Return what is added to log-odds so that their probabilities have this mean, by bisection."""
    low, high = -np.log(MOST_LEVEL) * 2, np.log(MOST_LEVEL) * 2
    for _ in range(50):
        middle = (low + high) / 2
        if np.mean(1 / (1 + np.exp(-(log_odds + middle)))) < share:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)
