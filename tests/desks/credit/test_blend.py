"""The blend: weights learned on rows that nobody was trained on, and a mean of log-odds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bezant as bz
from bezant.desks.credit.blend import Blend, learn_weights
from bezant.metrics.classification import log_loss
from bezant.types import InputError
from common.rows import made_up

QUICK = {"max_epochs": 2, "batch_size": 128}


@pytest.fixture(scope="module")
def blend() -> Blend:
    risk = bz.CreditRisk(time="approved", size="tiny", progress=False, training=QUICK, random_state=0)
    return bz.Blend(risk, peers=("scorecard",)).fit(*made_up())


def test_the_answer_is_the_weighted_mean_of_log_odds(blend: Blend) -> None:
    X, _ = made_up()
    scores = blend.risk_.scores(X)
    odds = {name: np.log(p / (1 - p)) for name, p in scores.items()}
    mixed = sum(blend.weights_[name] * odds[name] for name in scores)
    np.testing.assert_allclose(blend.predict_proba(X)[:, 1], 1 / (1 + np.exp(-mixed)), rtol=1e-9)
    assert sum(blend.weights_.values()) == pytest.approx(1)
    assert "Weights of the log-odds" in blend.notes_[-1]


def test_it_is_judged_beside_each_of_its_models(blend: Blend) -> None:
    judged = blend.evaluate(*made_up())
    assert set(judged.figures) == {"blend", "bezant", "Scorecard"}
    assert judged.large == "blend"


def test_it_is_saved_and_loaded_unchanged(blend: Blend, tmp_path: Path) -> None:
    X, _ = made_up()
    blend.save(tmp_path / "model")
    again = bz.load(tmp_path / "model")
    assert isinstance(again, Blend)
    assert again.weights_ == blend.weights_
    assert again.notes_ == blend.notes_
    np.testing.assert_array_equal(again.predict_proba(X), blend.predict_proba(X))


def test_the_weights_are_the_best_of_a_fine_grid() -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(3, 4000))
    y = (rng.random(4000) < 1 / (1 + np.exp(-signal.sum(0)))).astype(float)
    scores = {
        "a": 1 / (1 + np.exp(-(signal[0] + signal[1]))),
        "b": 1 / (1 + np.exp(-(signal[1] + signal[2]))),
    }
    grid = [(w, log_loss(y, _mixed(scores, w))) for w in np.linspace(0, 1, 1001)]
    best, loss = min(grid, key=lambda point: point[1])
    found = learn_weights(y, scores)
    assert found["a"] == pytest.approx(best, abs=0.005)
    assert log_loss(y, _mixed(scores, found["a"])) == pytest.approx(loss, abs=1e-6)
    assert loss < min(log_loss(y, p) for p in scores.values())


def _mixed(scores: dict[str, np.ndarray], weight: float) -> np.ndarray:
    a, b = (np.log(p / (1 - p)) for p in scores.values())
    return 1 / (1 + np.exp(-(weight * a + (1 - weight) * b)))


def test_a_model_without_information_gets_no_weight() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 5000)
    y = (rng.random(5000) < p).astype(float)
    assert learn_weights(y, {"good": p, "noise": rng.permutation(p)})["good"] > 0.95


def test_too_few_rows_to_learn_weights_are_refused() -> None:
    X, y = made_up()
    with pytest.raises(InputError, match="no weights can be learned"):
        bz.Blend(bz.CreditRisk(time="approved", size="tiny", progress=False, training=QUICK)).fit(
            X.slice(0, 60), y[:60]
        )
