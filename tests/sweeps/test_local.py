"""Training in this process alone: asked for, or because the system starts no others; nothing is lost either way."""

import errno
import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool

import joblib
import numpy as np
import pytest

from whyresnets import bench, sweeps
from whyresnets.__main__ import main
from whyresnets.sweeps import local

ONE_LINE = "no processes can be started here"
# In a process of its own, as joblib looks when it is imported whether it can start others.
SWEEP = """
import sys
import numpy as np
from whyresnets import sweeps
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Spec, Task
spec = Spec(Conv(8, "residual", (2, 3, 4)), Task(batch=16), SGD(rate=0.1, steps=3))
jobs = [None if word == "None" else int(word) for word in sys.argv[2:]]
for several in jobs:
    runs = sweeps.run({"arm": (spec, range(2))}, several, workers=sweeps.WITHOUT_CACHE)
np.save(sys.argv[1], runs["arm"]["curve"])
"""
WITHOUT = {
    "processes": "import os; os.environ['JOBLIB_MULTIPROCESSING'] = '0'",
    "room for semaphores": """
import _multiprocessing
class SemLock(_multiprocessing.SemLock):
    def __new__(cls, *_, **__):
        raise OSError(30, "Read-only file system")
_multiprocessing.SemLock = SemLock
""",
    "semaphores": "import _multiprocessing; del _multiprocessing.SemLock",
}


@pytest.mark.parametrize("without", WITHOUT)
def test_where_joblib_starts_no_processes_all_is_trained_in_this_one(without, tiny, tmp_path):
    """Said once, for the jobs that were asked for; one job and the default need no others."""
    environment = {name: value for name, value in os.environ.items() if name != "WHYRESNETS_JOBS"}
    script = f"{WITHOUT[without]}\nimport warnings; warnings.simplefilter('ignore')\n{SWEEP}"
    command = [sys.executable, "-c", script, str(tmp_path / "curve.npy"), "1", "2", "None"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("whyresnets: ") == done.stderr.count(f"{ONE_LINE} (joblib has none)") == 1
    (runs,) = sweeps.run({"arm": (tiny, range(2))}, jobs=1, workers=sweeps.WITHOUT_CACHE).values()
    assert np.array_equal(np.load(tmp_path / "curve.npy"), runs["curve"])


def refused(*_, **__):
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def broken(*_, **__):
    raise BrokenProcessPool("A process in the process pool was terminated abruptly")


def threads(_, tasks):
    return (function(*arguments) for function, arguments, _ in tasks)


@pytest.mark.parametrize(
    "call, why", [(refused, "BlockingIOError"), (broken, "BrokenProcessPool"), (threads, "joblib has none")]
)
def test_processes_that_do_not_start_are_said_in_one_line_and_done_without(call, why, cache, tiny, monkeypatch, capsys):
    monkeypatch.setattr(joblib.Parallel, "__call__", call)
    (runs,) = sweeps.run({"arm": (tiny, range(3))}, jobs=2).values()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "whyresnets: " in line]
    assert f"{ONE_LINE} ({why}" in line and "training goes on in this one" in line
    assert len(runs.seeds) == len(list(cache.rglob("*.npz"))) == 3


def test_one_job_needs_no_joblib(cache, tiny, monkeypatch):
    monkeypatch.setattr(joblib, "Parallel", lambda *_, **__: 1 / 0)
    monkeypatch.setenv("WHYRESNETS_JOBS", "1")
    sweeps.run({"arm": (tiny, range(2))}, title="in this process")
    assert len(list(cache.rglob("*.npz"))) == 2


def test_what_goes_wrong_in_training_is_no_want_of_processes(cache, tiny, monkeypatch, capsys):
    """In one process or several: the error itself comes through, and nothing is tried twice."""
    tried = []
    monkeypatch.setattr(local, "train_part", lambda *_: tried.append(1) or refused())
    with pytest.raises(BlockingIOError):
        sweeps.run({"arm": (tiny, range(2))}, jobs=1)
    with pytest.raises(BlockingIOError):
        sweeps.run({"arm": (tiny, range(2))}, jobs=2)
    assert len(tried) == 1 and ONE_LINE not in capsys.readouterr().err


def test_bench_says_that_it_needs_processes(monkeypatch, capsys):
    monkeypatch.setattr(sweeps, "cores", lambda: 2)
    monkeypatch.setattr(joblib.Parallel, "__call__", refused)
    monkeypatch.setattr(bench, "ceiling", lambda _: 1.0)
    monkeypatch.setattr(bench, "plain", lambda *_: None)
    assert main(["bench"]) == 2
    said = capsys.readouterr()
    assert f"{ONE_LINE} (BlockingIOError" in said.err.splitlines()[-1] and "run it where they can" in said.err
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", refused)
    assert np.isnan(bench.peak_megabytes([]))
