"""What a fit costs is measured for all three models on the rows of a task."""

from __future__ import annotations

import pytest

from bezant.benchmarks import fit_cost as module
from bezant.benchmarks.tasks import CreditTask

TASK = CreditTask("loans", "sba-sample", "Loans", rows=1_200, first=1990, last=2003, years=((2004, 2004),))


def test_every_model_is_fitted_to_the_tasks_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("catboost")
    seen = []
    fit = module.OrderedBoosting.final

    def final(self: module.OrderedBoosting, table, *rest, **named):  # type: ignore[no-untyped-def]
        seen.append(table.num_rows)
        return fit(self, table, *rest, **named)

    monkeypatch.setattr(module.OrderedBoosting, "final", final)
    monkeypatch.setattr(module, "credit_tasks", lambda names: [TASK])
    module.main(["--rows", "900", "--dealt", "2"])
    assert seen == [900]
    said = capsys.readouterr().out
    assert "of CatBoost's" in said and "of LightGBM's" in said
