"""TabM: K members that share nearly all weights (Gorishniy et al. 2025, ICLR, arXiv:2410.24210).

Each member scales the inputs and outputs of the shared layers with vectors of its own (BatchEnsemble,
Wen et al. 2020), which is enough to make them disagree; their mean is better than any one of them.

The usual form scales the activations: three passes over (B, K, W) numbers a layer, all of them bound
by memory. Scaling is linear, so it may as well be done to the weights, once a step: member k's layer
is ``x @ (s_k * W * r_k).T + b_k``, and a layer is one batched matrix product, or a single wide one
where all members read the same input. In a small table's batch of 32 rows the activations are the
fewer numbers, and they are scaled. The result is the same
(the tests compare it with package ``tabm``); docs/log.md has what it saves.
"""

from __future__ import annotations

from collections.abc import Sequence

import tabm
import torch
from torch import Tensor, nn

PASSES = 3
"""Scaling matrices goes over their numbers about so many times as scaling rows does over theirs."""


class SharedLinear(nn.Module):
    """K linear maps that share one matrix, or one a group.

    Parameters
    ----------
    layers : sequence of tabm.LinearBatchEnsemble
        One a group, whose parameters, initialised, are taken over: weight (W, D), and for each of the
        group's members r (D,), s (W,), bias (W,).

    Notes
    -----
    Shape: (B, D) or (K, B, D) to (K, B, W).
    """

    def __init__(self, layers: Sequence[tabm.LinearBatchEnsemble]) -> None:
        super().__init__()
        first, *others = layers
        self.weight: Tensor = first.weight
        self.others = nn.ParameterList(layer.weight for layer in others)
        self.r, self.s, self.bias = (
            nn.Parameter(torch.cat([getattr(layer, name).detach() for layer in layers]))
            for name in ("r", "s", "bias")
        )

    def forward(
        self,
        x: Tensor,
        *,
        read: Tensor | None = None,
        made: Tensor | None = None,
        scale: Tensor | float | None = None,
    ) -> Tensor:
        """Apply all K maps, or parts of them.

        Parameters
        ----------
        x : tensor, shape (B, D) or (K, B, D')
            Inputs.
        read : int64 tensor, shape (K, D'), optional
            Which inputs ``x`` holds; all of them if not given.
        made : int64 tensor, shape (K, W'), optional
            Which outputs to compute; all of them if not given.
        scale : float or tensor, shape (K, W'), optional
            What the outputs are multiplied by.
        """
        r: Tensor = self.r
        s: Tensor = self.s
        bias: Tensor = self.bias
        if made is not None:
            s, bias = s.gather(1, made), bias.gather(1, made)
        if scale is not None:
            s, bias = s * scale, bias * scale
        if read is None and made is None and self.better_by_rows(x):
            return self._of_few_rows(x, s, bias)
        weights: Tensor = self._rows(made)
        if x.ndim == 2:
            return _of_shared_input(x, weights, r, s, bias)
        if read is not None:
            columns = read[:, None, :].expand(-1, len(self.weight) if made is None else made.shape[1], -1)
            weights, r = weights.expand(len(s), -1, -1).gather(2, columns), r.gather(1, read)
        weights = s[:, :, None] * weights * r[:, None, :]  # (K, W, D)
        return torch.baddbmm(
            bias[:, None, :].to(x.dtype), x.contiguous(), weights.to(x.dtype).transpose(1, 2)
        )

    def better_by_rows(self, x: Tensor) -> bool:
        """Whether rows (B, D) or (K, B, D) are so few that it is cheaper to scale them than the matrices."""
        outputs, inputs = self.weight.shape
        return x.shape[-2] * (inputs + outputs) <= PASSES * inputs * outputs

    def _of_few_rows(self, x: Tensor, s: Tensor, bias: Tensor) -> Tensor:
        """Apply all K maps by scaling the rows: a small table's batch has fewer numbers than the matrices."""
        groups = torch.stack([self.weight, *self.others]).to(x.dtype)  # (groups, W, D)
        scaled = (x * self.r[:, None, :].to(x.dtype)).contiguous()  # (K, B, D)
        members, rows, inputs = scaled.shape
        together = scaled.view(len(groups), members // len(groups) * rows, inputs)
        y = torch.bmm(together, groups.transpose(1, 2)).view(members, rows, s.shape[1])
        return torch.addcmul(bias[:, None].to(x.dtype), y, s[:, None].to(x.dtype))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return each map's own matrix and shift: (K, W, D) and (K, W)."""
        return self.s[:, :, None] * self._rows(None) * self.r[:, None, :], self.bias

    def _rows(self, made: Tensor | None) -> Tensor:
        """Return rows of the shared matrix, (1 or K, W', D), or of each member's group's."""
        if not len(self.others):
            return self.weight[None] if made is None else nn.functional.embedding(made, self.weight)
        groups = torch.stack([self.weight, *self.others])
        members = len(self.r) // len(groups)
        if made is None:
            return groups.repeat_interleave(members, 0)
        width = len(self.weight)
        first = width * torch.arange(len(groups), device=made.device).repeat_interleave(members)
        return nn.functional.embedding(made + first[:, None], groups.flatten(0, 1))


def _of_shared_input(x: Tensor, weights: Tensor, r: Tensor, s: Tensor, bias: Tensor) -> Tensor:
    """Apply all K maps as one matrix product: the wide first layer is where the time goes."""
    scaled = weights.to(x.dtype) * r[:, None, :].to(x.dtype)  # (K, W, D)
    y = nn.functional.linear(x, scaled.flatten(0, 1)).view(len(x), *s.shape)  # (B, K, W)
    return torch.addcmul(bias.to(x.dtype), y, s.to(x.dtype)).transpose(0, 1)  # (K, B, W)


class TabMTrunk(nn.Module):
    """A parameter-efficient ensemble of K perceptrons.

    Parameters
    ----------
    width_in : int
        Length D of a row's vector.
    chunks : list of int
        Lengths of the fields' parts of it; each member starts from a random weighting of *fields*.
    members, width, depth : int
        K, the width W of a block, the number of blocks.
    groups : int, default 1
        Members of a group share weights; groups share nothing. Where rows are few, groups are an
        ensemble of seeds in one forward pass; where they are many, they cost what as many networks cost.
    dropout : float
        Dropout rate in each block.

    Notes
    -----
    Shape: (B, D) to (K, B, W).
    """

    def __init__(
        self,
        width_in: int,
        *,
        chunks: list[int],
        members: int,
        width: int,
        depth: int,
        dropout: float,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.members, self.width = groups * members, width
        backbones = [
            tabm.make_tabm_backbone(
                d_in=width_in,
                n_blocks=depth,
                d_block=width,
                dropout=0.0,
                k=members,
                arch_type="tabm",
                start_scaling_init="normal",
                start_scaling_init_chunks=chunks,
            ).blocks
            for _ in range(groups)
        ]
        self.layers = nn.ModuleList(
            SharedLinear([block[0] for block in blocks]) for blocks in zip(*backbones, strict=True)
        )
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """Mix the row's fields, in K ways.

        Dropout leaves out the same units of a member for a whole batch (batchwise dropout, Graham et al.
        2015), a fixed number of them, so that between two blocks they need not be computed at all.
        """
        if not (self.training and self.dropout):
            for layer in self.layers:
                x = torch.relu(layer(x))
            return x
        if self.layers[0].better_by_rows(x):  # type: ignore[operator]
            for layer in self.layers:
                x = torch.relu(layer(x, scale=self._mask(x.device)))
            return x
        read: Tensor | None = None
        for layer in self.layers[:-1]:
            made = self._kept(x.device)
            x = torch.relu(layer(x, read=read, made=made, scale=self._scale))
            read = made
        # The head reads all units.
        return torch.relu(self.layers[-1](x, read=read, scale=self._mask(x.device)))

    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Return the members' matrices (K, W, D) and shifts (K, W), layer by layer; ReLU follows each."""
        return [layer.folded() for layer in self.layers]  # type: ignore[operator]

    @property
    def _number_kept(self) -> int:
        whole = 16 if self.width >= 128 else 1  # matrix units take no odd widths
        return max(whole, whole * round((1 - self.dropout) * self.width / whole))

    @property
    def _scale(self) -> float:
        return self.width / self._number_kept

    def _mask(self, device: torch.device) -> Tensor:
        """Draw what each member's units are multiplied by, (K, W)."""
        mask = torch.zeros(self.members, self.width, device=device)
        return mask.scatter_(1, self._kept(device), self._scale)

    def _kept(self, device: torch.device) -> Tensor:
        """Draw the units of each member that stay, int64 (K, W')."""
        return torch.rand(self.members, self.width, device=device).topk(self._number_kept).indices
