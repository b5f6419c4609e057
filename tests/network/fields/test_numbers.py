"""Numbers as vectors, against NumPy and package ``rtdl_num_embeddings``."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from rtdl_num_embeddings import PiecewiseLinearEmbeddings

from bezant.network.fields.numbers import (
    EdgeSpacing,
    NumberEmbedding,
    PiecewiseLinear,
    RobustScale,
    quantile_edges,
)


def columns(rows: int = 301) -> torch.Tensor:
    """Skewed, gappy, few-valued, mostly one value, constant, and empty columns."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 6, generator=draw)
    x[:, 0] = x[:, 0].exp() * 1000
    x[torch.rand(rows, generator=draw) < 0.3, 1] = torch.nan
    x[:, 2] = x[:, 2].round()
    x[:, 3] = (x[:, 3] > 1.5).float() * 8
    x[:, 4] = 7.0
    x[:, 5] = torch.nan
    return x


def test_scale_is_median_and_interquartile_range() -> None:
    x = columns()
    scale = RobustScale(6)
    scale.learn(x)
    values = x.numpy().astype(np.float64)
    for j in (0, 1, 2):
        low, middle, high = np.nanquantile(values[:, j], [0.25, 0.5, 0.75])
        assert_allclose(scale.centre[j], middle, rtol=1e-6)
        assert_allclose(scale.scale[j], high - low, rtol=1e-5)
        z = (values[:, j] - middle) / (high - low)
        assert_allclose(scale(x)[:, j].numpy(), z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-4, atol=1e-6)


def test_scale_of_columns_without_spread() -> None:
    scale = RobustScale(6)
    scale.learn(columns())
    assert scale.scale[3] == 4.0  # half the range of a column that is mostly one value
    assert scale.centre[4] == 7.0
    assert scale.scale[4] == 1.0
    assert (scale.centre[5], scale.scale[5]) == (0.0, 1.0)


def test_scaled_numbers_stay_within_three_and_gaps_stay_gaps() -> None:
    scale = RobustScale(1)
    scale.learn(torch.arange(9.0)[:, None])
    out = scale(torch.tensor([[-1e15], [1e15], [-1e25], [3e38], [torch.nan], [4.0]]))[:, 0]
    assert_allclose(out[:4], [-3, 3, -3, 3], rtol=1e-5)
    assert torch.isnan(out[4])
    assert out[5] == 0


def test_scale_of_no_rows_stays_as_it_was() -> None:
    scale = RobustScale(2)
    scale.learn(torch.empty(0, 2))
    assert_allclose(scale(torch.zeros(1, 2)), torch.zeros(1, 2))


@pytest.mark.parametrize("spacing", ["even", "tails"])
def test_edges_are_the_distinct_quantiles(spacing: EdgeSpacing) -> None:
    x = columns()
    for most in (1, 4, 32):
        even = np.linspace(0, 1, most + 1)
        levels = even if spacing == "even" else np.sin(even * np.pi / 2) ** 2
        edges = quantile_edges(x, most, spacing)
        for j in range(4):
            known = x[:, j].numpy()
            wanted = np.unique(np.nanquantile(known, levels).astype(np.float32))
            assert_allclose(edges[j], wanted, rtol=1e-5, atol=1e-6)
    assert_allclose(edges[4], [6.5, 7.5])
    assert_allclose(edges[5], [-0.5, 0.5])


def rising(x: torch.Tensor) -> bool:
    return bool((x.diff() > 0).all())


def test_edges_rise_and_are_at_least_two() -> None:
    for edges in quantile_edges(columns(), 24):
        assert len(edges) >= 2
        assert rising(edges)


def same_curves(edges: list[torch.Tensor], width: int) -> tuple[PiecewiseLinear, PiecewiseLinearEmbeddings]:
    """Ours and the package's layer with the same random weights."""
    torch.manual_seed(1)
    ours = PiecewiseLinear(tuple(len(e) - 1 for e in edges), width)
    ours.learn(edges)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*just two bin edges")
        theirs = PiecewiseLinearEmbeddings(edges, width, activation=False, version="B")
    with torch.no_grad():
        ours.bends.normal_()
        theirs.linear0.weight.copy_(ours.slope)
        theirs.linear0.bias.copy_(ours.offset)
        for j, edge in enumerate(edges):
            n = len(edge) - 1
            theirs.linear.weight[j, : n - 1] = ours.bends[j, : n - 1]
            theirs.linear.weight[j, -1] = ours.bends[j, n - 1]
    return ours, theirs


