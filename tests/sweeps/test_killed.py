"""A sweep killed for real, again and again, keeps every finished run and ends as one never killed.

Two or three kills in every run, ten in the weekly job.
"""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from whyresnets import sweeps
from whyresnets.store import cache as kept_runs
from whyresnets.sweeps import local

SEEDS = range(120)
# Kills at random, and while a run is written.
OFTEN = pytest.mark.parametrize(
    ("at_random", "while_writing", "runs"), [(2, 1, 20), pytest.param(7, 3, 120, marks=pytest.mark.slow)]
)
AT_MOST = 4  # new runs between two kills, so that a fast machine does not finish too early

SWEEP = """
import sys
from whyresnets import sweeps
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Spec, Task
spec = Spec(Conv(8, "residual", (2, 3, 4)), Task(batch=16), SGD(steps=40))
sweeps.run({"arm": (spec, range(120))}, jobs=int(sys.argv[1]))
"""
# With one job the sweep runs in this process, so that a write can be held in its middle.
HALF = """
import io, pathlib, sys, time
import numpy
whole, left = numpy.savez, int(sys.argv[2])
def half(file, **arrays):
    global left
    left -= 1
    if left:
        return whole(file, **arrays)
    kept = io.BytesIO()
    whole(kept, **arrays)
    file.write(kept.getvalue()[: len(kept.getvalue()) // 2])
    file.flush()
    pathlib.Path(sys.argv[3]).touch()
    time.sleep(600)
numpy.savez = half
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and process groups are POSIX")


def started(script, *arguments):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, start_new_session=True, **quiet)


def wait_for(condition, sweep, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        assert sweep.poll() is None, "the sweep ended before it could be killed"
        time.sleep(0.005)


def kept(cache):
    """What is in the cache: file -> when it was written, and its bytes."""
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in cache.rglob("*.npz")}


@pytest.fixture
def spec(tiny):
    return tiny.but(steps=40)


@OFTEN
def test_kills_lose_nothing(cache, spec, tmp_path, monkeypatch, capsys, at_random, while_writing, runs):
    seeds, sweep_of = range(runs), SWEEP.replace("range(120)", f"range({runs})")
    chance, halves = random.Random(0), 0
    for kill in range(at_random + while_writing):
        before, parts = kept(cache), set(cache.rglob("*.part*"))
        if kill < at_random:
            sweep = started(sweep_of, 2)
            wait_for(lambda before=before: len(kept(cache)) > len(before), sweep)
            moment = time.monotonic() + chance.uniform(0, 0.4)
            while time.monotonic() < moment and len(kept(cache)) < len(before) + AT_MOST:
                time.sleep(0.005)
        else:
            marker = tmp_path / f"half {kill}"
            sweep = started(HALF + sweep_of, 1, chance.randint(1, 3), marker)
            wait_for(marker.exists, sweep)
        assert sweep.poll() is None
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.wait()
        after = kept(cache)
        assert all(after[path] == before[path] for path in before), "a finished run was lost or done again"
        halves += kill >= at_random and len(set(cache.rglob("*.part*")) - parts) == 1
    assert halves == while_writing
    before = kept(cache)
    assert at_random <= len(before) < len(seeds), "the kills came too early or too late to show anything"

    resumed = sweeps.run({"arm": (spec, seeds)}, jobs=2)["arm"]
    after = kept(cache)
    assert len(after) == len(seeds) and all(after[path] == before[path] for path in before)
    assert not list(cache.rglob("*.damaged")) and "set aside" not in capsys.readouterr().err

    monkeypatch.setenv("WHYRESNETS_CACHE", str(tmp_path / "never killed"))
    whole = sweeps.run({"arm": (spec, seeds)}, jobs=2)["arm"]
    for name in set(whole.arrays) - {"seconds"}:
        assert np.array_equal(whole[name], resumed[name])


@pytest.mark.slow
def test_two_processes_on_one_cache_do_not_hurt_each_other(cache, spec):
    """Both start at once, and both find the same damaged file first."""
    plan = {"arm": (spec, SEEDS)}
    first = sweeps.run({"arm": (spec, range(1))}, jobs=1)["arm"]
    (path,) = cache.rglob("*.npz")
    path.write_bytes(b"not an array")
    both = [started(SWEEP, 1), started(SWEEP, 1)]
    assert [sweep.wait(timeout=300) for sweep in both] == [0, 0]
    assert sweeps.missing(plan) == [] and not list(cache.rglob("*.part*"))
    assert np.array_equal(sweeps.run(plan)["arm"].first(1)["curve"], first["curve"])


def test_a_killed_worker_gives_one_clear_line_and_keeps_what_was_finished(cache, spec, monkeypatch):
    """As the system does it when memory runs out: SIGKILL to a worker, not to the sweep."""
    seeds = range(2, 6)
    sweeps.run({"arm": (spec, range(2))}, jobs=1)
    monkeypatch.setattr(local, "train_part", _dies)
    with pytest.raises(sweeps.WorkerLost, match="run the same again with fewer"):
        sweeps.run({"arm": (spec, [*range(2), *seeds])}, jobs=2)
    assert len(kept(cache)) == 2


def _dies(*_):
    os.kill(os.getpid(), signal.SIGKILL)


LONG = """
from whyresnets import sweeps
from whyresnets.store import cache as kept_runs
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec, Task
kept_runs.CHECKPOINT_SECONDS = 0.02
spec = Spec(Conv(8, "residual", (2, 3, 4)), Task(batch=16, augment=True), SGD(steps=1500), Readings(watch=(0, 700)))
sweeps.run({"arm": (spec, range(1))}, jobs=1)
"""


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_run_killed_often_ends_with_the_curve_of_one_never_killed(cache, spec, kills):
    """Its checkpoints are a few steps apart here; each kill comes at some moment after a new one."""
    spec = spec.but(steps=1500, augment=True, watch=(0, 700))
    chance, done = random.Random(1), [0]
    for _ in range(kills):
        sweep = started(LONG)
        wait_for(lambda: steps_kept(cache, spec) > done[-1], sweep)
        time.sleep(chance.uniform(0, 0.1))
        assert sweep.poll() is None, "the run ended before it could be killed"
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.wait()
        done.append(steps_kept(cache, spec))
    assert done == sorted(set(done)) and done[-1] < spec.optimiser.steps, "every start goes on from the checkpoint"
    assert not kept(cache) and not list(cache.rglob("*.damaged"))

    resumed = sweeps.run({"arm": (spec, range(1))}, jobs=1)["arm"]
    whole = sweeps.run({"arm": (spec, range(1))}, jobs=1, workers=sweeps.WITHOUT_CACHE)["arm"]
    for name in set(whole.arrays) - {"seconds"}:
        assert np.array_equal(whole[name], resumed[name]), name
    assert not list(cache.rglob(f"*{kept_runs.SAVED}"))


def steps_kept(cache, spec) -> int:
    state = kept_runs.Checkpoint(kept_runs.cache_folder(), spec, 0).load()
    return 0 if state is None else int(state["done"])
