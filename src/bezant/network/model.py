"""The network: FieldEmbedding, then trunk, then head; built from its configuration alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from bezant.network.additive import AdditiveMember
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig, FieldEmbedding, learn_fields
from bezant.network.fields.numbers import EdgeSpacing
from bezant.network.fields.streamed import Pieces, StreamedFields, learn_fields_in_pieces
from bezant.network.heads.binary import BinaryHead
from bezant.network.heads.demand import COUNT, DemandHead
from bezant.network.heads.fraction import FractionHead
from bezant.network.heads.hazard import HazardHead, martingale_residuals
from bezant.network.heads.severity import SeverityHead
from bezant.network.record_encoder import (
    RecordEncoder,
    RecordsConfig,
    RecordSummary,
    learn_records,
    summaries,
)
from bezant.network.records import Records, by_length
from bezant.network.sizes import SIZES, SizeName
from bezant.network.trunks.mlp import MLPTrunk
from bezant.network.trunks.tabm import TabMTrunk

TrunkName = Literal["mlp", "tabm"]
HeadName = Literal["binary", "severity", "fraction", "hazard", "demand"]
Head = BinaryHead | SeverityHead | FractionHead | HazardHead | DemandHead

SCORING_RECORDS = 65_536
"""Records scored at once, padding included."""

SCORING_ROWS = 16_384
"""Rows scored at once: large enough for the matrix products, small enough to stay in memory."""


STANDARDISED_ON = 2_000
"""Rows over which the summary of records is brought to mean 0 and standard deviation 1."""


class NetworkConfig(BaseModel):
    """Everything needed to build a network again; its learned values are tensors.

    Parameters
    ----------
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
        A row of :data:`bezant.network.sizes.SIZES`.
    trunk : {"tabm", "mlp"}, default "tabm"
        What mixes the fields.
    head : {"binary", "severity", "fraction", "hazard", "demand"}, default "binary"
        What is predicted.
    periods : int, default 1
        Number T of periods of the hazard head; the others have one answer a row.
    dropout : float, default 0.3
        Share of a block's units left out of each training step.
    groups : int, default 1
        Of a TabM trunk: groups of members that share no weights; a small table's ensemble of seeds.
    dealt : int, default 1
        Of a TabM trunk: parts that a batch is dealt into in training, each read by members of its own (as
        Wen et al. 2020 train theirs), so that a step costs that much less; a divisor of the members' number.
    width, depth : int, optional
        Of the trunk's blocks, and their number; those of the size if not given.
    bins : int, optional
        Most bins of a number; those of the size if not given.
    spacing : {"even", "tails"}, default "even"
        Of the bins' edges; see :func:`bezant.network.fields.numbers.quantile_edges`.
    additive : bool, default False
        Of the binary head: whether an additive logistic regression of the same fields has a share of the
        answer; see :mod:`bezant.network.additive`.
    further : int, default 0
        Numbers that the additive member reads beside those of the fields: components of a frozen summary.
    fields : FieldConfig, optional
        Filled in by :func:`learn_network`, as ``further`` is.
    records : RecordsConfig, optional
        Of rows that have records: how these are read; its fields are filled in too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: SizeName = "small"
    trunk: TrunkName = "tabm"
    head: HeadName = "binary"
    periods: int = 1
    dropout: float = 0.3
    groups: int = Field(default=1, ge=1)
    dealt: int = Field(default=1, ge=1)
    width: int | None = Field(default=None, ge=1)
    depth: int | None = Field(default=None, ge=1)
    bins: int | None = Field(default=None, ge=1)
    spacing: EdgeSpacing = "even"
    additive: bool = False
    further: int = Field(default=0, ge=0)
    fields: FieldConfig | None = None
    records: RecordsConfig | None = None


