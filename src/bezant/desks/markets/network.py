"""The large model of markets in the protocol of the traditional ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bezant.histories.market import MEMORY, Bars, Features, best_variance, market_features
from bezant.network.backbones import BackboneConfig, BackboneKind
from bezant.network.market import MarketNetwork, MarketNetworkConfig, batch_of
from bezant.network.records import Records
from bezant.network.sizes import SizeName
from bezant.schema.words import listed
from bezant.traditional.markets import HORIZONS, LEVELS, MarketForecast
from bezant.traditional.markets.pooled import LinearVariance, of_volatility, variance_targets
from bezant.traditional.markets.tails import shortfall_of, up_of
from bezant.traditional.model import refuse_unfitted
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.types import AnyArray, BoolArray, FloatArray, InputError, IntArray

FEWEST = 250
HELD_OUT = 0.15
"""Share of the times, the last ones, that choose the epoch, and learn weights and corrections."""
STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 400, 6, 60


OFTEN = 0.5
"""Share of bars at which an input must be known for the trunk to see it; the linear part sees all."""


@dataclass(frozen=True)
class MarketShape:
    """Width of the backbone, and members, width and depth of the trunk."""

    backbone: int
    members: int
    width: int
    depth: int = 2


MARKET_SIZES: dict[SizeName, MarketShape] = {
    "tiny": MarketShape(16, 4, 32),
    "small": MarketShape(32, 8, 64),
    "base": MarketShape(96, 16, 128),
    "large": MarketShape(320, 32, 512),
    "xl": MarketShape(1024, 32, 1536, 4),
}
"""Far smaller than elsewhere: ten thousand days hold little, and most of it is noise."""


@dataclass(frozen=True, eq=False)
class MarketExamples:
    """What the network reads at each of m bars.

    Attributes
    ----------
    names : tuple of str
        k inputs.
    inputs : float32 array of shape (m, k)
    scale : float64 array of shape (m,)
        Volatility that changes are measured in.
    """

    names: tuple[str, ...]
    inputs: npt.NDArray[np.float32]
    scale: FloatArray

    def __post_init__(self) -> None:
        if self.inputs.shape != (len(self.scale), len(self.names)):
            raise InputError(
                f"Inputs of the shape {self.inputs.shape} do not fit {len(self.scale)} bars and "
                f"{len(self.names)} names."
            )

    @classmethod
    def of(cls, seen: Features) -> MarketExamples:
        """Take features as they are."""
        return cls(seen.names, seen.values, seen.scale.astype(np.float64))

    def targets(self, bars: Bars, horizons: Sequence[int], scales: Mapping[str, float]) -> FloatArray:
        """Return changes and variances, at the level of squared returns, in units of volatility, (m, 2 h)."""
        changes = [bars.ahead(h) / (self.scale * np.sqrt(h)) for h in horizons]
        level = np.array([scales.get(str(name), 1.0) for name in bars.assets])[bars.owner]
        variances = variance_targets(bars, self.scale, horizons) * level[:, None]
        return np.column_stack([*changes, variances])


class MarketDeep:
    """One network over all assets, trained by pinball loss and QLIKE on every bar of every window.

    The last 15 % of times choose the epoch; what ends in them is not trained on.

    Parameters
    ----------
    backbone : {"rnn", "cnn", "transformer"}, default "rnn"
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
    window : int, default 64
        Bars read at once; features look back on a year from each of them.
    training : TrainingConfig, optional
    random_state : int, default 0
    """

    key: ClassVar[str] = "market_network"
    name: ClassVar[str] = "Large model"

    def __init__(
        self,
        *,
        backbone: BackboneKind = "rnn",
        size: SizeName = "small",
        window: int = 64,
        training: TrainingConfig | None = None,
        random_state: int = 0,
    ) -> None:
        self.backbone, self.size, self.window = backbone, size, window
        self.training, self.random_state = training, random_state

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Train on all bars but the last ones, which stop it."""
        refuse_unlearnable(bars, horizons)
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        examples = MarketExamples.of(market_features(bars))
        self.names_, self.cut_ = examples.names, cut_of(bars)
        self.scales_ = return_scales(bars, bars.time < self.cut_)
        targets = examples.targets(bars, self.horizons_, self.scales_)
        early = ended_before(bars, self.cut_, self.horizons_)
        known = np.tile(early, (1, 2))
        late = bars.time >= self.cut_
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.network_ = MarketNetwork(self._config())
        self._start(examples, np.where(known, targets, np.nan))
        rows = self._windows(bars, examples, np.where(known, targets, np.nan), bars.time < self.cut_)
        held_out = self._windows(bars, examples, np.where(late[:, None], targets, np.nan), late)
        self.history_: TrainingRun = train(
            self.network_, batch_of(rows), batch_of(held_out), self._training(len(rows))
        )
        self.notes_: tuple[str, ...] = (
            f"Trained on {int(early[:, 0].sum())} bars before {_day(self.cut_)}; the {int(late.sum())} from "
            f"then on chose epoch {self.history_.best_epoch} of {len(self.history_.epochs)}.",
            *self.history_.notes,
        )
        return self

    def learn_level(self, bars: Bars) -> Self:
        """Solve the linear part again on all bars, beside what the trunk adds, which stays.

        The last times, which chose the epoch, are a sixth of what there is to learn from, and the nearest.
        """
        refuse_unfitted(self, "network_", "The large model")
        examples = MarketExamples.of(market_features(bars))
        targets = examples.targets(bars, self.horizons_, self.scales_)[:, len(self.horizons_) :]
        windows, places = self._whole(bars, examples)
        found = self.network_.answers(batch_of(windows))[..., 0].double().numpy()
        inputs = torch.from_numpy(examples.inputs[places])
        added = found - self.network_.linear(inputs).double().numpy()
        linear = LinearVariance.solve(
            examples.inputs[places], targets[places], of_volatility(self.names_), added, scale=self._scale()
        )
        self.network_.begin(torch.from_numpy(linear.coefficients).float())
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Answer from the window of bars that ends at each origin."""
        refuse_unfitted(self, "network_", "The large model")
        rows = np.asarray(rows)
        near, places = trimmed(bars, rows, self.window + MEMORY)
        examples = MarketExamples.of(market_features(near))
        self._refuse_other(examples, places)
        output = self.network_.predict(batch_of(self._ending_at(near, examples, places))).double().numpy()
        scale, spans = examples.scale[places][:, None], np.sqrt(np.asarray(self.horizons_, np.float64))
        unit = scale * spans
        quantiles = output[..., 1:] * unit[..., None]
        return MarketForecast(
            rows,
            self.horizons_,
            self.levels_,
            mean_of(quantiles, self.levels_),
            np.exp(output[..., 0]) * unit**2,
            quantiles,
            shortfall_of(quantiles, self.levels_),
            up_of(quantiles, self.levels_),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of the network."""
        return dict(self.network_.state_dict())

    def document(self) -> dict[str, Any]:
        """Return everything else as JSON-ready values."""
        return {
            "network": self.network_.config.model_dump(mode="json"),
            "names": list(self.names_),
            "scales": self.scales_,
            "cut": str(self.cut_),
            "notes": list(self.notes_),
        }

    def read(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> Self:
        """Take over what :meth:`tensors` and :meth:`document` gave."""
        config = MarketNetworkConfig.model_validate(document["network"])
        self.network_ = MarketNetwork(config)
        self.network_.load_state_dict(dict(tensors))
        self.network_.eval()
        self.horizons_, self.levels_ = config.horizons, config.levels
        self.names_, self.scales_ = tuple(document["names"]), dict(document["scales"])
        self.cut_, self.notes_ = np.datetime64(document["cut"]), tuple(document["notes"])
        return self

    def _config(self) -> MarketNetworkConfig:
        shape = MARKET_SIZES[self.size]
        heads = {"heads": max(shape.backbone // 32, 1)} if self.backbone == "transformer" else {}
        depth = {"rnn": 1, "cnn": 6, "transformer": 2}[self.backbone]
        return MarketNetworkConfig(
            inputs=len(self.names_),
            horizons=self.horizons_,
            levels=self.levels_,
            backbone=BackboneConfig(kind=self.backbone, width=shape.backbone, depth=depth, **heads),
            members=shape.members,
            width=shape.width,
            depth=shape.depth,
        )

    def _training(self, windows: int) -> TrainingConfig:
        batch = min(max(windows // 20, 4), 32)
        epochs = min(max(round(STEPS * batch / windows), FEWEST_EPOCHS), MOST_EPOCHS)
        given = self.training or TrainingConfig(learning_rate=0.002, averaging=0.99)
        return given.model_copy(
            update={
                "seed": self.random_state,
                "batch_size": given.batch_size or batch,
                "max_epochs": given.max_epochs or epochs,
                "patience": given.patience or max(4, epochs // 8),
            }
        )

    def _start(self, examples: MarketExamples, targets: AnyArray) -> None:
        """Solve the linear model that training begins at, and measure changes in units of its volatility."""
        count = len(self.horizons_)
        usable = known_inputs(examples)
        linear = LinearVariance.solve(
            examples.inputs[usable], targets[usable, count:], of_volatility(self.names_)
        )
        network = self.network_
        often = np.isfinite(examples.inputs[usable]).mean(axis=0) >= OFTEN
        network.learn_scale(*(torch.from_numpy(v) for v in (linear.centre, linear.spread, often)))
        network.begin(torch.from_numpy(linear.coefficients))
        units = targets[usable, :count] / np.exp(0.5 * linear.logarithm(examples.inputs[usable]))
        quantiles = [np.quantile(own[np.isfinite(own)], self.levels_) for own in units.T]
        network.shape(torch.from_numpy(np.stack(quantiles)))

    def _scale(self) -> tuple[FloatArray, FloatArray]:
        return self.network_.centre.double().numpy(), self.network_.spread.double().numpy()

    def _whole(self, bars: Bars, examples: MarketExamples) -> tuple[Records, IntArray]:
        """Return windows side by side of all bars whose inputs are known, and the rows in their order."""
        usable = known_inputs(examples)
        starts, lengths = [], []
        for span in bars.spans():
            inside = np.flatnonzero(usable[span])
            if not len(inside):
                continue
            begins = np.arange(span.start + int(inside[0]), span.stop, self.window)
            starts.append(begins)
            lengths.append(np.minimum(begins + self.window, span.stop) - begins)
        begin, count = np.concatenate(starts), np.concatenate(lengths)
        places = np.concatenate([np.arange(s, s + n) for s, n in zip(begin, count, strict=True)])
        return _records(bars, examples.inputs, begin, count), places

    def _windows(self, bars: Bars, examples: MarketExamples, targets: AnyArray, wanted: BoolArray) -> Records:
        """Return windows that overlap by half and together hold the wanted bars of each asset."""
        starts, lengths = [], []
        for span in bars.spans():
            inside = np.flatnonzero(wanted[span])
            if not len(inside):
                continue
            first, last = span.start + int(inside[0]), span.start + int(inside[-1]) + 1
            for end in range(last, first, -(self.window // 2)):
                begin = max(end - self.window, span.start)
                starts.append(begin)
                lengths.append(end - begin)
        return _records(
            bars, np.column_stack([examples.inputs, targets]), np.array(starts), np.array(lengths)
        )

    def _ending_at(self, bars: Bars, examples: MarketExamples, rows: IntArray) -> Records:
        starts = np.maximum(rows - self.window + 1, bars.offsets[bars.owner[rows]])
        return _records(bars, examples.inputs, starts, rows + 1 - starts)

    def _refuse_other(self, examples: MarketExamples, rows: IntArray) -> None:
        if examples.names != self.names_:
            raise InputError(
                f"The large model learned from {len(self.names_)} inputs but the bars give "
                f"{len(examples.names)}; fit it again on bars with these columns."
            )
        lost = int((~np.isfinite(examples.scale[rows])).sum())
        if lost:
            raise InputError(
                f"The volatility is not known at {lost} of {len(rows)} origins; give more bars before them."
            )


def known_inputs(examples: MarketExamples) -> BoolArray:
    """Return whether the volatility and the last move of a bar are known, shape (m,)."""
    last = examples.inputs[:, examples.names.index("variance_1")]
    return np.asarray(np.isfinite(examples.scale) & np.isfinite(last))


def refuse_unlearnable(bars: Bars, horizons: Sequence[int]) -> None:
    """Raise an :class:`~bezant.types.InputError` if the longest history is too short or nothing moves."""
    sizes, fewest = np.diff(bars.offsets), FEWEST + max(horizons)
    if sizes.max() < fewest:
        longest = str(bars.assets[int(np.argmax(sizes))])
        raise InputError(
            f"The large model needs {fewest} bars of an asset but the longest history, that of {longest!r}, "
            f"has {sizes.max()}; leave combine=False (--alone) out: traditional models answer without it."
        )
    refuse_still(bars)


def refuse_still(bars: Bars) -> None:
    """Raise an :class:`~bezant.types.InputError` if nothing moves."""
    if not np.nan_to_num(bars.returns).any():
        raise InputError(
            f"Nothing moves in the {len(bars)} bars of {listed(map(str, bars.assets))}: each close is the "
            "one before; name the column of prices or values."
        )


def cut_of(bars: Bars, share: float = HELD_OUT) -> np.datetime64:
    """Return the first of the last times, a share of all distinct ones."""
    times = np.unique(bars.time)
    cut: np.datetime64 = times[int(len(times) * (1 - share))]
    return cut


def ended_before(bars: Bars, cut: np.datetime64, horizons: Sequence[int]) -> BoolArray:
    """Return whether the horizons from a bar had ended before a time, shape (m, h): the purge."""
    ends = bars.offsets[1:][bars.owner]
    rows = np.arange(len(bars))
    columns = []
    for horizon in horizons:
        inside = rows + horizon < ends
        columns.append(inside & (bars.time[np.where(inside, rows + horizon, rows)] < cut))
    return np.stack(columns, axis=1)


def trimmed(bars: Bars, rows: IntArray, memory: int) -> tuple[Bars, IntArray]:
    """Return the bars that answers at some rows may look at, and where the rows stand among them.

    Of every asset, asked for or not, since features are of all bars of a time.
    """
    first, last = bars.time[rows].min(), bars.time[rows].max()
    parts = []
    for span in bars.spans():
        time = bars.time[span]
        begin = max(int(np.searchsorted(time, first)) - memory, 0)
        parts.append(np.arange(span.start + begin, span.start + np.searchsorted(time, last, side="right")))
    kept = np.concatenate(parts)
    return bars.take(kept), np.searchsorted(kept, rows)


def return_scales(bars: Bars, early: BoolArray) -> dict[str, float]:
    """Return each asset's mean squared return over its mean variance by the sharpest measure."""
    squares, variance = bars.returns**2, best_variance(bars)
    found = {}
    for asset, span in zip(bars.assets, bars.spans(), strict=True):
        kept = early[span] & np.isfinite(squares[span] + variance[span])
        total = float(variance[span][kept].sum())
        found[str(asset)] = float(squares[span][kept].sum()) / total if total > 0 else 1.0
    return found


def mean_of(quantiles: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Return the mean of a distribution with straight lines between quantiles, shape (...)."""
    share = np.concatenate([[0.0], levels, [1.0]])
    weight = np.diff(share)
    edges = np.concatenate([quantiles[..., :1], quantiles, quantiles[..., -1:]], axis=-1)
    mean: FloatArray = ((edges[..., 1:] + edges[..., :-1]) / 2 * weight).sum(axis=-1)
    return mean


def _records(bars: Bars, numbers: AnyArray, starts: IntArray, lengths: IntArray) -> Records:
    times = torch.from_numpy(bars.time.astype("datetime64[us]").astype(np.int64))
    begin, count = torch.from_numpy(starts), torch.from_numpy(lengths)
    moments = times[begin + count - 1] if len(begin) else times[:0]
    values = torch.from_numpy(np.ascontiguousarray(numbers, np.float32))
    return Records(values, torch.zeros(len(values), 0, dtype=torch.int32), times, begin, count, moments)


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))
