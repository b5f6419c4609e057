"""Walking forward: nothing from later years, policies as they say, and a stopped walk goes on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bezant as bz
from bezant.desks.walk import forward as module
from bezant.desks.walk.forward import POLICIES, WalkForward, walk_forward
from bezant.metrics.classification import log_loss, roc_auc
from bezant.types import InputError

COLUMNS = ["ApprovalDate", "State", "GrAppv", "NoEmp", "NewExist"]


@cache
def loans() -> pd.DataFrame:
    frame = bz.datasets.load("sba-sample")
    return frame[frame["ApprovalDate"].between("1999-01-01", "2005-12-31")].iloc[::6]


def make() -> bz.CreditRisk:
    training = {"max_epochs": 1, "batch_size": 128}
    return bz.CreditRisk(
        time="ApprovalDate", size="tiny", benchmark=False, progress=False, training=training, random_state=0
    )


def walk(frame: pd.DataFrame, last: int = 2004, **settings: Any) -> WalkForward:
    given = {"time": "ApprovalDate", "first": 2002, "most_rows": 1500, **settings}
    return walk_forward(make, frame[COLUMNS], frame["default"], last=last, **given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("walk")


@pytest.fixture(scope="module")
def walked(folder: Path) -> WalkForward:
    return walk(loans(), folder=folder, policies=POLICIES)


def probabilities(folder: Path, policy: str, year: int) -> Any:
    with np.load(folder / f"{policy}-{year}.npz") as kept:
        return kept["p"]


def test_every_policy_is_judged_in_every_year_by_the_rows_of_that_year(
    walked: WalkForward, folder: Path
) -> None:
    assert walked.years == (2002, 2003, 2004)
    assert walked.policies == POLICIES
    frame = loans().sort_values("ApprovalDate", kind="stable")
    for figures in walked.figures:
        y = frame["default"][frame["ApprovalDate"].dt.year == figures.year].to_numpy(float)
        p = probabilities(folder, figures.policy, figures.year)
        assert figures.rows == len(y)
        assert figures.auc == pytest.approx(roc_auc(y, p))
        assert figures.log_loss == pytest.approx(log_loss(y, p))
        assert (figures.observed, figures.predicted) == pytest.approx((y.mean(), p.mean()))
    assert walked.table().num_rows == 15
    assert walked.table().column_names[:3] == ["year", "policy", "rows"]


def test_garbage_in_later_years_moves_no_earlier_prediction(
    walked: WalkForward, folder: Path, tmp_path: Path
) -> None:
    frame = loans().copy()
    later = frame["ApprovalDate"] >= "2004-01-01"
    random = np.random.default_rng(3)
    frame.loc[later, "default"] = random.integers(0, 2, later.sum())
    frame.loc[later, "GrAppv"] = random.lognormal(3, 4, later.sum())
    frame.loc[later, "State"] = "??"
    walk(frame, last=2003, folder=tmp_path / "other", policies=POLICIES)
    for policy in POLICIES:
        for year in (2002, 2003):
            np.testing.assert_array_equal(
                probabilities(folder, policy, year), probabilities(tmp_path / "other", policy, year)
            )


def test_outcomes_that_are_not_known_yet_teach_nobody(tmp_path: Path) -> None:
    lag = {"outcome_lag": 18, "policies": ("updated", "recalibrated"), "last": 2003}
    walk(loans(), folder=tmp_path / "one", **lag)
    frame = loans().copy()
    unknown = frame["ApprovalDate"] >= "2001-07-01"  # a year and a half before 2003
    frame.loc[unknown, "default"] = 1 - frame.loc[unknown, "default"]
    walk(frame, folder=tmp_path / "other", **lag)
    for policy in lag["policies"]:
        np.testing.assert_array_equal(
            probabilities(tmp_path / "one", policy, 2003), probabilities(tmp_path / "other", policy, 2003)
        )


def test_all_but_boosting_begin_with_one_model_and_the_frozen_one_costs_nothing_more(
    walked: WalkForward, folder: Path
) -> None:
    first = [probabilities(folder, policy, 2002) for policy in POLICIES[:4]]
    for other in first[1:]:
        np.testing.assert_array_equal(first[0], other)
    assert walked.cost("frozen") == 0
    assert 0 < walked.cost("recalibrated") < walked.cost("refitted")
    later = {p: probabilities(folder, p, 2004) for p in POLICIES}
    assert not np.array_equal(later["frozen"], later["refitted"])
    assert not np.array_equal(later["frozen"], later["recalibrated"])


def test_a_stopped_walk_goes_on_and_comes_out_the_same(
    walked: WalkForward, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = ("updated",)
    whole = module._Walk._update
    monkeypatch.setattr(module._Walk, "_update", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        walk(loans(), folder=tmp_path / "walk", policies=some)
    monkeypatch.setattr(module._Walk, "_update", whole)
    assert (tmp_path / "walk" / "updated-2002.npz").exists()
    walk(loans(), last=2003, folder=tmp_path / "walk", policies=some)
    fits = []
    monkeypatch.setattr(module._Walk, "_fitted", lambda *_: fits.append(1))
    again = walk(loans(), folder=tmp_path / "walk", policies=some)
    assert not fits
    for one, other in zip(again.figures, walked.of("updated"), strict=True):
        assert (one.auc, one.log_loss, one.note) == (other.auc, other.log_loss, other.note)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_folder_of_another_walk_is_refused(walked: WalkForward, folder: Path) -> None:
    with pytest.raises(InputError, match="holds a walk over other rows or with other settings"):
        walk(loans(), folder=folder, outcome_lag=6)


def test_unknown_policies_and_reversed_years_are_refused() -> None:
    with pytest.raises(InputError, match="'thawed'"):
        walk(loans(), policies=("frozen", "thawed"))
    with pytest.raises(InputError, match="2002 to 2001"):
        walk(loans(), last=2001)


def test_too_few_events_for_lightgbm_are_said_with_the_mend() -> None:
    with pytest.raises(InputError, match=r"LightGBM could not be fitted to the 400 rows, .* raise most_rows"):
        walk(loans(), last=2002, most_rows=400, policies=("boosting",))


def test_what_an_update_kept_is_noted(walked: WalkForward) -> None:
    notes = [f.note for f in walked.of("updated")]
    assert notes[0] == ""
    assert all(n.startswith("Updated with ") for n in notes[1:])
    assert all(f.note.startswith("Recalibrated on ") for f in walked.of("recalibrated")[1:])
