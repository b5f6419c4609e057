"""The tasks of classification, credit first: which rows of which real data set train, and which test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bezant import datasets
from bezant.metrics.target_statistics import stratified_folds
from bezant.types import InputError

Rows = npt.NDArray[np.bool_]

FOLDS = 5

ALL = "5 folds"
"""Name of the one test part of a task in folds."""


@dataclass(frozen=True)
class Part:
    """One fit of a task.

    Attributes
    ----------
    name : str
        Such as "fold 3".
    train : DataFrame
        Rows to learn from, target included.
    tests : mapping of str to DataFrame
        Rows to judge on, by their name in the tables.
    """

    name: str
    train: pd.DataFrame
    tests: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class CreditTask:
    """A data set with a protocol.

    Attributes
    ----------
    name : str
        Its name on the command line and in the tables.
    dataset : str
        A name of :func:`bezant.datasets.names`.
    title : str
        What is done, for the page.
    rows : int, optional
        Training rows of an out-of-time task, drawn once; None takes all.
    first, last : int
        Years of the training rows of an out-of-time task.
    years : tuple of (int, int)
        Test periods of it, from year to year; empty for a task of five folds. Years of the SBA are fiscal
        years of the United States: 2004 is October 2003 to September 2004.
    drop : tuple of str
        Columns left out besides those that the data set's own task leaves out.
    """

    name: str
    dataset: str
    title: str
    rows: int | None = None
    first: int = 0
    last: int = 0
    years: tuple[tuple[int, int], ...] = ()
    drop: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """Name of the outcome."""
        target = datasets.task(self.dataset).target
        assert target is not None  # every data set of loans has one
        return target

    @property
    def time(self) -> str | None:
        """Column that orders the rows; None where folds are drawn at random."""
        return datasets.task(self.dataset).time if self.years else None

    @property
    def tests(self) -> tuple[str, ...]:
        """Names of the test parts."""
        return tuple(f"{a}" if a == b else f"{a}-{b % 100:02d}" for a, b in self.years) or (ALL,)

    def parts(self) -> Iterator[Part]:
        """Yield the fits."""
        frame = datasets.load(self.dataset).drop(columns=list(self.drop))
        if not self.years:
            fold = stratified_folds(frame[self.target].to_numpy(np.float64), FOLDS, 0)
            for k in range(FOLDS):
                yield Part(f"fold-{k}", frame[fold != k], {self.tests[0]: frame[fold == k]})
            return
        year = (frame[self.time] + pd.DateOffset(months=3)).dt.year
        train = frame[(year >= self.first) & (year <= self.last)]
        if self.rows is not None:
            train = train.sample(self.rows, random_state=0)
        tests = {
            name: frame[(year >= a) & (year <= b)]
            for name, (a, b) in zip(self.tests, self.years, strict=True)
        }
        yield Part("whole", train, tests)


BANK = ("Bank", "BankState")
LATER = ((2004, 2004), (2005, 2005), (2006, 2007))

TASKS = {
    task.name: task
    for task in (
        CreditTask("german-credit", "german-credit", "German credit, 1,000 rows, 5 folds"),
        CreditTask("credit-data", "credit-data", "Credit data, 4,454 rows, 5 folds"),
        CreditTask("hmda", "hmda", "Boston HMDA, 2,380 rows, 5 folds"),
        CreditTask("lending-club", "lending-club", "Lending Club, 9,857 rows, 5 folds"),
        CreditTask(
            "card-applications",
            "card-applications",
            "Credit card, who was refused, 1,319 rows, 5 folds: nothing was chosen on these rows",
        ),
        CreditTask(
            "loans-full-schema",
            "loans-full-schema",
            "Lending Club 2018, who is behind, 10,000 rows, 178 events, 5 folds: nothing was chosen "
            "on these rows",
        ),
        CreditTask("caravan", "caravan", "Caravan, who takes the policy (propensity), 5,822 rows, 5 folds"),
        CreditTask(
            "sba-100k",
            "sba-loans",
            "SBA loans, 100,000 approved in the fiscal years 1990-2003 train, all of later years test",
            rows=100_000,
            first=1990,
            last=2003,
            years=LATER,
        ),
        CreditTask(
            "sba-100k-without-bank",
            "sba-loans",
            "The same without Bank and BankState, which may name the servicer at the snapshot",
            rows=100_000,
            first=1990,
            last=2003,
            years=LATER,
            drop=BANK,
        ),
        CreditTask(
            "sba-earlier",
            "sba-loans",
            "SBA loans, 100,000 approved in the fiscal years 1985-1998 train, all of later years test: of "
            "bezant's defaults only the methods of calibration were looked at on these years",
            rows=100_000,
            first=1985,
            last=1998,
            years=((1999, 1999), (2000, 2000), (2001, 2001)),
        ),
        CreditTask(
            "sba-all",
            "sba-loans",
            "SBA loans, all approved in the fiscal years 1990-2003 train, all of later years test",
            first=1990,
            last=2003,
            years=LATER,
        ),
    )
}
"""Every task by name."""


def credit_tasks(names: list[str]) -> list[CreditTask]:
    """Return tasks by name, all of them if none is named."""
    for name in names:
        if name not in TASKS:
            raise InputError(f"There is no benchmark task {name!r}; the names are {', '.join(TASKS)}.")
    return [TASKS[name] for name in names or TASKS]
