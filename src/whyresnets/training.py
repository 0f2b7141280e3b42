"""From a Spec, everything that decides a result, to one seed's curve and readings.

The protocol is He et al.'s (2015, section 4.2), shortened: SGD with momentum and weight decay,
batch normalisation, no dropout. Steps, batch, widths and schedule are chosen by us and are part of the Spec.
"""

import functools
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets import curvature, data, measures
from whyresnets.models import (
    BN_EPS,
    CONSTANTS,
    SINGULARITIES,
    ConvNet,
    DenseNet,
    Net,
    Params,
    SkipNet,
    identity_extension,
    procrustes,
)

FAMILIES = ("conv", "dense", "skip")
TARGETS = ("labels", "teacher", "own")
SCHEDULES = ("cosine", "constant", "step")
DROPS = (0.5, 0.75)  # of the steps, after which the schedule "step" divides the rate by ten: He et al. 2015 (32k, 48k)
PRECISIONS = ("float32", "bfloat16", "float64")
PARTS = ("affine", "head")
ONLY_SKIP = (  # fields of a Spec that only the family "skip" knows
    "skip",
    "targets",
    "point",
    "spectra",
    "distinct",
    "cancelled",
    "forward_gain",
    "draw",
    "bias_pull",
    "bias_mean",
    "bias_spread",
)
TARGET = ".target.fixed"  # how the names of those parameters end to which biases are pulled
CHUNKS = {"cpu": 1, "cuda": 100}  # steps between two looks at the loss: a look makes a GPU wait (chosen by us)
EAGER = 3  # steps of a GPU before one is recorded, to be replayed from then on: what is slow the first time is over
SIGNAL_EXAMPLES = 256  # of the training set, for the signals by layer; chosen by us
READ_EXAMPLES = 10_000  # of the training set at most, for losses and errors; as many as CIFAR-10 has to test (ours)


