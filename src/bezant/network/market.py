"""One network for all markets: bars are records, and every bar of a window is a training example."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from bezant.network.backbones import BackboneConfig, make_backbone
from bezant.network.batch import Batch
from bezant.network.records import Records
from bezant.network.trunks.tabm import TabMTrunk

FAR = 5.0
"""Deviations that an input is cut off at: a crash is a crash."""
WIDEST = 10.0
"""Largest logarithm of a variance over its anchor."""
FREEDOM = 5.0
"""Degrees of freedom of the Student's t that quantiles have before :meth:`MarketNetwork.shape`."""
STILL, STIFF = 0.05, 0.3
"""What the trunk's pull at the middle, and at variance, width and shape, is multiplied by; of changes over
several bars, which overlap, it is divided by their number. Left free, the trunk learned the direction of the
past's months by heart: pinball loss at 21 days 16 % above HAR's, and still 6 % where all horizons were held
alike."""
LEAST_STEP = 1e-4
"""Least distance of two quantiles, in units of volatility."""
SCORING_WINDOWS = 256


class MarketNetworkConfig(BaseModel):
    """Everything needed to build a MarketNetwork again.

    Parameters
    ----------
    inputs : int
        Numbers k of a bar.
    horizons : tuple of int
        h of them, in bars.
    levels : tuple of float
        q rising probabilities.
    backbone : BackboneConfig
        Causal.
    members, width, depth : int, default 8, 64 and 2
        Of the TabM trunk.
    dropout : float, default 0.1
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: int = Field(ge=1)
    horizons: tuple[int, ...]
    levels: tuple[float, ...]
    backbone: BackboneConfig
    members: int = Field(default=8, ge=1)
    width: int = Field(default=64, ge=1)
    depth: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class MarketNetwork(nn.Module):
    """Causal backbone, TabM trunk, and for each horizon a variance and quantiles that cannot cross.

    A batch's records are bars. Their numbers are k inputs, then (in training) the change over each horizon
    and the variance over each horizon, in units of the volatility at the bar; NaN where not known.

    The logarithm of the variance is a linear function of the inputs, given by :meth:`begin`, plus what the
    trunk adds; quantiles are those of :meth:`shape` in units of its root, moved and stretched by the trunk.
    All that the trunk adds begins at nothing: training begins at the linear model and is judged from there.

    Notes
    -----
    Shape: records of N bars in all to (N, K, h, 1 + q): log variance, and quantiles, of the change over
    its horizon in units of the volatility at the bar times the root of the horizon.
    """

    centre: Tensor
    spread: Tensor
    level: Tensor
    base_middle: Tensor
    base_steps: Tensor
    pull: Tensor
    seen: Tensor
    weight: Tensor
    constant: Tensor

    def __init__(self, config: MarketNetworkConfig) -> None:
        super().__init__()
        self.config = config
        k, h, q = config.inputs, len(config.horizons), len(config.levels)
        self.register_buffer("centre", torch.zeros(k))
        self.register_buffer("spread", torch.ones(k))
        self.register_buffer("level", torch.tensor(config.levels))
        base = _student(config.levels).repeat(h, 1)
        self.middle = q // 2
        self.register_buffer("base_middle", base[:, self.middle].clone())
        self.register_buffer("base_steps", base.diff())
        self.register_buffer("pull", STIFF / torch.tensor(config.horizons, dtype=torch.float32))
        self.register_buffer("seen", torch.ones(k))
        self.register_buffer("weight", torch.zeros(h, k))
        self.register_buffer("constant", torch.zeros(h))
        self.backbone = make_backbone(config.backbone, k)
        self.trunk = TabMTrunk(
            k + self.backbone.width,
            chunks=[1] * k + [self.backbone.width],
            members=config.members,
            width=config.width,
            depth=config.depth,
            dropout=config.dropout,
        )
        self.width, self.shift = nn.Parameter(torch.zeros(h)), nn.Parameter(torch.zeros(h))
        # Log variance, shift and log width, and the steps from one quantile to the next.
        self.head = nn.Parameter(torch.zeros(config.members, config.width, h * (2 + q)))
        self.bias = nn.Parameter(torch.zeros(config.members, h * (2 + q)))

    def learn_scale(self, centre: Tensor, spread: Tensor, seen: Tensor | None = None) -> None:
        """Take what raw inputs are standardised by, (k,) each, and which of them the trunk may see.

        An input that begins after training would meet weights that nothing has taught.
        """
        if seen is not None:
            self.seen.copy_(seen)
        self.centre.copy_(centre)
        self.spread.copy_(spread)

    def begin(self, coefficients: Tensor) -> None:
        """Take the linear log variance, (k + 1, h): constants, then coefficients of standardised inputs."""
        self.constant.copy_(coefficients[0])
        self.weight.copy_(coefficients[1:].T)

    def shape(self, quantiles: Tensor) -> None:
        """Take the quantiles of changes in units of the root of the linear model's variance, (h, q)."""
        steps = quantiles.diff().clamp(min=LEAST_STEP)
        self.base_middle.copy_(quantiles[:, self.middle])
        self.base_steps.copy_(steps)

    def linear(self, inputs: Tensor) -> Tensor:
        """Return the linear part of the log variance at raw inputs, (N, h)."""
        return nn.functional.linear(self.standardised(inputs), self.weight, self.constant)

    def standardised(self, inputs: Tensor) -> Tensor:
        """Return inputs, (N, k), in deviations from the mean, missing ones at it."""
        return ((inputs - self.centre) / self.spread).clamp(-FAR, FAR).nan_to_num(0.0)

    def forward(self, batch: Batch, *, last: bool = False) -> Tensor:
        """Answer at every bar, in the order of the gathered records, or at the last bar of each window."""
        assert batch.records is not None
        near = batch.records.gathered()
        x = self.standardised(near.numbers[:, : self.config.inputs])
        ends = near.starts + near.lengths - 1
        place = torch.arange(near.longest, device=x.device) < near.lengths[:, None]  # (B, T)
        padded, times = x.new_zeros(*place.shape, x.shape[1]), near.times.new_zeros(place.shape)
        padded[place], times[place] = x * self.seen, near.times
        mixed = self.backbone(padded, times, near.lengths)[place]  # (N, W)
        if last:
            x, mixed = x[ends], mixed[ends]
        return self._answer(x, torch.cat([x * self.seen, mixed], 1))

    def _answer(self, x: Tensor, seen: Tensor) -> Tensor:
        horizons, levels = len(self.config.horizons), len(self.config.levels)
        raw = torch.baddbmm(self.bias[:, None], self.trunk(seen), self.head).transpose(0, 1)  # (N, K, O)
        raw = raw.view(*raw.shape[:2], horizons, 2 + levels)
        base = nn.functional.linear(x, self.weight, self.constant)
        variance = (base[:, None] + STIFF * raw[..., 0]).clamp(-WIDEST, WIDEST)  # (N, K, h)
        # The width follows the variance and may leave it; quantiles alone do not pull at the variance.
        width = (0.5 * variance.detach() + self.width + self.pull * raw[..., 2]).clamp(-WIDEST, WIDEST).exp()
        steps = nn.functional.softplus(self.pull[:, None] * raw[..., 3:] + _inverse_softplus(self.base_steps))
        up = steps[..., self.middle :].cumsum(-1)
        down = -steps[..., : self.middle].flip(-1).cumsum(-1).flip(-1)
        middle_of = self.shift + STILL / STIFF * self.pull * raw[..., 1]
        middle = torch.zeros_like(variance)[..., None]
        units = torch.cat([down, middle, up], -1) + (self.base_middle + middle_of)[..., None]  # (N, K, h, q)
        return torch.cat([variance[..., None], width[..., None] * units], -1)

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return pinball loss plus QLIKE, the mean over members, of what is known."""
        assert batch.records is not None
        numbers = batch.records.gathered().numbers[:, self.config.inputs :]
        change, variance = torch.split(numbers, len(self.config.horizons), 1)  # (N, h) each
        return self._pinball(output[..., 1:], change) + self._qlike(output[..., 0], variance)

    def _pinball(self, quantiles: Tensor, change: Tensor) -> Tensor:
        known = change.isfinite()
        gap = torch.where(known, change, 0.0)[:, None, :, None] - quantiles  # (N, K, h, q)
        losses = torch.maximum(self.level * gap, (self.level - 1) * gap)
        # Tails are met seldom; without a weight the middle would decide alone.
        weight = (self.level * (1 - self.level)).rsqrt()
        each = (losses * weight).mean(-1).mean(1)  # (N, h)
        return _mean_of(each * self.pull / STIFF, known)

    def _qlike(self, log: Tensor, variance: Tensor) -> Tensor:
        known = variance.isfinite()
        ratio = torch.where(known, variance, 1.0)[:, None] * (-log).exp()
        return _mean_of((ratio + log).mean(1), known)

    @torch.no_grad()
    def judge(self, batch: Batch) -> float:
        """Return the loss of the members' mean on held-out windows."""
        was = self.training
        self.eval()
        total, count = 0.0, 0
        for part in _parts(batch):
            output = self(part).mean(1, keepdim=True)
            total += float(self.loss(output, part)) * len(part)
            count += len(part)
        self.train(was)
        return total / max(count, 1)

    @torch.no_grad()
    def predict(self, batch: Batch) -> Tensor:
        """Return the members' mean at the last bar of each window, (B, h, 1 + q)."""
        self.eval()
        found = [self(part, last=True).mean(1) for part in _parts(batch)]
        return torch.cat(found)

    @torch.no_grad()
    def answers(self, batch: Batch) -> Tensor:
        """Return the members' mean at every bar of every window, (N, h, 1 + q)."""
        self.eval()
        return torch.cat([self(part).mean(1) for part in _parts(batch)])

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return the matrices between hidden layers."""
        inner = [*self.backbone.parameters(), *self.trunk.parameters()]
        return [p for p in inner if p.ndim == 2 and min(p.shape) > self.config.members]

    @contextmanager
    def computing_in(self, dtype: torch.dtype) -> Iterator[None]:
        """Compute in single precision whatever is asked for: changes of a variance are small."""
        yield


def batch_of(records: Records) -> Batch:
    """Return windows as a batch, whose rows have nothing but records."""
    nothing = torch.empty(len(records), 0)
    return Batch(nothing, nothing.int(), records=records)


def _parts(batch: Batch) -> list[Batch]:
    starts = range(0, max(len(batch), 1), SCORING_WINDOWS)
    return [batch.rows(slice(s, s + SCORING_WINDOWS)) for s in starts]


def _mean_of(values: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, values, 0.0).sum() / known.sum().clamp(min=1)


def _student(levels: tuple[float, ...]) -> Tensor:
    """Return the quantiles of Student's t of unit variance."""
    from scipy.stats import t

    unit = math.sqrt((FREEDOM - 2) / FREEDOM)
    return torch.tensor(t.ppf(levels, FREEDOM) * unit, dtype=torch.float32)


def _inverse_softplus(values: Tensor) -> Tensor:
    return values + (-(-values).expm1()).log()
