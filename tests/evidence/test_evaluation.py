import json
import math

import numpy as np
import pytest

from bezant.evidence.evaluation import FIGURES, GROUP_SCHEMA, Evaluation, evaluate_scores
from bezant.types import InputError
from independent import SLOW_FIGURES


def loans(n: int = 900) -> dict:
    rng = np.random.default_rng(0)
    z = rng.normal(size=n) - 1
    return {
        "y": (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int),
        "scores": {
            m: 1 / (1 + np.exp(-z - s * rng.normal(size=n))) for m, s in (("net", 0.2), ("card", 0.9))
        },
        "time": np.datetime64("2004-01-01") + rng.integers(0, 730, n).astype("timedelta64[D]"),
        "segments": {
            "state": np.array([f"S{int(k)}" for k in rng.exponential(4, n)]),
            "channel": np.array(["web", "branch", None], dtype=object)[rng.integers(0, 3, n)],
        },
    }


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate_scores(**loans(), large="net", resamples=60)


def test_every_overall_figure_equals_its_slow_definition(evaluation: Evaluation) -> None:
    data = loans()
    for model, p in data["scores"].items():
        assert list(evaluation.figures[model]) == list(FIGURES)
        for figure, estimate in evaluation.figures[model].items():
            slow = SLOW_FIGURES[figure](data["y"].tolist(), p.tolist())
            assert estimate.value == pytest.approx(slow, abs=1e-9), figure
            assert estimate.low < estimate.value <= estimate.high, figure


def test_every_figure_of_every_group_equals_its_slow_definition(evaluation: Evaluation) -> None:
    data = loans()
    masks = {
        ("year", str(k)): data["time"].astype("datetime64[Y]") == np.datetime64(str(k)) for k in (2004, 2005)
    }
    shown = {r["group"] for r in evaluation.by_segment.to_pylist() if r["group_by"] == "state"} - {"(other)"}
    masks |= {("state", s): data["segments"]["state"] == s for s in shown}
    masks["state", "(other)"] = ~np.isin(data["segments"]["state"], sorted(shown))
    masks |= {("channel", s): data["segments"]["channel"] == s for s in ("web", "branch")}
    masks["channel", "(missing)"] = np.array([v is None for v in data["segments"]["channel"]])
    table = evaluation.by_period.to_pylist() + evaluation.by_segment.to_pylist()
    assert {(r["group_by"], r["group"]) for r in table} == set(masks)
    assert len(table) == len(masks) * 2 * (len(FIGURES) + 2)
    for row in table:
        mask = masks[row["group_by"], row["group"]]
        y, p = data["y"][mask].tolist(), data["scores"][row["model"]][mask].tolist()
        assert (row["rows"], row["events"]) == (len(y), sum(y))
        assert row["value"] == pytest.approx(SLOW_FIGURES[row["figure"]](y, p), abs=1e-9), row


def test_the_eight_most_frequent_values_stand_alone_and_the_rest_is_noted(evaluation: Evaluation) -> None:
    states = [r for r in evaluation.by_segment.to_pylist() if r["group_by"] == "state"]
    groups = list(dict.fromkeys(r["group"] for r in states))
    assert len(groups) == 9
    assert groups[-1] == "(other)"
    assert len(evaluation.notes) == 1
    assert "together as (other)" in evaluation.notes[0]


def test_rows_of_a_grouping_add_up(evaluation: Evaluation) -> None:
    frame = evaluation.to_frame()
    one = frame[(frame.model == "net") & (frame.figure == "log_loss")]
    assert one.groupby("group_by")["rows"].sum().eq(900).all()
    for _, part in one.groupby("group_by"):
        assert np.average(part["value"], weights=part["rows"]) == pytest.approx(
            evaluation.figures["net"]["log_loss"].value
        )


