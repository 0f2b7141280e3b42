import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import whyresnets
from whyresnets import claims, store, sweeps
from whyresnets.chapters import degradation
from whyresnets.chapters.degradation import BEST_RATE, CHAPTER, GRID_RATES, LAPTOP
from whyresnets.training import Runs

PACKAGE = Path(whyresnets.__file__).parent


def judged(package_parent: Path, cache: Path, *arguments: str) -> tuple[int, list[dict]]:
    """Exit status and verdicts of a real `judge`, in a process that imports the package from ``package_parent``."""
    verdicts = cache / "verdicts.json"
    cache.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(package_parent), "WHYRESNETS_CACHE": str(cache / "runs")}
    command = [sys.executable, "-m", "whyresnets", "judge", *arguments, "--json", str(verdicts)]
    done = subprocess.run(command, env=environment, cwd=cache, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(verdicts.read_text())


def test_without_the_skip_the_verdict_on_the_skip_turns(tmp_path):
    """One line of the model is patched, and the patched net is really trained and judged."""
    shutil.copytree(PACKAGE, tmp_path / "whyresnets", ignore=shutil.ignore_patterns("__pycache__"))
    models = tmp_path / "whyresnets" / "models.py"
    line = "            return shortcut + branch\n"
    text = models.read_text()
    assert text.count(line) == 1
    models.write_text(text.replace(line, "            return branch\n"))
    status, (verdict,) = judged(tmp_path, tmp_path / "patched", "HE1-2")
    assert status == 1
    assert verdict["printed_verdict"] == "supported"
    assert verdict["verdict"] == "refuted"
    assert verdict["high"] < verdict["threshold"]


def test_the_record_is_complete_and_of_todays_code():
    assert set(CHAPTER.recorded()) == set(LAPTOP)
    assert store.record("degradation-laptop").stale == [] and store.record("degradation-grid").stale == []
    assert all(len(runs.seeds) >= claims.RECORD_SEEDS for runs in CHAPTER.recorded().values())


def test_the_record_comes_out_again():
    """Recorded runs, trained again as a sweep does: the same start, before chaos tells processors apart."""
    for arm in ("plain-20", "residual-20"):
        recorded, seed = CHAPTER.recorded()[arm], 3
        again = sweeps.run({arm: (LAPTOP[arm], [seed])}, jobs=1, cache=False)[arm]
        assert again["curve"][0][:3] == pytest.approx(recorded["curve"][seed][:3], rel=1e-2)


@pytest.mark.parametrize("claim", CHAPTER.claims, ids=lambda c: c.id)
def test_a_verdict_holds_on_seeds_that_nobody_had_looked_at(claim):
    unseen = CHAPTER.recorded(first_seed=1000)
    assert all(min(runs.seeds) >= 1000 for runs in unseen.values())
    assert claims.judge(claim, unseen).word == CHAPTER.printed(claim).word


@pytest.mark.parametrize("claim", [c for c in CHAPTER.claims if c.live], ids=lambda c: c.id)
def test_a_live_verdict_does_not_hang_on_which_five_seeds(claim):
    """Every group of five recorded seeds gives the printed word: a reader's run should, too."""
    for first_seed in (0, 1000):
        recorded = CHAPTER.recorded(first_seed=first_seed)
        for start in range(0, 20, 5):
            five = {}
            for arm in claim.arms:
                runs, some = recorded[arm], slice(start, start + 5)
                five[arm] = Runs(runs.spec, runs.seeds[some], {k: v[some] for k, v in runs.arrays.items()})
            assert claims.judge(claim, five).word == CHAPTER.printed(claim).word


@pytest.mark.parametrize("arm", GRID_RATES)
def test_each_rate_is_the_best_of_its_recorded_grid_and_not_at_its_edge(arm):
    record = store.record("degradation-grid")
    runs = {spec.rate: record.runs(spec, 10000) for spec in CHAPTER.grid[arm]}
    loss = {rate: np.mean(claims.training_loss(r)) for rate, r in runs.items()}
    assert all(min(r.seeds) >= 10000 for r in runs.values())
    assert LAPTOP[arm].rate == BEST_RATE[arm]
    if min(loss.values()) < claims.CHANCE - 0.05:  # otherwise no rate trains, and none is better
        assert BEST_RATE[arm] == min(loss, key=loss.get)
        assert min(loss) < BEST_RATE[arm] < max(loss)


def test_arms_differ_in_nothing_but_what_they_are_about():
    """Controls keep parameters and budget."""
    for rule in ("residual", "half", "stranger"):
        spec = LAPTOP[f"{rule}-56"].but(rule="plain", rate=LAPTOP["plain-56"].rate)
        assert spec == LAPTOP["plain-56"]


def test_the_live_plan_has_enough_seeds():
    live = CHAPTER.live()
    assert all(len(live[arm][1]) >= 5 for claim in CHAPTER.claims if claim.live for arm in claim.arms)
    assert all(len(live[arm][1]) == 1 for arm in CHAPTER.probes)


def test_the_live_plan_keeps_its_budget():
    """At most 240 core-seconds, by the seconds that the record took."""
    recorded = CHAPTER.recorded()
    cost = sum(np.mean(recorded[arm]["seconds"]) * len(seeds) for arm, (_, seeds) in CHAPTER.live().items())
    assert cost <= 240


def test_bands_hold_seeds_that_nobody_had_looked_at():
    """Losses near their floor are skewed, so the 99% are checked on real runs, not on Gaussians only."""
    recorded, unseen = CHAPTER.recorded(), CHAPTER.recorded(first_seed=1000)
    inside = []
    for arm, runs in unseen.items():
        low, high = claims.loss_band(claims.training_loss(recorded[arm]))
        inside += [low <= loss <= high for loss in claims.training_loss(runs)]
    assert np.mean(inside) > 0.96


def test_self_check_1_knows_right_from_wrong():
    assert degradation.check_attenuation(-8.127).startswith("Right")
    for wrong in (0.5**27, -16.9, None):
        assert degradation.check_attenuation(wrong).startswith("Not")


def test_self_check_2_knows_right_from_wrong():
    spec = LAPTOP["plain-20"].but(depth=32, extend_to=())

    def runs(spec, n, loss):
        values = np.full(n, loss)
        return Runs(spec, tuple(range(n)), {"train_loss": values, "curve": values[:, None]})

    assert degradation.check_between(runs(spec, 5, 1.0)).startswith("Right")
    wrong = [None, runs(spec.but(rule="residual"), 5, 1.0), runs(spec, 4, 1.0)]
    assert all(degradation.check_between(answer).startswith("Not") for answer in wrong)
    assert degradation.check_between(runs(spec, 5, 3.0)).startswith("Unexpected")
