"""Events of a synthetic bank, beside pragmatiq: events a second end to end, and what labels are foreseen.

Run it with ``python -m bezant.benchmarks.bank_events FOLDER``, where ``pragmatiq synth generate --out
FOLDER`` (pragmatiq 1.1, from the package index) has written events, profiles and labels. The labels are the
bank's own, each with the moment it is asked at; 30 % of the users judge, drawn as pragmatiq draws them.
Pretraining reads events before the earliest such moment and no label. ``--speed`` measures events per
processor second instead: reading, encoding, one pass of training, embedding; with pragmatiq too where it is
installed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.model_selection import train_test_split

from bezant.benchmarks.pretraining import interval, latest_records
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.pretraining.history_model import HistoryModel
from bezant.histories import with_records
from bezant.metrics.classification import roc_auc
from bezant.network.adaptation import Adapt
from bezant.network.fields.encoding import learn_encoding
from bezant.network.history import COMPONENTS
from bezant.network.sizes import SizeName
from bezant.schema import infer_schema
from bezant.training.plan import readable
from bezant.types import FloatArray, InputError

LABELS = ("default_12m", "churn_6m", "ltv_positive")
JUDGING = 0.3
NUMBERS = ("amount", "quantity", "price")
LEFT_OUT = ("counterparty", "campaign_id", "device_id", "venue")
"""Names of others, of campaigns and of devices: of next to no use without the graph that they make."""

BOOSTED, BARE = "LightGBM, aggregates", "bezant, not pretrained"
STARTED, BOTH = "bezant, pretrained", "LightGBM, aggregates and vectors"


def opened(folder: Path) -> Path:
    """Return the folder, if pragmatiq has written a bank there."""
    needed = ["events.parquet", "profiles.parquet", *(f"labels/{name}.parquet" for name in LABELS)]
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"The folder {str(folder)!r} lacks {missing[0]!r}; let pragmatiq 1.1 write a bank there first: "
            f"pragmatiq synth generate --out {folder}."
        )
    return folder


def spread(events: pa.Table) -> pa.Table:
    """Turn events with a map of fields into a table with a column a field.

    Numbers become numbers; what is a code and looks like a number gets a letter before it.
    """
    maps = events["fields"].combine_chunks()
    maps = maps.chunk(0) if isinstance(maps, pa.ChunkedArray) else maps
    counts = np.diff(maps.offsets.to_numpy())
    row = np.repeat(np.arange(len(counts)), counts)
    begin, end = maps.offsets[0].as_py(), maps.offsets[-1].as_py()
    keys = maps.keys.slice(begin, end - begin).dictionary_encode()
    values, code = maps.items.slice(begin, end - begin), keys.indices.to_numpy()
    columns = {"user_id": events["user_id"], "ts": events["ts"], "source": events["source"]}
    for i, name in enumerate(keys.dictionary.to_pylist()):
        if name in LEFT_OUT:
            continue
        places = np.full(len(counts), -1, np.int64)
        found = np.flatnonzero(code == i)
        places[row[found]] = found
        column = values.take(pa.array(places, mask=places < 0))
        if name in NUMBERS:
            columns[name] = column.cast(pa.float64())
        else:
            columns[name] = pc.binary_join_element_wise("=", column, "")
    return pa.table(columns)


def users_of(folder: Path, count: int | None) -> list[str]:
    """Return the first so many users, all if not given."""
    names = pq.read_table(folder / "profiles.parquet", columns=["user_id"])["user_id"]
    chosen: list[str] = names.slice(0, count).to_pylist() if count else names.to_pylist()
    return chosen


def read_events(folder: Path, users: Sequence[str]) -> pa.Table:
    """Return the events of some users, a column a field."""
    wanted = pa.array(users)
    file = pq.ParquetFile(folder / "events.parquet")
    pieces = []
    for group in range(file.num_row_groups):
        piece = file.read_row_group(group)
        piece = piece.filter(pc.is_in(piece["user_id"], value_set=wanted))
        if piece.num_rows:
            pieces.append(spread(piece))
    return pa.concat_tables(pieces, promote_options="default")


def read_profiles(folder: Path, users: Sequence[str]) -> pa.Table:
    """Return who the users are: a column an attribute."""
    table = pq.read_table(folder / "profiles.parquet")
    table = table.filter(pc.is_in(table["user_id"], value_set=pa.array(users)))
    each = [dict(pairs) for pairs in table["attributes"].to_pylist()]
    names = sorted({name for one in each for name in one})
    return pa.table({"user_id": table["user_id"], **{n: [one.get(n) for one in each] for n in names}})


# ------------------------------------------------------------------------------------------ what is foreseen


@dataclass(frozen=True, eq=False)
class Question:
    """One label.

    Attributes
    ----------
    rows : pyarrow.Table
        n users: attributes, the moment "eval_ts", the records before it.
    told : float array, shape (n, A)
        The attributes as codes, and the aggregates of the records.
    vectors : float array, shape (n, R)
        Of the pretrained model: as many principal components as the labels are enough for.
    y : float array, shape (n,)
        The label.
    """

    rows: pa.Table
    told: FloatArray
    vectors: FloatArray
    y: FloatArray


def read_question(
    folder: Path, label: str, events: pa.Table, profiles: pa.Table
) -> tuple[pa.Table, FloatArray]:
    """Return n users: attributes, the moment "eval_ts" and the records before it; and their labels (n,)."""
    table = pq.read_table(folder / "labels" / f"{label}.parquet", columns=["user_id", "eval_ts", "label"])
    table = table.filter(pc.is_in(table["user_id"], value_set=profiles["user_id"]))
    rows = table.join(profiles, "user_id").sort_by("user_id")
    y = rows["label"].to_numpy().astype(np.float64)
    rows = with_records(rows.drop_columns(["label"]), events, entity="user_id", time="ts", until="eval_ts")
    return rows.drop_columns(["user_id"]), y


def ask(folder: Path, label: str, events: pa.Table, profiles: pa.Table, model: HistoryModel) -> Question:
    """Read a label with what was known at its moment."""
    rows, y = read_question(folder, label, events, profiles)
    found = model.embed(rows, components=readable(y, COMPONENTS))
    vectors = np.stack([c.to_numpy() for c in found.columns], 1).astype(np.float64)
    return Question(rows, told_of(rows), vectors, y)


def told_of(rows: pa.Table) -> FloatArray:
    """Return attributes as codes and the aggregates of records, for models that read numbers."""
    schema = infer_schema(rows, time="eval_ts")
    typed = schema.conform(rows).table
    encoding = learn_encoding(typed, schema, aggregates=True)
    encoded = encoding.encode(typed)
    return np.hstack([encoded.numbers, encoded.codes]).astype(np.float64)


def boosted(x: FloatArray, y: FloatArray, learning: Any, judging: Any, seed: int) -> float:
    """Return the AUC of LightGBM."""
    import lightgbm

    model = lightgbm.LGBMClassifier(
        n_estimators=200, learning_rate=0.03, num_leaves=15, n_jobs=1, random_state=seed, verbose=-1
    )
    model.fit(x[learning], y[learning])
    return roc_auc(y[judging], np.asarray(model.predict_proba(x[judging]))[:, 1])


def network(
    question: Question,
    learning: Any,
    judging: Any,
    start: HistoryModel | None,
    size: SizeName,
    seed: int,
    adapt: Adapt | Literal["auto"] = "auto",
) -> float:
    """Return the AUC of bezant."""
    risk = CreditRisk(
        time="eval_ts",
        size=size,
        benchmark=False,
        pretrained=start,
        adapt=adapt,
        progress=False,
        random_state=seed,
    )
    risk.fit(question.rows.take(pa.array(learning)), question.y[learning])
    p = risk.predict_proba(question.rows.take(pa.array(judging)))[:, 1]
    return roc_auc(question.y[judging], p)


def foreseen(
    folder: Path,
    users: int | None,
    size: SizeName,
    seeds: int,
    window: int,
    *,
    bare: bool,
    epochs: int | None = None,
    adapt: Adapt | Literal["auto"] = "auto",
    labels: Sequence[str] = LABELS,
) -> Iterator[str]:
    """Yield the AUC of each model on each label, each when it is known, then the table."""
    chosen = users_of(folder, users)
    events, profiles = read_events(folder, chosen), read_profiles(folder, chosen)
    moments = [
        pq.read_table(folder / "labels" / f"{label}.parquet", columns=["eval_ts"])["eval_ts"]
        for label in LABELS
    ]
    earliest = min((pc.min(m) for m in moments), key=lambda moment: moment.value)
    before = events.filter(pc.less(events["ts"], earliest))
    asked = pa.table({"user_id": pa.array(chosen), "until": pa.repeat(earliest, len(chosen))})
    latest = latest_records(with_records(asked, before, entity="user_id", time="ts"), window)
    training = {} if epochs is None else {"max_epochs": epochs}
    model = HistoryModel(
        size=size, window=window, until="until", training=training, progress=False, random_state=0
    )
    model.pretrain(latest)
    model.until = "eval_ts"
    yield f"{events.num_rows:,} events of {len(chosen):,} users; {' '.join(model.notes_)}"
    figures: dict[tuple[str, str], list[float]] = {}
    sizes = {}
    for label in labels:
        question = ask(folder, label, events, profiles, model)
        sizes[label] = f"{len(question.y):,} users, {int(question.y.sum()):,} positive"
        for seed in range(seeds):
            split: Any = train_test_split(
                np.arange(len(question.y)), test_size=JUDGING, random_state=seed, stratify=question.y
            )
            learning, judging = split
            both = np.hstack([question.told, question.vectors])
            found = {
                BOOSTED: boosted(question.told, question.y, learning, judging, seed),
                BOTH: boosted(both, question.y, learning, judging, seed),
                STARTED: network(question, learning, judging, model, size, seed, adapt),
            }
            if bare:
                found[BARE] = network(question, learning, judging, None, size, seed)
            for name, auc in found.items():
                figures.setdefault((name, label), []).append(auc)
                yield f"{label}, seed {seed}, {name}: {auc:.4f}"
    yield f"\nAUC, {seeds} seeds: " + "; ".join(f"{k}: {v}" for k, v in sizes.items()) + "\n"
    yield "| | " + " | ".join(labels) + " |"
    yield "|---|" + "---|" * len(labels)
    overlap = JUDGING / (1 - JUDGING)
    for name in dict.fromkeys(name for name, _ in figures):
        cells = (interval(figures[name, label], overlap) for label in labels)
        yield f"| {name} | " + " | ".join(cells) + " |"
    for name in (BOTH, STARTED):
        ahead = (
            interval(list(np.subtract(figures[name, label], figures[BOOSTED, label])), overlap)
            for label in labels
        )
        yield f"| {name}, less {BOOSTED} | " + " | ".join(ahead) + " |"


# -------------------------------------------------------------------------------------------------- speed


def own_speed(folder: Path, users: int, size: SizeName) -> tuple[int, dict[str, float], int]:
    """Return events, seconds of processor time by part, and the number of parameters."""
    parts: dict[str, float] = {}
    start = time.process_time()
    events = read_events(folder, users_of(folder, users))
    parts["read"] = time.process_time() - start
    start = time.process_time()
    model = HistoryModel(
        entity="user_id", time="ts", size=size, training={"max_epochs": 1}, progress=False, random_state=0
    ).pretrain(events)
    parts["encode and train, one pass"] = time.process_time() - start
    start = time.process_time()
    model.embed(events)
    parts["embed"] = time.process_time() - start
    return events.num_rows, parts, sum(p.numel() for p in model.network_.parameters())


def rival_speed(folder: Path, users: int) -> tuple[int, dict[str, float], int]:
    """Return the same of pragmatiq's size "nano", with its own settings but for the number of steps.

    Raises
    ------
    InputError
        If pragmatiq is not installed.
    """
    if importlib.util.find_spec("pragmatiq") is None:
        raise InputError("The comparison needs pragmatiq 1.1; install it with: pip install pragmatiq==1.1.0")
    # by name: it is no dependency of the package, and brings no types
    api = importlib.import_module("pragmatiq.api")
    models = importlib.import_module("pragmatiq.models.pragmatiq")

    with tempfile.TemporaryDirectory() as place:
        parts: dict[str, float] = {}
        start = time.process_time()
        shards = api.tokenize(folder, f"{place}/shards", max_users=users)
        parts["read"] = time.process_time() - start
        tokens, events = int(shards["total_tokens"]), int(shards["total_events"])
        budget = 4096
        start = time.process_time()
        steps = max(-(-tokens // budget), 1)
        run = api.pretrain(
            f"{place}/shards",
            "speed",
            "nano",
            config={"max_steps": steps, "token_budget": budget, "accelerator": "cpu", "verbose": False},
            runs_root=f"{place}/runs",
        )
        parts["encode and train, one pass"] = time.process_time() - start
        start = time.process_time()
        api.embed(f"{place}/shards", run["run_dir"], token_budget=budget, device="cpu")
        parts["embed"] = time.process_time() - start
        size = sum(
            p.numel() for p in models.PragmaModel.from_pretrained(run["run_dir"], device="cpu").parameters()
        )
    return events, parts, size


def speeds(folder: Path, users: int, size: SizeName) -> Iterator[str]:
    """Yield what a processor second does, of bezant and of pragmatiq."""
    found = {}
    measured: dict[str, Callable[[], tuple[int, dict[str, float], int]]] = {
        f"bezant, size {size!r}": lambda: own_speed(folder, users, size),
        "pragmatiq 1.1, size 'nano'": lambda: rival_speed(folder, users),
    }
    for name, measure in measured.items():
        events, parts, parameters = measure()
        found[name] = events / sum(parts.values())
        each = ", ".join(f"{part} {seconds:.1f}" for part, seconds in parts.items())
        yield (
            f"{name}: {parameters:,} parameters, {events:,} events of {users:,} users, {found[name]:,.0f} "
            f"events a processor second end to end (seconds: {each})"
        )
    own, other = found.values()
    yield f"bezant / pragmatiq: {own / other:.1f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="Where pragmatiq has written a bank.")
    parser.add_argument("--users", type=int, default=None, help="The first so many users; all if not given.")
    parser.add_argument("--size", default="tiny", choices=("tiny", "small", "base"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--window", type=int, default=256, help="Latest records that pretraining reads.")
    parser.add_argument("--epochs", type=int, default=None, help="Most passes of pretraining.")
    parser.add_argument("--bare", action="store_true", help="Also train on the labels alone.")
    parser.add_argument("--adapt", default="auto", choices=("auto", "frozen", "lora", "full"))
    parser.add_argument("--labels", nargs="+", default=LABELS, choices=LABELS)
    parser.add_argument("--speed", action="store_true", help="Measure events a second instead.")
    given = parser.parse_args()
    logging.getLogger("bezant").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    try:
        folder = opened(given.folder)
        if given.speed:
            lines = speeds(folder, given.users or 100, given.size)
        else:
            asked = (folder, given.users, given.size, given.seeds, given.window)
            how = {"epochs": given.epochs, "adapt": given.adapt, "labels": given.labels}
            lines = foreseen(*asked, bare=given.bare, **how)
        for line in lines:
            print(line, flush=True)
    except InputError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
