"""Gradient boosted trees, tuned as a careful user of LightGBM would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bezant.schema import Schema
from bezant.traditional.inputs import Inputs, checked_target, read_inputs
from bezant.types import AnyArray, InputError

if TYPE_CHECKING:
    from lightgbm import Booster


@dataclass(frozen=True)
class BoostingConfiguration:
    """One point of the search; names and meanings are LightGBM's where it has them.

    Parameters
    ----------
    num_leaves, min_child_samples : int
        Size of a tree, and the fewest rows in one leaf.
    feature_fraction : float in (0, 1]
        Share of the columns each tree may use.
    lambda_l2, cat_smooth : float, not negative
        Shrinkage of leaf values, and of the ratios by which categories are ordered.
    min_category_rows : int or None
        A value of a high-cardinality column seen in fewer training rows than this counts as "rare";
        None leaves high-cardinality columns out. This and ``min_child_samples`` are lowered in tables of
        under 50,000 rows, to 0.2 % of the rows or 20.
    """

    num_leaves: int = 31
    min_child_samples: int = 100
    feature_fraction: float = 0.5
    lambda_l2: float = 1.0
    cat_smooth: float = 50.0
    min_category_rows: int | None = 100

    def __post_init__(self) -> None:
        if self.num_leaves < 2 or self.min_child_samples < 1 or not 0 < self.feature_fraction <= 1:
            raise InputError(f"{self} cannot be trained; a tree needs two leaves, rows and columns.")

    def __str__(self) -> str:
        rare = self.min_category_rows
        return (
            f"num_leaves={self.num_leaves}, min_child_samples={self.min_child_samples}, "
            f"feature_fraction={self.feature_fraction}, lambda_l2={self.lambda_l2}, "
            f"cat_smooth={self.cat_smooth}, "
            + (
                "high-cardinality columns left out"
                if rare is None
                else f"values of under {rare} rows as rare"
            )
        )


SEARCH = (
    BoostingConfiguration(),
    BoostingConfiguration(num_leaves=15),
    BoostingConfiguration(num_leaves=63, lambda_l2=5.0),
    BoostingConfiguration(min_child_samples=20, feature_fraction=0.8, lambda_l2=0.0, cat_smooth=10.0),
    BoostingConfiguration(min_category_rows=None),
)
"""Tried by default: smaller and larger trees, LightGBM's own defaults, no high-cardinality columns."""

MOST_ROUNDS = 3000
"""Trees grown at most; early stopping ends nearly every run long before."""


@dataclass(frozen=True)
class _Encoding:
    """How texts become the codes LightGBM reads; learned on training rows alone."""

    numbers: tuple[str, ...]
    values: dict[str, pa.Array]  # column -> known values; the code is the position
    merged: frozenset[str]  # columns whose other values share one code, "rare"

    @classmethod
    def learn(cls, inputs: Inputs, high_cardinality: int, min_rows: int | None) -> _Encoding:
        values: dict[str, pa.Array] = {}
        merged: set[str] = set()
        for name, column in inputs.categories.items():
            counted = pc.value_counts(column.drop_null())
            known, counts = counted.field("values"), counted.field("counts")
            if len(known) > high_cardinality:
                if min_rows is None:
                    continue
                known = known.filter(pc.greater_equal(counts, min_rows))
                merged.add(name)
            # sorted, so that the order of the rows changes no code
            values[name] = known.take(pc.sort_indices(known))
        return cls(tuple(inputs.numbers), values, frozenset(merged))

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.numbers, *self.values)

    @property
    def categorical(self) -> list[int]:
        return list(range(len(self.numbers), len(self.names)))

    def matrix(self, inputs: Inputs, rows: int) -> npt.NDArray[np.float64]:
        """Return shape (rows, columns), float64: numbers, then codes; NaN where missing or never seen."""
        out = np.empty((rows, len(self.names)), dtype=np.float64)
        for j, name in enumerate(self.numbers):
            out[:, j] = inputs.numbers[name]
        for j, (name, known) in enumerate(self.values.items(), start=len(self.numbers)):
            column = inputs.categories[name]
            codes = pc.index_in(column, value_set=known).cast(pa.float64())
            if name in self.merged:
                rare = pc.and_(pc.is_valid(column), pc.is_null(codes))
                codes = pc.if_else(rare, float(len(known)), codes)
            out[:, j] = pc.fill_null(codes, float("nan")).to_numpy(zero_copy_only=False)
        return out


@dataclass(frozen=True)
class _Part:
    """Rows with their labels."""

    inputs: Inputs
    labels: npt.NDArray[np.float64]

    def joined(self, other: _Part) -> _Part:
        mine, yours = self.inputs, other.inputs
        return _Part(
            Inputs(
                {c: np.concatenate([v, yours.numbers[c]]) for c, v in mine.numbers.items()},
                {c: pa.concat_arrays([v, yours.categories[c]]) for c, v in mine.categories.items()},
            ),
            np.concatenate([self.labels, other.labels]),
        )


