"""A Spec: everything that decides a result, apart from the seed. Four frozen parts, each refusing what is impossible.

No tensors: a Spec can be made, compared and read from a record where torch is absent.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

from whyresnets import checks, data
from whyresnets.nets.architecture import BN_EPS, FAMILIES, KERNELS, SINGULARITIES, Architecture, Conv, Dense

TARGETS = ("labels", "teacher", "own")
SCHEDULES = ("cosine", "constant", "step")
PRECISIONS = ("float32", "bfloat16", "float64")
PARTS = ("affine", "head", "branches")  # of a net, that may stay untrained


@dataclass(frozen=True)
class Task:
    """What is learnt, and where it starts.

    Attributes
    ----------
    data : a name from :data:`whyresnets.data.DATASETS`
    targets : "labels"; the outputs of a "teacher", a plain net drawn for this seed, the same in every arm, in which
        every last unit counts alike, plus or minus 1; or the net's "own" outputs at the start, so that its error is 0;
        the last two with half the squared distance as loss
    batch : examples a step; 64 chosen by us (He et al.: 128)
    augment : pad, crop and mirror each batch at random (He et al. 2015, section 4.2)
    draw : which of a seed's initialisations: other weights, all else drawn the same
    point, distance, whole : start the second unit at that distance from a singular point
        (see :meth:`whyresnets.nets.skip.Skips.place`; "": nowhere near one on purpose)
    grown_from : depth of a shallower net that is trained first, in the same way, and extended by units that hand states
        on: the start is then the "solution by construction" of He et al. 2015, section 1
        (see :func:`whyresnets.nets.surgery.deepened`; 0: no such net, weights start as they are drawn)
    noise : standard deviation of what is added to each weight of the units where training starts, in a Dense of the
        order "pre", relative to that of a weight as it is drawn
    first_gain : there, factor on the initial weights of the first unit; it falls to 1 at the last, evenly on the
        logarithm. Where BN follows, the function is the same, and a step is smaller beside larger weights
    """

    data: str = "digits"
    targets: str = "labels"
    batch: int = 64
    augment: bool = False
    draw: int = 0
    point: str = ""
    distance: float = 0.0
    whole: bool = False
    grown_from: int = 0
    noise: float = 0.0
    first_gain: float = 1.0

    def __post_init__(self):
        checks.keep(self, checks.one_of, "data", choices=tuple(data.DATASETS))
        checks.keep(self, checks.one_of, "targets", choices=TARGETS)
        checks.keep(self, checks.one_of, "point", choices=("", *SINGULARITIES))
        checks.keep(self, checks.whole, "batch", least=2)
        checks.keep(self, checks.whole, "draw")
        checks.keep(self, checks.number, "distance", "noise", least=0)
        checks.keep(self, checks.whole, "grown_from")
        checks.keep(self, checks.number, "first_gain", above=0)
        checks.keep(self, checks.yes_or_no, "augment", "whole")
        if (self.distance or self.whole) and not self.point:
            raise ValueError("distance and whole belong to a point: choose one, such as point='overlap'")
        if self.augment and not data.DATASETS[self.data].images:
            raise ValueError(f"{self.data} has no images to crop and mirror: choose augment=False")
        if data.DATASETS[self.data].labelled != (self.targets == "labels"):
            raise ValueError(f"{self.data} with targets {self.targets!r} is impossible: choose points with a teacher")


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum, as He et al. 2015, section 4.2, shortened.

    Attributes
    ----------
    rate : learning rate after warm-up, from a recorded grid
    steps : optimiser steps; 0 reads the network as it is initialised. 100 chosen by us
    warmup : share of the steps over which the rate rises linearly to ``rate``; 0.1 chosen by us
    schedule : after warm-up, "cosine" (to 0 at the last step), "constant", or "step" (a tenth from the middle on, a
        hundredth from three quarters on: He et al. 2015)
    momentum, weight_decay : He et al. 2015
    growth : factor on the learning rate from each step to the next, beside the schedule (Li and Arora 2020)
    momentum_start : the momentum buffer starts at so many times the parameters; 0 as usual
    untrained : parts that stay as they are initialised: "affine" (scales and shifts of normalisations), "head",
        "branches" (all that the units have, whichever way around them: a frozen-branch net)
    precision : "float32"; "float64": everything in twice the bits; or "bfloat16": products and states of the training
        steps in half the bits, parameters and readings in float32 as ever
    project, spread : which kernels are replaced by their Procrustes projection at the start and after every step
        ("": none; else see ``kernels`` of the network), and the spread of the singular values they get
    bias_pull, bias_mean, bias_spread : BiasReg of Orhan and Pitkow 2018, as recalled: the loss has a term of
        ``bias_pull`` times the sum of squared distances between each hidden bias and a target, normal with that mean
        and spread, drawn once; no reading contains it. With mean and spread 0: BiasL2
    """

    rate: float = 0.1
    steps: int = 100
    warmup: float = 0.1
    schedule: str = "cosine"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    growth: float = 1.0
    momentum_start: float = 0.0
    untrained: tuple[str, ...] = ()
    precision: str = "float32"
    project: str = ""
    spread: float = 1.0
    bias_pull: float = 0.0
    bias_mean: float = 0.0
    bias_spread: float = 0.0

    def __post_init__(self):
        checks.keep(self, checks.whole, "steps")
        checks.keep(self, checks.one_of, "schedule", choices=SCHEDULES)
        checks.keep(self, checks.one_of, "precision", choices=PRECISIONS)
        checks.keep(self, checks.one_of, "project", choices=("", *KERNELS))
        checks.keep(self, checks.several, "untrained", of=checks.one_of, choices=PARTS)
        checks.keep(self, checks.number, "rate", "growth", above=0)
        checks.keep(self, checks.number, "weight_decay", "bias_pull", "bias_spread", least=0)
        checks.keep(self, checks.number, "momentum_start", "bias_mean")
        checks.keep(self, checks.number, "warmup", "momentum", least=0, below=1)
        checks.keep(self, checks.number, "spread", least=1)
        if self.spread > 1 and not self.project:
            raise ValueError(f"spread {self.spread:g} is impossible without a projection: choose project, or 1")
        if (self.bias_mean or self.bias_spread) and not self.bias_pull:
            raise ValueError("bias_mean and bias_spread belong to a pull: choose bias_pull > 0")


