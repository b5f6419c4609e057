"""Trunks, against package ``tabm`` and a loop."""

from __future__ import annotations

import pytest
import tabm
import torch
from numpy.testing import assert_allclose

from bezant.network.trunks.mlp import MLPTrunk
from bezant.network.trunks.tabm import SharedLinear, TabMTrunk

CHUNKS = [3, 3, 5]


def pair(depth: int = 3) -> tuple[TabMTrunk, tabm.MLPBackboneBatchEnsemble]:
    """Ours and the package's backbone with the same random weights."""
    torch.manual_seed(0)
    ours = TabMTrunk(11, chunks=CHUNKS, members=4, width=8, depth=depth, dropout=0.0)
    theirs = tabm.MLPBackboneBatchEnsemble(
        d_in=11,
        n_blocks=depth,
        d_block=8,
        dropout=0.0,
        k=4,
        tabm_init=True,
        scaling_init="normal",
        start_scaling_init_chunks=CHUNKS,
    )
    with torch.no_grad():
        for layer, block in zip(ours.layers, theirs.blocks, strict=True):
            for name in ("weight", "r", "s", "bias"):
                values = torch.randn_like(getattr(layer, name))
                getattr(layer, name).copy_(values)
                getattr(block[0], name).copy_(values)
    return ours, theirs


@pytest.mark.parametrize("rows", [6, 3])
def test_outputs_and_gradients_are_those_of_the_package(rows: int) -> None:
    """With 3 rows the rows are scaled, with 6 the matrices are."""
    ours, theirs = pair()
    x = torch.randn(rows, 11)
    ours_x, theirs_x = x.clone().requires_grad_(), x.clone().requires_grad_()
    out = ours(ours_x)
    wanted = theirs(theirs_x[:, None].expand(-1, 4, -1)).transpose(0, 1)
    assert out.shape == (4, rows, 8)
    scale = float(wanted.detach().abs().max())
    assert_allclose(out.detach() / scale, wanted.detach() / scale, atol=1e-6)
    pull = torch.randn_like(out) / scale
    (out * pull).sum().backward()
    (wanted * pull).sum().backward()
    assert ours_x.grad is not None
    assert_allclose(ours_x.grad, theirs_x.grad, rtol=1e-3, atol=1e-5)
    for layer, block in zip(ours.layers, theirs.blocks, strict=True):
        for name in ("weight", "r", "s", "bias"):
            mine, other = getattr(layer, name).grad, getattr(block[0], name).grad
            assert_allclose(mine, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()), err_msg=name)


def test_few_rows_of_several_groups_get_the_answers_that_many_get() -> None:
    torch.manual_seed(0)
    trunk = TabMTrunk(11, chunks=CHUNKS, members=4, width=8, depth=2, dropout=0.0, groups=3)
    x = torch.randn(60, 11)
    assert_allclose(trunk(x[:2]).detach(), trunk(x)[:, :2].detach(), rtol=1e-4, atol=1e-5)


def test_members_start_from_weightings_of_whole_fields() -> None:
    torch.manual_seed(0)
    first = TabMTrunk(11, chunks=CHUNKS, members=4, width=8, depth=2, dropout=0.0).layers[0].r
    parts = first.split(CHUNKS, 1)
    assert all((part == part[:, :1]).all() for part in parts)
    assert len(torch.unique(torch.cat([part[:, 0] for part in parts]))) == 12


def test_dropout_is_for_training_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    trunk = TabMTrunk(11, chunks=CHUNKS, members=64, width=64, depth=1, dropout=0.25)
    x = torch.randn(2, 11)
    still = trunk.eval()(x)
    assert torch.equal(trunk(x), still)
    trunk.train()
    noisy = torch.stack([trunk(x) for _ in range(200)])
    gone = (noisy == 0) & (still > 0)
    assert abs(float(gone.float().sum() / (still > 0).sum() / 200) - 0.25) < 0.01
    assert_allclose(noisy.mean(0).sum().detach(), still.sum().detach(), rtol=0.02)


@pytest.mark.parametrize("rows", [3, 6])  # few rows are scaled, of more the matrices are
@pytest.mark.parametrize("groups", [1, 2])
def test_left_out_units_are_those_of_masked_layers_in_values_and_gradients(groups: int, rows: int) -> None:
    torch.manual_seed(0)
    trunk = TabMTrunk(11, chunks=CHUNKS, members=3, width=10, depth=3, dropout=0.3, groups=groups)
    with torch.no_grad():
        for p in trunk.parameters():
            p.copy_(torch.randn_like(p))
    x, members = torch.randn(rows, 11), 3 * groups
    torch.manual_seed(1)
    out = trunk(x)
    torch.manual_seed(1)
    wanted = x.expand(members, -1, -1)
    for layer in trunk.layers:
        assert isinstance(layer, SharedLinear)
        matrices, shifts = SharedLinear.folded(layer)
        kept = torch.rand(members, 10).topk(7).indices
        mask = torch.zeros(members, 10).scatter_(1, kept, 10 / 7)
        wanted = torch.relu(wanted @ matrices.transpose(1, 2) + shifts[:, None]) * mask[:, None]
    assert_allclose(out.detach(), wanted.detach(), rtol=1e-4, atol=1e-4)
    parameters = list(trunk.parameters())
    pull = torch.randn_like(out)
    ours = torch.autograd.grad((out * pull).sum(), parameters)
    theirs = torch.autograd.grad((wanted * pull).sum(), parameters)
    for mine, other in zip(ours, theirs, strict=True):
        assert_allclose(mine, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))


def test_the_plain_trunk_is_a_loop_of_layers() -> None:
    torch.manual_seed(0)
    trunk = MLPTrunk(5, width=7, depth=3, dropout=0.5).eval()
    x = torch.randn(4, 5)
    wanted = x
    for layer in trunk.layers:
        wanted = torch.relu(wanted @ layer.weight.T + layer.bias)
    assert_allclose(trunk(x).detach(), wanted.detach()[None], rtol=1e-5, atol=1e-6)


def test_trunks_take_an_empty_batch() -> None:
    ours, _ = pair()
    assert ours(torch.empty(0, 11)).shape == (4, 0, 8)
    assert MLPTrunk(11, width=7, depth=2, dropout=0.1)(torch.empty(0, 11)).shape == (1, 0, 7)
