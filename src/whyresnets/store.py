"""Finished runs on disk, found by what was asked: a local cache, and the records that ship with the book.

Both hold arrays in ``.npz`` files that are read without pickles. A cached run is one file a seed,
written whole or not at all. A record is one ``.npz`` (seeds first) with a ``.json`` that says where it comes from.
"""

import contextlib
import datetime
import functools
import io
import json
import math
import os
import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from whyresnets.source import source_hash
from whyresnets.training import Runs, Spec

Readings = dict[str, np.ndarray]

RECORDS = Path(__file__).parent / "records"
SAVED = ".checkpoint"  # how the file of an unfinished run ends
CHECKPOINT_SECONDS = 120  # between two of a run (chosen by us)
NAME = "run"  # the entry of a cached file that says which run it holds
DAY = 86400  # seconds
PROVENANCE = {"date", "source", "versions", "hardware"}  # what every entry of a record must say
FIRST_STEPS = 10  # of a curve that a compact record keeps (chosen by us)
EVERY_STEPS = 25  # after those, it keeps each so-many-th, and the last (chosen by us)
PROBE = 65536  # bytes: about a run; chosen by us


def cache_folder(device: str = "cpu") -> Path:
    """Where runs of today's code, this torch and this kind of device are kept.

    Under ``WHYRESNETS_CACHE``, else under the platform's cache folder for this user.
    """
    import torch

    if not (named := os.environ.get("WHYRESNETS_CACHE")):
        import platformdirs

        named = Path(platformdirs.user_cache_dir("whyresnets")) / "runs"
    return Path(named) / f"{source_hash()}-torch-{torch.__version__}-{device}"


def _path(folder: Path, spec: Spec, seed: int) -> Path:
    return folder / spec.question / f"{seed}.npz"


def _name(path: Path) -> str:
    """What a cached file says it is: the code and torch that made it, its question, its seed, and whether finished."""
    kind = SAVED if path.suffix == SAVED else ""
    return "/".join(path.with_suffix("").parts[-3:]) + kind


def save(folder: Path, spec: Spec, seed: int, readings: Readings) -> None:
    """Keep one finished run; a reader sees the whole file or none.

    Raises
    ------
    OSError
        If the folder cannot be written; what was written by then is removed.
    """
    _keep(folder, _path(folder, spec, seed), readings)


def find(folder: Path, spec: Spec, seed: int) -> Readings | None:
    """A finished run from the cache, or None: shapes and units as in :class:`whyresnets.training.Runs`, without seeds.

    A file that is damaged, or that is not the run its place says, is set aside with one line on standard error.

    Raises
    ------
    OSError
        If the file is there and cannot be read.
    """
    return _kept(_path(folder, spec, seed), "run")