class Network(nn.Module):
    """A network over the fields of a row.

    Notes
    -----
    Shape: a :class:`Batch` of B rows to the members' raw outputs, (B, K) or (B, K, T). Scoring is in single
    precision; training may compute the trunk in bfloat16 (:meth:`computing_in`).
    """

    def __init__(
        self,
        config: NetworkConfig,
        fields: FieldEmbedding | None = None,
        records: RecordSummary | None = None,
    ) -> None:
        super().__init__()
        if config.fields is None:
            raise ValueError("a network is built from a configuration whose fields are known")
        if config.additive and config.head != "binary":
            raise ValueError(
                f"an additive member answers with a probability, which the head {config.head!r} does not"
            )
        size = SIZES[config.size]
        self.config = config
        self.fields = fields if fields is not None else FieldEmbedding(config.fields)
        self.records = records
        if config.records is not None and records is None:
            self.records = RecordSummary(RecordEncoder(config.records))
        chunks = self.fields.chunks + ([self.records.width] if self.records is not None else [])
        width_in = sum(chunks)
        width, depth = config.width or size.width, config.depth or size.depth
        self.trunk: MLPTrunk | TabMTrunk
        if config.trunk == "tabm":
            self.trunk = TabMTrunk(
                width_in,
                chunks=chunks,
                members=size.members,
                width=width,
                depth=depth,
                dropout=config.dropout,
                groups=config.groups,
            )
        else:
            self.trunk = MLPTrunk(width_in, width=width, depth=depth, dropout=config.dropout)
        if self.trunk.members % config.dealt:
            raise ValueError(
                f"a batch cannot be dealt into {config.dealt} parts among {self.trunk.members} members"
            )
        self.head = make_head(config, self.trunk.members, self.trunk.width)
        # Drawn after all others, so that their weights are those of a network without it.
        self.additive = AdditiveMember(self.fields.config, config.further) if config.additive else None
        self._dtype = torch.float32

    def forward(self, batch: Batch) -> Tensor:
        """Return the members' raw outputs; in training, those of the members that read the row."""
        x = self.embed(batch).to(self._dtype)
        if self.training and self.config.dealt > 1:
            if batch.records is None:
                return self._dealt(x)
            # Rows come by their number of records: no member is to read the short histories only.
            order = torch.randperm(len(x), device=x.device)
            return self._dealt(x[order])[order.argsort()]
        return self.head(self.trunk(x))  # type: ignore[no-any-return]

    def _dealt(self, x: Tensor) -> Tensor:
        """Return raw outputs (B, K / dealt) or (B, K / dealt, T) of rows that are dealt to the members."""
        parts, rows = self.config.dealt, len(x)
        own, length = self.trunk.members // parts, -(-rows // parts)
        if rows % parts:  # what fills the last part is computed and left aside
            x = x[torch.arange(parts * length, device=x.device) % rows]
        read = x.view(parts, 1, length, -1).expand(-1, own, -1, -1).flatten(0, 1)  # (K, B / dealt, D)
        return torch.cat(self.head(self.trunk(read)).split(own, 1))[:rows]

    def embed(self, batch: Batch) -> Tensor:
        """Return what the trunk reads of each row, its fields and the summary of its records, (B, D)."""
        fields: Tensor = self.fields(batch)
        if self.records is None:
            return fields
        if batch.summary is not None:
            return torch.cat([fields, batch.summary], 1)
        if batch.records is None:
            raise ValueError("this network reads records, but the batch has none")
        return torch.cat([fields, self.records(batch.records)], 1)

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the training loss of a batch that carries its target."""
        assert batch.target is not None
        return self.head.loss(output, batch.target, batch.weight)

    def judge(self, batch: Batch) -> float:
        """Return the loss of the one answer a row, over rows of any number."""
        assert batch.target is not None
        return float(self.head.judge(self.predict(batch), batch.target, batch.weight))

    @torch.no_grad()
    def predict(self, batch: Batch) -> Tensor:
        """Return one answer a row, float32 (B,) or (B, T), computed in pieces of bounded size."""
        members, own = self.apart(batch)
        return members if self.additive is None else self.additive.mixed(members, own)

    @torch.no_grad()
    def apart(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the answers of the trained members and of the additive one, float32 (B,) or (B, T) each.

        Without an additive member both are the same.
        """
        training = self.training
        self.eval()
        if self.additive is not None and self.additive.further and batch.summary is None:
            assert self.records is not None and batch.records is not None
            batch = replace(batch, summary=summaries(self.records, batch.records))
        if batch.summary is not None:  # all that is read of the records
            batch = replace(batch, records=None)
        if batch.records is not None:
            members = self._predict_by_length(batch, batch.records)
        else:
            members = torch.cat([self.head.predict(self(piece)) for piece in _pieces(batch)])
        own = members
        if self.additive is not None:
            own = torch.cat([self._added_up(piece) for piece in _pieces(batch)])
        self.train(training)
        return members, own

    def _predict_by_length(self, batch: Batch, records: Records) -> Tensor:
        """Score rows of similar length together."""
        assert self.config.records is not None
        window = self.config.records.window
        pieces = by_length(records.lengths.clamp(max=window), SCORING_RECORDS)
        found = torch.cat([self.head.predict(self(batch.rows(piece))) for piece in pieces])
        order = torch.cat(pieces)
        return torch.empty_like(found).index_copy_(0, order, found)

    def _added_up(self, batch: Batch) -> Tensor:
        assert self.additive is not None
        return torch.sigmoid(self.additive(self._additive_numbers(batch), self.fields.embedded_codes(batch)))

    def _additive_numbers(self, batch: Batch) -> Tensor:
        """Return the numbers that an additive member reads, (B, N): of the fields, then of the summary."""
        numbers = self.fields.scaled(batch)
        if self.additive is None or not self.additive.further:
            return numbers
        assert batch.summary is not None
        return torch.cat([numbers, batch.summary], 1)

    def solve_additive(self, rows: Batch) -> None:
        """Fit the additive member, if there is one, to training rows with statistics of other folds."""
        if self.additive is not None:
            assert rows.target is not None
            codes = self.fields.embedded_codes(rows)
            self.additive.learn(self._additive_numbers(rows), codes, rows.target, rows.weight)

    def give_share(self, share: float) -> None:
        """Set the additive member's share of the answer; nothing where there is none."""
        if self.additive is not None:
            self.additive.share.fill_(share)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return the weight matrices between hidden layers: what the optimizer muon is made for."""
        return [p for p in self.trunk.parameters() if p.ndim == 2 and p.shape[0] > self.trunk.members]

    @contextmanager
    def computing_in(self, dtype: torch.dtype) -> Iterator[None]:
        """Compute trunk and head in another precision for a while; parameters stay as they are."""
        before, self._dtype = self._dtype, dtype
        try:
            yield
        finally:
            self._dtype = before


def _pieces(batch: Batch) -> list[Batch]:
    """Return the rows in pieces of bounded size; an empty batch is one piece."""
    starts = range(0, max(len(batch), 1), SCORING_ROWS)
    return [batch.rows(slice(s, s + SCORING_ROWS)) for s in starts]


def make_head(config: NetworkConfig, members: int, width: int) -> Head:
    """Return the head that a configuration names."""
    if config.head == "hazard":
        return HazardHead(members, width, config.periods)
    plain: dict[str, type[BinaryHead | SeverityHead | FractionHead | DemandHead]] = {
        "binary": BinaryHead,
        "severity": SeverityHead,
        "fraction": FractionHead,
        "demand": DemandHead,
    }
    return plain[config.head](members, width)


def learn_network(
    batch: Batch, folds: Tensor, config: NetworkConfig, records: RecordSummary | None = None
) -> tuple[Network, Batch]:
    """Build a network for training rows: learn its statistics, draw its weights.

    Parameters
    ----------
    batch : Batch
        All training rows with their target.
    folds : int64 tensor, shape (n,)
        Folds for out-of-fold target statistics.
    config : NetworkConfig
        With ``fields`` as wished; bins are filled in.
    records : RecordSummary, optional
        A pretrained one to start from; what of it is not to be trained is said by its parameters.

    Returns
    -------
    Network, Batch
        The network, and the rows with their out-of-fold statistics, ready for training.
    """
    assert batch.target is not None
    wished, size = _wished(config), SIZES[config.size]
    target = batch.target
    single = replace(batch, target=_one_number(target, config))
    fields, rows = learn_fields(single, folds, wished, config.bins or size.bins, config.spacing)
    if batch.records is not None and records is None:
        wish = config.records
        assert wish is not None and wish.fields is not None
        encoder = learn_records(batch.records, wish, wish.fields.cardinalities, config.bins or size.bins)
        records = RecordSummary(encoder)
    if batch.records is not None and records is not None:
        read = records.encoder.config
        further = read.kept or 0 if read.forecast_first else 0
        config = config.model_copy(update={"records": read, "further": further})
        records.standardise(batch.records.rows(slice(0, STANDARDISED_ON)))
        if not any(p.requires_grad for p in records.parameters()):
            rows = replace(rows, summary=summaries(records, batch.records))
    network, rows = _started(config, fields, target, records), replace(rows, target=target)
    network.solve_additive(rows)
    return network, rows


def learn_network_in_pieces(
    pieces: Pieces, n_folds: int, sample: Batch, folds: Tensor, config: NetworkConfig
) -> tuple[Network, StreamedFields]:
    """Build a network for more training rows than fit into memory; not for the hazard head.

    Parameters
    ----------
    pieces, n_folds, sample, folds
        As of :func:`bezant.network.fields.streamed.learn_fields_in_pieces`.
    config : NetworkConfig
        With ``fields`` as wished; bins are filled in.

    Returns
    -------
    Network, StreamedFields
        The network, and what its fields were learned as.
    """
    assert sample.target is not None and config.head != "hazard"
    bins = config.bins or SIZES[config.size].bins
    learned = learn_fields_in_pieces(pieces, n_folds, sample, folds, _wished(config), bins, config.spacing)
    network = _started(config, learned.fields, sample.target)
    if config.additive:
        network.solve_additive(replace(sample, statistics=learned.out_of_fold(sample, folds)))
    return network, learned


def _one_number(target: Tensor, config: NetworkConfig) -> Tensor:
    """Return one number a row (B,), as statistics of categories need it."""
    if config.head == "hazard":
        return martingale_residuals(target, config.periods)
    return target[:, COUNT] if config.head == "demand" else target


def _wished(config: NetworkConfig) -> FieldConfig:
    assert config.fields is not None
    size = SIZES[config.size]
    widths = {"number_width": size.number_width, "category_width": size.category_width}
    return config.fields.model_copy(update=widths)


def _started(
    config: NetworkConfig, fields: FieldEmbedding, target: Tensor, records: RecordSummary | None = None
) -> Network:
    """Return a network whose answer to every row is the mean of the target."""
    network = Network(config.model_copy(update={"fields": fields.config}), fields, records)
    if isinstance(network.head, HazardHead | FractionHead | DemandHead):
        network.head.start_at(target)
    else:
        network.head.start_at(float(target.mean()))
    return network
