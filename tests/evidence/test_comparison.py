import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.evidence.comparison import Comparison, compare_models, holm, verdict_sentence
from bezant.evidence.evaluation import evaluate_scores, figure_estimates
from bezant.types import InputError
from independent import slow_auc, slow_brier, slow_log_loss


def judged(noise: dict[str, float], stretch: dict[str, float], n: int = 4000) -> tuple[np.ndarray, dict]:
    """Scores that rank worse with more noise and lie further off with a stretch away from 1."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=n) * 1.5 - 1
    y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    scores = {}
    for model, sigma in noise.items():
        eta = z + sigma * rng.normal(size=n)
        scores[model] = 1 / (1 + np.exp(-stretch.get(model, 1.0) * eta))
    return y, scores


def verdict(noise: dict[str, float], stretch: dict[str, float] | None = None, n: int = 4000) -> str:
    y, scores = judged(noise, stretch or {}, n)
    figures = figure_estimates(y, scores, resamples=20)
    return verdict_sentence(figures, compare_models(y, scores, large="net"), large="net")


def test_differences_equal_those_of_the_slow_figures() -> None:
    y, scores = judged({"net": 0.1, "lgbm": 0.8}, {}, n=300)
    slow = {"roc_auc": slow_auc, "log_loss": slow_log_loss, "brier": slow_brier}
    found = {c.figure: c for c in compare_models(y, scores, large="net")}
    assert set(found) == set(slow)
    for figure, function in slow.items():
        net, lgbm = (function(y.tolist(), scores[m].tolist()) for m in ("net", "lgbm"))
        assert found[figure].difference == pytest.approx(net - lgbm)
        assert found[figure].low < found[figure].difference < found[figure].high


def test_holm_golden_values() -> None:
    # 0.01 x 4; 0.02 x 3; max(0.06, 0.03 x 2); max(0.06, 0.04)
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, math.nan, 0.7])[0] == 1
    assert math.isnan(holm([0.6, math.nan, 0.7])[1])


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_never_below_the_raw_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    ranked = [adjusted[k] for k in np.argsort(p_values, kind="stable")]
    assert ranked == sorted(ranked)


def test_several_rivals_make_the_adjusted_value_larger() -> None:
    y, scores = judged({"net": 0.5, "a": 0.55, "b": 0.6, "c": 0.7}, {})
    for c in compare_models(y, scores, large="net"):
        assert c.adjusted_p_value >= c.p_value


def test_a_win_on_both_is_said_with_its_figures() -> None:
    y, scores = judged({"net": 0.1, "lgbm": 1.0}, {})
    sentence = verdict({"net": 0.1, "lgbm": 1.0})
    net, lgbm = (slow_log_loss(y.tolist(), scores[m].tolist()) for m in ("net", "lgbm"))
    assert sentence.startswith("The large model ranks better than lgbm (AUC 0.8")
    assert f"and its probabilities are closer (log loss {net:.3f} against {lgbm:.3f}," in sentence
    assert sentence.count("95 % interval") == 2


def test_a_loss_on_both_is_admitted() -> None:
    sentence = verdict({"net": 1.0, "lgbm": 0.1})
    assert "ranks worse than lgbm" in sentence
    assert "and its probabilities are further off" in sentence


def test_a_win_on_ranking_only_is_not_called_a_win() -> None:
    sentence = verdict({"net": 0.1, "lgbm": 0.8}, {"net": 3.0, "lgbm": 0.7})
    assert "ranks better than lgbm" in sentence
    assert "but its probabilities are further off" in sentence


def test_a_win_on_probabilities_only_is_not_called_a_win() -> None:
    sentence = verdict({"net": 0.8, "lgbm": 0.1}, {"lgbm": 4.0})
    assert "ranks worse than lgbm" in sentence
    assert "but its probabilities are closer" in sentence


def test_a_difference_within_chance_is_said_to_be_one() -> None:
    sentence = verdict({"net": 0.5, "lgbm": 0.5}, n=500)
    assert "ranks, within chance, as well as lgbm" in sentence
    assert "and its probabilities are, within chance, as close (" in sentence


def test_the_sentence_is_about_the_best_of_several() -> None:
    sentence = verdict({"net": 0.1, "weak": 2.0, "strong": 0.5})
    assert "ranks better than strong, the best of the 2 others" in sentence
    assert "weak" not in sentence


def test_another_rival_is_named_where_it_has_the_closer_probabilities() -> None:
    sentence = verdict({"net": 0.1, "ranker": 0.4, "calibrated": 0.8}, {"ranker": 5.0})
    assert "ranks better than ranker" in sentence
    assert "closer than those of calibrated" in sentence


def test_a_difference_that_does_not_survive_the_correction_is_no_win() -> None:
    y, scores = judged({"net": 0.1, "a": 0.5, "b": 1.5}, {})
    figures = figure_estimates(y, scores, resamples=20)
    one = {"difference": 0.1, "low": 0.0, "high": 0.2, "p_value": 0.03, "test": "t", "adjusted_p_value": 0.06}
    both = [Comparison("net", m, f, **one) for m in ("a", "b") for f in ("roc_auc", "log_loss")]
    assert "within chance, as well as a" in verdict_sentence(figures, both, large="net")
    assert "ranks better than a" in verdict_sentence(figures, both, large="net", level=0.9)


def test_no_rival_and_one_class_are_said() -> None:
    assert verdict({"net": 0.1}).startswith("No other model was judged on these rows")
    p = np.array([0.1, 0.2, 0.3])
    sentence = evaluate_scores(np.ones(3), {"net": p, "other": p}, large="net").verdict
    assert sentence == "All rows are of one class, so no model can be said to rank better than another."


@pytest.mark.parametrize("values", [{"p_value": 1.2}, {"against": "net"}, {"adjusted_p_value": -0.1}])
def test_impossible_comparisons_are_refused(values: dict) -> None:
    sound = {
        "model": "net", "against": "lgbm", "figure": "roc_auc", "difference": 0.1,
        "low": 0.0, "high": 0.2, "p_value": 0.01, "test": "DeLong, paired",
    }  # fmt: skip
    assert Comparison(**sound).adjusted_p_value == 0.01
    with pytest.raises(InputError):
        Comparison(**{**sound, **values})
