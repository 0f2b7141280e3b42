"""What is read off a run, and when: one table for all families."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from whyresnets.measures import curvature, jacobian
from whyresnets.measures.convolution import condition_number
from whyresnets.measures.losses import loss_and_error, mean_loss
from whyresnets.measures.signals import (
    multiplier,
    response_std,
    scale_rms,
    state_cosine,
    state_gradient_norm,
    state_std,
    weight_gradient_norm,
    weight_norm,
)
from whyresnets.measures.units import by_layer
from whyresnets.nets.architecture import skips_layers
from whyresnets.nets.surgery import identity_extension
from whyresnets.spec import Spec
from whyresnets.training.start import Start, some

SIGNAL_EXAMPLES = 256  # of the training set, for the signals by layer; chosen by us
DIRECTIONS_OF = 2  # training examples, each with a Jacobian of its own (chosen by us)
FOLLOWED_EXAMPLES = 5000  # of each set at most, for losses and errors on the way (chosen by us: a tenth of an epoch)
READ_EXAMPLES = 10_000  # of the training set at most, for losses and errors; as many as CIFAR-10 has to test (ours)

Found = dict[str, Tensor]


@dataclass(frozen=True)
class Reading:
    """A row of :data:`READINGS`.

    Attributes
    ----------
    when : "end", or on the way: "every step", or at the "steps" that the Spec's option of that name lists
    read : from the Spec, a run as it stands, and its curve so far ("end" only; else empty): name -> tensor
    prefix : of the names in :class:`whyresnets.training.runs.Runs`
    """

    when: str
    read: Callable[[Spec, Start, Tensor], Found]
    prefix: str = ""


def losses(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """Losses and errors over training and test set, with batch statistics and with running ones."""
    train_set, test_set = some(run.train_set, READ_EXAMPLES), run.test_set
    running = run.running or None  # nets in the order "post", and those without BN, have no statistics that run
    read = {}
    read["train_loss"], read["train_error"] = loss_and_error(run.net, run.params, *train_set)
    read["eval_loss"], read["eval_error"] = loss_and_error(run.net, run.params, *train_set, running)
    _, read["test_error"] = loss_and_error(run.net, run.params, *test_set, running)
    _, read["test_error_batch"] = loss_and_error(run.net, run.params, *test_set)
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in read.items()}


def signals(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """Responses, states and gradients by layer, in float64, so that a gradient that has vanished is not 0."""
    exact = {name: p.double() for name, p in run.params.items()}
    x, y = some(run.train_set, SIGNAL_EXAMPLES)
    measures = (response_std, state_std, state_cosine, state_gradient_norm)
    return {measure.__name__: measure(run.net, exact, x.double(), y).cpu() for measure in measures}


def watched(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """Gradients at the states, and with signals the responses; in the order "post" of a Dense everything by layer."""
    return WATCHED[spec.net.family](spec, run)


def _gradients(spec: Spec, run: Start) -> Found:
    measures = {"gradient_norm": state_gradient_norm} | (
        {"response_std": response_std} if spec.readings.signals else {}
    )
    few = some(run.train_set, SIGNAL_EXAMPLES)
    return {name: measure(run.net, run.params, *few).cpu() for name, measure in measures.items()}


def _of_dense(spec: Spec, run: Start) -> Found:
    return by_layer(run.net, run.params, *run.train_set) if skips_layers(spec.net) else _gradients(spec, run)


WATCHED = {"conv": _gradients, "dense": _of_dense}


def directions(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """How many directions of the first state reach the last; the mean over a few training examples."""
    few, _ = some(run.train_set, SIGNAL_EXAMPLES)
    return {"directions": jacobian.directions(run.net, run.params, few, DIRECTIONS_OF).cpu()}


def condition(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """Condition number of each transition convolution, where there are any."""
    if not run.net.transitions or run.net.order == "post":
        return {}
    return {"transition_condition": condition_number(run.net, run.params).cpu()}


def capped_curve(spec: Spec, run: Start, curve: Tensor) -> Found:
    """Where skips lead around layers, the mean loss of all steps before each watched one, none above chance."""
    if not skips_layers(spec.net) or spec.task.targets != "labels":
        return {}
    capped = curve.double().nan_to_num(nan=math.inf).clamp(max=math.log(run.net.outputs))
    return {"watched_capped_curve": torch.stack([capped[:step].mean() for step in spec.readings.watch])}


def followed_losses(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """Losses and errors on the way: of training examples in both modes, of test examples in evaluation mode."""
    train_set, test_set = (some(part, FOLLOWED_EXAMPLES) for part in (run.train_set, run.test_set))
    running, read = run.running or None, {}
    read["train_loss"], read["train_error"] = loss_and_error(run.net, run.params, *train_set)
    read["eval_loss"], read["eval_error"] = loss_and_error(run.net, run.params, *train_set, running)
    read["test_loss"], read["test_error"] = loss_and_error(run.net, run.params, *test_set, running)
    return {name: torch.tensor(value, dtype=torch.float32) for name, value in read.items()}


def followed_layers(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """Layer by layer: gradients at states and of weights, states, responses, weights, scales; and multipliers."""
    measures = (state_gradient_norm, weight_gradient_norm, weight_norm, state_std, response_std, scale_rms, multiplier)
    few = some(run.train_set, SIGNAL_EXAMPLES)
    return {measure.__name__: measure(run.net, run.params, *few).cpu() for measure in measures}


def spectra(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """Both spectra in 64 bits, over the first examples only, and the loss over all of them."""
    exact = {name: p.double() for name, p in run.params.items()}
    x, y = run.train_set
    x, y = x.double(), y.double() if y.is_floating_point() else y
    few = some((x, y), curvature.EXAMPLES)
    return {"spectra_loss": mean_loss(run.net.logits(exact, x), y), **curvature.read(run.net, exact, *few)}


def distance(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """From the singular point near which the run started."""
    return {"distance": run.net.distance(run.params, spec.task.point, spec.task.whole)}


def extensions(spec: Spec, run: Start, _curve: Tensor) -> Found:
    """The loss of the net extended by identity units, with batch statistics and with running ones."""
    train_set, read = some(run.train_set, READ_EXAMPLES), {}
    for depth in spec.readings.extend_to:
        net, params, running = identity_extension(run.net, run.params, run.running, depth, train_set[0])
        read[f"extension_{depth}_train_loss"], _ = loss_and_error(net, params, *train_set)
        read[f"extension_{depth}_eval_loss"], _ = loss_and_error(net, params, *train_set, running)
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in read.items()}


# Option of a Spec that asks for it -> what is read. A row is hashed for those Specs alone that ask for it.
READINGS = {
    "always": (Reading("end", losses),),
    "signals": (Reading("end", signals),),
    "watch": (Reading("steps", watched, "watched_"), Reading("end", condition), Reading("end", capped_curve)),
    "directions": (Reading("steps", directions),),
    "follow": (Reading("steps", followed_losses, "followed_"), Reading("steps", followed_layers, "followed_")),
    "spectra": (Reading("steps", spectra),),
    "point": (Reading("every step", distance),),
    "extend_to": (Reading("end", extensions),),
}


def asked(spec: Spec) -> dict[str, tuple[Reading, ...]]:
    """The rows of :data:`READINGS` for which a Spec asks."""
    flat = spec.flat()
    return {option: rows for option, rows in READINGS.items() if option == "always" or flat[option]}


class Log:
    """What is read on the way of one or several runs of a Spec."""

    def __init__(self, spec: Spec):
        self.spec = spec
        self._asked = asked(spec)
        self._found: dict[str, list[list[Tensor]]] = {}  # name -> at each reading -> seed by seed

    def look(self, step: int, now: Callable[[], Sequence[Start]]) -> None:
        """Read whatever is to be read before ``step``, or after the last."""
        for option, row in self._on_the_way():
            if step in self._steps(option, row):
                self._add(row, now())

    def _on_the_way(self) -> list[tuple[str, Reading]]:
        return [(option, row) for option, rows in self._asked.items() for row in rows if row.when != "end"]

    def _steps(self, option: str, row: Reading) -> Sequence[int]:
        every = range(self.spec.optimiser.steps)
        return every if row.when == "every step" else getattr(self.spec.readings, option)

    def _add(self, row: Reading, runs: Sequence[Start]) -> None:
        read = [row.read(self.spec, run, torch.empty(0)) for run in runs]
        for name in read[0]:
            self._found.setdefault(row.prefix + name, []).append([one[name] for one in read])

    def close(self, runs: Sequence[Start], curves: Sequence[Tensor], whole: bool) -> list[Found]:
        """All that was read on the way, the curve among it, a dictionary a seed; NaN where runs are not ``whole``."""
        for option, row in self._on_the_way() if not whole else ():
            for name, value in row.read(self.spec, runs[0], torch.empty(0)).items():
                found = self._found.setdefault(row.prefix + name, [])
                lost = [torch.full_like(value, math.nan) for _ in runs]
                found.extend([lost] * (len(self._steps(option, row)) - len(found)))
        return [
            {"curve": curve} | {name: torch.stack([at[i] for at in found]) for name, found in self._found.items()}
            for i, curve in enumerate(curves)
        ]

    def state(self) -> dict[str, np.ndarray]:
        """What was read so far, of a run alone: name -> array."""
        return {f"read/{name}/{k}": at[0].numpy() for name, found in self._found.items() for k, at in enumerate(found)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to where :meth:`state` was asked."""
        kept = sorted((*key.split("/")[1:], key) for key in state if key.startswith("read/"))
        self._found = {name: [] for name, *_ in kept}
        for name, _, key in sorted(kept, key=lambda entry: int(entry[1])):
            self._found[name].append([torch.from_numpy(state[key])])


def at_the_end(spec: Spec, run: Start, on_the_way: Found) -> Found:
    """Everything that is read of one run: what :class:`Log` found, and what is read off the trained net."""
    found = dict(on_the_way)
    for rows in asked(spec).values():
        for row in rows:
            if row.when == "end":
                found |= {row.prefix + name: value for name, value in row.read(spec, run, on_the_way["curve"]).items()}
    return found
