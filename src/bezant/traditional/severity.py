"""The models of a fraction lost that the large one must beat: boosted trees, a fractional logit, the mean.

All three learn from the training part, choose on the stopping part and learn again from every row, as the
large model does. A target is a fraction in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from bezant.schema import Schema
from bezant.traditional.category_codes import CategoryCodes
from bezant.traditional.design_matrix import DesignMatrix
from bezant.traditional.inputs import MINIMUM_ROWS, read_inputs
from bezant.traditional.model import refuse_foreign, refuse_no_input, refuse_unfitted
from bezant.types import AnyArray, FloatArray, InputError

if TYPE_CHECKING:
    from lightgbm import Booster

HIGH_CARDINALITY = 64
"""A category column with more distinct training values than this merges its rare ones."""

MOST_ROUNDS = 3000
"""Trees grown at most; early stopping ends nearly every run long before."""

PATIENCE = 50
"""Trees without improvement before growing stops."""


@dataclass(frozen=True)
class SeverityConfiguration:
    """One point of the search; names and meanings are LightGBM's where it has them."""

    num_leaves: int = 31
    min_child_samples: int = 50
    feature_fraction: float = 0.7
    lambda_l2: float = 1.0
    cat_smooth: float = 30.0
    min_category_rows: int = 30
    objective: str = "regression"


SEARCH = (
    SeverityConfiguration(),
    SeverityConfiguration(num_leaves=15, min_child_samples=100, cat_smooth=100.0),
    SeverityConfiguration(num_leaves=63, lambda_l2=5.0),
    SeverityConfiguration(min_child_samples=20, feature_fraction=1.0, lambda_l2=0.0, cat_smooth=10.0),
    SeverityConfiguration(objective="cross_entropy"),
)
"""Tried by default: smaller and larger trees, the library's defaults, the quasi-likelihood."""


