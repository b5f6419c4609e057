"""The layers of the tutorials, against the same sums by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from bezant.network.batch import Batch
from bezant.traditional.textbook_networks import (
    SimpleRecurrent,
    TextbookModule,
    convolutional,
    perceptron,
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def batch_of(matrix, target=None):
    codes = torch.empty((len(matrix), 0), dtype=torch.int32)
    return Batch(torch.as_tensor(matrix, dtype=torch.float32), codes, target=target)


def sizes(network):
    return [tuple(p.shape) for p in network.parameters()]


def test_the_layers_have_the_sizes_of_the_tutorials():
    assert sizes(perceptron(10)) == [(64, 10), (64,), (32, 64), (32,), (1, 32), (1,)]
    flat = 64 * 4  # (10 - 2) // 2 places are left of 10
    assert sizes(convolutional(10)) == [(64, 1, 3), (64,), (64, flat), (64,), (1, 64), (1,)]
    assert sizes(SimpleRecurrent()) == [(64, 1), (64, 64), (64,), (64,), (1, 64), (1,)]


def test_the_convolution_slides_over_the_columns():
    network = convolutional(7)
    x = torch.randn(3, 7)
    kernel, bias, dense, dense_bias, last, last_bias = (p.detach().numpy() for p in network.parameters())
    for row, found in zip(x.numpy(), network(x).detach().numpy(), strict=True):
        places = [kernel[:, 0] @ row[i : i + 3] + bias for i in range(5)]  # each (64,)
        pooled = [np.maximum(np.maximum(places[2 * i], places[2 * i + 1]), 0) for i in range(2)]
        hidden = np.maximum(dense @ np.stack(pooled, 1).ravel() + dense_bias, 0)
        np.testing.assert_allclose(found, last @ hidden + last_bias, rtol=1e-4, atol=1e-5)


def test_the_recurrent_network_reads_one_column_after_the_other():
    network = SimpleRecurrent()
    x = torch.randn(3, 6)
    first, between, *biases, last, last_bias = (p.detach().numpy() for p in network.parameters())
    for row, found in zip(x.numpy(), network(x).detach().numpy(), strict=True):
        state = np.zeros(64)
        for value in row:
            state = np.tanh(first[:, 0] * value + between @ state + biases[0] + biases[1])
        np.testing.assert_allclose(found, last @ state + last_bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
def test_few_columns_are_enough(columns):
    for layers in (perceptron(columns), convolutional(columns), SimpleRecurrent()):
        assert layers(torch.randn(2, columns)).shape == (2, 1)


def test_weights_start_as_keras_draws_them():
    network = TextbookModule(SimpleRecurrent())
    between = network.layers.recurrent.weight_hh_l0.detach()
    torch.testing.assert_close(between @ between.T, torch.eye(64), atol=1e-5, rtol=0)
    assert all(not p.any() for n, p in network.named_parameters() if "bias" in n)
    weight = TextbookModule(perceptron(300)).layers[0].weight.detach()
    limit = math.sqrt(6 / 364)  # Glorot and Bengio 2010, equation 16
    assert 0.99 * limit < float(weight.abs().max()) <= limit


def test_the_judged_loss_of_many_rows_is_the_log_loss():
    network = TextbookModule(perceptron(3))
    x, y = torch.randn(5000, 3), (torch.rand(5000) < 0.3).float()
    batch = batch_of(x, y)
    p = 1 / (1 + np.exp(-network(batch).detach().double().numpy()))
    assert network.judge(batch) == pytest.approx(log_loss(y.numpy(), p), rel=1e-6)
    assert network.loss(network(batch), batch).item() == pytest.approx(network.judge(batch), rel=1e-5)


def test_no_rows_have_no_log_odds():
    network = TextbookModule(convolutional(5))
    assert network.log_odds(batch_of(torch.empty(0, 5))).shape == (0,)
