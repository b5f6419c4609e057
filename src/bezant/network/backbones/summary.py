"""One vector a history, from a vector a record."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LastAndMean(nn.Module):
    """The last record's vector beside the mean of all; a history without records has a vector of its own,
    learned.

    Parameters
    ----------
    width : int
        W, of the records' vectors.

    Attributes
    ----------
    width : int
        2 W, of what comes out.

    Notes
    -----
    Shape: (B, T, W) with zeros where padded, and lengths (B,), to (B, 2 W).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = 2 * width
        self.none = nn.Parameter(torch.zeros(self.width))

    def forward(self, h: Tensor, lengths: Tensor) -> Tensor:
        """Summarise each history."""
        if not h.shape[1]:
            return self.none.expand(len(h), -1)
        counts = lengths.clamp(min=1)[:, None]
        place = (counts - 1)[:, :, None].expand(-1, 1, h.shape[2])
        summary = torch.cat([h.gather(1, place)[:, 0], h.sum(1) / counts], 1)  # (B, 2 W)
        return torch.where(lengths[:, None] > 0, summary, self.none.to(summary.dtype))
