"""How many processes train at a time: what is said, else as many as this machine's cores and memory bear.

A container or a batch system may hold back most of a machine: quotas, affinity and limits of memory count, too.
"""

import math
import operator
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SWITCH = "WHYRESNETS_JOBS"  # the environment variable that says how many processes
WORKER = 1100  # megabytes that a process takes of its own at most, as measured on live plans; libraries are shared
MOST_A_CORE = 4  # processes (chosen by us)
ROOT = Path("/")


class BadNumber(ValueError):
    """A number of processes that cannot be; the message says what to name instead."""


def processes(jobs: int | None = None, device: str = "cpu", name: str = "jobs") -> int:
    """How many processes train at a time: ``jobs``, else ``WHYRESNETS_JOBS``, else what this machine bears.

    That is one a core, as far as there is memory for them, and one on a GPU; one where the system starts no others.

    Raises
    ------
    BadNumber
        If what is said is no whole number from 1 up, or far more than there are cores; ``name`` is what it is called.
    """
    if jobs is None and (said := os.environ.get(SWITCH)):
        name, jobs = SWITCH, _whole(SWITCH, said)
    if jobs is None:
        return 1 if device == "cuda" else _borne()
    jobs, here = _whole(name, jobs), cores()
    if jobs > MOST_A_CORE * here:
        raise BadNumber(f"{name} {jobs}: more than {MOST_A_CORE * here} would only be slower on {here} cores")
    return jobs


def _whole(name: str, value: Any) -> int:
    try:
        number = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(value, bool):
        raise BadNumber(f"{name} {value}: name at least 1 process, as a whole number")
    return number


def _borne() -> int:
    import joblib

    here = cores()
    able = joblib.cpu_count()  # 1 where joblib can start no process
    return max(1, int(min(here, able, free_megabytes() / WORKER)))


def cores(root: Path = ROOT) -> int:
    """How many cores this process may use, at least 1: those of its affinity, of its quota, of ``LOKY_MAX_CPU_COUNT``.

    A quota of one and a half counts as two. ``root`` is where the system's files begin.

    Raises
    ------
    BadNumber
        If ``LOKY_MAX_CPU_COUNT`` is no whole number.
    """
    try:
        from joblib.externals import loky

        allowed = loky.cpu_count()  # of quotas, it knows that of the outermost group alone
    except ImportError:  # where Python itself cannot start processes
        allowed = os.cpu_count() or 1
    except ValueError as error:
        said = os.environ.get("LOKY_MAX_CPU_COUNT")
        raise BadNumber(f"LOKY_MAX_CPU_COUNT {said}: name at least 1 core, as a whole number") from error
    return max(1, min([allowed, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Cores that each control group of this process may use, where that is limited: of version 2 and of version 1."""
    for group in _groups(root, "cpu"):
        numbers = _numbers(group / "cpu.max") or [
            *_numbers(group / "cpu.cfs_quota_us"),
            *_numbers(group / "cpu.cfs_period_us"),
        ]
        if len(numbers) == 2 and min(numbers) > 0:
            yield numbers[0] / numbers[1]


def free_megabytes(root: Path = ROOT) -> float:
    """Memory that is left to this process, in megabytes; infinite where the system does not say.

    The least of what the system has and what each control group of this process has below its limit. Copies of files
    that a group could drop count as free. ``root`` is where the system's files begin.
    """
    free = [_named(root / "proc/meminfo", "MemAvailable:") * 1024]  # the file is in kibibytes
    for group in _groups(root, "memory"):
        for limit, use, files in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            if (most := _numbers(group / limit)) and (used := _numbers(group / use)):
                dropped = _named(group / "memory.stat", files)
                free.append(most[0] - used[0] + (dropped if dropped < math.inf else 0))
    return max(0.0, min(free)) / 1e6


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control groups that have a ``controller``, from its own up to the outermost."""
    mounts = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        for mount in {mounts / (names or "."), mounts / (controller if names else "unified")}:
            own = mount / path.lstrip("/")
            # In a container the path may be that of the host, which is not there; the container's own is the mount.
            above = [own, *own.parents] if ".." not in own.parts else []
            yield from dict.fromkeys([*(place for place in above if place.is_relative_to(mount)), mount])


def _numbers(file: Path) -> list[float]:
    """The numbers in a file; none if there is no such file, or if one of them is "max"."""
    try:
        return [float(word) for word in _text(file).split()]
    except ValueError:
        return []


def _named(file: Path, name: str) -> float:
    """The number behind a ``name`` in a file of lines; infinite where there is none."""
    for line in _text(file).splitlines():
        match line.split():
            case [found, number, *_] if found == name and number.isdigit():
                return float(number)
    return math.inf


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
