"""Gradient boosted trees with ordered target statistics, tuned as a careful user of CatBoost would."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from bezant.metrics.target_statistics import stratified_folds
from bezant.schema import Schema
from bezant.schema.words import counted
from bezant.traditional.inputs import Inputs, checked_target, read_inputs
from bezant.traditional.model import (
    checked_stopping_target,
    refuse_foreign,
    refuse_no_input,
    refuse_unfitted,
    settings_of,
    threads_for,
)
from bezant.types import AnyArray, MissingExtraError

if TYPE_CHECKING:
    from catboost import CatBoostClassifier, Pool

MOST_ROUNDS = 3000
"""Trees grown at most; early stopping ends nearly every run long before."""

FOLDS = 5
"""Folds of the cross-validation that chooses in small tables."""

MISSING = "(missing)"
"""What CatBoost, which knows no missing category, is told instead of one."""


@dataclass(frozen=True)
class OrderedConfiguration:
    """One point of the search; names and meanings are CatBoost's.

    Parameters
    ----------
    depth : int
        Of the symmetric trees.
    l2_leaf_reg : float
        Shrinkage of leaf values.
    max_ctr_complexity : int
        Most columns whose combination gets a target statistic.
    """

    depth: int = 6
    l2_leaf_reg: float = 3.0
    max_ctr_complexity: int = 2


ORDERED_SEARCH = (
    OrderedConfiguration(),
    OrderedConfiguration(depth=4),
    OrderedConfiguration(depth=8, l2_leaf_reg=9.0),
)
"""Tried by default: CatBoost's own depth, a smaller and a larger one."""