class SeverityBoosting:
    """LightGBM regression of a fraction, with early stopping, native categories and a small search.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The fitted trees.
    configuration_ : SeverityConfiguration
        The one with the least mean squared error on the stopping part.
    rounds_ : int
        Number of trees.
    """

    key: ClassVar[str] = "severity-boosting"
    name: ClassVar[str] = "LightGBM"

    def __init__(
        self, *, search: tuple[SeverityConfiguration, ...] = SEARCH, learning_rate: float = 0.05
    ) -> None:
        self.search = search
        self.learning_rate = learning_rate

    def fit(
        self,
        table: pa.Table,
        schema: Schema,
        y: AnyArray,
        *,
        stopping_table: pa.Table,
        stopping_y: AnyArray,
        random_state: int = 0,
    ) -> Self:
        """Choose a configuration and a number of trees, and grow them on the training rows alone."""
        values, stopping_values = (
            checked_fractions(y, table),
            checked_fractions(stopping_y, stopping_table, 1),
        )
        trials = []
        for configuration in self.search:
            codes = self._codes_of(table, schema, configuration)
            parameters = self._parameters(configuration, random_state)
            data = _dataset(codes, table, schema, values, parameters)
            stop = _dataset(codes, stopping_table, schema, stopping_values, parameters, data)
            trials.append((*_grown(parameters, data, stop), configuration, codes))
        error, self.booster_, self.configuration_, self._codes = min(trials, key=lambda t: t[0])
        self.rounds_: int = max(self.booster_.best_iteration, 1)
        self.schema_ = schema
        self.notes_ = (
            f"LightGBM: {self.configuration_}, the best of {len(self.search)} on {len(stopping_values)} "
            f"stopping rows (mean squared error {error:.4f}); {self.rounds_} trees.",
        )
        return self

    def final(self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0) -> Self:
        """Return a new model: the chosen number of trees, grown on all rows of a table."""
        import lightgbm

        refuse_unfitted(self, "rounds_", self.name)
        values = checked_fractions(y, table)
        new = copy(self)
        new.schema_, new._codes = schema, self._codes_of(table, schema, self.configuration_)
        parameters = self._parameters(self.configuration_, random_state)
        data = _dataset(new._codes, table, schema, values, parameters)
        new.booster_ = lightgbm.train(parameters, data, self.rounds_)
        return new

    def score_table(self, table: pa.Table) -> FloatArray:
        """Return the predicted fractions, shape (n,), of the rows of a typed table."""
        if table.num_rows == 0:
            return np.empty(0)
        matrix = self._codes.matrix(read_inputs(table, self.schema_), table.num_rows)
        return np.clip(np.asarray(self.booster_.predict(matrix, num_threads=1), np.float64), 0, 1)

    def to_document(self) -> dict[str, Any]:
        """Return the fitted model as JSON-ready values; the trees are LightGBM's own text."""
        refuse_unfitted(self, "booster_", self.name)
        return {
            "model": self.key,
            "search": [asdict(c) for c in self.search],
            "learning_rate": self.learning_rate,
            "schema": self.schema_.model_dump(mode="json"),
            "configuration": asdict(self.configuration_),
            "rounds": self.rounds_,
            "codes": self._codes.to_document(),
            "trees": self.booster_.model_to_string(),
            "notes": list(self.notes_),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned; the scores are the very same."""
        from lightgbm import Booster

        refuse_foreign(document, cls.key)
        search = tuple(SeverityConfiguration(**c) for c in document["search"])
        model = cls(search=search, learning_rate=document["learning_rate"])
        model.schema_ = Schema.model_validate(document["schema"])
        model.configuration_ = SeverityConfiguration(**document["configuration"])
        model.rounds_ = document["rounds"]
        model._codes = CategoryCodes.from_document(document["codes"])
        model.booster_ = Booster(model_str=document["trees"])
        model.notes_ = tuple(document["notes"])
        return model

    def _codes_of(
        self, table: pa.Table, schema: Schema, configuration: SeverityConfiguration
    ) -> CategoryCodes:
        inputs = read_inputs(table, schema)
        refuse_no_input(inputs.names, schema)
        rare = max(1, min(configuration.min_category_rows, table.num_rows // 500))
        return CategoryCodes.learn(inputs, HIGH_CARDINALITY, rare)

    def _parameters(self, configuration: SeverityConfiguration, seed: int) -> dict[str, Any]:
        given = asdict(configuration)
        given.pop("min_category_rows")
        return given | {
            "learning_rate": self.learning_rate,
            "metric": "l1" if configuration.objective == "regression_l1" else "l2",
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbose": -1,
        }


class FractionalLogit:
    """A linear model of the log-odds of the fraction, by quasi-likelihood with a ridge penalty.

    Categories have a column for each of their most frequent values.

    References
    ----------
    Papke and Wooldridge (1996), "Econometric methods for fractional response variables", Journal of Applied
    Econometrics 11.
    """

    key: ClassVar[str] = "fractional-logit"
    name: ClassVar[str] = "fractional logit"
    penalties: ClassVar[tuple[float, ...]] = (1.0, 10.0, 100.0)
    most_values: ClassVar[int] = 50

    def fit(
        self,
        table: pa.Table,
        schema: Schema,
        y: AnyArray,
        *,
        stopping_table: pa.Table,
        stopping_y: AnyArray,
        random_state: int = 0,
    ) -> Self:
        """Choose the penalty on the stopping part; ``random_state`` changes nothing."""
        values, stopping_values = (
            checked_fractions(y, table),
            checked_fractions(stopping_y, stopping_table, 1),
        )
        trials = []
        for penalty in self.penalties:
            self._learn(table, schema, values, penalty)
            error = float(np.mean((self.score_table(stopping_table) - stopping_values) ** 2))
            trials.append((error, penalty))
        error, self.penalty_ = min(trials)
        self._learn(table, schema, values, self.penalty_)
        self.notes_ = (
            f"Fractional logit: ridge penalty {self.penalty_:g}, mean squared error {error:.4f} on the "
            f"stopping rows; {self.design_.width} columns.",
        )
        return self

    def final(self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0) -> Self:
        """Return a new model with the same penalty that learned from all rows."""
        refuse_unfitted(self, "penalty_", self.name)
        new = copy(self)
        new._learn(table, schema, checked_fractions(y, table), self.penalty_)
        return new

    def score_table(self, table: pa.Table) -> FloatArray:
        """Return the predicted fractions, shape (n,), of the rows of a typed table."""
        x = self.design_.matrix(read_inputs(table, self.schema_), table.num_rows)
        return _sigmoid(x.astype(np.float64) @ self.weights_[:-1] + self.weights_[-1])

    def to_document(self) -> dict[str, Any]:
        """Return the fitted model as JSON-ready values."""
        refuse_unfitted(self, "weights_", self.name)
        return {
            "model": self.key,
            "schema": self.schema_.model_dump(mode="json"),
            "design": self.design_.to_document(),
            "weights": self.weights_.tolist(),
            "penalty": self.penalty_,
            "notes": list(self.notes_),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned; the scores are the very same."""
        refuse_foreign(document, cls.key)
        model = cls()
        model.schema_ = Schema.model_validate(document["schema"])
        model.design_ = DesignMatrix.from_document(document["design"])
        model.weights_ = np.array(document["weights"], np.float64)
        model.penalty_, model.notes_ = document["penalty"], tuple(document["notes"])
        return model

    def _learn(self, table: pa.Table, schema: Schema, y: FloatArray, penalty: float) -> None:
        inputs = read_inputs(table, schema)
        refuse_no_input(inputs.names, schema)
        self.schema_, self.design_ = schema, DesignMatrix.learn(inputs, self.most_values)
        self.weights_ = fractional_logit(self.design_.matrix(inputs, len(y)), y, penalty)


class MeanSeverity:
    """The mean of the training rows, for every row: what must be beaten before anything else is said."""

    key: ClassVar[str] = "mean-severity"
    name: ClassVar[str] = "mean"
    notes_: tuple[str, ...] = ()

    def fit(
        self,
        table: pa.Table,
        schema: Schema,
        y: AnyArray,
        *,
        stopping_table: pa.Table,
        stopping_y: AnyArray,
        random_state: int = 0,
    ) -> Self:
        """Take the mean of the training rows; the stopping part and ``random_state`` change nothing."""
        self.mean_ = float(checked_fractions(y, table).mean())
        return self

    def final(self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0) -> Self:
        """Return a new model with the mean of all rows."""
        new = copy(self)
        new.mean_ = float(checked_fractions(y, table).mean())
        return new

    def score_table(self, table: pa.Table) -> FloatArray:
        """Return the mean, shape (n,)."""
        refuse_unfitted(self, "mean_", self.name)
        return np.full(table.num_rows, self.mean_)

    def to_document(self) -> dict[str, Any]:
        """Return the fitted model as JSON-ready values."""
        refuse_unfitted(self, "mean_", self.name)
        return {"model": self.key, "mean": self.mean_}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned."""
        refuse_foreign(document, cls.key)
        model = cls()
        model.mean_ = document["mean"]
        return model


SEVERITY_MODELS: dict[str, Any] = {m.key: m for m in (SeverityBoosting, FractionalLogit, MeanSeverity)}
"""Models by their stable names in saved models."""


def fractional_logit(x: AnyArray, y: FloatArray, penalty: float, steps: int = 25) -> FloatArray:
    """Return the coefficients by Newton's method; the intercept is last and not penalised.

    Parameters
    ----------
    x : array, shape (n, d)
    y : float64 array, shape (n,)
        In [0, 1].
    penalty : float
        Of the squared coefficients, in rows.
    steps : int, default 25
        Newton steps at most; the quasi-likelihood is concave.
    """
    design = np.column_stack([x, np.ones(len(y))]).astype(np.float64)
    ridge = np.full(design.shape[1], float(penalty))
    ridge[-1] = 1e-9
    start = min(max(float(y.mean()), 1e-4), 1 - 1e-4)
    weights = np.zeros(design.shape[1])
    weights[-1] = np.log(start / (1 - start))
    for _ in range(steps):
        p = _sigmoid(design @ weights)
        gradient = design.T @ (y - p) - ridge * weights
        information = (design * np.maximum(p * (1 - p), 1e-6)[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(information, gradient)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights


def checked_fractions(y: AnyArray, table: pa.Table, least: int = MINIMUM_ROWS) -> FloatArray:
    """Return the target as float64 of shape (n,), or an InputError if it is no fraction or too short."""
    values = np.asarray(y, np.float64)
    if values.shape != (table.num_rows,) or len(values) < least:
        raise InputError(
            f"The target has the shape {values.shape} for {table.num_rows} rows; give one value a row and at "
            f"least {least} rows."
        )
    outside = int((~((values >= 0) & (values <= 1))).sum())
    if outside:
        raise InputError(
            f"The target lies outside 0 to 1 in {outside} of {len(values)} rows; give fractions."
        )
    return values


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))))


def _dataset(
    codes: CategoryCodes,
    table: pa.Table,
    schema: Schema,
    y: FloatArray,
    parameters: dict[str, Any],
    reference: Any = None,
) -> Any:
    import lightgbm

    matrix = codes.matrix(read_inputs(table, schema), table.num_rows)
    return lightgbm.Dataset(
        matrix, y, reference=reference, categorical_feature=codes.categorical, params=parameters
    )


def _grown(parameters: dict[str, Any], data: Any, stopping: Any) -> tuple[float, Booster]:
    """Grow trees until the stopping rows gain nothing more."""
    import lightgbm

    booster = lightgbm.train(
        parameters,
        data,
        MOST_ROUNDS,
        valid_sets=[stopping],
        valid_names=["stopping"],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return float(*booster.best_score["stopping"].values()), booster
