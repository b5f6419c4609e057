"""What pretraining gives where labels are few: who of CDNOW's customers buys again within 39 weeks?

Run it with ``python -m bezant.benchmarks.pretraining``. Each seed draws customers, holds 30 % of them out,
and learns from 1 %, 10 % and all labels of the others; pretraining reads the others' purchases before the cut
and no label. Beside the network stand logistic regression and LightGBM on recency, frequency and money of the
same labelled customers. Then each term of pretraining is switched off in turn.

:mod:`bezant.benchmarks.bank_pretraining` asks the same of the labels of a synthetic bank.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.stats import t as students_t
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from bezant.benchmarks.demand import CUT, WEEKS
from bezant.datasets import load_table
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.pretraining.history_model import HistoryModel
from bezant.histories import with_records
from bezant.metrics.classification import roc_auc
from bezant.network.adaptation import Adapt
from bezant.network.history import TERMS, Term
from bezant.network.sizes import SizeName
from bezant.schema import RECORDS
from bezant.traditional.demand import purchases, summarise
from bezant.traditional.demand.boosting import features
from bezant.training.plan import FROZEN_ROWS
from bezant.types import FloatArray, IntArray

SHARES, HELD_OUT, ABLATED = (0.01, 0.1, 1.0), 0.3, 0.1
"""Shares of the labels, of the customers who judge, and of the labels with which terms are compared."""

BARE, STARTED = "network, not pretrained (joint training)", "network, pretrained (as by default)"
FUSED, JOINT = "network, pretrained, late fusion (frozen)", "network, pretrained, joint (full)"
LOGISTIC, BOOSTED = "logistic regression, aggregates", "LightGBM, aggregates"
VECTORS = "logistic regression, aggregates and vectors"

Figures = dict[tuple[str, float], list[float]]
"""AUC of each seed by model and share of the labels."""


@dataclass(frozen=True, eq=False)
class Customers:
    """Customers of one draw.

    Attributes
    ----------
    rows : pyarrow.Table
        n rows: the cut, by which the time since the last record is known, and the records before it.
    told : float array, shape (n, f)
        What the traditional models read, such as recency, frequency, money.
    y : float array, shape (n,)
        The label, such as 1 if anything is bought in the weeks after the cut.
    learning, judging : int arrays
        Places.
    window : int, optional
        Latest records that pretraining and the network read one by one; as usual if not given.
    epochs : int, optional
        Most passes of pretraining; as usual if not given.
    """

    rows: pa.Table
    told: FloatArray
    y: FloatArray
    learning: IntArray
    judging: IntArray
    window: int | None = None
    epochs: int | None = None

    def labelled(self, share: float, seed: int) -> IntArray:
        """Return the places of so many of those who are learned from, both outcomes in proportion."""
        random = np.random.default_rng(seed)
        drawn = []
        for outcome in (0, 1):
            own = self.learning[self.y[self.learning] == outcome]
            drawn.append(random.permutation(own)[: max(round(share * len(own)), 5)])
        return np.sort(np.concatenate(drawn))


def draw_customers(data: str, count: int, seed: int) -> Customers:
    """Draw so many customers who bought before the cut."""
    events = load_table(data)
    bought = purchases(events, amount="amount")
    summary = summarise(bought, CUT)
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(summary))[:count]
    after, _ = bought.between(CUT, CUT + np.timedelta64(7 * WEEKS, "D"), summary.names)
    cut = pa.array(np.full(len(chosen), CUT.astype("datetime64[us]")))
    rows = pa.table({"customer": summary.names[chosen], "cut": cut})
    rows = with_records(rows, events, entity="customer", time="time", until="cut")
    judged = round(HELD_OUT * len(chosen))
    return Customers(
        rows.select(["cut", RECORDS]),
        features(summary, WEEKS)[chosen],
        (after[chosen] > 0).astype(np.float64),
        np.arange(judged, len(chosen)),
        np.arange(judged),
    )


def traditional(customers: Customers, places: IntArray) -> dict[str, float]:
    """Return the AUC of the models on recency, frequency and money."""
    import lightgbm

    x, y, judging = customers.told, customers.y, customers.judging
    boosted = lightgbm.LGBMClassifier(
        n_estimators=150,
        learning_rate=0.03,
        num_leaves=8,
        min_child_samples=min(50, max(len(places) // 20, 5)),
        n_jobs=1,
        verbose=-1,
    ).fit(x[places], y[places])
    p = np.asarray(boosted.predict_proba(x[judging]))[:, 1]
    return {LOGISTIC: regression(x, customers, places), BOOSTED: roc_auc(y[judging], p)}


def regression(x: FloatArray, customers: Customers, places: IntArray) -> float:
    """Return the AUC of a logistic regression on the ranks of features, shape (n, f)."""
    spread = QuantileTransformer(n_quantiles=min(200, len(places)), output_distribution="normal")
    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    model = make_pipeline(filled, spread, StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    model.fit(x[places], customers.y[places])
    return roc_auc(customers.y[customers.judging], model.predict_proba(x[customers.judging])[:, 1])


def network(
    customers: Customers,
    places: IntArray,
    start: HistoryModel | None,
    size: SizeName,
    seed: int,
    adapt: Adapt | Literal["auto"] = "auto",
) -> float:
    """Return the AUC of the network on records alone."""
    risk = CreditRisk(
        time="cut",
        size=size,
        benchmark=False,
        pretrained=start,
        adapt=adapt,
        network=None if customers.window is None else {"window": customers.window},
        progress=False,
        random_state=seed,
    )
    risk.fit(customers.rows.take(pa.array(places)), customers.y[places])
    p = risk.predict_proba(customers.rows.take(pa.array(customers.judging)))[:, 1]
    return roc_auc(customers.y[customers.judging], p)


def pretrained(
    customers: Customers, size: SizeName, seed: int, terms: Sequence[Term] = TERMS
) -> HistoryModel:
    """Pretrain on the customers who are learned from, without their labels."""
    model = HistoryModel(size=size, until="cut", terms=tuple(terms), progress=False, random_state=seed)
    model.window = customers.window or model.window
    model.training = None if customers.epochs is None else {"max_epochs": customers.epochs}
    rows = customers.rows.select(["cut", RECORDS]).take(pa.array(customers.learning))
    return model.pretrain(rows if customers.window is None else latest_records(rows, customers.window))


def latest_records(rows: pa.Table, most: int) -> pa.Table:
    """Return rows with at most so many of their latest records."""
    lists = rows[RECORDS].combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
    ends = lists.offsets.to_numpy()
    begins = np.maximum(ends[1:] - most, ends[:-1])
    kept = ends[1:] - begins
    offsets = np.concatenate([[0], np.cumsum(kept)])
    places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], kept)
    column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), lists.values.take(pa.array(places)))
    return rows.set_column(rows.column_names.index(RECORDS), RECORDS, column)


def vectors(model: HistoryModel, customers: Customers) -> FloatArray:
    """Return the vectors of all customers, float64 (n, R)."""
    found = model.embed(customers.rows.select(["cut", RECORDS]))
    return np.stack([column.to_numpy() for column in found.columns], 1).astype(np.float64)


def one_seed(
    customers: Customers, size: SizeName, seed: int, ablation: bool
) -> Iterator[tuple[str, float, float]]:
    """Yield model, share of the labels and AUC of one draw."""
    model = pretrained(customers, size, seed)
    both = np.hstack([customers.told, vectors(model, customers)])
    for share in SHARES:
        places = customers.labelled(share, seed)
        for name, auc in traditional(customers, places).items():
            yield name, share, auc
        yield VECTORS, share, regression(both, customers, places)
        yield BARE, share, network(customers, places, None, size, seed)
        yield STARTED, share, network(customers, places, model, size, seed)
        if len(places) >= FROZEN_ROWS:
            yield FUSED, share, network(customers, places, model, size, seed, "frozen")
        elif share > min(SHARES):
            yield JOINT, share, network(customers, places, model, size, seed, "full")
    if ablation:
        places = customers.labelled(ABLATED, seed)
        for term in TERMS:
            model = pretrained(customers, size, seed, [t for t in TERMS if t != term])
            yield f"pretrained without {term!r}", ABLATED, network(customers, places, model, size, seed)
            both = np.hstack([customers.told, vectors(model, customers)])
            yield f"pretrained without {term!r}: {VECTORS}", ABLATED, regression(both, customers, places)


def interval(values: Sequence[float], overlap: float = 0.0) -> str:
    """Return the mean with its 95 % interval over seeds, by Student's t.

    Parameters
    ----------
    values : sequence of float
    overlap : float, default 0.0
        Rows that judge for each that is learned from, where every seed splits the same rows: the figures of
        such splits are alike (Nadeau and Bengio 2003, "Inference for the generalization error", Machine
        Learning 52).
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3f}"
    spread = float(np.std(values, ddof=1)) * np.sqrt(1 / len(values) + overlap)
    half = students_t.ppf(0.975, len(values) - 1) * spread
    return f"{mean:.3f} ± {half:.3f}"


