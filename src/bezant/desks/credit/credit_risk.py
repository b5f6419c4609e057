"""The credit desk: the probability that a borrower defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from bezant.desks.credit.export import export_onnx
from bezant.desks.credit.in_memory import fit_in_memory
from bezant.desks.credit.large import InMemory, fit_in_pieces, rows_to_stream, with_outcomes
from bezant.desks.credit.recalibrating import recalibrate_estimator
from bezant.desks.credit.updating import refuse_records, update_estimator
from bezant.desks.credit.validation import evaluate_estimator, scores_of, write_validation
from bezant.desks.estimators.intake import Leaks, read_rows
from bezant.desks.estimators.labels import as_events, read_labels
from bezant.desks.estimators.network_settings import NetworkSettings
from bezant.desks.estimators.rivals import CLASSES, Benchmark, BenchmarkChoice, refuse_missing
from bezant.desks.estimators.settings import ordering_times, refuse_unknown_settings, set_names
from bezant.desks.estimators.table_estimator import TableEstimator
from bezant.desks.pretraining.history_model import HistoryModel
from bezant.evidence.evaluation import Evaluation
from bezant.network.adaptation import Adapt
from bezant.network.application import ApplicationScorer
from bezant.network.model import TrunkName
from bezant.network.sizes import SizeName
from bezant.schema import Schema
from bezant.training.config import TrainingConfig
from bezant.training.progress import ProgressChoice
from bezant.types import AnyArray, FloatArray, Frame

LARGE = "bezant"
"""The large model's name in tables and pictures."""


