"""Categories as vectors: one table for all columns, so that a batch needs one lookup."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bezant.network.draws import drawn
from bezant.network.fields.encoding import UNKNOWN


class CategoryEmbedding(nn.Module):
    """Vectors of the codes of C columns.

    Parameters
    ----------
    cardinalities : tuple of int
        Number of codes of each column, missing and unknown included.
    width : int
        Length D of one code's vector.
    hide : float, default 0.0
        In training, this share of the codes is replaced by "unknown", so that the network learns to
        do without any one of them.

    Notes
    -----
    Shape: (B, C) to (B, C, D).
    """

    starts: Tensor

    def __init__(self, cardinalities: tuple[int, ...], width: int, hide: float = 0.0) -> None:
        super().__init__()
        self.hide = hide
        sizes = torch.tensor(cardinalities, dtype=torch.int64)
        self.register_buffer("starts", (sizes.cumsum(0) - sizes), persistent=False)
        self.vectors = nn.Embedding(max(sum(cardinalities), 1), width)
        nn.init.normal_(self.vectors.weight, std=width**-0.5)

    def forward(self, codes: Tensor) -> Tensor:
        """Look the codes up."""
        places = codes + self.starts  # (B, C)
        if self.training and self.hide:
            columns, device = places.shape[1], places.device
            hidden = drawn(lambda rows: torch.rand(rows, columns, device=device), len(places)) < self.hide
            places = torch.where(hidden, self.starts + UNKNOWN, places)
        return self.vectors(places)  # type: ignore[no-any-return]  # (B, C, D)
