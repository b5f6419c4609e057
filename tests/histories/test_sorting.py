"""Events sorted on disk are those sorted in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezant.histories import Histories, sort_events
from bezant.histories import sorting as module
from bezant.types import InputError


def out_of_order(rows: int = 3000, seed: int = 0) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "who": random.integers(0, 200, rows),
            "when": pa.array(random.integers(0, 50, rows) * 86_400_000_000, pa.timestamp("us")),
            "amount": random.gamma(2.0, 10.0, rows),
            "kind": random.choice(["card", "cash", "transfer"], rows),
        }
    )


def written(table: pa.Table, folder: Path, files: int = 3) -> Path:
    folder.mkdir()
    rows = -(-table.num_rows // files)
    for i in range(files):
        pq.write_table(table.slice(i * rows, rows), folder / f"part-{i}.parquet", row_group_size=300)
    return folder


def test_sorted_on_disk_is_sorted_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 257)
    events = out_of_order()
    found = sort_events(written(events, tmp_path / "events"), tmp_path / "sorted", entity="who", time="when")
    names = found.profile["who"]
    wanted = Histories.from_tables(pa.table({"who": names}), events, entity="who", time="when")
    np.testing.assert_array_equal(found.offsets, wanted.offsets)
    assert found.records is not None and wanted.records is not None
    for name in ("when", "amount", "kind"):
        assert found.records[name].to_pylist() == wanted.records[name].to_pylist(), name
    assert names.to_pylist() == sorted(names.to_pylist())


def test_what_was_sorted_opens_again(tmp_path: Path) -> None:
    source = written(out_of_order(), tmp_path / "events")
    found = sort_events(source, tmp_path / "sorted", entity="who", time="when")
    again = Histories.load(tmp_path / "sorted")
    assert again.records is not None and again.records.equals(found.records)
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("events", "sorted")] == []


def test_events_without_a_time_or_an_owner_are_counted(tmp_path: Path) -> None:
    events = out_of_order(90)
    times = events["when"].to_pylist()
    times[3] = times[50] = None
    broken = events.set_column(1, "when", pa.array(times, pa.timestamp("us")))
    with pytest.raises(InputError, match="'when' is missing in 2 of 90 records"):
        sort_events(written(broken, tmp_path / "a"), tmp_path / "b", entity="who", time="when")
    owners = events["who"].to_pylist()
    owners[7] = None
    broken = events.set_column(0, "who", pa.array(owners, pa.int64()))
    with pytest.raises(InputError, match="'who' is missing in 1 of 90 records"):
        sort_events(written(broken, tmp_path / "c"), tmp_path / "d", entity="who", time="when")
    assert not (tmp_path / "b").exists() and not (tmp_path / "d").exists()


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    source = written(out_of_order(30), tmp_path / "events")
    with pytest.raises(InputError, match="'whom'"):
        sort_events(source, tmp_path / "sorted", entity="whom", time="when")