@dataclass(frozen=True)
class Spec:
    """Everything that decides a result, apart from the seed.

    Attributes
    ----------
    data : a name from :data:`whyresnets.data.NAMES`
    family : "conv" (:class:`whyresnets.models.ConvNet`), "dense" (:class:`whyresnets.models.DenseNet`) or "skip"
        (:class:`whyresnets.models.SkipNet`), of which all seeds are trained together
    depth, rule, widths, norm, head_norm, alpha, eps, gain : the network, see there; widths half of He et al.'s
        (chosen by us: digits are small), and a single one for a dense net
    padding, silent, order : of a convolutional network
    activation, weights : of a fully connected one
    skip, distinct, cancelled, forward_gain : of a "skip" net
    draw : which of a seed's initialisations, of a "skip" net: other weights, all else drawn the same
    bias_pull, bias_mean, bias_spread : BiasReg of Orhan and Pitkow 2018, as recalled: the loss of a "skip" net has a
        term of ``bias_pull`` times the sum of squared distances between each hidden bias and a target, normal with that
        mean and spread, drawn once; no reading contains it. With mean and spread 0: BiasL2
    targets : what such a net learns: "labels"; the outputs of a "teacher", a plain net drawn for this seed, the same in
        every arm, in which every last unit counts alike, plus or minus 1; or its "own" outputs at the start, so that
        its error is 0; the last two with half the squared distance as loss
    point, distance, whole : start the second unit at that distance from a singular point
        (see :meth:`whyresnets.models.SkipNet.place`; "": nowhere near one on purpose)
    spectra : rising steps before which (or after the last) the spectra of the loss are read, of such a net
    rate : learning rate after warm-up, from a recorded grid
    steps : optimiser steps; 0 reads the network as it is initialised. 100 chosen by us
    warmup : share of the steps over which the rate rises linearly to ``rate``; 0.1 chosen by us
    schedule : after warm-up, "cosine" (to 0 at the last step), "constant", or "step" (a tenth from the middle on, a
        hundredth from three quarters on: He et al. 2015)
    batch : examples a step; 64 chosen by us (He et al.: 128)
    momentum, weight_decay : He et al. 2015
    augment : pad, crop and mirror each batch at random, see :func:`whyresnets.data.augmented`
    growth : factor on the learning rate from each step to the next, beside the schedule (Li and Arora 2020)
    momentum_start : the momentum buffer starts at so many times the parameters; 0 as usual
    untrained : parts that stay as they are initialised: "affine" (scales and shifts of normalisations), "head"
    precision : "float32"; "float64": everything in twice the bits; or "bfloat16": products and states of the training
        steps in half the bits, parameters and readings in float32 as ever; pays at CIFAR size, on processors and
        GPUs that have it
    project, spread : which kernels are replaced by their Procrustes projection at the start and after every step
        ("": none; else see ``kernels`` of the network), and the spread of the singular values they get
    signals : read the responses, states and gradients by layer, from 256 training examples
    watch : rising steps before which (or, if it is the number of steps, after which) the gradients at the
        states are read, and the responses where ``signals`` are; of a "skip" net all that
        :func:`whyresnets.measures.by_layer` says
    extend_to : depths to which the trained plain net is extended by identity units, each read in both modes

    Raises
    ------
    ValueError
        If a field has no such value.
    """

    rule: str = "plain"
    depth: int = 20
    rate: float = 0.1
    steps: int = 100
    data: str = "digits"
    widths: tuple[int, ...] = (8, 16, 32)
    norm: str = "batch"
    padding: str = "zeros"
    silent: bool = False
    head_norm: str = ""
    alpha: float | None = None
    eps: float = BN_EPS
    gain: float = 1.0
    family: str = "conv"
    order: str = "post"
    activation: str = "relu"
    weights: str = "he"
    skip: str = "identity"
    targets: str = "labels"
    point: str = ""
    distance: float = 0.0
    whole: bool = False
    spectra: tuple[int, ...] = ()
    distinct: int = 1
    cancelled: str = ""
    forward_gain: float | None = None
    draw: int = 0
    bias_pull: float = 0.0
    bias_mean: float = 0.0
    bias_spread: float = 0.0
    warmup: float = 0.1
    schedule: str = "cosine"
    batch: int = 64
    momentum: float = 0.9
    weight_decay: float = 1e-4
    growth: float = 1.0
    momentum_start: float = 0.0
    untrained: tuple[str, ...] = ()
    augment: bool = False
    precision: str = "float32"
    project: str = ""
    spread: float = 1.0
    signals: bool = False
    watch: tuple[int, ...] = ()
    extend_to: tuple[int, ...] = ()

    def __post_init__(self):
        for name in ("widths", "watch", "extend_to", "untrained", "spectra"):  # a Spec read from JSON brings lists
            value = getattr(self, name)
            if not isinstance(value, list | tuple):
                raise ValueError(f"{name} {value!r} is impossible: choose a tuple")
            object.__setattr__(self, name, tuple(value))
        for name in ("augment", "silent", "signals", "whole"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} {getattr(self, name)!r} is impossible: choose True or False")
        if self.data not in data.NAMES:
            raise ValueError(f"unknown data set {self.data!r}: choose one of {', '.join(data.NAMES)}")
        if self.family not in FAMILIES:
            raise ValueError(f"unknown family {self.family!r}: choose one of {', '.join(FAMILIES)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"unknown precision {self.precision!r}: choose one of {', '.join(PRECISIONS)}")
        for name in ("steps", "batch"):
            if not isinstance(getattr(self, name), int):
                raise ValueError(f"{name} {getattr(self, name)!r} is impossible: choose a whole number")
        numbers = "rate", "warmup", "momentum", "weight_decay", "spread", "growth", "momentum_start", "distance"
        for name in (*numbers, "bias_pull", "bias_mean", "bias_spread"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and abs(value) < math.inf):
                raise ValueError(f"{name} {value!r} is impossible: choose a finite number")
        if self.steps < 0 or self.batch < 2 or min(self.rate, self.growth) <= 0 or self.weight_decay < 0:
            raise ValueError("a Spec needs steps >= 0, batch >= 2, rate > 0, growth > 0 and weight_decay >= 0")
        if not set(self.untrained) <= set(PARTS):
            raise ValueError(f"untrained {self.untrained} is impossible: choose some of {', '.join(PARTS)}")
        if not (0 <= self.warmup < 1 and 0 <= self.momentum < 1):
            raise ValueError("a Spec needs warmup and momentum from 0 to below 1")
        for name in ("watch", "spectra"):
            steps = getattr(self, name)
            whole = all(isinstance(step, int) and 0 <= step <= self.steps for step in steps)
            if not whole or list(steps) != sorted(set(steps)):
                raise ValueError(f"{name} {steps} is impossible: choose rising steps from 0 to {self.steps}")
        self._check_skip()
        if self.spread < 1 or (self.spread > 1 and not self.project):
            raise ValueError(f"spread {self.spread:g} is impossible: choose 1, or more with a projection")
        net = self.net((1, 8, 8))
        if self.point and self.widths[0] < 2:
            raise ValueError("a singular point needs two units: choose a width of 2 or more")
        if self.project:
            net.kernels(self.project)
        deeper = [replace(net, depth=depth).depth >= self.depth for depth in self.extend_to]
        kind = self.family, self.order, self.rule, self.norm, self.alpha
        original = kind == ("conv", "post", "plain", "batch", None)
        if deeper and not (original and all(deeper)):
            raise ValueError("extend_to needs a plain net with norm='batch', and depths from its own up: choose those")

    def _check_skip(self) -> None:
        """What only one family knows, and what it does not."""
        if self.targets not in TARGETS:
            raise ValueError(f"unknown targets {self.targets!r}: choose one of {', '.join(TARGETS)}")
        if self.point not in ("", *SINGULARITIES):
            raise ValueError(f"unknown point {self.point!r}: choose one of {', '.join(SINGULARITIES)}, or none")
        if self.distance < 0 or ((self.distance or self.whole) and not self.point):
            raise ValueError("distance and whole belong to a point: choose one, and a distance of 0 or more")
        if (self.data in data.OUTPUTS) != (self.targets != "labels"):
            raise ValueError(f"{self.data} with targets {self.targets!r} is impossible: choose points with a teacher")
        if type(self.draw) is not int or self.draw < 0:
            raise ValueError(f"draw {self.draw!r} is impossible: choose a whole number from 0 up")
        if min(self.bias_pull, self.bias_spread) < 0 or ((self.bias_mean or self.bias_spread) and not self.bias_pull):
            raise ValueError("bias_mean and bias_spread belong to a pull: choose bias_pull > 0, and a spread >= 0")
        if self.family != "skip":
            alien = [name for name in ONLY_SKIP if getattr(self, name) != getattr(Spec, name)]
            if alien:
                raise ValueError(f"{', '.join(alien)} need family='skip': choose that family, or leave them")
        elif self.signals or self.project or self.untrained or self.augment or self.momentum_start:
            raise ValueError("a skip net has no signals, project, untrained, augment, momentum_start: leave them")
        elif self.bias_pull and self.norm != "none":
            raise ValueError("a net with normalisation has no biases to pull: choose norm='none'")
        elif self.point and (self.cancelled or (self.norm != "none" and (self.steps or self.distance))):
            raise ValueError("near a point a net is neither cancelled nor normalised: choose steps=0 and distance=0")
        elif self.point == "mirror" and self.activation != "tanh":
            raise ValueError("only under tanh is a mirror image dependent: choose activation='tanh'")
        elif self.targets == "own" and self.precision != "float64":
            raise ValueError("targets of its own must be equal to the last bit: choose precision='float64'")
        elif self.precision == "bfloat16":
            raise ValueError("a skip net has 32 or 64 bits: choose precision='float32' or 'float64'")

    @property
    def together(self) -> bool:
        """Whether its seeds are trained together, as one batch of small matrices."""
        return self.family == "skip"

    def but(self, **changes) -> "Spec":
        """The same Spec with some fields changed: ``spec.but(depth=56)``."""
        return replace(self, **changes)

    def cut(self, steps: int) -> "Spec":
        """The same with so many steps at most, read on the way where it still passes and at its end."""
        steps = min(self.steps, steps)
        read = {name: sorted({min(step, steps) for step in getattr(self, name)}) for name in ("watch", "spectra")}
        return self.but(steps=steps, **read)

    def net(self, shape: Sequence[int]) -> Net:
        """The network that this Spec trains, for images of that ``shape``: channels, height, width.

        Raises
        ------
        ValueError
            If a field has no such value for a network of its family.
        """
        if self.family == "dense":
            if len(self.widths) != 1 or self.silent or (self.padding, self.order) != ("zeros", "post"):
                raise ValueError("a dense net has one width, and neither padding, silent nor order: choose one width")
            return DenseNet(
                self.depth,
                self.rule,
                self.widths[0],
                math.prod(shape),
                10,
                self.norm,
                self.activation,
                self.weights,
                self.gain,
                self.head_norm,
                self.alpha,
                self.eps,
            )
        if self.family == "skip":
            odd = self.silent, self.padding, self.order, self.head_norm, self.alpha, self.eps
            if len(self.widths) != 1 or odd != (False, "zeros", "post", "", None, BN_EPS):
                raise ValueError(
                    "a skip net has no silent, padding, order, head_norm, alpha, eps: choose one width alone"
                )
            return SkipNet(
                self.depth,
                self.rule,
                self.widths[0],
                math.prod(shape),
                data.OUTPUTS.get(self.data, 10),
                self.skip,
                self.activation,
                self.weights,
                self.gain,
                self.norm,
                self.distinct,
                self.cancelled,
                self.forward_gain,
            )
        if (self.activation, self.weights) != ("relu", "he"):
            raise ValueError("a convolutional net has ReLUs and He's weights here: choose family='dense' for others")
        return ConvNet(
            self.depth,
            self.rule,
            self.widths,
            shape[0],
            10,
            self.norm,
            self.padding,
            self.silent,
            self.gain,
            self.order,
            self.head_norm,
            self.alpha,
            self.eps,
        )

    @property
    def question(self) -> str:
        """A short hash of all fields and of the data: what was asked, whatever code answers it."""
        text = json.dumps([asdict(self), data.CHECKSUMS.get(self.data)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def cost(self) -> float:
        """A rough measure of work, in the unit of one layer and step of 64 digits: for ordering and for time left."""
        readings = 20 + 20 * self.signals + 8 * len(self.extend_to) + 4 * len(self.watch)
        layer = {"dense": 0.2, "skip": 0.02}.get(self.family, 1.0)  # as measured
        columns = self.depth * self.widths[0] ** 2  # of the matrices whose spectra are read
        return layer * self.depth * (self.steps * self.batch / 64 + readings + columns * len(self.spectra))


@dataclass(frozen=True)
class Runs:
    """All ``seeds`` of one ``spec``: every one of the ``arrays`` has the seeds as its first axis (S).

    ``curve`` (S, T) is the mini-batch loss at each step, in nats. ``train_loss``, ``train_error``
    are over all training examples (of CIFAR-10 the first :data:`READ_EXAMPLES`, see
    :func:`whyresnets.measures.loss_and_error`) with batch statistics; ``eval_loss``,
    ``eval_error``, ``test_error`` use running statistics; ``test_error_batch`` the test set's own (and in a "skip"
    net so do all, for it has no others). ``seconds`` is the time of each run on one core. Further readings as the Spec
    asks: of the signals by layer see :mod:`whyresnets.measures`; ``watched_gradient_norm`` (S, K, L + 1) is the
    gradient's norm at the states, at the K steps of ``watch``, and with signals ``watched_response_std`` (S, K, 3x3
    layers) that of :func:`whyresnets.measures.response_std`; of a "skip" net, where it is (S, K, L), also the other
    measures of :func:`whyresnets.measures.by_layer`, (S, K, L) or (S, K), and ``watched_capped_curve`` (S, K), the mean
    mini-batch loss of the steps before, each counted as chance at most, and as chance once a run has diverged (NaN
    before the first step). ``transition_condition`` (S, transitions) is the condition number of the transition
    convolutions at the end. Of the spectra at the K steps of ``spectra``, see :mod:`whyresnets.curvature`:
    ``hessian_zeros`` (S, K), ``hessian_degenerate`` and ``hessian_negative`` (S, K, E), the same of
    ``gauss_newton``, and ``spectra_loss`` (S, K), the training loss then; ``distance`` (S, T) is that from the
    point, before each step.
    """

    spec: Spec
    seeds: tuple[int, ...]
    arrays: dict[str, np.ndarray] = field(repr=False)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @property
    def finished(self) -> np.ndarray:
        """(S,) of bool: whose loss stayed finite to the end."""
        return np.isfinite(self.arrays["train_loss"]) & np.isfinite(self.arrays["curve"]).all(1)

    def first(self, n: int) -> "Runs":
        """The first ``n`` seeds only."""
        return Runs(self.spec, self.seeds[:n], {k: v[:n] for k, v in self.arrays.items()})

    @staticmethod
    def stack(spec: Spec, seeds: tuple[int, ...], runs: list[dict[str, np.ndarray]]) -> "Runs":
        """Runs from one dictionary of readings a seed."""
        return Runs(spec, tuple(seeds), {name: np.stack([run[name] for run in runs]) for name in runs[0]})


def generator(seed: int, purpose: str) -> torch.Generator:
    """A generator for one seed and one purpose, so that no draw depends on how many others there are."""
    digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def batches(seed: int, examples: int, batch: int, steps: int) -> Tensor:
    """Indices (T, B) of the examples of each step: epochs in fresh order, an incomplete last batch left out.

    Depends on the seed alone, not on the network: every arm of a seed sees the same data in the same order.

    Raises
    ------
    ValueError
        If ``batch`` exceeds ``examples``.
    """
    if batch > examples:
        raise ValueError(f"a batch of {batch} is more than the {examples} training examples")
    source, per_epoch = generator(seed, "order"), examples // batch
    epochs = [
        torch.randperm(examples, generator=source)[: per_epoch * batch].view(per_epoch, batch)
        for _ in range(-(-steps // per_epoch))
    ]
    return torch.cat(epochs)[:steps] if epochs else torch.empty(0, batch, dtype=torch.int64)


def rate_at(spec: Spec, step: int) -> float:
    """Learning rate at ``step`` (from 0), dimensionless: linear warm-up, then as the schedule says.

    Times the growth to the power of the step.
    """
    warm, rate = round(spec.warmup * spec.steps), spec.rate * spec.growth**step
    if step < warm:
        return rate * (step + 1) / warm
    if spec.schedule == "constant":
        return rate
    if spec.schedule == "step":
        return rate * 0.1 ** sum(step >= drop * spec.steps for drop in DROPS)
    return rate * 0.5 * (1 + np.cos(np.pi * (step - warm) / (spec.steps - warm)))


@dataclass(frozen=True)
class Start:
    """A run before its first step: the network and its data on the device, the order, and what is left to draw.

    Attributes
    ----------
    net : the network
    params, running : its parameters and running statistics; :func:`descend` changes them in place
    train_set, test_set : images (examples, channels, height, width) and class numbers (examples,)
    order : indices (T, B) of the examples of each step
    draws : the generator of the augmentation
    """

    net: Net
    params: Params
    running: Params
    train_set: tuple[Tensor, Tensor]
    test_set: tuple[Tensor, Tensor]
    order: Tensor
    draws: torch.Generator


def begin(spec: Spec, seed: int, known: data.Dataset, device: str = "cpu") -> Start:
    """Everything drawn from ``seed`` before training, and all of it on the device.

    Raises
    ------
    ValueError
        If the batch exceeds the training set.
    """
    net = spec.net(known.x_train.shape[1:])
    place = {"device": device, "memory_format": torch.channels_last}  # 1.1 times as fast as contiguous
    dtype = torch.float64 if spec.precision == "float64" else torch.float32
    purpose = f"initialisation {spec.draw}" if spec.draw else "initialisation"
    params, running = net.initial(generator(seed, purpose), dtype)
    if spec.point:
        net.place(params, spec.point, spec.distance, spec.whole, generator(seed, "point"))
    params = {name: p.to(**place) if p.ndim == 4 else p.to(device) for name, p in params.items()}
    x_train = known.x_train.to(**place, dtype=dtype)
    if spec.norm == "frozen":
        net.measure_frozen(params, x_train)
    if spec.forward_gain is not None:
        net.measure_size(params, x_train)
    if spec.bias_pull:
        drawn = generator(seed, "bias targets")
        for name in [f"{i}.bias" for i in range(spec.depth - 1)]:
            noise = torch.randn(params[name].shape, generator=drawn, dtype=dtype).to(device)
            params[name + TARGET] = spec.bias_mean + spec.bias_spread * noise
    x_test = known.x_test.to(**place, dtype=dtype)
    y_train, y_test = known.y_train.to(device), known.y_test.to(device)
    if spec.targets != "labels":
        y_train, y_test = (_taught(spec, seed, net, params, x) for x in (x_train, x_test))
    return Start(
        net,
        params,
        {name: r.to(device) for name, r in running.items()},
        (x_train, y_train),
        (x_test, y_test),
        batches(seed, len(known.x_train), spec.batch, spec.steps).to(device),
        generator(seed, "augmentation"),
    )


@torch.no_grad()
def _taught(spec: Spec, seed: int, net: Net, params: Params, x: Tensor) -> Tensor:
    """The outputs to be learnt at ``x``, (B, outputs)."""
    if spec.targets == "own":
        return net.logits(params, x)
    same = {"norm": "none", "distinct": 1, "cancelled": "", "forward_gain": None}
    plain = replace(net, rule="plain", skip="identity", **same)
    teacher, _ = plain.initial(generator(seed, "teacher"), x.dtype)
    teacher["head.weight"].sign_()
    return plain.logits({name: p.to(x.device) for name, p in teacher.items()}, x)


class Checkpoint(Protocol):
    """Where an interrupted run is kept; on disk: :class:`whyresnets.store.Checkpoint`."""

    def load(self) -> dict[str, np.ndarray] | None:
        """What was saved last, or None: shapes and units as in :class:`whyresnets.training.Descent`."""

    def due(self) -> bool:
        """Whether it is time to save."""

    def save(self, state: dict[str, np.ndarray]) -> None:
        """Keep all of ``state``, or what was kept before."""


def train(spec: Spec, seed: int, device: str = "cpu", checkpoint: Checkpoint | None = None) -> dict[str, np.ndarray]:
    """Train one seed and read it: a dictionary of arrays, named as in :class:`Runs`, without the seeds axis.

    A run whose loss stops being finite ends there; what it could not reach is NaN. With a ``checkpoint`` it goes on
    from there, if it was interrupted, and ends with the same numbers; nets that are trained together ignore it.
    """
    if spec.together:
        return train_together(spec, [seed], device)[0]
    known = data.load(spec.data)
    clock = time.perf_counter()
    kept = checkpoint.load() if checkpoint else None
    with _all_of_float32(device):
        start = begin(spec, seed, known, device)
        descent = Descent(spec, start)
        if kept is not None:
            descent.restore(kept)
            clock -= float(kept["seconds"])
        descent.run(checkpoint, lambda: time.perf_counter() - clock)
        readings = {"curve": descent.curve, **_readings(spec, start)}
        for name, found in descent.watched.items():
            if lost := len(spec.watch) - len(found):
                found += [torch.full_like(descent.measured(name), math.nan)] * lost
            readings[f"watched_{name}"] = torch.stack(found)
    readings["seconds"] = time.perf_counter() - clock
    exact = spec.signals or spec.precision == "float64"
    return {name: np.asarray(value, dtype=np.float64 if exact else np.float32) for name, value in readings.items()}


@contextmanager
def _all_of_float32(device: str) -> Iterator[None]:
    """On a GPU, convolutions of float32 in all its bits, not in the 19 of TF32, and their sums always in one order.

    Both are not the default there.
    """
    if device == "cpu":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def train_together(spec: Spec, seeds: Sequence[int], device: str = "cpu") -> list[dict[str, np.ndarray]]:
    """As :func:`train`, for several seeds of a Spec whose nets are trained together: one dictionary a seed.

    Arrays have the shape of those, without the seeds axis. Every operation acts on all seeds at once, on each alone: a
    test compares with one at a time. A single seed is trained beside itself, because products of matrices one by one
    are rounded differently. The seconds are shared evenly. A seed whose loss stops being finite disturbs no other.
    """
    known = data.load(spec.data)
    clock = time.perf_counter()
    starts = [begin(spec, seed, known, device) for seed in (seeds if len(seeds) > 1 else (*seeds, *seeds))]
    readings = descend_together(spec, starts)
    for read, start in zip(readings, starts, strict=True):
        read |= _readings(spec, start)
    seconds = (time.perf_counter() - clock) / len(seeds)
    dtype = torch.float64 if spec.precision == "float64" else torch.float32
    return [
        {
            name: torch.as_tensor(value, dtype=dtype).cpu().numpy()
            for name, value in {**read, "seconds": seconds}.items()
        }
        for read in readings[: len(seeds)]
    ]


def descend_together(spec: Spec, starts: Sequence[Start]) -> list[dict]:
    """As :func:`descend`: train the parameters of all ``starts`` in place; what was read on the way, a dictionary each.

    "curve" (T,), in the unit of the loss; "distance" (T,) where there is a point; the spectra where they are asked for.
    """
    net = starts[0].net
    params = {name: torch.stack([start.params[name] for start in starts]) for name in starts[0].params}
    x, y = (torch.stack([start.train_set[i] for start in starts]) for i in (0, 1))
    order = torch.stack([start.order for start in starts])
    trained = trained_parameters(spec, params)
    for p in trained:
        p.requires_grad_(True)
    optimiser = torch.optim.SGD(trained, lr=spec.rate, momentum=spec.momentum, weight_decay=spec.weight_decay)
    outputs = torch.func.vmap(net.logits)
    loss = torch.func.vmap(measures.mean_loss)
    which = torch.arange(len(starts))[:, None]
    curves, distances = [], []
    spectra, watched = [[] for _ in starts], [[] for _ in starts]

    def look(step: int) -> None:
        """What is read before a step, and after the last."""
        if step in spec.spectra:
            for i, found in enumerate(spectra):
                found.append(_spectra(net, {name: p[i].detach() for name, p in params.items()}, x[i], y[i]))
        if step in spec.watch:
            for i, found in enumerate(watched):
                at = {name: p[i].detach() for name, p in params.items()}
                found.append(measures.by_layer(net, at, x[i], y[i]))
        if spec.point and step < spec.steps:
            distances.append(torch.func.vmap(lambda p: net.distance(p, spec.point, spec.whole))(params).detach())

    for step in range(spec.steps):
        look(step)
        optimiser.param_groups[0]["lr"] = rate_at(spec, step)
        index = order[:, step]
        losses = loss(outputs(params, x[which, index]), y[which, index])
        curves.append(losses.detach())
        optimiser.zero_grad()
        losses.sum().backward()
        _pull(spec, params)
        optimiser.step()
    look(spec.steps)
    readings = []
    for i, start in enumerate(starts):
        for name, p in start.params.items():
            p.copy_(params[name][i].detach())
        curve = torch.stack([c[i] for c in curves]) if curves else torch.empty(0)
        lost = (~curve.isfinite()).cumsum(
            0
        ) > 1  # as in a run alone, nothing is known after the first that is not finite
        read = {"curve": curve.masked_fill(lost, math.nan)}
        if distances:
            read["distance"] = torch.stack([d[i] for d in distances])
        for found, prefix in ((spectra[i], ""), (watched[i], "watched_")):
            if found:
                read |= {prefix + name: torch.stack([f[name] for f in found]) for name in found[0]}
        if spec.watch and spec.targets == "labels":
            capped = read["curve"].double().nan_to_num(nan=math.inf).clamp(max=math.log(net.outputs))
            read["watched_capped_curve"] = torch.stack([capped[:step].mean() for step in spec.watch])
        readings.append(read)
    return readings


def _pull(spec: Spec, params: Params) -> None:
    """Add to the gradients of the hidden biases that of ``bias_pull`` times their squared distance to their targets."""
    for name in params:
        if name.endswith(TARGET):
            bias = params[name.removesuffix(TARGET)]
            bias.grad += 2 * spec.bias_pull * (bias.detach() - params[name])


def _spectra(net: Net, params: Params, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Both spectra in 64 bits, over the first examples only, and the loss over all of them."""
    exact = {name: p.double() for name, p in params.items()}
    x, y = x.double(), y.double() if y.is_floating_point() else y
    few = x[: curvature.EXAMPLES], y[: curvature.EXAMPLES]
    return {"spectra_loss": measures.mean_loss(net.logits(exact, x), y), **curvature.read(net, exact, *few)}


def project(spec: Spec, net: Net, params: Params) -> None:
    """Replace the kernels that ``spec.project`` names by their Procrustes projection, in place.

    The root mean square of their singular values stays that of the initialisation (for a 3x3 kernel: before it is
    cut), relative to :func:`whyresnets.models.procrustes`: sqrt(2) under a ReLU, 1 elsewhere, times the gain.
    """
    if not spec.project:
        return
    rectified = spec.project != "transitions" and spec.activation == "relu"
    size = spec.gain * math.sqrt(2 if rectified else 1)
    with torch.no_grad():
        for name in net.kernels(spec.project):
            try:
                params[name].copy_(procrustes(params[name], size=size, spread=spec.spread))
            except torch.linalg.LinAlgError:  # a run that diverges: let its loss say so
                params[name].fill_(math.nan)
                return


def trained_parameters(spec: Spec, params: Params) -> list[Tensor]:
    """Those of ``params`` that ``spec`` trains, of the shape of those, dimensionless, in their order (ours).

    All but the constants and the parts that stay untrained.
    """
    ends = {"affine": (".scale", ".shift"), "head": ("head.weight", "head.bias")}
    fixed = (*CONSTANTS, *(end for part in spec.untrained for end in ends[part]))
    return [p for name, p in params.items() if not name.endswith(fixed)]


class Descent:
    """A run between two steps: what training changes, and the steps of SGD that change it.

    All that a step reads or changes is a tensor on the device, the step's number included, and the loss is looked at
    once a chunk only. So the host has nothing to say in between, and a GPU may replay one recorded step (a CUDA graph)
    instead of being told every small operation of every step: at this size that is most of the time. On a CPU a chunk
    is one step and nothing is recorded; the code of the step is the same.

    Attributes
    ----------
    spec, start : the run; parameters and running statistics of ``start`` change in place
    done : steps done
    curve : the mini-batch loss at each step, in nats (T,), NaN where it was not reached
    watched : reading -> one tensor for each step of ``spec.watch`` that was reached, see :class:`Runs`
    """

    def __init__(self, spec: Spec, start: Start):
        self.spec, self.start, self.done = spec, start, 0
        self.curve = [math.nan] * spec.steps
        self.watched: dict[str, list[Tensor]] = {}
        if spec.watch:
            readings = ["gradient_norm"] + ["response_std"] * spec.signals
            self.watched = {name: [] for name in readings}
        device = start.train_set[0].device
        chunk = 1 if spec.project else CHUNKS[device.type]  # after each step a projection looks at the kernels
        self._at = torch.zeros(1, dtype=torch.int64, device=device)  # the next step of this chunk
        self._index = start.order.new_zeros(chunk, spec.batch)
        # In 64 bits on a CPU, as a number in Python has; the GPU's kernel takes 32 alone.
        dtype = torch.float64 if device.type == "cpu" else torch.float32
        self._rates = torch.zeros(chunk, dtype=dtype, device=device)
        self._shifts = torch.zeros(chunk, 2, spec.batch, 1, dtype=torch.int64, device=device)
        self._mirrored = torch.zeros(chunk, spec.batch, 1, dtype=torch.bool, device=device)
        self._losses = torch.zeros(chunk, dtype=torch.float64, device=device)
        self._rate = torch.zeros((), dtype=dtype, device=device)
        # 1 once a loss was not finite: from then on no weight changes, as in a run that ends there. Running statistics
        # do, to the end of the chunk; what is read with them is no result of a run that diverged.
        self._lost = torch.zeros((), device=device)
        self._replay: Callable[[], None] | None = None
        self._eager = 0
        project(spec, start.net, start.params)
        self._trained = trained_parameters(spec, start.params)
        decay = {"momentum": spec.momentum, "weight_decay": spec.weight_decay}
        self._optimiser = torch.optim.SGD(self._trained, lr=self._rate, **decay, fused=True)
        self._optimiser.found_inf = self._lost
        if spec.momentum_start:
            for p in self._trained:
                self._optimiser.state[p]["momentum_buffer"] = spec.momentum_start * p.detach()

    def run(self, checkpoint: Checkpoint | None = None, seconds: Callable[[], float] = time.perf_counter) -> None:
        """Train to the last step, or to the first loss that is not finite.

        From time to time the state is handed to the ``checkpoint``, with what ``seconds`` says then.
        """
        for p in self._trained:
            p.requires_grad_(True)
        with _own_stream(self._at.device):
            while self.done < self.spec.steps:
                self._watch()
                if not self._steps(self._until()):
                    break
                project(self.spec, self.start.net, self.start.params)
                if checkpoint and self.done < self.spec.steps and checkpoint.due():
                    checkpoint.save(self.state() | {"seconds": np.asarray(seconds())})
            else:
                self._watch()
        for p in self._trained:
            p.requires_grad_(False)

    def state(self) -> dict[str, np.ndarray]:
        """All that the rest of the run depends on, and what was read so far: name -> array (ours).

        Shapes and units as in :class:`whyresnets.training.Runs`; of parameters, as the network has them.
        """
        buffers = [self._optimiser.state[p].get("momentum_buffer") for p in self._trained]
        tensors = {f"momentum/{i}": b for i, b in enumerate(buffers) if b is not None}
        for kind, named in self._changing.items():
            tensors |= {f"{kind}/{name}": tensor for name, tensor in named.items()}
        tensors |= {f"watched/{name}/{i}": t for name, found in self.watched.items() for i, t in enumerate(found)}
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        draws = self.start.draws.get_state().numpy()
        return {**arrays, "draws": draws, "done": np.asarray(self.done), "curve": np.asarray(self.curve[: self.done])}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to where :meth:`state` was asked."""
        with torch.no_grad():
            for kind, named in self._changing.items():
                for name, tensor in named.items():
                    tensor.copy_(torch.from_numpy(state[f"{kind}/{name}"]))
            for i, p in enumerate(self._trained):
                if f"momentum/{i}" in state:
                    buffer = torch.empty_like(p).copy_(torch.from_numpy(state[f"momentum/{i}"]))
                    self._optimiser.state[p]["momentum_buffer"] = buffer
        for name, found in self.watched.items():
            count = sum(key.startswith(f"watched/{name}/") for key in state)
            found[:] = [torch.from_numpy(state[f"watched/{name}/{i}"]) for i in range(count)]
        self.start.draws.set_state(torch.from_numpy(state["draws"]))
        self.done = int(state["done"])
        self.curve[: self.done] = state["curve"].tolist()

    @property
    def _changing(self) -> dict[str, Params]:
        return {"parameter": self.start.params, "running": self.start.running}

    def measured(self, reading: str) -> Tensor:
        """A reading of the net as it is now, from 256 training examples: as in :class:`Runs`, without S and K."""
        measure = {"gradient_norm": measures.state_gradient_norm, "response_std": measures.response_std}[reading]
        sample = (part[:SIGNAL_EXAMPLES] for part in self.start.train_set)
        return measure(self.start.net, self.start.params, *sample).cpu()

    def _watch(self) -> None:
        if self.done in self.spec.watch:
            for reading, found in self.watched.items():
                found.append(self.measured(reading))

    def _until(self) -> int:
        """The step before which to look up: the end of the chunk, or an earlier one that is watched."""
        return min(self.done + len(self._index), *(s for s in (*self.spec.watch, self.spec.steps) if s > self.done))

    def _steps(self, until: int) -> bool:
        """The steps before ``until``; whether their losses were finite."""
        spec, steps = self.spec, until - self.done
        self._index[:steps] = self.start.order[self.done : until]
        self._rates[:steps] = self._rates.new_tensor([rate_at(spec, step) for step in range(self.done, until)])
        if spec.augment:
            draws = [data.augmentation_draws(spec.batch, self.start.draws) for _ in range(steps)]
            for part, drawn in zip((self._shifts, self._mirrored), zip(*draws, strict=True), strict=True):
                part[:steps] = torch.stack(drawn).to(part.device)
        self._at.zero_()
        for _ in range(steps):
            self._next()
        losses = self._losses[:steps].tolist()
        finite = [math.isfinite(loss) for loss in losses]
        reached = steps if all(finite) else finite.index(False) + 1
        self.curve[self.done : self.done + reached] = losses[:reached]
        self.done += reached
        return all(finite)

    def _next(self) -> None:
        """One step: on a GPU, after a few, the replay of a recorded one."""
        if self._replay:
            self._replay()
            return
        if self._at.is_cuda and not self.spec.project and self._eager == EAGER:
            graph = torch.cuda.CUDAGraph()
            self._optimiser.zero_grad()
            # thread_local: what other threads of this process do meanwhile is no concern of the recording.
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
                self._step()  # recorded, not done: no tensor has changed
            self._replay = graph.replay
            self._replay()
            return
        self._eager += 1
        self._step()

    def _step(self) -> None:
        """One step of SGD on the examples, at the rate and with the draws that this chunk has for it."""
        spec, start, at = self.spec, self.start, self._at
        x, y = start.train_set
        index = self._index.index_select(0, at)[0]
        images, labels = x[index], y[index]
        if spec.augment:
            images = data.augmented(images, self._shifts.index_select(0, at)[0], self._mirrored.index_select(0, at)[0])
        self._rate.copy_(self._rates.index_select(0, at)[0])
        with torch.autocast(x.device.type, torch.bfloat16, enabled=spec.precision == "bfloat16"):
            logits = start.net.logits(start.params, images, running=start.running)
        loss = F.cross_entropy(logits.float() if spec.precision == "bfloat16" else logits, labels)
        self._losses.index_copy_(0, at, loss.detach().double()[None])
        self._lost.masked_fill_(~loss.detach().isfinite(), 1.0)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        at += 1


@contextmanager
def _own_stream(device: torch.device) -> Iterator[None]:
    """On a GPU, a stream of its own, as recording demands, that waits for what came before and is waited for after."""
    if device.type == "cpu":
        yield
        return
    stream = _stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        torch.cuda.current_stream(device).wait_stream(stream)


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """One for all runs of this process: each has workspaces of its own, which are never given back."""
    return torch.cuda.Stream(device)


def descend(spec: Spec, start: Start) -> list[float]:
    """Train the parameters of ``start`` in place, see :class:`Descent`; the mini-batch loss at each step, nats (T,)."""
    with _all_of_float32(start.order.device.type):
        descent = Descent(spec, start)
        descent.run()
    return descent.curve


def _readings(spec: Spec, start: Start) -> dict:
    """What the Spec asks to be read off the network as training left it."""
    net, params, running = start.net, start.params, start.running
    train_set, test_set = tuple(part[:READ_EXAMPLES] for part in start.train_set), start.test_set
    read = {}
    evaluation = running or None  # "skip" nets, and nets without normalisation, have no statistics that run
    read["train_loss"], read["train_error"] = measures.loss_and_error(net, params, *train_set)
    read["eval_loss"], read["eval_error"] = measures.loss_and_error(net, params, *train_set, evaluation)
    _, read["test_error"] = measures.loss_and_error(net, params, *test_set, evaluation)
    _, read["test_error_batch"] = measures.loss_and_error(net, params, *test_set)
    if spec.signals:
        # In float64, so that a gradient that has vanished is a small number and not 0.
        exact = {name: p.double() for name, p in params.items()}
        x, y = (part[:SIGNAL_EXAMPLES] for part in train_set)
        for measure in (
            measures.response_std,
            measures.state_std,
            measures.state_cosine,
            measures.state_gradient_norm,
        ):
            read[measure.__name__] = measure(net, exact, x.double(), y).cpu()
    if spec.watch and net.transitions and spec.order == "pre":
        read["transition_condition"] = measures.condition_number(net, params).cpu()
    for depth in spec.extend_to:
        deep = identity_extension(net, params, running, depth, train_set[0])
        read[f"extension_{depth}_train_loss"], _ = measures.loss_and_error(*deep[:2], *train_set)
        read[f"extension_{depth}_eval_loss"], _ = measures.loss_and_error(*deep[:2], *train_set, deep[2])
    return read
