"""What a customer needs next: ranked products, why each, under the rules of the business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from bezant.artifacts import save_folder
from bezant.desks.customers.events import CustomerEvents
from bezant.desks.customers.judging import judge
from bezant.desks.customers.next_product import NextProduct
from bezant.desks.customers.owned_product import OwnedProduct
from bezant.desks.customers.recommended import (
    Asked,
    asked_names,
    because_of,
    frame_like,
    kind_of_frame,
    saved_events,
    scores_of_all,
)
from bezant.desks.customers.recommender_report import Lists, Look, write_recommender_page
from bezant.desks.customers.recommender_settings import cold_notes, refuse_unknown_settings
from bezant.desks.customers.recommending import (
    Filter,
    ListRules,
    attribute_vectors,
    eligible,
    warn_of_nothing,
)
from bezant.desks.customers.rivals import RivalChoice
from bezant.desks.customers.saved import documents_of, restored
from bezant.desks.customers.tables import Intake, read_customers
from bezant.desks.estimators.settings import names_given, seed_of
from bezant.network.backbones import BackboneConfig, BackboneKind
from bezant.network.sizes import SizeName
from bezant.schema.words import counted
from bezant.training.config import TrainingConfig, read_config
from bezant.training.progress import DrawnProgress, ProgressChoice, shown
from bezant.types import FloatArray, Frame, InputError, IntArray

LAST_RECORDS = 30
"""Of a customer's records so many of the latest are tried as reasons."""


