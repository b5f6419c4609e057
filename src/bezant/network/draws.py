"""Random numbers of a batch that several processes share: the ones that a single process would draw.

Dropout and hidden codes draw a number a row. Where each process has some rows of a batch, all of them draw
for the whole batch, from generators in the same state, and keep what belongs to their own rows: the
generators stay in step, and the fit is that of one process. It costs random numbers, not matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_shared: ContextVar[tuple[int, Tensor] | None] = ContextVar("shared", default=None)


@contextmanager
def rows_of_batch(total: int, places: Tensor) -> Iterator[None]:
    """Say that the rows at hand are these of a batch.

    Parameters
    ----------
    total : int
        Rows of the whole batch.
    places : int64 tensor, shape (B,)
        Places of the rows at hand among them.
    """
    token = _shared.set((total, places))
    try:
        yield
    finally:
        _shared.reset(token)


def drawn(draw: Callable[[int], Tensor], rows: int) -> Tensor:
    """Return what is drawn for the rows at hand, (B, ...).

    Parameters
    ----------
    draw : callable
        Draws for a number of rows.
    rows : int
        Rows B at hand.
    """
    shared = _shared.get()
    if shared is None:
        return draw(rows)
    total, places = shared
    return draw(total).index_select(0, places)
