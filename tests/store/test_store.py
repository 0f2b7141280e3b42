import json
import os
import pickle
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import whyresnets
from whyresnets import sweeps
from whyresnets.store import cache as kept_runs
from whyresnets.store import provenance
from whyresnets.store import records as shipped
from whyresnets.training.runs import Runs


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "RECORDS", tmp_path)
    return tmp_path


def test_a_kept_run_comes_back_bit_for_bit(cache, tiny):
    readings = {"curve": np.float32([1.5, np.nan]), "train_loss": np.float32(0.1)}
    assert kept_runs.find(cache, tiny, 0) is None
    kept_runs.save(cache, tiny, 0, readings)
    found = kept_runs.find(cache, tiny, 0)
    assert set(found) == set(readings) and all(found[n].tobytes() == readings[n].tobytes() for n in readings)
    assert kept_runs.find(cache, tiny, 1) is None and kept_runs.find(cache, tiny.but(depth=14), 0) is None


def test_nothing_half_written_is_left_behind(cache, tiny):
    kept_runs.save(cache, tiny, 0, {"train_loss": np.float32(1)})
    assert [p.name for p in cache.rglob("*") if p.is_file()] == ["0.npz"]


def stored(cache, tiny, seed=0):
    kept_runs.save(cache, tiny, seed, {"curve": np.arange(50.0), "train_loss": np.float64(0.1)})
    return kept_runs._path(cache, tiny, seed)


def flip(content: bytes, bit: int) -> bytes:
    return content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]


@pytest.mark.parametrize("damage", ["truncated", "emptied", "flipped", "text", "pickle"])
def test_a_damaged_file_is_set_aside_with_one_line(cache, tiny, damage, capsys):
    path = stored(cache, tiny)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "truncated": whole[: len(whole) // 2],
            "emptied": b"",
            "flipped": flip(whole, 4 * len(whole)),
            "text": b"not an array",
            "pickle": pickle.dumps({"train_loss": 1}),
        }[damage]
    )
    assert kept_runs.find(cache, tiny, 0) is None
    assert capsys.readouterr().err.count("\n") == 1
    assert not path.exists() and path.with_suffix(".damaged").exists()


def test_no_flipped_bit_and_no_cut_gives_other_numbers(cache, tiny, capsys):
    """A flip in what no reader looks at, such as a date in the archive, may pass; other numbers never."""
    whole = stored(cache, tiny).read_bytes()
    right, noticed = kept_runs.find(cache, tiny, 0), 0
    chance = np.random.default_rng(0)
    broken = [flip(whole, int(bit)) for bit in chance.integers(0, 8 * len(whole), 1000)]
    broken += [whole[:cut] for cut in chance.integers(0, len(whole), 100)]
    for content in broken:
        kept_runs._path(cache, tiny, 0).write_bytes(content)
        found = kept_runs.find(cache, tiny, 0)
        noticed += found is None
        assert found is None or all(np.array_equal(found[name], right[name]) for name in right)
    assert noticed > 800 and capsys.readouterr().err.count("\n") == noticed


@pytest.mark.parametrize("foreign", ["of another seed", "of another Spec", "of another version", "of another program"])
def test_a_foreign_file_is_set_aside_and_done_again(cache, tiny, foreign, capsys):
    """Whole and readable, but not the run that its place says."""
    place = kept_runs.cache_folder()
    first = sweeps.run({"arm": (tiny, range(1))}, jobs=1)["arm"]
    path = kept_runs._path(place, tiny, 0)
    sources = {
        "of another seed": lambda: stored(place, tiny, 1),
        "of another Spec": lambda: stored(place, tiny.but(depth=14)),
        "of another version": lambda: stored(place.with_name("torch-2.0-cpu"), tiny),
    }
    if foreign == "of another program":
        np.savez(path, train_loss=np.float32(99))
    else:
        shutil.copy(sources[foreign](), path)
    again = sweeps.run({"arm": (tiny, range(1))}, jobs=1)["arm"]
    said = capsys.readouterr().err
    assert said.count("set aside a damaged run, to be done again") == 1
    assert np.array_equal(first["curve"], again["curve"]) and path.with_suffix(".damaged").exists()


def test_a_damaged_file_that_another_process_set_aside_first_is_no_error(cache, tiny, monkeypatch):
    path = stored(cache, tiny)
    path.write_bytes(b"damaged")
    replace = Path.replace

    def too_late(self, target):
        self.unlink()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", too_late)
    assert kept_runs.find(cache, tiny, 0) is None


