"""Gradient boosted trees, tuned as a careful user of LightGBM would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bezant.schema import Schema
from bezant.schema.words import counted
from bezant.traditional.boosting_rows import FOLDS, MOST_ROUNDS, LabelledRows, answers_out_of_fold
from bezant.traditional.boosting_search import SEARCH, BoostingConfiguration
from bezant.traditional.category_codes import CategoryCodes
from bezant.traditional.inputs import Inputs, checked_target, read_inputs
from bezant.traditional.model import (
    checked_stopping_target,
    refuse_foreign,
    refuse_no_input,
    refuse_unfitted,
    settings_of,
    threads_for,
)
from bezant.types import AnyArray, InputError

if TYPE_CHECKING:
    from lightgbm import Booster


@dataclass(frozen=True)
class _Trial:
    """A configuration as it was tried."""

    configuration: BoostingConfiguration
    loss: float
    rounds: int
    booster: Booster | None  # None after cross-validation, which grows none on all rows


class GradientBoosting:
    """LightGBM with early stopping, native categories and a small search.

    Every configuration of ``search`` is grown with ``search_learning_rate`` until the log loss on rows
    that were not learned from has not improved for ``patience`` trees; the best is grown again with
    ``learning_rate``. Those rows are the stopping part, or, in tables of fewer than
    ``cross_validated_rows`` rows, where a small stopping part would choose by chance, the folds of a
    five-fold cross-validation of the training rows.

    High-cardinality columns (banks, places, industries) are what LightGBM overfits: its trees order the
    values by their own training ratios. Values seen in few rows therefore share one code, ``cat_smooth``
    is above LightGBM's default of 10, and leaving such columns out is one of the configurations.

    Parameters
    ----------
    search : tuple of BoostingConfiguration, default :data:`SEARCH`
        Configurations tried; the lowest log loss wins, the first of equals. Those that are the same in a
        table as one before are passed over.
    learning_rate : float, default 0.05
        Of the trees that are kept.
    search_learning_rate : float, default 0.1
        Of the search; larger, because the ranking of configurations hardly depends on it.
    patience : int, default 50
        Trees without improvement before growing stops.
    high_cardinality : int, default 64
        A category column with more distinct training values than this is high-cardinality.
    cross_validated_rows : int, default 20,000
        Tables of fewer training rows are cross-validated; 0 always uses the stopping part.
    threads : int, optional
        Threads of LightGBM; results do not depend on it. If not given: one for a small table, else all.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The fitted trees.
    configuration_ : BoostingConfiguration
        The one that won.
    rounds_ : int
        Number of trees.
    search_ : tuple of (BoostingConfiguration, float, int)
        What was tried, its log loss and its trees.
    notes_ : tuple of str
        What was chosen, merged and left aside.
    """

    key: ClassVar[str] = "gradient-boosting"
    name: ClassVar[str] = "LightGBM"

    def __init__(
        self,
        *,
        search: tuple[BoostingConfiguration, ...] = SEARCH,
        learning_rate: float = 0.05,
        search_learning_rate: float = 0.1,
        patience: int = 50,
        high_cardinality: int = 64,
        cross_validated_rows: int = 20_000,
        threads: int | None = None,
    ) -> None:
        self.search = search
        self.learning_rate = learning_rate
        self.search_learning_rate = search_learning_rate
        self.patience = patience
        self.high_cardinality = high_cardinality
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

        Parameters
        ----------
        table : pyarrow.Table of n rows
            Training rows, typed by :meth:`bezant.schema.Schema.conform`.
        schema : Schema
            Only its inputs are read (and the ordering time, to turn dates into ages).
        y : ndarray of shape (n,)
            1 for default, 0 for none.
        stopping_table, stopping_y
            Other rows of the same form, on which larger tables choose; in time order they should follow
            the training rows. A figure of this model on them is a little too good for that reason.
        random_state : int, default 0
            Seed of the column sampling and of the folds.

        Raises
        ------
        InputError
            For fewer than 20 training rows, a target with one class, no stopping row, or no input.
        """
        if not self.search:
            raise InputError("The search is empty; give at least one BoostingConfiguration.")
        train = LabelledRows(read_inputs(table, schema), checked_target(y, table.num_rows, self.name))
        labels = checked_stopping_target(stopping_y, stopping_table.num_rows)
        refuse_no_input(train.inputs.names, schema)
        crossed = len(train.labels) < self.cross_validated_rows
        stopping = None if crossed else LabelledRows(read_inputs(stopping_table, schema), labels)
        best = self._chosen(train, stopping, random_state)
        self.schema_, self.configuration_, self.rounds_ = schema, best.configuration, best.rounds
        self._codes = self._learn_codes(train, best.configuration)
        self.booster_: Booster = best.booster or self._grown(train, random_state)
        rows = len(labels) if stopping is not None else len(train.labels)
        how = (
            f"on {rows} stopping rows"
            if stopping is not None
            else f"by {FOLDS}-fold cross-validation of {rows}"
        )
        self._chosen_how = f"the best of {len(self.search_)} configurations {how}"
        self.notes_ = self._told(train)
        return self

    def final(self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0) -> Self:
        """Return a new model: the chosen number of trees, grown on all rows of a table.

        Parameters
        ----------
        table, schema, y
            All rows there are, those of the stopping part and later ones included. A score of one of
            them is a score of a training row: calibrate and judge with the model of :meth:`fit`.
        random_state : int, default 0
            Seed of the column sampling.

        Raises
        ------
        InputError
            As in :meth:`fit`, and if this model is not fitted.
        """
        refuse_unfitted(self, "rounds_", self.name)
        rows = LabelledRows(read_inputs(table, schema), checked_target(y, table.num_rows, self.name))
        new = copy(self)
        new.schema_ = schema
        new._codes = self._learn_codes(rows, self.configuration_)
        self._refuse_no_column(rows.inputs, [new._codes])
        new.booster_ = new._grown(rows, random_state)
        new.notes_ = new._told(rows)
        return new

    def score_table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Return the probability of default, shape (n,), of the rows of a typed table."""
        if table.num_rows == 0:
            return np.empty(0, dtype=np.float64)
        matrix = self._codes.matrix(read_inputs(table, self.schema_), table.num_rows)
        scores = self.booster_.predict(matrix, num_threads=threads_for(table.num_rows, self.threads))
        return np.asarray(scores, dtype=np.float64)

    def out_of_fold(
        self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0
    ) -> npt.NDArray[np.float64]:
        """Return the probability of default of each row, shape (n,), by trees that have not seen its label.

        The first configuration of ``search`` is grown in five folds side by side, until their mean log loss
        has not improved for ``patience`` trees. Nothing of the model changes.

        Parameters
        ----------
        table, schema, y, random_state
            As in :meth:`fit`.

        Raises
        ------
        InputError
            As in :meth:`fit`.
        """
        rows = LabelledRows(read_inputs(table, schema), checked_target(y, table.num_rows, self.name))
        refuse_no_input(rows.inputs.names, schema)
        codes = self._learn_codes(rows, self.search[0])  # from counts alone: no label leaks
        self._refuse_no_column(rows.inputs, [codes])
        parameters = self._parameters(self.search[0], len(rows.labels), random_state)
        parameters["learning_rate"] = self.learning_rate
        return answers_out_of_fold(rows, codes, parameters, patience=self.patience, seed=random_state)

    def to_document(self) -> dict[str, Any]:
        """Return the fitted model as JSON-ready values; the trees are LightGBM's own text."""
        refuse_unfitted(self, "booster_", self.name)
        return {
            "model": self.key,
            "settings": settings_of(self) | {"search": [asdict(c) for c in self.search]},
            "schema": self.schema_.model_dump(mode="json"),
            "configuration": asdict(self.configuration_),
            "rounds": self.rounds_,
            "chosen_how": self._chosen_how,
            "search": [[asdict(c), loss, rounds] for c, loss, rounds in self.search_],
            "codes": self._codes.to_document(),
            "trees": self.booster_.model_to_string(),
            "notes": list(self.notes_),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned; the scores are the very same."""
        from lightgbm import Booster

        refuse_foreign(document, cls.key)
        settings = dict(document["settings"])
        settings["search"] = tuple(BoostingConfiguration(**c) for c in settings["search"])
        model = cls(**settings)
        model.schema_ = Schema.model_validate(document["schema"])
        model.configuration_ = BoostingConfiguration(**document["configuration"])
        model.rounds_, model._chosen_how = document["rounds"], document["chosen_how"]
        model.search_ = tuple((BoostingConfiguration(**c), loss, n) for c, loss, n in document["search"])
        model._codes = CategoryCodes.from_document(document["codes"])
        model.booster_ = Booster(model_str=document["trees"])
        model.notes_ = tuple(document["notes"])
        return model

    # --------------------------------------------------------------------------------- the search

    def _chosen(self, train: LabelledRows, stopping: LabelledRows | None, seed: int) -> _Trial:
        """Run the search and try its winner at the final learning rate."""
        rate = self.search_learning_rate
        distinct = dict(self._distinct(train))
        self._refuse_no_column(train.inputs, list(distinct.values()))
        trials = [self._tried(train, stopping, c, codes, rate, seed) for c, codes in distinct.items()]
        self.search_ = tuple((t.configuration, t.loss, t.rounds) for t in trials)
        best = min(trials, key=lambda t: t.loss)
        if self.learning_rate == rate:
            return best
        codes = distinct[best.configuration]
        return self._tried(train, stopping, best.configuration, codes, self.learning_rate, seed)

    def _distinct(self, train: LabelledRows) -> Iterator[tuple[BoostingConfiguration, CategoryCodes]]:
        """Yield the configurations that differ in this table, with their codes."""
        seen = []
        for configuration in self.search:
            codes = self._learn_codes(train, configuration)
            what = configuration.parameters(len(train.labels)), codes
            if codes.names and what not in seen:
                seen.append(what)
                yield configuration, codes

    def _tried(
        self,
        train: LabelledRows,
        stopping: LabelledRows | None,
        configuration: BoostingConfiguration,
        codes: CategoryCodes,
        rate: float,
        seed: int,
    ) -> _Trial:
        """Grow trees until rows that were not learned from gain nothing more."""
        import lightgbm

        parameters = self._parameters(configuration, len(train.labels), seed) | {"learning_rate": rate}
        data = train.dataset(codes, parameters)
        stop = [lightgbm.early_stopping(self.patience, verbose=False)]
        if stopping is None:
            folds = train.folds(seed)
            # the codes were learned on all training rows, but from counts alone: no label leaks
            found = lightgbm.cv(parameters, data, MOST_ROUNDS, folds=folds, callbacks=stop)
            losses = found["valid binary_logloss-mean"]
            return _Trial(configuration, float(losses[-1]), len(losses), None)
        held_out = stopping.dataset(codes, parameters, data)
        booster = lightgbm.train(
            parameters, data, MOST_ROUNDS, valid_sets=[held_out], valid_names=["stopping"], callbacks=stop
        )
        loss = float(booster.best_score["stopping"]["binary_logloss"])
        return _Trial(configuration, loss, max(booster.best_iteration, 1), booster)

    def _grown(self, rows: LabelledRows, seed: int) -> Booster:
        """Grow the chosen number of trees."""
        import lightgbm

        parameters = self._parameters(self.configuration_, len(rows.labels), seed)
        parameters["learning_rate"] = self.learning_rate
        return lightgbm.train(parameters, rows.dataset(self._codes, parameters), self.rounds_)

    def _parameters(self, configuration: BoostingConfiguration, rows: int, seed: int) -> dict[str, Any]:
        return configuration.parameters(rows) | {
            "objective": "binary",
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads_for(rows, self.threads),
            "verbose": -1,
        }

    def _learn_codes(self, rows: LabelledRows, configuration: BoostingConfiguration) -> CategoryCodes:
        rare = configuration.rare_under(len(rows.labels))
        return CategoryCodes.learn(rows.inputs, self.high_cardinality, rare)

    def _refuse_no_column(self, inputs: Inputs, found: list[CategoryCodes]) -> None:
        if not any(codes.names for codes in found):
            raise InputError(
                f"All {len(inputs.names)} input columns have more than {self.high_cardinality} "
                "distinct values and every configuration leaves such columns out; allow one to keep them."
            )

    def _told(self, rows: LabelledRows) -> tuple[str, ...]:
        codes = self._codes
        losses = ", ".join(f"{loss:.4f}" for _, loss, _ in self.search_)
        notes = [
            f"LightGBM: {self.configuration_}; {self._chosen_how} (log loss {losses}); "
            f"{counted(self.rounds_, 'tree')} at learning rate {self.learning_rate}, grown on "
            f"{len(rows.labels)} rows."
        ]
        if codes.merged:
            kept = ", ".join(
                f"{c} keeps {counted(len(codes.values[c]), 'value')}" for c in sorted(codes.merged)
            )
            notes.append(f"LightGBM: rare and new values of high-cardinality columns share one code: {kept}.")
        left = sorted(set(rows.inputs.names) - set(codes.names))
        if left:
            notes.append(
                f"LightGBM: high-cardinality columns left out, as the search chose: {', '.join(left)}."
            )
        return tuple(notes)
