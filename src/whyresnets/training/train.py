"""From a Spec and seeds to everything that is kept of their runs."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from whyresnets import data
from whyresnets.spec import Spec
from whyresnets.training.descent import Checkpoint, descend
from whyresnets.training.readings import at_the_end
from whyresnets.training.start import begin


def train(spec: Spec, seed: int, device: str = "cpu", checkpoint: Checkpoint | None = None) -> dict[str, np.ndarray]:
    """Train one seed and read it: a dictionary of arrays, named as in :class:`whyresnets.training.runs.Runs`.

    Without the seeds axis. A run whose loss stops being finite ends there; what it could not reach is NaN. With a
    ``checkpoint`` it goes on from there, if it was interrupted, and ends with the same numbers; nets that are trained
    together ignore it.
    """
    return _train(spec, [seed], device, checkpoint)[0]


def train_together(spec: Spec, seeds: Sequence[int], device: str = "cpu") -> list[dict[str, np.ndarray]]:
    """As :func:`train`, for several seeds of a Spec whose nets are trained together: one dictionary a seed.

    A single seed is trained beside itself, because products of matrices one by one are rounded differently. The seconds
    are shared evenly. A seed whose loss stops being finite disturbs no other.
    """
    return _train(spec, list(seeds), device)


def _train(spec: Spec, seeds: list[int], device: str, checkpoint: Checkpoint | None = None) -> list[dict]:
    known = data.load(spec.task.data)
    clock = time.perf_counter()
    earlier = float(kept["seconds"]) if checkpoint and (kept := checkpoint.load()) else 0.0
    beside = seeds if len(seeds) > 1 or not spec.together else 2 * seeds
    with all_of_float32(device):
        starts = [begin(spec, seed, known, device) for seed in beside]
        found = descend(spec, starts, checkpoint, lambda: earlier + time.perf_counter() - clock)
        found = [at_the_end(spec, start, read) for start, read in zip(starts, found, strict=True)]
    seconds = torch.tensor((earlier + time.perf_counter() - clock) / len(seeds), dtype=torch.float64)
    exact = spec.readings.signals or spec.optimiser.precision == "float64"
    dtype = torch.float64 if exact else torch.float32
    whole = [read | {"seconds": seconds} for read in found[: len(seeds)]]
    return [{name: value.to(dtype).cpu().numpy() for name, value in read.items()} for read in whole]


@contextmanager
def all_of_float32(device: str) -> Iterator[None]:
    """On a GPU, convolutions of float32 in all its bits, not in the 19 of TF32, and their sums always in one order.

    Both are not the default there.
    """
    if device == "cpu":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
