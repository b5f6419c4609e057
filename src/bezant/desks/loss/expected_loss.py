"""The expected loss of loans and of portfolios: probability of default, fraction lost, exposure, grade."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import torch
from sklearn.utils.validation import check_is_fitted

from bezant.artifacts import save_folder
from bezant.desks.credit.credit_risk import LARGE, CreditRisk
from bezant.desks.estimators.labels import read_events, read_losses
from bezant.desks.estimators.settings import ordering_times
from bezant.desks.loss.severity import LossSeverity
from bezant.evidence.grades import MasterScale
from bezant.evidence.portfolio import SIMULATIONS, PortfolioLoss, matched_in_the_mean, simulate_losses
from bezant.evidence.vintages import CommonShifts, VintageHistory
from bezant.histories import like_input, read_table
from bezant.metrics.checks import as_vector
from bezant.reports.losses import write_loss_report
from bezant.schema import Role, Schema, infer_schema, unknown_column
from bezant.types import FloatArray, Frame, InputError, IntArray

KIND = "ExpectedLoss"

PARTS = ("pd", "lgd")
"""The two models, by the names under which they are saved."""

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
    vintages_ : VintageHistory or None
        How past vintages moved, once :meth:`learn_vintages` has been told.
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
        self.vintages_: VintageHistory | None = None
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
        return like_input(X, self.columns_of(read_table(X)))

    def columns_of(self, table: pa.Table) -> dict[str, Any]:
        """Return the columns of :meth:`predict`, each of shape (n,), for an Arrow table of n rows."""
        pd, lgd, ead = self._parts(table)
        columns: dict[str, Any] = {"PD": pd, "LGD": lgd, "EAD": ead, "EL": pd * lgd * ead}
        if self.scale_ is not None:
            columns["grade"] = np.array(self.scale_.names, dtype=object)[self.scale_.assign(pd) - 1]
        return columns

    def _parts(self, table: pa.Table) -> tuple[FloatArray, FloatArray, FloatArray]:
        ead = self._exposure(table)
        return self.pd.score_table(table), self.lgd.score_table(table), ead

    def _exposure(self, table: pa.Table) -> FloatArray:
        if self.exposure not in table.column_names:
            raise unknown_column(self.exposure, table.column_names)
        column = self._typed_exposure(table)
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

    def _typed_exposure(self, table: pa.Table) -> pa.ChunkedArray:
        """Return the exposure's column; one of texts, such as a file's, is read as the models read theirs."""
        column = table.select([self.exposure])
        if not pa.types.is_string(column.schema[0].type):
            return column[0]
        known = (m.schema_ for m in (self.pd, self.lgd) if self.exposure in m.schema_.names)
        schema = next(known, None) or infer_schema(column)
        only = Schema(fields=(schema.field(self.exposure),), missing_markers=schema.missing_markers)
        return only.conform(column, roles=tuple(Role)).table[self.exposure]

    # ----------------------------------------------------------------------------------- portfolios

    def learn_vintages(self, X: Frame, default: Any, lost: Any) -> Self:
        """Learn from vintages that are over how much a whole year can go otherwise than expected.

        Single loans' chances average out in a large portfolio; a year's economy does not. The movements of
        past default rates and fractions lost, over as many years as lie ahead, are what
        :meth:`portfolio` then draws for all loans of a vintage together.

        Parameters
        ----------
        X : frame with n rows
            Loans with the PD model's ordering time, defaulted and others, of vintages that are nearly
            over: a young one shows too few defaults.
        default : array-like of shape (n,)
            1 or True for a default, 0 or False for none.
        lost : array-like of shape (n,)
            Fraction lost of each; only those of defaulted loans are read, others may be missing.

        Raises
        ------
        InputError
            If default holds anything else, or if there are fewer than 5 years in a row with at least 20
            defaults and 20 others.
        """
        table = read_table(X)
        events = read_events(default, table.num_rows)
        self.vintages_ = VintageHistory.of(self._years(table), events, read_losses(lost, events))
        return self

    def portfolio(
        self,
        X: Frame,
        by: str | None = None,
        *,
        realised: Any = None,
        correlation: float | str | None = None,
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
        correlation : float, "basel" or "vintages", optional
            What loans share. "vintages", the default once :meth:`learn_vintages` was called, draws how far
            past vintages moved; loans of vintages up to the latest of those are taken as known and share
            nothing. A number is the asset correlation of Vasicek's common factor; at 0, the default
            otherwise, loans are independent, and a large portfolio looks far surer than any portfolio is.
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
        if correlation is None:
            correlation = 0.0 if self.vintages_ is None else "vintages"
        pd, lgd, ead = self._parts(table)
        labels, group, unit = self._groups(table, by)
        common = (
            self._common_shifts(table, pd, simulations, random_state) if correlation == "vintages" else None
        )
        drawn = simulate_losses(
            pd,
            self._severity_quantiles(table, lgd),
            ead,
            group=group,
            correlation=correlation if common is None else 0.0,
            common=common,
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
            basis=self._basis(correlation, common),
        )

    def _common_shifts(
        self, table: pa.Table, pd: FloatArray, simulations: int, random_state: int
    ) -> CommonShifts:
        """Draw what each vintage shares; vintages up to the latest that was learned from are as known."""
        past = self.vintages_
        if past is None:
            raise InputError(
                "No past vintages are known to draw from; call learn_vintages first, or give a number as "
                "correlation."
            )
        ahead = np.maximum(self._years(table) - past.years[-1], 0)
        return CommonShifts.drawn(past, ahead, pd, simulations, random_state + 1)

    def _basis(self, correlation: float | str, common: CommonShifts | None) -> str:
        if common is not None and self.vintages_ is not None:
            return self.vintages_.basis(common.vintage)
        if correlation == 0:
            return (
                "Simulated: chance of single defaults and losses alone. Years share their economy, so losses "
                "vary far more than this."
            )
        return (
            "Simulated: chance of single defaults and losses, and a common factor of defaults with the asset "
            f"correlation {correlation}."
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
            names, group = np.unique(self._years(table), return_inverse=True)
            return tuple(map(str, names)), group.astype(np.int64), "year"
        if by not in table.column_names:
            raise unknown_column(by, table.column_names)
        texts = table[by].cast(pa.string()).fill_null("(missing)").to_numpy(zero_copy_only=False)
        names, group = np.unique(texts.astype(str), return_inverse=True)
        return tuple(map(str, names)), group.astype(np.int64), by

    def _years(self, table: pa.Table) -> IntArray:
        """Return the year of each row's ordering time, shape (n,)."""
        times = ordering_times(self.pd.schema_, table)
        if times is None:
            raise InputError(
                "There are no vintages: the PD model has no ordering time, or the table lacks it; name a "
                "column by which to group."
            )
        return np.asarray(times.astype("datetime64[Y]").astype(np.int64) + 1970)

    def _realised(self, realised: Any, rows: int) -> FloatArray:
        lost = as_vector(np.asarray(realised), "The realised loss")
        if len(lost) != rows:
            raise InputError(
                f"The realised losses are {len(lost)} for {rows} loans; give an amount for each, 0 where "
                "none was lost."
            )
        return lost

    # --------------------------------------------------------------------------- reporting, saving

    def report(self, path: str | Path, portfolio: PortfolioLoss, *, created: str | None = None) -> Path:
        """Write a portfolio's losses as one HTML file: table, pictures, grades, notes.

        Parameters
        ----------
        path : path
            Where it goes; an older report is replaced.
        portfolio : PortfolioLoss
            What :meth:`portfolio` returned.
        created : str, optional
            Moment to print, in ISO form; now if not given.
        """
        return write_loss_report(path, portfolio, self.scale_, self.notes_, created=created)

    def save(self, path: str | Path) -> Path:
        """Write both models, the scale and the past vintages to one folder, whole or not at all.

        Returns
        -------
        Path
            The folder; :func:`bezant.load` reads it. No pickle.
        """
        tensors = {"pd": self.pd.model_.tensors(), "lgd": self.lgd.tensors()}
        said = {
            "kind": KIND,
            "exposure": self.exposure,
            "scale": self.scale_.document() if self.scale_ is not None else None,
            "vintages": self.vintages_.document() if self.vintages_ is not None else None,
            "notes": list(self.notes_),
        }
        save_folder(
            path,
            {f"{part}.{name}": tensor for part in PARTS for name, tensor in tensors[part].items()},
            {"model": said, "pd": self.pd.documents(), "lgd": self.lgd.documents()},
        )
        return Path(path)

    @classmethod
    def restore(cls, tensors: Mapping[str, torch.Tensor], documents: Mapping[str, Any]) -> Self:
        """Build it again from what :meth:`save` wrote; use :func:`bezant.load`."""
        own = {
            part: {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}
            for part in PARTS
        }
        said = documents["model"]
        scale = MasterScale.restore(said["scale"]) if said["scale"] is not None else None
        book = cls(
            CreditRisk.restore(own["pd"], documents["pd"]),
            LossSeverity.restore(own["lgd"], documents["lgd"]),
            exposure=said["exposure"],
            grades=scale,
        )
        book.scale_, book.notes_ = scale, tuple(said["notes"])
        past = said["vintages"]
        book.vintages_ = VintageHistory.restore(past) if past is not None else None
        return book
