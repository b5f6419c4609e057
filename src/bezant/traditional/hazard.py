"""Traditional models of when an event comes: one curve for everybody, and a pooled logistic regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from bezant.network.heads.hazard import observed_periods, period_hazards
from bezant.schema import Schema
from bezant.traditional.design_matrix import DesignMatrix
from bezant.traditional.inputs import read_inputs
from bezant.traditional.model import refuse_foreign, refuse_no_input, refuse_unfitted
from bezant.types import FloatArray

Floats = npt.NDArray[np.float64]

MOST_VALUES = 50
"""Values of a category with a coefficient of their own."""

RIDGE = 5.0
"""Penalty of the squared coefficients of standardised columns; without one, rare values have no estimate."""

STEPS = 50
"""Newton steps at most; about eight are needed."""


class KaplanMeier:
    """The same curve for everybody: what the age of a loan alone says.

    The life-table form over periods: events over the time at risk in each (Kaplan and Meier 1958, section 5).
    """

    key: ClassVar[str] = "kaplan-meier"
    name: ClassVar[str] = "Kaplan-Meier"

    def fit(self, table: pa.Table, schema: Schema, targets: FloatArray, periods: int) -> Self:
        """Learn the hazards of the periods from targets (n, 2); the columns are not read."""
        self.hazards_ = period_hazards(torch.from_numpy(targets), periods).numpy()
        return self

    def score_periods(self, table: pa.Table) -> Floats:
        """Return the probability of the event by the end of each period, shape (n, T)."""
        refuse_unfitted(self, "hazards_", self.name)
        by_then = 1 - np.cumprod(1 - self.hazards_)
        return np.repeat(by_then[None], table.num_rows, axis=0)

    def to_document(self) -> dict[str, Any]:
        """Return the fitted model as JSON-ready values."""
        refuse_unfitted(self, "hazards_", self.name)
        return {"model": self.key, "hazards": self.hazards_.tolist()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned."""
        refuse_foreign(document, cls.key)
        model = cls()
        model.hazards_ = np.array(document["hazards"], np.float64)
        return model


class LogisticHazard:
    """Logistic regression of the event in a period, pooled over all periods a loan was observed in.

    The discrete-time hazard model (Cox 1972, section 6; Singer and Willett 1993; Shumway 2001 for
    bankruptcies): an intercept for each period, and one coefficient for each column of standardised numbers
    and one-hot categories, the same in all periods. Fitted by Newton's method without ever writing out the
    rows of the periods.
    """

    key: ClassVar[str] = "logistic-hazard"
    name: ClassVar[str] = "Logistic hazard"

    def fit(self, table: pa.Table, schema: Schema, targets: FloatArray, periods: int) -> Self:
        """Learn from a typed table and targets (n, 2), as :func:`hazard_targets` makes them."""
        inputs = read_inputs(table, schema)
        refuse_no_input(inputs.names, schema)
        self.schema_ = schema
        self.design_ = DesignMatrix.learn(inputs, MOST_VALUES)
        x = self.design_.matrix(inputs, table.num_rows).astype(np.float64)
        target = torch.from_numpy(targets).double()
        at_risk, event = (part.numpy() for part in observed_periods(target, periods))
        rates = np.clip(period_hazards(target, periods, prior=10.0).numpy(), 1e-8, 1 - 1e-4)
        start = np.concatenate([np.log(rates / (1 - rates)), np.zeros(x.shape[1])])
        fitted = _newton(x, at_risk, event, start)
        self.intercepts_, self.coefficients_ = fitted[:periods], fitted[periods:]
        return self

    def score_periods(self, table: pa.Table) -> Floats:
        """Return the probability of the event by the end of each period, shape (n, T)."""
        refuse_unfitted(self, "coefficients_", self.name)
        x = self.design_.matrix(read_inputs(table, self.schema_), table.num_rows)
        hazards = _sigmoid((x @ self.coefficients_)[:, None] + self.intercepts_)
        return np.asarray(-np.expm1(np.cumsum(np.log1p(-hazards), axis=1)), np.float64)

    def to_document(self) -> dict[str, Any]:
        """Return the fitted model as JSON-ready values."""
        refuse_unfitted(self, "coefficients_", self.name)
        return {
            "model": self.key,
            "schema": self.schema_.model_dump(mode="json"),
            "design": self.design_.to_document(),
            "intercepts": self.intercepts_.tolist(),
            "coefficients": self.coefficients_.tolist(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned."""
        refuse_foreign(document, cls.key)
        model = cls()
        model.schema_ = Schema.model_validate(document["schema"])
        model.design_ = DesignMatrix.from_document(document["design"])
        model.intercepts_ = np.array(document["intercepts"], np.float64)
        model.coefficients_ = np.array(document["coefficients"], np.float64)
        return model


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -40, 40))), np.float64)


def _newton(x: Floats, at_risk: Floats, event: Floats, start: Floats) -> Floats:
    """Return intercepts (T,) and coefficients (p,) of the highest penalised likelihood.

    The sum over periods of a row's weights is all that the columns need, so a step costs one product of
    (p, n) and (n, p) and none of person-period rows.
    """
    periods = at_risk.shape[1]
    penalty = np.r_[np.full(periods, 1e-6), np.full(x.shape[1], RIDGE)]
    found, best = start, _loss(x, at_risk, event, start, penalty)
    for _ in range(STEPS):
        p = _sigmoid((x @ found[periods:])[:, None] + found[:periods])  # (n, T)
        residual, weight = event - at_risk * p, at_risk * p * (1 - p)
        gradient = np.r_[residual.sum(0), x.T @ residual.sum(1)] - penalty * found
        across = weight.T @ x  # (T, p)
        own = x.T @ (x * weight.sum(1)[:, None])
        curvature = np.block([[np.diag(weight.sum(0)), across], [across.T, own]]) + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (loss := _loss(x, at_risk, event, found + size * step, penalty)) > best and size > 1e-6:
            size /= 2
        found, gain, best = found + size * step, best - loss, loss
        if gain < 1e-9 * abs(best):
            break
    return found


def _loss(x: Floats, at_risk: Floats, event: Floats, values: Floats, penalty: Floats) -> float:
    periods = at_risk.shape[1]
    z = (x @ values[periods:])[:, None] + values[:periods]
    return float((at_risk * np.logaddexp(0, z) - event * z).sum() + 0.5 * (penalty * values**2).sum())


HAZARDS: dict[str, type[KaplanMeier | LogisticHazard]] = {
    model.key: model for model in (KaplanMeier, LogisticHazard)
}
"""The traditional models of when an event comes, by their key."""
