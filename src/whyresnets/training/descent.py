"""Stochastic gradient descent on one net, or on several small ones at once: one protocol of a step for both.

All that a step reads or changes is a tensor on the device of the data.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets.measures.losses import mean_loss
from whyresnets.nets.network import CONSTANTS, Network, Params
from whyresnets.nets.surgery import procrustes
from whyresnets.spec import SGD, Spec
from whyresnets.training.augmentation import augmentation_draws, augmented
from whyresnets.training.readings import Log
from whyresnets.training.start import TARGET, Start, stacked

FILLED = 64  # numbers: four registers of the widest processors (chosen by us)
DROPS = (0.5, 0.75)  # of the steps, after which the schedule "step" divides the rate by ten: He et al. 2015 (32k, 48k)


class Checkpoint(Protocol):
    """Where an interrupted run is kept; on disk: :class:`whyresnets.store.cache.Checkpoint`."""

    def load(self) -> dict[str, np.ndarray] | None:
        """What was saved last, or None."""

    def due(self) -> bool:
        """Whether it is time to save."""

    def save(self, state: dict[str, np.ndarray]) -> None:
        """Keep all of ``state``, or what was kept before."""


class Steps(Protocol):
    """Nets between two steps: what training changes, and the step that changes it.

    Attributes
    ----------
    done : steps done
    """

    done: int

    def step(self) -> bool:
        """One step; whether there is a reason for another."""

    def now(self) -> list[Start]:
        """Each seed's run as it stands, for reading."""

    def curves(self) -> list[Tensor]:
        """Each seed's mini-batch loss at each step, in nats (T,), NaN from the second on that is not finite."""

    def state(self) -> dict[str, np.ndarray]:
        """All that the rest of the run depends on: name -> array."""

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to where :meth:`state` was asked."""


def descend(
    spec: Spec,
    starts: Sequence[Start],
    checkpoint: Checkpoint | None = None,
    seconds: Callable[[], float] = time.perf_counter,
) -> list[dict[str, Tensor]]:
    """Train the parameters of all ``starts`` in place; what was read on the way, a dictionary a seed.

    "curve" (T,) is the mini-batch loss at each step, in nats; for the others see
    :data:`whyresnets.training.readings.READINGS`. A run alone ends at the first loss that is not finite; a seed trained
    with others disturbs none. From time to time the state of a run alone goes to the ``checkpoint``, with what
    ``seconds`` says then.
    """
    steps: Steps = STEPS.get(spec.task.data, STEPS[spec.net.family])(spec, starts)
    log = Log(spec)
    if checkpoint and (kept := checkpoint.load()):
        steps.restore(kept)
        log.restore(kept)
    last, alive = spec.optimiser.steps, True
    while alive and steps.done < last:
        log.look(steps.done, steps.now)
        alive = steps.step()
        if alive and checkpoint and steps.done < last and checkpoint.due():
            checkpoint.save(steps.state() | log.state() | {"seconds": np.asarray(seconds())})
    if alive:
        log.look(last, steps.now)
    return log.close(steps.now(), steps.curves(), whole=alive)


def rate_at(optimiser: SGD, step: int) -> float:
    """Learning rate at ``step`` (from 0): linear warm-up, then as the schedule says; times the growth to that power.

    >>> [round(rate_at(SGD(rate=1.0, steps=10, warmup=0.2), step), 2) for step in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.04]
    """
    warm, rate = round(optimiser.warmup * optimiser.steps), optimiser.rate * optimiser.growth**step
    if step < warm:
        return rate * (step + 1) / warm
    if optimiser.schedule == "constant":
        return rate
    if optimiser.schedule == "step":
        return rate * 0.1 ** sum(step >= drop * optimiser.steps for drop in DROPS)
    return float(rate * 0.5 * (1 + np.cos(np.pi * (step - warm) / (optimiser.steps - warm))))


def trained_parameters(spec: Spec, params: Params) -> Params:
    """Those of ``params`` that ``spec`` trains, in their order: all but constants and what stays untrained."""
    ends = {"affine": (".scale", ".shift"), "head": ("head.weight", "head.bias"), "branches": ()}
    fixed = (*CONSTANTS, *(end for part in spec.optimiser.untrained for end in ends[part]))
    units = tuple(f"{unit[0]}." for unit in spec.net.units) if "branches" in spec.optimiser.untrained else ()
    return {name: p for name, p in params.items() if not name.endswith(fixed) and not name.startswith(units)}


def project(spec: Spec, net: Network, params: Params) -> None:
    """Replace the kernels that the Spec projects by their Procrustes projection, in place.

    The root mean square of their singular values stays that of the initialisation (for a 3x3 kernel: before it is
    cut), relative to :func:`whyresnets.nets.surgery.procrustes`: sqrt(2) under a ReLU, 1 elsewhere, times the gain.
    """
    which = spec.optimiser.project
    if not which:
        return
    rectified = which != "transitions" and getattr(net, "activation", "relu") == "relu"
    size = net.gain * math.sqrt(2 if rectified else 1)
    with torch.no_grad():
        for name in net.kernels(which):
            try:
                params[name].copy_(procrustes(params[name], size=size, spread=spec.optimiser.spread))
            except torch.linalg.LinAlgError:  # a run that diverges: let its loss say so
                params[name].fill_(math.nan)
                return


class Alone:
    """The :class:`Steps` of a convolutional net of images: augmentation, projections, half precision, checkpoints."""

    def __init__(self, spec: Spec, starts: Sequence[Start]):
        (start,) = starts
        self.spec, self.start, self.done = spec, start, 0
        self._losses: list[float] = []
        project(spec, start.net, start.params)
        self._trained = list(trained_parameters(spec, start.params).values())
        optimiser = spec.optimiser
        rate, momentum, decay = optimiser.rate, optimiser.momentum, optimiser.weight_decay
        self._sgd = torch.optim.SGD(self._trained, rate, momentum, weight_decay=decay, fused=True)
        if optimiser.momentum_start:
            for p in self._trained:
                self._sgd.state[p]["momentum_buffer"] = optimiser.momentum_start * p.detach()

    def step(self) -> bool:
        """One step of SGD; false once the loss is not finite, and then no weight changes."""
        for p in self._trained:
            p.requires_grad_(True)
        loss = self._loss()
        finite = bool(loss.detach().isfinite())
        if finite:
            self._sgd.param_groups[0]["lr"] = rate_at(self.spec.optimiser, self.done)
            self._sgd.zero_grad()
            loss.backward()
            self._sgd.step()
        for p in self._trained:
            p.requires_grad_(False)
        self._losses.append(loss.item())
        self.done += 1
        if finite:
            project(self.spec, self.start.net, self.start.params)
        return finite

    def _loss(self) -> Tensor:
        task, start = self.spec.task, self.start
        x, y = start.train_set
        index = start.order[self.done]
        images, labels = x[index], y[index]
        if task.augment:
            shifts, mirrored = augmentation_draws(task.batch, start.draws)
            images = augmented(images, shifts.to(x.device), mirrored.to(x.device))
        half = self.spec.optimiser.precision == "bfloat16"
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            logits = start.net.logits(start.params, images, running=start.running)
        return F.cross_entropy(logits.float() if half else logits, labels)

    def now(self) -> list[Start]:
        """The run itself."""
        return [self.start]

    def curves(self) -> list[Tensor]:
        """The losses so far, then NaN (T,)."""
        left = self.spec.optimiser.steps - self.done
        return [torch.tensor(self._losses + [math.nan] * left, dtype=torch.float64)]

    def state(self) -> dict[str, np.ndarray]:
        """Parameters, running statistics, momentum, the generator, the losses: name -> array."""
        buffers = [self._sgd.state[p].get("momentum_buffer") for p in self._trained]
        tensors = {f"momentum/{i}": b for i, b in enumerate(buffers) if b is not None}
        for kind, named in self._changing.items():
            tensors |= {f"{kind}/{name}": tensor for name, tensor in named.items()}
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        draws = self.start.draws.get_state().numpy()
        return {**arrays, "draws": draws, "done": np.asarray(self.done), "curve": np.asarray(self._losses)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to where :meth:`state` was asked."""
        with torch.no_grad():
            for kind, named in self._changing.items():
                for name, tensor in named.items():
                    tensor.copy_(torch.from_numpy(state[f"{kind}/{name}"]))
            for i, p in enumerate(self._trained):
                if f"momentum/{i}" in state:
                    buffer = torch.empty_like(p).copy_(torch.from_numpy(state[f"momentum/{i}"]))
                    self._sgd.state[p]["momentum_buffer"] = buffer
        self.start.draws.set_state(torch.from_numpy(state["draws"]))
        self.done, self._losses = int(state["done"]), state["curve"].tolist()

    @property
    def _changing(self) -> dict[str, Params]:
        return {"parameter": self.start.params, "running": self.start.running}


