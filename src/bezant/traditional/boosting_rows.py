"""Labelled rows as LightGBM reads them, and its answers for rows that its trees have not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bezant.metrics.target_statistics import stratified_folds
from bezant.traditional.category_codes import CategoryCodes
from bezant.traditional.inputs import Inputs
from bezant.types import AnyArray

MOST_ROUNDS = 3000
"""Trees grown at most; early stopping ends nearly every run long before."""

FOLDS = 5
"""Folds of a cross-validation."""


@dataclass(frozen=True)
class LabelledRows:
    """Rows with their labels.

    Attributes
    ----------
    inputs : Inputs
        Columns of n rows.
    labels : float64 array, shape (n,)
        0 or 1.
    """

    inputs: Inputs
    labels: npt.NDArray[np.float64]

    def matrix(self, codes: CategoryCodes) -> npt.NDArray[np.float64]:
        """Return numbers and codes of categories, shape (n, columns)."""
        return codes.matrix(self.inputs, len(self.labels))

    def dataset(self, codes: CategoryCodes, parameters: Mapping[str, Any], reference: Any = None) -> Any:
        """Return them as LightGBM's own data set, binned as ``reference`` is if there is one."""
        import lightgbm

        return lightgbm.Dataset(
            self.matrix(codes),
            self.labels,
            reference=reference,
            categorical_feature=codes.categorical,
            params=dict(parameters),
        )

    def folds(self, seed: int) -> list[tuple[AnyArray, AnyArray]]:
        """Return the rows outside and inside each of five folds of the same event rate."""
        fold = stratified_folds(self.labels, FOLDS, seed)
        return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]


def answers_out_of_fold(
    rows: LabelledRows, codes: CategoryCodes, parameters: Mapping[str, Any], *, patience: int, seed: int
) -> npt.NDArray[np.float64]:
    """Return the probability of each row, shape (n,), by trees that have not seen its label.

    Parameters
    ----------
    rows : LabelledRows
    codes : CategoryCodes
        Learned without labels.
    parameters : mapping
        What LightGBM is told; ``num_threads`` also for the answers.
    patience : int
        Trees that the mean log loss of the folds may go without improvement before growing stops.
    seed : int
        Of the folds.
    """
    import lightgbm

    matrix, folds = rows.matrix(codes), rows.folds(seed)
    grown = lightgbm.cv(
        dict(parameters),
        rows.dataset(codes, parameters),
        MOST_ROUNDS,
        folds=folds,
        callbacks=[lightgbm.early_stopping(patience, verbose=False)],
        return_cvbooster=True,
    )["cvbooster"]
    p = np.empty(len(rows.labels))
    for booster, (_, inside) in zip(grown.boosters, folds, strict=True):
        p[inside] = booster.predict(
            matrix[inside], num_iteration=grown.best_iteration, num_threads=parameters["num_threads"]
        )
    return p
