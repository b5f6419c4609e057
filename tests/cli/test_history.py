"""``bezant pretrain | embed | surprise`` from end to end on purchases that ship inside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bezant as bz
from common.full_disk import fill
from loans import run

HOW = ("--size", "tiny", "--epochs", "1", "--entity", "who", "--time", "when")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Purchases of 120 customers, and a model of them."""
    folder = tmp_path_factory.mktemp("history")
    events = bz.datasets.load("cdnow-sample").rename(columns={"customer": "who", "time": "when"})
    few = events[events["who"].isin(events["who"].unique()[:120])]
    few.to_csv(folder / "events.csv", index=False)
    assert run("pretrain", str(folder / "events.csv"), *HOW, "--out", str(folder / "model")) == 0
    return folder


def test_vectors_are_those_of_the_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, file, out = (str(folder / name) for name in ("model", "events.csv", "vectors.parquet"))
    assert run("embed", model, file, "--out", out) == 0
    assert "120 rows" in capsys.readouterr().out
    written, expected = pd.read_parquet(out), bz.load(model).embed(pd.read_csv(file))
    np.testing.assert_allclose(written["h0"], expected["h0"], rtol=1e-6)
    assert written.columns.tolist() == expected.columns.tolist()


def test_surprise_has_a_row_for_each_event(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, file, out = (str(folder / name) for name in ("model", "events.csv", "surprise.csv"))
    assert run("surprise", model, file, "--out", out, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    written = pd.read_csv(out)
    assert said["rows"] == len(written) == len(pd.read_csv(file))
    assert {"who", "when", "surprise", "surprise_gap"} <= set(written.columns)


@pytest.mark.parametrize("command", ["embed", "surprise"])
def test_a_full_disk_names_the_file_that_could_not_be_written(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, file = str(folder / "model"), str(folder / "events.csv")
    fill(monkeypatch, "bezant.histories.readers.writing")
    for suffix in ("csv", "parquet"):
        out = folder / f"full.{suffix}"
        assert run(command, model, file, "--out", str(out)) == 2
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said == f"Error: the system refused {str(out)!r} (No space left on device)."
        assert not [p.name for p in folder.iterdir() if "full" in p.name]


def test_a_column_that_is_not_there_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "nothing"
    file = str(folder / "events.csv")
    assert run("pretrain", file, "--entity", "card", "--time", "when", "--out", str(out)) == 2
    assert "'card'" in capsys.readouterr().err
    assert run("pretrain", file, *HOW, "--drop", "x", "--out", str(out)) == 2
    assert not out.exists()


def test_what_is_no_history_model_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(folder / "none.csv")
    assert run("embed", str(folder / "absent"), str(folder / "events.csv"), "--out", out) == 2
    assert "bezant pretrain" in capsys.readouterr().err


def test_events_without_the_columns_of_the_model_are_refused_by_their_options(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.read_csv(folder / "events.csv").rename(columns={"who": "card"}).to_csv(folder / "cards.csv")
    out = str(folder / "none.csv")
    assert run("surprise", str(folder / "model"), str(folder / "cards.csv"), "--out", out) == 2
    said = capsys.readouterr().err
    assert "'who' (--entity)" in said and "'card'" in said


@pytest.fixture(scope="module")
def rows(folder: Path) -> Path:
    """The customers with a day on which they are looked at, and whether they bought afterwards."""
    events = pd.read_csv(folder / "events.csv")
    cut = "1997-06-01"
    known = events["who"].unique()
    again = np.isin(known, events["who"][events["when"] >= cut]).astype(int)
    pd.DataFrame({"who": known, "cut": cut, "first": known % 7, "again": again}).to_csv(
        folder / "rows.csv", index=False
    )
    return folder / "rows.csv"


def test_credit_with_records_is_fitted_and_scores(
    folder: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, scores, model = (str(folder / name) for name in ("credit", "scores.csv", "model"))
    how = ("--records", str(folder / "events.csv"), "--entity", "who", "--record-time", "when")
    fit = ("--target", "again", "--time", "cut", "--size", "tiny", "--epochs", "1", "--no-benchmark")
    start = ("--pretrained", model, "--adapt", "frozen")
    assert run("fit", "credit", str(rows), *fit, *how, *start, "--out", out) == 0
    assert "adapt='frozen'" in " ".join(capsys.readouterr().out.split())
    alone = ("--adapt", "lora", "--out", str(folder / "none"))
    assert run("fit", "credit", str(rows), *fit, *how, *alone) == 2
    assert "give --pretrained MODEL too, or leave --adapt out" in capsys.readouterr().err
    assert not (folder / "none").exists()
    assert run("predict", out, str(rows), *how, "--out", scores) == 0
    table = pd.read_csv(rows)
    joined = bz.with_records(
        table, pd.read_csv(folder / "events.csv"), entity="who", time="when", until="cut"
    )
    expected = bz.load(out).predict_proba(joined.drop(columns="who"))[:, 1]
    np.testing.assert_allclose(pd.read_csv(scores)["probability"], expected, rtol=1e-5)
    capsys.readouterr()
    judged = ("evaluate", out, str(rows), "--target", "again")
    assert run(*judged, *how, "--json") == 0
    assert json.loads(capsys.readouterr().out)
    for refused in (judged, ("predict", out, str(rows), "--out", scores)):
        assert run(*refused) == 2
        assert "give --records FILE, --entity COLUMN and --record-time" in capsys.readouterr().err
    assert run("predict", model, str(folder / "events.csv"), "--out", str(folder / "none.csv")) == 2
    assert (
        "holds a HistoryModel, but this command takes a CreditRisk; use bezant embed or bezant surprise."
        in (capsys.readouterr().err)
    )
    assert run("embed", out, str(folder / "events.csv"), "--out", str(folder / "none.csv")) == 2
    assert "holds a CreditRisk, which gives no vectors" in capsys.readouterr().err


def test_half_of_what_records_need_is_refused(
    folder: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(folder / "nothing")
    how = ("--records", str(folder / "events.csv"), "--target", "again", "--out", out)
    assert run("fit", "credit", str(rows), *how) == 2
    assert "--entity" in capsys.readouterr().err
    assert run("fit", "credit", str(rows), *how, "--entity", "x", "--record-time", "when") == 2
    assert "'x'" in capsys.readouterr().err
