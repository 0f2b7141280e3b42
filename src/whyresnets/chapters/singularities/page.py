"""What only the chapter's page needs: panels, the loss around a point, silent units, large spectra, self-checks."""

from typing import Any

import numpy as np
import torch

from whyresnets import data, exercises, report
from whyresnets.chapters.singularities import CHAPTER, arms
from whyresnets.chapters.singularities.claims import MANY
from whyresnets.chapters.singularities.effects import escape_steps, hessian_zeros
from whyresnets.claims.quantities import gauss_newton_zeros
from whyresnets.measures import curvature
from whyresnets.nets.architecture import SINGULARITIES
from whyresnets.sweeps import fresh_torch
from whyresnets.training.descent import descend
from whyresnets.training.runs import Runs
from whyresnets.training.start import Start, begin

COLUMNS = (arms.NOWHERE, *SINGULARITIES)
COUNTED = {
    "Gauss-Newton matrix": (gauss_newton_zeros, {net: [f"{net}, {point}" for point in COLUMNS] for net in arms.SKIPS}),
    "Hessian": (
        hessian_zeros,
        {
            "plain": [f"plain, {point}" for point in COLUMNS],
            "plain, no error": [f"plain, {point}, no error" for point in COLUMNS],
        },
    ),
}
BY_DISTANCE = {
    f"Near {point}": {
        net: {distance: arms.start(net, point, distance) for distance in arms.DISTANCES}
        for net in ("plain", arms.CONTROL_AT[point], "residual", arms.INCOMING)
    }
    for point in SINGULARITIES
}
PATHS = {
    title: [arms.start(net, "overlap", distance) for distance in arms.DISTANCES]
    for title, net in {
        "Plain": "plain",
        "With a skip": "residual",
        "The same skip for both units": "common skip",
    }.items()
}
SPECTRA = {"Gauss-Newton matrix": "gauss_newton_degenerate", "Hessian": "hessian_degenerate"}
# Units of the axes of a plane (chosen by us); Torch's steps, as NumPy's round differently.
GRID = torch.linspace(-1.2, 1.2, 25, dtype=torch.float64, device="cpu").numpy()


@fresh_torch()
def plane(point: str, net: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The loss around a singular point of the net of two units, (G, G), and downhill on that plane, (G, G, 2).

    First axis: the second unit's weights in, away from the point; second: its weight out. Half squared units, and those
    per unit of weight; shapes with the grid's G points on either axis. Source: ours.
    """
    spec = arms.TWO.but(point=point, whole=True, **arms.SKIPS[net][1])
    at = begin(spec, seed, data.load(spec.task.data))
    axes = tuple({name: torch.zeros_like(p) for name, p in at.params.items()} for _ in range(2))
    # Into the point's own plane: what the two units do differently, and where one is to be dead, that one alone.
    sign = SINGULARITIES[point]
    turned = at.params["0.weight"][0].roll(1) * torch.tensor([1.0, -1.0], dtype=torch.float64)
    for unit, part in ((1, 1.0), (0, -float(sign))):
        axes[0]["0.weight"][unit] = part * turned / (turned.norm() * (1 + sign**2) ** 0.5)
        axes[1]["head.weight"][0, unit] = part / (1 + sign**2) ** 0.5
    loss, downhill = curvature.slope(at.net, at.params, *at.train_set, axes, torch.from_numpy(GRID))
    return loss.numpy(), downhill.numpy()


@fresh_torch()
def silent_units() -> report.Table:
    """How many hidden units are 0 on every training image, before training and after one epoch; means of 20 seeds.

    Trained anew, in a moment: no reading of the runs says so.
    """
    rows = []
    for arm in arms.DEEP_ARMS:
        counts = []
        for steps in (0, arms.READ_AT[arms.EARLY]):
            cut, known = arm.spec.but(steps=steps, spectra=()), data.load(arm.spec.task.data)
            starts = [begin(cut, seed, known) for seed in range(MANY)]
            descend(cut, starts)
            counts.append(np.mean([_silent(begun) for begun in starts]))
        rows.append((arm.name, *(f"{count:.0f}" for count in counts)))
    units = arms.DEEP.net.width * (arms.DEEP.net.depth - 1)
    return report.Table(("net", f"silent units of {units}, untrained", "after one epoch"), rows)


def _silent(begun: Start) -> int:
    branches: list[torch.Tensor] = []
    begun.net.states(begun.params, begun.train_set[0], responses=branches)
    return sum(int((branch == 0).all(0).sum()) for branch in branches)


def check_count(answer: Any) -> str:
    """Exercise 1: zero modes at overlap with one hidden layer and three outputs; a sentence back."""
    outputs = data.DATASETS[arms.TINY.task.data].outputs
    hint = "how many weights lead out of one hidden unit, if the outputs come next?"
    return exercises.check_number(answer, outputs, 1e-6, "{:.0f}, one for each weight out of the doubled unit.", hint)


def check_way(answer: Any) -> str:
    """Exercise 2: runs of the plain net of two units from 1e-5 of overlap; a sentence back."""
    recorded = CHAPTER.recorded()
    far, near = (recorded[arms.start("plain", "overlap", distance)] for distance in (arms.FAR, arms.NEAR))

    def judge(mine: Runs) -> str:
        same = [i for i, seed in enumerate(near.seeds) if seed in mine.seeds] or range(len(near.seeds))
        yours, from_far, from_near = (escape_steps(r).mean() for r in (mine, far.some(same), near.some(same)))
        a_decade = (from_near - from_far) / 2
        if abs(yours - from_near - a_decade) < a_decade / 2:
            return f"Right: {yours:.0f} steps; {from_near:.0f} from {arms.NEAR:g}, and {a_decade:.0f} for every decade."
        line = from_near + a_decade
        return f"Your {yours:.0f} steps are far from {line:.0f}, where a straight line leads: look at each seed."

    return exercises.check_runs(answer, near.spec.but(distance=1e-5), "the distance to 1e-5", judge)


def check_design(answer: Any) -> str:
    """Exercise 3: which biases inside the activation remove the wait, "different" or "equal"; a sentence back."""
    why = "with equal ones the two units can still be exchanged. Then what could part them?"
    return exercises.check_choice(answer, "different", {"equal": why})


@fresh_torch()
def large(net: str, matrix: str, seed: int = 0) -> np.ndarray:
    """The hundred largest eigenvalues after an epoch of a net as deep as ours and three times as wide, (100,).

    Of the "hessian" or "gauss_newton" matrix of one seed, by falling size, in nats per unit squared, see
    :func:`whyresnets.measures.curvature.largest`. Source: ours, after Orhan and Pitkow 2018, as recalled.
    """
    spec = CHAPTER.specs()[net].cut(arms.READ_AT[arms.EARLY]).but(width=32)
    begun = begin(spec, seed, data.load(spec.task.data))
    descend(spec.but(spectra=()), [begun])
    exact = {name: p.double() for name, p in begun.params.items()}
    x, y = (part[: curvature.EXAMPLES] for part in begun.train_set)
    return curvature.largest(begun.net, exact, x.double(), y, matrix, 100).numpy()
