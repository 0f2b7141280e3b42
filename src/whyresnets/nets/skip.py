"""Fully connected nets with a skip around each layer, after Orhan and Pitkow 2018, computed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from whyresnets import checks
from whyresnets.nets.architecture import DRAWN_SKIPS, SINGULARITIES, Skip
from whyresnets.nets.network import Network, Normaliser, Params, nudged, random_rotation
from whyresnets.nets.vectors import as_vectors, linear, standardised, times

NEAR = 0.1  # of Glorot's size: what is added to an identity at the start (chosen by us)


@dataclass(frozen=True)
class SkipNet(Skip, Network):
    """A :class:`whyresnets.nets.architecture.Skip` for inputs of some ``features``, with some ``outputs``."""

    features: int = 16
    outputs: int = 10

    def __post_init__(self):
        super().__post_init__()
        checks.whole("features", self.features, least=1)
        checks.whole("outputs", self.outputs, least=1)

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and (no) running statistics, drawn from ``generator`` only.

        Weights are (D, features), (D, D) and (outputs, D), biases (D,) and (outputs,), all 0. Variances: 2 / (before +
        after) (Glorot and Bengio 2010), also of the last layer; 2 / before (He et al. 2015, "Delving deep into
        rectifiers"); orthogonal ones have the mean square of the latter under a ReLU, half of it under tanh.
        Normalisation: scale 1, shift 0.
        """
        params: Params = {}
        before = self.features
        for i in range(self.depth - 1):
            weight = torch.randn(self.width, before, generator=generator, dtype=dtype)
            params[f"{i}.weight"] = self.gain * self._sized(weight)
            if self.norm != "none":
                params[f"{i}.scale"] = torch.ones(self.width, dtype=dtype)
            params[self._offset(i)] = torch.zeros(self.width, dtype=dtype)
            before = self.width
        weight = torch.randn(self.outputs, self.width, generator=generator, dtype=dtype)
        params["head.weight"] = weight * math.sqrt(2 / (self.width + self.outputs))
        params["head.bias"] = torch.zeros(self.outputs, dtype=dtype)
        if self.rule == "hyper":
            for i in range(self.depth - 3):
                params[f"{i}.fixed"] = random_rotation(
                    torch.randn(self.width, self.width, generator=generator, dtype=dtype)
                )
        skipped = [] if self.rule == "plain" else [i for i in range(self.depth - 1) if self._has_skip(i)]
        if self.skip in DRAWN_SKIPS:
            for i in skipped:
                params[f"{i}.skip.fixed"] = self._drawn(generator, dtype)
        if self.cancelled:
            for i in skipped:
                params[f"{i}.weight"] -= self._matrix(params, i).roll(1 if self.cancelled == "next" else 0, 0)
        if self.forward_gain is not None:
            for i in range(self.depth - 1):
                params[f"{i}.size.fixed"] = torch.ones((), dtype=dtype)
        return params, {}

    @torch.no_grad()
    def measure_size(self, params: Params, x: Tensor) -> None:
        """Set the constant factors so that the states of ``x`` have the sizes of ``forward_gain``, in place (ours).

        from the first layer to the last. A state that is 0 everywhere makes its factor infinite, and
        the run is lost.
        """
        if self.forward_gain is None:
            return
        # The walk is lazy: a state that is changed in place is the one that the next layer receives.
        for i, state in enumerate(self.walk(params, x, self.normaliser(params))):
            factor = self.forward_gain**i / state.square().mean().sqrt()
            params[f"{i}.size.fixed"].mul_(factor)
            state.mul_(factor)

    def incoming(self, params: Params, i: int) -> Tensor:
        """The weights into the units of hidden layer ``i``, rows of (D, before).

        Under the rule "inside" with the skip's (ours: they are what a unit receives its input through).
        """
        weight = params[f"{i}.weight"]
        return weight + self._matrix(params, i) if self.rule == "inside" and self._has_skip(i) else weight

    def _matrix(self, params: Params, i: int) -> Tensor:
        """The skip's matrix S around layer ``i``, (D, D)."""
        weight = params[f"{i}.weight"]
        return self._skip(params, i, torch.eye(self.width, dtype=weight.dtype, device=weight.device)).T

    def _has_skip(self, i: int) -> bool:
        return i > 0 or self.features == self.width

    def _offset(self, i: int) -> str:
        """What is added to a layer's units before the activation: its bias, or the shift of its normalisation."""
        return f"{i}.bias" if self.norm == "none" else f"{i}.shift"

    def _drawn(self, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """A fixed matrix (D, D) of the kind ``skip``, whose rows are the skip vectors, of length 1 or nearly so."""
        noise = torch.randn(self.width, self.width, generator=generator, dtype=dtype)
        if self.skip == "gaussian":
            return noise * self.width**-0.5
        rotation = random_rotation(noise)
        if self.skip == "orthogonal":
            return rotation
        noise = torch.randn(self.width, self.width, generator=generator, dtype=dtype) * self.width**-0.5
        copies = rotation[torch.arange(self.width) % self.distinct] + NEAR * noise
        if self.skip == "copies":
            return copies
        if self.skip == "turned":
            return random_rotation(torch.randn(self.width, self.width, generator=generator, dtype=dtype)) @ copies
        u, _, vh = torch.linalg.svd(copies.double())
        return (u @ vh).to(dtype)

    def _sized(self, weight: Tensor) -> Tensor:
        """Standard normal ``weight`` (after, before), made into initial weights."""
        after, before = weight.shape
        glorot = weight * math.sqrt(2 / (after + before))
        if self.weights == "identity" and after == before:
            return torch.eye(after, dtype=weight.dtype) + NEAR * glorot
        if self.weights == "orthogonal":
            longer = weight if after >= before else weight.T
            rotation = random_rotation(longer) * math.sqrt(
                len(longer) / before * (2 if self.activation == "relu" else 1)
            )
            return rotation if after >= before else rotation.T
        return glorot if self.weights == "glorot" else weight * math.sqrt(2 / before)

    def walk(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> Iterator[Tensor]:
        """The hidden layers' outputs one after the other, (B, D), or (S, B, D) of several nets with their parameters.

        See :meth:`whyresnets.nets.network.Network.states` (ours).
        """
        h = as_vectors(x, params["0.weight"])
        passed: list[Tensor] = []
        for i in range(self.depth - 1):
            skip = self._skip(params, i, h) if self.rule != "plain" and self._has_skip(i) else None
            into = linear(h, params[f"{i}.weight"], params.get(f"{i}.bias"))
            if self.rule == "inside" and skip is not None:
                into, skip = into + skip, None
            branch = self._phi(self._normalised(params, i, into))
            if responses is not None:
                responses.append(branch)
            state = branch if skip is None else branch + skip
            if self.rule == "hyper" and i > 1:
                earlier = [linear(early, params[f"{k}.fixed"]) for k, early in enumerate(passed[:-1])]
                state = state + sum(earlier) / i
            if self.forward_gain is not None:
                state = times(params[f"{i}.size.fixed"], state)
            yield (h := nudged(state, nudges, i))
            passed.append(h)

    def head(self, params: Params, state: Tensor, running: Params | None = None, training: bool = True) -> Tensor:
        """The output layer, (B, outputs): linear (ours, as in most nets)."""
        return linear(state, params["head.weight"], params["head.bias"])

    def _phi(self, h: Tensor) -> Tensor:
        return h.relu() if self.activation == "relu" else h.tanh()

    def _normalised(self, params: Params, i: int, into: Tensor) -> Tensor:
        """Mean 0 and variance 1 over the batch, or over the layer's units, then scale and shift."""
        if self.norm == "none":
            return into
        normal, _, _ = standardised(into, -2 if self.norm == "batch" else -1, self.eps)
        return normal * params[f"{i}.scale"].unsqueeze(-2) + params[f"{i}.shift"].unsqueeze(-2)

    def _skip(self, params: Params, i: int, h: Tensor) -> Tensor:
        """What goes around layer ``i``, (B, D): the fixed matrix S of the field ``skip`` times ``h``."""
        if self.skip in DRAWN_SKIPS:
            return linear(h, params[f"{i}.skip.fixed"])
        units = torch.arange(self.width, device=h.device)
        match self.skip:
            case "identity":
                return h
            case "spared":
                return h * (units != 1)
            case "common":
                signs = torch.ones_like(units, dtype=h.dtype)
            case "opposite":
                signs = 1.0 - 2.0 * (units % 2).to(h.dtype)
        return h.sum(-1, keepdim=True) * self.width**-0.5 * signs

    def _unit(self, params: Params, unit: int, whole: bool) -> Tensor:
        """The weights into a unit of the first layer and its bias or shift; ``whole``: those out of it, too."""
        after = "1.weight" if self.depth > 2 else "head.weight"
        incoming = [params["0.weight"][unit], params[self._offset(0)][unit : unit + 1]]
        return torch.cat([*incoming, params[after][:, unit]] if whole else incoming)

    def place(self, params: Params, point: str, distance: float, whole: bool, generator: torch.Generator) -> None:
        """Move the second unit of the first layer, in place, to a ``distance`` from a singular point, in any direction.

        Its weights and bias (or shift) become 0 ("elimination"), those of the first unit ("overlap") or their negatives
        ("mirror": under tanh the two units are linearly dependent), plus a vector of that length.
        ``whole``: the weights out of the unit, too. Source: the singularities of Orhan and Pitkow 2018; the mirror, for
        the third, is our choice.
        """
        checks.one_of("point", point, tuple(SINGULARITIES))
        direction = torch.randn(len(self._unit(params, 1, whole)), generator=generator, dtype=params["0.weight"].dtype)
        new = SINGULARITIES[point] * self._unit(params, 0, whole) + distance * direction / direction.norm()
        params["0.weight"][1], params[self._offset(0)][1] = new[: self.features], new[self.features]
        if whole:
            params["1.weight" if self.depth > 2 else "head.weight"][:, 1] = new[self.features + 1 :]

    def distance(self, params: Params, point: str, whole: bool) -> Tensor:
        """Euclidean distance of the second unit's weights from a singular point, see :meth:`place`; ().

        Source: ours.
        """
        return (self._unit(params, 1, whole) - SINGULARITIES[point] * self._unit(params, 0, whole)).norm()