class ProductRecommender(BaseEstimator):  # type: ignore[misc]
    """Recommend products from what customers took, when, and who they are.

    Events with times are read by a causal network whose log-probabilities are weighed beside statistics of
    which products come together (:class:`bezant.desks.customers.next_product.NextProduct`). Events without
    are sets: a network learns which product a set lacks
    (:class:`bezant.desks.customers.owned_product.OwnedProduct`).

    Parameters
    ----------
    customer, product, time : str, default "customer", "product", "time"
        Columns of the events. Without the column ``time``, or with None, the events are sets.
    size : {"tiny", "small", "base", "large", "xl"}, default "tiny"
        Of the network over events; of products, what came last says more than a larger network.
    backbone : {"transformer", "cnn", "rnn"}, default "transformer"
        What mixes the events.
    window : int, default 100
        Events read at once.
    members : int, default 1
        Networks over events that are averaged; each is trained by itself.
    training : TrainingConfig or mapping, optional
        How to train.
    benchmark : bool or "full", default True
        Hold out each customer's last new product (of sets: one at random), and judge the model beside
        popularity, sequential rules (of sets: LightGBM, one model a product) before the final fit; with
        "full" beside EASE, item-kNN and ALS too.
    progress : {"auto", True, False}, default "auto"
        Show a progress bar on standard error; "auto" does if that is a terminal.
    random_state : int, optional
        Repeats a fit exactly, on one machine with one number of threads. None is 0.

    Attributes
    ----------
    customers_, products_ : pyarrow.Array
        Names, in order.
    evaluation_ : RankingEvaluation or None
        Held-out figures beside the traditional models'; None without ``benchmark`` or where too few customers
        could be held out.
    notes_ : tuple of str
        Everything that was skipped, imputed, truncated or replaced.

    Examples
    --------
    >>> import bezant as bz
    >>> ratings = bz.datasets.load("movielens-100k")
    >>> films = bz.ProductRecommender(customer="user", product="item").fit(ratings.drop(columns="rating"))
    >>> films.recommend([1, 2], k=3)
    """

    def __init__(
        self,
        *,
        customer: str = "customer",
        product: str = "product",
        time: str | None = "time",
        size: SizeName = "tiny",
        backbone: BackboneKind = "transformer",
        window: int = 100,
        members: int = 1,
        training: TrainingConfig | Mapping[str, Any] | None = None,
        benchmark: RivalChoice = True,
        progress: ProgressChoice = "auto",
        random_state: int | None = None,
    ) -> None:
        self.customer, self.product, self.time = customer, product, time
        self.size, self.backbone, self.window, self.members = size, backbone, window, members
        self.training, self.benchmark, self.progress = training, benchmark, progress
        self.random_state = random_state

    # --------------------------------------------------------------------------------------- fitting

    def fit(self, events: Frame, profiles: Frame | None = None, *, products: Frame | None = None) -> Self:
        """Learn from what customers took.

        Parameters
        ----------
        events : frame with m rows, or a file
            One row an event: customer, product, time, and any further fields, which are read as inputs: what
            is known only later must not be among them.
        profiles : frame, optional
            One row a customer. Customers without events are recommended to by their profile.
        products : frame, optional
            One row a product with its attributes. Products that nobody has taken get the scores of those that
            are most like them.

        Raises
        ------
        InputError
            If a setting is unknown, there are no events, a value that must be there is missing, or there
            are fewer than two products.
        """
        refuse_unknown_settings(self)
        intake = read_customers(
            events, profiles, products, customer=self.customer, product=self.product, time=self.time
        )
        if len(intake.products) < 2:
            raise InputError(
                f"The events name {counted(len(intake.products), 'product')} alone; give two at least, for "
                "there is nothing to rank."
            )
        self._take(intake, kind_of_frame(events))
        taken = np.bincount(intake.data.events.product, minlength=len(intake.products)) > 0
        known = intake.data.only(taken)
        notes, self.evaluation_ = [*intake.notes], None
        cards = intake.fields.cardinalities, intake.profile.cardinalities
        with shown("Training", self.progress) as observe:
            if self.benchmark:
                model, self.evaluation_, said = judge(
                    lambda: self._model(observe), known, cards, seed_of(self), self.benchmark
                )
                notes += said
            else:
                model = None
            self.model_ = (
                self._model(observe).fit_customers(known, *cards) if model is None else model.refit(known)
            )
        self.notes_ = (*notes, *self.model_.notes_, *cold_notes(self.data_, taken))
        return self

    def _model(self, observe: DrawnProgress | None) -> NextProduct | OwnedProduct:
        training = self.training
        if training is not None and not isinstance(training, TrainingConfig):
            training = read_config(training)
        if not self.in_time_:
            return OwnedProduct(training=training, random_state=seed_of(self), observe=observe)
        return NextProduct(
            backbone=BackboneConfig(kind=self.backbone, size=self.size, dropout=0.2),
            window=self.window,
            members=self.members,
            training=training,
            random_state=seed_of(self),
            observe=observe,
            weighed=None if observe is None else partial(observe.step, "Weighing pairs of products"),
        )

    def _take(self, intake: Intake, kind: str) -> None:
        self.customers_, self.products_ = intake.customers, intake.products
        self.data_, self.in_time_, self.frame_kind_ = intake.data, intake.in_time, kind
        self.attributes_ = intake.attributes
        self.has_profiles_ = bool(intake.data.profile.numbers.shape[1] + intake.data.profile.codes.shape[1])

    # ---------------------------------------------------------------------------------- recommending

    def recommend(
        self,
        customers: Any = None,
        k: int = 10,
        exclude_owned: bool = True,
        filters: Filter | Sequence[Filter] | None = None,
        *,
        family: str | Mapping[Any, Any] | None = None,
        most_per_family: int = 1,
        diversity: float = 0.0,
        because: bool = False,
    ) -> Frame:
        """Return the products that each customer will most probably take next.

        Parameters
        ----------
        customers : sequence or one name, optional
            Names; all of the fit if not given.
        k : int, default 10
            Products a customer; fewer where fewer are allowed.
        exclude_owned : bool, default True
            Leave out what a customer has taken before.
        filters : callable, mapping, collection, or a list of these, optional
            Rules, all of which must allow a product: ``rule(customer, product)``, a mapping of products to
            whether they may be recommended (those not in it may), or the only products that may. Where they
            leave a customer nothing, a warning says so.
        family : str or mapping, optional
            A column of the products' attributes, or a mapping of products to their families.
        most_per_family : int, default 1
            At most so many products of a family in a list.
        diversity : float, default 0
            How much likeness to the products above counts against one, 0 to 1 (maximal marginal relevance).
        because : bool, default False
            Add a column with the customer's earlier product without which the recommendation would fall most;
            see :meth:`because`.

        Returns
        -------
        frame
            Of the kind the events had: customer, product, rank, score (log-odds, but for a constant a
            customer), basis ("events", "profile" or "popularity").

        Raises
        ------
        InputError
            If k, a rule or a family is not usable.
        """
        rules = ListRules(k, exclude_owned, filters, family, most_per_family, diversity)
        asked, lists, scores = self._lists(customers, rules)
        row, place = np.nonzero(lists >= 0)
        product = lists[row, place]
        columns: dict[str, Any] = {
            self.customer: asked.names.take(pa.array(row)),
            self.product: self.products_.take(pa.array(product)),
            "rank": pa.array(place + 1),
            "score": pa.array(scores[row, product]),
            "basis": asked.basis.take(pa.array(row)),
        }
        if because:
            found = because_of(self._scores, asked.data, row, product, LAST_RECORDS, 1)
            reason = pa.array([f[0][0] if f else None for f in found], pa.int64())
            columns["because"] = self.products_.take(reason)
        return frame_like(self.frame_kind_, columns)

    def because(
        self, customers: Any = None, k: int = 10, records: int = 3, exclude_owned: bool = True
    ) -> Frame:
        """Return the records that led to each recommendation.

        A record's effect is by how much the product's lead over the mean of all products shrinks if the
        record had not been (leave-one-out: exact, whatever the model).

        Parameters
        ----------
        customers, k, exclude_owned
            As of :meth:`recommend`.
        records : int, default 3
            At most so many a recommendation, those with the greatest positive effects among the customer's 30
            latest.

        Returns
        -------
        frame
            customer, product, rank, because (the product of the record), time (days since 1970, where events
            have times), effect.
        """
        asked, lists, _ = self._lists(customers, ListRules(k, exclude_owned))
        row, place = np.nonzero(lists >= 0)
        product = lists[row, place]
        found = because_of(self._scores, asked.data, row, product, LAST_RECORDS, records)
        pair = np.repeat(np.arange(len(row)), [len(f) for f in found])
        said = [(one, day, effect) for f in found for one, day, effect in f]
        columns: dict[str, Any] = {
            self.customer: asked.names.take(pa.array(row[pair])),
            self.product: self.products_.take(pa.array(product[pair])),
            "rank": pa.array(place[pair] + 1),
            "because": self.products_.take(pa.array([s[0] for s in said], pa.int64())),
        }
        if self.in_time_:
            columns["time"] = pa.array([s[1] for s in said], pa.float64())
        columns["effect"] = pa.array([s[2] for s in said], pa.float64())
        return frame_like(self.frame_kind_, columns)

    def report(
        self,
        path: str | Path,
        customers: Sequence[Any] | None = None,
        k: int = 10,
        *,
        called: str | None = None,
        created: str | None = None,
        title: str = "What customers need next",
    ) -> Path:
        """Write a self-contained HTML page: held-out figures, what is recommended, single customers.

        Parameters
        ----------
        path : path
            File to write.
        customers : sequence of at most 12 customers, optional
            Whose records and expectations are drawn; four with few to many records if not given.
        k : int, default 10
            Length of the lists that are counted.
        called : str, optional
            Attribute by which the page calls products, such as a title; their own names if not given.
        created : str, optional
            Moment to print, ISO form; now if not given.
        title : str
            Heading.
        """
        check_is_fitted(self, "model_")

        def lists(some: Any) -> Lists:
            return Lists(*self._lists(some, ListRules(k)))

        how = Look(names_given(customers), called, created, title)
        return write_recommender_page(path, self, lists, self._scores, how, seed=seed_of(self))

    def _lists(self, customers: Any, rules: ListRules) -> tuple[Asked, IntArray, FloatArray]:
        check_is_fitted(self, "model_")
        names = self.customers_ if customers is None else asked_names(customers, self.customers_)
        asked = Asked.of(names, self.customers_, self.data_, self.has_profiles_)
        allowed = eligible(rules.filters, asked.names.to_pylist(), self.products_.to_pylist())
        if rules.exclude_owned:
            allowed &= ~asked.data.events.owned()
        warn_of_nothing(allowed, rules)
        scores = self._scores(asked.data)
        vectors = self._vectors() if rules.diversity else None
        return asked, rules.lists(scores, allowed, self.products_, self.attributes_, vectors), scores

    def _scores(self, data: CustomerEvents) -> FloatArray:
        """Return the scores of all products, cold ones included, shape (n, p)."""
        taken = np.bincount(self.data_.events.product, minlength=len(self.products_))
        return scores_of_all(self.model_, data, taken, self.has_profiles_, self.attributes_)

    def _vectors(self) -> FloatArray:
        if self.attributes_ is not None:
            return attribute_vectors(self.attributes_)
        return np.asarray(self.model_.vectors)

    # ---------------------------------------------------------------------------------------- saving

    def save(self, path: str | Path) -> Path:
        """Write the model with its customers' events to a folder; :func:`bezant.load` reads it.

        The folder holds customers' data: keep it as the events themselves are kept.
        """
        save_folder(path, self.tensors(), self.documents())
        return Path(path)

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by name, ready to be saved."""
        check_is_fitted(self, "model_")
        own = {f"data.{k}": torch.from_numpy(np.array(v)) for k, v in saved_events(self.data_).items()}
        return {**own, **{f"model.{k}": v for k, v in self.model_.tensors().items()}}

    def documents(self) -> dict[str, Any]:
        """Return everything but the tensors as JSON-ready values, by file."""
        check_is_fitted(self, "model_")
        return documents_of(self)

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> Self:
        """Build the estimator again from what :meth:`save` wrote; use :func:`bezant.load`."""
        fitted = cls(**documents["parameters"])
        restored(fitted, tensors, documents)
        return fitted
