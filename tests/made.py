"""Runs that nobody trained, and the shipped ones, read once: what tests of claims and of statistics judge."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS
from whyresnets.claims.effects import Condition
from whyresnets.claims.quantities import CHANCE
from whyresnets.claims.verdicts import Claim
from whyresnets.nets.architecture import Conv
from whyresnets.spec import Spec
from whyresnets.training.runs import Runs

SPEC = Spec(Conv(8))
EVERY_CLAIM = [(chapter, claim) for chapter in CHAPTERS for claim in chapter.claims]


def made(losses, **readings) -> Runs:
    """Runs that end with these training losses, and in which ``readings`` were read, seeds first."""
    losses = np.asarray(losses, dtype=float)
    arrays = {"train_loss": losses, "curve": losses[:, None], "seconds": np.ones_like(losses)}
    return Runs(SPEC, tuple(range(len(losses))), arrays | {name: np.asarray(r) for name, r in readings.items()})


@functools.cache
def recorded(chapter: Chapter, first_seed: int = 0) -> dict[str, Runs]:
    """The laptop record of a chapter."""
    return chapter.recorded(first_seed=first_seed)


def recorded_for(chapter: Chapter, claim: Claim, first_seed: int = 0) -> dict[str, Runs]:
    """The laptop record of the arms of a claim: as many seeds as all of them have, since some may have more."""
    runs = recorded(chapter, first_seed)
    fewest = min(len(runs[arm].seeds) for arm in claim.arms)
    return {arm: runs[arm].first(fewest) for arm in claim.arms}


def conditions(claim: Claim) -> list[Condition]:
    """All that is measured for a claim: its own conditions, then those of each of its tests."""
    return [*claim.conditions, *(condition for test in claim.tests for condition in test.conditions)]


def changed(runs: Runs, name: str, value: float, at=slice(None)) -> Runs:
    """The same runs with one reading overwritten, for every seed or for some."""
    values = runs[name].copy()
    values[at] = value
    return Runs(runs.spec, runs.seeds, {**runs.arrays, name: values})


def gone(runs: Runs) -> Runs:
    """The same runs with NaN in every reading."""
    return Runs(runs.spec, runs.seeds, {name: np.full(a.shape, np.nan) for name, a in runs.arrays.items()})


def at_every_scale(runs: dict[str, Runs]) -> Callable[..., dict[str, Runs]]:
    """In place of ``Chapter.recorded``: the readings of these runs, as if each scale's arms had given them."""

    def recorded(chapter: Chapter, scale: str = "laptop") -> dict[str, Runs]:
        return {arm: replace(runs[arm], spec=spec) for arm, spec in chapter.specs(scale).items() if arm in runs}

    return recorded


def deaths(runs: Runs, at: Iterable[int]) -> dict[str, Runs]:
    """The ways in which an arm that had to train can have failed to: all seeds, or the one at a position."""
    dead = {
        "all NaN": changed(runs, "train_loss", np.nan),
        "all infinite": changed(runs, "train_loss", np.inf),
        "every reading NaN": gone(runs),
        "at chance": changed(runs, "train_loss", CHANCE),
        "worse than chance": changed(runs, "train_loss", 50.0),
    }
    for i in at:
        dead[f"seed {i} NaN"] = changed(runs, "train_loss", np.nan, i)
        dead[f"seed {i} infinite"] = changed(runs, "train_loss", np.inf, i)
        if runs["curve"].shape[1]:
            dead[f"seed {i}, NaN on the way"] = changed(runs, "curve", np.nan, (i, 0))
    return dead