@pytest.mark.parametrize("most", [1, 3, 24])
def test_curves_and_gradients_are_those_of_the_package(most: int) -> None:
    x = torch.nan_to_num(columns())
    edges = quantile_edges(x, most)
    ours, theirs = same_curves(edges, 5)
    low, high = torch.stack([e[0] for e in edges]), torch.stack([e[-1] for e in edges])
    x = x.clamp(low, high)
    pull = torch.randn(len(x), 6, 5, generator=torch.Generator().manual_seed(2))
    scale = 1 + x.abs().amax(0)[None, :, None]
    assert_allclose((ours(x) / scale).detach(), (theirs(x) / scale).detach(), atol=1e-5)
    (ours(x) / scale * pull).sum().backward()
    (theirs(x) / scale * pull).sum().backward()
    assert ours.slope.grad is not None
    assert ours.offset.grad is not None
    assert ours.bends.grad is not None
    assert_allclose(ours.slope.grad, theirs.linear0.weight.grad, rtol=1e-3, atol=1e-3)
    assert_allclose(ours.offset.grad, theirs.linear0.bias.grad, rtol=1e-3, atol=1e-3)
    for j, edge in enumerate(edges):
        n = len(edge) - 1
        wanted = torch.cat([theirs.linear.weight.grad[j, : n - 1], theirs.linear.weight.grad[j, -1:]])
        assert_allclose(ours.bends.grad[j, :n], wanted, rtol=1e-3, atol=1e-3)
        assert not ours.bends.grad[j, n:].any()


def test_curves_pass_through_their_edges_without_a_jump() -> None:
    edges = [torch.tensor([0.0, 1.0, 4.0])]
    ours, _ = same_curves(edges, 2)
    just = torch.tensor([[1 - 1e-4], [1.0], [1 + 1e-4]])
    out = ours(just).detach()
    assert_allclose(out[0], out[1], atol=1e-2)
    assert_allclose(out[2], out[1], atol=1e-2)
    at_ends = ours(torch.tensor([[0.0], [4.0]])).detach()[:, 0]
    assert_allclose(at_ends[0], ours.offset.detach()[0], atol=1e-6)
    whole = ours.offset + 4 * ours.slope + ours.bends[:, 0] + ours.bends[:, 1]
    assert_allclose(at_ends[1], whole.detach()[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["piecewise", "periodic", "both"])
def test_a_missing_number_has_a_vector_of_its_own(kind: str) -> None:
    torch.manual_seed(0)
    layer = NumberEmbedding((2, 1), 4, kind)  # type: ignore[arg-type]
    layer.learn([torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0])])
    out = layer(torch.tensor([[torch.nan, 0.5], [1.5, torch.nan]]))
    assert torch.equal(out[0, 0], layer.missing[0])
    assert torch.equal(out[1, 1], layer.missing[1])
    assert not torch.equal(out[1, 0], layer.missing[0])
    out.sum().backward()
    assert layer.missing.grad is not None
    assert_allclose(layer.missing.grad, np.ones((2, 4)))
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters() if p.grad is not None)


def test_numbers_outside_the_training_range_count_as_its_edge() -> None:
    layer = NumberEmbedding((2,), 4)
    layer.learn([torch.tensor([0.0, 1.0, 2.0])])
    inside, outside = layer(torch.tensor([[0.0], [2.0]])), layer(torch.tensor([[-9.0], [9.0]]))
    assert torch.equal(inside, outside)


def test_an_empty_batch_gives_no_vectors() -> None:
    layer = NumberEmbedding((2, 3), 4, "both")
    layer.learn([torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 2.0, 3.0])])
    assert layer(torch.empty(0, 2)).shape == (0, 2, 4)
