"""A fraction in [0, 1], such as the part of an exposure that is lost."""

from __future__ import annotations

from torch import Tensor, nn

from bezant.network.heads.linear import MemberLinear, bernoulli_loss, mean_of_sigmoids, weighted_mean


class SeverityHead(nn.Module):
    """Mean of a fraction by quasi-likelihood (Papke and Wooldridge 1996), which admits 0 and 1.

    The loss is the Bernoulli log likelihood with a fractional target: its minimum is the conditional
    mean whatever the distribution, and the answer cannot leave [0, 1].
    """

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.unit = MemberLinear(members, width)

    def start_at(self, mean: float) -> None:
        """Begin at the training mean."""
        self.unit.start_at_logit_of(mean)

    def forward(self, x: Tensor) -> Tensor:
        """Return the members' logits of the fraction (B, K)."""
        return self.unit(x)  # type: ignore[no-any-return]

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean of the members' quasi-likelihood losses."""
        return bernoulli_loss(output, target, weight)

    def predict(self, output: Tensor) -> Tensor:
        """Return the mean of the members' fractions (B,)."""
        return mean_of_sigmoids(output)

    def judge(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean squared error, by which severities are compared."""
        return weighted_mean((prediction.double() - target.double()) ** 2, weight)
