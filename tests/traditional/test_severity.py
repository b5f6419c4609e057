"""The rivals of a loss model, against their own likelihood, LightGBM itself and the plain mean."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from bezant.schema import infer_schema
from bezant.traditional.severity import (
    SEVERITY_MODELS,
    FractionalLogit,
    MeanSeverity,
    SeverityBoosting,
    SeverityConfiguration,
    fractional_logit,
)
from bezant.types import FloatArray, InputError


def rows(n: int = 900, seed: int = 0) -> tuple[pa.Table, FloatArray]:
    draw = np.random.default_rng(seed)
    a, kind = draw.normal(size=n), draw.choice(["x", "y", "z"], n)
    mean = 1 / (1 + np.exp(-(a + (kind == "x"))))
    return pa.table({"a": a, "kind": kind}), np.clip(mean + draw.normal(0, 0.15, n), 0, 1)


def fitted(key: str):  # type: ignore[no-untyped-def]
    table, y = rows()
    schema = infer_schema(table)
    typed = schema.conform(table).table
    model = SEVERITY_MODELS[key]()
    if key == "severity-boosting":
        model = SeverityBoosting(search=(SeverityConfiguration(), SeverityConfiguration(num_leaves=7)))
    model.fit(typed[:700], schema, y[:700], stopping_table=typed[700:], stopping_y=y[700:])
    return model, typed, schema, y


@pytest.mark.parametrize("key", list(SEVERITY_MODELS))
def test_a_rival_survives_being_written_and_read_and_stays_between_nought_and_one(key: str) -> None:
    model, typed, schema, y = fitted(key)
    for one in (model, model.final(typed, schema, y)):
        again = SEVERITY_MODELS[key].from_document(json.loads(json.dumps(one.to_document())))
        scores = one.score_table(typed)
        assert np.array_equal(again.score_table(typed), scores)
        assert scores.shape == (900,)
        assert np.all((scores >= 0) & (scores <= 1))


@pytest.mark.parametrize("key", ["severity-boosting", "fractional-logit"])
def test_a_rival_beats_the_mean_where_there_is_something_to_learn(key: str) -> None:
    model, typed, _, y = fitted(key)
    error = np.mean((model.score_table(typed[700:]) - y[700:]) ** 2)
    assert error < 0.5 * np.var(y[700:])


def test_the_fractional_logit_minimises_the_penalised_quasi_likelihood() -> None:
    draw = np.random.default_rng(1)
    x, y = draw.normal(size=(200, 3)), draw.random(200)
    y[:20], y[20:40] = 0, 1

    def cost(w: FloatArray) -> float:
        z = x @ w[:-1] + w[-1]
        return float(np.sum(np.logaddexp(0, z) - y * z) + 2.5 * np.sum(w[:-1] ** 2))

    assert_allclose(fractional_logit(x, y, 5.0), minimize(cost, np.zeros(4), tol=1e-10).x, atol=1e-4)


def test_the_final_mean_is_that_of_all_rows() -> None:
    model, typed, schema, y = fitted("mean-severity")
    assert model.score_table(typed)[0] == pytest.approx(y[:700].mean())
    assert model.final(typed, schema, y).score_table(typed)[0] == pytest.approx(y.mean())


@pytest.mark.parametrize("kind", [SeverityBoosting, FractionalLogit, MeanSeverity])
def test_what_is_no_fraction_is_refused(kind: type) -> None:
    table, y = rows(60)
    schema = infer_schema(table)
    typed = schema.conform(table).table
    with pytest.raises(InputError, match="outside 0 to 1 in 60 of 60"):
        kind().fit(typed, schema, y + 2, stopping_table=typed, stopping_y=y)
    with pytest.raises(InputError, match="shape"):
        kind().fit(typed, schema, y[:-1], stopping_table=typed, stopping_y=y)
