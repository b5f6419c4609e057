import duckdb
import pytest

from bezant.histories import read_table, scan_batches
from bezant.histories.readers.duckdb import read_query
from bezant.types import InputError


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "loans.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE loans AS SELECT i AS id, i % 2 = 0 AS defaulted FROM range(5000) t(i)"
        )
    return path


def test_a_query_returns_its_rows(database):
    assert read_query("SELECT count(*) AS n FROM loans", database).to_pydict() == {"n": [5000]}
    assert read_query("SELECT 1 AS x").to_pydict() == {"x": [1]}


def test_an_address_names_database_and_query(database):
    url = f"duckdb:///{database}"
    assert read_table(url, query="SELECT id FROM loans LIMIT 2").to_pydict() == {"id": [0, 1]}
    assert read_table(f"{url}?query=SELECT id FROM loans WHERE id %2B 1 = 3").to_pydict() == {"id": [2]}


def test_batches_have_the_size_asked_for(database):
    sizes = [t.num_rows for t in scan_batches(f"duckdb:///{database}", 2000, query="FROM loans")]
    assert sizes == [2000, 2000, 1000]


def test_a_relation_is_a_source(database):
    with duckdb.connect(str(database)) as connection:
        relation = connection.sql("SELECT id FROM loans ORDER BY id")
        assert read_table(relation)["id"].to_pylist() == list(range(5000))
        assert sum(t.num_rows for t in scan_batches(relation, 999)) == 5000


def test_a_query_cannot_change_the_database(database):
    with pytest.raises(InputError, match="DuckDB refused"):
        read_query("DROP TABLE loans", database)
    assert read_query("SELECT count(*) AS n FROM loans", database)["n"][0].as_py() == 5000


def test_a_missing_database_is_not_created(tmp_path):
    with pytest.raises(InputError, match="There is no DuckDB database"):
        read_query("SELECT 1", tmp_path / "none.duckdb")
    assert not list(tmp_path.iterdir())


def test_a_wrong_query_is_one_sentence(database):
    with pytest.raises(InputError, match="loanz"):
        read_query("SELECT * FROM loanz", database)
