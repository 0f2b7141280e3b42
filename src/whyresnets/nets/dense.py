"""Fully connected nets, computed: one at a time or several at once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from whyresnets import checks
from whyresnets.nets.architecture import DRAWN_SKIPS, Dense
from whyresnets.nets.network import Network, Normaliser, Params, normalisation, nudged, random_rotation
from whyresnets.nets.rules import join
from whyresnets.nets.skip import NEAR, Skips
from whyresnets.nets.vectors import as_vectors, bn_relu_linear, linear, standardised, times


@dataclass(frozen=True)
class DenseNet(Dense, Skips, Network):
    """A :class:`whyresnets.nets.architecture.Dense` for inputs of some ``features``, with some ``outputs``.

    Its parameters may be those of one net, or of several with the nets as first axis: then so are its states.
    """

    features: int = 64
    outputs: int = 10

    def __post_init__(self):
        super().__post_init__()
        checks.whole("features", self.features, least=1)
        checks.whole("outputs", self.outputs, least=1)

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and running statistics, drawn from ``generator`` only.

        Weights are (D, features), (D, D) and (outputs, D), all others (D,) or (outputs,). Biases are 0, scales 1,
        shifts 0.

        In the order "pre", units have variance 2 / D under a ReLU (He et al. 2015, "Delving deep into rectifiers"),
        1 / D otherwise; orthogonal ones the same mean square; the identity is what it is; first and last layer
        1 / fan-in (chosen by us).

        In the order "post", 2 / (before + after) (Glorot and Bengio 2010), also in the last layer; or 2 / before (He et
        al.); orthogonal ones have the mean square of the latter under a ReLU, half of it otherwise.
        """
        return (self._initial_pre if self.order == "pre" else self._initial_post)(generator, dtype)

    def walk(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> Iterator[Tensor]:
        """The states one after the other, (B, D), or (S, B, D) of several nets with parameters of their own.

        In the order "pre" after the first layer and each unit; in the order "post" after each hidden layer. See
        :meth:`whyresnets.nets.network.Network.states` (ours).
        """
        form = self._pre if self.order == "pre" else self._post
        return form(params, x, normalise, nudges, responses)

    def head(self, params: Params, state: Tensor, running: Params | None = None, training: bool = True) -> Tensor:
        """Class scores (B, outputs): linear; in the order "pre" of the normalised and rectified last state (ours)."""
        if self.order == "pre":
            state = self.normaliser(params, running, training)("last", state)
            state = state if self.head_activation == "linear" else self._phi(state)
        return linear(state, params["head.weight"], params["head.bias"])

    def _phi(self, h: Tensor) -> Tensor:
        return h if self.activation == "linear" else getattr(torch, self.activation)(h)

    # --- Order "pre" ---

    def _initial_pre(self, generator: torch.Generator, dtype: torch.dtype) -> tuple[Params, Params]:
        params: Params = {}
        running: Params = {}

        def draw(rows: int, columns: int) -> Tensor:
            return torch.randn(rows, columns, generator=generator, dtype=dtype)

        params["stem.weight"] = draw(self.width, self.features) * self.features**-0.5
        for name, *_ in self.units:
            params[f"{name}.weight"] = self._unit_sized(draw(self.width, self.width))
            if self.norm == "sum":
                normalisation(params, running, f"{name}.sum", self.width, dtype, "batch")
            else:
                normalisation(params, running, name, self.width, dtype, self.norm)
            if self.alpha is not None:
                params[f"{name}.alpha"] = torch.tensor(self.alpha, dtype=dtype)
        normalisation(params, running, "last", self.width, dtype, self._last_norm)
        params["head.weight"] = draw(self.outputs, self.width) * self.width**-0.5
        params["head.bias"] = torch.zeros(self.outputs, dtype=dtype)
        if self.skip in DRAWN_SKIPS:
            for name, *_ in self.units:
                params[f"{name}.skip.fixed"] = self._drawn(generator, dtype)
        return params, running

    def _unit_sized(self, weight: Tensor) -> Tensor:
        """Standard normal ``weight`` (D, D), made into a unit's initial weights in the order "pre"."""
        if self.weights == "identity":
            return self.gain * torch.eye(self.width, dtype=weight.dtype)
        size = self.gain * math.sqrt(2 if self.activation == "relu" else 1)
        return size * (random_rotation(weight) if self.weights == "orthogonal" else weight * self.width**-0.5)

    def _pre(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None,
        responses: list[Tensor] | None,
    ) -> Iterator[Tensor]:
        first = params["stem.weight"]
        yield (h := nudged(linear(as_vectors(x, first), first), nudges, 0))
        for i, (name, *_) in enumerate(self.units, start=1):
            branch = self._branch(params, name, h, normalise)
            if self.alpha is not None:  # De and Smith 2020, SkipInit
                branch = times(params[f"{name}.alpha"], branch)
            if responses is not None:
                responses.append(branch)
            around = h if self.skip == "identity" else self._skip(params, name, h)
            h = normalise(f"{name}.sum", join(self.rule, around, branch, batch=-2))
            yield (h := nudged(h, nudges, i))

    def _branch(self, params: Params, name: str, h: Tensor, normalise: Normaliser) -> Tensor:
        weight = params[f"{name}.weight"]
        if weight.ndim == 2 or self.activation != "relu" or not normalise.by_batch(name):
            return linear(self._phi(normalise(name, h)), weight)
        scale, shift = params[f"{name}.scale"], params[f"{name}.shift"]
        branch, mean, var = bn_relu_linear(h, scale, shift, weight, self.eps)
        normalise.keep(name, mean, var, h.shape[1])
        return branch

    # --- Order "post" ---

    def _initial_post(self, generator: torch.Generator, dtype: torch.dtype) -> tuple[Params, Params]:
        params: Params = {}

        def draw(rows: int, columns: int) -> Tensor:
            return torch.randn(rows, columns, generator=generator, dtype=dtype)

        before = self.features
        for i in range(self.depth - 1):
            params[f"{i}.weight"] = self.gain * self._sized(draw(self.width, before))
            if self.norm != "none":
                params[f"{i}.scale"] = torch.ones(self.width, dtype=dtype)
            params[self._offset(i)] = torch.zeros(self.width, dtype=dtype)
            before = self.width
        params["head.weight"] = draw(self.outputs, self.width) * math.sqrt(2 / (self.width + self.outputs))
        params["head.bias"] = torch.zeros(self.outputs, dtype=dtype)
        if self.rule == "hyper":
            for i in range(self.depth - 3):
                params[f"{i}.fixed"] = random_rotation(draw(self.width, self.width))
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

    def _sized(self, weight: Tensor) -> Tensor:
        """Standard normal ``weight`` (after, before), made into initial weights."""
        after, before = weight.shape
        glorot = weight * math.sqrt(2 / (after + before))
        if self.weights == "identity" and after == before:
            return torch.eye(after, dtype=weight.dtype) + NEAR * glorot
        if self.weights == "orthogonal":
            longer = weight if after >= before else weight.T
            square = len(longer) / before * (2 if self.activation == "relu" else 1)
            rotation = random_rotation(longer) * math.sqrt(square)
            return rotation if after >= before else rotation.T
        return glorot if self.weights == "glorot" else weight * math.sqrt(2 / before)

    def _post(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None,
        responses: list[Tensor] | None,
    ) -> Iterator[Tensor]:
        h = as_vectors(x, params["0.weight"])
        passed: list[Tensor] = []
        for i in range(self.depth - 1):
            skip = self._skip(params, i, h) if self.rule != "plain" and self._has_skip(i) else None
            into = linear(h, params[f"{i}.weight"], params.get(f"{i}.bias"))
            if self.rule == "inside" and skip is not None:
                into, skip = into + skip, None
            branch = self._phi(self._standardised(params, i, into))
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

    def _standardised(self, params: Params, i: int, into: Tensor) -> Tensor:
        """Mean 0 and variance 1 over the batch, or over the layer's units, then scale and shift."""
        if self.norm == "none":
            return into
        normal, _, _ = standardised(into, -2 if self.norm == "batch" else -1, self.eps)
        return normal * params[f"{i}.scale"].unsqueeze(-2) + params[f"{i}.shift"].unsqueeze(-2)
