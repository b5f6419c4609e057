import math

import numpy as np
import pyarrow as pa
import pytest

from bezant.evidence.importance import permutation_importance
from bezant.metrics.classification import log_loss, roc_auc
from bezant.types import InputError


class TwoColumns:
    """A known model: the log odds are 2 a + b, and c is never looked at."""

    def score_table(self, table: pa.Table) -> np.ndarray:
        a, b = (table.column(name).to_numpy() for name in "ab")
        return 1 / (1 + np.exp(-2 * a - b))


def loans(n: int = 3000, seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    y = (rng.random(n) < 1 / (1 + np.exp(-2 * a - b))).astype(int)
    return pa.table({"c": rng.normal(size=n), "b": b, "a": a}), y


def test_columns_come_in_the_order_of_their_use_and_an_unused_one_counts_nothing() -> None:
    table, y = loans()
    found = permutation_importance(TwoColumns(), table, y)
    assert found.columns == ("a", "b", "c")
    assert found.importance[0] > found.importance[1] > found.importance[2] == 0
    assert found.low[1] > 0
    assert (found.low <= found.importance).all()
    assert (found.importance <= found.high).all()
    assert found.baseline == log_loss(y, TwoColumns().score_table(table))


def test_importance_equals_shuffling_by_hand() -> None:
    table, y = loans(20_000)
    found = permutation_importance(TwoColumns(), table, y, columns=["a"], repeats=5)
    rng, model = np.random.default_rng(9), TwoColumns()
    by_hand = []
    for _ in range(20):
        mixed = table.set_column(2, "a", pa.array(rng.permutation(table.column("a").to_numpy())))
        by_hand.append(log_loss(y, model.score_table(mixed)) - log_loss(y, model.score_table(table)))
    assert found.importance[0] == pytest.approx(np.mean(by_hand), abs=4 * np.std(by_hand) / math.sqrt(5))
    assert found.std[0] == pytest.approx(np.std(by_hand), rel=1.0)


def test_a_figure_that_is_better_high_falls_without_the_column() -> None:
    table, y = loans()
    found = permutation_importance(TwoColumns(), table, y, metric="roc_auc")
    assert found.baseline == roc_auc(y, TwoColumns().score_table(table))
    assert 0.1 < found.importance[0] < 0.5


def test_the_interval_covers_how_much_fresh_rows_differ() -> None:
    fits = [permutation_importance(TwoColumns(), *loans(2000, seed), columns=["a"]) for seed in range(60)]
    spread = np.std([f.importance[0] for f in fits])
    half = np.mean([f.high[0] - f.importance[0] for f in fits])
    assert half / 1.96 == pytest.approx(spread, rel=0.35)


def test_many_rows_are_sampled_down_and_that_is_said() -> None:
    table, y = loans(3000)
    found = permutation_importance(TwoColumns(), table, y, max_rows=500)
    assert found.rows == 500
    assert found.notes == (
        "The importance of the columns was measured on 500 of 3,000 rows, drawn at random.",
    )
    assert permutation_importance(TwoColumns(), table, y).notes == ()


def test_the_same_seed_repeats_and_the_table_is_not_changed() -> None:
    table, y = loans(400)
    before = table.to_pydict()
    first, second = (permutation_importance(TwoColumns(), table, y, random_state=4) for _ in range(2))
    assert first.to_table().equals(second.to_table())
    assert table.to_pydict() == before


def test_the_tidy_table_has_one_row_a_column() -> None:
    table, y = loans(200)
    tidy = permutation_importance(TwoColumns(), table, y).to_table()
    assert tidy.column_names == ["column", "importance", "std", "low", "high"]
    assert tidy.num_rows == 3


def test_one_row_and_one_repeat_are_survived() -> None:
    table, y = loans(1)
    found = permutation_importance(TwoColumns(), table, y, repeats=1)
    assert found.importance.tolist() == [0, 0, 0]
    assert np.isnan(found.std).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": ["x"]}, "no column 'x'"),
        ({"metric": "accuracy"}, "no metric 'accuracy'"),
        ({"metric": "calibration_slope"}, "no metric 'calibration_slope'"),
        ({"repeats": 0}, "shuffled 0 times"),
        ({"y": np.zeros(3)}, "The table has 50 rows and the outcome 3"),
        ({"table": loans(50)[0].slice(0, 0), "y": np.zeros(0)}, "no rows"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change: dict, said: str) -> None:
    table, y = loans(50)
    with pytest.raises(InputError, match=said):
        permutation_importance(**{"model": TwoColumns(), "table": table, "y": y, **change})