class OrderedBoosting:
    """CatBoost with early stopping, its own treatment of categories, and a small search.

    The configuration and the number of trees are chosen as :class:`GradientBoosting` chooses them: on
    the stopping part, or, in tables of fewer than ``cross_validated_rows`` rows, by cross-validation of
    the training rows. Needs the package catboost: ``pip install 'bezant[rivals]'``.

    Parameters
    ----------
    search : tuple of OrderedConfiguration, default :data:`ORDERED_SEARCH`
        Configurations tried; the lowest log loss wins.
    learning_rate : float, optional
        Of all trees. If not given: 0.03 in small tables, where more and smaller steps pay, else 0.06.
    patience : int, default 60
        Trees without improvement before growing stops.
    cross_validated_rows : int, default 20,000
        Tables of fewer training rows are cross-validated; 0 always uses the stopping part.
    threads : int, optional
        Threads of CatBoost; results do not depend on it. If not given: one for a small table, else all.

    Attributes
    ----------
    model_ : catboost.CatBoostClassifier
        The fitted trees.
    configuration_ : OrderedConfiguration
        The one that won.
    rounds_ : int
        Number of trees.
    search_ : tuple of (OrderedConfiguration, float, int)
        What was tried, its log loss and its trees.
    notes_ : tuple of str
        What was chosen.

    References
    ----------
    Prokhorenkova et al. (2018), "CatBoost: unbiased boosting with categorical features", NeurIPS.
    """

    key: ClassVar[str] = "ordered-boosting"
    name: ClassVar[str] = "CatBoost"

    def __init__(
        self,
        *,
        search: tuple[OrderedConfiguration, ...] = ORDERED_SEARCH,
        learning_rate: float | None = None,
        patience: int = 60,
        cross_validated_rows: int = 20_000,
        threads: int | None = None,
    ) -> None:
        self.search = search
        self.learning_rate = learning_rate
        self.patience = patience
        self.cross_validated_rows = cross_validated_rows
        self.threads = threads

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
        """Choose a configuration and a number of trees, and grow them on the training rows alone.

        Parameters and errors are those of :meth:`GradientBoosting.fit`; a
        :class:`~bezant.types.MissingExtraError` says what to install if catboost is not there.
        """
        import_catboost()
        labels = checked_target(y, table.num_rows, self.name)
        stopping_labels = checked_stopping_target(stopping_y, stopping_table.num_rows)
        train = _pool(read_inputs(table, schema), labels)
        refuse_no_input(tuple(train.get_feature_names()), schema)
        if len(labels) < self.cross_validated_rows:
            folds = stratified_folds(labels, FOLDS, random_state)
            pairs = [_dealt(train, folds, k) for k in range(FOLDS)]
            how = f"by {FOLDS}-fold cross-validation of {len(labels)}"
        else:
            pairs = [(train, _pool(read_inputs(stopping_table, schema), stopping_labels))]
            how = f"on {len(stopping_labels)} stopping rows"
        self.search_ = tuple(self._tried(c, pairs, random_state) for c in self.search)
        self.configuration_, _, self.rounds_ = min(self.search_, key=lambda t: t[1])
        self._chosen_how = f"the best of {len(self.search_)} configurations {how}"
        self.schema_ = schema
        self.model_ = self._grown(train, random_state)
        self.notes_ = self._told(len(labels))
        return self

    def final(self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0) -> Self:
        """Return a new model: the chosen number of trees, grown on all rows of a table.

        As :meth:`GradientBoosting.final`.
        """
        refuse_unfitted(self, "rounds_", self.name)
        labels = checked_target(y, table.num_rows, self.name)
        new = copy(self)
        new.schema_ = schema
        new.model_ = new._grown(_pool(read_inputs(table, schema), labels), random_state)
        new.notes_ = new._told(len(labels))
        return new

    def score_table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Return the probability of default, shape (n,), of the rows of a typed table."""
        if table.num_rows == 0:
            return np.empty(0, dtype=np.float64)
        pool = _pool(read_inputs(table, self.schema_), None)
        scores = self.model_.predict_proba(pool, thread_count=threads_for(table.num_rows, self.threads))[:, 1]
        return np.asarray(scores, dtype=np.float64)

    def to_document(self) -> dict[str, Any]:
        """Return the fitted model as JSON-ready values; the trees are CatBoost's own flat buffer."""
        refuse_unfitted(self, "model_", self.name)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trees.cbm"
            self.model_.save_model(str(path))
            trees = base64.b64encode(path.read_bytes()).decode()
        return {
            "model": self.key,
            "settings": settings_of(self) | {"search": [asdict(c) for c in self.search]},
            "schema": self.schema_.model_dump(mode="json"),
            "configuration": asdict(self.configuration_),
            "rounds": self.rounds_,
            "chosen_how": self._chosen_how,
            "search": [[asdict(c), loss, rounds] for c, loss, rounds in self.search_],
            "trees": trees,
            "notes": list(self.notes_),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned; the scores are the very same."""
        refuse_foreign(document, cls.key)
        settings = dict(document["settings"])
        settings["search"] = tuple(OrderedConfiguration(**c) for c in settings["search"])
        model = cls(**settings)
        model.schema_ = Schema.model_validate(document["schema"])
        model.configuration_ = OrderedConfiguration(**document["configuration"])
        model.rounds_, model._chosen_how = document["rounds"], document["chosen_how"]
        model.search_ = tuple((OrderedConfiguration(**c), loss, n) for c, loss, n in document["search"])
        model.model_ = import_catboost().CatBoostClassifier()
        model.model_.load_model(blob=base64.b64decode(document["trees"]))
        model.notes_ = tuple(document["notes"])
        return model

    def _tried(
        self, configuration: OrderedConfiguration, pairs: list[tuple[Pool, Pool]], seed: int
    ) -> tuple[OrderedConfiguration, float, int]:
        """Return the mean log loss on the stopping rows and the number of trees it takes."""
        curves = [self._curve(configuration, train, stopping, seed) for train, stopping in pairs]
        shortest = min(map(len, curves))  # each curve goes ``patience`` trees beyond its own best
        mean = np.mean([curve[:shortest] for curve in curves], 0)
        return configuration, float(mean.min()), int(mean.argmin()) + 1

    def _curve(
        self, configuration: OrderedConfiguration, train: Pool, stopping: Pool, seed: int
    ) -> npt.NDArray[np.float64]:
        model = self._model(configuration, MOST_ROUNDS, train.num_row(), seed)
        model.fit(train, eval_set=stopping, early_stopping_rounds=self.patience, use_best_model=False)
        return np.asarray(model.get_evals_result()["validation"]["Logloss"])

    def _grown(self, train: Pool, seed: int) -> CatBoostClassifier:
        return self._model(self.configuration_, self.rounds_, train.num_row(), seed).fit(train)

    def _model(
        self, configuration: OrderedConfiguration, rounds: int, rows: int, seed: int
    ) -> CatBoostClassifier:
        return import_catboost().CatBoostClassifier(
            iterations=rounds,
            learning_rate=self._rate(rows),
            random_seed=seed,
            thread_count=threads_for(rows, self.threads),
            allow_writing_files=False,
            verbose=False,
            **asdict(configuration),
        )

    def _rate(self, rows: int) -> float:
        return self.learning_rate or (0.03 if rows < self.cross_validated_rows else 0.06)

    def _told(self, rows: int) -> tuple[str, ...]:
        losses = ", ".join(f"{loss:.4f}" for _, loss, _ in self.search_)
        return (
            f"CatBoost: {self.configuration_}; {self._chosen_how} (log loss {losses}); "
            f"{counted(self.rounds_, 'tree')} at learning rate {self._rate(rows)}, grown on {rows} rows.",
        )


def import_catboost() -> Any:
    """Return the package; a :class:`~bezant.types.MissingExtraError` says how to install it."""
    try:
        import catboost
    except ImportError as error:
        raise MissingExtraError("catboost", "rivals", "The comparison with CatBoost") from error
    return catboost


def _pool(inputs: Inputs, labels: npt.NDArray[np.float64] | None) -> Pool:
    """Columns as CatBoost reads them: numbers with NaN, texts as categories."""
    columns: dict[str, Any] = dict(inputs.numbers)
    for name, texts in inputs.categories.items():
        columns[name] = pd.Categorical(texts.fill_null(MISSING).to_pandas())
    return import_catboost().Pool(pd.DataFrame(columns), labels, cat_features=list(inputs.categories))


def _dealt(rows: Pool, folds: npt.NDArray[np.int64], fold: int) -> tuple[Pool, Pool]:
    """Rows outside and inside a fold."""
    return rows.slice(np.flatnonzero(folds != fold)), rows.slice(np.flatnonzero(folds == fold))
