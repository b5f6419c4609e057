"""The whole distribution of a fraction in [0, 1] that may have heaps at 0 and at 1, and its mean."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bezant.network.heads.linear import weighted_mean
from bezant.network.heads.members import MemberLinears

INNER_CELLS = 20
"""Cells between 0 and 1, each with the same share of the training rows."""

CELLS = INNER_CELLS + 2
"""All cells: exactly 0, those in between, exactly 1."""

MEAN_WEIGHT = 1.0
"""Weight of the quasi-likelihood of the mean beside the likelihood of the cells, both in nats."""


class FractionHead(nn.Module):
    """Probabilities of cells of [0, 1], trained by their likelihood and by that of their mean.

    A fraction such as the part of a loan that is lost is no bell curve: it heaps at 0 and at 1. The cells
    are an atom at either end and :data:`INNER_CELLS` between quantiles of the training values. The
    distribution function is a sum of probabilities, so quantiles cannot cross and cannot leave [0, 1].
    The answer is the mean: the cells' training means weighted by their probabilities. The loss is
    the cross-entropy of the cell (a histogram loss: Imani and White 2018, "Improving regression
    performance with distributional losses") plus the Bernoulli quasi-likelihood of the mean (Papke and
    Wooldridge 1996), which has its optimum at the conditional mean whatever the cells.

    Attributes
    ----------
    edges : float32 tensor, shape (INNER_CELLS + 1,)
        From 0 to 1: the ends of the cells in between.
    centres : float32 tensor, shape (CELLS,)
        Mean of the training values in each cell.
    """

    edges: Tensor
    centres: Tensor

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.unit = MemberLinears(members, width, CELLS)
        edges = torch.linspace(0, 1, INNER_CELLS + 1)
        self.register_buffer("edges", edges)
        self.register_buffer("centres", _middles(edges))

    @torch.no_grad()
    def start_at(self, target: Tensor) -> None:
        """Learn the cells from the training values and begin at their shares."""
        inner = target[(target > 0) & (target < 1)].double()
        if len(inner):
            levels = torch.linspace(0, 1, INNER_CELLS + 1, dtype=torch.float64)[1:-1]
            self.edges[1:-1] = inner.sort().values[(levels * (len(inner) - 1)).long()].float()
        cell = self.cell_of(target)
        rows = torch.bincount(cell, minlength=CELLS).float()
        means = torch.bincount(cell, target.float(), minlength=CELLS) / rows.clamp(min=1)
        self.centres.copy_(torch.where(rows > 0, means, _middles(self.edges)))
        # Half a row more a cell: a cell without training rows is unlikely, not impossible.
        shares = (rows + 0.5) / (rows + 0.5).sum()
        self.unit.bias.copy_(shares.log().expand_as(self.unit.bias))

    def cell_of(self, target: Tensor) -> Tensor:
        """Return the number of each value's cell, int64 (B,)."""
        inside = 1 + torch.bucketize(target, self.edges[1:-1], right=True)
        return torch.where(target <= 0, 0, torch.where(target >= 1, CELLS - 1, inside))

    def forward(self, x: Tensor) -> Tensor:
        """Return the members' raw outputs (B, K, CELLS)."""
        return self.unit(x)  # type: ignore[no-any-return]

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean of the members' losses."""
        logs = output.log_softmax(-1)  # (B, K, J)
        cell = self.cell_of(target)[:, None, None].expand(-1, logs.shape[1], 1)
        likelihood = -logs.gather(-1, cell)[..., 0]  # (B, K)
        mean = (logs.exp() @ self.centres).clamp(1e-6, 1 - 1e-6)  # (B, K)
        wanted = target[:, None].expand_as(mean)
        quasi = functional.binary_cross_entropy(mean, wanted, reduction="none")
        return weighted_mean(likelihood + MEAN_WEIGHT * quasi, weight)

    def distribution(self, output: Tensor) -> Tensor:
        """Return the mean of the members' probabilities of the cells (B, CELLS)."""
        return output.softmax(-1).mean(1)

    def predict(self, output: Tensor) -> Tensor:
        """Return the mean of the distribution (B,)."""
        return self.distribution(output) @ self.centres

    def judge(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean squared error, by which severities are compared."""
        return weighted_mean((prediction.double() - target.double()) ** 2, weight)


def _middles(edges: Tensor) -> Tensor:
    """Return 0, the middles between the edges, and 1."""
    return torch.cat([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
