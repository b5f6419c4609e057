"""The head of fractions, against its formulas by hand."""

from __future__ import annotations

import numpy as np
import torch
from numpy.testing import assert_allclose
from scipy.special import log_softmax, softmax

from bezant.network.heads.fraction import CELLS, INNER_CELLS, FractionHead


def losses(rows: int = 400) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    y = torch.rand(rows, generator=draw) ** 2
    y[:40], y[40:100] = 0.0, 1.0
    return y


def started() -> FractionHead:
    head = FractionHead(3, 4)
    head.start_at(losses())
    return head


def test_training_starts_at_the_distribution_of_the_training_rows() -> None:
    head, y = started(), losses()
    cells = head.distribution(head(torch.zeros(3, 2, 4))).detach().numpy()
    assert_allclose(cells[0, 0], (y == 0).float().mean(), atol=0.005)
    assert_allclose(cells[0, -1], (y == 1).float().mean(), atol=0.005)
    assert_allclose(head.predict(head(torch.zeros(3, 2, 4))).detach(), y.mean(), atol=0.01)


def test_only_nought_and_one_lie_in_the_atoms_and_edges_belong_to_the_cell_above() -> None:
    head = started()
    edge = float(head.edges[5])
    y = torch.tensor([0.0, 1e-7, edge, np.nextafter(np.float32(edge), np.float32(0)), 1 - 1e-7, 1.0])
    assert head.cell_of(y).tolist() == [0, 1, 6, 5, INNER_CELLS, CELLS - 1]


def test_loss_is_cross_entropy_of_the_cell_plus_quasi_likelihood_of_the_mean() -> None:
    head, draw = started(), torch.Generator().manual_seed(1)
    output, y = torch.randn(5, 3, CELLS, generator=draw), losses()[[0, 50, 200, 300, 399]]
    weight = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0])
    raw, centres = output.numpy().astype(float), head.centres.numpy().astype(float)
    rows = []
    for i, t in enumerate(y.tolist()):
        cell = int(head.cell_of(y[i : i + 1]))
        members = []
        for k in range(3):
            mean = softmax(raw[i, k]) @ centres
            quasi = -(t * np.log(mean) + (1 - t) * np.log(1 - mean))
            members.append(-log_softmax(raw[i, k])[cell] + quasi)
        rows.append(np.mean(members))
    assert_allclose(float(head.loss(output, y)), np.mean(rows), rtol=1e-5)
    assert_allclose(float(head.loss(output, y, weight)), np.average(rows, weights=weight), rtol=1e-5)


def test_the_answer_is_the_mean_of_the_members_distribution() -> None:
    head = started()
    output = torch.randn(6, 3, CELLS)
    wanted = softmax(output.numpy().astype(float), axis=-1).mean(1) @ head.centres.numpy()
    assert_allclose(head.predict(output), wanted, rtol=1e-5)
    judged = head.judge(head.predict(output), losses()[:6])
    assert_allclose(judged, np.mean((wanted - losses()[:6].numpy()) ** 2), rtol=1e-5)


def test_training_values_of_one_kind_leave_a_head_that_can_be_trained() -> None:
    for y in (torch.zeros(30), torch.ones(30), torch.full((30,), 0.25)):
        head = FractionHead(2, 3)
        head.start_at(y)
        assert torch.isfinite(head.loss(head(torch.zeros(2, 30, 3)), y))
        assert bool((head.edges[1:] >= head.edges[:-1]).all())


def test_an_empty_batch_gives_no_answers() -> None:
    head = started()
    assert head.predict(head(torch.empty(3, 0, 4))).shape == (0,)