def _keep(folder: Path, path: Path, arrays: Readings) -> None:
    """Write a file of the cache whole or not at all, with its name in it."""
    part = path.with_suffix(f".part{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            np.savez(file, **arrays, **{NAME: np.array(_name(path))})
            file.flush()
            os.fsync(file.fileno())  # on the disk before the name is
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _kept(path: Path, what: str) -> Readings | None:
    """The arrays of a file of the cache, if it is there, whole (``.npz`` has a checksum for each) and in its place."""
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        arrays = _arrays(whole)
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
    """Where a run that may be interrupted is kept, beside the finished ones; a :class:`whyresnets.training.Checkpoint`.

    Written whole or not at all every :data:`CHECKPOINT_SECONDS`, without pickles; damaged ones are set aside.
    ``until`` is the time, in seconds since 1970, after which the run is saved and left with :class:`OutOfTime`.
    """

    def __init__(self, folder: Path, spec: Spec, seed: int, until: float = math.inf):
        self._folder, self._file, self._until = folder, _path(folder, spec, seed).with_suffix(SAVED), until
        self._saved = time.monotonic()

    def load(self) -> Readings | None:
        """What was saved last, or None: shapes and units as in :class:`whyresnets.training.Descent`."""
        return _kept(self._file, "checkpoint")

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._saved > CHECKPOINT_SECONDS or time.time() > self._until

    def save(self, state: Readings) -> None:
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
    for saved in folder.glob(f"*/*{SAVED}"):
        if saved.with_suffix(".npz").exists():  # the run was finished, and killed before it could forget
            saved.unlink(missing_ok=True)
    for part in folder.glob("*/*.part*"):
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            if time.time() - part.stat().st_mtime > DAY:
                part.unlink()


def _arrays(whole: bytes) -> Readings:
    """The arrays in the bytes of an ``.npz``; nothing in them is run.

    Raises an exception of some kind if the bytes are anything else.
    """
    with np.load(io.BytesIO(whole), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@dataclass(frozen=True)
class Record:
    """A finished sweep that ships with the book.

    Attributes
    ----------
    about : entry -> its spec, seeds (S,), provenance, seconds, and what confirmed it (see :func:`confirm`)
    arrays : "entry/reading" -> array, seeds first; units as in :class:`whyresnets.training.Runs`
    """

    about: dict[str, dict]
    arrays: dict[str, np.ndarray]

    @functools.cached_property
    def entries(self) -> dict[tuple[Spec, int], str]:
        """(Spec, first seed) -> entry. By the Spec itself, so a field that is added later takes its default."""
        return {(Spec(**about["spec"]), about["seeds"][0]): key for key, about in self.about.items()}

    def runs(self, spec: Spec, first_seed: int = 0) -> Runs | None:
        """The recorded runs of ``spec`` from ``first_seed`` up, or None if they were not recorded."""
        if (key := self.entries.get((spec, first_seed))) is None:
            return None
        return Runs(spec, tuple(self.about[key]["seeds"]), dict(self._by_entry[key]))

    @functools.cached_property
    def _by_entry(self) -> dict[str, Readings]:
        found: dict[str, Readings] = {key: {} for key in self.about}
        for name, array in self.arrays.items():
            key, reading = name.split("/", 1)
            found.setdefault(key, {})[reading] = array
        return found

    @property
    def confirmed(self) -> list[str]:
        """The entries that other code made and today's repeats bit for bit, in the seeds that were tried."""
        return [key for key in self._by_other_code if self._confirmed_by(key) == self._today(key)]

    @property
    def stale(self) -> list[str]:
        """The entries that today's code neither made nor confirmed; shown as such, never thrown away."""
        return [key for key in self._by_other_code if self._confirmed_by(key) != self._today(key)]

    @property
    def _by_other_code(self) -> list[str]:
        return [key for key, about in self.about.items() if about["source"] != self._today(key)]

    def _today(self, key: str) -> str:
        """The source hash of today's code for an entry."""
        return source_hash(self.about[key]["spec"])

    def _confirmed_by(self, key: str) -> str | None:
        return self.about[key].get("confirmed", {}).get("source")

    def vouched(self, key: str) -> str:
        """The source hash of the code that last confirmed an entry, or made it."""
        return self._confirmed_by(key) or self.about[key]["source"]


class RecordDamaged(Exception):
    """A shipped record cannot be read, or may not be replaced; the message says what to do."""


def record(name: str) -> Record | None:
    """The record called ``name``, such as "degradation-laptop", or None if there is none yet.

    Raises
    ------
    RecordDamaged
        If its files cannot be read, or belong to another version.
    """
    path = RECORDS / f"{name}.json"
    return _read_record(path, path.stat().st_mtime_ns) if path.exists() else None


@functools.lru_cache(maxsize=8)
def _read_record(path: Path, _modified: int) -> Record:
    try:
        arrays = _arrays(path.with_suffix(".npz").read_bytes())
        found = Record(json.loads(path.read_text(encoding="utf-8")), arrays)
        for (spec, first), key in found.entries.items():
            seeds = found.about[key]["seeds"]
            if absent := PROVENANCE - set(found.about[key]):
                raise ValueError(f"{key} does not say its {', '.join(absent)}")
            short = [name for name, a in found.runs(spec, first).arrays.items() if len(a) != len(seeds)]
            if short or f"{key}/train_loss" not in arrays:
                raise ValueError(f"{key} does not hold its seeds")
        _ = found.stale  # what confirmed an entry is read, too
        return found
    except Exception as error:  # whatever the bytes are
        raise RecordDamaged(
            f"the record {path} is damaged or of another version ({type(error).__name__}): "
            f"restore both its files from the repository"
        ) from error


def kept_steps(steps: int) -> list[int]:
    """Of so many steps, those that a compact record keeps of a curve, counted from 0."""
    return sorted({*range(min(FIRST_STEPS, steps)), *range(0, steps, EVERY_STEPS), *range(max(steps - 1, 0), steps)})


def compact(runs: Runs, layers: bool = True) -> Runs:
    """The same runs in 32 bits, and of their curves the first steps, some of the others and the last.

    Shapes and units as in :class:`whyresnets.training.Runs`, but for ``curve``, (S, fewer). A curve that stopped being
    finite still says so at its end. Without ``layers``, readings by layer and step, (S, K, ...), are left out. For
    chapters that need no curve from the record, and would be the larger for it.
    """
    kept = kept_steps(runs["curve"].shape[1])
    arrays = {name: a.astype(np.float32) for name, a in runs.arrays.items() if layers or a.ndim < 3}
    return Runs(runs.spec, runs.seeds, {**arrays, "curve": arrays["curve"][:, kept]})


def without(runs: Runs, readings: Iterable[str]) -> Runs:
    """The same runs without some readings; shapes and units as in :class:`whyresnets.training.Runs`."""
    return Runs(runs.spec, runs.seeds, {name: a for name, a in runs.arrays.items() if name not in readings})


def write_record(name: str, sweep: list[Runs], trained_on: str = "", small: bool = False, layers: bool = True) -> Path:
    """Add finished runs to the record called ``name``, with their provenance; what was there for a Spec is replaced.

    ``trained_on``: the hardware; this machine's processor unless said. ``small``: only what :func:`compact` keeps, with
    or without its ``layers``.

    Raises
    ------
    RecordDamaged
        If that would replace a Spec's seeds by fewer.
    OSError
        If the folder of records cannot be written; the record is then as it was.
    """
    refuse_fewer(name, [(runs.spec, runs.seeds) for runs in sweep])
    old = record(name) or Record({}, {})
    about, arrays = dict(old.about), dict(old.arrays)
    for runs in sweep:
        if (before := old.entries.get((runs.spec, runs.seeds[0]))) is not None:
            del about[before]
            arrays = {n: a for n, a in arrays.items() if not n.startswith(f"{before}/")}
        key = f"{runs.spec.question}-{runs.seeds[0]}"
        seconds = round(float(np.sum(runs["seconds"])), 1)
        about[key] = {
            "spec": asdict(runs.spec),
            "seeds": list(runs.seeds),
            "seconds": seconds,
            **provenance(runs.spec, trained_on),
        }
        if small:
            runs = compact(runs, layers)
            about[key]["compact"] = True
        arrays |= {f"{key}/{reading}": a for reading, a in runs.arrays.items()}
    return _write(name, Record(about, arrays))


def refuse_fewer(name: str, plan: Iterable[tuple[Spec, Sequence[int]]]) -> None:
    """Ask this before hours are spent on a record.

    Raises
    ------
    RecordDamaged
        If the record called ``name`` holds more seeds of a Spec of ``plan`` than would replace them.
    """
    old = record(name) or Record({}, {})
    for spec, seeds in plan:
        if (key := old.entries.get((spec, seeds[0]))) is not None and len(seeds) < (n := len(old.about[key]["seeds"])):
            raise RecordDamaged(f"{name} holds {n} seeds of an arm: record at least as many (--seeds {n})")


def confirm(name: str, again: list[Runs], earlier: list[Runs] | None = None, earlier_source: str = "") -> list[str]:
    """Compare runs done again with today's code to the record called ``name``; the entries that differ in any bit.

    A change that should change no number (faster, or for another chapter) is proved so at the price of a few
    seeds: entries of which the seeds done again came out bit for bit the same are marked as confirmed by today's
    code. Only the seconds may differ. On another processor than the record's, sums are rounded differently:
    there ``earlier`` are the same runs, or shorter ones, by the code that made or last confirmed the record
    (``earlier_source``), to compare with instead, and the mark says so and how many steps they had.
    """
    old = record(name)
    about, differ = dict(old.about), []
    compared = earlier or [old.runs(runs.spec, runs.seeds[0]).first(len(runs.seeds)) for runs in again]
    for runs, recorded in zip(again, compared, strict=True):
        key = old.entries[runs.spec, runs.seeds[0]]
        readings = set(recorded.arrays) - {"seconds"}
        runs = compact(runs) if about[key].get("compact") and not earlier else runs
        same = readings <= set(runs.arrays) and all(_same_bits(recorded[r], runs[r]) for r in readings)
        if same:
            confirmed = {k: provenance(runs.spec)[k] for k in ("date", "source")} | {"seeds": list(runs.seeds)}
            steps = recorded["curve"].shape[1]
            confirmed |= {"against": earlier_source, "hardware": hardware(), "steps": steps} if earlier else {}
            about[key] = {**about[key], "confirmed": confirmed}
        else:
            differ.append(key)
    _write(name, Record(about, old.arrays), arrays=False)
    return differ


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def _write(name: str, new: Record, arrays: bool = True) -> Path:
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{name}.json"
    parts = path.with_suffix(".npz.part"), path.with_suffix(".json.part")
    try:
        if arrays:
            with open(parts[0], "wb") as file:
                np.savez_compressed(file, **new.arrays)
        parts[1].write_text(json.dumps(new.about, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        if arrays:
            parts[0].replace(path.with_suffix(".npz"))
        parts[1].replace(path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return path


def versions() -> dict[str, str]:
    """Versions of what computes a result."""
    import torch

    import whyresnets

    return {
        "whyresnets": whyresnets.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def hardware(device: str = "cpu") -> str:
    """The processor as the system names it, and its cores."""
    if device == "cuda":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name()
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


def provenance(spec: Spec, trained_on: str = "") -> dict:
    """What a record says of its origin: date, code, versions, hardware (this machine's processor unless said)."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {
        "date": today,
        "source": source_hash(asdict(spec)),
        "versions": versions(),
        "hardware": trained_on or hardware(),
    }
