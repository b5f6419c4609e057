import errno
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezant.artifacts import write_whole
from bezant.histories import BatchWriter, read_table
from bezant.histories.readers import write_table
from bezant.types import InputError
from common.full_disk import fill

TABLE = pa.table({"id": ["a", "b,c"], "p": [0.25, None]})


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.parquet", "out.pq"])
def test_batches_written_are_read_back(tmp_path, name):
    with BatchWriter(tmp_path / name) as writer:
        writer.write(TABLE)
        writer.write(TABLE)
    table = read_table(tmp_path / name)
    assert table["id"].to_pylist() == ["a", "b,c"] * 2
    assert [float(v) if v else None for v in table["p"].to_pylist()] == [0.25, None] * 2
    assert writer.rows == 4
    assert [f.name for f in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_an_error_in_the_block_leaves_what_was_there(tmp_path, name):
    (tmp_path / name).write_text("before")
    writer = BatchWriter(tmp_path / name)

    def interrupted():
        with writer:
            writer.write(TABLE)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        interrupted()
    assert (tmp_path / name).read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


TIMES = [
    (["2023-09-01", "1969-12-31", None], "2023-09-01"),
    (["2023-09-01T16:00:00", "2023-09-02", None], "2023-09-01 16:00:00"),
    (["1969-12-31T23:59:59", "2023-09-02", None], "1969-12-31 23:59:59"),
    (["2023-09-01T16:00:00.250", "2023-09-02", None], "2023-09-01 16:00:00.250"),
]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize(("times", "first"), TIMES)
def test_times_of_a_table_are_written_as_short_as_they_are_and_read_back(tmp_path, unit, times, first):
    column = pa.array(np.array([t or "NaT" for t in times], f"datetime64[{unit}]"))
    write_table(pa.table({"t": column, "x": [1, 2, 3]}), tmp_path / "out.csv")
    written = (tmp_path / "out.csv").read_text().splitlines()[1].split(",")[0].strip('"')
    assert written == first or (written.rstrip("0") == first.rstrip("0") and "." in first)
    back = read_table(tmp_path / "out.csv")
    assert [np.datetime64(t or "NaT", "ms") for t in back["t"].to_pylist()[:2]] == [
        np.datetime64(t, "ms") for t in times[:2]
    ]
    assert not back["t"].to_pylist()[2]
    write_table(pa.table({"t": column}), tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").schema.field("t").type == column.type


def test_times_with_a_zone_stay_moments(tmp_path):
    noon = pa.array([1_700_006_400_000_000], pa.timestamp("us", "UTC"))  # a midnight of Greenwich
    write_table(pa.table({"t": noon, "x": [1]}), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("2023-11-15 00:00:00Z")


def test_no_times_are_written_as_before(tmp_path):
    none = pa.table({"t": pa.array([None], pa.timestamp("us")), "x": [1]})
    write_table(none, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == ",1"
    write_table(none.slice(0, 0), tmp_path / "out.csv")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "out.csv").write_text("before")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"), BatchWriter(tmp_path / "out.csv") as writer:
        writer.write(TABLE)
    assert (tmp_path / "out.csv").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("room", [0, 100, 5000])
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_full_disk_names_the_file(tmp_path, monkeypatch, name, room):
    many = pa.table({"x": pa.array(os.urandom(8).hex() for _ in range(1000))})
    fill(monkeypatch, "bezant.histories.readers.writing", room)
    with pytest.raises(OSError, match="No space") as caught, BatchWriter(tmp_path / name) as writer:
        writer.write(many)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / name))
    assert not list(tmp_path.iterdir())


def test_an_error_of_what_is_read_in_the_block_keeps_its_own_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, BatchWriter(tmp_path / "out.csv"):
        (tmp_path / "absent.csv").read_bytes()
    assert caught.value.filename == str(tmp_path / "absent.csv")


def test_a_full_disk_names_a_file_that_is_written_whole(tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("before")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_whole(tmp_path / "page.html", b"after")
    assert caught.value.filename == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "before"


def test_a_table_without_rows_makes_a_file_with_its_columns(tmp_path):
    with BatchWriter(tmp_path / "out.parquet") as writer:
        writer.write(TABLE.slice(0, 0))
    assert pq.read_table(tmp_path / "out.parquet").schema.equals(TABLE.schema)


def test_an_unknown_suffix_and_a_missing_folder_are_refused_before_anything_is_computed(tmp_path):
    with pytest.raises(InputError, match=r"'.xlsx' is none of"):
        BatchWriter(tmp_path / "out.xlsx")
    with pytest.raises(InputError, match="there is no folder"):
        BatchWriter(tmp_path / "none" / "out.csv")


@pytest.mark.parametrize("write", [write_table, lambda table, path: write_whole(path, b"whole")])
def test_a_pipe_and_a_folder_keep_their_names(tmp_path, write):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name, said in (("pipe.csv", "a device or a pipe"), ("folder.csv", "is a folder")):
        with pytest.raises(InputError, match=said):
            write(pa.table({"x": [1]}), tmp_path / name)
    assert (tmp_path / "pipe.csv").is_fifo() and (tmp_path / "folder.csv").is_dir()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.csv", "pipe.csv"]
