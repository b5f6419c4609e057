"""The benchmark of speed: what it compares, and what it says without RecTools."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from bezant.benchmarks import recommend, sequence_speed
from bezant.types import MissingExtraError


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in {"BATCH": 4, "EPOCH": 2, "EPOCHS": 2, "STEPS": 1, "TURNS": 1, "PRODUCTS": 30}.items():
        monkeypatch.setattr(sequence_speed, name, value)


def test_steps_are_compared_with_the_loop_by_hand():
    setting, own, by_hand, ratio = sequence_speed.speed_part([0])
    assert "batches of 4" in setting
    speeds = [float(line.split(" sequences a CPU")[0].split()[-1]) for line in (own, by_hand)]
    assert ratio.startswith("bezant / hand-written loop: ")
    assert float(ratio.split()[-1]) == pytest.approx(speeds[0] / speeds[1], rel=0.02)


def test_a_whole_training_says_when_each_epoch_ended():
    products = sequence_speed._drawn(8, 0)
    for ends in (sequence_speed._own_training(products, 0), sequence_speed._hand_training(products, 0)):
        assert len(ends) == 2
        assert np.diff(ends) > 0


def test_without_rectools_the_part_is_refused_by_name_and_left_out_of_all(monkeypatch):
    monkeypatch.setitem(sys.modules, "rectools", None)
    monkeypatch.setitem(sys.modules, "pytorch_lightning", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'bezant\[rectools\]'"):
        list(recommend.recommend(["rectools"]))
    monkeypatch.setattr(recommend, "PARTS", {"rectools": recommend.PARTS["rectools"]})
    assert list(recommend.recommend())[-1].startswith("left out: The comparison with RecTools needs")
