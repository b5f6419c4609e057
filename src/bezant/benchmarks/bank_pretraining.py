"""What pretraining gives where labels are few: a label of a synthetic bank, from attributes and records.

Run it with ``python -m bezant.benchmarks.bank_pretraining FOLDER``, where ``pragmatiq synth generate --out
FOLDER`` (pragmatiq 1.1, from the package index) has written a bank. Each seed holds out 30 % of the labelled
users and learns from 1 %, 10 % and all labels of the others, as :mod:`bezant.benchmarks.pretraining` does;
the traditional models read all that the network is told of attributes and records at a glance.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from bezant.benchmarks.bank_events import (
    LABELS,
    opened,
    read_events,
    read_profiles,
    read_question,
    told_of,
    users_of,
)
from bezant.benchmarks.pretraining import HELD_OUT, Customers, compare
from bezant.types import FloatArray, InputError


def draw_users(
    rows: pa.Table, told: FloatArray, y: FloatArray, window: int, epochs: int | None, seed: int
) -> Customers:
    """Hold some of n users out: told (n, f) is what the traditional models read, y (n,) the label."""
    order = np.random.default_rng(seed).permutation(len(y))
    judging, learning = np.split(order, [round(HELD_OUT * len(y))])
    return Customers(rows, told, y, np.sort(learning), np.sort(judging), window, epochs)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="Where pragmatiq has written a bank.")
    parser.add_argument("--label", default=LABELS[0], choices=LABELS)
    parser.add_argument("--users", type=int, default=None, help="The first so many users; all if not given.")
    parser.add_argument("--size", default="tiny", choices=("tiny", "small", "base"))
    parser.add_argument("--window", type=int, default=32, help="Latest records that are read one by one.")
    parser.add_argument("--epochs", type=int, default=None, help="Most passes of pretraining.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ablation", action="store_true", help="Also switch each term of pretraining off.")
    given = parser.parse_args()
    logging.getLogger("bezant").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    try:
        chosen = users_of(opened(given.folder), given.users)
        events, profiles = read_events(given.folder, chosen), read_profiles(given.folder, chosen)
        rows, y = read_question(given.folder, given.label, events, profiles)
        told = told_of(rows)
        rows = rows.rename_columns({"eval_ts": "cut"})
        draw = partial(draw_users, rows, told, y, given.window, given.epochs)
        overlap = HELD_OUT / (1 - HELD_OUT)
        for line in compare(draw, given.size, range(given.seeds), ablation=given.ablation, overlap=overlap):
            print(line, flush=True)
    except InputError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
