"""McFadden's logit: weights that were planted are found, and the slope is the slope."""

from __future__ import annotations

import numpy as np

from bezant.traditional.conditional_logit import learn_conditional_logit


def test_planted_weights_are_found_and_closed_alternatives_do_not_count():
    rng = np.random.default_rng(0)
    planted = np.array([1.5, -0.7, 0.0])
    features = rng.normal(size=(6000, 8, 3)).astype(np.float32) * np.array([1, 5, 0.1], np.float32)
    allowed = rng.random((6000, 8)) < 0.8
    allowed[:, 0] = True
    noise = rng.gumbel(size=(6000, 8))
    chosen = np.where(allowed, features @ planted + noise, -np.inf).argmax(axis=1)
    found = learn_conditional_logit(features, chosen, allowed, penalty=1e-6)
    np.testing.assert_allclose(found.weights[:2], planted[:2], rtol=0.07)
    assert abs(found.weights[2]) < 0.5
    logits = np.where(allowed, found.scores(features), -np.inf)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert np.isclose(found.loss, -log_p[np.arange(6000), chosen].mean(), rtol=1e-4)
