"""``bezant datasets | check``, and how the rows and outcomes that are typed are read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import bezant
from bezant.cli import sources
from bezant.types import InputError
from loans import loans, run, write


def test_the_list_of_data_sets_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("datasets", "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [d["name"] for d in listed] == list(bezant.datasets.names())


def test_a_data_set_is_shown_with_the_reason_of_every_dropped_column(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("datasets", "show", "sba-loans", "--json") == 0
    assert json.loads(capsys.readouterr().out)["drop"] == dict(bezant.datasets.task("sba-loans").drop)
    assert run("datasets", "show", "sba-loans") == 0
    assert "Term" in capsys.readouterr().out


def test_check_ends_with_one_if_something_must_be_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = loans(600)
    columns["charged_off_on"] = ["2009-01-01" if d == "1" else "" for d in columns["default"]]
    path = write(tmp_path / "loans.csv", columns)
    assert run("check", path, "-t", "default", "--time", "approved", "--json") == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert any(f["severity"] == "refuse" and "charged_off_on" in f["columns"] for f in findings)
    assert run("check", path, "-t", "default", "--drop", "charged_off_on", "--json") == 0


def test_a_saved_schema_can_be_given_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, schema = write(tmp_path / "loans.csv", loans()), tmp_path / "schema.json"
    words = ("check", path, "-t", "default", "--time", "approved", "--json")
    assert run(*words, "--save-schema", str(schema)) == 0
    first = capsys.readouterr().out
    assert run(*words, "--schema", str(schema)) == 0
    assert capsys.readouterr().out == first


def test_check_says_how_texts_were_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = loans()
    columns["approved"] = [f"{d[8:10]}.{d[5:7]}.{d[:4]}" for d in columns["approved"]]
    path = write(tmp_path / "loans.csv", columns)
    assert run("check", path, "-t", "default", "--time", "approved", "--json") in (0, 1)
    readings = json.loads(capsys.readouterr().out)["readings"]
    assert any("'approved'" in note and "%d.%m.%Y" in note for note in readings)


def test_a_name_that_is_nearly_a_data_set_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "sba-sampel") == 2
    assert "did you mean the data set 'sba-sample'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "positive", "expected"),
    [
        ([0, 1, 1], None, [0, 1, 1]),
        ([0.0, 1.0, 1.0], None, [0, 1, 1]),
        ([False, True, True], None, [0, 1, 1]),
        (["0", "1", "1.0"], None, [0, 1, 1]),
        (["FALSE", "True", "true"], None, [0, 1, 1]),
        (["P I F", "CHGOFF", "other"], "CHGOFF", [0, 1, 0]),
        ([1, 2, 2], "2", [0, 1, 1]),
        ([1, 2, 2], "1", [1, 0, 0]),
    ],
)
def test_outcomes_are_read_as_they_are_written(
    values: list[object], positive: str | None, expected: list[int]
) -> None:
    for column in (pa.chunked_array([values]), pa.chunked_array([values]).dictionary_encode()):
        y, _ = sources.read_outcome(column, "y", positive, both=True, missing=False)
        assert y.tolist() == expected


def test_missing_outcomes_are_nan_only_where_that_is_allowed() -> None:
    column = pa.chunked_array([["0", "NA", None, "1"]])
    y, _ = sources.read_outcome(column, "y", None, both=True, missing=True)
    np.testing.assert_array_equal(y, [0, np.nan, np.nan, 1])
    with pytest.raises(InputError, match="missing in 2 of 4 rows"):
        sources.read_outcome(column, "y", None, both=True, missing=False)


def test_a_file_goes_before_a_data_set_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sources.is_dataset("sba-sample")
    (tmp_path / "sba-sample").mkdir()
    assert not sources.is_dataset("sba-sample")
