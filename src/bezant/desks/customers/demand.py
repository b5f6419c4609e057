"""The customers' desk, demand: how often, for how much, and whether at all customers buy next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from bezant.artifacts import save_folder
from bezant.desks.customers.demand_fit import FittedDemand, Plan, fit_demand, network_config
from bezant.desks.customers.demand_later import judge_later, reaches_end
from bezant.desks.customers.demand_report import write_demand_page
from bezant.desks.customers.demand_rows import Window
from bezant.desks.customers.demand_saved import (
    demand_documents,
    demand_tensors,
    restored_demand,
    restored_purchases,
)
from bezant.desks.customers.demand_segments import customer_segments
from bezant.desks.customers.demand_settings import (
    Backbone,
    Moment,
    read_backbone,
    read_day,
    read_horizon,
    typed_times,
)
from bezant.desks.estimators.settings import names_given, seed_of
from bezant.evidence.demand import DemandEvaluation, Outlook
from bezant.histories.readers import like_input, read_table
from bezant.network.model import TrunkName
from bezant.network.sizes import SIZES, SizeName
from bezant.schema import unknown_column
from bezant.traditional.demand import Purchases, purchases, summarise
from bezant.training.config import TrainingConfig, read_config
from bezant.training.loop import TrainingRun
from bezant.training.progress import ProgressChoice
from bezant.types import AnyArray, Frame, InputError


class CustomerDemand(BaseEstimator):  # type: ignore[misc]
    """Purchases, spend and probability of any purchase over a horizon, from a log of purchases.

    A network reads each customer's purchases at past cuts and corrects, within bounds, what a model of repeat
    purchases (BG/NBD or Pareto/NBD, with Gamma-Gamma amounts) expected there; boosted trees do so too.
    Customers held out choose how far either is believed; totals are put where they were in the last past
    window.

    Several purchases of one customer on one day count as one, with the sum of their amounts.

    Parameters
    ----------
    horizon : str or float, default "39W"
        How far ahead: a number of days (D), weeks (W), months (M) or years (Y); a plain number is weeks. A
        log at least twice as long is best; in a shorter one the question is learned on a smaller scale.
    customer, time : str
        Columns of the events.
    amount : str, optional
        Column of what each purchase cost; without it no spend is predicted.
    size : {"tiny", "small", "base", "large", "xl"}, default "tiny"
        Size of the network. A customer is few numbers: larger ones learn the noise sooner.
    backbone : {"rnn", "cnn", "transformer"}, BackboneConfig, mapping or None, default "rnn"
        What reads the records; None reads recency, frequency and money alone.
    trunk : {"tabm", "mlp"}, default "tabm"
        What mixes the fields.
    training : TrainingConfig or mapping, optional
        How to train.
    progress : {"auto", True, False}, default "auto"
        Show a progress bar on standard error; "auto" does if that is a terminal.
    random_state : int, optional
        Repeats a fit exactly, on one machine with one number of threads. None is 0.

    Attributes
    ----------
    evaluation_ : DemandEvaluation
        Figures on customers held out, beside BG/NBD, Pareto/NBD and LightGBM.
    notes_ : tuple of str
        What was chosen, left out and assumed.
    until_ : datetime64[D]
        The first day that was not known.
    history_ : tuple of TrainingRun
        The run with early stopping, then the one on all customers.

    Examples
    --------
    >>> demand = bz.CustomerDemand(amount="amount").fit(bz.datasets.load("cdnow"), until="1997-10-01")
    >>> demand.predict()  # customer, expected_count, expected_spend, p_active
    """

    fitted_: FittedDemand
    bought_: Purchases
    until_: np.datetime64
    evaluation_: DemandEvaluation
    notes_: tuple[str, ...]
    history_: tuple[TrainingRun, ...]

    def __init__(
        self,
        *,
        horizon: str | float = "39W",
        customer: str = "customer",
        time: str = "time",
        amount: str | None = None,
        size: SizeName = "tiny",
        backbone: Backbone = "rnn",
        trunk: TrunkName = "tabm",
        training: TrainingConfig | Mapping[str, Any] | None = None,
        progress: ProgressChoice = "auto",
        random_state: int | None = None,
    ) -> None:
        self.horizon = horizon
        self.customer = customer
        self.time = time
        self.amount = amount
        self.size = size
        self.backbone = backbone
        self.trunk = trunk
        self.training = training
        self.progress = progress
        self.random_state = random_state

    # ------------------------------------------------------------------------------------- fitting

    def fit(self, events: Frame, until: Moment | None = None) -> Self:
        """Learn from purchases before ``until``; nothing from it on changes anything.

        Parameters
        ----------
        events : frame with m rows
            One row a purchase, in any order: anything :func:`bezant.histories.read_table` reads.
        until : date, optional
            The first day that is not known; the day after the last event if not given.

        Raises
        ------
        InputError
            If a setting or the events prevent a fit; one sentence says what and how to mend it.
        """
        plan = self._plan()
        bought, until_ = self._known(events, until)
        fitted = fit_demand(bought, until_, plan)
        self.bought_, self.until_ = bought, until_
        self._take_over(fitted, like_input(events, {}) if _is_frame(events) else pa.table({}))
        return self

    def _take_over(self, fitted: FittedDemand, kind: Frame) -> None:
        self.fitted_, self._kind = fitted, kind
        self.evaluation_, self.history_, self.notes_ = fitted.evaluation, fitted.runs, fitted.notes
        if self.amount is None:
            self.notes_ = (*self.notes_, "No column of amounts was named: no spend is predicted.")

    def _plan(self) -> Plan:
        choices = {"size": tuple(SIZES), "trunk": get_args(TrunkName), "progress": ("auto", True, False)}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                shown = ", ".join(map(repr, allowed))
                raise InputError(f"{name} is one of {shown}, not {getattr(self, name)!r}.")
        seed = seed_of(self)
        training = (
            self.training if isinstance(self.training, TrainingConfig) else read_config(self.training or {})
        )
        return Plan(
            horizon=read_horizon(self.horizon),
            network=network_config(self.size, read_backbone(self.backbone, self.size), trunk=self.trunk),
            training=training.model_copy(update={"seed": seed}),
            amounts=self.amount is not None,
            seed=seed,
            progress=self.progress,
        )

    def _known(self, events: Frame, until: Moment | None) -> tuple[Purchases, np.datetime64]:
        bought = self._read(events)
        last = bought.day.max() + np.timedelta64(1, "D")
        cut = last if until is None else read_day("until", until)
        return bought.until(cut), cut

    def _read(self, events: Frame) -> Purchases:
        table = read_table(events)
        for name in filter(None, (self.customer, self.time, self.amount)):
            if name not in table.column_names:
                raise unknown_column(name, table.column_names)
        table = typed_times(table, self.time, self.amount)
        return purchases(table, customer=self.customer, time=self.time, amount=self.amount)

    # ------------------------------------------------------------------------------------- answers

    def predict(
        self, customers: Any = None, at: Moment | None = None, *, events: Frame | None = None
    ) -> Frame:
        """Return what customers are expected to do over the horizon.

        Parameters
        ----------
        customers : sequence of k customers or one, optional
            All who bought before ``at`` if not given. Of one who did not, nothing can be expected: NaN.
        at : date, optional
            The day from which the horizon counts; ``until_`` if not given. Purchases from it on are not
            looked at. A later day than the events reach means that nobody bought since.
        events : frame, optional
            A newer log to read instead of the one the model was fitted to.

        Returns
        -------
        frame of the kind that was fitted
            customer, expected_count (days with a purchase), expected_spend, p_active.

        Raises
        ------
        InputError
            If nobody bought before ``at``.
        """
        check_is_fitted(self, "fitted_")
        _, _, names, outlook = self._outlook(at, events)
        asked = names if customers is None else np.asarray(names_given(customers))
        place, known = _places(names, asked)
        columns = {"customer": asked}
        for name, values in self._columns(outlook).items():
            columns[name] = np.where(known, values[place], np.nan)
        return like_input(self._kind, columns)

    def _outlook(
        self, at: Moment | None, events: Frame | None
    ) -> tuple[np.datetime64, Purchases, AnyArray, Outlook]:
        moment = self.until_ if at is None else read_day("at", at)
        bought = (self.bought_ if events is None else self._read(events)).until(moment)
        rows, outlook = self.fitted_.outlook(bought, Window(moment, read_horizon(self.horizon)))
        return moment, bought, rows.names, outlook

    def _columns(self, outlook: Outlook) -> dict[str, AnyArray]:
        spend = outlook.spend if self.amount is not None else np.full(len(outlook.spend), np.nan)
        return {"expected_count": outlook.count, "expected_spend": spend, "p_active": outlook.active}

    def segments(self, k: int | None = None, at: Moment | None = None, *, members: bool = False) -> Frame:
        """Group customers by what they will need, in plain rules about what they did.

        A shallow regression tree tells expected purchases, spend and activity by weeks since the last
        purchase, number of purchases, mean amount and weeks since the first.

        Parameters
        ----------
        k : int, optional
            Number of groups at most; 6 if not given.
        at : date, optional
            As in :meth:`predict`.
        members : bool, default False
            Return instead each customer's group: customer, segment.

        Returns
        -------
        frame of the kind that was fitted
            By group, largest expected demand first: segment, rule, customers, share, then means over its
            customers: purchases, weeks_since_last, weeks_since_first, amount, expected_count,
            expected_spend, p_active; and its share_of_purchases, of all that are expected.
        """
        check_is_fitted(self, "fitted_")
        moment, bought, names, outlook = self._outlook(at, None)
        known = summarise(bought, moment)
        found = customer_segments(known, self._columns(outlook), k)
        columns = {"customer": names, "segment": found.segment} if members else found.table
        return like_input(self._kind, columns)

    # -------------------------------------------------------------------------------------- evidence

    def evaluate(self, events: Frame) -> DemandEvaluation:
        """Judge what was expected from ``until_`` on by a log that reaches the end of the horizon.

        Returns
        -------
        DemandEvaluation
            Of all customers who had bought before, beside BG/NBD and Pareto/NBD as fitted at ``until_``, and
            LightGBM, which is fitted to what this log held then.

        Raises
        ------
        InputError
            If the log ends before the horizon does.
        """
        check_is_fitted(self, "fitted_")
        return judge_later(self.fitted_, self._read(events), self._window, seed_of(self))

    def reaches(self, events: Frame) -> bool:
        """Tell whether a log reaches the end of the horizon from ``until_`` on, as :meth:`evaluate` needs."""
        check_is_fitted(self, "fitted_")
        return reaches_end(self._read(events), self._window)

    @property
    def _window(self) -> Window:
        return Window(self.until_, read_horizon(self.horizon))

    def report(
        self,
        path: str | Path,
        events: Frame | None = None,
        *,
        customers: Sequence[Any] | None = None,
        created: str | None = None,
        title: str = "Customers' demand",
    ) -> Path:
        """Write a self-contained HTML page: expected and observed demand, lift, groups, single customers.

        Parameters
        ----------
        path : path
            File to write.
        events : frame, optional
            A log that reaches the end of the horizon: what came is shown, of all customers. Without it, what
            the customers held out of the fit did in its last past window.
        customers : sequence of at most 20 customers, optional
            Whose purchases are drawn; some from all over the range of expectations if not given.
        created : str, optional
            Moment to print, ISO form; now if not given.
        title : str
            Heading.
        """
        check_is_fitted(self, "fitted_")
        return write_demand_page(
            path,
            self.fitted_,
            self.bought_,
            self._window,
            self.evaluation_ if events is None else self.evaluate(events),
            later=None if events is None else self._read(events),
            amounts=self.amount is not None,
            customers=names_given(customers),
            notes=self.notes_,
            title=title,
            created=created,
        )

    # --------------------------------------------------------------------------------------- saving

    def save(self, path: str | Path) -> Path:
        """Write the model to a folder, whole or not at all; :func:`bezant.load` reads it.

        It holds the purchases before ``until_`` too, which :meth:`predict` reads: keep it as you keep these.
        """
        check_is_fitted(self, "fitted_")
        save_folder(path, demand_tensors(self), demand_documents(self, self._plan().training))
        return Path(path)

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> Self:
        """Build the estimator again from what :meth:`save` wrote; use :func:`bezant.load`."""
        found = cls(**documents["parameters"])
        found.until_ = np.datetime64(documents["model"]["until"])
        found.bought_ = restored_purchases(tensors, documents)
        found._take_over(restored_demand(tensors, documents), _pandas_frame())
        return found


def _pandas_frame() -> Frame:
    import pandas as pd

    return pd.DataFrame()


def _is_frame(events: Frame) -> bool:
    return not isinstance(events, str | Path | Mapping | Sequence | np.ndarray)


def _places(names: AnyArray, asked: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return where customers stand among sorted names, and whether they do."""
    try:
        if names.dtype.kind in "iuf" and asked.dtype.kind in "US":  # none would be found, silently
            raise TypeError
        place = np.clip(np.searchsorted(names, asked), 0, len(names) - 1)
    except TypeError as error:
        raise InputError(
            f"The {len(asked)} customers are {asked.dtype}, those of the events {names.dtype}; give the same "
            "type."
        ) from error
    return place, np.asarray(names[place] == asked)
