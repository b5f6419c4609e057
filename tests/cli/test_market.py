"""``bezant fit market | forecast | backtest | risk`` from end to end on drawn bars."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import bezant as bz
from bezant.cli.risk import _figure
from loans import run
from market_support import drawn_bars

FIT = ("--size", "tiny", "--epochs", "1", "--window", "32", "--alone", "--horizon", "1", "--horizon", "5")
CUT = "2002-06-01"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars before and after a day, and a model of those before."""
    folder = tmp_path_factory.mktemp("market")
    frame = drawn_bars(560).to_pandas()
    frame[frame["time"] < CUT].to_csv(folder / "bars.csv", index=False)
    frame[frame["time"] >= CUT].to_csv(folder / "later.csv", index=False)
    frame.to_csv(folder / "all.csv", index=False)
    pd.DataFrame({"asset": ["A", "B", "A"], "amount": [50.0, -20.0, 10.0]}).to_csv(
        folder / "positions.csv", index=False
    )
    assert run("fit", "market", str(folder / "bars.csv"), *FIT, "--out", str(folder / "model")) == 0
    return folder


def test_a_fit_shows_what_held_out_bars_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("fit", "market", str(folder / "bars.csv"), *FIT, "--out", str(folder / "again"))
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert "QLIKE" in printed and "always-up" in printed and "forecaster" in printed
    assert run(*words, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert set(said["evaluation"]["covered_by_regime"]) == {"calm", "middling", "stormy"}
    assert set(said["evaluation"]["covered_by_asset"]) == {"A", "B"}


def test_forecasts_are_those_of_the_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "forecasts.csv"
    assert run("forecast", str(folder / "model"), "--out", str(out)) == 0
    assert "median" in capsys.readouterr().out
    wanted, written = bz.load(folder / "model").forecast(), pd.read_csv(out)
    np.testing.assert_allclose(written["q0.05"], wanted["q0.05"])
    assert set(written["origin"]) == {"2002-05-31"}
    assert len(written) == 4
    assert isinstance(wanted, pa.Table)  # the kind that a command reads and fits


def test_live_bars_move_the_origin(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live = ("--live", str(folder / "later.csv"), "--json")
    assert run("forecast", str(folder / "model"), *live) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["origin"] for row in rows} == {"2002-07-14 00:00:00"}
    assert run("forecast", str(folder / "model"), *live, "--bars", str(folder / "bars.csv")) == 2


def test_a_backtest_writes_its_report_and_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, out = folder / "report.html", folder / "walked.csv"
    words = ("backtest", str(folder / "all.csv"), "--first-origin", CUT, "--refit-every", "30", *FIT)
    kept = ("--folder", str(folder / "walk"))
    assert run(*words, *kept, "--report", str(report), "--out", str(out), "--draw", "B") == 0
    printed = capsys.readouterr().out
    assert "Not predictable here" in printed and "random walk" in printed
    assert "Regimes and breaks" in report.read_text(encoding="utf-8")
    written = pd.read_csv(out)
    assert len(written) == 2 * 2 * 44 and written["change"].isna().sum() == 2 * (1 + 5)
    files = {f: f.stat().st_mtime_ns for f in (folder / "walk").glob("fit-*.npz")}
    assert len(files) == 2
    assert run(*words, *kept, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["origins"] == 88 and len(said["fits"]) == 2
    assert files == {f: f.stat().st_mtime_ns for f in files}


def test_risk_measures_positions_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "risk",
        str(folder / "model"),
        str(folder / "positions.csv"),
        "--live",
        str(folder / "later.csv"),
    )
    asked = ("--level", "0.975", "--horizon", "1", "--horizon", "3", "--horizon", "10")
    assert (
        run(
            *words, *asked, "--limit", "es:0.975:3=1e6", "--stress", "--shock", "A=-0.5", "--breaks", "--json"
        )
        == 0
    )
    said = json.loads(capsys.readouterr().out)
    figures = {f["horizon"]: f for f in said["figures"]}
    assert figures[1]["var"] < figures[3]["var"] < figures[10]["var"]
    assert all(f["es"] > f["var"] for f in figures.values())
    parts = {p["asset"]: p for p in figures[1]["parts"]}
    assert parts["A"]["position"] == 60.0  # two rows of one asset are added up
    assert parts["A"]["es_part"] + parts["B"]["es_part"] == pytest.approx(figures[1]["es"])
    assert said["limits"][0]["status"] == "ok"
    assert any(row["scenario"] == "A=-0.5" for row in said["stress"])
    assert "root of time" in said["notes"][1]
    assert set(said["breaks"]) == {"A", "B"} and "one in 2,520 bars" in said["breaks"]["A"]


def test_a_breached_limit_ends_with_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("risk", str(folder / "model"), str(folder / "positions.csv"), "--backtest", "30")
    assert run(*words, "--limit", "var:0.99:1=0.01") == 1
    printed = capsys.readouterr().out
    assert "Breach: VaR 99 %, 1 bar" in printed
    assert "30 days went beyond the 99 % VaR" in printed
    assert "30 of these 30 days were among those that the model was fitted to" in printed
    assert "adds most" in printed


def test_nothing_at_risk_has_no_sign_and_one_position_is_one(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "held.csv").write_text("asset,amount\nA,0\n")
    assert run("risk", str(folder / "model"), str(tmp_path / "held.csv"), "--stress") == 0
    printed = capsys.readouterr().out
    assert "0.00" in printed and not re.search(r"(?<!\d)-0\b", printed)
    assert "of 1 position." in printed


def test_money_in_rates_is_said_to_be_per_one_of_the_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = drawn_bars(330, assets=("y10",)).to_pandas()
    frame[["time"]].assign(y10=frame["close"] - 50).to_csv(tmp_path / "rates.csv", index=False)
    (tmp_path / "held.csv").write_text("asset,amount\ny10,-45000\n")
    asked = ("--value", "y10", "--change", "difference", *FIT[:-4], "--horizon", "1")
    assert run("fit", "market", str(tmp_path / "rates.csv"), *asked, "--out", str(tmp_path / "m")) == 0
    capsys.readouterr()
    assert run("risk", str(tmp_path / "m"), str(tmp_path / "held.csv"), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert "money gained where the value rises by 1.0" in said["notes"][0]
    (tmp_path / "unit.csv").write_text("asset,amount\ny10,-1\n")
    assert run("risk", str(tmp_path / "m"), str(tmp_path / "unit.csv"), "--json") == 0
    unit = json.loads(capsys.readouterr().out)
    assert said["figures"][0]["var"] == pytest.approx(45000 * unit["figures"][0]["var"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0, "0"),
        (-3e-15, "0"),
        (0.00003, "0.00003"),
        (-0.5, "-0.5"),
        (12.34567, "12.35"),
        (1234.5, "1,234"),
    ],
)
def test_figures_have_no_powers_of_ten(value: float, text: str) -> None:
    assert _figure(value) == text


def test_covariates_are_joined_as_they_were_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = pd.date_range("2001-01-01", "2002-07-30")
    fear = np.random.default_rng(0).normal(size=len(days))
    pd.DataFrame({"time": days, "fear": fear}).to_csv(folder / "fear.csv", index=False)
    given = ("--covariates", str(folder / "fear.csv"), "--covariate", "fear")
    words = ("fit", "market", str(folder / "bars.csv"), *FIT, "--out", str(folder / "seeing"))
    assert run(*words, *given) == 2
    assert "it is never guessed" in capsys.readouterr().err
    assert run(*words, "--lag", "1") == 2
    assert "name it by --covariates" in capsys.readouterr().err
    assert run(*words, *given, "--lag", "2") == 0
    bars = bz.load(folder / "seeing").bars_
    row = int(bars.offsets[1]) - 1
    # What is dated on the bar's own day may come after its close: of three days ago, with a lag of two.
    assert bars.covariates["fear"][row] == pytest.approx(
        fear[days == bars.time[row] - np.timedelta64(3, "D")][0]
    )
    assert run(*words, *given, "--lag", "2", "--known-at-close") == 0
    assert bz.load(folder / "seeing").bars_.covariates["fear"][row] == pytest.approx(
        fear[days == bars.time[row] - np.timedelta64(2, "D")][0]
    )
    capsys.readouterr()
    live = ("forecast", str(folder / "seeing"), "--live", str(folder / "later.csv"), "--json")
    assert run(*live) == 2
    assert "give --covariates FILE --covariate fear as for the fit" in capsys.readouterr().err
    assert run(*live, *given, "--lag", "2") == 0
    assert len(json.loads(capsys.readouterr().out)) == 4
    for command in (("forecast",), ("risk",)):
        held = [str(folder / "positions.csv")] if command == ("risk",) else []
        assert run(*command, str(folder / "seeing"), *held, *given, "--lag", "2") == 2
        assert "has no bars to join" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--limit", "es=3"), "write it as es:0.975:10=100000"),
        (("--shock", "A"), "write it as AAPL=-0.3"),
        (("--amount", "money"), "'money'"),
        (("--level", "1.5"), "1.5"),
        (("--limit", "es:0.5:1=3", "--limit", "ES:0.50:1=4"), "--limit ES 50 %, 1 bar is given 2 times"),
        (("--amount", "money"), "name another by --amount"),
        (("--amount", "asset"), "holds no number in 3 of 3 positions, such as 'A' in row 1"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    words: tuple[str, ...], sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("risk", str(folder / "model"), str(folder / "positions.csv"), *words) == 2
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said


@pytest.mark.parametrize("words", [("--shock", "A"), ("--level", "1.5"), ("--limit", "var:7:1=3")])
def test_what_cannot_be_read_is_refused_before_the_model_is(
    words: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("risk", str(folder / "absent"), str(folder / "positions.csv"), *words) == 2
    assert "There is no model" not in capsys.readouterr().err


def test_positions_of_one_asset_are_added_up_and_that_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("risk", str(folder / "model"), str(folder / "positions.csv"), "--json") == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert notes == ["3 positions are of 2 assets: those of A were added up."]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--asset", "name"), "leave out --asset if all rows are of one; name others by --asset, --time"),
        (("--value", "rate"), "There is no column 'rate'"),
        (("--value", "rate"), "name others by --asset, --time or --value"),
        (("--value", "change"), "'change' is not positive in"),
        (("--value", "change"), "or give --change difference where"),
    ],
)
def test_what_a_fit_cannot_read_is_mended_by_options(
    words: tuple[str, ...], sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(folder / "bars.csv")
    frame["change"] = frame["close"] - frame["open"]
    frame.to_csv(folder / "changes.csv", index=False)
    assert run("fit", "market", str(folder / "changes.csv"), *FIT, *words, "--out", str(folder / "no")) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert sentence in said and "=" not in said


def test_live_bars_that_lack_a_column_are_mended_without_python(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(folder / "later.csv").rename(columns={"asset": "name"})
    frame.to_csv(folder / "renamed.csv", index=False)
    assert run("forecast", str(folder / "model"), "--live", str(folder / "renamed.csv")) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the model was fitted with 'asset', 'time'" in said and "None" not in said


def test_a_horizon_of_a_limit_alone_is_said_to_grow_with_the_root_of_time(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("risk", str(folder / "model"), str(folder / "positions.csv"), "--json")
    assert run(*words, "--limit", "es:0.99:10=1e6") == 0
    assert "10 bars are beyond" in json.loads(capsys.readouterr().out)["notes"][1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--first-origin", "soon"), "not 'soon'"),
        (("--first-origin", "2013-13-01"), "not '2013-13-01'"),
        (("--first-origin", "2002-07-10"), "begin earlier"),
        (("--first-origin", CUT, "--draw", "GE"), "'GE' is not among the 2 assets"),
        (("--first-origin", CUT, "--out", "x.xlsx"), "'.xlsx' is none of"),
    ],
)
def test_a_backtest_refuses_before_any_fit(
    words: tuple[str, ...],
    sentence: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "bezant.desks.markets.forecaster.walk_market", lambda *_, **__: pytest.fail("it was fitted")
    )
    assert run("backtest", str(folder / "all.csv"), *FIT, *words) == 2
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said


def test_a_forecast_of_some_assets_says_that_the_others_are_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(folder / "bars.csv")
    frame[frame["asset"] == "A"].to_csv(folder / "one.csv", index=False)
    assert run("forecast", str(folder / "model"), "--bars", str(folder / "one.csv")) == 0
    assert "1 of the 2 fitted assets have no bar at 2002-05-31" in capsys.readouterr().err
    assert run("forecast", str(folder / "model")) == 0
    assert "have no bar" not in capsys.readouterr().err


def test_what_is_no_market_model_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("forecast", str(folder / "absent")) == 2
    assert "bezant fit market" in capsys.readouterr().err
