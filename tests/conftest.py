"""Fixtures."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy import load

import whyresnets
from whyresnets.chapter import Arm, Chapter, Published, larger
from whyresnets.claims.effects import nats
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import Test
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Spec, Task
from whyresnets.store import records
from whyresnets.training.runs import Runs

PACKAGE = Path(whyresnets.__file__).parent

# Two workers of two threads each on two cores wait for one another: the tests took 209 s instead of 117.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)


def fall(arm: str):
    """By how much the loss of an arm is below the untrained one's."""
    return training_loss["untrained"] - training_loss[arm]


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
        return {name for name in first | second if first.get(name) != second.get(name)} - {
            "rate",
            "signals",
            "directions",
        }

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


@pytest.fixture(scope="session")
def book(toy) -> Chapter:
    """The toy chapter with a recorded claim of all parts, a larger scale with another threshold, and a paper."""
    (live,) = toy.claims
    whole = replace(
        live,
        id="TOY-2",
        premise=Test("it starts at chance", training_loss["untrained"] > 2 * nats),
        fails_when=Test("a tiny rate", fall("still") > 0.5 * nats),
        alternative=Test("luck", fall("still") > 0.1 * nats),
        live=False,
    )
    wide = tuple(Arm(arm.name, larger(arm.spec, "workstation"), arm.kind) for arm in toy.laptop)
    there = replace(live, conditions=fall("trained") > 0.2 * nats, trains=(("trained", 1.5), *live.trains[1:]))
    paper = Published("trained", "A net of 8 blocks", "8.75", "nobody2016, Table 6", toy.specs()["trained"])
    return replace(
        toy,
        claims=(live, whole),
        larger={"workstation": wide, "paper": wide},
        larger_claims={"workstation": (there,), "paper": (there,)},
        published=(paper,),
        probes=("trained",),
        dropped=("TOY-3: nobody could say what it meant.",),
    )


@pytest.fixture(scope="session")
def trained(toy) -> dict[str, Runs]:
    """Its arms, trained with seeds 0 to 19."""
    from whyresnets.sweeps.settings import fresh_torch
    from whyresnets.training.train import train

    seeds = tuple(range(20))
    with fresh_torch():
        return {
            arm: Runs.stack(spec, seeds, [train(spec, seed) for seed in seeds]) for arm, spec in toy.specs().items()
        }


@pytest.fixture(scope="session")
def toy_records(trained, tmp_path_factory) -> Path:
    """A folder with its record alone; for reading."""
    folder = tmp_path_factory.mktemp("records")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "RECORDS", folder)
        records.write_record("toy-laptop", list(trained.values()))
    return folder


@pytest.fixture
def in_a_book(toy, toy_records, cache, tmp_path, monkeypatch) -> Path:
    """The command line knows the toy chapter alone; its record stands in a folder of its own, which comes back."""
    folder = tmp_path / "records"
    shutil.copytree(toy_records, folder)
    monkeypatch.setattr(records, "RECORDS", folder)
    monkeypatch.setattr("whyresnets.__main__.CHAPTERS", (toy,))
    return folder
