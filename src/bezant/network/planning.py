"""What pretraining a network of histories takes, known before anything of it is allocated."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from bezant.network.backbones import BackboneConfig, BackboneKind
from bezant.network.batch import Batch
from bezant.network.history import HIDING, HORIZONS, HistoryConfig, HistoryNetwork
from bezant.network.record_encoder import MICROSECONDS, RecordsConfig, record_fields
from bezant.network.records import Records
from bezant.network.sizes import SizeName
from bezant.types import InputError

FLOAT = 4
"""Bytes of a weight: weights, averages and the optimizer's state are in single precision."""

AVERAGES = 3
"""Copies of the weights besides them: the running average, the best so far, one aside while these judge."""

ADAMW_STATE = 2
"""Numbers that AdamW keeps for each weight."""

SLICES = 2 * (1 + 0.25) / 2
"""Records that the contrast reads again for each one: two slices of a quarter of a history up to all."""

MOMENTS = 0.5
"""Records that the term "later" reads again for each one: up to a moment drawn from all its time."""

TWINS = (64, 128)
"""Widths of the two small networks by which the memory of activations is measured."""

TWIN_ROWS, TWIN_RECORDS = 16, 64
"""Histories of a twin's batch, and records of each."""


@dataclass(frozen=True)
class PretrainingPlan:
    """What pretraining takes.

    Attributes
    ----------
    parameters, backbone_parameters : int
        Trained weights of all, and of the backbone alone.
    batch, window : int
        Histories a step, and records of each.
    events, epochs : int
        Records of the data, and how often each is read.
    activation_bytes : int
        Bytes kept for the gradient of one step, in single precision.
    flops : float
        Floating-point operations of the whole training.
    """

    parameters: int
    backbone_parameters: int
    batch: int
    window: int
    events: int
    epochs: int
    activation_bytes: int
    flops: float

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights; those of their gradients are as many."""
        return FLOAT * self.parameters

    @property
    def optimizer_bytes(self) -> int:
        """Bytes of AdamW's state."""
        return ADAMW_STATE * self.weight_bytes

    @property
    def average_bytes(self) -> int:
        """Bytes of the averages that judge."""
        return AVERAGES * self.weight_bytes

    @property
    def total_bytes(self) -> int:
        """Bytes of all together, without the records themselves."""
        return 2 * self.weight_bytes + self.optimizer_bytes + self.average_bytes + self.activation_bytes

    def hours(self, flops_a_second: float) -> float:
        """Return the hours of the training at a rate of matrix products."""
        return self.flops / flops_a_second / 3600


def history_config(
    *,
    size: SizeName = "small",
    backbone: BackboneKind = "transformer",
    numbers: int = 2,
    categories: Sequence[int] = (),
    window: int = 256,
) -> HistoryConfig:
    """Return the configuration of a network for records that have yet to be read.

    Parameters
    ----------
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
    backbone : {"transformer", "cnn", "rnn"}, default "transformer"
    numbers : int, default 2
        Numbers of a record; each counts with the most bins it can have.
    categories : sequence of int, default none
        How many values each category of a record has.
    window : int, default 256
        Records read at once.
    """
    config = HistoryConfig(
        records=RecordsConfig(
            backbone=BackboneConfig(kind=backbone, size=size), window=window, horizons=HORIZONS
        )
    )
    fields = record_fields((config.classes,) * numbers, tuple(categories))
    return config.model_copy(update={"records": config.records.model_copy(update={"fields": fields})})


def plan_pretraining(
    config: HistoryConfig, *, batch: int = 64, events: int = 1_000_000, epochs: int = 1
) -> PretrainingPlan:
    """Return what pretraining takes; the network itself is built on torch's meta device, without memory.

    Operations are 6 for each weight that is multiplied and each record that is read (2 forward, 4 backward:
    Kaplan et al. 2020, arXiv:2001.08361, section 2.1), and for a transformer's attention 6 T W more a layer,
    half of which the causal mask has already spared. Tables that are only looked up cost none.

    Memory of activations is measured: two narrow networks of the same kind and depth say how it grows with
    the width, and it grows with the records of a step.

    Parameters
    ----------
    config : HistoryConfig
        Whose fields are known, as of :func:`history_config` or a fitted HistoryModel.
    batch : int, default 64
        Histories a step, each as long as the window.
    events : int, default 1,000,000
        Records of the data.
    epochs : int, default 1
        How often each is read.

    Raises
    ------
    InputError
        If a count is below 1.
    """
    for name, value in (("batch", batch), ("events", events), ("epochs", epochs)):
        if value < 1:
            raise InputError(f"A plan needs {name} of at least 1, not {value}.")
    with torch.device("meta"):
        network = HistoryNetwork(config)
    window = config.records.window
    backbone = sum(p.numel() for p in network.encoder.backbone.parameters())
    return PretrainingPlan(
        parameters=sum(p.numel() for p in network.parameters()),
        backbone_parameters=backbone,
        batch=batch,
        window=window,
        events=events,
        epochs=epochs,
        activation_bytes=int(_activation_bytes(config) * batch * window),
        flops=float(events) * epochs * flops_a_record(network, window),
    )


