"""A causal network over a customer's events that gives each product's chance of coming next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from bezant.network.backbones import BackboneConfig, make_backbone
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig, FieldEmbedding
from bezant.network.next_item.softmax import softmax_loss
from bezant.network.record_encoder import fields_of, padded_rows
from bezant.network.records import Records, by_length

SCORING_RECORDS = 8192
"""Records, padding included, that are read at once when scoring."""


class NextItemConfig(BaseModel):
    """Everything needed to build a NextItem again; its learned values are tensors.

    Parameters
    ----------
    products : int
        Number p of products.
    backbone : BackboneConfig
        What mixes the events; causal.
    fields, profile : FieldConfig, optional
        Of an event's fields beside the product, and of the customer's profile; None where there are none.
    window : int, default 200
        At most so many of a customer's latest events are read.
    recency : float, default 0
        Share of a position's weight in the loss that grows with its place: the last of a window weighs 1, the
        first ``1 - recency``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    products: int = Field(ge=1)
    backbone: BackboneConfig = BackboneConfig()
    fields: FieldConfig | None = None
    profile: FieldConfig | None = None
    window: int = Field(default=200, ge=1)
    recency: float = Field(default=0.0, ge=0, le=1)


class NextItem(nn.Module):
    """Product embedding and other fields, a causal backbone, and the full softmax at every position.

    The first code column of the records is the product's number. The answer before the first event comes
    from the profile alone. Vectors of products are shared between what is read and what is predicted.

    Notes
    -----
    Shape: a :class:`Batch` with records of B rows to queries (N, W): one for each record that counts. The
    batch's ``target``, if there is one, says for each row how many of its leading records are context alone
    and count as no examples.
    """

    def __init__(
        self,
        config: NextItemConfig,
        fields: FieldEmbedding | None = None,
        profile: FieldEmbedding | None = None,
    ) -> None:
        super().__init__()
        if not config.backbone.causal:
            raise ValueError("the next product is predicted by a causal backbone")
        self.config = config
        self.fields = fields if fields is not None or config.fields is None else FieldEmbedding(config.fields)
        self.profile = (
            profile if profile is not None or config.profile is None else FieldEmbedding(config.profile)
        )
        width = config.backbone.shape.width
        self.products = nn.Embedding(config.products, width)
        nn.init.normal_(self.products.weight, std=width**-0.5)
        self.backbone = make_backbone(config.backbone, width + (self.fields.width if self.fields else 0))
        self.start = nn.Parameter(torch.zeros(width))
        self.of_profile = nn.Linear(self.profile.width, width) if self.profile else None
        self.bias = nn.Parameter(torch.zeros(config.products))

    # --------------------------------------------------------------------------------- queries

    def forward(self, batch: Batch) -> Tensor:
        """Return the query of each record that counts, made of what came before it."""
        assert batch.records is not None
        lengths = batch.records.lengths
        counted = _counted(lengths, batch.target)
        # nothing comes after the last record, so that it need not be read
        read = replace(batch.records, lengths=(lengths - 1).clamp(min=0))
        mixed, _ = self._mixed(replace(batch, records=read))
        before = torch.cat([self._first(batch)[:, None], mixed], 1)[:, : counted.shape[1]]
        if self.of_profile is not None and self.profile is not None:
            before[:, 1:] = before[:, 1:] + self.of_profile(self.profile(batch))[:, None]
        return before.flatten(0, 1).index_select(0, counted.flatten().nonzero()[:, 0])

    def next(self, batch: Batch) -> Tensor:
        """Return the query of what comes after each row's last record, (B, W)."""
        mixed, near = self._mixed(batch)
        first = self._first(batch)
        if not near.longest:
            return first
        rows = torch.arange(len(near), device=mixed.device)
        last = mixed[rows, (near.lengths - 1).clamp(min=0)]
        if self.of_profile is not None and self.profile is not None:
            last = last + self.of_profile(self.profile(batch))
        return torch.where(near.lengths[:, None] > 0, last, first)

    def _mixed(self, batch: Batch) -> tuple[Tensor, Records]:
        assert batch.records is not None
        near = batch.records.gathered()
        vectors = self.products(near.codes[:, 0])  # (N, W)
        if self.fields is not None:
            other = self.fields(Batch(near.numbers, near.codes[:, 1:]))
            vectors = torch.cat([vectors, other], 1)
        return self.backbone(padded_rows(vectors, near), padded_rows(near.times, near), near.lengths), near

    def _first(self, batch: Batch) -> Tensor:
        first = self.start.expand(len(batch), -1)
        if self.of_profile is None or self.profile is None:
            return first
        return first + self.of_profile(self.profile(batch))  # type: ignore[no-any-return]

    # ------------------------------------------------------------------------ training and scoring

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the records that count, weighted by their places."""
        assert batch.records is not None
        near = batch.records.gathered()
        counted = _counted(near.lengths, batch.target)
        products = padded_rows(near.codes[:, 0].long(), near)[counted]
        place = counted.cumsum(1) / counted.sum(1, keepdim=True).clamp(min=1)
        weight = (1 - self.config.recency * (1 - place))[counted].to(output.dtype)
        weight = weight / weight.sum().clamp(min=1e-9)
        return softmax_loss(output, self.products.weight, self.bias, products, weight)

    @torch.no_grad()
    def judge(self, batch: Batch) -> float:
        """Return the mean cross-entropy of the records that count, over rows of any number."""
        training, total, number = self.training, 0.0, 0
        self.eval()
        assert batch.records is not None
        for piece in by_length(batch.records.lengths, SCORING_RECORDS):
            part = batch.rows(piece)
            queries = self(part)
            total += float(self.loss(queries, part)) * len(queries)
            number += len(queries)
        self.train(training)
        return total / max(number, 1)

    @torch.no_grad()
    def scores(self, batch: Batch) -> Tensor:
        """Return log-probabilities of every product as each row's next, (B, p)."""
        training = self.training
        self.eval()
        assert batch.records is not None
        batch = replace(batch, records=batch.records.latest(self.config.window), target=None)
        pieces = by_length(batch.records.lengths, SCORING_RECORDS)  # type: ignore[union-attr]
        found = torch.cat([self.next(batch.rows(piece)) for piece in pieces])
        queries = torch.empty_like(found).index_copy_(0, torch.cat(pieces), found)
        self.train(training)
        return torch.addmm(self.bias, queries, self.products.weight.T).log_softmax(1)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return the weight matrices of the backbone: what the optimizer muon is made for."""
        return [p for p in self.backbone.parameters() if p.ndim == 2 and p.shape[0] > 1]

    @contextmanager
    def computing_in(self, dtype: torch.dtype) -> Iterator[None]:
        """Stay in single precision: a softmax over many products needs it, and the rest is small."""
        yield


def _counted(lengths: Tensor, context: Tensor | None) -> Tensor:
    """Return which places of the padded batch hold a record that counts, bool (B, T)."""
    longest = int(lengths.max()) if len(lengths) else 0
    places = torch.arange(longest, device=lengths.device)[None]
    counted = places < lengths[:, None]
    return counted if context is None else counted & (places >= context[:, None])


def learn_next_item(
    batch: Batch,
    config: NextItemConfig,
    cardinalities: tuple[int, ...] = (),
    of_profile: tuple[int, ...] = (),
    bins: int = 16,
) -> NextItem:
    """Build a NextItem for training rows: learn scales and bins, count products, draw the weights.

    Parameters
    ----------
    batch : Batch
        Training rows with their records; numbers and codes are the profile.
    config : NextItemConfig
        ``fields`` and ``profile`` are filled in.
    cardinalities : tuple of int
        Codes of each code column of the records but the product's.
    of_profile : tuple of int
        Codes of each code column of the profile.
    bins : int, default 16
        Most bins of a number.
    """
    assert batch.records is not None
    near = batch.records.gathered()
    own = near.numbers.shape[1] + len(cardinalities)
    fields = fields_of(near.numbers, cardinalities, bins) if own else None
    whole = batch.numbers.shape[1] + len(of_profile)
    profile = fields_of(batch.numbers, of_profile, bins) if whole else None
    config = config.model_copy(
        update={"fields": fields and fields.config, "profile": profile and profile.config}
    )
    network = NextItem(config, fields, profile)
    counts = torch.bincount(near.codes[:, 0].long(), minlength=config.products).float()
    with torch.no_grad():  # the first answer is how often each came
        network.bias.copy_((counts + 1).log() - (counts + 1).sum().log())
    return network
