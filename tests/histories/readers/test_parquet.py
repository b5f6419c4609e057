import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezant.histories.readers.parquet import ParquetRows, read_parquet, scan_parquet
from bezant.types import InputError


@pytest.fixture
def folder(tmp_path):
    pq.write_table(pa.table({"x": [1, 2], "y": ["a", "b"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"y": ["c"], "x": [3.5]}), tmp_path / "2.parquet")
    return tmp_path


def test_a_folder_a_pattern_and_a_list_give_the_same_rows(folder):
    expected = {"x": [1.0, 2.0, 3.5], "y": ["a", "b", "c"]}
    for source in (folder, str(folder / "*.parquet"), [folder / "1.parquet", str(folder / "2.parquet")]):
        assert read_parquet(source).to_pydict() == expected


def test_folders_named_by_key_and_value_become_columns(tmp_path):
    for year in (2004, 2005):
        (tmp_path / f"year={year}").mkdir()
        pq.write_table(pa.table({"x": [year % 10]}), tmp_path / f"year={year}" / "a.parquet")
    assert read_parquet(tmp_path).to_pydict() == {"x": [4, 5], "year": [2004, 2005]}


def test_scanning_gives_pieces_of_at_most_the_size_asked_for(tmp_path):
    pq.write_table(pa.table({"x": range(10_000)}), tmp_path / "a.parquet", row_group_size=3000)
    pieces = list(scan_parquet(tmp_path / "a.parquet", 1000))
    assert max(t.num_rows for t in pieces) <= 1000
    assert [v for t in pieces for v in t["x"].to_pylist()] == list(range(10_000))


def test_files_that_do_not_go_together_are_refused(folder):
    pq.write_table(pa.table({"x": [1], "z": ["a"]}), folder / "3.parquet")
    with pytest.raises(InputError, match=r"3.parquet' has other columns than .*1.parquet'"):
        read_parquet(folder)
    pq.write_table(pa.table({"x": [[1]], "y": ["a"]}), folder / "3.parquet")
    with pytest.raises(InputError, match="3 Parquet files hold one column in types"):
        read_parquet(folder)


def test_a_damaged_file_an_empty_folder_and_a_missing_file_are_one_sentence_each(tmp_path):
    with pytest.raises(InputError, match="holds no Parquet file"):
        read_parquet(tmp_path)
    with pytest.raises(InputError, match="There is no file"):
        read_parquet(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match="is not a sound Parquet file"):
        read_parquet(tmp_path / "bad.parquet")
    (tmp_path / "a.csv").write_text("x\n1\n")
    with pytest.raises(InputError, match="1 of 2 files that are not Parquet"):
        read_parquet(str(tmp_path / "*"))


def test_rows_are_scanned_again_and_again_in_the_same_pieces(tmp_path):
    table = pa.table({"a": range(1000), "b": [str(i) for i in range(1000)], "c": [0.5] * 1000})
    pq.write_table(table.slice(0, 600), tmp_path / "1.parquet", row_group_size=250)
    pq.write_table(table.slice(600), tmp_path / "2.parquet")
    rows = ParquetRows.of(tmp_path, drop=["c"])
    assert len(rows) == 1000 and rows.columns == ("a", "b")
    first, second = ([len(p) for p in rows.scan(batch_rows=300)] for _ in range(2))
    assert first == second and max(first) <= 300
    assert pa.concat_tables(rows.scan(batch_rows=300)).equals(table.select(["a", "b"]))
    assert next(rows.scan(["b"])).column_names == ["b"]
    with pytest.raises(InputError, match="'d'"):
        ParquetRows.of(tmp_path, drop=["d"])
