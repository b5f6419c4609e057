"""The command line: ``bezant datasets | check | fit | predict | evaluate | report | ... | demo``.

Each file holds one group of commands. Only here, and in ``bezant.__init__``, does a function import
from bezant itself: what a command needs is imported when it runs, so that ``--help`` answers at once.
"""

from bezant.cli.app import app, main

__all__ = ["app", "main"]
