"""Packages that bring a copy of the solver HiGHS each, loaded in the one order that works.

After highspy, which skfolio brings, optbinning's ortools cannot be loaded, and no scorecard be fitted. After
ortools, highspy cannot be, which is missed by nobody here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_cvxpy() -> Iterator[None]:
    """Keep cvxpy from logging to stderr each solver it cannot load; none of them is used here."""
    log = logging.getLogger("__cvxpy__")
    silence = logging.Filter("nothing")  # passes only the records of a logger of this name
    log.addFilter(silence)
    try:
        yield
    finally:
        log.removeFilter(silence)


def import_binning() -> Any:
    """Import optbinning (a second or two), which imports cvxpy.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    with quiet_cvxpy():
        import optbinning
    return optbinning