def table(figures: Figures, overlap: float = 0.0) -> Iterator[str]:
    """Yield the lines of the table; see :func:`interval`."""
    yield "| AUC | " + " | ".join(f"{share:.0%} of the labels" for share in SHARES) + " |"
    yield "|---|" + "---|" * len(SHARES)
    for name in dict.fromkeys(name for name, _ in figures):
        cells = (figures.get((name, share)) for share in SHARES)
        yield f"| {name} | " + " | ".join(interval(c, overlap) if c else "" for c in cells) + " |"
    gains = (
        interval(list(np.subtract(figures[STARTED, share], figures[BARE, share])), overlap)
        for share in SHARES
    )
    yield "| pretrained less not pretrained | " + " | ".join(gains) + " |"


def compare(
    draw: Callable[[int], Customers],
    size: SizeName,
    seeds: Sequence[int],
    *,
    ablation: bool = True,
    overlap: float = 0.0,
) -> Iterator[str]:
    """Yield each figure when it is known, then the table.

    Parameters
    ----------
    draw : callable
        Gives the customers of a seed.
    overlap : float, default 0.0
        As of :func:`interval`.
    """
    figures: Figures = {}
    drawn = ""
    for seed in seeds:
        customers = draw(seed)
        drawn = f"{len(customers.y):,} customers, {len(customers.judging):,} of them held out"
        for name, share, auc in one_seed(customers, size, seed, ablation):
            figures.setdefault((name, share), []).append(auc)
            yield f"seed {seed}, {share:.0%} of the labels, {name}: {auc:.4f}"
    yield f"\n{drawn}; size {size!r}, {len(seeds)} seeds\n"
    yield from table(figures, overlap)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cdnow", choices=("cdnow", "cdnow-sample"))
    parser.add_argument("--customers", type=int, default=23_570, help="So many are drawn.")
    parser.add_argument("--size", default="tiny", choices=("tiny", "small", "base"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-ablation", action="store_true")
    given = parser.parse_args()
    logging.getLogger("bezant").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    draw = partial(draw_customers, given.data, given.customers)
    for line in compare(draw, given.size, range(given.seeds), ablation=not given.no_ablation):
        print(line, flush=True)


if __name__ == "__main__":
    main()
