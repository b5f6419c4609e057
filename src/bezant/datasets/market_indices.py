"""Daily bars of two American indices, 1999 to 2018, as in the package arch."""

from __future__ import annotations

from bezant.datasets.arch_series import AROUND, arch_file, converting, reading
from bezant.datasets.task import Dataset, Task

COLUMNS = {
    "Date": "time", "Open": "open", "High": "high", "Low": "low", "Close": "close",
    "Adj Close": "adjusted_close", "Volume": "volume",
}  # fmt: skip


def _index(name: str, title: str, asset: str, owner: str, open_note: str, *notes: str) -> Dataset:
    return Dataset(
        title=f"5,031 daily bars of the {title}, 1999-2018",
        rows=5_031,
        task=Task(
            name=name,
            target=None,
            positive="The distribution of the coming days' returns: volatility, quantiles, tails.",
            time="time",
            drop={},
            source=f"{owner}, as published by Yahoo Finance, as in the package arch",
            licence=f"the index and its figures belong to {owner}: research and teaching only; {AROUND}",
            notes=(
                "An index is a portfolio that drops what fails: its past is kinder than that of its members.",
                "It pays no dividends here: adjusted_close equals close, so returns are those of the price.",
                "The open is made from members that have traded, others stand at their last close: ranges "
                "miss part of the move overnight, and variance from ranges (Garman-Klass) is half to two "
                "thirds of that of returns.",
                open_note,
                *notes,
            ),
            groups={"asset": ("asset",)},
        ),
        source=arch_file(name),
        read=reading(COLUMNS, asset=asset),
        convert=converting("%m/%d/%Y"),
    )


SP500 = _index(
    "sp500",
    "S&P 500",
    "S&P 500",
    "S&P Dow Jones Indices",
    "On 96 % of the days before 2006 the open is the close of the day before: gaps mean nothing there.",
)
NASDAQ = _index(
    "nasdaq",
    "Nasdaq Composite",
    "Nasdaq Composite",
    "Nasdaq",
    "Gaps overnight are half as large as a day's return.",
    "It and the S&P 500 move together (most of its weight is in both): two indices are not two samples.",
)
