"""The credit benchmark: kept scores are judged as by hand, and a stopped run goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from bezant.benchmarks import credit
from bezant.benchmarks.credit import BAR, BLEND, Kept, judge_task, run_task
from bezant.benchmarks.page import page
from bezant.benchmarks.tasks import TASKS, CreditTask, credit_tasks
from bezant.network.recalibration import learn_recalibration
from bezant.types import InputError

SAMPLE = CreditTask(
    "sample", "sba-sample", "The sample", rows=1500, first=1990, last=2003, years=((2004, 2004),)
)


def scores(seed: int, test: str = "5 folds", model: str = "m") -> Kept:
    rng = np.random.default_rng(seed)
    y = (rng.random(400) < 0.3).astype(float)
    p = np.clip(0.3 + 0.2 * (y - 0.3) + rng.normal(0, 0.1, 400), 0.01, 0.99)
    return Kept(model, {test: y}, {test: p}, {test: np.clip(p * 0.9, 0.01, 0.99)}, 3.0)


def kept_folds(folder: Path) -> dict[tuple[str, int], Kept]:
    """Scores of two folds by three models, with the outcomes of the fold."""
    made = {}
    for fold in range(5):
        y = scores(fold).y
        for place, model in enumerate(("bezant small, seed 0", "LightGBM", "CatBoost")):
            one = scores(10 * place + fold)
            p = {
                t: np.clip(0.3 + 0.3 * (y[t] - 0.3) + 0.5 * (v - v.mean()), 0.01, 0.99)
                for t, v in one.p.items()
            }
            made[model, fold] = Kept(model, y, p, {t: v**1.1 for t, v in p.items()}, 2.0 + place)
            made[model, fold].write(folder / "german-credit" / f"fold-{fold}" / f"{model}.npz")
    return made


def test_figures_are_means_over_folds_and_the_bar_is_the_mean_of_probabilities(tmp_path: Path) -> None:
    made = kept_folds(tmp_path)
    result = judge_task(TASKS["german-credit"], tmp_path)
    assert result is not None

    def by_hand(how: str) -> tuple[float, float]:
        aucs, losses = [], []
        for fold in range(5):
            y = made["LightGBM", fold].y["5 folds"]
            p = np.mean([getattr(made[m, fold], how)["5 folds"] for m in ("LightGBM", "CatBoost")], 0)
            aucs.append(roc_auc_score(y, p))
            losses.append(log_loss(y, p))
        return float(np.mean(aucs)), float(np.mean(losses))

    best = min(by_hand("p"), by_hand("calibrated"), key=lambda f: f[1])
    bar = result.figures[BAR]["5 folds"]
    assert (bar.auc, bar.log_loss) == pytest.approx(best)
    assert result.cpu_seconds == {"CatBoost": 20.0, "LightGBM": 15.0, "bezant small, seed 0": 10.0}
    assert BLEND in result.figures


def test_the_page_says_by_how_much_the_bar_is_passed_or_missed(tmp_path: Path) -> None:
    kept_folds(tmp_path)
    result = judge_task(TASKS["german-credit"], tmp_path)
    assert result is not None
    text = page([result], {"More": "as it was"})
    ours, bar = result.figures["bezant small, seed 0"]["5 folds"], result.figures[BAR]["5 folds"]
    word = "above" if ours.auc > bar.auc else "below"
    assert f"AUC {word} the bar by {abs(ours.auc - bar.auc):.4f}" in text
    assert f"| **bezant small, seed 0** | {ours.auc:.4f} / {ours.log_loss:.4f} |" in text
    assert "## More\n\nas it was" in text


def test_scores_are_read_as_they_were_written(tmp_path: Path) -> None:
    one = scores(1)
    one.write(tmp_path / "m.npz")
    again = Kept.read(tmp_path / "m.npz")
    for group in ("y", "p", "calibrated"):
        np.testing.assert_array_equal(getattr(again, group)["5 folds"], getattr(one, group)["5 folds"])
    assert (again.model, again.cpu_seconds) == ("m", 3.0)


def test_a_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    run_task(SAMPLE, tmp_path, seeds=(), peers=("Scorecard",), say=told.append)
    assert len(told) == 1
    monkeypatch.setattr(credit, "_peer", lambda *_: pytest.fail("fitted again"))
    run_task(SAMPLE, tmp_path, seeds=(), peers=("Scorecard",), say=told.append)
    result = judge_task(SAMPLE, tmp_path)
    assert len(told) == 1
    assert result is not None
    assert result.figures["Scorecard"]["2004"].auc > 0.55


def test_folds_part_the_rows_and_years_are_fiscal() -> None:
    part = next(SAMPLE.parts())
    assert part.train["ApprovalDate"].max() < part.tests["2004"]["ApprovalDate"].min()
    assert str(part.tests["2004"]["ApprovalDate"].min())[:7] == "2003-10"
    assert str(part.tests["2004"]["ApprovalDate"].max())[:7] == "2004-09"


def test_an_unknown_task_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputError, match="There is no benchmark task 'german'; the names are german-credit"):
        credit_tasks(["german"])


def test_a_task_whose_folds_are_not_all_there_is_not_judged(tmp_path: Path) -> None:
    kept_folds(tmp_path)
    (tmp_path / "german-credit" / "fold-4" / "LightGBM.npz").unlink()
    result = judge_task(TASKS["german-credit"], tmp_path)
    assert result is not None
    assert "LightGBM" not in result.figures
    for path in (tmp_path / "german-credit" / "fold-4").iterdir():
        path.unlink()
    (tmp_path / "german-credit" / "fold-4").rmdir()
    assert judge_task(TASKS["german-credit"], tmp_path) is None


def test_a_test_part_is_recalibrated_on_what_came_before_it_alone() -> None:
    rng = np.random.default_rng(0)
    names = ("2004", "2005", "2006-07")
    p = {name: rng.uniform(0.05, 0.6, 3000) for name in names}
    y = {
        name: (rng.random(3000) < 1 / (1 + np.exp(-np.log(p[name] / (1 - p[name])) - k))).astype(float)
        for k, name in enumerate(names)
    }
    days = {name: 12_000 + 365.25 * (k + rng.random(3000)) for k, name in enumerate(names)}
    moved, known = credit.recalibrated(p, y, days)
    assert set(moved) == {"2005", "2006-07"} and set(known) == {"2006-07"}
    last, _ = learn_recalibration(p["2005"], y["2005"], days["2005"])
    assert moved["2006-07"] == pytest.approx(last.apply(p["2006-07"], days["2006-07"]))
    both = [np.concatenate([part["2004"], part["2005"]]) for part in (p, y, days)]
    all_known, _ = learn_recalibration(*both)
    assert known["2006-07"] == pytest.approx(all_known.apply(p["2006-07"], days["2006-07"]))
    changed = {**y, "2006-07": 1 - y["2006-07"]}
    assert credit.recalibrated(p, changed, days)[1]["2006-07"] == pytest.approx(known["2006-07"])