class CreditRisk(ClassifierMixin, TableEstimator):  # type: ignore[misc]
    """Probability of default from applications, by a large network judged beside traditional models.

    Parameters
    ----------
    time : str, optional
        Column that orders the rows, such as the day of approval. It is not an input. With it the
        latest rows are held out, so that the figures are those of a model that looks ahead; without
        it the held-out rows are drawn at random, which flatters a model of a changing world.
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
        Size of the network.
    trunk : {"tabm", "mlp"}, default "tabm"
        What mixes the fields.
    benchmark : bool, "full" or tuple of str, default True
        Also fit gradient boosting and a scorecard on the same rows; "full" adds the textbook networks; a
        tuple names the models themselves, such as ("ordered-boosting",) for CatBoost.
    pretrained : HistoryModel or path, optional
        A pretrained model of histories to start from, for rows with records (:func:`bezant.with_records`).
    adapt : {"auto", "frozen", "lora", "full"}, default "auto"
        What of it is trained further: nothing, a step of low rank beside each matrix, or everything. "auto"
        goes by the number of labelled rows: under 2,000, under 20,000, more.
    event : label, optional
        The label that is the event, such as "bad"; the last in order (1, True, ...) if not given.
    schema : Schema, optional
        What the columns mean; inferred if not given.
    training : TrainingConfig or mapping, optional
        How to train.
    network : NetworkSettings or mapping, optional
        Details of the network, such as ``{"dropout": 0.2}``; :func:`bezant.tune` finds good ones.
    holdout : float, default 0.15
        Share of the rows that stop the training, judge and calibrate. The final model is trained on
        them too, for the number of epochs they chose. Tables of under 20,000 rows without a time are
        cross-fitted in five folds instead, so that every row judges and every row trains.
    leaks : {"report", "drop", "refuse"}, default "report"
        What to do about columns that look as if they knew the outcome: say so in ``notes_``, leave
        them aside, or refuse to fit.
    checkpoint : path, optional
        Folder for checkpoints; a killed fit that is started again goes on from them.
    in_memory : {"auto", True, False}, default "auto"
        Whether Parquet files are read whole. "auto" reads those of more than 20 million values (rows times
        columns) in pieces: memory then hardly depends on the rows; ``notes_`` says what a draw decides.
    scratch : path, optional
        Folder in which a fit in pieces makes its temporary files, some 300 bytes a row; they are removed at
        the end, also after an error. The system's temporary folder if not given.
    progress : {"auto", True, False}, default "auto"
        Show a progress bar on standard error; "auto" does if that is a terminal.
    random_state : int, optional
        Repeats a fit exactly, on one machine with one number of threads. None is 0.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The two labels; the second is the event.
    schema_ : Schema
        The columns the model reads.
    evaluation_ : Evaluation or None
        Held-out figures beside the traditional models'; None where too few rows could be held out.
    check_ : CheckReport
        What was found in the rows before training.
    notes_ : tuple of str
        Everything that was skipped, imputed, truncated or replaced.
    history_ : tuple of TrainingRun
        The run with early stopping, then the one on all rows.
    record_ : FitRecord
        Configuration, versions, hash of the data, summary of the columns.

    Examples
    --------
    >>> import bezant as bz
    >>> loans = bz.datasets.load("sba-sample")
    >>> train, test = bz.splits.out_of_time(loans, time="ApprovalDate", cutoff="2004-01-01")
    >>> risk = bz.CreditRisk(time="ApprovalDate").fit(train.drop(columns="default"), train["default"])
    >>> risk.predict_proba(test).shape
    """

    classes_: AnyArray

    EVIDENCE = Evaluation

    def __init__(
        self,
        *,
        time: str | None = None,
        size: SizeName = "small",
        trunk: TrunkName = "tabm",
        benchmark: BenchmarkChoice = True,
        pretrained: HistoryModel | str | Path | None = None,
        adapt: Literal["auto"] | Adapt = "auto",
        event: Any = None,
        schema: Schema | None = None,
        training: TrainingConfig | Mapping[str, Any] | None = None,
        network: NetworkSettings | Mapping[str, Any] | None = None,
        holdout: float = 0.15,
        leaks: Leaks = "report",
        checkpoint: str | Path | None = None,
        in_memory: InMemory = "auto",
        scratch: str | Path | None = None,
        progress: ProgressChoice = "auto",
        random_state: int | None = None,
    ) -> None:
        self.time = time
        self.size = size
        self.trunk = trunk
        self.benchmark = benchmark
        self.pretrained = pretrained
        self.adapt = adapt
        self.event = event
        self.schema = schema
        self.training = training
        self.network = network
        self.holdout = holdout
        self.leaks = leaks
        self.checkpoint = checkpoint
        self.in_memory = in_memory
        self.scratch = scratch
        self.progress = progress
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn what this estimator can do."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    # ------------------------------------------------------------------------------------- fitting

    def fit(self, X: Frame, y: Any) -> Self:
        """Fit the network, and the traditional models beside it.

        Parameters
        ----------
        X : frame with n rows
            pandas, Polars, Arrow, NumPy, or anything :func:`bezant.histories.read_table` reads.
        y : array-like of shape (n,), or str
            The outcomes: two labels, one of them the event (see ``event``); or the name of the column of X
            that holds them. Parquet files with a named column may be larger than memory (see ``in_memory``).

        Raises
        ------
        InputError
            If something about the rows prevents a fit; one sentence says what and how to mend it.
        """
        named = isinstance(self.benchmark, tuple) and set(self.benchmark) <= set(CLASSES)
        refuse_unknown_settings(self, (self.benchmark,) if named else (True, False, "full", tuple(CLASSES)))
        refuse_missing(self.benchmark)
        streamed = rows_to_stream(X, y, self.in_memory)
        if streamed is not None:
            fit_in_pieces(self, *streamed, large=LARGE)
            return self
        X, y = with_outcomes(X, y)
        table = read_rows(self, X, fitting=True, y=y)
        fit_in_memory(self, table, read_labels(y, table.num_rows), large=LARGE)
        set_names(self, X, table)
        return self

    # ------------------------------------------------------------------------------------- scoring

    def predict_proba(self, X: Frame) -> FloatArray:
        """Return calibrated probabilities, shape (n, 2), in the order of ``classes_``."""
        check_is_fitted(self, "model_")
        p = self.score_table(self.read(X))
        return np.column_stack([1 - p, p])

    def scorer(self) -> ApplicationScorer:
        """Return what scores one application at a time, JSON or mapping, in the shortest time.

        Its ``score(application)`` is the probability of the event, as :meth:`predict_proba` gives it.
        """
        check_is_fitted(self, "model_")
        return ApplicationScorer(self.model_)

    def predict(self, X: Frame) -> AnyArray:
        """Return the likelier label of each row, shape (n,)."""
        likely = self.predict_proba(X)[:, 1] > 0.5
        return np.asarray(self.classes_[likely.astype(int)])

    # -------------------------------------------------------------------------------- recalibration

    def recalibrate(self, X: Frame, y: Any) -> Self:
        """Move level and slope to the latest known outcomes, without training again.

        The ranking stays as it is. Whether the level alone, the slope too, or a damped trend of the level is
        followed, is decided on the later half of the rows. The traditional models are moved by the same
        rows, so that comparisons stay fair. A second call starts from the fitted model again. ``record_``
        remembers until when outcomes were used, so that these rows cannot judge a later :meth:`update`.

        Parameters
        ----------
        X : frame with n rows
            Recent rows that the model was not trained on, with the ordering time if the model has one.
        y : array-like of shape (n,)
            Their outcomes. Beware of outcomes that are not final: a loan of last month has had no time to
            default.

        Raises
        ------
        InputError
            If there are fewer than ten rows of either outcome.
        """
        check_is_fitted(self, "model_")
        table, events, _ = self.rows_to_judge(X, y)
        recalibrate_estimator(self, table, events)
        return self

    # ------------------------------------------------------------------------------------- updating

    def update(self, X: Frame, y: Any, *, epochs: int | None = None) -> Self:
        """Go on learning from new outcomes: last year's weights, a few epochs.

        If the rows are at least half as many as the last fit's, vocabularies, scales, bins, statistics of
        outcomes, ratios and pairs are learned from them afresh, and what training found is carried over;
        with fewer, all that stays. The latest rows judge: the trained network is kept unless the old one, or
        the old one with its calibration learned again, is better there by more than two standard errors.
        ``notes_`` says which was kept, and ``evaluation_`` is then of these rows and of the model as it is
        after the update. A recalibration is learned from the latest rows as :meth:`recalibrate` does, unless
        nothing changes; if it follows a trend, rows need their times to be scored. The traditional models
        stay as they are.

        Parameters
        ----------
        X : frame with n rows
            The new rows, with the ordering time. Older rows belong among them, about as many, such as a draw
            of the training rows: they keep the network from forgetting.
        y : array-like of shape (n,)
            Their outcomes. Beware of outcomes that are not final, as in :meth:`recalibrate`.
        epochs : int, optional
            Passes over the rows at most; 3 if not given. 0 changes nothing.

        Raises
        ------
        InputError
            If no row is later than those of the last fit and of the updates since, or times are missing, or
            the model reads records.
        """
        check_is_fitted(self, "model_")
        refuse_records(self.schema_)
        table, events, _ = self.rows_to_judge(X, y)
        update_estimator(self, table, events, epochs, large=LARGE)
        return self

    # -------------------------------------------------------------------------------------- judging

    def evaluate(self, X: Frame, y: Any, *, segments: Sequence[str] = ()) -> Evaluation:
        """Judge the model and the traditional ones on rows that none of them has seen.

        Parameters
        ----------
        X : frame with n rows
        y : array-like of shape (n,)
        segments : sequence of str
            Columns by whose values the figures are also given.

        Returns
        -------
        Evaluation
            Figures with intervals, by year if X has the time column, significance, and a verdict.
        """
        check_is_fitted(self, "model_")
        return evaluate_estimator(self, *self.rows_to_judge(X, y), segments, large=LARGE)

    def rows_to_judge(self, X: Frame, y: Any) -> tuple[pa.Table, FloatArray, AnyArray | None]:
        """Return rows (n), their outcomes as 0 and 1 (n,), and their times (n,) if they have any."""
        table = self.read(X)
        return (
            table,
            as_events(read_labels(y, table.num_rows), self.classes_),
            ordering_times(self.schema_, table),
        )

    def scores(self, table: pa.Table) -> dict[str, FloatArray]:
        """Return the probabilities (n,) of the large model and of every traditional one for n rows."""
        return scores_of(self, table, large=LARGE)

    def report(
        self,
        path: str | Path,
        X: Frame,
        y: Any,
        *,
        segments: Sequence[str] = (),
        created: str | None = None,
        title: str = "Credit risk: validation report",
        evaluation: Evaluation | None = None,
    ) -> Path:
        """Write a self-contained HTML validation report on rows the model has not seen.

        Parameters
        ----------
        path : path
            File to write.
        X, y, segments
            As in :meth:`evaluate`.
        created : str, optional
            Moment to print, ISO form; now if not given.
        title : str
            Heading.
        evaluation : Evaluation, optional
            What :meth:`evaluate` gave for these very rows, to save the time of judging them again.
        """
        check_is_fitted(self, "model_")
        table, events, times = self.rows_to_judge(X, y)
        judged = evaluation or evaluate_estimator(self, table, events, times, segments, large=LARGE)
        return write_validation(self, path, table, events, times, judged, title=title, created=created)

    # --------------------------------------------------------------------------------------- saving

    def export_onnx(self, path: str | Path) -> Path:
        """Write the model as one ONNX file, from typed columns to the probability of the event.

        The file needs onnxruntime alone; :func:`bezant.network.onnx.onnx_model` says what its inputs are.

        Raises
        ------
        InputError
            If the path is no file in an existing folder.
        MissingExtraError
            If the package onnx is not installed.
        """
        check_is_fitted(self, "model_")
        return export_onnx(self.model_, path, kind=type(self).__name__, event=self.classes_[1])

    def documents(self) -> dict[str, Any]:
        """Return everything but the tensors as JSON-ready values, by file."""
        found = super().documents()
        return found | {"model": {**found["model"], "classes": self.classes_.tolist()}}

    def _take_over(self, tensors: Mapping[str, torch.Tensor], documents: Mapping[str, Any]) -> None:
        self.classes_ = np.array(documents["model"]["classes"])

    @staticmethod
    def _benchmark_of(document: Any) -> Benchmark:
        return Benchmark.restore(document)
