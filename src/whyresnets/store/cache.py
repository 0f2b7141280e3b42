"""The local cache of finished runs: one file a seed, written whole or not at all, read without pickles."""

import contextlib
import io
import math
import os
import sys
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from whyresnets import folders
from whyresnets.spec import Spec
from whyresnets.store.provenance import source_of, torch_version

Arrays = dict[str, np.ndarray]

SAVED = ".checkpoint"  # how the file of an unfinished run ends
CHECKPOINT_SECONDS = 120  # between two of a run (chosen by us)
NAME = "run"  # the entry of a cached file that says which run it holds
DAY = 86400  # seconds
PROBE = 65536  # bytes: about a run; chosen by us


def cache_folder(device: str = "cpu") -> Path:
    """Where runs of this torch and this kind of device are kept; inside, by the code that decides them.

    Under ``WHYRESNETS_CACHE``, else under the platform's cache folder for this user.
    """
    return folders.named("WHYRESNETS_CACHE", "runs") / f"torch-{torch_version()}-{device}"


def _path(folder: Path, spec: Spec, seed: int) -> Path:
    return folder / source_of(spec) / spec.question / f"{seed}.npz"


def _name(path: Path) -> str:
    """What a cached file says it is: the code and torch that made it, its question, its seed, and whether finished."""
    kind = SAVED if path.suffix == SAVED else ""
    return "/".join(path.with_suffix("").parts[-4:]) + kind


def save(folder: Path, spec: Spec, seed: int, readings: Arrays) -> None:
    """Keep one finished run; a reader sees the whole file or none.

    Raises
    ------
    OSError
        If the folder cannot be written; what was written by then is removed.
    """
    _keep(folder, _path(folder, spec, seed), readings)


def find(folder: Path, spec: Spec, seed: int) -> Arrays | None:
    """A finished run from the cache, or None: as in :class:`whyresnets.training.runs.Runs`, without seeds.

    A file that is damaged, or that is not the run its place says, is set aside with one line on standard error.

    Raises
    ------
    OSError
        If the file is there and cannot be read.
    """
    return _kept(_path(folder, spec, seed), "run")


def _keep(folder: Path, path: Path, arrays: Arrays) -> None:
    """Write a file of the cache whole or not at all, with its name in it."""
    part = path.with_suffix(f".part{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            np.savez(file, **arrays, **{NAME: np.array(_name(path))})  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())  # on the disk before the name is
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _kept(path: Path, what: str) -> Arrays | None:
    """The arrays of a file of the cache, if it is there, whole (``.npz`` has a checksum for each) and in its place."""
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        arrays = arrays_in(whole)
        if (name := str(arrays.pop(NAME, "nothing"))) != _name(path):
            raise ValueError(f"it says it is {name}")
        return arrays
    except Exception as error:  # whatever the bytes are
        aside = path.with_suffix(".damaged")
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            if path.read_bytes() == whole:
                path.replace(aside)
        said = f"set aside a damaged {what}, to be done again ({type(error).__name__})"
        print(f"whyresnets: {said}: {aside}", file=sys.stderr)
        return None


class OutOfTime(Exception):
    """The time that a sweep was given is over; what was done is kept."""


class Checkpoint:
    """Where a run that may be interrupted is kept: a :class:`whyresnets.training.descent.Checkpoint` on disk.

    Written whole or not at all every :data:`CHECKPOINT_SECONDS`, without pickles; damaged ones are set aside.
    ``until`` is the time, in seconds since 1970, after which the run is saved and left with :class:`OutOfTime`.
    """

    def __init__(self, folder: Path, spec: Spec, seed: int, until: float = math.inf):
        self._folder, self._file, self._until = folder, _path(folder, spec, seed).with_suffix(SAVED), until
        self._saved = time.monotonic()

    def load(self) -> Arrays | None:
        """What was saved last, or None: shapes and units as in :class:`whyresnets.training.descent`."""
        return _kept(self._file, "checkpoint")

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._saved > CHECKPOINT_SECONDS or time.time() > self._until

    def save(self, state: Arrays) -> None:
        """Keep ``state`` in place of what was kept before; shapes and units as it has them.

        Raises
        ------
        OSError
            If the folder cannot be written; what was kept before is still there.
        OutOfTime
            If the time is over; ``state`` is kept.
        """
        _keep(self._folder, self._file, state)
        self._saved = time.monotonic()
        if time.time() > self._until:
            raise OutOfTime

    def remove(self) -> None:
        """Forget what was kept: the run is finished."""
        self._file.unlink(missing_ok=True)


def prepare(folder: Path) -> None:
    """Make the folder, see that it can be written, and remove what was left behind.

    That is checkpoints of finished runs, and what was left half written a day ago or earlier.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
    for saved in folder.glob(f"*/*/*{SAVED}"):
        if saved.with_suffix(".npz").exists():  # the run was finished, and killed before it could forget
            saved.unlink(missing_ok=True)
    for part in folder.glob("*/*/*.part*"):
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            if time.time() - part.stat().st_mtime > DAY:
                part.unlink()


def arrays_in(whole: bytes) -> Arrays:
    """The arrays in the bytes of an ``.npz``; nothing in them is run.

    Raises an exception of some kind if the bytes are anything else.
    """
    with np.load(io.BytesIO(whole), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
