"""Target statistics: what the training rows say of each value of a category, as numbers.

The statistic of a value is its smoothed mean target. A row must not see its own target, or the
network learns to trust a copy of the answer; therefore training rows get statistics of the *other*
folds (Micci-Barreca 2001; the out-of-fold form), and every other row those of all training rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TargetStatistics(nn.Module):
    """A table of smoothed target means and counts for each code of some code columns.

    Parameters
    ----------
    cardinalities : tuple of int
        Number of codes of every code column.
    columns : tuple of int
        Places of the code columns that get statistics.
    smoothings : tuple of float
        Strengths of the pull towards the overall mean, in rows; one statistic for each.
    binary : bool, default True
        Means are probabilities and are returned as log-odds.

    Notes
    -----
    Each of these columns gives ``len(smoothings) + 1`` numbers: the means, and log(1 + rows).
    """

    starts: Tensor
    place: Tensor
    table: Tensor

    def __init__(
        self,
        cardinalities: tuple[int, ...],
        columns: tuple[int, ...],
        smoothings: tuple[float, ...] = (10.0, 100.0),
        *,
        binary: bool = True,
    ) -> None:
        super().__init__()
        self.columns, self.smoothings, self.binary = tuple(columns), tuple(smoothings), binary
        sizes = [cardinalities[c] for c in columns]
        starts = torch.tensor([0, *sizes[:-1]] if sizes else [], dtype=torch.int64).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)
        self.register_buffer("place", torch.tensor(self.columns, dtype=torch.int64), persistent=False)
        self.register_buffer("table", torch.zeros(sum(sizes), len(smoothings) + 1))

    @property
    def width(self) -> int:
        """Number S of statistics a row."""
        return len(self.columns) * (len(self.smoothings) + 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the statistics (B, S) of codes (B, C), learned on all training rows."""
        return self.table[self._flat(codes)].flatten(1)  # (B, S)

    def learn(self, codes: Tensor, target: Tensor, folds: Tensor) -> Tensor:
        """Learn the table from training rows and return their out-of-fold statistics.

        Parameters
        ----------
        codes : int32 tensor, shape (n, C)
        target : float32 tensor, shape (n,)
        folds : int64 tensor, shape (n,)
            Fold of each row, 0 to K - 1.

        Returns
        -------
        float32 tensor, shape (n, S)
        """
        flat = self._flat(codes)  # (n, columns)
        n_folds = int(folds.max()) + 1 if len(folds) else 1
        size = len(self.table)
        cell = (folds[:, None] * size + flat).flatten()
        values = target.double()[:, None].expand(-1, flat.shape[1]).flatten()
        sums = torch.bincount(cell, values, n_folds * size).view(n_folds, size)
        rows = torch.bincount(cell, minlength=n_folds * size).double().view(n_folds, size)
        self.table.copy_(self._statistics(sums.sum(0), rows.sum(0), target.double().mean()))
        out = torch.empty(len(codes), self.width)
        for fold in range(n_folds):
            inside = folds == fold
            prior = target[~inside].double().mean() if bool((~inside).any()) else target.double().mean()
            others_rows = rows.sum(0) - rows[fold]
            table = self._statistics(sums.sum(0) - sums[fold], others_rows, prior)
            table[:, -1] = torch.log1p(others_rows * n_folds / max(n_folds - 1, 1))
            out[inside] = table.float()[flat[inside]].flatten(1)
        return out

    def _flat(self, codes: Tensor) -> Tensor:
        return codes.index_select(1, self.place).long() + self.starts

    def _statistics(self, sums: Tensor, rows: Tensor, prior: Tensor) -> Tensor:
        columns = [(sums + a * prior) / (rows + a) for a in self.smoothings]
        if self.binary:
            columns = [torch.logit(c.clamp(1e-4, 1 - 1e-4)) for c in columns]
        return torch.stack([*columns, torch.log1p(rows)], 1)
