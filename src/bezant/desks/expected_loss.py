"""The expected loss of loans and of portfolios: probability of default, fraction lost, exposure, grade."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.utils.validation import check_is_fitted

from bezant.desks.credit import LARGE, CreditRisk
from bezant.desks.settings import ordering_times
from bezant.desks.severity import LossSeverity
from bezant.evidence.grades import MasterScale
from bezant.evidence.portfolio import SIMULATIONS, PortfolioLoss, simulate_losses
from bezant.histories import like_input, read_table
from bezant.metrics.checks import as_vector
from bezant.schema import unknown_column
from bezant.types import FloatArray, Frame, InputError, IntArray

GRADES = 8
"""Grades of the scale that is learned from the PD model's own held-out rows."""

LEVELS = np.linspace(0.005, 0.995, 100)
"""Levels of the quantiles from which losses are drawn: the middles of 100 equal parts."""


class ExpectedLoss:
    """PD x LGD x EAD from two fitted models, and the portfolio's loss as a distribution.

    Parameters
    ----------
    pd : CreditRisk
        Fitted; its probability of default must mean the same default as the severities' rows.
    lgd : LossSeverity
        Fitted to defaulted exposures; of the same exposure as ``exposure``, or fractions of one thing
        are multiplied with amounts of another.
    exposure : str
        Column of the exposure at default, in money, not negative.
    grades : MasterScale or int, optional
        The scale, or how many grades at most to learn from the rows that ``pd`` held out to judge itself; 8
        if not given. A model that was opened from a folder has not kept those rows: give a scale.

    Attributes
    ----------
    scale_ : MasterScale or None
        The grades.
    notes_ : tuple of str
        What could not be done.

    Examples
    --------
    >>> book = bz.ExpectedLoss(risk, severity, exposure="GrAppv")
    >>> book.predict(loans)                             # PD, LGD, EAD, EL, grade
    >>> print(book.portfolio(loans, by="time", realised=lost_amounts))
    """

    def __init__(
        self, pd: CreditRisk, lgd: LossSeverity, *, exposure: str, grades: MasterScale | int | None = None
    ) -> None:
        for model, kind in ((pd, CreditRisk), (lgd, LossSeverity)):
            if not isinstance(model, kind):
                raise InputError(
                    f"ExpectedLoss takes a fitted {kind.__name__} here, not {type(model).__name__}; fit one."
                )
            check_is_fitted(model, "model_")
        self.pd = pd
        self.lgd = lgd
        self.exposure = exposure
        self.grades = grades
        self.notes_: tuple[str, ...] = ()
        self.scale_ = (
            grades
            if isinstance(grades, MasterScale)
            else self._learned_scale(GRADES if grades is None else grades)
        )

    def _learned_scale(self, grades: int) -> MasterScale | None:
        """Return a scale from the PD model's held-out scores; None, and a note, where it kept none."""
        judged = self.pd.evaluation_
        if judged is None or not len(judged.y):
            self.notes_ = (
                "There are no grades: the PD model keeps no held-out rows to learn them from; give a "
                "MasterScale as grades.",
            )
            return None
        scale = MasterScale.of(judged.scores[LARGE], judged.y, grades=grades)
        self.notes_ = (
            f"The {len(scale)} grades were learned on the {len(judged.y)} rows that the PD model held out to "
            "judge itself.",
            *scale.notes,
        )
        return scale

    # ------------------------------------------------------------------------------------- one loan

    def predict(self, X: Frame) -> Frame:
        """Return a frame of the same kind as X with PD, LGD, EAD, EL and the grade of each row.

        Parameters
        ----------
        X : frame with n rows
            The columns that both models read, and the exposure.

        Returns
        -------
        frame
            ``PD`` and ``LGD`` in [0, 1], ``EAD`` and ``EL`` = PD x LGD x EAD in the exposure's unit, and
            ``grade`` (a name such as "G3"; left out where there is no scale).
        """
        table = read_table(X)
        pd, lgd, ead = self._parts(table)
        columns: dict[str, Any] = {"PD": pd, "LGD": lgd, "EAD": ead, "EL": pd * lgd * ead}
        if self.scale_ is not None:
            columns["grade"] = np.array(self.scale_.names, dtype=object)[self.scale_.assign(pd) - 1]
        return like_input(X, columns)

    def _parts(self, table: pa.Table) -> tuple[FloatArray, FloatArray, FloatArray]:
        ead = self._exposure(table)
        return self.pd.score_table(table), self.lgd.score_table(table), ead

    def _exposure(self, table: pa.Table) -> FloatArray:
        if self.exposure not in table.column_names:
            raise unknown_column(self.exposure, table.column_names)
        column = table[self.exposure]
        if column.null_count:
            raise InputError(
                f"Column {self.exposure!r} is the exposure but is missing in {column.null_count} of "
                f"{table.num_rows} rows; fill it in or leave those rows out."
            )
        found = np.asarray(column.to_numpy())
        sound = np.isfinite(found) & (found >= 0) if found.dtype.kind in "iuf" else np.zeros(len(found), bool)
        if not sound.all():
            raise InputError(
                f"Column {self.exposure!r} is the exposure but holds no amount from 0 on in "
                f"{int((~sound).sum())} of {table.num_rows} rows; mend them or leave those rows out."
            )
        return found.astype(np.float64)

    # ----------------------------------------------------------------------------------- portfolios

    def portfolio(
        self,
        X: Frame,
        by: str | None = None,
        *,
        realised: Any = None,
        correlation: float | str = 0.0,
        simulations: int = SIMULATIONS,
        random_state: int = 0,
    ) -> PortfolioLoss:
        """Return the loss of the loans together: expected, simulated and, where known, realised.

        Parameters
        ----------
        X : frame with n rows
        by : str, optional
            A column whose values are groups of their own, or "time" for the years of the PD model's ordering
            time (vintages). The last group is always all loans.
        realised : array-like of shape (n,), optional
            Amount lost on each loan, 0 where none was; in the exposure's unit.
        correlation : float or "basel", default 0
            Asset correlation of the common factor. At 0 loans are independent, and a large portfolio looks
            far surer than any portfolio is: years share their economy.
        simulations : int, default 2000
        random_state : int, default 0

        Returns
        -------
        PortfolioLoss
            Print it for the table; :func:`bezant.reports.losses.loss_by_vintage` draws it.
        """
        table = read_table(X)
        if not table.num_rows:
            raise InputError("The portfolio has no rows; give it at least one loan.")
        pd, lgd, ead = self._parts(table)
        labels, group, unit = self._groups(table, by)
        quantiles = self._severity_quantiles(table, lgd)
        drawn = simulate_losses(
            pd,
            quantiles,
            ead,
            group=group,
            correlation=correlation,
            simulations=simulations,
            random_state=random_state,
        )
        lost = None if realised is None else self._realised(realised, table.num_rows)
        count = len(labels)

        def total(values: FloatArray) -> FloatArray:
            sums = np.bincount(group, values, minlength=count)
            return np.append(sums, sums.sum())

        return PortfolioLoss(
            labels=(*labels, "all"),
            rows=total(np.ones(len(pd))).astype(np.int64),
            exposure=total(ead),
            expected=total(pd * lgd * ead),
            simulated=np.column_stack([drawn, drawn.sum(axis=1)]),
            realised=None if lost is None else total(lost),
            unit=unit,
        )

    def _severity_quantiles(self, table: pa.Table, lgd: FloatArray) -> FloatArray:
        """Return quantiles whose mean is the calibrated LGD, so that simulations agree with what is expected.

        The level of the mean is calibrated apart from the quantiles; a power of the fractions, which
        leaves 0 and 1 where they are, is what brings the two together.
        """
        quantiles = self.lgd.quantiles_of(table, LEVELS)
        return matched_in_the_mean(quantiles, lgd)

    def _groups(self, table: pa.Table, by: str | None) -> tuple[tuple[str, ...], IntArray, str]:
        if by is None:
            return ("portfolio",), np.zeros(table.num_rows, np.int64), "group"
        if by == "time":
            times = ordering_times(self.pd.schema_, table)
            if times is None:
                raise InputError(
                    "There are no vintages: the PD model has no ordering time, or the table lacks it; name a "
                    "column by which to group."
                )
            years = times.astype("datetime64[Y]").astype(str)
            names, group = np.unique(years, return_inverse=True)
            return tuple(map(str, names)), group.astype(np.int64), "year"
        if by not in table.column_names:
            raise unknown_column(by, table.column_names)
        texts = table[by].cast(pa.string()).fill_null("(missing)").to_numpy(zero_copy_only=False)
        names, group = np.unique(texts.astype(str), return_inverse=True)
        return tuple(map(str, names)), group.astype(np.int64), by

    def _realised(self, realised: Any, rows: int) -> FloatArray:
        lost = as_vector(np.asarray(realised), "The realised loss")
        if len(lost) != rows:
            raise InputError(
                f"The realised losses are {len(lost)} for {rows} loans; give an amount for each, 0 where "
                "none was lost."
            )
        return lost


def matched_in_the_mean(quantiles: FloatArray, mean: FloatArray) -> FloatArray:
    """Return fractions raised, row by row, to the power that gives them the wanted mean.

    Parameters
    ----------
    quantiles : float64 array, shape (n, l)
        In [0, 1], rising along each row.
    mean : float64 array, shape (n,)
        Wanted; cut off between the shares of ones and of values above zero, beyond which no power leads.
    """
    low, high = np.full(len(mean), -6.0), np.full(len(mean), 6.0)  # of the power's logarithm
    logs = np.log(np.clip(quantiles, 1e-12, 1.0))
    for _ in range(30):  # the mean falls as the power grows: halve the interval
        middle = (low + high) / 2
        too_high = np.exp(np.exp(middle)[:, None] * logs).mean(axis=1) > mean
        low, high = np.where(too_high, middle, low), np.where(too_high, high, middle)
    powered = np.exp(np.exp((low + high) / 2)[:, None] * logs)
    return np.where(quantiles <= 0, 0.0, powered)
