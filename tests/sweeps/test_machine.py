"""How many processes: what is said, else what cores, quotas and memory bear; the system's files are made up here."""

import os
import subprocess
import sys

import numpy as np
import pytest

from whyresnets import sweeps
from whyresnets.__main__ import main
from whyresnets.sweeps import machine

GB = 10**9
FREE = "MemTotal: 64000000 kB\nMemAvailable: 40000000 kB\n"


@pytest.fixture(autouse=True)
def many_cores(monkeypatch):
    """A host of 64 cores, of which the affinity leaves 48, and nothing said."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(48)), raising=False)
    monkeypatch.setattr("joblib.externals.loky.backend.context._cpu_count_cgroup", lambda most: most)
    for name in ("LOKY_MAX_CPU_COUNT", machine.SWITCH):
        monkeypatch.delenv(name, raising=False)


def system(root, groups="0::/\n", **files):
    """A made-up ``root``: memory, the groups of the process, and files of groups; "__" in a name stands for "/"."""
    written = {"proc/self/cgroup": groups, "proc/meminfo": FREE}
    written |= {f"sys/fs/cgroup/{name.replace('__', '/')}": text for name, text in files.items()}
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


V1 = "9:memory:/batch/job\n2:cpu,cpuacct:/batch/job\n0::/\n"
QUOTAS = {
    "none": (48, "0::/\n", {"cpu.max": "max 100000\n"}),
    "outermost": (2, "0::/\n", {"cpu.max": "200000 100000\n"}),
    "a part of a core": (1, "0::/\n", {"cpu.max": "50000 100000\n"}),
    "one and a half": (2, "0::/\n", {"cpu.max": "150000 100000\n"}),
    "nested": (3, "0::/a/b\n", {"a__cpu.max": "300000 100000\n", "a__b__cpu.max": "max 100000\n"}),
    "the least": (3, "0::/a/b\n", {"a__cpu.max": "800000 100000\n", "a__b__cpu.max": "300000 100000\n"}),
    "the path of the host": (4, "0::/docker/1f2e\n", {"cpu.max": "400000 100000\n"}),
    "above the root of the container": (4, "0::/../other\n", {"cpu.max": "400000 100000\n"}),
    "another's": (48, "0::/a\n", {"cpu.max": "max 100000\n", "b__cpu.max": "100000 100000\n"}),
    "version 1": (2, V1, {"cpu__cpu.cfs_quota_us": "200000\n", "cpu__cpu.cfs_period_us": "100000\n"}),
    "version 1, nested": (
        5,
        V1,
        {"cpu,cpuacct__batch__cpu.cfs_quota_us": "500000", "cpu,cpuacct__batch__cpu.cfs_period_us": "100000"},
    ),
    "version 1, none": (48, V1, {"cpu__cpu.cfs_quota_us": "-1\n", "cpu__cpu.cfs_period_us": "100000\n"}),
    "both versions": (7, V1, {"unified__cpu.max": "700000 100000\n"}),
    "nonsense": (48, "0::/\n", {"cpu.max": "many\n"}),
}


@pytest.mark.parametrize("cores, groups, files", QUOTAS.values(), ids=QUOTAS)
def test_cores_are_those_of_the_smallest_quota(tmp_path, cores, groups, files):
    assert sweeps.cores(system(tmp_path, groups, **files)) == cores


def test_cores_are_at_most_those_of_affinity_and_of_loky_s_own_limit(tmp_path, monkeypatch):
    assert sweeps.cores(tmp_path) == 48, "also where the system has no such files"
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "5")
    assert sweeps.cores(system(tmp_path)) == 5
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "five")
    with pytest.raises(sweeps.BadNumber, match="LOKY_MAX_CPU_COUNT five: name at least 1 core"):
        sweeps.cores()


STAT = "total_inactive_file 900000000\ninactive_file 500000000\n"
MEMORY = {
    "none": (40.96, "0::/\n", {}),
    "no limit": (40.96, "0::/\n", {"memory.max": "max\n", "memory.current": "7\n"}),
    "a limit less what is used": (3, "0::/\n", {"memory.max": str(4 * GB), "memory.current": str(GB)}),
    "copies of files are free": (
        3.5,
        "0::/\n",
        {"memory.max": str(4 * GB), "memory.current": str(GB), "memory.stat": STAT},
    ),
    "nested": (2, "0::/a/b\n", {"a__memory.max": str(2 * GB), "a__memory.current": "0\n"}),
    "used up": (0, "0::/\n", {"memory.max": str(GB), "memory.current": str(2 * GB)}),
    "version 1": (
        2.9,
        V1,
        {
            "memory__batch__job__memory.limit_in_bytes": str(3 * GB),
            "memory__batch__job__memory.usage_in_bytes": str(GB),
            "memory__batch__job__memory.stat": STAT,
        },
    ),
    "version 1, no limit": (
        40.96,
        V1,
        {"memory__memory.limit_in_bytes": "9223372036854771712", "memory__memory.usage_in_bytes": str(GB)},
    ),
}


@pytest.mark.parametrize("gigabytes, groups, files", MEMORY.values(), ids=MEMORY)
def test_memory_is_what_the_system_has_and_each_limit_leaves(tmp_path, gigabytes, groups, files):
    assert machine.free_megabytes(system(tmp_path, groups, **files)) == pytest.approx(1000 * gigabytes)


def test_where_the_system_says_nothing_memory_is_no_limit(tmp_path):
    assert machine.free_megabytes(tmp_path) == np.inf


def test_unless_said_one_process_a_core_that_there_is_memory_for(monkeypatch):
    for free, several in ((np.inf, 48), (10 * machine.WORKER, 10), (2.5 * machine.WORKER, 2), (0, 1)):
        monkeypatch.setattr(machine, "free_megabytes", lambda free=free: free)
        assert sweeps.processes() == several
    assert sweeps.processes(device="cuda") == 1
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)  # as where it can start none
    assert sweeps.processes() == 1


def test_what_is_said_holds_and_the_switch_where_nothing_else_is(monkeypatch):
    assert sweeps.processes(60) == sweeps.processes(np.int64(60)) == 60, "said, it is the reader's own matter"
    monkeypatch.setenv(machine.SWITCH, " 3 ")
    assert sweeps.processes() == sweeps.processes(device="cuda") == 3 and sweeps.processes(2) == 2
    monkeypatch.setenv(machine.SWITCH, "")
    monkeypatch.setattr(machine, "cores", lambda: 7)
    monkeypatch.setattr(machine, "free_megabytes", lambda: np.inf)
    assert sweeps.processes() == 7


@pytest.mark.parametrize("jobs", [0, -1, 2.0, True, "two", "2.5", [2], 10**6])
def test_an_impossible_number_of_processes_is_refused_in_one_line(jobs, tiny, cache, monkeypatch):
    says = "more than 192" if jobs == 10**6 else "name at least 1 process, as a whole number"
    with pytest.raises(sweeps.BadNumber, match=says):
        sweeps.run({"arm": (tiny, range(1))}, jobs)
    monkeypatch.setenv(machine.SWITCH, str(jobs))
    with pytest.raises(sweeps.BadNumber, match=f"{machine.SWITCH} .*: {says}"):
        sweeps.run({"arm": (tiny, range(1))})
    assert not cache.exists()


@pytest.mark.parametrize("name", [machine.SWITCH, "LOKY_MAX_CPU_COUNT"])
def test_the_command_line_refuses_a_switch_in_one_line(name, in_a_book, monkeypatch, capsys):
    monkeypatch.setenv(name, "many")
    assert main(["judge", "TOY-1", "--scale", "smoke", "--seeds", "1"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"whyresnets: {name} many: name at least 1") and said.err.count("\n") == 1


def test_a_real_affinity_counts():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no affinity")
    script = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    script += "from whyresnets.sweeps.machine import cores; print(cores())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
