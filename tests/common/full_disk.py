"""A disk without room, for tests of what is then said; nothing is written but to the test's folder."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest


class _Full(io.FileIO):
    """A file on a disk with room for so many bytes."""

    room = 0

    def write(self, data: Any) -> int:
        if len(memoryview(data).cast("B")) + self.tell() > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def fill(monkeypatch: pytest.MonkeyPatch, module: str, room: int = 0) -> None:
    """Let each new file that a module opens have room for so many bytes only."""

    def opened(path: Path, mode: str) -> io.BufferedWriter:
        raw = _Full(path, mode)
        raw.room = room
        return io.BufferedWriter(raw)

    monkeypatch.setattr(f"{module}.open", opened, raising=False)