class Rows:
    """The trained parameters of several nets as one matrix (S, P), a row a net, of which the parameters are parts.

    Rows are filled up with zeros to a multiple of :data:`FILLED` numbers. Then a step is a few operations for all nets,
    and every number is rounded alike wherever it stands: a processor may treat the last few of an array otherwise.
    """

    def __init__(self, params: Params):
        nets, size = len(next(iter(params.values()))), sum(p[0].numel() for p in params.values())
        some = next(iter(params.values()))
        self.matrix = some.new_zeros(nets, -(-size // FILLED) * FILLED)
        self.parts: Params = {}
        first = 0
        for name, p in params.items():
            after = first + p[0].numel()
            self.parts[name] = self.matrix[:, first:after].view(p.shape)
            self.parts[name].copy_(p)
            first = after


class Together:
    """The :class:`Steps` of several small nets: every operation acts on all at once, on each alone.

    They differ in their seeds and in their rates, in nothing else. Their runs take seconds, so they leave no
    checkpoints.
    """

    def __init__(self, spec: Spec, starts: Sequence[Start]):
        self.spec, self.starts, self.done = spec, starts, 0
        for start in starts:
            project(spec, start.net, start.params)
        self._params = stacked([start.params for start in starts])
        self._running = stacked([start.running for start in starts])
        self._rows, self._gradient = (Rows(trained_parameters(spec, self._params)) for _ in range(2))
        self._sgd = self._optimiser()
        self._params |= self._rows.parts
        self._each = [{name: p[i] for name, p in self._params.items()} for i in range(len(starts))]
        self._trained = {name: p.detach().requires_grad_() for name, p in self._rows.parts.items()}
        self._x, self._y = starts[0].train_set[0], torch.stack([start.train_set[1] for start in starts])
        self._order = torch.stack([start.order for start in starts])
        self._which = torch.arange(len(starts), device=self._x.device)[:, None]
        self._loss = torch.func.vmap(mean_loss)
        self._curves: list[Tensor] = []

    def step(self) -> bool:
        """One step of SGD of every net."""
        index = self._order[:, self.done]
        net, running = self.starts[0].net, self._running or None
        outputs = net.logits(self._params | self._trained, self._x[index], running=running)
        losses = self._loss(outputs, self._y[self._which, index])
        self._curves.append(losses.detach())
        gradients = torch.autograd.grad(losses.sum(), list(self._trained.values()))
        for part, gradient in zip(self._gradient.parts.values(), gradients, strict=True):
            part.copy_(gradient)
        self._pull()
        for group in self._sgd.param_groups:
            group["lr"] = rate_at(replace(self.spec.optimiser, rate=group["rate"]), self.done)
        self._sgd.step()
        self.done += 1
        for params in self._each if self.spec.optimiser.project else ():
            project(self.spec, net, params)
        if self.done == self.spec.optimiser.steps:
            self._settle()
        return True

    def _pull(self) -> None:
        """Add to the gradients of the hidden biases that of their squared distance to their targets, times the pull."""
        for name, target in self._params.items():
            if name.endswith(TARGET):
                pulled = name.removesuffix(TARGET)
                distance = self._params[pulled] - target
                self._gradient.parts[pulled] += 2 * self.spec.optimiser.bias_pull * distance

    def _optimiser(self) -> torch.optim.SGD:
        """SGD on the rows of the nets, each net with its own rate."""
        optimiser, groups = self.spec.optimiser, []
        for rate, nets in self._rates():
            rows = self._rows.matrix[nets]
            rows.grad = self._gradient.matrix[nets]
            groups.append({"params": [rows], "lr": rate, "rate": rate})
        sgd = torch.optim.SGD(groups, momentum=optimiser.momentum, weight_decay=optimiser.weight_decay, fused=True)
        if optimiser.momentum_start:
            for group in sgd.param_groups:
                (rows,) = group["params"]
                sgd.state[rows]["momentum_buffer"] = optimiser.momentum_start * rows
        return sgd

    def _rates(self) -> Iterator[tuple[float, slice]]:
        """Each rate, and which nets that stand side by side have it."""
        first = 0
        for rate, some in itertools.groupby(start.rate for start in self.starts):
            count = len(list(some))
            yield rate, slice(first, first + count)
            first += count

    def now(self) -> list[Start]:
        """The runs with the parameters of this moment."""
        return [
            replace(
                start,
                params=params,
                running={name: r[i] for name, r in self._running.items()},
            )
            for i, (start, params) in enumerate(zip(self.starts, self._each, strict=True))
        ]

    def _settle(self) -> None:
        """Set the parameters and running statistics of ``starts`` to those that were trained."""
        for start, run in zip(self.starts, self.now(), strict=True):
            for mine, trained in ((start.params, run.params), (start.running, run.running)):
                for name, p in mine.items():
                    p.copy_(trained[name])

    def curves(self) -> list[Tensor]:
        """The losses of each seed (T,); as in a run alone, nothing is known after the first that is not finite."""
        if not self._curves:
            return [torch.empty(0) for _ in self.starts]
        curves = torch.stack(self._curves, 1)
        lost = (~curves.isfinite()).cumsum(1) > 1
        return list(curves.masked_fill(lost, math.nan))

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: there are no checkpoints of runs of seconds."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Nothing to go back to."""


# By the data set, where it has a row: of signals convolutional nets, too, are trained together. Else by the family.
STEPS: dict[str, Callable[[Spec, Sequence[Start]], Steps]] = {
    "conv": Alone,
    "dense": Together,
    "mnist1d": Together,
}
