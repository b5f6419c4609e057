import errno
import os

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
