"""What all families of networks share: pure functions of their parameters.

A network is a frozen description that computes. It makes its parameters, and it is called with them: nothing is stored
on it, so a measure cannot leave anything behind. All families answer to the same names: ``units``, ``initial``,
``states``, ``head``, ``logits``, ``kernels``.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets.nets.architecture import BN_EPS
from whyresnets.nets.vectors import standardised

Params = dict[str, Tensor]

STATISTICS = (".mean", ".var")  # how their names end; where normalisation is frozen, they stand among the parameters
CONSTANTS = (*STATISTICS, ".fixed")  # how the names of those parameters end that are never trained
BN_MOMENTUM = 0.1  # PyTorch's default, for the running statistics


@dataclass(frozen=True)
class Normaliser:
    """Batch normalisation by name; where ``params`` has none of that name, nothing happens.

    Attributes
    ----------
    params : scales and shifts among others
    running : running means and variances, or None
    training : normalise with the batch's own statistics, and update the running ones in place; otherwise with those
    eps : added to each variance
    measuring : set the frozen means and variances to those of this batch, in place
    """

    params: Params
    running: Params | None = None
    training: bool = True
    eps: float = BN_EPS
    measuring: bool = False

    def __call__(self, name: str, h: Tensor) -> Tensor:
        if f"{name}.scale" not in self.params:
            return h
        scale, shift = self.params[f"{name}.scale"], self.params[f"{name}.shift"]
        if scale.ndim == 2 and h.ndim == 3:
            return self._of_several(name, h) * scale.unsqueeze(1) + shift.unsqueeze(1)
        # Several convolutional nets have their channels side by side: their parameters, (S, D), too.
        scale, shift = scale.flatten(), shift.flatten()
        if self.frozen(name):  # constants of the network
            kept = [self.params[f"{name}.{part}"].flatten() for part in ("mean", "var")]
            return F.batch_norm(h, kept[0], kept[1], scale, shift, self.measuring, 1.0, self.eps)
        mean, var = (self.running[f"{name}.{part}"].flatten() if self.running else None for part in ("mean", "var"))
        return F.batch_norm(h, mean, var, scale, shift, self.training, BN_MOMENTUM, self.eps)

    def frozen(self, name: str) -> bool:
        """Whether its means and variances were measured once."""
        return f"{name}.mean" in self.params

    def by_batch(self, name: str) -> bool:
        """Whether the batch at hand normalises."""
        return f"{name}.scale" in self.params and self.training and not self.frozen(name)

    def _of_several(self, name: str, h: Tensor) -> Tensor:
        """The states of several fully connected nets, (S, B, D), normalised: what F.batch_norm does for one."""
        if kept := self.params if self.frozen(name) else None if self.training else self.running:
            mean, var = (kept[f"{name}.{part}"].unsqueeze(1) for part in ("mean", "var"))
            return (h - mean) * (var + self.eps).rsqrt()
        normal, mean, var = standardised(h, 1, self.eps)
        self.keep(name, mean, var, h.shape[1])
        return normal

    def keep(self, name: str, mean: Tensor, var: Tensor, batch: int) -> None:
        """Let the running statistics of several fully connected nets follow those of a batch, (S, 1, D)."""
        if self.running:
            self.running[f"{name}.mean"].lerp_(mean.squeeze(1), BN_MOMENTUM)
            self.running[f"{name}.var"].lerp_(var.squeeze(1) * (batch / (batch - 1)), BN_MOMENTUM)


class Network:
    """What all families share: how states, one after the other, become a list or scores."""

    eps: float
    norm: str
    head_norm: str
    alpha: float | None
    gain: float
    outputs: int

    @property
    def units(self) -> list[tuple[str, int, int, int]]:
        """Name, input width, output width and stride of each unit."""
        raise NotImplementedError

    @property
    def transitions(self) -> list[int]:
        """Which units halve the map."""
        raise NotImplementedError

    def kernels(self, which: str) -> list[str]:
        """Names of the parameters that a projection may act on."""
        raise NotImplementedError

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and running statistics, drawn from ``generator`` only."""
        raise NotImplementedError

    def walk(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> Iterator[Tensor]:
        """The states one after the other; arguments as for :meth:`states`."""
        raise NotImplementedError

    def head(self, params: Params, state: Tensor, running: Params | None = None, training: bool = True) -> Tensor:
        """Class scores (B, outputs) from the last state."""
        raise NotImplementedError

    def normaliser(self, params: Params, running: Params | None = None, training: bool = True) -> Normaliser:
        """Its :class:`Normaliser`, with this network's epsilon (Ioffe and Szegedy 2015)."""
        return Normaliser(params, running, training, self.eps)

    @torch.no_grad()
    def measure_frozen(self, params: Params, x: Tensor) -> None:
        """Set all frozen means (D,) and variances (D,) to those of ``x``, in place, from the first layer to the last.

        variances as for running ones, over n - 1. Batch normalisation measured once and kept for ever
        (ours: what BN does at the start, only).
        """
        measuring = Normaliser(params, eps=self.eps, measuring=True)
        (last,) = deque(self.walk(params, x, measuring), maxlen=1)
        measuring("last", last)

    @property
    def _last_norm(self) -> str:
        """How the last state is normalised; where every sum is, there is no need."""
        return self.head_norm or ("none" if self.norm == "sum" else self.norm)

    def states(
        self,
        params: Params,
        x: Tensor,
        running: Params | None = None,
        training: bool = True,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> list[Tensor]:
        """The state after the first layer and after each unit: L + 1 tensors.

        Shapes (B, channels, height, width) in a convolutional network, (B, D) in a fully connected one.

        Parameters
        ----------
        running : running means and variances. With ``training`` they are updated in place
            (left out: nothing is kept); without it they normalise in place of the batch's own.
        nudges : L + 1 tensors added to the states. Zeros change no value, but the gradient with
            respect to them is the gradient at the states, all in one backward pass.
        responses : a list that receives the output of every 3x3 layer, before ReLU or addition and, in the
            order "post", after normalisation (He et al. 2015, section 4.2, "layer responses"); of a fully
            connected unit, the branch.
        """
        return list(self.walk(params, x, self.normaliser(params, running, training), nudges, responses))

    def logits(self, params: Params, x: Tensor, running: Params | None = None, training: bool = True, **how) -> Tensor:
        """Class scores (B, classes); arguments as for :meth:`states` (He et al. 2015)."""
        walk = self.walk(params, x, self.normaliser(params, running, training), **how)
        (last,) = deque(walk, maxlen=1)  # one state at a time: a large batch need not keep them all
        return self.head(params, last, running, training)


def nudged(h: Tensor, nudges: Sequence[Tensor] | None, i: int) -> Tensor:
    """State ``i``, with its nudge added where there are any; the same shape."""
    return h if nudges is None else h + nudges[i]


def normalisation(
    params: Params, running: Params, name: str, width: int, dtype: torch.dtype, kind: str, scale: float = 1.0
) -> None:
    """Enter a fresh normalisation called ``name``: its statistics run beside the parameters, or are frozen in them."""
    if kind == "none":
        return
    params[f"{name}.scale"] = torch.full((width,), scale, dtype=dtype)
    params[f"{name}.shift"] = torch.zeros(width, dtype=dtype)
    statistics = params if kind == "frozen" else running
    statistics[f"{name}.mean"] = torch.zeros(width, dtype=dtype)
    statistics[f"{name}.var"] = torch.ones(width, dtype=dtype)


def random_rotation(weight: Tensor) -> Tensor:
    """Orthonormal columns from a standard normal ``weight``, evenly distributed over all rotations and reflections."""
    q, r = torch.linalg.qr(weight)
    return q * r.diagonal().sign()
