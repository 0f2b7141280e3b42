"""Runs for figures that nobody trained."""

from collections.abc import Callable

import matplotlib
import numpy as np
import pytest

from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec
from whyresnets.training.runs import Runs

matplotlib.use("Agg")

STEPS, WATCH, THRESHOLDS = 40, (0, 10, 40), 25


@pytest.fixture(scope="session")
def make() -> Callable:
    """Called with a depth, how many seeds, and readings: runs of a Spec, what is not given drawn from 0.1 to 0.9."""
    drawn = np.random.default_rng(0)

    def runs(depth: int = 20, seeds: int = 12, **readings) -> Runs:
        net = Conv(depth)
        units, layers, watched = len(net.units), 2 * len(net.units) + 1, len(WATCH)
        shapes = {
            "curve": (STEPS,), "train_loss": (), "train_error": (), "test_error_batch": (), "distance": (STEPS,),
            "response_std": (layers,), "state_gradient_norm": (units + 1,), "watched_response_std": (watched, layers),
            "watched_gradient_norm": (watched, units + 1), "gauss_newton_degenerate": (watched, THRESHOLDS),
        }  # fmt: skip
        arrays = {name: drawn.uniform(0.1, 0.9, (seeds, *shape)) for name, shape in shapes.items()}
        spec = Spec(net, optimiser=SGD(rate=0.1, steps=STEPS), readings=Readings(watch=WATCH))
        return Runs(spec, tuple(range(seeds)), arrays | {name: np.asarray(x) for name, x in readings.items()})

    return runs


@pytest.fixture(scope="session")
def recorded(make) -> dict[str, Runs]:
    """Twelve seeds of two rules at two depths each."""
    return {f"{rule}-{depth}": make(depth) for rule in ("plain", "residual") for depth in (20, 56)}


@pytest.fixture(scope="session")
def live(recorded) -> dict[str, Runs]:
    """The first five."""
    return {arm: runs.first(5) for arm, runs in recorded.items()}


@pytest.fixture(scope="session")
def kinds(recorded) -> dict[str, str]:
    """Of the recorded arms."""
    return {arm: arm.split("-")[0] for arm in recorded}


@pytest.fixture(scope="session")
def rings() -> Callable:
    """Called with an axis: its rings, each with the seeds of this run."""
    return lambda axis: [line for line in axis.lines if line.get_markerfacecolor() == "none"]
