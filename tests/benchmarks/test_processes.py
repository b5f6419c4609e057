"""The benchmark of processes: what it prints follows from what its fits measured."""

from __future__ import annotations

from typing import Any

import pytest

from bezant.benchmarks import processes as benchmark


def test_one_and_two_take_turns_and_the_median_ratio_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    speeds = iter([100.0, 150.0, 50.0, 95.0, 100.0, 160.0])

    def started(number: int, size: str, batch_size: int) -> dict[str, float]:
        asked.append(number)
        return {"rows_per_second": next(speeds), "held_out_loss": 0.25}

    monkeypatch.setattr(benchmark, "_started", started)
    found = benchmark.processes(rounds=3)
    assert asked == [1, 2, 1, 2, 1, 2]
    assert found["ratio"] == 1.6  # the median of 1.5, 1.9 and 1.6
    assert found["rows_per_second"] == {1: 100.0, 2: 150.0}
    assert "1.60 times as many (median of 3 rounds in turn)" in found["text"]


def test_a_fit_measures_its_speed_and_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"ROWS": 3000, "EPOCHS": 1}
    for name, value in settings.items():
        monkeypatch.setattr(benchmark, name, value)
    measured = benchmark.fit("tiny", 256)
    assert measured is not None
    assert measured["rows_per_second"] > 0
    assert 0.3 < measured["held_out_loss"] < 0.7
