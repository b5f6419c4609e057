"""The customers' desk, demand: how often, for how much, and whether at all customers buy next."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import pyarrow as pa
import torch
from pydantic import ValidationError
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from bezant.artifacts import save_folder
from bezant.desks.customers.demand_fit import (
    FittedDemand,
    Plan,
    Trust,
    fit_demand,
    network_config,
    tensors_of,
)
from bezant.desks.customers.demand_rows import LAWS, Laws, Window
from bezant.desks.customers.demand_segments import customer_segments
from bezant.desks.estimators.settings import seed_of
from bezant.evidence.demand import DemandEvaluation, Outlook
from bezant.histories.readers import like_input, read_table
from bezant.network.backbones import BackboneConfig, BackboneKind
from bezant.network.model import Network, NetworkConfig, TrunkName
from bezant.network.sizes import SIZES, SizeName
from bezant.schema import Role, infer_schema, unknown_column
from bezant.traditional.demand import GammaGamma, Purchases, purchases, summarise
from bezant.training.config import TrainingConfig, read_config
from bezant.training.loop import TrainingRun
from bezant.training.progress import ProgressChoice
from bezant.types import AnyArray, Frame, InputError

WEEKS = {"D": 1 / 7, "W": 1.0, "M": 365.25 / 12 / 7, "Y": 365.25 / 7}
"""Weeks in a unit of the horizon."""

Backbone = BackboneConfig | Mapping[str, Any] | BackboneKind | None
DAYS = "datetime64[D]"
Moment = str | np.datetime64 | Any


class CustomerDemand(BaseEstimator):  # type: ignore[misc]
    """Purchases, spend and probability of any purchase over a horizon, from a log of purchases.

    A network reads each customer's purchases at past cuts and corrects, within bounds, what a model of repeat
    purchases (BG/NBD or Pareto/NBD, with Gamma-Gamma amounts) expected there. Customers held out choose how
    far the corrections are believed; totals are put where they were in the last past window.

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
        customers : sequence of k customers, optional
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
        asked = names if customers is None else np.asarray(customers)
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

    # --------------------------------------------------------------------------------------- saving

    def save(self, path: str | Path) -> Path:
        """Write the model to a folder, whole or not at all; :func:`bezant.load` reads it.

        It holds the purchases before ``until_`` too, which :meth:`predict` reads: keep it as you keep these.
        """
        check_is_fitted(self, "fitted_")
        b = self.bought_
        tensors = {
            **tensors_of(self.fitted_.network),
            "events.customer": torch.from_numpy(np.asarray(b.customer, np.int64)),
            "events.day": torch.from_numpy(b.day.astype(np.int64)),
            "events.amount": torch.from_numpy(np.asarray(b.amount, np.float64)),
        }
        save_folder(path, tensors, self._documents())
        return Path(path)

    def _documents(self) -> dict[str, Any]:
        fitted = self.fitted_
        given = self.get_params(deep=False)
        given["training"] = None if self.training is None else self._plan().training.model_dump(mode="json")
        if isinstance(self.backbone, BackboneConfig):
            given["backbone"] = self.backbone.model_dump(mode="json")
        given["random_state"] = None if self.random_state is None else seed_of(self)
        del given["progress"]
        return {
            "model": {
                "kind": type(self).__name__,
                "network": fitted.network.config.model_dump(mode="json"),
                "trust": asdict(fitted.trust),
                "laws": {
                    key: {"parameters": law.parameters_, "spend": asdict(law.spend_)}
                    for key, law in fitted.laws.items()
                },
                "until": str(self.until_),
                "names": self.bought_.names.tolist(),
            },
            "parameters": given,
            "evidence": {
                "evaluation": json.loads(fitted.evaluation.to_json()),
                "notes": list(fitted.notes),
                # The speed is the machine's: the same fit gives the same bytes.
                "history": [{**asdict(run), "rows_per_second": 0.0} for run in fitted.runs],
            },
        }

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> Self:
        """Build the estimator again from what :meth:`save` wrote; use :func:`bezant.load`."""
        model, evidence = documents["model"], documents["evidence"]
        found = cls(**documents["parameters"])
        network = Network(NetworkConfig.model_validate(model["network"]))
        prefix = "network."
        network.load_state_dict({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
        network.eval()
        trust = {**model["trust"], "believed": tuple(model["trust"]["believed"])}
        fitted = FittedDemand(
            network,
            Trust(**trust),
            _restored_laws(model["laws"]),
            DemandEvaluation.from_json(json.dumps(evidence["evaluation"])),
            tuple(TrainingRun.restore(run) for run in evidence["history"]),
            tuple(evidence["notes"]),
        )
        found.until_ = np.datetime64(model["until"])
        found.bought_ = Purchases(
            _names(model["names"]),
            tensors["events.customer"].numpy(),
            tensors["events.day"].numpy().astype(DAYS),
            tensors["events.amount"].numpy(),
        )
        found._take_over(fitted, _pandas_frame())
        return found


def _restored_laws(document: Mapping[str, Any]) -> Laws:
    laws = {key: LAWS[key]() for key in document}
    for key, said in document.items():
        laws[key].parameters_ = tuple(said["parameters"])
        laws[key].spend_ = GammaGamma(**said["spend"])
    return laws


def _names(values: list[Any]) -> AnyArray:
    texts = bool(values) and isinstance(values[0], str)
    return np.array(values, dtype=object if texts else None)


def _pandas_frame() -> Frame:
    import pandas as pd

    return pd.DataFrame()


def _is_frame(events: Frame) -> bool:
    return not isinstance(events, str | Path | Mapping | Sequence | np.ndarray)


def _places(names: AnyArray, asked: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return where customers stand among sorted names, and whether they do."""
    try:
        place = np.clip(np.searchsorted(names, asked), 0, len(names) - 1)
    except TypeError as error:
        raise InputError(
            f"The {len(asked)} customers are {asked.dtype}, those of the events {names.dtype}; give the same "
            "type."
        ) from error
    return place, np.asarray(names[place] == asked)


# ----------------------------------------------------------------------------------- reading settings


def read_horizon(given: str | float) -> float:
    """Return a horizon in weeks; an InputError says what one looks like."""
    if isinstance(given, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([DWMY])\s*", given.upper())
        weeks = float(found[1]) * WEEKS[found[2]] if found else 0.0
    else:
        weeks = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else 0.0
    if not 1 / 7 <= weeks < 5_000:
        raise InputError(f"horizon is a time of at least a day such as '39W', '90D' or '6M', not {given!r}.")
    return weeks


def read_backbone(given: Backbone, size: str) -> BackboneConfig | None:
    """Return the backbone's configuration; an InputError says what it may be."""
    if given is None or isinstance(given, BackboneConfig):
        return given
    kinds = get_args(BackboneKind)
    if isinstance(given, str) and given not in kinds:
        raise InputError(f"backbone is one of {', '.join(map(repr, kinds))} or None, not {given!r}.")
    said = {"kind": given} if isinstance(given, str) else dict(given)
    try:
        return BackboneConfig.model_validate({"size": size, **said})
    except ValidationError as error:
        raise InputError(f"backbone: {error.errors()[0]['msg']}.") from error


def read_day(name: str, given: Moment) -> np.datetime64:
    """Return a day; an InputError names the parameter."""
    try:
        day = np.datetime64(str(given).replace(" ", "T", 1), "D")
    except ValueError as error:
        raise InputError(f"{name} is a day such as '2024-01-31', not {given!r}.") from error
    if np.isnat(day):
        raise InputError(f"{name} is a day such as '2024-01-31', not {given!r}.")
    return day


def typed_times(table: pa.Table, time: str, amount: str | None) -> pa.Table:
    """Return events whose times, and amounts that came as text, are of their type."""
    for name, role in ((time, "time"), (amount, "amount")):
        if name is None or not _is_text(table[name].type):
            if role == "time" and not pa.types.is_temporal(table[name].type):
                raise InputError(
                    f"Column {name!r} holds {table[name].type} in its {table.num_rows} rows where times are "
                    "needed; turn it into dates first."
                )
            continue
        only = table.select([name])
        meaning = infer_schema(only, time=name) if role == "time" else infer_schema(only)
        roles = [Role.TIME] if role == "time" else [Role.INPUT]
        column = meaning.conform(only, roles=roles).table[name]
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
