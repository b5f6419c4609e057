"""How the network of demand is trained, how far it is believed, and where its totals are put."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bezant.desks.customers.demand_rows import (
    LAWS,
    MOST_FOR_EARLIER_LAWS,
    MOST_FOR_LAWS,
    DemandRows,
    Laws,
    Window,
    demand_rows,
    fit_laws,
    joined,
    of_customers,
    past_windows,
)
from bezant.evidence.demand import DemandEvaluation, Outlook, demand_figures, evaluate_demand
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig
from bezant.network.heads.demand import demand_terms
from bezant.network.model import Network, NetworkConfig, learn_network
from bezant.network.record_encoder import RecordsConfig
from bezant.traditional.demand import Demand, DemandBoosting, Purchases
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.training.progress import ProgressChoice, shown
from bezant.types import BoolArray, FloatArray, InputError

LARGE = "bezant"
"""The large model's name in tables."""

FEWEST = 200
"""Customers who must have bought before the last past cut."""

HELD_OUT = 0.2
"""Share of the customers that choose, stop and judge."""

SHARES = (0.0, 0.5, 1.0)
"""How much of a correction may be believed; the held-out customers choose."""

MOST_LEVEL = 2.0
"""A total is moved by at most this factor."""


@dataclass(frozen=True)
class Plan:
    """What a fit is asked for.

    Attributes
    ----------
    horizon : float
        Weeks.
    network : NetworkConfig
        Its records are None if purchases are read as a summary alone.
    training : TrainingConfig
    amounts : bool
        Whether purchases have amounts.
    seed : int
    progress : {"auto", True, False}
    """

    horizon: float
    network: NetworkConfig
    training: TrainingConfig
    amounts: bool
    seed: int
    progress: ProgressChoice = "auto"


@dataclass(frozen=True)
class Trust:
    """What stands between the network's corrections and the answers.

    Attributes
    ----------
    law : str
        Key of the model of repeat purchases that is corrected.
    believed : tuple of three float
        Shares of the corrections of count, activity and amount that are believed.
    count, spend : float
        Factors that put the totals where those of the past window were.
    active : float
        Shift of the log-odds that does so with the share of active customers.
    """

    law: str
    believed: tuple[float, ...] = (0.0, 0.0, 0.0)
    count: float = 1.0
    spend: float = 1.0
    active: float = 0.0

    def __post_init__(self) -> None:
        if self.law not in LAWS or len(self.believed) != 3 or self.count <= 0 or self.spend <= 0:
            raise InputError(f"A correction needs a known law and factors above 0, not {asdict(self)}.")

    def outlook(self, rows: DemandRows, corrections: FloatArray) -> Outlook:
        """Return the answers about customers, whose corrections are (n, 3)."""
        log_count, log_odds, log_amount = (rows.offsets(self.law) + np.asarray(self.believed) * corrections).T
        count = self.count * np.exp(log_count)
        active = 1 / (1 + np.exp(-(log_odds + self.active)))
        # Whoever is expected to buy .1 times buys at all with a probability of .1 at most (Markov).
        return Outlook(count, self.spend * count * np.exp(log_amount), np.minimum(active, count))

    def levelled(self, rows: DemandRows, corrections: FloatArray, happened: Outlook) -> Trust:
        """Return it with the totals of a past window."""
        plain = replace(self, count=1.0, spend=1.0, active=0.0)
        found = plain.outlook(rows, corrections)
        count = _factor(happened.count, found.count)
        spend = _factor(happened.spend, count * found.spend)
        odds = rows.offsets(self.law)[:, 1] + self.believed[1] * corrections[:, 1]
        return replace(plain, count=count, spend=spend, active=_shift(odds, float(happened.active.mean())))


@dataclass(frozen=True, eq=False)
class FittedDemand:
    """What a fit gives.

    Attributes
    ----------
    network : Network
    trust : Trust
    laws : dict
        The models of repeat purchases as fitted at the end of the known period.
    evaluation : DemandEvaluation
    runs : tuple of TrainingRun
    notes : tuple of str
    """

    network: Network
    trust: Trust
    laws: Laws
    evaluation: DemandEvaluation
    runs: tuple[TrainingRun, ...]
    notes: tuple[str, ...]

    def outlook(self, bought: Purchases, window: Window) -> tuple[DemandRows, Outlook]:
        """Return everyone who bought before the window's cut, and what is expected of them."""
        rows = demand_rows(bought, window, self.laws)
        return rows, self.trust.outlook(rows, corrections_of(self.network, rows))


