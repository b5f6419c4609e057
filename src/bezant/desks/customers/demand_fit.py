"""How the network of demand is trained, how far it is believed, and where its totals are put."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bezant.desks.customers.demand_rows import (
    LAWS,
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
from bezant.desks.customers.demand_trust import Trust, believed, best_law
from bezant.evidence.demand import DemandEvaluation, Outlook, evaluate_demand
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig
from bezant.network.model import Network, NetworkConfig, learn_network
from bezant.network.record_encoder import RecordsConfig
from bezant.traditional.demand import BoostedCorrections, Demand, DemandBoosting, Purchases
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

FAR = 1.4
"""A total that was moved by more than this factor is said to be unsure."""

STEPS = 240
"""Steps of a training that is not given; corrections begin at none, and more learn the noise."""


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


@dataclass(frozen=True, eq=False)
class FittedDemand:
    """What a fit gives.

    Attributes
    ----------
    network : Network
    boosted : BoostedCorrections
    trust : Trust
    laws : dict
        The models of repeat purchases as fitted at the end of the known period.
    evaluation : DemandEvaluation
    runs : tuple of TrainingRun
    notes : tuple of str
    """

    network: Network
    boosted: BoostedCorrections
    trust: Trust
    laws: Laws
    evaluation: DemandEvaluation
    runs: tuple[TrainingRun, ...]
    notes: tuple[str, ...]

    def outlook(self, bought: Purchases, window: Window) -> tuple[DemandRows, Outlook]:
        """Return everyone who bought before the window's cut, and what is expected of them."""
        rows = demand_rows(bought, window, self.laws)
        return rows, self.trust.outlook(rows, corrections_of(self.network, self.boosted, rows))


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
    parts = [demand_rows(bought, w, fit_laws(bought, w.cut, MOST_FOR_LAWS, plan.seed)) for w in windows]
    last = parts[-1]
    known = np.random.default_rng(plan.seed).random(len(bought.names)) >= HELD_OUT
    learning = known[np.searchsorted(bought.names, last.names)]
    happened = outcomes(bought, last)
    trust = best_law(parts, [outcomes(bought, rows) for rows in parts])
    first, network = _train(bought, parts, trust.law, plan, known, None)
    corrections = corrections_of(network, _boost(bought, parts, trust.law, plan, known), last)
    trust = believed(trust, last, corrections, happened, learning)
    evaluation = _judged(bought, last, trust, corrections, happened, learning, known, until, plan)
    second, network = _train(bought, parts, trust.law, plan, np.ones_like(known), max(first.best_epoch, 1))
    boosted = _boost(bought, parts, trust.law, plan, np.ones_like(known))
    trust = trust.levelled(last, corrections_of(network, boosted, last), happened)
    laws = fit_laws(bought, until, MOST_FOR_LAWS, plan.seed)
    notes = (*_notes(parts, trust, plan), *first.notes, *second.notes)
    return FittedDemand(network, boosted, trust, laws, evaluation, (first, second), notes)


def outcomes(bought: Purchases, rows: DemandRows) -> Outlook:
    """Return what customers did in their window."""
    count, spend = bought.between(rows.window.cut, rows.window.end, rows.names)
    return Outlook(count.astype(np.float64), np.maximum(spend, 0.0), (count > 0).astype(np.float64))


def corrections_of(network: Network, boosted: BoostedCorrections, rows: DemandRows) -> FloatArray:
    """Return the network's and the boosted corrections, (n, 3, 2)."""
    batch = rows.batch if network.records is not None else replace(rows.batch, records=None)
    own = network.predict(batch).double().numpy()
    return np.stack([own, boosted.predict(rows.batch.numbers.double().numpy())], axis=-1)


def _refuse_few(bought: Purchases, window: Window, until: np.datetime64) -> None:
    last = bought.day.max()
    if last < window.cut:
        raise InputError(
            f"The last purchase is of {last}, and the {window.weeks:g} weeks before {until}, "
            f"from which is learned, hold none; give until={str(last + 1)!r}, or leave it out."
        )
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
        run = train(
            network, rows, held_out, _usual(plan.training, len(batch)), stop_after=epochs, observe=observe
        )
    network.eval()
    return run, network


def _usual(given: TrainingConfig, rows: int) -> TrainingConfig:
    """Return a configuration with some :data:`STEPS` steps where it says nothing."""
    batch = given.batch_size or min(max(2 ** round(np.log2(max(rows, 2) / 64)), 32), 1024)
    epochs = given.max_epochs or min(max(round(STEPS * batch / max(rows, 1)), 4), 60)
    return given.model_copy(update={"batch_size": batch, "max_epochs": epochs})


def _boost(
    bought: Purchases, parts: list[DemandRows], law: str, plan: Plan, known: BoolArray
) -> BoostedCorrections:
    """Fit the boosted correction to these customers at every cut."""
    columns = []
    for rows in parts:
        chosen, happened = known[np.searchsorted(bought.names, rows.names)], outcomes(bought, rows)
        x, amount = rows.batch.numbers.double().numpy(), happened.spend / np.maximum(happened.count, 1)
        columns.append([part[chosen] for part in (x, rows.offsets(law), happened.count, amount)])
    told = [np.concatenate(column) for column in zip(*columns, strict=True)]
    return BoostedCorrections(random_state=plan.seed).fit(*told)


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
    shares = ", ".join(f"{own:g} + {boosted:g}" for own, boosted in trust.believed)
    notes = [
        f"Learned from {sum(len(r.summary) for r in parts):,} rows, customers at the cuts {cuts}.",
        f"{LAWS[trust.law]().name} is corrected, for the error of its total moved least between the cuts; of "
        "the network's and the boosted corrections of count, activity and amount the shares "
        f"{shares} are believed, as held-out customers chose.",
        f"As in the weeks from {last.cut}, expected purchases count {trust.count[0]:.3f}-fold of customers "
        f"without a repeat purchase and {trust.count[1]:.3f}-fold of others, amounts {trust.spend:.3f}-fold.",
    ]
    if max(abs(np.log([*trust.count, trust.spend]))) > np.log(FAR):
        notes.append(
            "A total had to be moved that far because the model of repeat purchases did not hold in the past "
            "window; judge the totals on later purchases (evaluate) before you use them."
        )
    if last.weeks < plan.horizon - 0.5:
        notes.append(
            f"The log is shorter than twice the horizon of {plan.horizon:g} weeks: the question was learned "
            f"in proportion, over {last.weeks:.1f} weeks; that it scales so is assumed, not shown."
        )
    return tuple(notes)


def tensors_of(network: Network) -> dict[str, Tensor]:
    """Return the network's tensors by name, ready to be saved."""
    return {f"network.{k}": v for k, v in network.state_dict().items()}
