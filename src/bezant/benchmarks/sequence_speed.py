"""Sequences trained on per second of processor time: bezant, a loop written by hand, and RecTools."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bezant.network.backbones import BackboneConfig
from bezant.network.batch import Batch
from bezant.network.next_item import NextItem, NextItemConfig
from bezant.network.records import Records
from bezant.training.config import TrainingConfig
from bezant.training.loop import train
from bezant.types import IntArray, MissingExtraError

WIDTH, DEPTH, HEADS, LENGTH, BATCH = 64, 2, 2, 50, 128
PRODUCTS = 1_682
"""As many as films in MovieLens-100k; drawn at random, for speed does not depend on which."""

STEPS, TURNS = 6, 3

EPOCH, EPOCHS = 10, 3
"""Batches of an epoch, and epochs of a training; the first is not timed."""


class _HandWritten(nn.Module):
    """SASRec as a tutorial writes it (Kang and McAuley 2018), with the full softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(PRODUCTS, WIDTH)
        self.places = nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, dropout=0.2, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, DEPTH, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(WIDTH)

    def loss(self, products: Tensor) -> Tensor:
        """Return the mean cross-entropy of each product but the first, given those before it."""
        x = self.items(products[:, :-1]) + self.places.weight
        mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
        h = self.norm(self.layers(x, mask=mask, is_causal=True))
        logits = h @ self.items.weight.T  # (B, T, p), all at once
        return nn.functional.cross_entropy(logits.flatten(0, 1), products[:, 1:].flatten())


def speed_part(seeds: Sequence[int]) -> Iterator[str]:
    """Yield sequences per CPU second of steps alone, the best of a few turns that alternate."""
    seed = seeds[0]
    products = _drawn(BATCH, seed)
    torch.manual_seed(seed)
    own, by_hand = _own_step(products), _hand_step(products)
    yield _setting(f"steps alone, best of {TURNS} turns of {STEPS}")
    yield from _compared({"bezant": lambda: _speed(own), HAND: lambda: _speed(by_hand)})


def rectools_part(seeds: Sequence[int]) -> Iterator[str]:
    """Yield sequences per CPU second of whole trainings, as each library is called, RecTools among them.

    Reading batches, averaging weights and keeping the record of losses count; building the model, and the
    first epoch, do not.

    Raises
    ------
    MissingExtraError
        If RecTools is not installed.
    """
    seed = seeds[0]
    products = _drawn(EPOCH * BATCH, seed)
    theirs = _rectools_training(products.numpy(), seed)
    trainings = {
        "bezant": lambda: _own_training(products, seed),
        HAND: lambda: _hand_training(products, seed),
        RECTOOLS: theirs,
    }
    yield _setting(f"whole trainings on {len(products):,} sequences, best epoch of {TURNS} turns")
    yield from _compared({name: _best_epoch(run) for name, run in trainings.items()})


HAND, RECTOOLS = "hand-written loop", "RecTools SASRec softmax"


def _drawn(rows: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, PRODUCTS, (rows, LENGTH + 1)))


def _setting(what: str) -> str:
    return (
        f"width {WIDTH}, {DEPTH} layers, {HEADS} heads, sequences of {LENGTH}, {PRODUCTS:,} products, "
        f"batches of {BATCH}, {torch.get_num_threads()} threads; {what}"
    )


def _compared(speeds: Mapping[str, Callable[[], float]]) -> Iterator[str]:
    best = dict.fromkeys(speeds, 0.0)
    for _ in range(TURNS):
        for name, speed in speeds.items():
            best[name] = max(best[name], speed())
    for name, value in best.items():
        yield f"{name:<24} {value:8.0f} sequences a CPU second"
    own, *others = best
    for name in others:
        yield f"{own} / {name}: {best[own] / best[name]:.2f}"


def _best_epoch(training: Callable[[], list[float]]) -> Callable[[], float]:
    """Return the speed of the fastest epoch of a training, which says when each of its epochs ended."""
    return lambda: EPOCH * BATCH / float(np.diff(training()).min())


def _own_training(products: Tensor, seed: int) -> list[float]:
    network, batch = _own_network(products)
    config = TrainingConfig(batch_size=BATCH, max_epochs=EPOCHS, averaging=0.99, seed=seed)
    ends: list[float] = []
    train(network, batch, None, config, after_epoch=lambda *_: ends.append(time.process_time()))
    return ends


def _hand_training(products: Tensor, seed: int) -> list[float]:
    network = _HandWritten().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    torch.manual_seed(seed)
    ends: list[float] = []
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(products)), BATCH):
            network.loss(products[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
        ends.append(time.process_time())
    return ends


def _rectools_training(products: IntArray, seed: int) -> Callable[[], list[float]]:
    """Return a training of RecTools' SASRec as its documentation calls it."""
    try:
        import pandas as pd
        from pytorch_lightning import Callback, Trainer, seed_everything
        from rectools.dataset import Dataset
        from rectools.models import SASRecModel
    except ImportError as error:
        raise MissingExtraError("rectools", "rectools", "The comparison with RecTools") from error

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    ends: list[float] = []

    class Ends(Callback):  # type: ignore[misc]
        def on_train_epoch_end(self, *_: Any) -> None:  # of a copy of this object: RecTools copies trainers
            ends.append(time.process_time())

    rows, width = products.shape
    events = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(rows), width),
            "item_id": products.ravel(),
            "weight": 1.0,
            "datetime": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.tile(np.arange(width), rows), "h"),
        }
    )
    dataset = Dataset.construct(events)

    def run() -> list[float]:
        seed_everything(seed, verbose=False)
        ends.clear()
        quiet = dict.fromkeys(
            ("enable_progress_bar", "enable_model_summary", "logger", "enable_checkpointing"), False
        )
        SASRecModel(
            n_blocks=DEPTH,
            n_heads=HEADS,
            n_factors=WIDTH,
            dropout_rate=0.2,
            session_max_len=LENGTH,
            loss="softmax",
            batch_size=BATCH,
            epochs=EPOCHS,
            get_trainer_func=lambda: Trainer(
                max_epochs=EPOCHS, accelerator="cpu", devices=1, callbacks=[Ends()], **quiet
            ),
        ).fit(dataset)
        return [*ends]

    return run


def _own_step(products: Tensor) -> Callable[[], None]:
    network, batch = _own_network(products)
    return _step(network, lambda: network.loss(network(batch), batch))


def _own_network(products: Tensor) -> tuple[NextItem, Batch]:
    rows, width = products.shape
    codes = products.reshape(-1, 1).int()
    starts = torch.arange(rows) * width
    times = torch.arange(width).repeat(rows) * 3_600_000_000
    records = Records(
        torch.empty(len(codes), 0), codes, times, starts, torch.full((rows,), width), times[starts]
    )
    # the first product is read and not predicted, as in the loop by hand
    context = torch.ones(rows, dtype=torch.int64)
    batch = Batch(torch.empty(rows, 0), torch.empty(rows, 0).int(), target=context, records=records)
    backbone = BackboneConfig(width=WIDTH, depth=DEPTH, heads=HEADS, dropout=0.2)
    return NextItem(NextItemConfig(products=PRODUCTS, backbone=backbone, window=LENGTH + 1)).train(), batch


def _hand_step(products: Tensor) -> Callable[[], None]:
    network = _HandWritten().train()
    return _step(network, lambda: network.loss(products))


def _step(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        loss().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    step()  # what is made once is not timed
    return step


def _speed(step: Callable[[], None]) -> float:
    start = time.process_time()
    for _ in range(STEPS):
        step()
    return STEPS * BATCH / (time.process_time() - start)