@dataclass(frozen=True)
class _Grown:
    """Trees, with what they were grown from."""

    configuration: BoostingConfiguration
    encoding: _Encoding
    booster: Booster
    loss: float
    rounds: int


class GradientBoosting:
    """LightGBM with early stopping, native categories and a small search on the validation part.

    Every configuration of ``search`` is grown with ``search_learning_rate`` until the validation log loss
    has not improved for ``patience`` trees. The best is grown again with ``learning_rate``, and, where
    ``refit`` is true, once more with that many trees on the training and validation rows together: when
    the rows are in time order, the validation part is the most recent one and too good to lose.

    High-cardinality columns (banks, places, industries) are what LightGBM overfits: its trees order the
    values by their own training ratios. Values seen in few rows therefore share one code, ``cat_smooth``
    is above LightGBM's default of 10, and leaving such columns out is one of the configurations.

    Parameters
    ----------
    search : tuple of BoostingConfiguration, default :data:`SEARCH`
        Configurations tried; the lowest validation log loss wins, the first of equals.
    learning_rate : float, default 0.05
        Of the final fit.
    search_learning_rate : float, default 0.1
        Of the search; larger, because the ranking of configurations hardly depends on it.
    patience : int, default 50
        Trees without improvement before growing stops.
    high_cardinality : int, default 64
        A category column with more distinct training values than this is high-cardinality.
    refit : bool, default True
        Whether the final trees also learn from the validation rows. A probability of such a model on a
        validation row is a probability on a training row: set it to False to calibrate on that part.
    threads : int, default 2
        Threads of LightGBM; results do not depend on it.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The fitted trees.
    configuration_ : BoostingConfiguration
        The one that won.
    rounds_ : int
        Number of trees.
    search_ : tuple of (BoostingConfiguration, float, int)
        What was tried, its validation log loss and its trees.
    notes_ : tuple of str
        What was chosen, merged and left aside.
    """

    name = "LightGBM"

    def __init__(
        self,
        *,
        search: tuple[BoostingConfiguration, ...] = SEARCH,
        learning_rate: float = 0.05,
        search_learning_rate: float = 0.1,
        patience: int = 50,
        high_cardinality: int = 64,
        refit: bool = True,
        threads: int = 2,
    ) -> None:
        self.search = search
        self.learning_rate = learning_rate
        self.search_learning_rate = search_learning_rate
        self.patience = patience
        self.high_cardinality = high_cardinality
        self.refit = refit
        self.threads = threads

    def fit(
        self,
        table: pa.Table,
        schema: Schema,
        y: AnyArray,
        *,
        validation_table: pa.Table,
        validation_y: AnyArray,
        random_state: int = 0,
    ) -> Self:
        """Choose a configuration and a number of trees on the validation rows, then fit.

        Parameters
        ----------
        table : pyarrow.Table of n rows
            Training rows, typed by :meth:`bezant.schema.Schema.conform`.
        schema : Schema
            Only its inputs are read (and the ordering time, to turn dates into ages).
        y : ndarray of shape (n,)
            1 for default, 0 for none.
        validation_table, validation_y
            Held-out rows of the same form; in time order they should follow the training rows.
        random_state : int, default 0
            Seed of the column sampling.

        Raises
        ------
        InputError
            For fewer than 20 training rows, a target with one class, no validation row, or no input.
        """
        if not self.search:
            raise InputError("The search is empty; give at least one BoostingConfiguration.")
        train = _Part(read_inputs(table, schema), checked_target(y, table.num_rows, self.name))
        held_out = _Part(
            read_inputs(validation_table, schema), _held_out_target(validation_y, validation_table.num_rows)
        )
        if not train.inputs.names:
            raise InputError(
                f"None of the {len(schema.fields)} columns of the schema is an input; "
                "give at least one that role."
            )
        grown = self._chosen(train, held_out, random_state)
        self.rounds_ = grown.rounds
        if self.refit:
            grown = self._regrow(train.joined(held_out), grown, random_state)
        self.schema_ = schema
        self.configuration_ = grown.configuration
        self.booster_: Booster = grown.booster
        self._encoding = grown.encoding
        self.notes_ = self._told(train, held_out)
        return self

    def score_table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Return the probability of default, shape (n,), of the rows of a typed table."""
        if table.num_rows == 0:
            return np.empty(0, dtype=np.float64)
        matrix = self._encoding.matrix(read_inputs(table, self.schema_), table.num_rows)
        scores = self.booster_.predict(matrix, num_threads=self.threads)
        return np.asarray(scores, dtype=np.float64)

    def _chosen(self, train: _Part, held_out: _Part, seed: int) -> _Grown:
        """Run the search and grow its winner at the final learning rate."""
        rate = self.search_learning_rate
        tried = [g for c in self.search if (g := self._grow(train, held_out, c, rate, seed)) is not None]
        if not tried:
            raise InputError(
                f"All {len(train.inputs.names)} input columns have more than {self.high_cardinality} "
                "distinct values and every configuration leaves such columns out; allow one to keep them."
            )
        self.search_ = tuple((t.configuration, t.loss, t.rounds) for t in tried)
        best = min(tried, key=lambda t: t.loss)
        if self.learning_rate == rate:
            return best
        return self._grow(train, held_out, best.configuration, self.learning_rate, seed) or best

    def _parameters(self, configuration: BoostingConfiguration, rows: int, seed: int) -> dict[str, Any]:
        fewest = _fewest(rows)
        return {
            "objective": "binary",
            "num_leaves": configuration.num_leaves,
            "min_child_samples": min(configuration.min_child_samples, fewest),
            "min_data_per_group": min(100, fewest),  # 100 is LightGBM's default
            "feature_fraction": configuration.feature_fraction,
            "lambda_l2": configuration.lambda_l2,
            "cat_smooth": configuration.cat_smooth,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbose": -1,
        }

    def _encode(self, train: _Part, configuration: BoostingConfiguration) -> _Encoding:
        rare = configuration.min_category_rows
        if rare is not None:
            rare = min(rare, _fewest(len(train.labels)))
        return _Encoding.learn(train.inputs, self.high_cardinality, rare)

    def _grow(
        self, train: _Part, held_out: _Part, configuration: BoostingConfiguration, rate: float, seed: int
    ) -> _Grown | None:
        """Grow trees until the held-out rows gain nothing more; None if no column would be left."""
        import lightgbm

        encoding = self._encode(train, configuration)
        if not encoding.names:
            return None
        parameters = self._parameters(configuration, len(train.labels), seed) | {"learning_rate": rate}
        data = _dataset(encoding, train, parameters)
        booster = lightgbm.train(
            parameters,
            data,
            MOST_ROUNDS,
            valid_sets=[_dataset(encoding, held_out, parameters, data)],
            valid_names=["held out"],
            callbacks=[lightgbm.early_stopping(self.patience, verbose=False)],
        )
        loss = float(booster.best_score["held out"]["binary_logloss"])
        return _Grown(configuration, encoding, booster, loss, max(booster.best_iteration, 1))

    def _regrow(self, rows: _Part, grown: _Grown, seed: int) -> _Grown:
        """Grow the chosen number of trees on all rows; the codes are learned anew."""
        import lightgbm

        encoding = self._encode(rows, grown.configuration)
        parameters = self._parameters(grown.configuration, len(rows.labels), seed)
        parameters["learning_rate"] = self.learning_rate
        booster = lightgbm.train(parameters, _dataset(encoding, rows, parameters), grown.rounds)
        return replace(grown, encoding=encoding, booster=booster)

    def _told(self, train: _Part, held_out: _Part) -> tuple[str, ...]:
        encoding, total = self._encoding, len(self.search)
        losses = ", ".join(f"{loss:.4f}" for _, loss, _ in self.search_)
        notes = [
            f"LightGBM: {self.configuration_}; the best of {total} configurations on {len(held_out.labels)} "
            f"validation rows (log loss {losses}); "
            f"{self.rounds_} trees at learning rate {self.learning_rate}."
        ]
        if self.refit:
            rows = len(train.labels) + len(held_out.labels)
            notes.append(f"LightGBM: the final trees were grown on all {rows} training and validation rows.")
        if encoding.merged:
            kept = ", ".join(f"{c} keeps {len(encoding.values[c])} values" for c in sorted(encoding.merged))
            notes.append(f"LightGBM: rare and new values of high-cardinality columns share one code: {kept}.")
        left = sorted(set(train.inputs.names) - set(encoding.names))
        if left:
            notes.append(
                f"LightGBM: high-cardinality columns left out, as validation chose: {', '.join(left)}."
            )
        return tuple(notes)


def _fewest(rows: int) -> int:
    """Rows that a leaf or a category needs at most.

    In 50,000 rows and more the configuration's own 100 stands. In smaller tables 100 rows are so large a
    share that banks and places would all be rare: 0.2 % there, but not under 20, LightGBM's own default,
    nor under 2 % of a table so small that its trees could not split.
    """
    return max(min(20, max(5, rows // 50)), rows // 500)


def _dataset(encoding: _Encoding, part: _Part, parameters: dict[str, Any], reference: Any = None) -> Any:
    import lightgbm

    return lightgbm.Dataset(
        encoding.matrix(part.inputs, len(part.labels)),
        part.labels,
        reference=reference,
        categorical_feature=encoding.categorical,
        params=parameters,
    )


def _held_out_target(y: AnyArray, rows: int) -> npt.NDArray[np.float64]:
    """Return the labels of the validation rows; one class is enough to stop on, no row is not."""
    labels = np.asarray(y, dtype=np.float64)
    if labels.shape != (rows,) or not rows or not np.isin(labels, (0.0, 1.0)).all():
        raise InputError(
            f"The validation part has {rows} rows and labels of the shape {labels.shape}; early stopping "
            "needs at least one row and one label, 0 or 1, for each."
        )
    return labels