def flops_a_record(network: HistoryNetwork, records: int) -> float:
    """Return the operations of training on one record of a history of so many, forward and backward."""
    terms = network.config.terms
    encoder = network.encoder
    through = _multiplied(encoder.fields) + _multiplied(encoder.backbone)
    shape = encoder.config.backbone.shape
    attention = shape.depth * shape.width * records if encoder.config.backbone.kind == "transformer" else 0
    hiding = any(term in terms for term in HIDING)
    read = float(hiding or "next" in terms) + SLICES * ("contrast" in terms) + MOMENTS * ("later" in terms)
    heads = _multiplied(network.next) * ("next" in terms) + _multiplied(network.own) * hiding
    return 6 * (read * (through + attention) + heads)


def _multiplied(module: nn.Module) -> int:
    """Count the weights that a record is multiplied with."""
    tables = [p for m in module.modules() if isinstance(m, nn.Embedding) for p in m.parameters()]
    return sum(p.numel() for p in module.parameters()) - sum(p.numel() for p in tables)


def _activation_bytes(config: HistoryConfig) -> float:
    """Return the bytes that one record keeps for the gradient."""
    width = config.records.backbone.shape.width
    narrow, wide = TWINS
    at_narrow, at_wide = (saved_bytes(_twin(config, w)) / (TWIN_ROWS * TWIN_RECORDS) for w in TWINS)
    return at_narrow + (at_wide - at_narrow) * (width - narrow) / (wide - narrow)


def _twin(config: HistoryConfig, width: int) -> HistoryNetwork:
    """Build the same network, but of another width."""
    heads = {"heads": width // 16} if config.records.backbone.kind == "transformer" else {}
    own = config.records.backbone
    given = {"width": width, "depth": own.shape.depth, **heads}
    records = config.records.model_copy(update={"backbone": own.model_copy(update=given)})
    return HistoryNetwork(config.model_copy(update={"records": records}))


def saved_bytes(network: HistoryNetwork) -> int:
    """Return the bytes that a step on made-up histories keeps for the gradient, weights left out."""
    weights = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    kept: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            kept[place] = tensor  # held, so that no other takes its place
        return tensor

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made_up = _made_up(network)
        network.train()
        with saved_tensors_hooks(note, lambda tensor: tensor):
            loss = network(made_up)
    del loss
    return sum(t.untyped_storage().nbytes() for t in kept.values())


def _made_up(network: HistoryNetwork) -> Batch:
    """Return histories that fill a twin's batch."""
    count = TWIN_ROWS * TWIN_RECORDS
    codes = [torch.randint(0, size, (count,), dtype=torch.int32) for size in network.sizes]
    times = (torch.arange(TWIN_RECORDS) * int(3600 * MICROSECONDS)).repeat(TWIN_ROWS)
    starts = torch.arange(TWIN_ROWS) * TWIN_RECORDS
    lengths = torch.full((TWIN_ROWS,), TWIN_RECORDS)
    records = Records(
        torch.randn(count, network.numbers),
        torch.stack(codes, 1) if codes else torch.empty(count, 0, dtype=torch.int32),
        times,
        starts,
        lengths,
        times[starts + lengths - 1],
    )
    empty = torch.empty(TWIN_ROWS, 0)
    return Batch(empty, empty.int(), records=records)


def matrix_rate(device: torch.device | str = "cpu", *, size: int = 1024, rounds: int = 8) -> float:
    """Return the operations a second of matrix products, measured now.

    Parameters
    ----------
    device : device, default "cpu"
        On a GPU in bfloat16, as training there; on a processor in single precision.
    size : int, default 1024
        Of the square matrices.
    rounds : int, default 8
        Products that are timed, after one that is not.
    """
    device = torch.device(device)
    gpu = device.type == "cuda"
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16 if gpu else torch.float32)
    _ = a @ a
    if gpu:
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    for _ in range(rounds):
        b = a @ a
    if gpu:
        torch.cuda.synchronize(device)
    del b
    return rounds * 2 * size**3 / (time.perf_counter() - start)
