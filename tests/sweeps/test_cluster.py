"""A real Dask scheduler with two worker processes: results as here, a lost worker survived, a lost scheduler said."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")

from whyresnets import sweeps
from whyresnets.__main__ import main
from whyresnets.store import provenance
from whyresnets.sweeps import cluster as dask_cluster

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
SEEDS = range(16)


class Cluster:
    """One scheduler and two workers of one thread, each a process of its own; they share no folder with the sweep."""

    def __init__(self, folder):
        self.folder = folder
        self.workers = []
        self.scheduler = self._start("dask_scheduler", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", "at")
        wait_until(lambda: (folder / "at").exists() and (folder / "at").read_text().endswith("}"))
        self.address = json.loads((folder / "at").read_text())["address"]
        one = self.address, "--nthreads", "1", "--no-nanny"
        self.workers += [self._start("dask_worker", *one, "--local-directory", str(i)) for i in range(2)]

    def _start(self, program, *arguments):
        environment = {**os.environ, "WHYRESNETS_CACHE": str(self.folder / "theirs")}
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=self.folder, env=environment, **quiet)

    def kill(self, process, when):
        """Kill it for real as soon as ``when`` is so; the thread that waits for that."""

        def act():
            wait_until(when)
            process.send_signal(signal.SIGKILL)

        thread = threading.Thread(target=act)
        thread.start()
        return thread

    def end(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


@pytest.fixture
def cluster(tmp_path):
    (tmp_path / "cluster").mkdir()
    started = Cluster(tmp_path / "cluster")
    yield started
    started.end()


@pytest.mark.slow
def test_results_are_as_here_and_a_killed_worker_costs_none(cluster, cache, tiny):
    spec = tiny.but(steps=150, augment=True)
    killer = cluster.kill(cluster.workers[0], lambda: len(list(cache.rglob("*.npz"))) >= 2)
    there = sweeps.run({"arm": (spec, SEEDS)}, workers=sweeps.Workers(scheduler=cluster.address))["arm"]
    killer.join()
    assert cluster.workers[0].wait() == -signal.SIGKILL and cluster.workers[1].poll() is None
    assert len(list((cluster.folder / "theirs").rglob("*.npz"))) == len(SEEDS), "they trained, and each run once"
    here = sweeps.run({"arm": (spec, SEEDS)}, workers=sweeps.WITHOUT_CACHE)["arm"]
    for name in set(here.arrays) - {"seconds"}:
        assert np.array_equal(here[name], there[name]), name


def test_a_lost_scheduler_is_one_clear_line_and_what_was_finished_is_kept(cluster, cache, capsys):
    killer = cluster.kill(cluster.scheduler, lambda: len(list(cache.rglob("*.npz"))) >= 2)
    asked = ["judge", "degradation", "--scale", "smoke", "--backend", "dask", "--scheduler", cluster.address]
    assert main(asked) == 2
    killer.join()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("whyresnets:")]
    assert f"the scheduler at {cluster.address} is lost: start it" in line and "finished runs are kept" in line
    assert len(list(cache.rglob("*.npz"))) >= 2


def test_a_scheduler_that_does_not_answer_is_one_clear_line(cache, capsys, monkeypatch):
    monkeypatch.setattr(dask_cluster, "ANSWER", 0.5)
    asked = ["judge", "WR-4", "--scale", "smoke", "--backend", "dask", "--scheduler"]
    for address in ("tcp://127.0.0.1:1", "nonsense://"):
        assert main([*asked, address]) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("whyresnets: no Dask scheduler answers at") and "start one" in last


def test_what_a_worker_says_reaches_us(cluster, cache, tiny, monkeypatch):
    """Its hardware; that it has other code, or no GPU; its own errors, which are not the scheduler's."""
    workers = sweeps.Workers(scheduler=cluster.address)
    assert sweeps.hardware(workers).endswith(f"workers on {provenance.hardware()}")
    with monkeypatch.context() as other:
        other.setattr(dask_cluster, "_code", lambda: "other code")
        with pytest.raises(sweeps.OtherCode, match="install the same version everywhere"):
            sweeps.run({"arm": (tiny, SEEDS)}, workers=workers)
    if not torch.cuda.is_available():
        with pytest.raises(sweeps.OtherCode, match="no CUDA device on a worker"):
            sweeps.run({"arm": (tiny, SEEDS)}, workers=sweeps.Workers("cuda", cluster.address))
    (cluster.folder / "theirs").write_text("a file where its cache should be")
    with pytest.raises(OSError):
        sweeps.run({"arm": (tiny, SEEDS)}, workers=workers)


def test_one_worker_trains_and_not_we(cluster, cache, tiny):
    cluster.workers[1].kill()
    sweeps.run({"arm": (tiny, range(2))}, workers=sweeps.Workers(scheduler=cluster.address))
    assert len(list((cluster.folder / "theirs").rglob("*.npz"))) == 2
