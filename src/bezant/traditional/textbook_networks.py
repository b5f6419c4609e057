"""The networks of the field's tutorials, as modules the training loop can train."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bezant.network.batch import Batch

SCORING_ROWS = 4096
"""Rows scored at a time."""

WIDTH = 64
"""Units of the first layer, filters and states: the tutorials' number."""


def perceptron(columns: int) -> nn.Module:
    """Return Dense(64), Dense(32), each with ReLU, and Dense(1); shape (B, F) to (B, 1)."""
    return nn.Sequential(
        nn.Linear(columns, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 32), nn.ReLU(), nn.Linear(32, 1)
    )


def convolutional(columns: int) -> nn.Module:
    """Return Conv1D(64, 3), MaxPool(2), Flatten, Dense(64), Dense(1) over the columns in their order.

    Fewer than four columns are padded with zeros to four, or nothing would be left after the pooling.
    Shape (B, F) to (B, 1).
    """
    length = max(columns, 4)
    return nn.Sequential(
        nn.ConstantPad1d((0, length - columns), 0.0),
        nn.Unflatten(1, (1, length)),
        nn.Conv1d(1, WIDTH, 3),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(WIDTH * ((length - 2) // 2), WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, 1),
    )


class SimpleRecurrent(nn.Module):
    """SimpleRNN(64) over the columns as a sequence of single numbers, then Dense(1).

    Notes
    -----
    Shape: (B, F) to (B, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.RNN(1, WIDTH, batch_first=True)
        self.dense = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return log-odds from the last state."""
        states, _ = self.recurrent(x[:, :, None])  # (B, F, 64)
        return self.dense(states[:, -1])  # type: ignore[no-any-return]


class TextbookModule(nn.Module):
    """Layers with log loss: what the training loop asks of a network.

    Parameters
    ----------
    layers : Module
        Shape (B, F) to (B, 1), log-odds. Weights are drawn as Keras draws them, in which the tutorials
        are written: Glorot uniform, orthogonal between states, zero biases.

    Notes
    -----
    Shape: a batch of B rows to (B,).
    """

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        for name, parameter in layers.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            elif "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)

    def forward(self, batch: Batch) -> Tensor:
        """Return log-odds."""
        return self.layers(batch.numbers)[:, 0]  # type: ignore[no-any-return]

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the mean log loss of a batch that carries its target."""
        assert batch.target is not None
        return functional.binary_cross_entropy_with_logits(output, batch.target)

    @torch.no_grad()
    def log_odds(self, batch: Batch) -> Tensor:
        """Return log-odds in double precision (B,), computed in pieces of bounded size."""
        starts = range(0, max(len(batch), 1), SCORING_ROWS)
        return torch.cat([self(batch.rows(slice(s, s + SCORING_ROWS))) for s in starts]).double()

    def judge(self, batch: Batch) -> float:
        """Return the mean log loss over rows of any number."""
        assert batch.target is not None
        loss = functional.binary_cross_entropy_with_logits(self.log_odds(batch), batch.target.double())
        return float(loss)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return none: Adam trains all parameters alike."""
        return []

    @contextmanager
    def computing_in(self, dtype: torch.dtype) -> Iterator[None]:
        """Compute in single precision whatever is asked for, as the tutorials do."""
        yield