def fit_demand(bought: Purchases, until: np.datetime64, plan: Plan) -> FittedDemand:
    """Train on past cuts of most customers, choose and judge on the others, train again on all.

    Parameters
    ----------
    bought : Purchases
        What is known, all of it before ``until``.
    until : datetime64[D]
    plan : Plan
    """
    windows = past_windows(bought.day.min(), until, plan.horizon)
    _refuse_few(bought, windows[-1], until)
    parts = [_rows_at(bought, w, plan.seed, last=w is windows[-1]) for w in windows]
    last = parts[-1]
    known = np.random.default_rng(plan.seed).random(len(bought.names)) >= HELD_OUT
    learning = known[np.searchsorted(bought.names, last.names)]
    happened = outcomes(bought, last)
    trust = _best_law(last, happened, learning)
    first, network = _train(bought, parts, trust.law, plan, known, None)
    corrections = corrections_of(network, last)
    trust = _believed(trust, last, corrections, happened, learning)
    evaluation = _judged(bought, last, trust, corrections, happened, learning, known, until, plan)
    second, network = _train(bought, parts, trust.law, plan, np.ones_like(known), max(first.best_epoch, 1))
    trust = trust.levelled(last, corrections_of(network, last), happened)
    laws = fit_laws(bought, until, MOST_FOR_LAWS, plan.seed)
    notes = (*_notes(parts, trust, plan), *first.notes, *second.notes)
    return FittedDemand(network, trust, laws, evaluation, (first, second), notes)


def outcomes(bought: Purchases, rows: DemandRows) -> Outlook:
    """Return what customers did in their window."""
    count, spend = bought.between(rows.window.cut, rows.window.end, rows.names)
    return Outlook(count.astype(np.float64), np.maximum(spend, 0.0), (count > 0).astype(np.float64))


def corrections_of(network: Network, rows: DemandRows) -> FloatArray:
    """Return the network's corrections, (n, 3)."""
    batch = rows.batch if network.records is not None else replace(rows.batch, records=None)
    return network.predict(batch).double().numpy()


def _rows_at(bought: Purchases, window: Window, seed: int, *, last: bool) -> DemandRows:
    most = MOST_FOR_LAWS if last else MOST_FOR_EARLIER_LAWS
    return demand_rows(bought, window, fit_laws(bought, window.cut, most, seed))


def _refuse_few(bought: Purchases, window: Window, until: np.datetime64) -> None:
    days = bought.day < window.cut
    customers = len(np.unique(bought.customer[days]))
    later = int((~days).sum())
    repeats = int(days.sum()) - customers
    if customers < FEWEST or not later or not repeats:
        raise InputError(
            f"Of {len(bought.names)} customers before {until}, {customers} bought before {window.cut}, "
            f"{repeats} days of them repeats, and {later} days followed; give a longer log with at least "
            f"{FEWEST} customers and some who come back, or a shorter horizon."
        )


def _train(
    bought: Purchases,
    parts: list[DemandRows],
    law: str,
    plan: Plan,
    known: BoolArray,
    epochs: int | None,
) -> tuple[TrainingRun, Network]:
    """Train on these customers; without a number of epochs, the others choose it."""
    chosen = [known[np.searchsorted(bought.names, rows.names)] for rows in parts]
    batch = joined([_batch(bought, r, law, plan, c) for r, c in zip(parts, chosen, strict=True)])
    held_out = _batch(bought, parts[-1], law, plan, ~chosen[-1]) if epochs is None else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        network, rows = learn_network(batch, torch.zeros(len(batch), dtype=torch.int64), plan.network)
    with shown("demand" if epochs is None else "demand, all customers", plan.progress) as observe:
        run = train(network, rows, held_out, plan.training, stop_after=epochs, observe=observe)
    network.eval()
    return run, network


def _batch(bought: Purchases, rows: DemandRows, law: str, plan: Plan, chosen: BoolArray) -> Batch:
    batch = replace(rows.batch, target=rows.target(bought, law))
    if plan.network.records is None:
        batch = replace(batch, records=None)
    return batch.rows(torch.from_numpy(np.flatnonzero(chosen)))


def network_config(size: Any, backbone: Any, **more: Any) -> NetworkConfig:
    """Return the network over a summary of a customer and, if there is a backbone, the records."""
    fields = FieldConfig(n_bins=(), cardinalities=(), most_ratios=0)
    records = None
    if backbone is not None:
        records = RecordsConfig(backbone=backbone, fields=FieldConfig(n_bins=(), cardinalities=()))
    return NetworkConfig(size=size, head="demand", fields=fields, records=records, **more)


# ------------------------------------------------------------------------------------------ choosing


def _best_law(rows: DemandRows, happened: Outlook, learning: BoolArray) -> Trust:
    """Return the law whose counts, with their total put right, were nearest."""
    nothing = np.zeros((len(learning), 3))
    found = {}
    for law in LAWS:
        trust = Trust(law).levelled(rows, nothing, happened)
        seen = trust.outlook(rows, nothing).rows(learning)
        found[law] = (demand_figures(happened.rows(learning), seen)["deviance"], trust)
    return min(found.values(), key=lambda pair: pair[0])[1]


