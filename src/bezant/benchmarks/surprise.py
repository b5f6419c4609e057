"""Which purchases are out of character? AUC of the surprise at records planted in held-out histories.

Run it with ``python -m bezant.benchmarks.surprise``. Each seed pretrains on 70 % of CDNOW's customers and
plants records in the histories of the others, one in twenty of them: amounts ten times as high; amount and
quantity of another customer's purchase; a purchase that comes at once. Beside the surprise stand a robust
z-score of the logarithm of the amount, and an isolation forest on amount, quantity and time since the record
before, learned from the same customers. No public data set here has records with real labels.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest

from bezant.benchmarks.pretraining import interval
from bezant.datasets import load
from bezant.desks.pretraining.history_model import HistoryModel
from bezant.metrics.classification import roc_auc
from bezant.types import FloatArray

PLANTED, HELD_OUT = 0.05, 0.3

Plant = Callable[[pd.DataFrame, np.random.Generator], tuple[pd.DataFrame, FloatArray]]


def ordered(events: pd.DataFrame) -> pd.DataFrame:
    """Sort by customer, as text, then time: the order of the surprises."""
    events = events.assign(customer=events["customer"].astype(str))
    return events.sort_values(["customer", "time"], kind="stable").reset_index(drop=True)


def drawn(events: pd.DataFrame, random: np.random.Generator) -> FloatArray:
    """Draw the records that are changed, among those that are not their customer's first, (m,)."""
    later = events["customer"].eq(events["customer"].shift()).to_numpy()
    return np.asarray((random.random(len(events)) < PLANTED) & later, np.float64)


def tenfold(events: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, FloatArray]:
    """Make amounts ten times as high."""
    planted = drawn(events, random)
    return events.assign(amount=events["amount"] * np.where(planted, 10.0, 1.0)), planted


def foreign(events: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, FloatArray]:
    """Give purchases the amount and the quantity of any other one."""
    planted = drawn(events, random)
    other = np.where(planted > 0, random.integers(0, len(events), len(events)), np.arange(len(events)))
    taken = {c: events[c].to_numpy()[other] for c in ("amount", "quantity")}
    return events.assign(**taken), planted


def at_once(events: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, FloatArray]:
    """Repeat purchases of others on the day after a customer's own."""
    planted = drawn(events, random) > 0
    copies = events[planted].copy()
    copies["time"] = copies["time"] + pd.Timedelta(days=1)
    other = random.integers(0, len(events), len(copies))
    for column in ("amount", "quantity"):
        copies[column] = events[column].to_numpy()[other]
    both = pd.concat([events.assign(planted=0.0), copies.assign(planted=1.0)])
    both = ordered(both)
    return both.drop(columns="planted"), both["planted"].to_numpy()


PLANTS: dict[str, Plant] = {
    "amount tenfold": tenfold,
    "another customer's amount and quantity": foreign,
    "another purchase the day after": at_once,
}


def numbers(events: pd.DataFrame) -> FloatArray:
    """Return what the isolation forest reads, (m, 3)."""
    first = events["customer"].ne(events["customer"].shift())
    gap = events["time"].diff().dt.total_seconds().where(~first, np.nan)
    told = [np.log1p(events["amount"]), events["quantity"], np.log1p(gap.fillna(gap.median()))]
    return np.column_stack(told).astype(np.float64)


def one_seed(data: str, customers: int, size: str, seed: int) -> Iterator[tuple[str, str, float]]:
    """Yield model, kind of plant and AUC."""
    events, random = ordered(load(data)), np.random.default_rng(seed)
    names = random.permutation(events["customer"].unique())[:customers]
    judged = names[: round(HELD_OUT * len(names))]
    known = events[events["customer"].isin(names) & ~events["customer"].isin(judged)].reset_index(drop=True)
    model = HistoryModel(size=size, terms=("fields", "records", "next"), progress=False, random_state=seed)  # type: ignore[arg-type]
    model.pretrain(known)
    forest = IsolationForest(random_state=seed, n_jobs=1).fit(numbers(known))
    logs = np.log1p(known["amount"].to_numpy())
    middle, spread = np.median(logs), np.subtract(*np.quantile(logs, [0.75, 0.25]))
    own = events[events["customer"].isin(judged)].reset_index(drop=True)
    for kind, plant in PLANTS.items():
        changed, planted = plant(own, random)
        found = model.surprise(changed)
        if list(found["customer"]) != list(changed["customer"]):
            raise AssertionError("the surprises stand in another order than the records")
        yield "surprise", kind, roc_auc(planted, found["surprise"].to_numpy())
        yield "isolation forest", kind, roc_auc(planted, -forest.score_samples(numbers(changed)))
        far = np.abs(np.log1p(changed["amount"].to_numpy()) - middle) / spread
        yield "robust z-score of the amount", kind, roc_auc(planted, far)


def compare(data: str, customers: int, size: str, seeds: int) -> Iterator[str]:
    """Yield the lines of the table."""
    figures: dict[tuple[str, str], list[float]] = {}
    for seed in range(seeds):
        for name, kind, auc in one_seed(data, customers, size, seed):
            figures.setdefault((name, kind), []).append(auc)
    yield f"{data}, {customers:,} customers, {HELD_OUT:.0%} of them judge; AUC, {seeds} seeds\n"
    yield "| | " + " | ".join(PLANTS) + " |"
    yield "|---|" + "---|" * len(PLANTS)
    for name in dict.fromkeys(name for name, _ in figures):
        yield f"| {name} | " + " | ".join(interval(figures[name, kind]) for kind in PLANTS) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cdnow", choices=("cdnow", "cdnow-sample"))
    parser.add_argument("--customers", type=int, default=5_000, help="So many are drawn.")
    parser.add_argument("--size", default="tiny", choices=("tiny", "small", "base"))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    logging.getLogger("bezant").setLevel(logging.ERROR)
    for line in compare(given.data, given.customers, given.size, given.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
