"""The textbook networks of the field's tutorials, trained with this package's own loop."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar, Self, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn

from bezant.network.batch import Batch
from bezant.schema import Schema
from bezant.schema.words import counted
from bezant.traditional.design_matrix import DesignMatrix
from bezant.traditional.inputs import checked_target, read_inputs
from bezant.traditional.model import (
    checked_stopping_target,
    refuse_foreign,
    refuse_no_input,
    refuse_unfitted,
    settings_of,
)
from bezant.traditional.textbook_networks import (
    SimpleRecurrent,
    TextbookModule,
    convolutional,
    perceptron,
)
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.types import AnyArray

SCORING_ROWS = 65_536
"""Rows turned into a matrix at a time, so that scoring a large table needs little memory."""


class TextbookNetwork(ABC):
    """What the textbook networks share: everything but their layers.

    Numbers are standardised, a missing one counting as the mean; categories are one-hot, the rarer values
    together; Adam with log loss ends when the stopping part has not improved for ``patience`` epochs.

    Parameters
    ----------
    learning_rate : float, default 1e-3
        Of Adam, constant.
    batch_size : int, default 256
        Rows a step.
    max_epochs : int, default 30
        Passes over the rows at most.
    patience : int, default 4
        Epochs without a better log loss on the stopping part before training ends.
    most_values : int, optional
        Values of a category that get a column of their own: 50 if not given, 10 in the networks that
        walk along the columns, whose seconds grow with them (326 columns took the recurrent one
        fifteen times as long as 86).
    max_rows : int, optional
        Train on at most so many rows, drawn at random; all if not given.

    Attributes
    ----------
    network_ : TextbookModule
        The trained layers.
    epochs_ : int
        Passes over the rows that were best on the stopping part.
    notes_ : tuple of str
        What was chosen and merged.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    usual_most_values: ClassVar[int]

    def __init__(
        self,
        *,
        learning_rate: float = 1e-3,
        batch_size: int = 256,
        max_epochs: int = 30,
        patience: int = 4,
        most_values: int | None = None,
        max_rows: int | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.most_values = most_values
        self.max_rows = max_rows

    @staticmethod
    @abstractmethod
    def layers(columns: int) -> nn.Module:
        """Return the layers for a matrix of so many columns, shape (B, F) to (B, 1)."""

    def fit(
        self,
        table: pa.Table,
        schema: Schema,
        y: AnyArray,
        *,
        stopping_table: pa.Table,
        stopping_y: AnyArray,
        random_state: int = 0,
    ) -> Self:
        """Train on the training rows until the stopping part gains nothing more.

        Parameters
        ----------
        table : pyarrow.Table of n rows
            Training rows, typed by :meth:`bezant.schema.Schema.conform`.
        schema : Schema
            Only its inputs are read (and the ordering time, to turn dates into ages).
        y : ndarray of shape (n,)
            1 for default, 0 for none.
        stopping_table, stopping_y
            Other rows of the same form; in time order they should follow the training rows.
        random_state : int, default 0
            Seed of the weights and of the batches.

        Raises
        ------
        InputError
            For fewer than 20 training rows, a target with one class, no stopping row, or no input.
        """
        stopping = stopping_table, checked_stopping_target(stopping_y, stopping_table.num_rows)
        self._learn(table, schema, y, random_state, stopping=stopping)
        return self

    def final(self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0) -> Self:
        """Return a new network trained for the chosen number of epochs on all rows of a table.

        Parameters and errors are those of :meth:`fit`, which must have come before.
        """
        refuse_unfitted(self, "epochs_", self.name)
        new = copy(self)
        new._learn(table, schema, y, random_state, epochs=self.epochs_)
        return new

    def score_table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Return the probability of default, shape (n,), of the rows of a typed table."""
        starts = range(0, max(table.num_rows, 1), SCORING_ROWS)
        batches = (self._batch(table.slice(s, SCORING_ROWS)) for s in starts)
        scores = torch.cat([self.network_.log_odds(batch).sigmoid() for batch in batches])
        return np.asarray(scores.numpy(), dtype=np.float64)

    def to_document(self) -> dict[str, Any]:
        """Return the fitted network as JSON-ready values; weights as their bytes in base 64."""
        refuse_unfitted(self, "network_", self.name)
        return {
            "model": self.key,
            "settings": settings_of(self),
            "schema": self.schema_.model_dump(mode="json"),
            "design": self._design.to_document(),
            "epochs": self.epochs_,
            "weights": {name: _written(tensor) for name, tensor in self.network_.state_dict().items()},
            "notes": list(self.notes_),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned; the scores are the very same."""
        refuse_foreign(document, cls.key)
        model = cls(**document["settings"])
        model.schema_ = Schema.model_validate(document["schema"])
        model._design = DesignMatrix.from_document(document["design"])
        model.epochs_ = document["epochs"]
        model.network_ = model._drawn_network(seed=0).eval()
        model.network_.load_state_dict({k: _read(v) for k, v in document["weights"].items()})
        model.notes_ = tuple(document["notes"])
        return model

    def _learn(
        self,
        table: pa.Table,
        schema: Schema,
        y: AnyArray,
        seed: int,
        *,
        stopping: tuple[pa.Table, npt.NDArray[np.float64]] | None = None,
        epochs: int | None = None,
    ) -> None:
        """Learn the design matrix and the weights, for so many epochs or until the stopping part ends it."""
        rows, labels = table, checked_target(y, table.num_rows, self.name)
        if self.max_rows is not None and table.num_rows > self.max_rows:
            generator = np.random.default_rng(seed)
            drawn = np.sort(generator.choice(table.num_rows, self.max_rows, replace=False))
            rows, labels = table.take(pa.array(drawn)), checked_target(labels[drawn], len(drawn), self.name)
        inputs = read_inputs(rows, schema)
        refuse_no_input(inputs.names, schema)
        self.schema_, self._design = schema, DesignMatrix.learn(inputs, self._most_values)
        held_out = None if stopping is None else self._batch(*stopping)
        run = self._train(self._batch(rows, labels), held_out, epochs, seed)
        self.epochs_ = epochs or max(1, run.best_epoch)
        why = "as chosen before" if stopping is None else f"the best on {len(stopping[1])} stopping rows"
        self.notes_ = (*self._told(rows.num_rows, table.num_rows, why), *run.notes)

    def _batch(self, table: pa.Table, labels: npt.NDArray[np.float64] | None = None) -> Batch:
        matrix = self._design.matrix(read_inputs(table, self.schema_), table.num_rows)
        target = None if labels is None else torch.from_numpy(labels.astype(np.float32))
        codes = torch.empty((table.num_rows, 0), dtype=torch.int32)
        return Batch(torch.from_numpy(matrix), codes, target=target)

    @property
    def _most_values(self) -> int:
        return self.usual_most_values if self.most_values is None else self.most_values

    def _drawn_network(self, seed: int) -> TextbookModule:
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
            torch.manual_seed(seed)
            return TextbookModule(self.layers(self._design.width))

    def _train(self, rows: Batch, stopping: Batch | None, epochs: int | None, seed: int) -> TrainingRun:
        """Draw weights and train them."""
        self.network_ = self._drawn_network(seed)
        config = TrainingConfig(
            optimizer="adam",
            learning_rate=self.learning_rate,
            weight_decay=0.0,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            patience=self.patience,
            schedule="constant",
            warmup=0.0,
            clip_norm=0.0,
            averaging=0.0,
            precision="float32",
            seed=seed,
        )
        return train(self.network_, rows, stopping, config, stop_after=epochs)

    def _told(self, rows: int, given: int, why: str) -> list[str]:
        design = self._design
        parameters = sum(p.numel() for p in self.network_.parameters())
        drawn = f"{rows} of {given} rows, drawn at random," if rows < given else f"{rows} rows"
        notes = [
            f"{self.name}: {parameters} parameters on {design.width} columns, trained on {drawn} for "
            f"{counted(self.epochs_, 'epoch')}, {why}."
        ]
        if design.merged:
            notes.append(
                f"{self.name}: values beyond the {self._most_values} most frequent, and new ones, share a "
                f"column: {', '.join(sorted(design.merged))}."
            )
        return notes


@final
class TextbookMLP(TextbookNetwork):
    """Dense(64), Dense(32), Dense(1) with ReLU; parameters as in :class:`TextbookNetwork`."""

    key = "textbook-mlp"
    name = "Textbook MLP"
    usual_most_values = 50

    @staticmethod
    def layers(columns: int) -> nn.Module:
        """Return the layers, shape (B, F) to (B, 1)."""
        return perceptron(columns)


@final
class TextbookCNN(TextbookNetwork):
    """Conv1D(64, 3), MaxPool(2), Flatten, Dense(64), Dense(1); parameters as in :class:`TextbookNetwork`.

    It slides over the columns in the order of the schema, a neighbourhood that means nothing: that is
    what the tutorials do.
    """

    key = "textbook-cnn"
    name = "Textbook CNN"
    usual_most_values = 10

    @staticmethod
    def layers(columns: int) -> nn.Module:
        """Return the layers, shape (B, F) to (B, 1)."""
        return convolutional(columns)


@final
class TextbookRNN(TextbookNetwork):
    """SimpleRNN(64), Dense(1) over the columns as a sequence; parameters as in :class:`TextbookNetwork`."""

    key = "textbook-rnn"
    name = "Textbook RNN"
    usual_most_values = 10

    @staticmethod
    def layers(columns: int) -> nn.Module:
        """Return the layers, shape (B, F) to (B, 1)."""
        return SimpleRecurrent()


TEXTBOOK: dict[str, type[TextbookNetwork]] = {m.key: m for m in (TextbookMLP, TextbookCNN, TextbookRNN)}
"""Textbook networks by their stable names in saved models."""


def _written(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor as its shape and its little-endian float32 bytes in base 64."""
    values = tensor.detach().cpu().numpy().astype("<f4")
    return {"shape": list(values.shape), "float32": base64.b64encode(values.tobytes()).decode("ascii")}


def _read(written: Mapping[str, Any]) -> Tensor:
    values = np.frombuffer(base64.b64decode(written["float32"]), dtype="<f4").astype(np.float32)
    return torch.from_numpy(values.reshape(written["shape"]))
