"""Sequences trained on per second of processor time, beside a loop written by hand in plain torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from bezant.network.backbones import BackboneConfig
from bezant.network.batch import Batch
from bezant.network.next_item import NextItem, NextItemConfig
from bezant.network.records import Records

WIDTH, DEPTH, HEADS, LENGTH, BATCH = 64, 2, 2, 50, 128
PRODUCTS = 1_682
"""As many as films in MovieLens-100k; drawn at random, for speed does not depend on which."""

STEPS, TURNS = 6, 3


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


def speed_part(seed: int) -> Iterator[str]:
    """Yield sequences per CPU second of both, the best of a few turns that alternate."""
    products = torch.from_numpy(np.random.default_rng(seed).integers(0, PRODUCTS, (BATCH, LENGTH + 1)))
    torch.manual_seed(seed)
    steps = {"bezant": _own_step(products), "hand-written loop": _hand_step(products)}
    best = dict.fromkeys(steps, 0.0)
    for _ in range(TURNS):
        for name, step in steps.items():
            best[name] = max(best[name], _speed(step))
    yield (
        f"width {WIDTH}, {DEPTH} layers, {HEADS} heads, sequences of {LENGTH}, {PRODUCTS:,} products, "
        f"batches of {BATCH}, AdamW, {torch.get_num_threads()} threads, best of {TURNS} turns of {STEPS}"
    )
    for name, value in best.items():
        yield f"{name:<22} {value:8.0f} sequences a CPU second"
    yield f"bezant / hand-written loop: {best['bezant'] / best['hand-written loop']:.2f}"


def _own_step(products: Tensor) -> Callable[[], None]:
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
    network = NextItem(NextItemConfig(products=PRODUCTS, backbone=backbone, window=LENGTH + 1)).train()
    return _step(network, lambda: network.loss(network(batch), batch))


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
