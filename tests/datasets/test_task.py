"""Task, Package and Dataset refuse what cannot be right."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from bezant.datasets.sba_sample import SBA_SAMPLE
from bezant.datasets.task import Package
from bezant.types import InputError

TASK = SBA_SAMPLE.task


@pytest.mark.parametrize("needed", ["default", "ApprovalDate"])
def test_a_needed_column_cannot_be_dropped(needed):
    with pytest.raises(InputError, match=f"{needed!r} is needed"):
        dataclasses.replace(TASK, drop={needed: "It is not liked."})


def test_a_reason_is_a_sentence():
    with pytest.raises(InputError, match="'Bank' is not a sentence"):
        dataclasses.replace(TASK, drop={"Bank": "servicer"})


def test_the_dropped_columns_cannot_be_edited_afterwards():
    with pytest.raises(TypeError):
        TASK.drop["Bank"] = "It is not liked."


@pytest.mark.parametrize(("sha256", "filename"), [("abc", "a.whl"), ("A" * 64, "a.whl"), ("a" * 64, "a.zip")])
def test_a_package_needs_a_hash_and_a_wheel_or_archive(sha256, filename):
    with pytest.raises(InputError, match="Package 'a'"):
        Package("a", "1", filename, sha256, "data.csv")


def test_a_table_that_is_not_as_documented_is_refused():
    table = pa.table({"default": [0, 1]})
    with pytest.raises(InputError, match="should have 60000 rows but has 2"):
        SBA_SAMPLE.checked(table)
    with pytest.raises(InputError, match=r"lacks the columns .*'Term'"):
        dataclasses.replace(SBA_SAMPLE, rows=2).checked(table)
    with pytest.raises(InputError, match="0 rows are none"):
        dataclasses.replace(SBA_SAMPLE, rows=0)


def test_a_target_without_an_outcome_is_refused():
    with pytest.raises(InputError, match="a target needs an outcome"):
        dataclasses.replace(SBA_SAMPLE, outcome=None)


def test_a_column_of_a_group_cannot_be_dropped():
    with pytest.raises(InputError, match="'Term' is needed"):
        dataclasses.replace(TASK, groups={"contract": ("Term",)})
