"""The bar on standard error: what it says of a training and of other long work, and when there is none."""

from __future__ import annotations

import pytest

from bezant.training.loop import Progress
from bezant.training.progress import shown


def test_a_training_and_other_work_are_drawn_on_one_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with shown("Training", True) as observe:
        assert observe is not None
        observe(Progress(2, 5, 3, 10, 0.25, None, 61.0))
        observe.step("Weighing pairs", 2, 5)
        task = observe._bar.tasks[0]
        assert (task.description, task.completed, task.total) == ("Weighing pairs", 2, 5)
        observe(Progress(2, 5, 4, 10, 0.25, 0.5, 61.0))
        assert (task.description, task.completed, task.total) == ("Training", 14, 50)
        assert task.fields["said"] == "epoch 2/5  loss 0.2500  held-out 0.5000  1:01 left"
    assert capsys.readouterr().out == ""


def test_there_is_no_bar_where_nobody_sees_it() -> None:
    for choice in (False, "auto"):
        with shown("Training", choice) as observe:  # type: ignore[arg-type]
            assert observe is None
