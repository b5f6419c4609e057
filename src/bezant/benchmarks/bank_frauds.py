"""Which card payments are fraud? AUC of the surprise at the labelled payments of a synthetic bank.

Run it with ``python -m bezant.benchmarks.bank_frauds FOLDER``, where ``pragmatiq synth generate --out
FOLDER`` (pragmatiq 1.1, from the package index) has written events, profiles and labels. Each seed holds out
30 % of the users; pretraining reads the latest transactions of the others, and no label. Of a held-out user's
labelled transaction the transactions up to it are read. Beside the surprise stand an isolation forest on the
amount, how far it is from the user's amounts before, the time since the transaction before, how rare each
value of a category is and whether it is new to the user, learned from the same transactions, and each of
these numbers alone.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.ensemble import IsolationForest

from bezant.benchmarks.bank_events import opened, read_events, users_of
from bezant.benchmarks.pretraining import interval, latest_records
from bezant.desks.pretraining.history_model import HistoryModel
from bezant.histories import with_records
from bezant.metrics.classification import roc_auc
from bezant.network.sizes import SizeName
from bezant.schema import RECORDS, flattened
from bezant.types import FloatArray, InputError

HELD_OUT = 0.3

Rarity = dict[str, tuple[pa.Array, FloatArray]]
"""By category: its values, and the negative logarithm of each one's frequency."""


def payments(folder: Path, users: list[str]) -> pa.Table:
    """Return the transactions of users, without columns that they leave empty."""
    events = read_events(folder, users)
    events = events.filter(pc.equal(events["source"], "transaction")).drop_columns(["source"])
    return events.select([name for name in events.column_names if events[name].null_count < len(events)])


def up_to(moments: pa.Table, events: pa.Table, window: int) -> pa.Table:
    """Return rows "user_id", "until" with their latest records before that moment."""
    rows = with_records(moments, events, entity="user_id", time="ts", until="until")
    return latest_records(rows, window).drop_columns(["user_id"])


def rarities(records: pa.Table) -> Rarity:
    """Return how rare each value of each category is among records."""
    found = {}
    for field in records.schema:
        if pa.types.is_string(field.type):
            counts = pc.value_counts(pc.drop_null(records[field.name]))
            share = counts.field("counts").to_numpy() / len(records)
            found[field.name] = (counts.field("values"), -np.log(share))
    return found


def told(records: pa.Table, first: FloatArray, rare: Rarity) -> dict[str, FloatArray]:
    """Return what the isolation forest reads of m records, by name, (m,) each.

    Parameters
    ----------
    records : pyarrow.Table of m rows
        By row, then time.
    first : bool array, shape (m,)
        Whether there is no record before it in its row.
    rare : Rarity
        Of the known records; a value never seen there is as rare as one seen half a time.
    """
    times = records["ts"].cast(pa.int64()).to_numpy() / 1e6
    gap = np.where(first, np.nan, np.diff(times, prepend=times[:1]))
    amount = np.nan_to_num(np.log1p(np.abs(records["amount"].to_numpy().astype(np.float64))))
    found = {
        "amount": amount,
        "amount beside those before": np.where(first, 0.0, np.abs(amount - _mean_before(amount, first))),
        "time since the one before": -np.log1p(np.where(first, np.nanmedian(gap), gap)),
    }
    for name, (values, nats) in rare.items():
        place = pc.fill_null(pc.index_in(records[name], value_set=values), -1).to_numpy()
        found[name] = np.where(place < 0, nats.max() + np.log(2.0), nats[place])
        codes = pc.fill_null(records[name].combine_chunks().dictionary_encode().indices, -1).to_numpy()
        seen = pd.DataFrame({"row": np.cumsum(first), "code": codes}).duplicated().to_numpy()
        found[f"new {name}"] = np.where(seen, 0.0, 1.0)
    return {name: np.nan_to_num(column) for name, column in found.items()}


def _mean_before(values: FloatArray, first: FloatArray) -> FloatArray:
    """Return the mean of the values before each in its row, (m,); 0 for the first."""
    start = np.maximum.accumulate(np.where(first, np.arange(len(values)), 0))
    before = np.cumsum(values) - values
    count = np.arange(len(values)) - start
    mean: FloatArray = (before - before[start]) / np.maximum(count, 1)
    return mean


