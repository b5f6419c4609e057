"""A trained network as it is scored: everything that does not depend on the row is done beforehand.

A member's scalings are folded into its matrices. The first layer is linear in the row's vector, so that a
code's whole contribution to it can be a table of its own (codes x K W numbers): one addition instead of a
matrix product, for as many code columns as fit into :data:`TABLE_BYTES`. The answers are the network's, to
rounding (the tests compare them), at a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from bezant.network.additive import AdditiveMember
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldEmbedding
from bezant.network.fields.folding import FoldedFields, fold_fields
from bezant.network.model import Network

TABLE_BYTES = 32 << 20
"""Most memory of the codes' contributions to the first layer: beyond a processor's cache they gain none."""

ROWS = 1_024
"""Rows scored at once: large enough for the matrix products, small enough for the cache."""

FEW_ROWS = 64
"""With fewer, starting one product a member costs more than copying the rows for a batched one."""


@dataclass(frozen=True)
class FoldedNetwork:
    """A network's matrices and tables; tensors of the network may be shared.

    Attributes
    ----------
    fields : FoldedFields
        The fields of a row.
    source : tuple of Tensor
        The network's tensors.
    versions : tuple of int
        How often each had been changed in place when they were folded.
    tabled : Tensor, shape (T,)
        Code columns whose contribution to the first layer is a table.
    starts : Tensor, shape (T,)
        Where each begins in ``contributions``.
    contributions : Tensor, shape (codes, K * W)
        Of those codes; the first column's have the first layer's shift in them.
    mixed : tuple of int
        Places, in ``fields.codes``, of the other code columns: their vectors are multiplied.
    layers : tuple of (Tensor, Tensor)
        Matrices and shifts (K, W). The first layer's matrix is (D, K * W), its rows the fields' computed
        parts, then ``mixed``; the others are (K, D, W): one row is scored in half of the time so.
    head : torch.nn.Module
        The network's own, one of :mod:`bezant.network.heads`.
    additive : FoldedSum or None
        The additive member.
    """

    fields: FoldedFields
    source: tuple[Tensor, ...]
    versions: tuple[int, ...]
    tabled: Tensor
    starts: Tensor
    contributions: Tensor
    mixed: tuple[int, ...]
    layers: tuple[tuple[Tensor, Tensor], ...]
    head: Any
    additive: FoldedSum | None

    @classmethod
    @torch.no_grad()
    def of(cls, network: Network) -> FoldedNetwork:
        """Fold a trained network."""
        fields = fold_fields(network.fields)
        source = (*network.parameters(), *network.buffers())
        (first, shift), *others = network.trunk.folded()
        first = first[:, :, fields.order].flatten(0, 1)  # (K * W, D)
        widths = [table.shape[1] for table in fields.tables]
        computed = first.shape[1] - sum(widths)
        matrices = list(torch.split(first[:, computed:], widths, 1))
        tabled = _worth_a_table(fields.tables, len(first))
        mixed = tuple(place for place in range(len(widths)) if place not in tabled)
        sizes = torch.tensor([len(fields.tables[place]) for place in tabled], dtype=torch.int64)
        contributions = [fields.tables[place] @ matrices[place].T for place in tabled]
        if contributions:  # one addition less a row
            contributions[0] = contributions[0] + shift.flatten()
        weights = torch.cat([first[:, :computed], *(matrices[place] for place in mixed)], 1).T.contiguous()
        return cls(
            fields,
            source,
            tuple(tensor._version for tensor in source),
            torch.tensor([fields.codes[place] for place in tabled], dtype=torch.int64),
            sizes.cumsum(0) - sizes,
            torch.cat(contributions) if contributions else torch.empty(0, len(first)),
            mixed,
            (
                (weights, shift.detach()),
                *((w.detach().transpose(1, 2).contiguous(), b.detach()) for w, b in others),
            ),
            network.head,
            None if network.additive is None else FoldedSum.of(network.additive, network.fields),
        )

    @property
    def is_current(self) -> bool:
        """Whether the network has not been trained any further."""
        return all(t._version == seen for t, seen in zip(self.source, self.versions, strict=True))

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        """Return one answer a row, float32 (B,) or (B, T), computed in pieces that fit into the cache."""
        parts = [
            self._answers(batch.numbers[start : start + ROWS], batch.codes[start : start + ROWS])
            for start in range(0, max(len(batch), 1), ROWS)
        ]
        return torch.cat(parts)

    def _answers(self, numbers: Tensor, codes: Tensor) -> Tensor:
        hidden = torch.relu_(self._first_layer(numbers, codes))  # (B, K * W)
        members, width = self.layers[0][1].shape
        x = hidden.view(-1, members, width).transpose(0, 1)  # (K, B, W)
        for weights, shift in self.layers[1:]:
            x = torch.relu_(_members_apart(x, weights, shift))
        answers: Tensor = self.head.predict(self.head(x))
        return answers if self.additive is None else self.additive.mixed(answers, numbers, codes)

    def _first_layer(self, numbers: Tensor, codes: Tensor) -> Tensor:
        matrix, shift = self.layers[0]
        parts = self.fields.computed(numbers, codes)
        for place in self.mixed:
            parts.append(self.fields.tables[place].index_select(0, codes[:, self.fields.codes[place]].long()))
        flat = shift.flatten()
        if not len(self.tabled):
            return torch.addmm(flat, torch.cat(parts, 1), matrix)
        places = codes.index_select(1, self.tabled) + self.starts
        found = functional.embedding_bag(places, self.contributions, mode="sum")
        return found.addmm_(torch.cat(parts, 1), matrix) if parts else found


@dataclass(frozen=True)
class FoldedSum:
    """An additive member's numbers and tables.

    Attributes
    ----------
    member : AdditiveMember
        The network's own.
    fields : FoldedFields
        The fields of a row as what each adds to the log-odds.
    columns, starts : Tensor, shape (T,)
        Code columns, and where each begins in ``added``.
    added : Tensor, shape (codes, 1)
        What each code adds, its statistics included.
    """

    member: AdditiveMember
    fields: FoldedFields
    columns: Tensor
    starts: Tensor
    added: Tensor

    @classmethod
    def of(cls, member: AdditiveMember, fields: FieldEmbedding) -> FoldedSum:
        """Fold an additive member of a network with these fields."""
        folded = fold_fields(member.as_fields(fields))
        sizes = torch.tensor([len(table) for table in folded.tables], dtype=torch.int64)
        sums = [table.sum(1, keepdim=True) for table in folded.tables]
        return cls(
            member,
            folded,
            torch.tensor(folded.codes, dtype=torch.int64),
            sizes.cumsum(0) - sizes,
            torch.cat(sums) if sums else torch.empty(0, 1),
        )

    def mixed(self, answers: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        """Give the additive member its share of answers (B,)."""
        odds = self.member.intercept.expand(len(numbers))
        for part in self.fields.computed(numbers, codes):
            odds = odds + part.sum(1)
        if len(self.columns):
            places = codes.index_select(1, self.columns) + self.starts
            odds = odds + functional.embedding_bag(places, self.added, mode="sum")[:, 0]
        return self.member.mixed(answers, torch.sigmoid(odds))


def _members_apart(x: Tensor, weights: Tensor, shift: Tensor) -> Tensor:
    """Apply each member's own linear map: (K, B, W) to (K, B, W)."""
    if x.shape[1] < FEW_ROWS:
        return torch.baddbmm(shift[:, None], x, weights)
    y = torch.empty(len(weights), x.shape[1], weights.shape[2])
    for k in range(len(weights)):  # one product a member reads the strided rows as they are
        torch.addmm(shift[k], x[k], weights[k], out=y[k])
    return y


def _worth_a_table(tables: tuple[Tensor, ...], outputs: int) -> list[int]:
    """Return the code columns whose contributions are tabled: those that save most for their bytes."""
    chosen, left = [], TABLE_BYTES
    for place in sorted(range(len(tables)), key=lambda p: len(tables[p]) / tables[p].shape[1]):
        needed = len(tables[place]) * outputs * 4
        if needed <= left:
            chosen.append(place)
            left -= needed
    return sorted(chosen)
