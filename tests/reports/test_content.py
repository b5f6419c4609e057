from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from bezant.reports import CalibrationChoice, ColumnSummary, DataSummary, LearningCurve
from bezant.types import InputError


def test_content_cannot_be_changed(content):
    with pytest.raises(FrozenInstanceError):
        content.title = "other"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": "  "}, "empty title"),
        ({"created": "yesterday"}, "ISO time"),
        ({"times": np.array(["2004-01-01"], "datetime64[D]")}, "1 times for 6000 test rows"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_a_sentence(content, changes, said):
    with pytest.raises(InputError, match=said):
        replace(content, **changes)


def test_an_importance_table_without_intervals_is_refused(content):
    with pytest.raises(InputError, match="lacks low, high"):
        replace(content, importance=content.importance.select(["column", "importance"]))


def test_impossible_counts_and_shares_are_refused():
    with pytest.raises(InputError, match="11 defaults in 10 rows"):
        DataSummary(10, 11)
    with pytest.raises(InputError, match="'Bank'"):
        ColumnSummary("Bank", "text", "input", 1.5, 3)


def test_a_learning_curve_has_one_value_an_epoch_and_a_best_one_among_them():
    three = np.arange(1.0, 4.0)
    with pytest.raises(InputError, match="3 epochs"):
        LearningCurve(np.arange(3), three, three[:2], 1)
    with pytest.raises(InputError, match="best epoch 9"):
        LearningCurve(np.arange(3), three, three, 9, three)


def test_the_calibration_that_was_kept_has_a_loss():
    with pytest.raises(InputError, match="'beta'"):
        CalibrationChoice("beta", {"isotonic": 0.4})
