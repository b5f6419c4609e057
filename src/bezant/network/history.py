"""The network that learns from unlabelled histories.

Six terms, each of which can be switched off. *fields*, *records*, *keys*: fields, whole records and
whole keys (a field in all records of a row) are hidden and predicted from what is left. *next*: at every
record, all fields of the next one and the time until then are predicted. *later*: at a moment drawn
within each row's time, whether the next record comes within each of some horizons; a row that stays
silent until it is looked at says so too, which the records that did come cannot say. *contrast*: two
random slices of one row's records are to have similar summaries, those of different rows different ones
(CoLES: Babaev et al. 2022, arXiv:2002.08232).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as functional
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from bezant.network.batch import Batch
from bezant.network.fields.numbers import quantile_edges
from bezant.network.heads.fields import LEAST_WIDTH, FieldHeads, FieldTargets, log_widths
from bezant.network.moments import at_moments, horizons_of, lasting
from bezant.network.overlapping import windows
from bezant.network.record_encoder import (
    AT_ONCE,
    MICROSECONDS,
    RecordEncoder,
    RecordsConfig,
    RecordSummary,
    learn_records,
    packed,
    summaries,
)
from bezant.network.records import Records, by_length

Term = Literal["fields", "records", "keys", "next", "later", "contrast"]
TERMS: tuple[Term, ...] = get_args(Term)

HIDING: tuple[Term, ...] = ("fields", "records", "keys")
"""The terms that hide something."""

HORIZONS = 8
"""Horizons of the term "later", in geometric steps from a short gap to the longest time that was seen."""

COMPONENTS = 32
"""Principal components of a summary that are learned, for those who have few labels."""

HALF_FROM = 8_000_000
"""Records times the width squared from which a processor computes products in half precision. A batch of
histories has another number of records each time, and to make a product in half precision ready for a new
number takes half a millisecond: pretraining on short histories took 2.3 times as long with it as without."""


class HistoryConfig(BaseModel):
    """Everything needed to build a HistoryNetwork again; its learned values are tensors.

    Parameters
    ----------
    records : RecordsConfig
        What reads the records; its fields are filled in by :func:`learn_history`.
    terms : tuple of {"fields", "records", "keys", "next", "later", "contrast"}
        What is learned; all if not given.
    classes : int, default 32
        Numbers, and the time to the next record, are predicted as one of so many quantile bins.
    fields_hidden, records_hidden, keys_hidden : float
        Shares of what the terms of these names hide: 15 % of the fields, 10 % of the records, 10 % of the
        keys.
    untouched : float, default 0.3
        Share of the rows of which nothing is hidden.
    temperature : float, default 0.1
        Of the contrast.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    records: RecordsConfig = RecordsConfig()
    terms: tuple[Term, ...] = TERMS
    classes: int = Field(default=32, ge=2)
    fields_hidden: float = Field(default=0.15, ge=0, lt=1)
    records_hidden: float = Field(default=0.10, ge=0, lt=1)
    keys_hidden: float = Field(default=0.10, ge=0, lt=1)
    untouched: float = Field(default=0.3, ge=0, le=1)
    temperature: float = Field(default=0.1, gt=0)

    @field_validator("terms")
    @classmethod
    def _some_term(cls, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        if not terms or len(set(terms)) < len(terms):
            raise ValueError(f"terms are some of {TERMS}, each once, not {terms}")
        return terms


class HistoryNetwork(nn.Module):
    """A :class:`RecordSummary` with what it takes to train it on histories alone.

    Notes
    -----
    Shape: a :class:`Batch` of B rows with records to the loss of the batch, a scalar.
    """

    bounds: Tensor
    gap_edges: Tensor
    horizons: Tensor

    def __init__(self, config: HistoryConfig, encoder: RecordEncoder | None = None) -> None:
        super().__init__()
        self.config = config
        encoder = encoder if encoder is not None else RecordEncoder(config.records)
        assert encoder.config.fields is not None
        fields = encoder.config.fields
        self.summary = RecordSummary(encoder)
        self.numbers, self.sizes = len(fields.n_bins), fields.cardinalities
        self.register_buffer("bounds", torch.zeros(self.numbers, config.classes + 1))
        self.register_buffer("gap_edges", torch.full((config.classes - 1,), torch.inf))
        horizons = encoder.config.horizons
        self.register_buffer("horizons", torch.arange(1, horizons + 1, dtype=torch.float64) * 86_400)
        self.start = nn.Parameter(torch.zeros(encoder.width))
        self.hidden = nn.Parameter(torch.randn(max(encoder.fields.width, 1)) * 0.02)
        self.next = FieldHeads(encoder.width, self.numbers, config.classes, self.sizes, gap=True)
        self.own = FieldHeads(encoder.width, self.numbers, config.classes, self.sizes, gap=False)
        self._dtype = torch.float32

    @property
    def encoder(self) -> RecordEncoder:
        """What reads the records."""
        return self.summary.encoder

    # ------------------------------------------------------------------------------------- training

    def forward(self, batch: Batch) -> Tensor:
        """Return the sum of the terms, each a mean in nats."""
        assert batch.records is not None
        near = self.encoder.near(batch.records)
        with self._precision(near):
            return self._losses(batch.records, near)

    def _losses(self, records: Records, near: Records) -> Tensor:
        terms, losses = self.config.terms, []
        hiding = any(term in terms for term in HIDING)
        if len(near.times) and (hiding or "next" in terms):
            targets = self.targets(near)
            vectors = self.encoder.embed(near)
            mask = self._mask(near) if hiding else None
            if mask is not None:
                vectors = torch.where(self._of_fields(mask), self.hidden, vectors)
            h = packed(self.encoder.mix(vectors, near), near)
            if "next" in terms:
                losses.append(self._next(h, near, targets).mean())
            if mask is not None and mask.any():
                some = mask.any(1).nonzero()[:, 0]
                found = self.own(h.index_select(0, some), targets.rows(some))
                chosen = mask.index_select(0, some)
                losses.append((found * chosen).sum() / chosen.sum())
        if "later" in terms:
            losses.append(self._later(records))
        if "contrast" in terms:
            losses.append(self._contrast(near))
        return torch.stack(losses).sum() if losses else self.start.sum() * 0

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the loss that :meth:`forward` has computed."""
        return output

    @torch.no_grad()
    def judge(self, batch: Batch) -> float:
        """Return the mean surprise of a field and the loss of the term "later"; without "next", of all terms.

        What is hidden and which moments are looked at is the same every time.
        """
        records, terms = batch.records, self.config.terms
        assert records is not None
        if "next" not in terms:
            return self._mean_of(records, lambda own: self._losses(own, self.encoder.near(own)))
        found = float(self.surprise(records).mean())
        return found + (self._mean_of(records, self._later) if "later" in terms else 0.0)

    def _mean_of(self, records: Records, loss: Callable[[Records], Tensor]) -> float:
        """Return the mean of a loss over all rows, with the same draws every time."""
        training = self.training
        self.eval()
        pieces = by_length(records.lengths.clamp(max=self.config.records.window), AT_ONCE)
        with torch.random.fork_rng(devices=[self.start.device] if self.start.is_cuda else []):
            torch.manual_seed(0)
            losses = [float(loss(records.rows(piece))) * len(piece) for piece in pieces]
        self.train(training)
        return sum(losses) / max(len(records), 1)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return the weight matrices between hidden layers."""
        return [p for n, p in self.encoder.backbone.named_parameters() if p.ndim == 2 and "input" not in n]

    @contextmanager
    def computing_in(self, dtype: torch.dtype) -> Iterator[None]:
        """Compute matrix products in another precision, where the machine does so faster."""
        before, self._dtype = self._dtype, dtype
        try:
            yield
        finally:
            self._dtype = before

    def _precision(self, near: Records) -> AbstractContextManager[Any]:
        """Return the context of one pass.

        The training loop stays inside :meth:`computing_in` for all its steps: one autocast for all of them
        would go on with the weights of the first, which it keeps in half precision until it ends.
        """
        large = self.start.is_cuda or len(near.times) * self.encoder.width**2 >= HALF_FROM
        half = self._dtype != torch.float32 and large
        return torch.autocast(self.start.device.type, self._dtype) if half else nullcontext()

    # ------------------------------------------------------------------------------------ the terms

    def targets(self, near: Records) -> FieldTargets:
        """Return the classes to predict of packed records."""
        values = self._values(near)
        # Bounds that are not needed stand where the highest is: what lies on it belongs to the first of them.
        inside = values.nan_to_num().clamp(self.bounds[:, 0], self.bounds[:, -1])
        places = torch.searchsorted(self.bounds[:, 1:-1].contiguous(), inside.T.contiguous()).T  # (N, P)
        bins = torch.where(values.isnan(), self.config.classes, places)
        gaps = torch.diff(near.times, prepend=near.times[:1]).double() / MICROSECONDS
        return FieldTargets(
            bins, near.codes.long(), torch.bucketize(gaps.clamp(min=0).log1p().float(), self.gap_edges)
        )

    def _values(self, near: Records) -> Tensor:
        """Return numbers in interquartile ranges from their median, (N, P)."""
        scale = self.encoder.fields.scale
        return (near.numbers - scale.centre) / scale.scale if self.numbers else near.numbers

    def within(self, near: Records, targets: FieldTargets) -> Tensor:
        """Return the negative log-density of numbers within their bins, (N, P): uniform, with heavy tails.

        Half of an outermost bin's probability lies beyond all that training saw, the less the further, in
        widths of that bin: the density adds up to one.
        """
        if not self.numbers:
            return near.numbers
        values = self._values(near)
        widths = self.bounds.diff(dim=1).clamp(min=LEAST_WIDTH)  # (P, K)
        known = targets.bins.clamp(max=self.config.classes - 1)
        width = widths.gather(1, known.T).T
        beyond = (values - self.bounds[:, -1]).clamp(min=0) + (self.bounds[:, 0] - values).clamp(min=0)
        outermost = (known == 0) | (self._upper(known) >= self.bounds[:, -1:].T)
        nats = width.log() + outermost * math.log(2.0) + 2 * (beyond / width).log1p()
        return torch.where(values.isnan(), 0.0, nats)

    def _upper(self, bins: Tensor) -> Tensor:
        """Return the upper bound of each bin (N, P)."""
        return self.bounds[:, 1:].gather(1, bins.T).T

    def _next(self, h: Tensor, near: Records, targets: FieldTargets) -> Tensor:
        """Return the negative log-likelihood of each record given those before it, by field, (N, F + 1)."""
        first = ~near.later()
        before = torch.cat([self.start[None].to(h.dtype), h[:-1]])
        context = torch.where(first[:, None], self.start.to(h.dtype), before)
        found: Tensor = self.next(context, targets)
        # The time of the first record is nobody's to predict.
        told = torch.ones_like(found)
        told[:, -1] = (~first).to(found.dtype)
        return found * told

    def _mask(self, near: Records) -> Tensor:
        """Draw what is hidden, bool (N, F)."""
        c, rows, n, device = self.config, len(near), len(near.times), near.times.device
        fields = self.numbers + len(self.sizes)
        row = torch.arange(rows, device=device).repeat_interleave(near.lengths, output_size=n)
        shares = {"fields": c.fields_hidden, "records": c.records_hidden, "keys": c.keys_hidden}
        shares |= {term: 0.0 for term in HIDING if term not in c.terms}
        single = torch.rand(n, fields, device=device) < shares["fields"]
        whole = torch.rand(n, 1, device=device) < shares["records"]
        keys = torch.rand(rows, fields, device=device) < shares["keys"]
        touched = torch.rand(rows, 1, device=device) >= c.untouched
        return (single | whole | keys.index_select(0, row)) & touched.index_select(0, row)

    def _of_fields(self, mask: Tensor) -> Tensor:
        """Spread a mask of fields (N, F) to the parts of a record's vector (N, D)."""
        chunks = self.encoder.fields.chunks
        if not chunks:
            return mask.new_zeros(len(mask), 1)
        sizes = torch.tensor(chunks, device=mask.device)
        return mask.repeat_interleave(sizes, 1, output_size=sum(chunks))

    def _contrast(self, near: Records) -> Tensor:
        """Tell slices of the same row from slices of others: InfoNCE of two slices a row."""
        rows = near.rows((near.lengths >= 2).nonzero()[:, 0])
        if len(rows) < 2:
            return self.start.sum() * 0
        left, right = (
            functional.normalize(self.summary.of_history(self._slice(rows)), dim=1) for _ in range(2)
        )
        like = left @ right.T / self.config.temperature
        same = torch.arange(len(rows), device=like.device)
        return (functional.cross_entropy(like, same) + functional.cross_entropy(like.T, same)) / 2

    def _later(self, records: Records) -> Tensor:
        """Ask, at a moment of each row's time, when the next record comes: log loss of what is known."""
        rows = records.rows(lasting(records))
        if not len(rows) or self.summary.forecast is None:
            return self.start.sum() * 0
        share = torch.rand(len(rows), device=rows.starts.device, dtype=torch.float64)
        known, wait, seen = at_moments(rows, share)
        logits = self.summary.raw(known)[:, -len(self.horizons) :]
        within = (wait[:, None] <= self.horizons) & seen[:, None]
        told = within | (wait[:, None] >= self.horizons)  # silence is known up to the row's own moment alone
        losses = functional.binary_cross_entropy_with_logits(logits, within.float(), reduction="none")
        return (losses * told).sum() / told.sum().clamp(min=1)

    @staticmethod
    def _slice(rows: Records) -> Records:
        """Draw a slice of each row, of a quarter of its records up to all."""
        share = 0.25 + 0.75 * torch.rand(len(rows), device=rows.starts.device)
        lengths = (share * rows.lengths).ceil().long().clamp(min=1)
        room = rows.lengths - lengths
        begin = (torch.rand(len(rows), device=rows.starts.device) * (room + 1)).long().clamp(max=room)
        starts = rows.starts + begin
        last = rows.times.index_select(0, starts + lengths - 1)
        return Records(rows.numbers, rows.codes, rows.times, starts, lengths, last)

    # -------------------------------------------------------------------------------------- reading

    @torch.no_grad()
    def surprise(self, records: Records) -> Tensor:
        """Return the negative log-likelihood of every record given those before it, in nats.

        Histories longer than the window are read in windows that overlap by half.

        Returns
        -------
        float32 tensor, shape (N, F + 1)
            Records in the order of the rows; the numbers, the categories, and the time since the record
            before, which counts 0 for the first.
        """
        training = self.training
        self.eval()
        pieces = windows(records.lengths, self.config.records.window)
        device = records.times.device
        found = torch.empty(int(records.lengths.sum()), self.next.fields, device=device)
        ends = records.lengths.cumsum(0) - records.lengths
        for part in by_length(pieces.lengths, AT_ONCE):
            row, begin, length, skip = (t.index_select(0, part) for t in pieces.tensors())
            own = Records(
                records.numbers,
                records.codes,
                records.times,
                records.starts.index_select(0, row) + begin,
                length,
                records.moments.index_select(0, row),
            ).gathered()
            h = packed(self.encoder.mix(self.encoder.embed(own), own), own)
            targets = self.targets(own)
            losses = self._next(h, own, targets)
            losses[:, : self.numbers] += self.within(own, targets)
            losses[:, -1] += log_widths(self.gap_edges)[targets.gaps] * own.later()
            place = torch.arange(len(losses), device=device) - own.starts.repeat_interleave(length)
            kept = place >= skip.repeat_interleave(length)
            into = (ends.index_select(0, row) + begin).repeat_interleave(length) + place
            found[into[kept]] = losses[kept].float()
        self.train(training)
        return found

    @torch.no_grad()
    def embed(self, records: Records, components: int | None = None) -> Tensor:
        """Return the summary of each row, float32 (B, R), or so many components of it."""
        return summaries(self.summary if components is None else self.summary.reduced(components), records)


def learn_history(records: Records, config: HistoryConfig) -> HistoryNetwork:
    """Build a HistoryNetwork for training records: learn scales, bins and classes, draw the weights."""
    assert config.records.fields is not None
    sizes = config.records.fields.cardinalities
    horizons = HORIZONS if "later" in config.terms else 0
    learned = {"horizons": horizons, "components": COMPONENTS, "forecast_first": horizons > 0}
    wished = config.records.model_copy(update=learned)
    encoder = learn_records(records, wished, sizes, config.classes)
    network = HistoryNetwork(config.model_copy(update={"records": encoder.config}), encoder)
    near = encoder.near(records)
    if network.numbers:
        for row, edges in zip(
            network.bounds, quantile_edges(network._values(near), config.classes), strict=True
        ):
            row.fill_(edges[-1])
            row[: len(edges)] = edges
    gaps = torch.diff(near.times, prepend=near.times[:1]).double() / MICROSECONDS
    inside = near.later()
    if inside.any():
        known = gaps[inside].clamp(min=0).log1p().float()[:, None]
        inner = quantile_edges(known, config.classes)[0][1:-1]
        network.gap_edges[: len(inner)] = inner
    targets = network.targets(near)
    for heads in (network.next, network.own):
        heads.start_at(targets, inside)
    if len(network.horizons):
        network.horizons.copy_(horizons_of(records, gaps[inside], len(network.horizons)))
    return network
