"""A progress bar that says what a user wants to know: the loss, the held-out figure, the time left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from bezant.artifacts import is_main_process
from bezant.training.loop import Progress

ProgressChoice = Literal["auto", True, False]


class DrawnProgress:
    """An observer of training that moves a bar; other long work moves it by :meth:`step`."""

    def __init__(self, bar: Bar, title: str) -> None:
        self._bar, self._title = bar, title
        self._task = bar.add_task(title, said="", total=None)

    def __call__(self, progress: Progress) -> None:
        """Draw where a training is."""
        done, total = (progress.epoch - 1) * progress.steps + progress.step, progress.epochs * progress.steps
        self._bar.update(
            self._task, description=self._title, total=total, completed=done, said=_words(progress)
        )

    def step(self, title: str, done: int, total: int) -> None:
        """Draw that so many of all steps of a piece of work are done."""
        said = f"{done} of {total}"
        self._bar.update(self._task, description=title, total=total, completed=done, said=said)


@contextmanager
def shown(title: str, choice: ProgressChoice = "auto") -> Iterator[DrawnProgress | None]:
    """Yield an observer for :func:`bezant.training.loop.train` that draws on standard error.

    Parameters
    ----------
    title : str
        What is being trained.
    choice : {"auto", True, False}
        "auto" draws only where somebody can see it: standard error is a terminal.
    """
    if choice is False or (choice == "auto" and not sys.stderr.isatty()) or not is_main_process():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield DrawnProgress(bar, title)


def _words(progress: Progress) -> str:
    held_out = "" if progress.held_out_loss is None else f"  held-out {progress.held_out_loss:.4f}"
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    return (
        f"epoch {progress.epoch}/{progress.epochs}  loss {progress.loss:.4f}{held_out}  "
        f"{minutes}:{seconds:02d} left"
    )
