"""Daily closes of twenty American shares and of five factor funds, as in the package skfolio."""

from __future__ import annotations

import gzip

import pyarrow as pa

from bezant.datasets.arch_series import converting
from bezant.datasets.columns import read_csv_as_text
from bezant.datasets.task import Dataset, Package, Task

SKFOLIO_SHA256 = "2d324c62a4188dc0b62a713f8d5cea177e208a5b45987e3d3f204dd56d3a669b"


def read(data: bytes) -> pa.Table:
    """Return asset, time and close as text: all days of the first asset, then of the next."""
    wide = read_csv_as_text(gzip.decompress(data))
    assets = [name for name in wide.column_names if name != "Date"]
    return pa.concat_tables(
        pa.table({"asset": [asset] * wide.num_rows, "time": wide["Date"], "close": wide[asset]})
        for asset in assets
    ).combine_chunks()


def _closes(name: str, title: str, rows: int, file: str, *notes: str) -> Dataset:
    return Dataset(
        title=title,
        rows=rows,
        task=Task(
            name=name,
            target=None,
            positive="The distribution of the coming days' returns: volatility, quantiles, tails.",
            time="time",
            drop={},
            source="adjusted closes of a public quotation service, as in the package skfolio",
            licence="for tests and examples only (skfolio's own caution); the wheel skfolio around it is "
            "BSD-3; nothing of it ships with bezant",
            notes=(
                *notes,
                "Closes only, adjusted for splits and dividends with what was known at the end of 2022: "
                "returns are right, levels are not what was quoted on the day.",
            ),
            groups={"asset": ("asset",)},
        ),
        source=Package(
            name="skfolio",
            version="1.12.2",
            filename="skfolio-1.12.2-py3-none-any.whl",
            sha256=SKFOLIO_SHA256,
            member=f"skfolio/datasets/data/{file}.csv.gz",
        ),
        read=read,
        convert=converting("%Y-%m-%d"),
    )


US_STOCKS_20 = _closes(
    "us-stocks-20",
    "8,313 daily closes of each of 20 American shares, 1990-2022",
    166_260,
    "sp500_dataset",
    "Survivors: all twenty are alive and large in 2022, so their drift and their worst days flatter the "
    "past; judge volatility and tails here, never a strategy's gain.",
    "Prices are rounded to a tenth of a cent and some began below a dollar, so that early returns come in "
    "steps: 2 to 5 % of returns are 0, of RRC 13 %.",
)

US_FACTORS_5 = _closes(
    "us-factors-5",
    "2,264 daily closes of each of 5 factor funds (USA), 2014-2022",
    11_320,
    "factors_dataset",
    "MTUM momentum, QUAL quality, SIZE size, USMV low volatility, VLUE value; all long only, so most of what "
    "they do is the market.",
)
