"""From a :class:`Spec`, everything that decides a result, to one seed's curve and readings.

The protocol is He et al.'s (2015, section 4.2), shortened: SGD with momentum and weight decay,
batch normalisation, no dropout. Steps, batch, widths and schedule are chosen by us and are part of the Spec.
"""

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets import data, measures
from whyresnets.models import BN_EPS, STATISTICS, ConvNet, DenseNet, Net, Params, identity_extension, procrustes

FAMILIES = ("conv", "dense")
SCHEDULES = ("cosine", "constant")
PRECISIONS = ("float32", "bfloat16", "float64")
PARTS = ("affine", "head")
SIGNAL_EXAMPLES = 256  # of the training set, for the signals by layer; chosen by us


@dataclass(frozen=True)
class Spec:
    """Everything that decides a result, apart from the seed.

    Attributes
    ----------
    data : a name from :data:`whyresnets.data.NAMES`
    family : "conv" (:class:`whyresnets.models.ConvNet`) or "dense" (:class:`whyresnets.models.DenseNet`)
    depth, rule, widths, norm, head_norm, alpha, eps, gain : the network, see there; widths half of He et al.'s
        (chosen by us: digits are small), and a single one for a dense net
    padding, silent, order : of a convolutional network
    activation, weights : of a fully connected one
    rate : learning rate after warm-up, from a recorded grid
    steps : optimiser steps; 0 reads the network as it is initialised. 100 chosen by us
    warmup : share of the steps over which the rate rises linearly to ``rate``; 0.1 chosen by us
    schedule : "cosine" (to 0 at the last step) or "constant", after warm-up
    batch : examples a step; 64 chosen by us (He et al.: 128)
    momentum, weight_decay : He et al. 2015
    augment : pad, crop and mirror each batch at random, see :func:`whyresnets.data.augment`
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
        states are read
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
        for name in ("widths", "watch", "extend_to", "untrained"):  # a Spec read from JSON brings lists
            value = getattr(self, name)
            if not isinstance(value, list | tuple):
                raise ValueError(f"{name} {value!r} is impossible: choose a tuple")
            object.__setattr__(self, name, tuple(value))
        for name in ("augment", "silent", "signals"):
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
        for name in ("rate", "warmup", "momentum", "weight_decay", "spread", "growth", "momentum_start"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and abs(value) < math.inf):
                raise ValueError(f"{name} {value!r} is impossible: choose a finite number")
        if self.steps < 0 or self.batch < 2 or min(self.rate, self.growth) <= 0 or self.weight_decay < 0:
            raise ValueError("a Spec needs steps >= 0, batch >= 2, rate > 0, growth > 0 and weight_decay >= 0")
        if not set(self.untrained) <= set(PARTS):
            raise ValueError(f"untrained {self.untrained} is impossible: choose some of {', '.join(PARTS)}")
        if not (0 <= self.warmup < 1 and 0 <= self.momentum < 1):
            raise ValueError("a Spec needs warmup and momentum from 0 to below 1")
        whole = all(isinstance(step, int) and 0 <= step <= self.steps for step in self.watch)
        if not whole or list(self.watch) != sorted(set(self.watch)):
            raise ValueError(f"watch {self.watch} is impossible: choose rising steps from 0 to {self.steps}")
        if self.spread < 1 or (self.spread > 1 and not self.project):
            raise ValueError(f"spread {self.spread:g} is impossible: choose 1, or more with a projection")
        net = self.net((1, 8, 8))
        if self.project:
            net.kernels(self.project)
        deeper = [replace(net, depth=depth).depth >= self.depth for depth in self.extend_to]
        kind = self.family, self.order, self.rule, self.norm, self.alpha
        original = kind == ("conv", "post", "plain", "batch", None)
        if deeper and not (original and all(deeper)):
            raise ValueError("extend_to needs a plain net with norm='batch', and depths from its own up: choose those")

    def but(self, **changes) -> "Spec":
        """The same Spec with some fields changed: ``spec.but(depth=56)``."""
        return replace(self, **changes)

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
        layer = 0.2 if self.family == "dense" else 1.0  # as measured
        return layer * self.depth * (self.steps * self.batch / 64 + readings)


@dataclass(frozen=True)
class Runs:
    """All ``seeds`` of one ``spec``: every one of the ``arrays`` has the seeds as its first axis (S).

    ``curve`` (S, T) is the mini-batch loss at each step, in nats. ``train_loss``, ``train_error``
    are over all training examples in one batch with batch statistics; ``eval_loss``,
    ``eval_error``, ``test_error`` use running statistics; ``test_error_batch`` the test set's own.
    ``seconds`` is the time of each run on one core. Further readings as the Spec asks: of the signals by layer see
    :mod:`whyresnets.measures`; ``watched_gradient_norm`` (S, K, L + 1) is the gradient's norm at the states, at
    the K steps of ``watch``; ``transition_condition`` (S, transitions) the condition number of the transition
    convolutions at the end.
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
    """Learning rate at ``step`` (from 0), dimensionless: linear warm-up, then a cosine to 0 or a constant.

    Times the growth to the power of the step.
    """
    warm, rate = round(spec.warmup * spec.steps), spec.rate * spec.growth**step
    if step < warm:
        return rate * (step + 1) / warm
    if spec.schedule == "constant":
        return rate
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
    params, running = net.initial(generator(seed, "initialisation"), dtype)
    params = {name: p.to(**place) if p.ndim == 4 else p.to(device) for name, p in params.items()}
    x_train = known.x_train.to(**place, dtype=dtype)
    if spec.norm == "frozen":
        net.measure_frozen(params, x_train)
    return Start(
        net,
        params,
        {name: r.to(device) for name, r in running.items()},
        (x_train, known.y_train.to(device)),
        (known.x_test.to(**place, dtype=dtype), known.y_test.to(device)),
        batches(seed, len(known.x_train), spec.batch, spec.steps).to(device),
        generator(seed, "augmentation"),
    )