def test_a_good_run_that_another_process_saved_just_then_is_not_set_aside(cache, tiny, monkeypatch):
    path = stored(cache, tiny)
    good = path.read_bytes()
    path.write_bytes(b"damaged")

    def saved_meanwhile(whole):
        path.write_bytes(good)
        raise ValueError("what was read is damaged")

    with monkeypatch.context() as other:
        other.setattr(kept_runs, "arrays_in", saved_meanwhile)
        assert kept_runs.find(cache, tiny, 0) is None
    assert kept_runs.find(cache, tiny, 0) is not None and not path.with_suffix(".damaged").exists()


def test_parts_that_a_kill_left_are_removed_after_a_day_and_not_before(cache, tiny):
    path = stored(cache, tiny)
    old, fresh = path.with_suffix(".part1"), path.with_suffix(".part2")
    for part, age in ((old, kept_runs.DAY + 60), (fresh, 60)):
        part.write_bytes(b"half")
        os.utime(part, (time.time() - age,) * 2)
    kept_runs.prepare(cache)
    assert not old.exists() and fresh.exists() and path.exists()


class Payload:
    """Unpickled, it would write a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_crafted_file_cannot_run_code(cache, tiny, records, capsys):
    target = records / "ran"
    path = stored(cache, tiny)
    crafted = np.array([Payload(target)], dtype=object)
    for content in (pickle.dumps(crafted), None):
        if content:
            path.write_bytes(content)
        else:
            np.savez(path, curve=crafted, **{kept_runs.NAME: np.array(kept_runs._name(path))})
        assert kept_runs.find(cache, tiny, 0) is None
    shipped.write_record("chapter-laptop", [made(tiny)])
    np.savez(records / "chapter-laptop.npz", **{f"{tiny.question}-0/train_loss": crafted})
    shipped._read_record.cache_clear()
    with pytest.raises(shipped.RecordDamaged, match="restore both its files"):
        shipped.record("chapter-laptop")
    assert not target.exists()
    pickle.loads(pickle.dumps(crafted))  # the payload is a real one
    assert target.exists()


def test_the_library_reads_no_pickles_and_runs_no_text():
    """torchvision reads those of CIFAR-10 itself, after it has compared their checksums."""
    forbidden = r"allow_pickle=True|\bpickle\b\.|import pickle|torch\.load|joblib\.load|\beval\(|\bexec\(|cloudpickle"
    for path in Path(whyresnets.__file__).parent.rglob("*.py"):
        assert not re.search(forbidden, path.read_text()), path.name


def test_a_record_keeps_seeds_arrays_and_provenance(records, tiny):
    arrays = {"train_loss": np.float32([1, 2]), "seconds": np.float32([3, 4])}
    shipped.write_record("chapter-laptop", [Runs(tiny, (0, 1), arrays)])
    shipped.write_record(
        "chapter-laptop", [Runs(tiny, (1000,), {"train_loss": np.float32([3]), "seconds": np.float32([1])})]
    )
    record = shipped.record("chapter-laptop")
    assert record.runs(tiny).seeds == (0, 1) and record.runs(tiny)["train_loss"].tolist() == [1, 2]
    assert record.runs(tiny, 1000)["train_loss"].tolist() == [3]
    assert record.runs(tiny.but(depth=14)) is None and shipped.record("other-laptop") is None
    about = record.about[f"{tiny.question}-0"]
    assert {"spec", "seeds", "date", "source", "versions", "hardware"} <= set(about) and about["seconds"] == 7
    assert record.stale == []


def made_with(monkeypatch, code: str) -> None:
    """From now on, as if this were the hash of the code for every Spec."""
    for module in (shipped, provenance):
        monkeypatch.setattr(module, "source_of", lambda _: code)


def made(spec, seeds=(0,), first=1.0) -> Runs:
    losses = np.float32([first + seed for seed in seeds])
    return Runs(spec, tuple(seeds), {"train_loss": losses, "curve": losses[:, None], "seconds": np.ones_like(losses)})


def test_a_record_of_other_code_is_shown_as_stale(records, tiny, monkeypatch):
    shipped.write_record("chapter-laptop", [made(tiny)])
    made_with(monkeypatch, "other")
    assert len(shipped.record("chapter-laptop").stale) == 1


def test_two_arms_of_one_spec_are_recorded_again_in_the_place_of_an_entry_of_an_earlier_name(records, tiny):
    """A new field, or a new word, gives an entry another name."""
    path = shipped.write_record("toy", [made(tiny)])
    ((key, about),) = shipped.record("toy").about.items()
    arrays = {name.replace(key, "earlier"): a for name, a in shipped.record("toy").arrays.items()}
    shipped.write(path, shipped.Record({"earlier": about}, arrays))
    shipped.write_record("toy", [made(tiny, first=2.0), made(tiny, first=2.0)])
    assert list(shipped.record("toy").about) == [key]
    assert shipped.record("toy").runs(tiny)["curve"][0, 0] == 2.0


def test_what_no_arm_is_made_of_any_more_is_dropped_and_nothing_else(records, tiny):
    other = tiny.but(depth=14)
    plan = {"kept": (tiny, [0, 1]), "unused": (other, [0])}
    sweep = sweeps.run(plan, workers=sweeps.WITHOUT_CACHE)
    shipped.write_record("some", list(sweep.values()))
    assert len(shipped.keep_only("some", [tiny])) == 1
    found = shipped.record("some")
    assert found.runs(other) is None and found.runs(tiny)["curve"].tobytes() == sweep["kept"]["curve"].tobytes()
    assert {name.split("/")[0] for name in found.arrays} == set(found.about)
    assert shipped.keep_only("some", [tiny]) == [] and shipped.keep_only("none", []) == []


def test_a_record_is_found_by_its_spec_so_a_new_field_takes_its_default(records, tiny):
    shipped.write_record("chapter-laptop", [made(tiny)])
    path = records / "chapter-laptop.json"
    about = json.loads(path.read_text())
    (entry,) = about.values()
    assert entry["spec"].pop("augment") is False  # as if recorded before the field was there
    path.write_text(json.dumps(about))
    shipped._read_record.cache_clear()
    assert shipped.record("chapter-laptop").runs(tiny)["train_loss"].tolist() == [1.0]
    assert shipped.record("chapter-laptop").runs(tiny.but(augment=True)) is None


def confirm(name, sweep):
    """Runs done again, each compared to the entry of its Spec and first seed."""
    entries = shipped.record(name).entries
    return shipped.confirm(name, {entries[runs.spec, runs.seeds[0]]: runs for runs in sweep})


def test_other_code_that_gives_the_same_bits_is_confirmed_and_any_other_bit_is_not(records, tiny, monkeypatch):
    other = tiny.but(depth=14)
    shipped.write_record("chapter-laptop", [made(tiny, range(5)), made(other, range(5))])
    made_with(monkeypatch, "other")
    off = made(other, range(2))
    off["curve"][1, 0] = np.nextafter(off["curve"][1, 0], np.float32(9))
    again = made(tiny, range(2))
    again["seconds"][:] = 7  # may differ
    differ = confirm("chapter-laptop", [again, off])
    record = shipped.record("chapter-laptop")
    assert differ == record.stale == [record.entries[other, 0]]
    assert record.confirmed == [record.entries[tiny, 0]]
    assert record.about[record.confirmed[0]]["confirmed"]["seeds"] == [0, 1]
    assert record.runs(tiny)["train_loss"].tolist() == [1, 2, 3, 4, 5]
    made_with(monkeypatch, "a third")
    assert len(shipped.record("chapter-laptop").stale) == 2


def test_a_record_that_cannot_be_written_is_left_as_it_was(records, tiny, monkeypatch):
    shipped.write_record("chapter-laptop", [made(tiny)])
    before = {path: path.read_bytes() for path in records.glob("chapter-laptop.*")}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        shipped.write_record("chapter-laptop", [made(tiny, range(3))])
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_compact_record_keeps_what_a_verdict_needs_and_says_so(records, tiny, monkeypatch):
    curve = np.arange(120.0).reshape(2, 60)
    curve[1, 30:] = np.nan
    readings = {"curve": curve, "train_loss": np.array([0.1, np.nan]), "distance": curve, "seconds": np.ones(2)}
    whole = Runs(tiny, (0, 1), readings)
    shipped.write_record("chapter-laptop", [whole], small=True)
    found = shipped.record("chapter-laptop").runs(tiny)
    assert found["curve"][0].tolist() == [*range(10), 25, 50, 59] and found["distance"].shape == (2, 60)
    assert {a.dtype for a in found.arrays.values()} == {np.dtype(np.float32)}
    assert found.finished.tolist() == whole.finished.tolist() == [True, False]
    made_with(monkeypatch, "later")
    assert confirm("chapter-laptop", [whole]) == []  # made small before it is compared
    off = Runs(tiny, (0, 1), {**readings, "distance": curve + 1e-3})
    assert len(confirm("chapter-laptop", [off])) == 1
    for steps in (0, 1, 3):
        short = shipped.compact(Runs(tiny, (0,), {"curve": np.ones((1, steps))}))
        assert short["curve"].shape == (1, steps)


def test_a_compact_record_of_a_grid_leaves_readings_by_layer_out(tiny):
    readings = {
        "curve": np.ones((2, 3)),
        "train_loss": np.ones(2),
        "by_step": np.ones((2, 3)),
        "deep": np.ones((2, 3, 4)),
    }
    runs = Runs(tiny, (0, 1), readings)
    assert set(shipped.compact(runs, layers=False).arrays) == set(readings) - {"deep"}
    assert set(shipped.compact(runs).arrays) == set(readings)
