"""From the records of a row to a vector a record, and one vector for all of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from bezant.network.backbones import BackboneConfig, LastAndMean, make_backbone
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig, FieldEmbedding
from bezant.network.fields.numbers import RobustScale, quantile_edges
from bezant.network.records import Records, by_length

AT_ONCE = 32_768
"""Records read at once where nothing is learned, padding included."""

MICROSECONDS = 1e6
LOG_SCALE = 10.0
"""Logarithms of seconds are divided by it: a day is 1.1, ten years are 2."""

FEW_VALUES = 64
"""Categories of at most this many values get short vectors, others long ones."""

SHORT, LONG = 8, 48

CLOCK = 3
"""Numbers of a summary that say how many records there are, and how long ago the last and the first were."""

HATS = 22
"""Piecewise-linear pieces of each of these for the forecast, a unit of the natural logarithm wide."""

COUNT_SCALE = 4.0
"""Logarithms of counts are divided by it."""

LEAST_SPREAD = 1e-3
"""What varies less over the training rows is not blown up to the size of the rest."""

LARGEST = 4.0
"""No number of a summary is further from its centre, in standard deviations, which few rows tell badly."""

KNOWN_ROWS = 50
"""For so many rows counts what pretraining knows of centre and spread."""

FORECAST_WIDTH = 64
"""Width of what turns a summary into the chances of a next record."""


class RecordsConfig(BaseModel):
    """Everything needed to build a RecordEncoder again; its learned values are tensors.

    Parameters
    ----------
    backbone : BackboneConfig
        What mixes the records.
    fields : FieldConfig, optional
        Filled in by :func:`learn_records`.
    window : int, default 512
        At most so many of the latest records of a row are read.
    horizons : int, default 0
        So many chances of a next record are a part of the summary; pretraining learns them.
    components : int, default 0
        So many principal components of the summary are known; pretraining learns them.
    kept : int, optional
        So many of them are the summary; if not given, all of its numbers are.
    forecast_first : bool, default False
        Whether the first component is that of what is forecast, as of all summaries since it is learned so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: BackboneConfig = BackboneConfig()
    fields: FieldConfig | None = None
    window: int = Field(default=512, ge=1)
    horizons: int = Field(default=0, ge=0)
    components: int = Field(default=0, ge=0)
    kept: int | None = Field(default=None, ge=1)
    forecast_first: bool = False


class RecordEncoder(nn.Module):
    """FieldEmbedding, then backbone: a vector for each record that knows the other records of its row.

    Notes
    -----
    Shape: :class:`Records` of B rows to (B, T, W), T records of the longest row, zeros where there is none.
    """

    def __init__(self, config: RecordsConfig, fields: FieldEmbedding | None = None) -> None:
        super().__init__()
        if config.fields is None:
            raise ValueError("a record encoder is built from a configuration whose fields are known")
        self.config = config
        self.fields = fields if fields is not None else FieldEmbedding(config.fields)
        self.backbone = make_backbone(config.backbone, max(self.fields.width, 1))
        self.width: int = self.backbone.width

    def near(self, records: Records) -> Records:
        """Return the records that are read, alone and in the order of the rows."""
        return records.latest(self.config.window).gathered()

    def embed(self, near: Records) -> Tensor:
        """Return the vectors of records by themselves, (N, D); what :meth:`near` gave goes in."""
        if not self.fields.width:  # a record of which only the time is known
            return torch.ones(len(near.times), 1, device=near.times.device)
        vectors: Tensor = self.fields(Batch(near.numbers, near.codes))
        return vectors

    def mix(self, vectors: Tensor, near: Records) -> Tensor:
        """Let the records of each row know each other: (N, D) to (B, T, W)."""
        longest = near.longest
        places = _padded_places(near, longest)
        x = _padded(vectors, places, len(near), longest)
        times = _padded(near.times, places, len(near), longest)
        return self.backbone(x, times, near.lengths)  # type: ignore[no-any-return]

    def forward(self, records: Records) -> Tensor:
        """Encode records."""
        near = self.near(records)
        return self.mix(self.embed(near), near)


