"""The records that ship with the book: an ``.npz`` each, seeds first, and a ``.json`` that says where it comes from."""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import whyresnets
from whyresnets import checks
from whyresnets.spec import Spec, from_flat
from whyresnets.store.cache import Arrays, arrays_in
from whyresnets.store.provenance import hardware, provenance, source_of
from whyresnets.training.runs import Runs

RECORDS = Path(whyresnets.__file__).parent / "records"
PROVENANCE = {"date", "source", "versions", "hardware"}  # what every entry of a record must say
FIRST_STEPS = 10  # of a curve that a compact record keeps (chosen by us)
EVERY_STEPS = 25  # after those, it keeps each so-many-th, and the last (chosen by us)


@dataclass(frozen=True)
class Record:
    """A finished sweep that ships with the book.

    Attributes
    ----------
    about : entry -> its spec, seeds (S,), provenance, seconds, and what confirmed it (see :func:`confirm`)
    arrays : "entry/reading" -> array, seeds first; units as in :class:`whyresnets.training.runs.Runs`
    """

    about: dict[str, dict]
    arrays: dict[str, np.ndarray]

    @functools.cached_property
    def entries(self) -> dict[tuple[Spec, int], str]:
        """(Spec, first seed) -> entry. By the Spec itself, so a field that is added later takes its default."""
        return {(spec, self.about[key]["seeds"][0]): key for key, spec in self.specs.items()}

    @functools.cached_property
    def specs(self) -> dict[str, Spec]:
        """Entry -> its Spec."""
        return {key: from_flat(about["spec"]) for key, about in self.about.items()}

    def runs(self, spec: Spec, first_seed: int = 0) -> Runs | None:
        """The recorded runs of ``spec`` from ``first_seed`` up, or None if they were not recorded.

        Of entries whose seeds follow on each other, as those that were added one by one, all.
        """
        found: list[Runs] = []
        while (key := self.entries.get((spec, first_seed))) is not None:
            found.append(Runs(spec, tuple(self.about[key]["seeds"]), dict(self._by_entry[key])))
            first_seed = found[-1].seeds[-1] + 1
        return Runs.joined(found) if found else None

    @functools.cached_property
    def _by_entry(self) -> dict[str, Arrays]:
        found: dict[str, Arrays] = {key: {} for key in self.about}
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
        return source_of(self.specs[key])

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
    return read(path) if path.exists() else None


def read(path: Path) -> Record:
    """The record whose ``.json`` is at ``path``, beside its ``.npz``.

    Raises
    ------
    RecordDamaged
        If its files are not there, cannot be read, or belong to another version.
    """
    return _read_record(path, path.stat().st_mtime_ns if path.exists() else 0)


