"""Log-ratios of amounts that move together: what part of one amount another is.

Two amounts that are nearly the same number (a loan and its guaranteed part, a limit and its balance)
carry their message in their ratio, which neither curve of one number alone can see.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

LEAST_CORRELATION = 0.8
"""Rank correlation from which on two amounts are taken to be of one unit."""

LEAST_VALUES = 50
"""Distinct values from which on a number is taken to be an amount."""

SAME = 1e-3
"""Standard deviation of a log-ratio up to which two amounts are one, in two units."""

_ROWS = 20_000


def choose_ratios(numbers: Tensor, most: int = 8) -> tuple[tuple[int, int], ...]:
    """Return the pairs of amount-like columns whose ratio is worth having.

    Parameters
    ----------
    numbers : float32 tensor, shape (n, P)
        Training rows; NaN where missing.
    most : int, default 8
        At most this many pairs, the most correlated first.
    """
    sample = numbers[:: max(-(-len(numbers) // _ROWS), 1)]
    amounts = [j for j in range(sample.shape[1]) if _is_amount(sample[:, j])]
    found: list[tuple[float, tuple[int, int]]] = []
    for left, right in itertools.combinations(amounts, 2):
        ratio = log_ratios(sample, ((left, right),))[:, 0]
        known = ~torch.isnan(ratio)
        ranks = [_ranks(sample[known, j]) for j in (left, right)]
        correlation = float(torch.corrcoef(torch.stack(ranks))[0, 1])
        if correlation > LEAST_CORRELATION and float(ratio[known].std()) > SAME:
            found.append((correlation, (left, right)))
    return tuple(pair for _, pair in sorted(found, reverse=True)[:most])


def log_ratios(numbers: Tensor, pairs: tuple[tuple[int, int], ...]) -> Tensor:
    """Return log(a / b) of these pairs of columns, (B, pairs); NaN unless both are positive."""
    left, right = (numbers[:, [pair[side] for pair in pairs]] for side in (0, 1))
    return log_ratio(left, right)


def log_ratio(left: Tensor, right: Tensor) -> Tensor:
    """Return log(left / right); NaN unless both are positive.

    In double precision, so that three quarters of any amount are one and the same number, in one bin: here,
    and wherever else a saved model is computed.
    """
    defined = (left > 0) & (right > 0)
    apart = torch.log(left.double()) - torch.log(right.double())
    return torch.where(defined, apart, torch.nan).to(left.dtype)


def _is_amount(column: Tensor) -> bool:
    known = column[~torch.isnan(column)]
    if len(torch.unique(known)) < LEAST_VALUES:
        return False
    return bool((known > 0).float().mean() > 0.9)


def _ranks(column: Tensor) -> Tensor:
    _, place, count = torch.unique(column, return_inverse=True, return_counts=True)
    middle: Tensor = count.cumsum(0) - (count + 1) / 2  # of the places that equal values share
    return middle[place].double()