class RecordSummary(nn.Module):
    """One vector a row: a RecordEncoder, the last vector beside the mean, how many records and how long ago.

    Where the configuration names horizons, the log-odds of a next record within each of them follow.

    Attributes
    ----------
    width : int
        Length R of the vector.
    centre, spread : float32 buffers, shape (R,)
        The vector is given in units of ``spread`` from ``centre``; 0 and 1 until :meth:`standardise`.
    axes : float32 buffer, shape (R, components)
        From there to components of variance 1; none unless they are learned.

    Notes
    -----
    Shape: :class:`Records` of B rows to (B, R).
    """

    centre: Tensor
    spread: Tensor
    axes: Tensor

    def __init__(self, encoder: RecordEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.last_and_mean = LastAndMean(encoder.width)
        own, horizons = self.last_and_mean.width + CLOCK, encoder.config.horizons
        whole, kept = own + horizons, encoder.config.kept
        self.width = whole if kept is None else kept
        self.forecast: nn.Module | None = None
        if horizons:
            self.forecast = nn.Sequential(
                nn.Linear(own + CLOCK * HATS, FORECAST_WIDTH),
                nn.SiLU(),
                nn.Linear(FORECAST_WIDTH, horizons),
            )
        self.register_buffer("centre", torch.zeros(whole))
        self.register_buffer("spread", torch.ones(whole))
        known = encoder.config.components
        self.register_buffer("axes", torch.zeros(whole, known), persistent=known > 0)

    def forward(self, records: Records) -> Tensor:
        """Summarise the records of each row."""
        found = ((self.raw(records) - self.centre) / self.spread).clamp(-LARGEST, LARGEST)
        kept = self.encoder.config.kept
        return found if kept is None else (found @ self.axes[:, :kept]).clamp(-LARGEST, LARGEST)

    def reduced(self, kept: int) -> RecordSummary:
        """Return a copy that gives so many principal components."""
        config = self.encoder.config.model_copy(update={"kept": min(kept, self.encoder.config.components)})
        found = RecordSummary(RecordEncoder(config))
        found.load_state_dict(self.state_dict())
        return found.train(self.training)

    def raw(self, records: Records) -> Tensor:
        """Return the summary in its own units, (B, R)."""
        own = self.of_history(records)
        if self.forecast is None:
            return own
        return torch.cat([own, self.forecast(torch.cat([own, _hats(own[:, -CLOCK:])], 1))], 1)

    def of_history(self, records: Records) -> Tensor:
        """Return the summary without what is forecast, (B, R - horizons)."""
        near = self.encoder.near(records)
        h = self.encoder.mix(self.encoder.embed(near), near)
        return torch.cat([self.last_and_mean(h, near.lengths), _clock(records)], 1)

    @torch.no_grad()
    def standardise(self, records: Records) -> None:
        """Bring each number of the vector to mean 0 and standard deviation 1 over these rows.

        A day more or less since the last record moves the clock by a hundredth of what it moves a unit of
        the backbone: without this, whoever reads the vector sees it last. What pretraining has found counts
        for some rows more, or a number that a few rows happen to share would be blown up.
        """
        found = _in_pieces(self, records, self.raw)
        if len(found) < 2:
            return
        known = KNOWN_ROWS if self.axes.any() else 0
        share = known / (known + len(found))
        centre = share * self.centre + (1 - share) * found.mean(0)
        own = found.var(0) + (found.mean(0) - centre).square()
        before = self.spread.square() + (self.centre - centre).square()
        self.centre.copy_(centre)
        self.spread.copy_((share * before + (1 - share) * own).sqrt().clamp(min=LEAST_SPREAD))

    @torch.no_grad()
    def learn_components(self, records: Records) -> None:
        """Learn the components of the vectors of these rows, after :meth:`standardise`.

        Where a next record is forecast, the first is the principal component of its log-odds: what few labels
        can learn from, and what the many numbers beside them would drown (docs/log.md). The others are
        principal components of what it leaves.
        """
        found = summaries(self, records).double()
        found = found - found.mean(0)
        horizons = self.encoder.config.horizons
        axes = found.new_zeros(found.shape[1], 0)
        if horizons:
            first = found.new_zeros(found.shape[1], 1)
            first[-horizons:, 0] = _directions(found[:, -horizons:])[0]
            axes = first if float((found @ first).std()) > LEAST_SPREAD else axes
        score = found @ axes  # (n, 0) or (n, 1)
        reached = score.T @ found / score.square().sum(0)[:, None]  # by what the first foretells the others
        rest = _directions(found - score @ reached)[: self.axes.shape[1] - axes.shape[1]].T
        axes = torch.cat([axes, rest - axes @ (reached @ rest)], 1)
        spread = (found @ axes).square().sum(0).div(max(len(found) - 1, 1)).sqrt()
        known = spread > LEAST_SPREAD
        count = int(known.sum())
        self.axes.zero_()
        self.axes[:, :count] = (axes[:, known] / spread[known]).float()


def _directions(values: Tensor) -> Tensor:
    """Return the principal directions of centred values (n, R), the one with most variance first."""
    right: Tensor = torch.linalg.svd(values, full_matrices=False)[2]
    return right


def summaries(summary: RecordSummary, records: Records) -> Tensor:
    """Return the summary of each of any number of rows, float32 (B, R)."""
    return _in_pieces(summary, records, summary)


@torch.no_grad()
def _in_pieces(summary: RecordSummary, records: Records, read: Callable[[Records], Tensor]) -> Tensor:
    training = summary.training
    summary.eval()
    pieces = by_length(records.lengths.clamp(max=summary.encoder.config.window), AT_ONCE)
    found = torch.cat([read(records.rows(piece)) for piece in pieces])
    summary.train(training)
    return torch.empty_like(found).index_copy_(0, torch.cat(pieces), found)


def _clock(records: Records) -> Tensor:
    """Return the logarithms of the count, of the seconds since the last and the first record, (B, 3)."""
    some = records.lengths > 0
    last = (records.starts + records.lengths - 1).clamp(min=0)
    first = torch.where(some, records.starts, 0)
    if not len(records.times):
        return torch.zeros(len(records), 3, device=records.starts.device)
    ends = torch.stack([records.times[last], records.times[first]], 1)
    seconds = (records.moments[:, None] - ends).clamp(min=0).double() / MICROSECONDS
    spans = torch.where(some[:, None], seconds.log1p() / LOG_SCALE, 0.0)
    count = records.lengths.double().log1p()[:, None] / COUNT_SCALE
    return torch.cat([count, spans], 1).float()


def _hats(clock: Tensor) -> Tensor:
    """Return where each logarithm of a clock (B, 3) lies between whole numbers, (B, 3 * HATS).

    A fifth of a unit decides between a customer who is late and one who is gone; as one number among the
    backbone's, the forecast would not see it.
    """
    logs = clock * clock.new_tensor([COUNT_SCALE, LOG_SCALE, LOG_SCALE])
    centres = torch.arange(HATS, device=clock.device, dtype=clock.dtype)
    return (1 - (logs[:, :, None] - centres).abs()).clamp(min=0).flatten(1)


def padded_rows(values: Tensor, near: Records) -> Tensor:
    """Spread packed values (N, ...) of records that lie in the order of the rows to (B, T, ...)."""
    return _padded(values, _padded_places(near, near.longest), len(near), near.longest)


def packed(h: Tensor, near: Records) -> Tensor:
    """Take the records (N, W) out of a padded batch (B, T, W)."""
    rows, longest = h.shape[:2]
    flat = h.flatten(0, 1)
    if rows * longest == len(near.times):
        return flat
    shift = torch.arange(rows, device=h.device) * longest - near.starts
    index = torch.arange(len(near.times), device=h.device)
    return flat.index_select(0, index + shift.repeat_interleave(near.lengths, output_size=len(index)))


def _padded_places(near: Records, longest: int) -> Tensor | None:
    """Return where each packed record stands in a padded batch; None if none is padded."""
    if len(near) * longest == len(near.times):
        return None
    rows = torch.arange(len(near), device=near.starts.device) * longest - near.starts
    shift = rows.repeat_interleave(near.lengths, output_size=len(near.times))
    return torch.arange(len(near.times), device=shift.device) + shift


def _padded(values: Tensor, places: Tensor | None, rows: int, longest: int) -> Tensor:
    if places is not None:
        spread = values.new_zeros(rows * longest, *values.shape[1:])
        values = spread.index_copy(0, places, values)
    return values.view(rows, longest, *values.shape[1:])


def learn_records(
    records: Records, config: RecordsConfig, cardinalities: tuple[int, ...], bins: int
) -> RecordEncoder:
    """Build a RecordEncoder for training records: learn scales and bins, draw the weights.

    Parameters
    ----------
    records : Records
        Of the training rows.
    config : RecordsConfig
        With the backbone as wished; the fields are filled in.
    cardinalities : tuple of int
        Codes of each code column.
    bins : int
        Most bins of a number.
    """
    near = records.latest(config.window).gathered()
    fields = fields_of(near.numbers, cardinalities, bins)
    return RecordEncoder(config.model_copy(update={"fields": fields.config}), fields)


def fields_of(numbers: Tensor, cardinalities: tuple[int, ...], bins: int) -> FieldEmbedding:
    """Build a FieldEmbedding without target statistics: learn scales and bins, draw the weights.

    Parameters
    ----------
    numbers : float32 tensor, shape (M, P)
        Raw numbers to learn from, NaN where missing.
    cardinalities : tuple of int
        Codes of each code column.
    bins : int
        Most bins of a number.
    """
    scale = RobustScale(numbers.shape[1])
    scale.learn(numbers)
    edges = quantile_edges(scale(numbers), bins)
    fields = FieldEmbedding(record_fields(tuple(len(e) - 1 for e in edges), cardinalities))
    fields.scale.load_state_dict(scale.state_dict())
    if fields.numbers is not None:
        fields.numbers.learn(edges)
    return fields


def record_fields(n_bins: tuple[int, ...], cardinalities: tuple[int, ...]) -> FieldConfig:
    """Return how records become vectors: numbers of so many bins, categories of so many codes."""
    long = max(cardinalities, default=0) > FEW_VALUES
    return FieldConfig(
        n_bins=n_bins,
        cardinalities=cardinalities,
        embedded=tuple(range(len(cardinalities))),
        number_width=SHORT,
        category_width=LONG if long else SHORT,
        most_pairs=0,
        most_ratios=0,
    )