def test_json_round_trip_with_and_without_scores(evaluation: Evaluation) -> None:
    for with_scores in (True, False):
        text = evaluation.to_json(with_scores=with_scores)
        again = Evaluation.from_json(text)
        assert again.to_json(with_scores=with_scores) == text
        assert (again.rows, again.events, again.verdict) == (900, evaluation.events, evaluation.verdict)
        assert again.figures == evaluation.figures
        assert again.comparisons == evaluation.comparisons
        assert again.by_segment.equals(evaluation.by_segment)
        assert len(again.y) == (900 if with_scores else 0)
    np.testing.assert_array_equal(
        Evaluation.from_json(evaluation.to_json(with_scores=True)).scores["card"], evaluation.scores["card"]
    )


def test_a_one_class_group_has_nan_and_survives_json() -> None:
    time = np.array(["2004-05-01"] * 4 + ["2005-05-01"] * 2 + ["NaT"], dtype="datetime64[D]")
    p = np.linspace(0.1, 0.7, 7)
    found = evaluate_scores([0, 1, 0, 1, 0, 0, 1], {"net": p}, large="net", time=time)
    values = {(r["group"], r["figure"]): r["value"] for r in found.by_period.to_pylist()}
    assert math.isnan(values["2005", "roc_auc"])
    assert values["2005", "event_rate"] == 0
    assert ("(missing)", "brier") in values
    text = found.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert Evaluation.from_json(text).to_json() == text


def test_text_shows_the_large_model_first_and_the_verdict(evaluation: Evaluation) -> None:
    lines = str(evaluation).splitlines()
    assert lines[0].startswith("900 rows, ")
    assert lines[3].startswith("net ")
    auc = evaluation.figures["net"]["roc_auc"]
    assert f"{auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]" in lines[3]
    assert evaluation.verdict in lines
    assert len({len(line) for line in lines[2:5]}) == 1


def test_the_same_seed_repeats_and_the_input_is_not_changed() -> None:
    data = loans(300)
    before = {m: p.copy() for m, p in data["scores"].items()}
    texts = [evaluate_scores(**data, large="net", resamples=30).to_json() for _ in range(2)]
    assert texts[0] == texts[1]
    for model, p in before.items():
        np.testing.assert_array_equal(p, data["scores"][model])


def test_the_order_of_rows_does_not_change_the_figures() -> None:
    data = loans(300)
    order = np.random.default_rng(5).permutation(300)
    mixed = {"y": data["y"][order], "scores": {m: p[order] for m, p in data["scores"].items()}}
    one = evaluate_scores(data["y"], data["scores"], large="net", resamples=30)
    two = evaluate_scores(**mixed, large="net", resamples=30)
    for model, by in one.figures.items():
        for figure, e in by.items():
            other = two.figures[model][figure]
            assert (e.value, e.low, e.high) == pytest.approx((other.value, other.low, other.high)), figure


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"large": "nett"}, "'nett' has no scores; the models are 'net', 'card'"),
        ({"scores": {"net": [0.1, 0.2]}}, "Model 'net': The outcome has 300 rows and the score 2"),
        ({"scores": {"net": np.full(300, 1.5)}}, "Model 'net': The probability lies outside 0 to 1 in 300"),
        ({"scores": {"net": np.full(300, math.nan)}}, "missing or infinite in 300 of 300"),
        ({"time": np.arange(300)}, "give an array of datetime64"),
        ({"time": np.array(["2004-01-01"], dtype="datetime64[D]")}, "The time has 1 rows"),
        ({"segments": {"state": ["a"]}}, "'state' has 1 rows and the outcome 300"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        evaluate_scores(**{**loans(300), "large": "net", **change})


def test_an_evaluation_checks_its_parts(evaluation: Evaluation) -> None:
    parts = {name: getattr(evaluation, name) for name in Evaluation.__dataclass_fields__}
    with pytest.raises(InputError, match="no figures of the large model 'x'"):
        Evaluation(**{**parts, "large": "x"})
    with pytest.raises(InputError, match="has 1 scores for 900 outcomes"):
        Evaluation(**{**parts, "scores": {"net": [0.5]}})
    with pytest.raises(InputError, match="by_period has the columns"):
        Evaluation(**{**parts, "by_period": GROUP_SCHEMA.empty_table().select(["model"])})
