"""Fully connected nets of units that normalise, rectify and multiply, computed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from whyresnets import checks
from whyresnets.nets.architecture import Dense
from whyresnets.nets.network import Network, Normaliser, Params, normalisation, nudged, random_rotation
from whyresnets.nets.rules import join
from whyresnets.nets.vectors import as_vectors, linear


@dataclass(frozen=True)
class DenseNet(Dense, Network):
    """A :class:`whyresnets.nets.architecture.Dense` for inputs of some ``features``, with ``outputs`` classes."""

    features: int = 64
    outputs: int = 10

    def __post_init__(self):
        super().__post_init__()
        checks.whole("features", self.features, least=1)
        checks.whole("outputs", self.outputs, least=1)

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and running statistics, drawn from ``generator`` only.

        Weights are (D, features), (D, D) and (classes, D), all others (D,) or (classes,). Units: variance
        2 / D under a ReLU (He et al. 2015, "Delving deep into rectifiers"), 1 / D otherwise; the orthogonal ones
        have the same mean square. First and last layer: 1 / fan-in, bias 0 (chosen by us).
        """
        params: Params = {}
        running: Params = {}

        def draw(rows: int, columns: int) -> Tensor:
            return torch.randn(rows, columns, generator=generator, dtype=dtype)

        size = self.gain * math.sqrt(2 if self.activation == "relu" else 1)
        params["stem.weight"] = draw(self.width, self.features) * self.features**-0.5
        for name, *_ in self.units:
            weight = draw(self.width, self.width)
            weight = random_rotation(weight) if self.weights == "orthogonal" else weight * self.width**-0.5
            params[f"{name}.weight"] = size * weight
            if self.norm == "sum":
                normalisation(params, running, f"{name}.sum", self.width, dtype, "batch")
            else:
                normalisation(params, running, name, self.width, dtype, self.norm)
            if self.alpha is not None:
                params[f"{name}.alpha"] = torch.tensor(self.alpha, dtype=dtype)
        normalisation(params, running, "last", self.width, dtype, self._last_norm)
        params["head.weight"] = draw(self.outputs, self.width) * self.width**-0.5
        params["head.bias"] = torch.zeros(self.outputs, dtype=dtype)
        return params, running

    def walk(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> Iterator[Tensor]:
        """The states one after the other, (B, D), or (S, B, D) of several nets with parameters of their own.

        See :meth:`whyresnets.nets.network.Network.states` (ours).
        """
        first = params["stem.weight"]
        yield (h := nudged(linear(as_vectors(x, first), first), nudges, 0))
        for i, (name, *_) in enumerate(self.units, start=1):
            branch = linear(self._phi(normalise(name, h)), params[f"{name}.weight"])
            branch = self._scaled(params, name, branch)
            if responses is not None:
                responses.append(branch)
            h = normalise(f"{name}.sum", join(self.rule, h, branch, batch=-2))
            yield (h := nudged(h, nudges, i))

    def head(self, params: Params, state: Tensor, running: Params | None = None, training: bool = True) -> Tensor:
        """Class scores (B, classes): normalised and rectified as in a unit, then linear (ours)."""
        last = self._phi(self.normaliser(params, running, training)("last", state))
        return linear(last, params["head.weight"], params["head.bias"])

    def _phi(self, h: Tensor) -> Tensor:
        return h.relu() if self.activation == "relu" else h.abs() if self.activation == "abs" else h
