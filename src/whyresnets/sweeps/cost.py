"""What a run takes, in core-seconds and in memory, before it starts: from what ``whyresnets bench`` measured."""

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from whyresnets import data
from whyresnets.nets.architecture import FAMILIES, Dense
from whyresnets.spec import Spec, from_flat

MEASURED = Path(__file__).with_name("bench.json")  # what `whyresnets bench --json` wrote: make pages prints it
LIVE = 140  # core-seconds of a chapter's live plan (chosen by us: a minute or two on two cores)


def core_seconds(spec: Spec) -> float:
    """About how long a run takes on one core of the machine of ``bench.json``, seconds.

    Steps, and readings as so many steps of 64 examples, times layers, times what a layer of the likest workload took
    there: a part that any layer takes, and a part that grows with its work.
    """
    row = min(_bench()["workloads"], key=lambda row: _unlike(from_flat(row["spec"]), spec))
    like, read = from_flat(row["spec"]), spec.readings
    passes = 20 + 20 * read.signals + 8 * len(read.extend_to) + 4 * len(read.watch) + 60 * len(read.follow)
    columns = spec.net.depth * spec.net.width**2 if isinstance(spec.net, Dense) else 0  # of the matrices of spectra
    steps = spec.optimiser.steps + 64 * (passes + columns * len(read.spectra)) / spec.task.batch
    of_a_layer = row["core_seconds_a_step"] / like.net.depth
    fixed = min(_bench()["fixed_seconds"][spec.net.family], of_a_layer)
    return spec.net.depth * steps * (fixed + (of_a_layer - fixed) * layer_work(spec) / layer_work(like))


def _unlike(a: Spec, b: Spec) -> tuple[bool, ...]:
    """In what two Specs differ that their speed hangs on, the weightiest first."""

    def kind(spec: Spec) -> tuple[Any, ...]:
        return spec.net.family, spec.together, spec.optimiser.precision == "bfloat16", spec.task.augment

    return tuple(mine != yours for mine, yours in zip(kind(a), kind(b), strict=True))


def layer_work(spec: Spec) -> float:
    """Multiplications of a mean layer on the way forward, of one batch."""
    net, task = spec.net, spec.task
    if isinstance(net, Dense):
        return task.batch * net.width**2
    about = data.DATASETS[task.data]
    kernel, halved = (9, 4) if about.images else (3, 2)
    stages = [kernel * width**2 * about.pixels / halved**stage for stage, width in enumerate(net.widths)]
    return task.batch * sum(stages) / len(stages)


def fixed_seconds(timed: Iterable[tuple[Spec, float]]) -> dict[str, float]:
    """What a layer takes in a step however little it has to do, core-seconds, by family; from Specs and seconds a step.

    Where the straight line through seconds by work begins, over nets in float32; 0 where there are fewer than two.
    """
    points: dict[str, list[tuple[float, float]]] = {family: [] for family in FAMILIES}
    for spec, seconds in timed:
        if spec.optimiser.precision == "float32":
            points[spec.net.family].append((layer_work(spec), seconds / spec.net.depth))
    return {family: _begins(found) for family, found in points.items()}


def _begins(points: list[tuple[float, float]]) -> float:
    if len({work for work, _ in points}) < 2:
        return 0.0
    works, seconds = np.array(points).T
    return max(0.0, float(np.polyfit(works, seconds, 1)[1]))


def megabytes(spec: Spec) -> float:
    """About what one net of a batch keeps of a step (as measured).

    Of each fully connected layer five states and three numbers a weight, of each convolution four states.

    >>> from whyresnets.nets.architecture import Dense
    >>> from whyresnets.spec import Task
    >>> round(megabytes(Spec(Dense(66, width=64), Task(batch=256))))
    25
    """
    net, batch = spec.net, spec.task.batch
    size = 8 if spec.optimiser.precision == "float64" else 4
    if isinstance(net, Dense):
        return size / 1e6 * net.depth * net.width * (5 * batch + 3 * net.width)
    return size / 1e6 * net.depth * 4 * batch * data.DATASETS[spec.task.data].pixels * net.widths[0]


@functools.cache
def _bench() -> dict[str, Any]:
    return json.loads(MEASURED.read_text(encoding="utf-8"))
