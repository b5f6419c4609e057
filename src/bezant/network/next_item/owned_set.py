"""Which product belongs to a set that lacks one: trained on exactly that, with no order and no time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig, FieldEmbedding
from bezant.network.record_encoder import fields_of

SCORING_ROWS = 4096


class OwnedSetConfig(BaseModel):
    """Everything needed to build an OwnedSetNetwork again; its learned values are tensors.

    Parameters
    ----------
    products : int
        Number p of products.
    profile : FieldConfig, optional
        Of the customers' fields; None where there are none.
    width : int, default 64
        Hidden units of a member.
    members : int, default 8
        Networks K that are trained side by side and averaged.
    dropout : float, default 0.3
        Share of hidden units, and of the profile's numbers, left out in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    products: int = Field(ge=1)
    profile: FieldConfig | None = None
    width: int = Field(default=64, ge=1)
    members: int = Field(default=8, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)


class OwnedSetNetwork(nn.Module):
    """K small networks over which products are owned, how many, and the profile, with a linear part beside.

    Notes
    -----
    Shape: a :class:`Batch` of B rows whose target is the sets, float32 0/1 (B, p), to the members'
    log-probabilities of a product that is hidden, (B, K). In training one owned product of each row is drawn
    anew at every call; rows own one at least.
    """

    def __init__(self, config: OwnedSetConfig, profile: FieldEmbedding | None = None) -> None:
        super().__init__()
        self.config = config
        if profile is None and config.profile is not None:
            profile = FieldEmbedding(config.profile)
        self.profile = profile
        k, p, w = config.members, config.products, config.width
        width_in = p + 1 + (profile.width if profile is not None else 0)
        self.inner = nn.Parameter(torch.randn(k, width_in, w) * width_in**-0.5)
        self.inner_bias = nn.Parameter(torch.zeros(k, 1, w))
        self.outer = nn.Parameter(torch.randn(k, w, p) * 0.01)
        self.linear = nn.Parameter(torch.zeros(k, p, p))
        self.bias = nn.Parameter(torch.zeros(k, 1, p))
        self.drop = nn.Dropout(config.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Hide one owned product of each row and return its log-probabilities."""
        assert batch.target is not None
        hidden = torch.multinomial(batch.target, 1)  # (B, 1)
        left = batch.target.scatter(1, hidden, 0.0)
        log_p = self.log_probabilities(left, batch)
        return log_p.gather(2, hidden.expand(len(log_p), -1, -1))[:, :, 0].T

    def log_probabilities(self, owned: Tensor, batch: Batch) -> Tensor:
        """Return each member's log-probability of the product that these sets lack, (K, B, p).

        Owned products have none: minus infinity.
        """
        inputs = [owned, owned.sum(1, keepdim=True) / 3]
        if self.profile is not None:
            inputs.append(self.drop(self.profile(batch)))
        x = torch.cat(inputs, 1).expand(self.config.members, -1, -1)  # (K, B, D)
        hidden = self.drop(torch.baddbmm(self.inner_bias, x, self.inner).relu())
        sets = owned.expand(self.config.members, -1, -1)
        logits = torch.baddbmm(self.bias, hidden, self.outer) + torch.bmm(sets, self.linear)
        return logits.masked_fill(owned.bool(), -torch.inf).log_softmax(2)

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the hidden products over rows and members."""
        return -output.mean()

    @torch.no_grad()
    def scores(self, owned: Tensor, batch: Batch) -> Tensor:
        """Return the members' mean probability of each product's being the one that is lacking, (B, p)."""
        training = self.training
        self.eval()
        pieces = range(0, max(len(owned), 1), SCORING_ROWS)
        found = [
            self.log_probabilities(owned[s : s + SCORING_ROWS], batch.rows(slice(s, s + SCORING_ROWS)))
            for s in pieces
        ]
        self.train(training)
        return torch.cat(found, 1).exp().mean(0)

    @torch.no_grad()
    def judge(self, batch: Batch) -> float:
        """Return the mean cross-entropy with each owned product hidden in turn, all rows alike."""
        assert batch.target is not None
        row, product = batch.target.nonzero(as_tuple=True)
        left = batch.target[row].index_put((torch.arange(len(row)), product), torch.zeros(()))
        found = self.scores(left, batch.rows(row))[torch.arange(len(row)), product]
        return float(-(found.log() / batch.target.sum(1)[row]).sum() / len(batch))

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return no matrix: those of the members are stacked."""
        return []

    @contextmanager
    def computing_in(self, dtype: torch.dtype) -> Iterator[None]:
        """Stay in single precision; the network is small."""
        yield


def learn_owned_set(
    batch: Batch, config: OwnedSetConfig, cardinalities: tuple[int, ...] = (), bins: int = 16
) -> OwnedSetNetwork:
    """Build an OwnedSetNetwork for training rows: learn scales and bins, draw the weights.

    Parameters
    ----------
    batch : Batch
        Training rows; numbers and codes are the profile, the target is the sets.
    config : OwnedSetConfig
        ``profile`` is filled in.
    cardinalities : tuple of int
        Codes of each code column of the profile.
    bins : int, default 16
        Most bins of a number.
    """
    assert batch.target is not None
    known = batch.numbers.shape[1] + len(cardinalities)
    profile = fields_of(batch.numbers, cardinalities, bins) if known else None
    config = config.model_copy(update={"profile": profile and profile.config})
    network = OwnedSetNetwork(config, profile)
    with torch.no_grad():  # the first answer is how often each is owned
        network.bias.copy_((batch.target.sum(0) + 1).log().expand_as(network.bias))
    return network
