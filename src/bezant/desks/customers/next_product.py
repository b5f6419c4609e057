"""The next product from events in time: networks, statistics of pairs, and weights learned between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from bezant.desks.customers.events import CustomerEvents
from bezant.network.backbones import BackboneConfig
from bezant.network.batch import Batch
from bezant.network.next_item import NextItem, NextItemConfig, learn_next_item
from bezant.traditional.conditional_logit import ConditionalLogit, learn_conditional_logit
from bezant.traditional.model import refuse_unfitted
from bezant.traditional.recommendation import CoOccurrence, Interactions, learn_co_occurrence
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.training.windows import at_the_end, in_windows
from bezant.types import BoolArray, FloatArray, IntArray

FOLDS = 5
"""Of customers: who teaches the weights is not counted in the statistics that are weighed."""

MOST_CELLS = 100_000_000
"""Numbers that the weights are learned from at most: 400 MB."""

CELLS = 20_000_000
"""Numbers in memory at a time when scoring: 80 MB."""

MOST_ALTERNATIVES = 2_000
"""Products that each choice is compared among when the weights are learned, drawn at random if more."""

LONG = 8
"""Where half of the customers have more events than these, three last events of each teach the weights."""

STEP_RECORDS, STEPS = 2_500, 900
"""Records of a step, and steps, of a training that is not given."""

FEWEST_CHOICES = 30
"""With fewer choices of something new the network alone decides."""


class NextProduct:
    """A causal network over the events, and statistics of pairs of products, mixed by learned weights.

    The networks learn all but each customer's last few events; on these the weights of a conditional logit
    are learned, whose features are the networks' log-probabilities and what the pairs of products say,
    counted from *other* customers. Then networks and counts are made anew from all events.

    Parameters
    ----------
    backbone : BackboneConfig, optional
        What mixes the events; the small transformer of width 64 if not given.
    window : int, default 100
        Events read at once.
    members : int, default 1
        Networks with different draws whose log-probabilities are averaged.
    training : TrainingConfig, optional
        How the networks are trained.
    random_state : int, default 0
    observe : callable, optional
        Told a :class:`bezant.training.loop.Progress` now and then.
    weighed : callable, optional
        Told how many of the folds in which pairs of products are weighed are done, and how many there are.
    """

    key: ClassVar[str] = "next_product"
    name: ClassVar[str] = "bezant"

    def __init__(
        self,
        *,
        backbone: BackboneConfig | None = None,
        window: int = 100,
        members: int = 1,
        training: TrainingConfig | None = None,
        random_state: int = 0,
        observe: Callable[[Any], None] | None = None,
        weighed: Callable[[int, int], None] | None = None,
    ) -> None:
        self.backbone = backbone or BackboneConfig(width=64, depth=2, heads=4, dropout=0.2)
        self.window, self.members, self.random_state = window, members, random_state
        self.training, self.observe, self.weighed = training, observe, weighed

    # ------------------------------------------------------------------------------------- fitting

    def fit(self, events: Interactions) -> Self:
        """Learn from events of which nothing but customer, product and time is known."""
        return self.fit_customers(CustomerEvents.plain(events))

    def fit_customers(
        self, data: CustomerEvents, cardinalities: tuple[int, ...] = (), of_profile: tuple[int, ...] = ()
    ) -> Self:
        """Learn from events with their fields and the customers' profiles.

        Parameters
        ----------
        data : CustomerEvents
            All that is known.
        cardinalities, of_profile : tuple of int
            Codes of each code column of the events' fields and of the profiles.
        """
        self.cardinalities_, self.of_profile_ = cardinalities, of_profile
        self.notes_: tuple[str, ...] = ()
        last = 3 if np.median(np.diff(data.events.offsets)) > LONG else 1
        early = data.before_last(last)
        if not len(early.events.product):
            early, last = data, 0
        self.runs_: tuple[TrainingRun, ...] = ()
        networks, epochs = [], []
        for member in range(self.members):
            network, run = self._trained(early, data if last else None, last, member, None)
            networks.append(network)
            epochs.append(run.best_epoch)
        self.networks_ = tuple(networks)
        self.mixing_ = self._learn_mixing(data, last)
        self.epochs_ = tuple(max(e, 1) for e in epochs)
        return self.refit(data) if last else self._counted(data)

    def refit(self, data: CustomerEvents) -> Self:
        """Make networks and counts anew from all of these events; passes and weights stay as they are."""
        again = [self._trained(data, None, 0, m, e) for m, e in enumerate(self.epochs_)]
        self.networks_ = tuple(network for network, _ in again)
        return self._counted(data)

    def _counted(self, data: CustomerEvents) -> Self:
        self.pairs_ = learn_co_occurrence(data.events)
        return self

    def _trained(
        self, data: CustomerEvents, whole: CustomerEvents | None, last: int, member: int, epochs: int | None
    ) -> tuple[NextItem, TrainingRun]:
        """Train one network, for so many epochs or until the last events of ``whole`` are worse predicted."""
        seed = self.random_state * 1009 + member
        rows = in_windows(data.batch(), self.window)
        held_out = None
        if whole is not None:
            batch = whole.batch()
            assert batch.records is not None
            long = (batch.records.lengths > last).nonzero()[:, 0]
            held_out = at_the_end(batch.rows(long), self.window, last)
        config = NextItemConfig(
            products=len(data.events.products), backbone=self.backbone, window=self.window
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = learn_next_item(rows, config, self.cardinalities_, self.of_profile_)
        training = (self.training or usual_training(rows)).model_copy(update={"seed": seed})
        run = train(network, rows, held_out, training, stop_after=epochs, observe=self.observe)
        self.runs_ = (*self.runs_, run)
        self.notes_ = (*self.notes_, *run.notes)
        return network, run

    def _learn_mixing(self, data: CustomerEvents, last: int) -> ConditionalLogit | None:
        """Learn the weights on what customers took last, by counts of the other customers."""
        fold = np.random.default_rng(self.random_state).permutation(len(data)) % FOLDS
        choices: list[tuple[FloatArray, IntArray, BoolArray]] = []
        for k in range(FOLDS if last else 0):
            if self.weighed is not None:
                self.weighed(k, FOLDS)
            if not (fold != k).any() or not (fold == k).any():
                continue
            others = data.rows(np.flatnonzero(fold != k)).events
            if not len(others.product):
                continue
            pairs = learn_co_occurrence(others)
            own = data.rows(np.flatnonzero(fold == k))
            for back in range(1, last + 1):
                choices.append(self._choices(own, back, pairs, MOST_CELLS // (FOLDS * last)))
        number = sum(len(chosen) for _, chosen, _ in choices)
        if number < FEWEST_CHOICES:
            self.notes_ += (
                f"Only {number} of the last events brought a customer something new, too few to weigh the "
                "statistics of pairs of products beside the network; the network alone decides.",
            )
            return None
        features, chosen, allowed = (np.concatenate(parts) for parts in zip(*choices, strict=True))
        return learn_conditional_logit(features, chosen, allowed)

    def _choices(
        self, own: CustomerEvents, back: int, pairs: CoOccurrence, cells: int
    ) -> tuple[FloatArray, IntArray, BoolArray]:
        """Return features of the alternatives, the alternative taken, and which were allowed."""
        before, taken, _ = own.asked(back)
        p, width = len(own.events.products), len(pairs.names) + 1
        alternatives = min(p, MOST_ALTERNATIVES)
        rng = np.random.default_rng(self.random_state + back)
        if len(before) > (most := max(cells // (alternatives * width), 1)):
            some = np.sort(rng.choice(len(before), most, replace=False))
            before, taken = before.rows(some), taken[some]
        features = np.empty((len(before), alternatives, width), np.float32)
        chosen, allowed = taken.copy(), np.empty((len(before), alternatives), bool)
        for part, values in self._features(before, pairs):
            owned = before.rows(part).events.owned()
            if alternatives < p:
                drawn = _drawn(taken[part], p, alternatives, rng)
                values = np.take_along_axis(values, drawn[:, :, None], axis=1)
                owned = np.take_along_axis(owned, drawn, axis=1)
                chosen[part] = 0
            features[part], allowed[part] = values, ~owned
        return features, chosen, allowed

    # ------------------------------------------------------------------------------------- scoring

    def scores(self, events: Interactions) -> FloatArray:
        """Return a score of every product for each history, shape (n, p); see :meth:`scores_of`."""
        return self.scores_of(CustomerEvents.plain(events))

    def scores_of(self, data: CustomerEvents) -> FloatArray:
        """Return the log-odds, but for a constant a customer, of each product's coming next, shape (n, p)."""
        refuse_unfitted(self, "pairs_", self.name)
        p = len(data.events.products)
        found = np.empty((len(data), p))
        if self.mixing_ is None:
            return self._log_probabilities(data).astype(np.float64)
        for part, values in self._features(data, self.pairs_):
            found[part] = self.mixing_.scores(values)
        empty = np.diff(data.events.offsets) == 0
        if empty.any():  # of them the pairs know nothing
            found[empty] = self._log_probabilities(data.rows(np.flatnonzero(empty)))
        return found

    def _features(self, data: CustomerEvents, pairs: CoOccurrence) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield places of customers and what is said of each product, (n, p, F), networks last."""
        step = max(CELLS // (len(data.events.products) * (len(pairs.names) + 1)), 1)
        for start in range(0, len(data), step):
            part = np.arange(start, min(start + step, len(data)))
            rows = data.rows(part)
            own = self._log_probabilities(rows)[:, :, None]
            yield part, np.concatenate([pairs.features(rows.events), own], axis=2)

    def _log_probabilities(self, data: CustomerEvents) -> FloatArray:
        """Return the mean of the networks' log-probabilities, float32 (n, p)."""
        batch = data.batch()
        total = sum(network.scores(batch) for network in self.networks_)
        assert isinstance(total, Tensor)
        return (total / len(self.networks_)).numpy()

    @property
    def vectors(self) -> FloatArray:
        """The first network's vectors of the products, shape (p, W)."""
        return self.networks_[0].products.weight.detach().numpy()

    # -------------------------------------------------------------------------------------- saving

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by name, ready to be saved."""
        parts = {f"pairs.{k}": torch.from_numpy(np.array(v)) for k, v in self.pairs_.tensors().items()}
        for i, network in enumerate(self.networks_):
            parts |= {f"network{i}.{k}": v for k, v in network.state_dict().items()}
        if self.mixing_ is not None:
            parts["mixing"] = torch.from_numpy(self.mixing_.weights)
        return parts

    def document(self) -> dict[str, Any]:
        """Return everything but the tensors as JSON-ready values."""
        return {
            "networks": [network.config.model_dump(mode="json") for network in self.networks_],
            "mixing_loss": None if self.mixing_ is None else self.mixing_.loss,
            "runs": [{**asdict(run), "rows_per_second": 0.0} for run in self.runs_],
        }

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> NextProduct:
        """Build it again from what :meth:`tensors` and :meth:`document` returned."""
        model = cls()
        networks = []
        for i, config in enumerate(document["networks"]):
            network = NextItem(NextItemConfig.model_validate(config))
            network.load_state_dict(_within(tensors, f"network{i}."))
            networks.append(network.eval())
        model.networks_ = tuple(networks)
        model.window, model.members = networks[0].config.window, len(networks)
        model.backbone = networks[0].config.backbone
        model.pairs_ = CoOccurrence.restore({k: v.numpy() for k, v in _within(tensors, "pairs.").items()})
        loss = document["mixing_loss"]
        model.mixing_ = None if loss is None else ConditionalLogit(tensors["mixing"].numpy(), loss)
        model.runs_ = tuple(TrainingRun.restore(run) for run in document["runs"])
        return model


def usual_training(rows: Batch) -> TrainingConfig:
    """Return a configuration with some :data:`STEP_RECORDS` records a step and :data:`STEPS` steps."""
    assert rows.records is not None
    mean = max(float(rows.records.lengths.float().mean()), 1.0)
    batch = min(max(round(STEP_RECORDS / mean), 32), 1024)
    passes = min(max(round(STEPS * batch / len(rows)), 3), 60)
    return TrainingConfig(
        learning_rate=0.004, batch_size=batch, max_epochs=passes, averaging=0.99, patience=max(passes // 4, 2)
    )


def _within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _drawn(taken: IntArray, products: int, number: int, rng: np.random.Generator) -> IntArray:
    """Return alternatives of each choice, (e, number): the product taken first, the others at random."""
    drawn = np.empty((len(taken), number), np.int64)
    for i, own in enumerate(taken):
        others = rng.choice(products - 1, number - 1, replace=False)
        drawn[i] = np.append(own, others + (others >= own))
    return drawn
