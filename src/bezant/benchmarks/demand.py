"""How often and for how much customers buy next, on CDNOW, 39 weeks to the next 39: bezant and the others.

Run it with ``python -m bezant.benchmarks.demand``; ``--data cdnow-sample`` takes the published tenth of the
customers. A further model takes part by an entry in ``MODELS``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa

from bezant.datasets import load_table
from bezant.desks.customers.demand import CustomerDemand
from bezant.metrics.counts import activity_auc, calibration_error, poisson_deviance, total_error
from bezant.metrics.regression import rmse
from bezant.traditional.demand import (
    Demand,
    DemandBoosting,
    DemandModel,
    Purchases,
    bg_nbd,
    pareto_nbd,
    purchases,
)
from bezant.types import FloatArray, IntArray

CUT, WEEKS = np.datetime64("1997-10-01"), 39
"""The first day that is not known, and the horizon; the log ends where the horizon does."""

SEEDS = (0, 1, 2)


class LargeDemand:
    """The desk's model, :class:`bezant.desks.customers.demand.CustomerDemand`, among the traditional ones."""

    key: ClassVar[str] = "bezant"
    name: ClassVar[str] = "bezant"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, bought: Purchases, cut: np.datetime64, horizon: float) -> Self:
        """Learn from what is known before the cut; the desk leaves the rest aside by itself."""
        events = pa.table(
            {
                "customer": bought.names[bought.customer],
                "time": bought.day.astype("datetime64[us]"),
                "amount": bought.amount,
            }
        )
        desk = CustomerDemand(horizon=horizon, amount="amount", progress=False, random_state=self.seed)
        self.desk_ = desk.fit(events, until=cut)
        return self

    def predict(self, bought: Purchases, cut: np.datetime64, horizon: float) -> Demand:
        """Answer for everyone who bought before the cut."""
        found = self.desk_.predict(at=cut)
        parts = (found[name].to_numpy() for name in ("expected_count", "expected_spend", "p_active"))
        return Demand(found["customer"].to_numpy(), *parts)


MODELS: Mapping[str, Callable[[], DemandModel]] = {
    "BG/NBD": bg_nbd,
    "Pareto/NBD": pareto_nbd,
    "LightGBM": DemandBoosting,
    **{f"bezant, seed {seed}": partial(LargeDemand, seed) for seed in SEEDS},
}
"""Models by name; amounts of the first two are by Gamma-Gamma."""

BLENDED = ("Pareto/NBD", "LightGBM")


def mean(one: Demand, other: Demand) -> Demand:
    """Return the mean of two answers about the same customers."""
    pairs = ((getattr(one, part), getattr(other, part)) for part in ("count", "spend", "active"))
    return Demand(one.names, *((a + b) / 2 for a, b in pairs))


def figures(found: Demand, count: IntArray, spend: FloatArray) -> str:
    """Return the figures of one model as a line."""
    return (
        f"{rmse(count, found.count):.4f}  {activity_auc(count, found.active):.4f} "
        f"{activity_auc(count, found.count):.4f}  {total_error(count, found.count):+7.1%} "
        f"{poisson_deviance(count, found.count):8.4f} {calibration_error(count, found.count):9.1%} | "
        f"{rmse(spend, found.spend):7.2f} {total_error(spend, found.spend):+7.1%}"
    )


def demand(data: str = "cdnow") -> Iterator[str]:
    """Yield the lines of the table."""
    bought = purchases(load_table(data), amount="amount")
    end = CUT + np.timedelta64(7 * WEEKS, "D")
    found: dict[str, Demand] = {}
    yield f"\n## {data}: {WEEKS} weeks known, the next {WEEKS} predicted; a day is one purchase\n"
    yield (
        f"{'model':<14} RMSE    AUC by P, by count   total deviance calibration | spend: RMSE   total   CPU s"
    )
    for name, model in MODELS.items():
        start = time.process_time()
        found[name] = model().fit(bought, CUT, WEEKS).predict(bought, CUT, WEEKS)
        count, spend = bought.between(CUT, end, found[name].names)
        yield f"{name:<14} {figures(found[name], count, spend)} {time.process_time() - start:7.1f}"
    one, other = BLENDED
    yield f"{'mean of both':<14} {figures(mean(found[one], found[other]), count, spend)}"
    yield (
        f"\n{len(count):,} customers, {int(count.sum()):,} purchases, {(count > 0).mean():.1%} active; "
        f"both: {one}, {other}"
    )


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bezant.benchmarks.demand", description=__doc__)
    parser.add_argument("--data", default="cdnow", choices=("cdnow", "cdnow-sample"))
    given = parser.parse_args()
    for line in demand(given.data):
        print(line, flush=True)


if __name__ == "__main__":
    _main()
