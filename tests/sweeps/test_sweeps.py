import time

import numpy as np
import pytest

from whyresnets import sweeps
from whyresnets.store import cache as kept_runs
from whyresnets.sweeps import local
from whyresnets.training.descent import Alone


def test_the_numbers_do_not_depend_on_jobs_and_more_seeds_change_nothing(tiny, monkeypatch, tmp_path):
    results = []
    tiny = tiny.but(signals=True)
    for jobs, seeds in ((1, range(2)), (2, range(3)), (3, (7, 1, 0))):
        monkeypatch.setenv("WHYRESNETS_CACHE", str(tmp_path / str(jobs)))
        results.append(sweeps.run({"arm": (tiny, seeds)}, jobs=jobs)["arm"])
    one, two, mixed = results
    for name in set(one.arrays) - {"seconds"}:
        assert np.array_equal(one[name], two[name][:2]) and np.array_equal(one[name], mixed[name][[2, 1]])


def test_finished_runs_are_not_trained_twice(cache, tiny, monkeypatch):
    plan = {"arm": (tiny, range(2)), "same": (tiny, range(1))}
    assert len(sweeps.missing(plan)) == 2
    first = sweeps.run(plan, jobs=1)
    assert sweeps.missing(plan) == []
    monkeypatch.setattr(local, "train", lambda *_: 1 / 0)
    again = sweeps.run(plan, jobs=1)
    assert np.array_equal(first["arm"]["curve"], again["arm"]["curve"])


def test_without_cache_nothing_is_read_or_kept(cache, tiny):
    kept_runs.save(cache, tiny, 0, {"train_loss": np.float32(99)})
    runs = sweeps.run({"arm": (tiny, range(1))}, jobs=1, workers=sweeps.WITHOUT_CACHE)
    assert runs["arm"]["train_loss"][0] < 99
    assert len(list(cache.rglob("*.npz"))) == 1


def test_progress_names_the_chapter_and_counts_runs(cache, tiny, capsys):
    sweeps.run({"arm": (tiny, range(2))}, jobs=1, title="Degradation")
    shown = capsys.readouterr()
    assert "Degradation: run 2 of 2" in shown.err and "left" in shown.err and not shown.out


def test_what_there_is_no_time_for_is_left_and_the_same_sweep_goes_on(cache, tiny, monkeypatch):
    """A step that takes a hundredth of a second, a sweep that has three: every call leaves a checkpoint."""
    spec, step = tiny.but(steps=30), Alone.step
    (whole,) = sweeps.run({"arm": (spec, range(2))}, jobs=1, workers=sweeps.WITHOUT_CACHE).values()
    monkeypatch.setattr(Alone, "step", lambda alone: (time.sleep(0.02), step(alone))[1])
    checkpoints, calls = [], 0
    while True:
        calls += 1
        try:
            workers = sweeps.Workers(until=time.time() + 0.15)
            resumed = sweeps.run({"arm": (spec, range(2))}, jobs=1, workers=workers)["arm"]
            break
        except kept_runs.OutOfTime:
            checkpoints += [len(list(cache.rglob(f"*{kept_runs.SAVED}")))]
    assert calls > 5 and set(checkpoints) <= {0, 1} and 1 in checkpoints
    assert not list(cache.rglob(f"*{kept_runs.SAVED}")), "a finished run needs no checkpoint"
    for name in set(whole.arrays) - {"seconds"}:
        assert np.array_equal(whole[name], resumed[name], equal_nan=True)


def test_a_damaged_checkpoint_is_set_aside_and_the_run_begins_anew(cache, tiny, capsys):
    folder = kept_runs.cache_folder()
    spec = tiny.but(steps=30)
    checkpoint = kept_runs.Checkpoint(folder, spec, 0, until=0.0)
    assert checkpoint.load() is None and checkpoint.due()
    with pytest.raises(kept_runs.OutOfTime):
        local.train(spec, 0, "cpu", checkpoint)
    kept = kept_runs.Checkpoint(folder, spec, 0)
    assert int(kept.load()["done"]) == 1 and not kept.due()
    (path,) = cache.rglob(f"*{kept_runs.SAVED}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (again,) = sweeps.run({"arm": (spec, range(1))}, jobs=1).values()
    assert capsys.readouterr().err.count("set aside a damaged checkpoint, to be done again") == 1
    (whole,) = sweeps.run({"arm": (spec, range(1))}, jobs=1, workers=sweeps.WITHOUT_CACHE).values()
    assert np.array_equal(again["curve"], whole["curve"])


def test_a_checkpoint_is_never_taken_for_a_finished_run(cache, tiny):
    folder = kept_runs.cache_folder()
    kept_runs.Checkpoint(folder, tiny, 0).save({"train_loss": np.float32(99)})
    (path,) = cache.rglob(f"*{kept_runs.SAVED}")
    assert kept_runs.find(folder, tiny, 0) is None
    path.rename(path.with_suffix(".npz"))
    assert kept_runs.find(folder, tiny, 0) is None, "it says what it is"