def train(spec: Spec, seed: int, device: str = "cpu") -> dict[str, np.ndarray]:
    """Train one seed and read it: a dictionary of arrays, named as in :class:`Runs`, without the seeds axis.

    A run whose loss stops being finite ends there; what it could not reach is NaN.
    """
    known = data.load(spec.data)
    clock = time.perf_counter()
    start = begin(spec, seed, known, device)
    watched: list[Tensor] = []
    readings = {"curve": descend(spec, start, watched), **_readings(spec, start)}
    if spec.watch:
        lost = torch.full((len(start.net.units) + 1,), float("nan"))
        readings["watched_gradient_norm"] = torch.stack(watched + [lost] * (len(spec.watch) - len(watched)))
    readings["seconds"] = time.perf_counter() - clock
    exact = spec.signals or spec.precision == "float64"
    return {name: np.asarray(value, dtype=np.float64 if exact else np.float32) for name, value in readings.items()}


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

    All but the frozen statistics and the parts that stay untrained.
    """
    ends = {"affine": (".scale", ".shift"), "head": ("head.weight", "head.bias")}
    fixed = (*STATISTICS, *(end for part in spec.untrained for end in ends[part]))
    return [p for name, p in params.items() if not name.endswith(fixed)]


def descend(spec: Spec, start: Start, watched: list[Tensor] | None = None) -> list[float]:
    """Train the parameters of ``start`` in place; the mini-batch loss at each step, in nats (T,).

    ``watched`` receives the norms of the gradients at the states, (L + 1,) a step of ``spec.watch``.
    """

    def watch(step: int) -> None:
        if watched is not None and step in spec.watch:
            sample = (part[:SIGNAL_EXAMPLES] for part in start.train_set)
            watched.append(measures.state_gradient_norm(start.net, start.params, *sample).cpu())

    project(spec, start.net, start.params)
    params = trained_parameters(spec, start.params)
    x, y = start.train_set
    for p in params:
        p.requires_grad_(True)
    optimiser = torch.optim.SGD(
        params, lr=spec.rate, momentum=spec.momentum, weight_decay=spec.weight_decay, fused=True
    )
    if spec.momentum_start:
        for p in params:
            optimiser.state[p]["momentum_buffer"] = spec.momentum_start * p.detach()
    curve = [float("nan")] * spec.steps
    for step, index in enumerate(start.order):
        watch(step)
        optimiser.param_groups[0]["lr"] = rate_at(spec, step)
        images = data.augment(x[index], start.draws) if spec.augment else x[index]
        with torch.autocast(x.device.type, torch.bfloat16, enabled=spec.precision == "bfloat16"):
            logits = start.net.logits(start.params, images, running=start.running)
        loss = F.cross_entropy(logits.float() if spec.precision == "bfloat16" else logits, y[index])
        curve[step] = loss.item()
        if not np.isfinite(curve[step]):
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        project(spec, start.net, start.params)
    for p in params:
        p.requires_grad_(False)
    if spec.steps == 0 or np.isfinite(curve[-1]):
        watch(spec.steps)
    return curve


def _readings(spec: Spec, start: Start) -> dict:
    """What the Spec asks to be read off the network as training left it."""
    net, params, running = start.net, start.params, start.running
    train_set, test_set = start.train_set, start.test_set
    read = {}
    evaluation = running or None  # without normalisation there are no statistics to run
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
