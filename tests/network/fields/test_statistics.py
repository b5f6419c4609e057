"""Target statistics, against a loop; and a row's own target never enters its own."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bezant.network.fields.statistics import TargetStatistics

CARDINALITIES = (5, 3, 7)
COLUMNS = (0, 2)
SMOOTHINGS = (2.0, 50.0)


def rows(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    codes = torch.stack([torch.randint(0, c, (n,), generator=draw) for c in CARDINALITIES], 1).int()
    target = torch.randint(0, 2, (n,), generator=draw).float()
    return codes, target, torch.arange(n) % 4


def by_loop(codes: list[int], targets: list[float], code: int, binary: bool) -> list[float]:
    """Smoothed means of the rows of one code, and log(1 + rows)."""
    prior = sum(targets) / len(targets)
    own = [t for c, t in zip(codes, targets, strict=True) if c == code]
    out = []
    for strength in SMOOTHINGS:
        mean = (sum(own) + strength * prior) / (len(own) + strength)
        clipped = min(max(mean, 1e-4), 1 - 1e-4)
        out.append(math.log(clipped / (1 - clipped)) if binary else mean)
    return [*out, math.log1p(len(own))]


@pytest.mark.parametrize("binary", [True, False])
def test_statistics_are_those_of_a_loop(binary: bool) -> None:
    codes, target, folds = rows(60)
    if not binary:
        target = target * 3 - 1.5
    learner = TargetStatistics(CARDINALITIES, COLUMNS, SMOOTHINGS, binary=binary)
    out_of_fold, in_use = learner.learn(codes, target, folds), learner(codes)
    assert learner.width == out_of_fold.shape[1] == 6
    for i in range(len(codes)):
        others = folds != folds[i]
        wanted, wanted_in_use = [], []
        for c in COLUMNS:
            column, code = codes[:, c], int(codes[i, c])
            found = by_loop(column[others].tolist(), target[others].tolist(), code, binary)
            # rows are counted as if all folds had been there, to match what is seen in use
            found[-1] = math.log1p(int((column[others] == code).sum()) * 4 / 3)
            wanted += found
            wanted_in_use += by_loop(column.tolist(), target.tolist(), code, binary)
        assert_allclose(out_of_fold[i], wanted, rtol=1e-5, atol=1e-6)
        assert_allclose(in_use[i], wanted_in_use, rtol=1e-5, atol=1e-6)


@given(st.integers(1, 40), st.integers(0, 1000), st.data())
def test_a_rows_own_target_never_enters_its_own_statistics(n: int, seed: int, data: st.DataObject) -> None:
    codes, target, folds = rows(n, seed)
    place = data.draw(st.integers(0, n - 1))
    learner = TargetStatistics(CARDINALITIES, COLUMNS, SMOOTHINGS)
    before = learner.learn(codes, target, folds)
    flipped = target.clone()
    flipped[place] = 1 - flipped[place]
    after = learner.learn(codes, flipped, folds)
    if (folds != folds[place]).any():
        assert torch.equal(after[place], before[place])


def test_the_others_of_its_code_see_it() -> None:
    codes, target, folds = rows(40)
    learner = TargetStatistics(CARDINALITIES, COLUMNS, SMOOTHINGS)
    before = learner.learn(codes, target, folds)
    flipped = target.clone()
    flipped[0] = 1 - flipped[0]
    after = learner.learn(codes, flipped, folds)
    alike = (codes[:, 0] == codes[0, 0]) & (folds != folds[0])
    assert alike.any()
    assert (after[alike, 0] != before[alike, 0]).all()


def test_a_code_no_row_has_gets_the_overall_mean() -> None:
    codes, target, folds = rows(30)
    codes[:, 0] = codes[:, 0].clamp_max(3)
    learner = TargetStatistics(CARDINALITIES, COLUMNS, SMOOTHINGS)
    learner.learn(codes, target, folds)
    never = torch.tensor([[4, 0, 0]], dtype=torch.int32)
    assert_allclose(learner(never)[0, :2], [float(torch.logit(target.mean()))] * 2, rtol=1e-5)
    assert learner(never)[0, 2] == 0


def test_no_columns_and_no_rows_give_empty_statistics() -> None:
    codes, target, folds = rows(10)
    none = TargetStatistics(CARDINALITIES, (), SMOOTHINGS)
    assert none.learn(codes, target, folds).shape == (10, 0)
    assert none(codes).shape == (10, 0)
    some = TargetStatistics(CARDINALITIES, COLUMNS, SMOOTHINGS)
    assert some(codes[:0]).shape == (0, 6)
