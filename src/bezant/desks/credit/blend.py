"""The large model and boosting together: a weighted mean of their log-odds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from bezant.artifacts import save_folder
from bezant.desks.credit.credit_risk import LARGE, CreditRisk
from bezant.desks.estimators.rivals import CLASSES
from bezant.evidence.evaluation import Evaluation, evaluate_scores
from bezant.metrics.classification import log_loss
from bezant.types import AnyArray, FloatArray, Frame, InputError

KIND = "Blend"

NAME = "blend"
"""Its name in tables and pictures."""


class Blend(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probability of default by the large model and traditional ones together.

    Two good models that err differently are better together than either. The weights are learned by log
    loss on the rows that no model was trained on; the judged figures of a blend are therefore its
    evaluation on other rows (:meth:`evaluate`), not those of the fit.

    Parameters
    ----------
    risk : CreditRisk, optional
        The large model, not fitted yet; ``CreditRisk()`` if not given.
    peers : tuple of str, default ("gradient-boosting",)
        Keys of the traditional models to blend with; "ordered-boosting" is CatBoost.

    Attributes
    ----------
    risk_ : CreditRisk
        The fitted large model with its peers.
    weights_ : dict of str to float
        By model: share of the log-odds; they are not negative and their sum is 1.
    notes_ : tuple of str
        Those of the fit, and the weights.

    Notes
    -----
    A logarithmic opinion pool (Genest and Zidek 1986, Statistical Science 1(1), section 3).
    """

    def __init__(
        self, risk: CreditRisk | None = None, *, peers: tuple[str, ...] = ("gradient-boosting",)
    ) -> None:
        self.risk = risk
        self.peers = peers

    def fit(self, X: Frame, y: Any) -> Self:
        """Fit all models to n rows and outcomes (n,), and learn the weights.

        Raises
        ------
        InputError
            As :meth:`CreditRisk.fit`, and if too few rows could be held out to learn weights from.
        """
        if not self.peers or not set(self.peers) <= set(CLASSES):
            raise InputError(
                f"peers names one or more of the models {', '.join(map(repr, CLASSES))}, not {self.peers!r}."
            )
        risk = clone(self.risk) if self.risk is not None else CreditRisk()
        risk.set_params(benchmark=tuple(self.peers)).fit(X, y)
        judged = risk.evaluation_
        if judged is None or len(judged.scores) < 1 + len(self.peers):
            raise InputError(
                "The models of the blend could not all be judged on held-out rows, so that no weights can be "
                f"learned ({' '.join(risk.notes_)}); give more rows, or use CreditRisk alone."
            )
        self.risk_ = risk
        self.weights_ = learn_weights(np.asarray(judged.y, np.float64), judged.scores)
        self._take_over()
        return self

    def _take_over(self) -> None:
        said = ", ".join(f"{name} {weight:.2f}" for name, weight in self.weights_.items())
        self.classes_, self.n_features_in_ = self.risk_.classes_, self.risk_.n_features_in_
        self.notes_ = (*self.risk_.notes_, f"Weights of the log-odds, learned on held-out rows: {said}.")

    def score_table(self, table: pa.Table) -> FloatArray:
        """Return the probability of the event, shape (n,), for an Arrow table of n rows."""
        check_is_fitted(self, "risk_")
        return self._blended(self.risk_.scores(table))

    def predict_proba(self, X: Frame) -> FloatArray:
        """Return probabilities, shape (n, 2), in the order of ``classes_``."""
        check_is_fitted(self, "risk_")
        p = self.score_table(self.risk_.read(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: Frame) -> AnyArray:
        """Return the likelier label of each row, shape (n,)."""
        return np.asarray(self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)])

    def evaluate(self, X: Frame, y: Any) -> Evaluation:
        """Judge the blend beside each of its models on rows (n) and outcomes (n,) that none has seen."""
        check_is_fitted(self, "risk_")
        table, events, times = self.risk_.rows_to_judge(X, y)
        scores = self.risk_.scores(table)
        return evaluate_scores(events, {NAME: self._blended(scores), **scores}, large=NAME, time=times)

    def _blended(self, scores: Mapping[str, FloatArray]) -> FloatArray:
        mixed = np.sum([weight * _log_odds(scores[name]) for name, weight in self.weights_.items()], 0)
        return np.asarray(1 / (1 + np.exp(-mixed)))

    def save(self, path: str | Path) -> Path:
        """Write all models to one folder, as :meth:`CreditRisk.save` does."""
        check_is_fitted(self, "risk_")
        documents = self.risk_.documents()
        documents["model"] = {**documents["model"], "kind": KIND}
        documents["blend"] = {"weights": self.weights_, "peers": list(self.peers)}
        save_folder(path, self.risk_.model_.tensors(), documents)
        return Path(path)

    @classmethod
    def restore(cls, tensors: Mapping[str, torch.Tensor], documents: Mapping[str, Any]) -> Self:
        """Build the blend again from what :meth:`save` wrote; use :func:`bezant.load`."""
        risk = CreditRisk.restore(tensors, documents)
        blend = cls(clone(risk), peers=tuple(documents["blend"]["peers"]))
        weights = documents["blend"]["weights"]
        names = (LARGE, *(b.name for b in risk.benchmarks_))  # JSON files are sorted, sums are not
        blend.risk_, blend.weights_ = risk, {name: weights[name] for name in names}
        blend._take_over()
        return blend


def learn_weights(y: FloatArray, scores: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return the weights of log-odds with the least log loss.

    Parameters
    ----------
    y : float64 array, shape (n,)
        Outcomes, 0 or 1.
    scores : mapping of str to float64 array, shape (n,)
        Probabilities by models that were not trained on these rows.
    """
    from scipy.optimize import minimize

    odds = np.stack([_log_odds(p) for p in scores.values()])  # (models, n)

    def loss(free: FloatArray) -> float:
        return log_loss(y, 1 / (1 + np.exp(-(_shares(free) @ odds))))

    found = minimize(loss, np.zeros(len(odds) - 1), method="BFGS")
    return {name: float(share) for name, share in zip(scores, _shares(found.x), strict=True)}


def _shares(free: FloatArray) -> npt.NDArray[np.float64]:
    """Softmax with the first of the logits at 0."""
    weights = np.exp(np.clip(np.append(0.0, free), -20, 20))
    return np.asarray(weights / weights.sum())


def _log_odds(p: FloatArray) -> npt.NDArray[np.float64]:
    p = np.clip(np.asarray(p, np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(p) - np.log1p(-p))
