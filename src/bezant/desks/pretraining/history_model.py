"""The history model: pretrained without labels, for vectors, surprise, and every desk to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from bezant.artifacts import load_folder, save_folder
from bezant.desks.estimators.settings import names_given, seed_of
from bezant.desks.pretraining.history_fit import HistoryPlan, fit_histories
from bezant.desks.pretraining.history_report import write_history_page
from bezant.desks.pretraining.history_rows import (
    encoded,
    frame_like,
    looked_at,
    rows_of,
)
from bezant.desks.pretraining.history_settings import history_config
from bezant.histories import Histories, like_input
from bezant.histories.readers import read_table
from bezant.network.backbones import BackboneConfig, BackboneKind
from bezant.network.fields.encoding import Encoding
from bezant.network.history import TERMS, HistoryConfig, HistoryNetwork, Term
from bezant.network.pretrained import PretrainedRecords
from bezant.network.records import Records
from bezant.network.sizes import SizeName
from bezant.schema import RECORDS, Schema
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun
from bezant.training.progress import ProgressChoice
from bezant.types import ArtifactError, Frame, InputError

NOT_PRETRAINED = "This %(name)s has learned nothing yet; pretrain it first: model.pretrain(events)."


class HistoryModel(BaseEstimator):  # type: ignore[misc]
    """A large model of histories, learned without labels.

    Parameters
    ----------
    entity, time : str, default "customer" and "time"
        Columns of a frame of events that say whose each is, and when.
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
        Size of the backbone.
    backbone : {"transformer", "cnn", "rnn"} or BackboneConfig, default "transformer"
        What mixes the records; it is causal.
    window : int, default 256
        Records read at once. Longer histories are trained on in windows that together hold every record, and
        summarised by their latest window.
    until : str, optional
        Column of rows with records that says up to when each row's records are known, such as the day of the
        application: what the term "later" learns from silence, and how old the vectors count the last record.
        Without it, silence after a row's last record teaches nothing; histories of events are known up to the
        latest event of all, those with cuts up to their cut.
    terms : tuple of {"fields", "records", "keys", "next", "later", "contrast"}
        What is learned, all if not given: hidden fields, records and keys; the next record and when it comes;
        whether one comes within each of some horizons of a moment; which slices belong to one history.
    training : TrainingConfig or mapping, optional
        How to train.
    progress : {"auto", True, False}, default "auto"
        Show a progress bar on standard error.
    random_state : int, optional
        Repeats a fit exactly, on one machine with one number of threads. None is 0.

    Attributes
    ----------
    network_ : HistoryNetwork
    encoding_ : Encoding
        How records become arrays.
    schema_ : Schema
        What the columns of the records mean.
    history_ : TrainingRun
    notes_ : tuple of str
        Everything that was skipped, imputed, truncated or replaced.

    Examples
    --------
    >>> import bezant as bz
    >>> events = bz.datasets.load("cdnow-sample")
    >>> model = bz.HistoryModel(size="tiny").pretrain(events)
    >>> model.embed(events).shape
    """

    network_: HistoryNetwork
    encoding_: Encoding
    schema_: Schema
    history_: TrainingRun
    notes_: tuple[str, ...]

    def __init__(
        self,
        *,
        entity: str = "customer",
        time: str = "time",
        size: SizeName = "small",
        backbone: BackboneKind | BackboneConfig = "transformer",
        window: int = 256,
        until: str | None = None,
        terms: Sequence[Term] = TERMS,
        training: TrainingConfig | Mapping[str, Any] | None = None,
        progress: ProgressChoice = "auto",
        random_state: int | None = None,
    ) -> None:
        self.entity = entity
        self.time = time
        self.size = size
        self.backbone = backbone
        self.window = window
        self.until = until
        self.terms = terms
        self.training = training
        self.progress = progress
        self.random_state = random_state

    # ------------------------------------------------------------------------------------ pretraining

    def pretrain(self, histories: Frame | Histories) -> Self:
        """Learn from histories without labels.

        Parameters
        ----------
        histories : frame of events, frame with a column of records, or Histories
            Events in any order, with the columns ``entity`` and ``time`` and any others; or rows that
            :func:`bezant.with_records` gave their records; or the container itself.

        Raises
        ------
        InputError
            If a column is not there, a time is missing, or no history has two records.
        """
        fitted = fit_histories(histories, self._plan())
        self.network_, self.encoding_, self.schema_ = fitted.network, fitted.encoding, fitted.schema
        self.history_, self.notes_ = fitted.run, fitted.notes
        return self

    def fit(self, X: Frame | Histories, y: Any = None) -> Self:
        """Learn from histories; scikit-learn's name for :meth:`pretrain`. ``y`` is not read."""
        return self.pretrain(X)

    def _plan(self) -> HistoryPlan:
        return HistoryPlan(
            entity=self.entity,
            time=self.time,
            until=self.until,
            window=self.window,
            config=history_config(self.backbone, self.size, self.window, self.terms),
            training=self.training,
            progress=self.progress,
            seed=seed_of(self),
        )

    # ---------------------------------------------------------------------------------------- using

    def embed(self, histories: Frame | Histories, *, components: int | None = None) -> Frame:
        """Return one vector a history.

        Parameters
        ----------
        histories
            As in :meth:`pretrain`.
        components : int from 1 to 32, optional
            So many components of the vectors instead of all numbers, first that of what is forecast: one for
            every 100 rows of the rarer outcome is what a model with few labels can read, for all numbers
            drown what is in them.

        Returns
        -------
        frame
            Of the input's kind: the entity, where the input has one, and the columns ``h0``, ``h1``, ...

        Raises
        ------
        InputError
            If so many components are not known.
        """
        check_is_fitted(self, "network_", msg=NOT_PRETRAINED)
        known = self.network_.summary.encoder.config.components
        if components is not None and not 1 <= components <= known:
            raise InputError(
                f"components is a whole number from 1 on, up to the {known} that pretraining learned, not "
                f"{components!r}."
            )
        table, keys = rows_of(histories, self.entity, self.time)
        vectors = self.network_.embed(self._records(histories, table), components).numpy()
        columns: dict[str, Any] = {} if keys is None else {self.entity: keys}
        columns |= {f"h{j}": vectors[:, j] for j in range(vectors.shape[1])}
        return like_input(frame_like(histories), columns)

    def surprise(self, histories: Frame | Histories) -> Frame:
        """Return how unlikely each record was, given those before it.

        Returns
        -------
        frame
            Of the input's kind, a row for each record by history, then time: the entity, where the input has
            one, ``row`` (the place of the history), the time, ``surprise`` (the sum of the rest) and, for
            each field and the time since the record before, its own negative log-likelihood in nats.
        """
        check_is_fitted(self, "network_", msg=NOT_PRETRAINED)
        table, keys = rows_of(histories, self.entity, self.time)
        records = self._records(histories, table)
        found = self.network_.surprise(records).numpy()
        row = np.repeat(np.arange(len(records)), records.lengths.numpy())
        name = self.schema_.time
        assert name is not None
        columns: dict[str, Any] = {} if keys is None else {self.entity: keys.take(pa.array(row))}
        times = pa.array(records.gathered().times.numpy()).cast(pa.timestamp("us"))
        columns |= {"row": row, name: times, "surprise": found.sum(1)}
        columns |= {f"surprise_{field}": found[:, j] for j, field in enumerate(self._fields_told())}
        return like_input(frame_like(histories), columns)

    def report(
        self,
        path: str | Path,
        histories: Frame | Histories,
        *,
        entities: Sequence[Any] | None = None,
        created: str | None = None,
        title: str = "Histories: what the model learned",
    ) -> Path:
        """Write a self-contained HTML page: how it learned, and which records of these histories surprise it.

        Parameters
        ----------
        path : path
            File to write.
        histories
            As in :meth:`surprise`.
        entities : sequence of at most 20, optional
            Whose records are drawn; some surprising and some typical ones if not given.
        created : str, optional
            Moment to print, ISO form; now if not given.
        title : str
            Heading.
        """
        found = read_table(self.surprise(histories))
        assert self.schema_.time is not None
        return write_history_page(
            path,
            self.history_,
            found,
            entity=self.entity,
            time=self.schema_.time,
            entities=names_given(entities),
            notes=self.notes_,
            title=title,
            created=created,
        )

    def _fields_told(self) -> list[str]:
        assert self.encoding_.records is not None
        own = self.encoding_.records
        numbers = [c.field if c.part == "value" else f"{c.field}_{c.part}" for c in own.numbers]
        return [*numbers, *(c.field for c in own.codes), "gap"]

    def _records(self, histories: Frame | Histories, table: pa.Table) -> Records:
        column, _ = self.schema_.conform_records(table.select([RECORDS]))
        records = encoded(self.encoding_, pa.table({RECORDS: column}))
        return replace(records, moments=looked_at(histories, self.until, records))

    def pretrained(self) -> PretrainedRecords:
        """Return what a desk starts from."""
        check_is_fitted(self, "network_", msg=NOT_PRETRAINED)
        assert self.encoding_.records is not None
        return PretrainedRecords(self.schema_, self.encoding_.records, self.network_.summary)

    # --------------------------------------------------------------------------------------- saving

    def save(self, path: str | Path) -> Path:
        """Write the model to a folder, whole or not at all; :func:`bezant.load` reads it."""
        check_is_fitted(self, "network_", msg=NOT_PRETRAINED)
        given = {k: v for k, v in self.get_params(deep=False).items() if k != "progress"}
        for name in ("training", "backbone"):
            if hasattr(given[name], "model_dump"):
                given[name] = given[name].model_dump(mode="json")
        documents = {
            "model": {
                "kind": "HistoryModel",
                "schema": self.schema_.model_dump(mode="json"),
                "encoding": self.encoding_.model_dump(mode="json"),
                "network": self.network_.config.model_dump(mode="json"),
            },
            "parameters": {**given, "terms": list(self.terms)},
            "evidence": {
                "history": {**asdict(self.history_), "rows_per_second": 0.0},
                "notes": list(self.notes_),
            },
        }
        save_folder(path, {f"network.{k}": v for k, v in self.network_.state_dict().items()}, documents)
        return Path(path)

    def save_pretrained(self, path: str | Path) -> Path:
        """Write the model to a folder; the same as :meth:`save`."""
        return self.save(path)

    @classmethod
    def from_pretrained(cls, path: str | Path) -> Self:
        """Open what :meth:`save_pretrained` wrote, after checking every byte of it."""
        tensors, documents = load_folder(path)
        if documents.get("model", {}).get("kind") != "HistoryModel":
            kind = documents.get("model", {}).get("kind") or "something else"
            raise ArtifactError(
                f"The folder {str(path)!r} holds a {kind}, not a HistoryModel; name one that a pretraining "
                "wrote."
            )
        return cls.restore(tensors, documents)

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> Self:
        """Build the model again from what :meth:`save` wrote; use :func:`bezant.load`."""
        given = dict(documents["parameters"])
        if isinstance(given["backbone"], dict):
            given["backbone"] = BackboneConfig.model_validate(given["backbone"])
        model = cls(**{**given, "terms": tuple(given["terms"])})
        stored = documents["model"]
        model.network_ = HistoryNetwork(HistoryConfig.model_validate(stored["network"]))
        model.network_.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items()})
        model.network_.eval()
        model.encoding_ = Encoding.model_validate(stored["encoding"])
        model.schema_ = Schema.model_validate(stored["schema"])
        model.history_ = TrainingRun.restore(json.loads(json.dumps(documents["evidence"]["history"])))
        model.notes_ = tuple(documents["evidence"]["notes"])
        return model


def pretrained_records(given: HistoryModel | str | Path | None) -> PretrainedRecords | None:
    """Return what a desk starts from, of a model or of the folder it was saved to.

    Raises
    ------
    InputError
        If it is neither.
    """
    if given is None:
        return None
    if not isinstance(given, HistoryModel | str | Path):
        raise InputError(
            f"pretrained is a HistoryModel or the folder it was saved to, not {given!r}; None starts "
            "from nothing."
        )
    model = given if isinstance(given, HistoryModel) else HistoryModel.from_pretrained(given)
    return model.pretrained()
