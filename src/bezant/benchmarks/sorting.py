"""Events out of order, sorted into histories on disk: seconds and the most memory that was held.

Run it with ``python -m bezant.benchmarks.sorting --events 50000000 --folder somewhere-with-room``. Events
are drawn at random and written to Parquet a million at a time; the sorted histories are counted and compared
with what was written, and both are deleted.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bezant.histories import sort_events

PIECE = 1_000_000
EVENTS_A_CUSTOMER = 50
KINDS = ("card", "cash", "transfer", "direct debit", "fee", "salary")


def draw(folder: Path, events: int, seed: int) -> float:
    """Write so many events to Parquet files, and return the sum of their amounts in cents."""
    random, total = np.random.default_rng(seed), 0.0
    kinds = pa.array(KINDS)
    for start in range(0, events, PIECE):
        rows = min(PIECE, events - start)
        cents = np.round(random.gamma(1.5, 2000.0, rows))
        total += float(cents.sum())
        seconds = random.integers(0, 730 * 86_400, rows)
        table = pa.table(
            {
                "customer": random.integers(0, max(events // EVENTS_A_CUSTOMER, 1), rows),
                "time": pa.array(seconds * 1_000_000, pa.timestamp("us")),
                "amount": cents / 100,
                "kind": kinds.take(pa.array(random.integers(0, len(KINDS), rows))),
            }
        )
        pq.write_table(table, folder / f"part-{start // PIECE:05d}.parquet")
    return total


def peak() -> float:
    """Return the most memory that this process has held, in GB, mapped files included."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(held) * (1 if sys.platform == "darwin" else 1024) / 1e9


def sort_drawn(events: int, folder: Path, memory: str, threads: int | None, seed: int) -> Iterator[str]:
    """Draw events, sort them, and yield what it took."""
    drawn, place = folder / "drawn", folder / "sorted"
    drawn.mkdir()
    total = draw(drawn, events, seed)
    size = sum(f.stat().st_size for f in drawn.iterdir()) / 1e9
    yield f"{events:,} events out of order, {size:.2f} GB of Parquet; up to here {peak():.2f} GB of memory"
    start, cpu = time.perf_counter(), time.process_time()
    found = sort_events(drawn, place, entity="customer", time="time", memory=memory, threads=threads)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert found.records is not None
    written = sum(float(np.round(b["amount"].to_numpy() * 100).sum()) for b in found.records.to_batches())
    if found.records.num_rows != events or abs(written - total) > 0.5:
        raise AssertionError("what was sorted is not what was drawn")
    yield (
        f"sorted into {len(found):,} histories in {seconds:.0f} seconds ({cpu:.0f} of processor time), "
        f"{events / seconds:,.0f} events a second; most memory held {peak():.2f} GB, DuckDB's share {memory}"
    )


def main() -> None:
    """Print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--folder", default=None, help="A folder with room for 100 bytes an event.")
    parser.add_argument("--memory", default="1GB", help="What DuckDB may hold before it writes to disk.")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        how = (given.events, Path(folder), given.memory, given.threads, given.seed)
        for line in sort_drawn(*how):
            print(line, flush=True)


if __name__ == "__main__":
    main()
