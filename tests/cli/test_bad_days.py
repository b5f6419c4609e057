"""A bad day on the desks of histories, customers and markets: one sentence, and nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from loans import run
from market_support import drawn_bars

TINY = ("--size", "tiny", "--epochs", "1")
MARKET = (*TINY, "--window", "16", "--alone", "--horizon", "1")
DEMAND = (*TINY, "--amount", "amount")


def events(rows: int = 40) -> pd.DataFrame:
    """Purchases of ten customers whose names are text, as most are."""
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(range(rows), unit="D")
    return pd.DataFrame(
        {
            "customer": [f"c{i % 10}" for i in range(rows)],
            "product": [f"p{i % 7}" for i in range(rows)],
            "time": day.strftime("%Y-%m-%d"),
            "amount": [float(1 + i % 5) for i in range(rows)],
        }
    )


def bars(rows: int = 300) -> pd.DataFrame:
    frame = drawn_bars(rows).to_pandas()
    return frame.assign(time=frame["time"].astype(str))


def some(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Put a value into rows 4 to 6 of a column."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[frame.index[4:7], column] = value
        return frame

    return spoil


def zoned(frame: pd.DataFrame) -> pd.DataFrame:
    odd = [f"{t}T00:00:00+02:00" if i % 2 else t for i, t in enumerate(frame["time"])]
    return frame.assign(time=odd)


def still(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**dict.fromkeys(("open", "high", "low", "close"), 5.0))


FITS = {
    "pretrain": (("pretrain",), TINY, events),
    "recommend": (("fit", "recommend"), TINY, events),
    "demand": (("fit", "demand"), DEMAND, events),
    "market": (("fit", "market"), MARKET, bars),
}
OWNER = {"market": "asset"}


def typed(folder: Path, desk: str, spoil: Callable[[pd.DataFrame], pd.DataFrame], *more: str) -> list[str]:
    """Write a spoiled file and return the command that fits to it."""
    begin, options, made = FITS[desk]
    spoil(made()).to_csv(folder / "rows.csv", index=False)
    return [*begin, str(folder / "rows.csv"), *options, *more, "--out", str(folder / "model")]


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that cannot work and return its sentence."""
    assert run(*words) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("Error: ") and said[-1].endswith(".")
    return said[-1]


@pytest.mark.parametrize("desk", FITS)
def test_rows_without_a_name_are_counted_and_refused(
    desk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = OWNER.get(desk, "customer")
    rows = len(FITS[desk][2]())
    for nothing in (None, "  "):
        said = refused(typed(tmp_path, desk, some(owner, nothing)), capsys)
        assert f"{owner!r} is missing in 3 of {rows}" in said
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("desk", FITS)
def test_rows_without_a_time_are_counted_and_refused(
    desk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = len(FITS[desk][2]())
    assert f"'time' is missing in 3 of {rows}" in refused(typed(tmp_path, desk, some("time", None)), capsys)


@pytest.mark.parametrize("desk", FITS)
def test_a_text_among_times_is_shown(desk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(typed(tmp_path, desk, some("time", "soon")), capsys)
    first = some("time", "soon")(FITS[desk][2]())["time"].tolist().index("soon") + 1
    assert "'time'" in said and f"'soon' in row {first};" in said and "one format" in said


@pytest.mark.parametrize("desk", FITS)
def test_times_with_and_without_a_zone_are_not_mixed(
    desk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(typed(tmp_path, desk, zoned), capsys)
    assert "says the zone of" in said and "+02:00" in said


@pytest.mark.parametrize("desk", FITS)
def test_a_device_and_a_folder_of_others_are_not_replaced(
    desk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = typed(tmp_path, desk, lambda frame: frame)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("mine")
    assert "is not a saved model" in refused(words, capsys)
    if desk != "market":
        os.mkfifo(tmp_path / "pipe")
        words = [*words[:-1], str(tmp_path / "other"), "--report", str(tmp_path / "pipe")]
        assert "is a device or a pipe" in refused(words, capsys)
        assert "is a folder" in refused([*words[:-1], str(tmp_path / "model")], capsys)
        assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "model" / "mine.txt").read_text() == "mine"


def test_bars_that_never_move_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Nothing moves in the 560 bars of 'A', 'B'" in refused(typed(tmp_path, "market", still), capsys)


@pytest.mark.parametrize("moment", ["-1", "20240115", "2024-1-1", "soon"])
def test_a_number_is_no_moment(moment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = typed(tmp_path, "demand", lambda frame: frame, "--until", moment)
    assert "until is a time such as '2013-01-31'" in refused(words, capsys)
    bars().to_csv(tmp_path / "bars.csv", index=False)
    words = ["backtest", str(tmp_path / "bars.csv"), "--first-origin", moment, *MARKET]
    assert "--first-origin is a time such as" in refused(words, capsys)


def test_a_column_cannot_say_who_and_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = typed(tmp_path, "pretrain", lambda frame: frame, "--entity", "time")
    assert "both whose an event is and when" in refused(words, capsys)


def test_a_time_that_was_named_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = typed(tmp_path, "recommend", lambda frame: frame, "--time", "day")
    assert "There is no column 'day'" in refused(words, capsys)
    words = typed(tmp_path, "recommend", lambda frame: frame, "--time", "product")
    assert "Column 'product' was named as the time" in refused(words, capsys)
    words = typed(tmp_path, "market", lambda frame: frame.rename(columns={"time": "times"}))
    assert "did you mean 'times'? Name others by --asset, --time or --value." in refused(words, capsys)
    words = typed(tmp_path, "recommend", lambda frame: frame, "--called", "title")
    assert "give them with --products" in refused(words, capsys)


def test_what_is_expected_is_written_by_its_suffix_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = typed(tmp_path, "demand", lambda frame: frame, "--write", str(tmp_path / "x.txt"))
    assert "'.txt' is none of .csv, .tsv, .parquet" in refused(words, capsys)


def test_positions_that_are_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "held.csv").write_text("asset,amount\n")
    said = refused(["risk", str(tmp_path / "model"), str(tmp_path / "held.csv")], capsys)
    assert "0 rows" in said and "100" not in said