@dataclass(frozen=True)
class Readings:
    """What is read off the network beside its losses and errors; it changes nothing.

    Attributes
    ----------
    signals : the responses, states and gradients by layer, from 256 training examples
    watch : rising steps before which (or, if it is the number of steps, after which) the gradients at the
        states are read, and the responses where ``signals`` are; of a Dense in the order "post" all
        that :func:`whyresnets.measures.units.by_layer` says
    directions : rising steps before which (or after the last) it is counted how many directions of the first state
        reach the last, see :func:`whyresnets.measures.jacobian.directions`
    follow : rising steps before which (or after the last) losses and errors are read, and layer by layer gradients at
        the states and of the weights, states, responses, weights, scales and multipliers
    spectra : rising steps before which (or after the last) the spectra of the loss are read
    extend_to : depths to which the trained plain net is extended by identity units, each read in both modes
    """

    ON_THE_WAY: ClassVar[tuple[str, ...]] = ("watch", "directions", "follow", "spectra")

    signals: bool = False
    watch: tuple[int, ...] = ()
    directions: tuple[int, ...] = ()
    follow: tuple[int, ...] = ()
    spectra: tuple[int, ...] = ()
    extend_to: tuple[int, ...] = ()

    def __post_init__(self):
        checks.keep(self, checks.yes_or_no, "signals")
        checks.keep(self, checks.several, *self.ON_THE_WAY, "extend_to", of=checks.whole)


