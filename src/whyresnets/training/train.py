"""From a Spec and seeds to everything that is kept of their runs."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from whyresnets import data
from whyresnets.nets.architecture import Dense
from whyresnets.spec import Spec
from whyresnets.training.descent import Checkpoint, descend
from whyresnets.training.growing import grow
from whyresnets.training.readings import at_the_end
from whyresnets.training.start import begin


def train(spec: Spec, seed: int, device: str = "cpu", checkpoint: Checkpoint | None = None) -> dict[str, np.ndarray]:
    """Train one seed and read it: a dictionary of arrays, named as in :class:`whyresnets.training.runs.Runs`.

    Without the seeds axis. A run whose loss stops being finite ends there; what it could not reach is NaN. With a
    ``checkpoint`` it goes on from there, if it was interrupted, and ends with the same numbers; nets that are trained
    together ignore it.
    """
    return _train([(spec, seed)], device, checkpoint)[0]


def train_together(jobs: Sequence[tuple[Spec, int]], device: str = "cpu") -> list[dict[str, np.ndarray]]:
    """As :func:`train`, for Specs and seeds whose nets are trained together: one dictionary for each, in their order.

    A net ends with the same bits whatever is trained beside it: a single one is trained beside itself, because products
    of matrices one by one are rounded differently, and so is each of those that :func:`aligned` says. The seconds are
    shared evenly. A net whose loss stops being finite disturbs no other.

    Raises
    ------
    ValueError
        If the Specs differ in more than the learning rate.
    """
    if len({spec.but(rate=1.0) for spec, _ in jobs}) > 1:
        raise ValueError("nets that are trained together differ in seed and rate only: choose others one by one")
    if not aligned(jobs[0][0]):
        return [_train([job], device)[0] for job in jobs]
    return _train(list(jobs), device)


def aligned(spec: Spec) -> bool:
    """Whether each net of a batch is rounded as if it were alone, as far as was measured.

    The matrices of a fully connected net begin at a multiple of four numbers then, but for those of one or two: else a
    product may round by where in memory a matrix begins (MKL), and so by what is trained beside it. The channels of a
    convolutional net fill whole registers, as those of He et al. do: with widths of 8 or 16 throughout, sums came out
    otherwise.
    """
    known, net = data.load(spec.task.data), spec.net
    outputs, batch = data.DATASETS[spec.task.data].outputs, spec.task.batch
    if isinstance(net, Dense):
        sizes = [a * b for a in (net.width, batch) for b in (net.width, known.x_train[0].numel(), outputs)]
        return all(size % 4 == 0 or size <= 2 for size in sizes)
    channels = [width % 16 for width in net.widths] + [net.widths[-1] % 32]
    return not any(channels) and batch * outputs % 4 == 0


def _train(jobs: list[tuple[Spec, int]], device: str, checkpoint: Checkpoint | None = None) -> list[dict]:
    spec = jobs[0][0]
    known, checkpoint = data.load(spec.task.data), None if spec.together else checkpoint
    clock = time.perf_counter()
    earlier = float(kept["seconds"]) if checkpoint and (kept := checkpoint.load()) else 0.0
    beside = jobs if len(jobs) > 1 or not spec.together else 2 * jobs
    with all_of_float32(device):
        starts = [begin(*job, known, device) for job in beside]
        grown = grow(beside, starts, known, device) if spec.task.grown_from else [{} for _ in starts]
        found = descend(spec, starts, checkpoint, lambda: earlier + time.perf_counter() - clock)
        ran = list(zip(starts, found, grown, strict=True))[: len(jobs)]
        ends = [at_the_end(spec, start, read) | before for start, read, before in ran]
    seconds = torch.tensor((earlier + time.perf_counter() - clock) / len(jobs), dtype=torch.float64)
    exact = spec.readings.signals or spec.optimiser.precision == "float64"
    dtype = torch.float64 if exact else torch.float32
    whole = [read | {"seconds": seconds} for read in ends]
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
