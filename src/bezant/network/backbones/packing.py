"""Records of a ragged batch side by side, without the padding: what works record by record works on these."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

SHORT = 64
"""Histories up to this length stand in one group: attention over them costs less than another call."""

LEAST_REAL = 0.85
"""Least share of records among the positions that a padded group of :func:`alike` computes."""


def alike(lengths: list[int], share: float = LEAST_REAL) -> list[list[int]]:
    """Return places of histories in groups, of whose padded positions at least a share are records.

    Parameters
    ----------
    lengths : list of int
        Records of each history; those without any are left out.
    share : float, default 0.85
        From 0 to 1.

    Returns
    -------
    list of list of int
        From the longest histories to the shortest; within a group in the order of the batch.
    """
    groups: list[list[int]] = []
    longest = total = 0
    for place in sorted((i for i, n in enumerate(lengths) if n), key=lambda i: -lengths[i]):
        fits = groups and total + lengths[place] >= share * longest * (len(groups[-1]) + 1)
        if not fits:
            groups.append([])
            longest, total = lengths[place], 0
        groups[-1].append(place)
        total += lengths[place]
    return [sorted(group) for group in groups]


@dataclass(frozen=True)
class Group:
    """``count`` histories of similar length that follow each other, ``longest`` records at most.

    Attributes
    ----------
    tokens : slice
        Their records among the packed ones, n of them.
    index : int64 tensor, shape (n,), or None
        Where the records stand in a padded (count * longest) layout; None if they fill it.
    lengths : int64 tensor, shape (count,)
        Records of each.
    """

    tokens: slice
    count: int
    longest: int
    index: Tensor | None
    lengths: Tensor

    def pad(self, tokens: Tensor) -> Tensor:
        """Spread packed records (N, ...) to (count, longest, ...), zeros where there is none."""
        tokens = tokens[self.tokens]
        rows = self.count * self.longest
        spread = tokens if self.index is None else _Spread.apply(tokens, self.index, rows)  # type: ignore[no-untyped-call]
        return spread.view(self.count, self.longest, *tokens.shape[1:])

    def unpad(self, padded: Tensor) -> Tensor:
        """Take the records (n, ...) out of (count, longest, ...)."""
        rows = padded.flatten(0, 1)
        return rows if self.index is None else _Pick.apply(rows, self.index)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Packing:
    """Where the N records of a right-padded batch stand; made once a batch.

    Records of a history follow each other. Histories follow in the order of the batch, or of their length's
    group where lengths differ much (see :data:`SHORT`).

    Attributes
    ----------
    shape : (int, int)
        B and T.
    lengths : int64 tensor, shape (B,)
        Records of each history.
    index : int64 tensor, shape (N,), or None
        Where each record stands in the flat (B * T) batch; None if nothing is padded and the order is the
        batch's.
    history, position : int64 tensors, shape (N,)
        Its history, and its place in it.
    groups : tuple of Group
        What attention works on.
    """

    shape: tuple[int, int]
    lengths: Tensor
    index: Tensor | None
    history: Tensor
    position: Tensor
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, lengths: Tensor, longest: int) -> Packing:
        """Lay out histories of these lengths, int64 (B,), in a batch of T = ``longest`` positions.

        Raises
        ------
        ValueError
            If a length is negative or above T.
        """
        known = lengths.tolist()  # the one wait for the device
        if known and not 0 <= min(known) <= max(known) <= longest:
            raise ValueError(f"lengths are from {min(known)} to {max(known)}, not within 0 and {longest}")
        keys = [_group_of(n) for n in known]
        order = sorted(range(len(known)), key=keys.__getitem__)  # stable: the batch's where all are alike
        device = lengths.device
        ordered = torch.tensor(order, dtype=torch.int64, device=device)
        sizes = lengths.index_select(0, ordered)
        history = ordered.repeat_interleave(sizes, output_size=sum(known))
        position = _counting(sizes, sum(known))
        whole = min(known, default=longest) == longest
        groups, first = [], 0
        start = 0
        for _, members in groupby(order, key=keys.__getitem__):
            own = [known[i] for i in members]
            groups.append(
                _group(slice(first, first + sum(own)), own, sizes[start : start + len(own)], position)
            )
            first, start = first + sum(own), start + len(own)
        return cls(
            shape=(len(known), longest),
            lengths=lengths,
            index=None if whole else history * longest + position,
            history=history,
            position=position,
            groups=tuple(group for group in groups if group.longest),
        )

    def pack(self, padded: Tensor) -> Tensor:
        """Take the records (N, ...) out of a batch (B, T, ...)."""
        rows = padded.flatten(0, 1)
        return rows if self.index is None else _Pick.apply(rows, self.index)  # type: ignore[no-untyped-call]

    def reversed(self, padded: Tensor) -> Tensor:
        """Reverse each history within its own length, (B, T, ...); padding stays where it is."""
        batch, longest = self.shape
        places = torch.arange(longest, device=padded.device).expand(batch, -1)
        mirror = self.lengths[:, None] - 1 - places
        index = (
            torch.where(mirror < 0, places, mirror)
            + longest * torch.arange(batch, device=padded.device)[:, None]
        )
        turned: Tensor = _Pick.apply(padded.flatten(0, 1), index.flatten())  # type: ignore[no-untyped-call]
        return turned.view_as(padded)

    def unpack(self, tokens: Tensor) -> Tensor:
        """Put records (N, ...) back into a batch (B, T, ...), exact zeros where there is none."""
        rows = self.shape[0] * self.shape[1]
        spread = tokens if self.index is None else _Spread.apply(tokens, self.index, rows)  # type: ignore[no-untyped-call]
        return spread.view(*self.shape, *tokens.shape[1:])


def _group_of(length: int) -> int:
    """Lengths of a group differ by less than a factor of two, above :data:`SHORT`."""
    return max(length - 1, SHORT - 1).bit_length()


def _counting(sizes: Tensor, total: int) -> Tensor:
    """Count 0, 1, 2, ... within stretches of these sizes, (N,)."""
    begins = sizes.cumsum(0) - sizes
    return torch.arange(total, device=sizes.device) - begins.repeat_interleave(sizes, output_size=total)


def _group(tokens: slice, own: list[int], sizes: Tensor, position: Tensor) -> Group:
    longest = max(own)
    index: Tensor | None = None
    if min(own) < longest:
        rows = torch.arange(len(own), device=sizes.device) * longest
        index = rows.repeat_interleave(sizes, output_size=sum(own)) + position[tokens]
    return Group(tokens, len(own), longest, index, sizes)


class _Pick(torch.autograd.Function):
    """Rows at places that differ. The usual gradient of indexing adds up row by row; here it is a copy."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.rows = len(rows)
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return _spread(grads[0], index, ctx.rows), None


class _Spread(torch.autograd.Function):
    """Rows put at places that differ, zeros elsewhere: the inverse of :class:`_Pick`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor, total: int) -> Tensor:
        ctx.save_for_backward(index)
        return _spread(rows, index, total)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (index,) = ctx.saved_tensors
        return grads[0].index_select(0, index), None, None


def _spread(rows: Tensor, index: Tensor, total: int) -> Tensor:
    return rows.new_zeros(total, *rows.shape[1:]).index_copy_(0, index, rows)