def _believed(
    trust: Trust, rows: DemandRows, corrections: FloatArray, happened: Outlook, learning: BoolArray
) -> Trust:
    """Return it with the shares that the held-out customers choose and levels of the others."""
    losses = {share: _losses(trust, rows, share * corrections, happened, ~learning) for share in SHARES}
    shares = tuple(min(SHARES, key=lambda share: losses[share][part]) for part in range(3))
    part = _some(rows, learning)
    return replace(trust, believed=shares).levelled(
        part, corrections[learning], happened.rows(np.flatnonzero(learning))
    )


def _losses(
    trust: Trust, rows: DemandRows, corrections: FloatArray, happened: Outlook, judged: BoolArray
) -> FloatArray:
    """Return the mean losses of count, activity and amount, (3,), with the levels of all other customers."""
    amount = happened.spend / np.maximum(happened.count, 1)
    target = np.column_stack([happened.count, amount, rows.offsets(trust.law)])
    learning = np.flatnonzero(~judged)
    whole = replace(trust, believed=(1.0, 1.0, 1.0))
    level = whole.levelled(_some(rows, ~judged), corrections[learning], happened.rows(learning))
    moved = corrections + np.array([np.log(level.count), level.active, np.log(level.spend)])
    terms = demand_terms(torch.from_numpy(moved[judged]), torch.from_numpy(target[judged]))
    return terms.mean(0).numpy()


def _some(rows: DemandRows, chosen: BoolArray) -> DemandRows:
    """Return some customers of a cut, for whom corrections are known already."""
    expected = {
        law: Demand(d.names[chosen], d.count[chosen], d.spend[chosen], d.active[chosen])
        for law, d in rows.expected.items()
    }
    return replace(rows, expected=expected)


def _factor(happened: FloatArray, expected: FloatArray) -> float:
    total = float(expected.sum())
    factor = float(happened.sum()) / total if total > 0 else 1.0
    return float(np.clip(factor, 1 / MOST_LEVEL, MOST_LEVEL))


def _shift(log_odds: FloatArray, share: float) -> float:
    """Return what is added to log-odds so that their probabilities have this mean, by bisection."""
    low, high = -np.log(MOST_LEVEL) * 2, np.log(MOST_LEVEL) * 2
    for _ in range(50):
        middle = (low + high) / 2
        if np.mean(1 / (1 + np.exp(-(log_odds + middle)))) < share:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)


# ------------------------------------------------------------------------------------------- judging


def _judged(
    bought: Purchases,
    rows: DemandRows,
    trust: Trust,
    corrections: FloatArray,
    happened: Outlook,
    learning: BoolArray,
    known: BoolArray,
    until: np.datetime64,
    plan: Plan,
) -> DemandEvaluation:
    """Judge on the customers held out, beside the laws and LightGBM that learned from the same others."""
    index = np.flatnonzero(~learning)
    expected = {LARGE: trust.outlook(rows, corrections).rows(index)}
    rivals: Mapping[str, Demand] = {LAWS[law]().name: d for law, d in rows.expected.items()}
    boosting = DemandBoosting(random_state=plan.seed)
    boosting.fit(of_customers(bought, known), until, plan.horizon)
    rivals = {**rivals, boosting.name: boosting.predict(bought, rows.window.cut, rows.window.weeks)}
    for name, d in rivals.items():
        expected[name] = Outlook(d.count[index], d.spend[index], d.active[index])
    notes = (
        f"Judged on {rows.window.weeks:.1f} weeks from {rows.window.cut} of {len(index):,} customers from "
        "whom the network and LightGBM did not learn; both saw other customers in the same weeks, and these "
        "held-out ones also chose the epoch and the shares believed, so totals ahead are less sure.",
    )
    return evaluate_demand(
        happened.rows(index),
        expected,
        large=LARGE,
        notes=notes,
        first=rows.first[index],
        random_state=plan.seed,
    )


def _notes(parts: list[DemandRows], trust: Trust, plan: Plan) -> tuple[str, ...]:
    last = parts[-1].window
    cuts = ", ".join(str(rows.window.cut) for rows in parts)
    notes = [
        f"Learned from {sum(len(r.summary) for r in parts):,} rows, customers at the cuts {cuts}.",
        f"{LAWS[trust.law]().name} is corrected; of the corrections of count, activity and amount the shares "
        f"{', '.join(f'{s:g}' for s in trust.believed)} are believed, as held-out customers chose.",
        f"As in the weeks from {last.cut}, expected purchases count {trust.count:.3f}-fold and amounts "
        f"{trust.spend:.3f}-fold.",
    ]
    if last.weeks < plan.horizon - 0.5:
        notes.append(
            f"The log is shorter than twice the horizon of {plan.horizon:g} weeks: the question was learned "
            f"in proportion, over {last.weeks:.1f} weeks; that it scales so is assumed, not shown."
        )
    return tuple(notes)


def tensors_of(network: Network) -> dict[str, Tensor]:
    """Return the network's tensors by name, ready to be saved."""
    return {f"network.{k}": v for k, v in network.state_dict().items()}
