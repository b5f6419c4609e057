"""The benchmark of sorting sorts what it drew."""

from __future__ import annotations

from pathlib import Path

import pytest

from bezant.benchmarks import sorting


def test_all_events_come_back_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "PIECE", 700)
    lines = list(sorting.sort_drawn(2500, tmp_path, "100MB", 1, 0))
    assert "2,500 events" in lines[0]
    assert "50 histories" in lines[1]


def test_events_that_are_lost_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "draw", lambda *given: sorting_draw(*given) + 100)
    with pytest.raises(AssertionError, match="not what was drawn"):
        list(sorting.sort_drawn(500, tmp_path, "100MB", 1, 0))


sorting_draw = sorting.draw