@functools.lru_cache(maxsize=8)
def _read_record(path: Path, _modified: int) -> Record:
    try:
        arrays = arrays_in(path.with_suffix(".npz").read_bytes())
        found = Record(json.loads(path.read_text(encoding="utf-8")), arrays)
        for key in found.entries.values():
            seeds = checks.seeds("seeds", found.about[key]["seeds"])
            if absent := PROVENANCE - set(found.about[key]):
                raise ValueError(f"{key} does not say its {', '.join(absent)}")
            short = [name for name, a in found._by_entry[key].items() if len(a) != len(seeds)]
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

    As in :class:`whyresnets.training.runs.Runs`, but for ``curve``, (S, fewer). A curve that stopped being finite still
    says so at its end. Without ``layers``, readings by layer and step, (S, K, ...), are left out. For
    chapters that need no curve from the record, and would be the larger for it.
    """
    kept = kept_steps(runs["curve"].shape[1])
    arrays = {name: a.astype(np.float32) for name, a in runs.arrays.items() if layers or a.ndim < 3}
    return Runs(runs.spec, runs.seeds, {**arrays, "curve": arrays["curve"][:, kept]})


def without(runs: Runs, readings: Iterable[str]) -> Runs:
    """The same runs without some readings; shapes and units as in :class:`whyresnets.training.runs.Runs`."""
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
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{name}.json"
    write(path, _with(record(name) or Record({}, {}), sweep, trained_on, small, layers))
    return path


def of(sweep: Iterable[Runs]) -> Record:
    """A record of finished runs, whole, made here and now."""
    return _with(Record({}, {}), sweep, "", False, True)


def _with(old: Record, sweep: Iterable[Runs], trained_on: str, small: bool, layers: bool) -> Record:
    about, arrays = dict(old.about), dict(old.arrays)
    for runs in sweep:
        if (before := old.entries.get((runs.spec, runs.seeds[0]))) is not None:
            about.pop(before, None)  # two arms of a chapter may have one Spec
            arrays = {n: a for n, a in arrays.items() if not n.startswith(f"{before}/")}
        key = f"{runs.spec.question}-{runs.seeds[0]}"
        about[key] = {
            "spec": runs.spec.flat(),
            "seeds": list(runs.seeds),
            "seconds": round(float(np.sum(runs["seconds"])), 1),
            **provenance(runs.spec, trained_on),
        }
        if small:
            runs = compact(runs, layers)
            about[key]["compact"] = True
        arrays |= {f"{key}/{reading}": a for reading, a in runs.arrays.items()}
    return Record(about, arrays)


def keep_only(name: str, used: Iterable[Spec]) -> list[str]:
    """Drop from the record called ``name`` every entry whose Spec is none of those ``used``; which they were.

    What an arm had that no chapter has any more. No other entry changes.

    Raises
    ------
    OSError
        If the record cannot be written; it is then as it was.
    """
    old, known = record(name) or Record({}, {}), set(used)
    unused = [key for key, spec in old.specs.items() if spec not in known]
    if unused:
        about = {key: told for key, told in old.about.items() if key not in unused}
        arrays = {n: a for n, a in old.arrays.items() if n.split("/", 1)[0] in about}
        write(RECORDS / f"{name}.json", Record(about, arrays))
    return unused


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


def confirm(name: str, again: Mapping[str, Runs], earlier: Record | None = None) -> list[str]:
    """Compare runs done again with today's code, entry -> runs, to the record called ``name``; the entries that differ.

    A change that should change no number (faster, or for another chapter) is proved so at the price of a few
    seeds: entries of which the seeds done again came out bit for bit the same are marked as confirmed by today's
    code. Only the seconds may differ. On another processor than the record's, sums are rounded differently:
    there ``earlier`` holds the same runs, or shorter ones, by the code that made or last confirmed the record, to
    compare with instead, and the mark says so and how many steps they had.
    """
    old = record(name) or Record({}, {})
    about, differ = dict(old.about), []
    for key, runs in again.items():
        spec, first = (old.specs[key], old.about[key]["seeds"][0]) if earlier is None else (runs.spec, runs.seeds[0])
        recorded = (earlier or old).runs(spec, first)
        runs = compact(runs) if about[key].get("compact") and earlier is None else runs
        if recorded is None or not _alike(recorded.first(len(runs.seeds)), runs):
            differ.append(key)
            continue
        mark = {k: provenance(old.specs[key])[k] for k in ("date", "source")} | {"seeds": list(runs.seeds)}
        if earlier is not None:
            mark |= {"against": old.vouched(key), "hardware": hardware(), "steps": runs["curve"].shape[1]}
        about[key] = {**about[key], "confirmed": mark}
    write(RECORDS / f"{name}.json", Record(about, old.arrays), arrays=False)
    return differ


def _alike(recorded: Runs, runs: Runs) -> bool:
    readings = set(recorded.arrays) - {"seconds"}
    return readings <= set(runs.arrays) and all(_same_bits(recorded[r], runs[r]) for r in readings)


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def write(path: Path, new: Record, arrays: bool = True) -> None:
    """Write a record's ``.json`` at ``path``, and beside it its ``.npz``, whole or not at all.

    Raises
    ------
    OSError
        If they cannot be written; what was there is then as it was.
    """
    parts = path.with_suffix(".npz.part"), path.with_suffix(".json.part")
    try:
        if arrays:
            with open(parts[0], "wb") as file:
                np.savez_compressed(file, **dict(new.arrays))  # type: ignore[arg-type]
        parts[1].write_text(json.dumps(new.about, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        if arrays:
            parts[0].replace(path.with_suffix(".npz"))
        parts[1].replace(path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