@dataclass(frozen=True)
class Spec:
    """Everything that decides a result, apart from the seed.

    >>> spec = Spec(Conv(20, "residual"), optimiser=SGD(rate=0.3))
    >>> spec.but(depth=56, steps=300).optimiser
    SGD(rate=0.3, steps=300, warmup=0.1, ...)

    Attributes
    ----------
    net : the architecture, see :mod:`whyresnets.nets.architecture`
    task : data, targets, batch, and where training starts
    optimiser : how it is trained
    readings : what is read off it

    Raises
    ------
    ValueError
        If the parts do not go together.
    """

    net: Architecture
    task: Task = field(default_factory=Task)
    optimiser: SGD = field(default_factory=SGD)
    readings: Readings = field(default_factory=Readings)

    PARTS: ClassVar[tuple[str, ...]] = ("net", "task", "optimiser", "readings")

    def __post_init__(self):
        for name, kind in zip(self.PARTS, (Architecture, Task, SGD, Readings), strict=True):
            checks.one(name, getattr(self, name), kind)
        for name in Readings.ON_THE_WAY:
            checks.rising(name, getattr(self.readings, name), self.optimiser.steps)
        if self.optimiser.project:
            self.net.kernels(self.optimiser.project)
        if self.together:
            self._refuse_together()
        if isinstance(self.net, Dense) and self.net.order == "post":
            self._refuse_in_post(self.net)
        else:
            self._refuse_outside_post()
        if self.readings.extend_to:
            self._refuse_extension()
        if self.task.grown_from:
            self._refuse_growth()
        if (self.task.noise or self.task.first_gain != 1) and (
            not isinstance(self.net, Dense) or self.net.order != "pre"
        ):
            raise ValueError(
                "noise and first_gain change units of a Dense of the order 'pre': choose that, or leave them"
            )

    def _refuse_growth(self) -> None:
        net, grown_from = self.net, self.task.grown_from
        if not isinstance(net, Dense) or (net.order, net.activation, net.skip) != ("pre", "relu", "identity"):
            raise ValueError("grown_from needs a Dense of the order 'pre' with ReLUs and no drawn skip: choose that")
        if net.rule not in ("plain", "residual") or net.norm not in ("batch", "none") or net.alpha is not None:
            raise ValueError("a net grows that is plain or residual, with BN or none, without scalars: choose that")
        if not 3 <= grown_from <= net.depth:
            raise ValueError(f"grown_from {grown_from} is impossible: choose 3 to {net.depth}, the depth")

    def _refuse_together(self) -> None:
        if self.task.augment:
            raise ValueError("a fully connected net knows no picture to crop: choose augment=False, or a Conv")
        if self.optimiser.precision == "bfloat16":
            raise ValueError(
                "nets that are trained together have 32 or 64 bits: choose precision='float32' or 'float64'"
            )

    def _refuse_in_post(self, net: Dense) -> None:
        task, optimiser = self.task, self.optimiser
        if self.readings.signals or self.readings.extend_to or optimiser.project:
            raise ValueError("a fully connected net of the order 'post' has no signals, extend_to, project: leave them")
        if optimiser.bias_pull and net.norm != "none":
            raise ValueError("a net with normalisation has no biases to pull: choose norm='none'")
        if task.point and net.width < 2:
            raise ValueError("a singular point needs two units: choose a width of 2 or more")
        normalised = net.norm != "none" and (optimiser.steps or task.distance)
        if task.point and (net.cancelled or normalised):
            raise ValueError("near a point a net is neither cancelled nor normalised: choose steps=0 and distance=0")
        if task.point == "mirror" and net.activation != "tanh":
            raise ValueError("only under tanh is a mirror image dependent: choose activation='tanh'")
        if task.targets == "own" and optimiser.precision != "float64":
            raise ValueError("targets of its own must be equal to the last bit: choose precision='float64'")

    def _refuse_outside_post(self) -> None:
        task, optimiser = self.task, self.optimiser
        alien = {"targets": task.targets != "labels", "point": task.point, "bias_pull": optimiser.bias_pull}
        alien["spectra"] = self.readings.spectra and self.net.family == "conv"  # a matrix of P x P
        if named := [name for name, is_set in alien.items() if is_set]:
            raise ValueError(f"{', '.join(named)} need a Dense of the order 'post': choose that, or leave them")

    def _refuse_extension(self) -> None:
        net = self.net
        original = isinstance(net, Conv) and (net.order, net.rule, net.norm, net.alpha) == (
            "post",
            "plain",
            "batch",
            None,
        )
        if not (original and all(replace(net, depth=depth).depth >= net.depth for depth in self.readings.extend_to)):
            raise ValueError("extend_to needs a plain net with norm='batch', and depths from its own up: choose those")

    def but(self, **changes: Any) -> "Spec":
        """The same Spec with some fields changed, whichever part they stand in, or with whole parts changed.

        >>> Spec(Conv(20)).but(depth=56, rate=0.03, batch=128).net.depth
        56

        Raises
        ------
        ValueError
            If no part has such a field, or it has no such value.
        """
        parts = {name: changes.pop(name) for name in self.PARTS if name in changes}
        for name in self.PARTS:
            part = parts.get(name, getattr(self, name))
            mine = {f.name: changes.pop(f.name) for f in fields(part) if f.name in changes}
            parts[name] = replace(part, **mine) if mine else part
        if changes:
            raise ValueError(f"a Spec of a {self.net.family} net has no {', '.join(changes)}: leave them")
        return Spec(**parts)

    def cut(self, steps: int) -> "Spec":
        """The same with so many steps at most, read on the way where it still passes and at its end."""
        steps = min(self.optimiser.steps, steps)
        asked = {name: getattr(self.readings, name) for name in Readings.ON_THE_WAY}
        sooner = {name: tuple(sorted({min(at, steps) for at in read})) for name, read in asked.items()}
        return self.but(steps=steps, **sooner)

    def flat(self) -> dict[str, Any]:
        """All fields of all parts by name, and the family: what a record keeps. :func:`from_flat` is its inverse.

        >>> from_flat(Spec(Conv(20)).flat()) == Spec(Conv(20))
        True
        """
        parts = [asdict(getattr(self, name)) for name in self.PARTS]
        return {"family": self.net.family} | {name: value for part in parts for name, value in part.items()}

    @property
    def together(self) -> bool:
        """Whether its seeds, and those of its likes at other rates, are trained together, operation by operation.

        Fully connected nets are, and convolutional ones of signals: single ones have too little to do.
        """
        return self.net.family != "conv" or not data.DATASETS[self.task.data].images

    @property
    def question(self) -> str:
        """A short hash of all fields and of the data: what was asked, whatever code answers it."""
        text = json.dumps([self.flat(), data.DATASETS[self.task.data].checksum], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- Records on disk: names and words that have changed since -------------------------------------

RENAMED = {"silent": "zero_init_residual"}
REWORDED = {("rule", "stranger"): "shuffled"}


def from_flat(flat: Mapping[str, Any]) -> Spec:
    """The Spec that :meth:`Spec.flat` wrote, today or under earlier names; a field that came later takes its default.

    The first edition wrote all fields of all families into each Spec: those of the others must be unset.

    Raises
    ------
    ValueError
        If a field is unknown, belongs to another family and is set, or has no such value.
    """
    known = {RENAMED.get(name, name): value for name, value in flat.items()}
    known = {
        name: REWORDED.get((name, value), value) if isinstance(value, str) else value for name, value in known.items()
    }
    word = known.pop("family", "conv")  # the first records knew no other
    if word != "conv" and "padding" in known:  # the first edition: the order is a convolutional net's
        known.pop("order", None)
    if word == "skip":  # what is now the order "post" was a family of its own
        word, known = "dense", {"norm": "none", "weights": "glorot"} | known | {"order": "post"}
    family = FAMILIES[word]
    if "width" not in known and family is not Conv:
        (known["width"],) = known.pop("widths")  # of a fully connected net it was a tuple of one
    kinds = {"net": family, "task": Task, "optimiser": SGD, "readings": Readings}
    parts: dict[str, Any] = {
        name: kind(**{f.name: known.pop(f.name) for f in fields(kind) if f.name in known})
        for name, kind in kinds.items()
    }
    if alien := [name for name, value in known.items() if name not in _UNSET or value != _UNSET[name]]:
        raise ValueError(f"a Spec of the family {family.family} has no {', '.join(alien)}")
    return Spec(**parts)


_UNSET = {f.name: f.default for kind in FAMILIES.values() for f in fields(kind)} | {"eps": BN_EPS, "weights": "he"}
