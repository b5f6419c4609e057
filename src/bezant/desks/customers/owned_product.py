"""The product that a customer lacks, from the set of those owned and the profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from bezant.desks.customers.events import CustomerEvents
from bezant.network.batch import Batch
from bezant.network.fields.encoding import Encoded
from bezant.network.next_item import OwnedSetConfig, OwnedSetNetwork, learn_owned_set
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.types import BoolArray, FloatArray

STEPS = 1200
"""Steps of training; passes follow from the number of customers."""

BATCH = 256


class OwnedProduct:
    """Small networks over the products owned and the profile; see :class:`OwnedSetNetwork`.

    A part of the customers chooses the number of passes, and then all teach.

    Parameters
    ----------
    members, width, dropout
        As of :class:`OwnedSetConfig`.
    training : TrainingConfig, optional
        How the networks are trained.
    holdout : float, default 0.15
        Share of the customers that choose the number of passes.
    random_state : int, default 0
    observe : callable, optional
        Told a :class:`bezant.training.loop.Progress` now and then.
    """

    key: ClassVar[str] = "owned_product"
    name: ClassVar[str] = "bezant"

    def __init__(
        self,
        *,
        members: int = 8,
        width: int = 64,
        dropout: float = 0.65,
        training: TrainingConfig | None = None,
        holdout: float = 0.15,
        random_state: int = 0,
        observe: Callable[[Any], None] | None = None,
    ) -> None:
        self.members, self.width, self.dropout = members, width, dropout
        self.training, self.holdout = training, holdout
        self.random_state, self.observe = random_state, observe

    def fit(self, owned: BoolArray, profile: Encoded, cardinalities: tuple[int, ...] = ()) -> Self:
        """Learn from customers that own something.

        Parameters
        ----------
        owned : bool array of shape (n, p)
            Rows without a product teach nothing and are left out.
        profile : Encoded
            Of the n customers.
        cardinalities : tuple of int
            Codes of each code column of the profile.
        """
        self.of_profile_ = cardinalities
        batch = _batch(owned, profile)
        batch = batch.rows(torch.from_numpy(np.flatnonzero(owned.any(axis=1))))
        held = np.random.default_rng(self.random_state).random(len(batch)) < self.holdout
        known, asked = (batch.rows(torch.from_numpy(np.flatnonzero(part))) for part in (~held, held))
        passes = max(round(STEPS * BATCH / max(len(batch), 1)), 1)
        self.training_ = self.training or TrainingConfig(
            learning_rate=0.01,
            weight_decay=0.02,
            batch_size=BATCH,
            max_epochs=passes,
            patience=passes,
            averaging=0.99,
        )
        enough = len(known) > 0 and len(asked) > 0
        _, first = self._trained(known if enough else batch, asked if enough else None, cardinalities, None)
        self.network_, again = self._trained(batch, None, cardinalities, max(first.best_epoch, 1))
        self.runs_: tuple[TrainingRun, ...] = (first, again)
        self.notes_ = (*first.notes, *again.notes)
        return self

    def _trained(
        self, rows: Batch, held_out: Batch | None, cardinalities: tuple[int, ...], epochs: int | None
    ) -> tuple[OwnedSetNetwork, TrainingRun]:
        assert rows.target is not None
        config = OwnedSetConfig(
            products=rows.target.shape[1], width=self.width, members=self.members, dropout=self.dropout
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            network = learn_owned_set(rows, config, cardinalities)
        training = self.training_.model_copy(update={"seed": self.random_state})
        return network, train(network, rows, held_out, training, stop_after=epochs, observe=self.observe)

    def scores(self, owned: BoolArray, profile: Encoded) -> FloatArray:
        """Return the log-probability of each product as the one lacking, -inf where owned, shape (n, p)."""
        batch = _batch(owned, profile)
        assert batch.target is not None
        return np.log(self.network_.scores(batch.target, batch).numpy().astype(np.float64) + 1e-30)

    def fit_customers(
        self, data: CustomerEvents, cardinalities: tuple[int, ...] = (), of_profile: tuple[int, ...] = ()
    ) -> Self:
        """Learn from customers' events, of which only the products count."""
        return self.fit(data.events.owned(), data.profile, of_profile)

    def refit(self, data: CustomerEvents) -> Self:
        """Make the network anew from all of these customers, with as many passes as before."""
        batch = _batch(data.events.owned(), data.profile)
        batch = batch.rows(torch.from_numpy(np.flatnonzero(data.events.owned().any(axis=1))))
        self.network_, run = self._trained(batch, None, self.of_profile_, max(self.runs_[0].best_epoch, 1))
        self.runs_ = (self.runs_[0], run)
        return self

    def scores_of(self, data: CustomerEvents) -> FloatArray:
        """Return the scores of customers' sets, shape (n, p)."""
        return self.scores(data.events.owned(), data.profile)

    @property
    def vectors(self) -> FloatArray:
        """What the network's linear part says of each product, shape (p, d)."""
        return self.network_.linear.detach().mean(0).numpy()

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by name, ready to be saved."""
        return {f"owned.{k}": v for k, v in self.network_.state_dict().items()}

    def document(self) -> dict[str, Any]:
        """Return everything but the tensors as JSON-ready values."""
        runs = [{**asdict(run), "rows_per_second": 0.0} for run in self.runs_]
        return {"owned": self.network_.config.model_dump(mode="json"), "runs": runs}

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> OwnedProduct:
        """Build it again from what :meth:`tensors` and :meth:`document` returned."""
        model = cls()
        config = OwnedSetConfig.model_validate(document["owned"])
        model.network_ = OwnedSetNetwork(config)
        prefix = "owned."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        model.network_.load_state_dict(own)
        model.network_.eval()
        model.runs_ = tuple(TrainingRun.restore(run) for run in document["runs"])
        return model


def _batch(owned: BoolArray, profile: Encoded) -> Batch:
    target = torch.from_numpy(owned.astype(np.float32))
    return Batch(torch.from_numpy(profile.numbers), torch.from_numpy(profile.codes), target=target)
