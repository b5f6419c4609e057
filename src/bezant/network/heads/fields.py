"""How likely a record's fields are: a class for each bin of a number and each value of a category."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

MANY_VALUES = 1000
"""Categories of more values are learned against shared negatives."""

NEGATIVES = 512
"""Values drawn a step that all records of a batch share."""

LOGITS_AT_ONCE = 1 << 24
"""Logits computed at once where all values of a large category are compared: 64 MB."""


LEAST_WIDTH = 1e-3
"""Narrower bins count as this wide."""

FEW_BINS = 4
"""With fewer bins of time their widths say nothing."""


@dataclass(frozen=True)
class FieldTargets:
    """Classes of N records.

    Attributes
    ----------
    bins : int64 tensor, shape (N, P)
        Of numbers; the last class is "missing".
    codes : int64 tensor, shape (N, C)
        Of categories.
    gaps : int64 tensor, shape (N,)
        Of the time since the record before.
    """

    bins: Tensor
    codes: Tensor
    gaps: Tensor

    def rows(self, index: Tensor) -> FieldTargets:
        """Return those of some records."""
        parts = (t.index_select(0, index) for t in (self.bins, self.codes, self.gaps))
        return FieldTargets(*parts)


class FieldHeads(nn.Module):
    """Negative log-likelihoods of all fields of records.

    Parameters
    ----------
    width : int
        W, of what is known.
    numbers, classes : int
        Number P of number columns, and the bins of each; "missing" is one more class.
    sizes : tuple of int
        Values of each of the C categories.
    gap : bool
        Whether the time since the record before is predicted too, in as many bins.

    Notes
    -----
    Shape: (N, W) and the targets to nats, (N, F) with F = P + C, plus 1 with the gap.
    """

    def __init__(self, width: int, numbers: int, classes: int, sizes: tuple[int, ...], *, gap: bool) -> None:
        super().__init__()
        self.numbers, self.classes, self.gap = numbers, classes, gap
        self.fields = numbers + len(sizes) + gap
        self.bins = nn.Linear(width, numbers * (classes + 1)) if numbers else None
        self.values = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        self.gaps = nn.Linear(width, classes) if gap else None

    def forward(self, h: Tensor, targets: FieldTargets) -> Tensor:
        """Return the negative log-likelihood of each field."""
        parts = []
        if self.bins is not None:
            logits = self.bins(h).view(len(h) * self.numbers, self.classes + 1)
            parts.append(_nats(logits, targets.bins.flatten()).view(len(h), self.numbers))
        for layer, codes in zip(self.values, targets.codes.T, strict=True):
            assert isinstance(layer, nn.Linear)
            parts.append(self._of_category(layer, h, codes)[:, None])
        if self.gaps is not None:
            parts.append(_nats(self.gaps(h), targets.gaps)[:, None])
        return torch.cat(parts, 1)

    @torch.no_grad()
    def start_at(self, targets: FieldTargets, later: Tensor) -> None:
        """Answer every record alike: with the frequencies of the values of these, before training.

        Learning them by gradient steps takes as long as short histories can be learned from at all: a network
        that begins with equal chances was never better than the frequencies when it stopped.

        Parameters
        ----------
        targets : FieldTargets
            Of training records.
        later : bool tensor, shape (N,)
            Those with a record before them, whose times since then count.
        """
        layers = [layer for layer in (self.bins, self.gaps, *self.values) if isinstance(layer, nn.Linear)]
        for layer in layers:
            layer.weight.zero_()
        if self.bins is not None:
            chances = [log_frequencies(column, self.classes + 1) for column in targets.bins.T]
            self.bins.bias.copy_(torch.cat(chances))
        for value, codes in zip(self.values, targets.codes.T, strict=True):
            assert isinstance(value, nn.Linear)
            value.bias.copy_(log_frequencies(codes, value.out_features))
        if self.gaps is not None:
            self.gaps.bias.copy_(log_frequencies(targets.gaps[later], self.classes))

    def _of_category(self, layer: nn.Linear, h: Tensor, codes: Tensor) -> Tensor:
        if layer.out_features <= MANY_VALUES:
            return _nats(layer(h), codes)
        if self.training:
            return _against_negatives(layer, h, codes)
        rows = max(LOGITS_AT_ONCE // layer.out_features, 1)
        pieces = zip(torch.split(h, rows), torch.split(codes, rows), strict=True)
        return torch.cat([_nats(layer(part), own) for part, own in pieces])


def log_frequencies(classes: Tensor, number: int) -> Tensor:
    """Return the logarithms of how often each class was seen, one added to each, float32 (number,)."""
    counts = torch.bincount(classes, minlength=number).double() + 1
    return (counts / counts.sum()).log().float()


def log_widths(edges: Tensor) -> Tensor:
    """Return the logarithms of the widths of the bins of the time since the record before, (K,).

    A bin holds as many records as any other, but those of a bin that is wide in log-seconds are rare for
    their time: what comes at once, above all. Widths are in interquartile ranges; the last bin, which has no
    end, is as wide as the one before.

    Parameters
    ----------
    edges : float32 tensor, shape (K - 1,)
        Between the bins, in ascending order, of log(1 + seconds); infinite where there are fewer bins.
    """
    known = edges[torch.isfinite(edges)]
    found = torch.zeros(len(edges) + 1, device=edges.device)
    if len(known) < FEW_BINS:
        return found
    scale = known[len(known) * 3 // 4] - known[len(known) // 4]
    widths = torch.diff(known, prepend=known.new_zeros(1)).clamp(min=LEAST_WIDTH)
    found[: len(known)] = (widths / scale.clamp(min=LEAST_WIDTH)).log()
    found[len(known) :] = found[len(known) - 1]
    return found


def _nats(logits: Tensor, classes: Tensor) -> Tensor:
    return functional.cross_entropy(logits.float(), classes, reduction="none")


def _against_negatives(layer: nn.Linear, h: Tensor, codes: Tensor) -> Tensor:
    """Estimate the softmax over many values from those of the batch and some drawn for all its records.

    A drawn value stands for as many as there are for each one drawn, so that the sum below the fraction
    is right on average (importance sampling: Jean et al. 2015, arXiv:1412.2007).
    """
    present, place = torch.unique(codes, return_inverse=True)
    absent = torch.ones(layer.out_features, dtype=torch.bool, device=h.device)
    absent[present] = False
    others = absent.nonzero()[:, 0]
    drawn = others[torch.randint(len(others), (NEGATIVES,), device=h.device)] if len(others) else others
    chosen = torch.cat([present, drawn])
    logits = functional.linear(h, layer.weight.index_select(0, chosen), layer.bias.index_select(0, chosen))
    logits = logits.float()
    if len(drawn):
        stands_for = torch.zeros(len(chosen), device=h.device)
        stands_for[len(present) :] = torch.log(torch.tensor(len(others) / len(drawn)))
        logits = logits + stands_for
    return functional.cross_entropy(logits, place, reduction="none")
