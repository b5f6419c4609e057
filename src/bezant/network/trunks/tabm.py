"""TabM: K members that share nearly all weights (Gorishniy et al. 2025, ICLR, arXiv:2410.24210).

Each member scales the inputs and outputs of the shared layers with vectors of its own (BatchEnsemble,
Wen et al. 2020), which is enough to make them disagree; their mean is better than any one of them.

The usual form scales the activations: three passes over (B, K, W) numbers a layer, all of them bound
by memory. Scaling is linear, so it may as well be done to the weights, once a step: member k's layer
is ``x @ (s_k * W * r_k).T + b_k``, and a layer is one batched matrix product, or a single wide one
where all members read the same input. The result is the same
(the tests compare it with package ``tabm``); docs/log.md has what it saves.
"""

from __future__ import annotations

from collections.abc import Sequence

import tabm
import torch
from torch import Tensor, nn


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

    def forward(self, x: Tensor) -> Tensor:
        """Apply all K maps."""
        if x.ndim == 2:
            return self._of_shared_input(x)
        weights = self.s[:, :, None] * self._matrices() * self.r[:, None, :]  # (K, W, D)
        return torch.baddbmm(self.bias[:, None, :].to(x.dtype), x, weights.to(x.dtype).transpose(1, 2))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return each map's own matrix and shift: (K, W, D) and (K, W)."""
        return self.s[:, :, None] * self._matrices() * self.r[:, None, :], self.bias

    def _matrices(self) -> Tensor:
        """Return the shared matrix (W, D), or each member's group's (K, W, D)."""
        if not len(self.others):
            return self.weight
        groups = torch.stack([self.weight, *self.others])
        return groups.repeat_interleave(len(self.r) // len(groups), 0)

    def _of_shared_input(self, x: Tensor) -> Tensor:
        """Apply all K maps as one matrix product: the wide first layer is where the time goes."""
        weights = self._matrices().to(x.dtype) * self.r[:, None, :].to(x.dtype)  # (K, W, D)
        y = nn.functional.linear(x, weights.flatten(0, 1)).view(len(x), *self.s.shape)  # (B, K, W)
        out: Tensor = y * self.s.to(x.dtype) + self.bias.to(x.dtype)
        return out.transpose(0, 1)  # (K, B, W)


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
        """Mix the row's fields, in K ways."""
        for layer in self.layers:
            x = torch.relu(layer(x))
            if self.training and self.dropout:
                x = x * self._mask(x)
        return x

    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Return the members' matrices (K, W, D) and shifts (K, W), layer by layer; ReLU follows each."""
        return [layer.folded() for layer in self.layers]  # type: ignore[operator]

    def _mask(self, x: Tensor) -> Tensor:
        keep = 1 - self.dropout
        mask = torch.empty(len(x), 1, x.shape[2], device=x.device).bernoulli_(keep).div_(keep)
        return mask.to(x.dtype)