def spread_out(rows: pa.Table, rare: Rarity | None = None) -> tuple[dict[str, FloatArray], Any, Rarity]:
    """Return what is told of all records of rows, the place of each row's last one, and the rarities."""
    offsets, records = flattened(rows.select([RECORDS]))
    first = np.zeros(len(records), bool)
    first[offsets[:-1][np.diff(offsets) > 0]] = True
    rare = rarities(records) if rare is None else rare
    return told(records, first, rare), offsets[1:] - 1, rare


def one_seed(
    folder: Path, users: list[str], events: pa.Table, size: SizeName, window: int, epochs: int, seed: int
) -> Iterator[tuple[str, float]]:
    """Yield the AUC of each score on the labelled transactions of held-out users."""
    drawn = np.random.default_rng(seed).permutation(users)
    judged, known = np.split(drawn, [round(HELD_OUT * len(users))])
    last = pa.repeat(pc.max(events["ts"]), len(known))
    learned = up_to(pa.table({"user_id": pa.array(known), "until": last}), events, window)
    model = HistoryModel(
        size=size,
        window=window,
        until="until",
        terms=("fields", "records", "next"),
        training={"max_epochs": epochs},
        progress=False,
        random_state=seed,
    ).pretrain(learned)
    labels = pq.read_table(folder / "labels" / "fraud.parquet", columns=["user_id", "ts", "label"])
    labels = labels.filter(pc.is_in(labels["user_id"], value_set=pa.array(judged)))
    after = pa.array(labels["ts"].cast(pa.int64()).to_numpy() + 1).cast(pa.timestamp("us"))
    rows = up_to(pa.table({"user_id": labels["user_id"], "until": after}), events, window)
    y = labels["label"].to_numpy().astype(np.float64)
    columns, _, rare = spread_out(learned)
    own, place, _ = spread_out(rows, rare)
    found: pa.Table = model.surprise(rows)
    names = [name for name in found.column_names if name.startswith("surprise")]
    fields = np.column_stack([found[name].to_numpy()[place] for name in names])
    yield f"surprise of the record ({int(y.sum())} of {len(y)})", roc_auc(y, fields[:, 0])
    yield "surprise of its most surprising field", roc_auc(y, fields[:, 1:].max(1))
    forest = IsolationForest(random_state=seed, n_jobs=1).fit(np.column_stack(list(columns.values())))
    asked = np.column_stack([column[place] for column in own.values()])
    yield "isolation forest", roc_auc(y, -forest.score_samples(asked))
    for name, column in own.items():
        yield f"alone: {name}", roc_auc(y, column[place])


def compare(
    folder: Path, count: int | None, size: SizeName, window: int, epochs: int, seeds: int
) -> Iterator[str]:
    """Yield each figure when it is known, then the table."""
    users = users_of(folder, count)
    events = payments(folder, users)
    yield f"{events.num_rows:,} transactions of {len(users):,} users, {HELD_OUT:.0%} of whom judge; AUC"
    figures: dict[str, list[float]] = {}
    for seed in range(seeds):
        for name, auc in one_seed(folder, users, events, size, window, epochs, seed):
            yield f"seed {seed}, {name}: {auc:.4f}"
            figures.setdefault(name.partition(" (")[0], []).append(auc)
    yield f"\n| AUC, {seeds} seeds | |\n|---|---|"
    overlap = HELD_OUT / (1 - HELD_OUT)
    yield from (f"| {name} | {interval(values, overlap)} |" for name, values in figures.items())
    surprise, forest = figures["surprise of the record"], figures["isolation forest"]
    ahead = list(np.subtract(surprise, forest))
    yield f"| surprise of the record, less isolation forest | {interval(ahead, overlap)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="Where pragmatiq has written a bank.")
    parser.add_argument("--users", type=int, default=None, help="The first so many users; all if not given.")
    parser.add_argument("--size", default="tiny", choices=("tiny", "small", "base"))
    parser.add_argument("--window", type=int, default=64, help="Latest transactions that are read.")
    parser.add_argument("--epochs", type=int, default=3, help="Most passes of pretraining.")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    logging.getLogger("bezant").setLevel(logging.ERROR)
    try:
        how = (opened(given.folder), given.users, given.size, given.window, given.epochs, given.seeds)
        for line in compare(*how):
            print(line, flush=True)
    except InputError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
