"""Finished runs on disk, found by what was asked: a local cache, and the records that ship with the book.

Both hold arrays in ``.npz`` files that are read without pickles. A cached run is one file a seed,
written whole or not at all. A record is one ``.npz`` (seeds first) with a ``.json`` that says where it comes from.
"""

import ast
import datetime
import functools
import json
import os
import platform
import sys
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from whyresnets.training import Runs, Spec

Readings = dict[str, np.ndarray]

DECISIVE = ("data", "models", "measures", "training")  # the modules whose code decides a result
RECORDS = Path(__file__).parent / "records"


@functools.cache
def source_hash() -> str:
    """A hash of the code that decides a result; comments, docstrings and layout do not change it."""
    import hashlib

    def shape(node) -> object:
        if isinstance(node, list):
            return [shape(item) for item in node]
        if not isinstance(node, ast.AST):
            return repr(node)
        parts = [(name, shape(value)) for name, value in ast.iter_fields(node) if value not in (None, [])]
        return [type(node).__name__, parts]

    digest = hashlib.sha256()
    for module in DECISIVE:
        tree = ast.parse((Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
                node.body.pop(0)
        digest.update(repr(shape(tree)).encode())
    return digest.hexdigest()[:16]


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


def save(folder: Path, spec: Spec, seed: int, readings: Readings) -> None:
    """Keep one finished run; a reader sees the whole file or none.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    path = _path(folder, spec, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part{os.getpid()}")
    with open(part, "wb") as file:
        np.savez(file, **readings)
    part.replace(path)


def find(folder: Path, spec: Spec, seed: int) -> Readings | None:
    """A finished run from the cache, or None. A damaged file is set aside, with one line on standard error."""
    path = _path(folder, spec, seed)
    if not path.exists():
        return None
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        print(f"whyresnets: set aside a damaged run ({type(error).__name__}): {aside}", file=sys.stderr)
        return None


@dataclass(frozen=True)
class Record:
    """A finished sweep that ships with the book: ``about`` by (question, first seed), and its arrays."""

    about: dict[str, dict]
    arrays: dict[str, np.ndarray]

    def runs(self, spec: Spec, first_seed: int = 0) -> Runs | None:
        """The recorded runs of ``spec`` from ``first_seed`` up, or None if they were not recorded."""
        key = f"{spec.question}-{first_seed}"
        if key not in self.about:
            return None
        prefix = f"{key}/"
        arrays = {name.removeprefix(prefix): a for name, a in self.arrays.items() if name.startswith(prefix)}
        return Runs(spec, tuple(self.about[key]["seeds"]), arrays)

    @property
    def stale(self) -> list[str]:
        """The keys of what was recorded with other code than today's; shown as such, never thrown away."""
        return [key for key, about in self.about.items() if about["source"] != source_hash()]


class RecordDamaged(Exception):
    """A shipped record cannot be read, or may not be replaced; the message says what to do."""


def record(name: str) -> Record | None:
    """The record called ``name``, such as "degradation-laptop", or None if there is none yet.

    Raises
    ------
    RecordDamaged
        If its files cannot be read.
    """
    path = RECORDS / f"{name}.json"
    return _read_record(path, path.stat().st_mtime_ns) if path.exists() else None


@functools.lru_cache(maxsize=8)
def _read_record(path: Path, _modified: int) -> Record:
    try:
        with open(path.with_suffix(".npz"), "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return Record(json.loads(path.read_text(encoding="utf-8")), {key: file[key] for key in file.files})
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise RecordDamaged(f"the record {path} is damaged: restore it from the repository") from error


def write_record(name: str, sweep: list[Runs], device: str = "cpu") -> Path:
    """Add finished runs to the record called ``name``, with their provenance; what was there for a Spec is replaced.

    Raises
    ------
    RecordDamaged
        If that would replace a Spec's seeds by fewer.
    """
    old = record(name) or Record({}, {})
    about, arrays = dict(old.about), dict(old.arrays)
    for runs in sweep:
        key = f"{runs.spec.question}-{runs.seeds[0]}"
        before = len(about[key]["seeds"]) if key in about else 0
        if len(runs.seeds) < before:
            raise RecordDamaged(f"{name} holds {before} seeds of an arm: record at least as many (--seeds {before})")
        seconds = round(float(np.sum(runs["seconds"])), 1)
        about[key] = {"spec": asdict(runs.spec), "seeds": list(runs.seeds), "seconds": seconds, **provenance(device)}
        arrays = {n: a for n, a in arrays.items() if not n.startswith(f"{key}/")}
        arrays |= {f"{key}/{reading}": a for reading, a in runs.arrays.items()}
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{name}.json"
    parts = path.with_suffix(".npz.part"), path.with_suffix(".json.part")
    with open(parts[0], "wb") as file:
        np.savez_compressed(file, **arrays)
    parts[1].write_text(json.dumps(about, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    parts[0].replace(path.with_suffix(".npz"))
    parts[1].replace(path)
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

        return torch.cuda.get_device_name()
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


def provenance(device: str = "cpu") -> dict:
    """What a record says of its origin: date, code, versions, hardware."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"date": today, "source": source_hash(), "versions": versions(), "hardware": hardware(device)}
