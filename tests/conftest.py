"""Fixtures."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toy import load

import whyresnets
from whyresnets.chapter import Chapter
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Spec, Task

PACKAGE = Path(whyresnets.__file__).parent


@pytest.fixture
def judge_with_a_line_changed(tmp_path) -> Callable:
    """A real `judge`, in a process of its own, of a copy of the package in which one line differs.

    Called with the line, what stands there instead, the arguments, and the ``module`` that has the line; exit status
    and verdicts come back.
    """

    def judged(line: str, instead: str, *arguments: str, module: str = "nets/conv") -> tuple[int, list[dict]]:
        shutil.copytree(PACKAGE, tmp_path / "whyresnets", ignore=shutil.ignore_patterns("__pycache__"))
        source = tmp_path / "whyresnets" / f"{module}.py"
        text = source.read_text()
        assert text.count(line) == 1
        source.write_text(text.replace(line, instead))
        verdicts, cache = tmp_path / "verdicts.json", tmp_path / "runs"
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "WHYRESNETS_CACHE": str(cache)}
        command = [sys.executable, "-m", "whyresnets", "judge", *arguments, "--json", str(verdicts)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, json.loads(verdicts.read_text())

    return judged


@pytest.fixture
def differ() -> Callable:
    """Called with a chapter's arms and the names of two: in which fields they differ, but for rates and readings."""

    def names(arms: dict, one: str, other: str) -> set[str]:
        first, second = (arms[arm].flat() for arm in (one, other))
        return {name for name in first | second if first.get(name) != second.get(name)} - {"rate", "signals"}

    return names


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of its own."""
    monkeypatch.setenv("WHYRESNETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny():
    """A Spec that trains in a moment."""
    return Spec(Conv(8, "residual", (2, 3, 4)), Task(batch=16), SGD(rate=0.1, steps=3))


@pytest.fixture(scope="session")
def toy() -> Chapter:
    """The chapter that CONTRIBUTING.md writes."""
    return load().CHAPTER
