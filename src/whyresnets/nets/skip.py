"""What fully connected nets have besides: skips through fixed matrices; in the order "post" sizes, singular points."""

import math

import torch
from torch import Tensor

from whyresnets import checks
from whyresnets.nets.architecture import DRAWN_SKIPS, SINGULARITIES
from whyresnets.nets.network import Network, Params, random_rotation
from whyresnets.nets.vectors import linear

NEAR = 0.1  # of Glorot's size: what is added to an identity at the start (chosen by us)


class Skips(Network):
    """Of a :class:`whyresnets.nets.dense.DenseNet` after Orhan and Pitkow 2018: what leads around its layers."""

    depth: int
    rule: str
    width: int
    features: int
    skip: str
    skip_condition: float
    skip_small: int
    distinct: int
    forward_gain: float | None

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
            return rotation if self.skip_condition == 1 else self._stretched(rotation, generator)
        noise = torch.randn(self.width, self.width, generator=generator, dtype=dtype) * self.width**-0.5
        copies = rotation[torch.arange(self.width) % self.distinct] + NEAR * noise
        if self.skip == "copies":
            return copies
        if self.skip == "turned":
            return random_rotation(torch.randn(self.width, self.width, generator=generator, dtype=dtype)) @ copies
        u, _, vh = torch.linalg.svd(copies.double())
        return (u @ vh).to(dtype)

    def _stretched(self, rotation: Tensor, generator: torch.Generator) -> Tensor:
        """A rotation after a stretching after a random rotation, (D, D), of the norm of one rotation (ours)."""
        if self.skip_small:
            values = torch.ones(self.width, dtype=rotation.dtype)
            values[-self.skip_small :] /= self.skip_condition
        else:
            values = torch.logspace(0, -math.log10(self.skip_condition), self.width, dtype=rotation.dtype)
        other = random_rotation(torch.randn(self.width, self.width, generator=generator, dtype=rotation.dtype))
        return rotation * (values / values.square().mean().sqrt()) @ other

    def _skip(self, params: Params, i: int | str, h: Tensor) -> Tensor:
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
