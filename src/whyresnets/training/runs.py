"""What training leaves behind: arrays, seeds first. No tensors: they are read and judged where torch is absent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from whyresnets.spec import Spec


@dataclass(frozen=True)
class Runs:
    """All ``seeds`` of one ``spec``: every one of the ``arrays`` has the seeds as its first axis (S).

    ``curve`` (S, T) is the mini-batch loss at each step, in nats. ``train_loss``, ``train_error``
    are over all training examples (of CIFAR-10 the first 10,000, see
    :func:`whyresnets.measures.losses.loss_and_error`) with batch statistics; ``eval_loss``,
    ``eval_error``, ``test_error`` use running statistics; ``test_error_batch`` the test set's own (and in a fully
    connected net of the order "post" so do all, for it has no others). ``seconds`` is the time of each run on one core.
    Further readings as the Spec asks: of the signals by layer see :mod:`whyresnets.measures.signals`;
    ``watched_gradient_norm`` (S, K, L + 1) is the gradient's norm at the states, at the K steps of ``watch``, and
    with signals ``watched_response_std`` (S, K, 3x3 layers) that of the responses; of such a net, where it is (S,
    K, L), also the other measures of :func:`whyresnets.measures.units.by_layer`, (S, K, L) or (S, K), and
    ``watched_capped_curve`` (S, K), the mean mini-batch loss of the steps before, each counted as chance at most,
    and as chance once a run has diverged
    (NaN before the first step). ``transition_condition`` (S, transitions) is the condition number of the transition
    convolutions at the end. Of the spectra at the K steps of ``spectra``, see :mod:`whyresnets.measures.curvature`:
    ``hessian_zeros`` (S, K), ``hessian_degenerate`` and ``hessian_negative`` (S, K, E), the same of
    ``gauss_newton``, and ``spectra_loss`` (S, K), the training loss then; ``distance`` (S, T) is that from the
    point, before each step. Of a net that was grown, ``shallow_loss`` (S,) is the training loss of the shallower one at
    its end, ``grown_loss`` (S,) that of what training starts from. ``directions`` (S, K): at the K steps of that name,
    how many directions of the first state reach the last. At the K steps of ``follow``, all of it named
    ``followed_...``: losses and errors (S, K) of 5,000 examples at most; and of 256 training examples
    ``state_gradient_norm``, ``state_std`` (S, K, L + 1), ``weight_gradient_norm``, ``weight_norm`` (S, K, weights),
    ``response_std``, ``scale_rms`` and ``multiplier``, see :mod:`whyresnets.measures.signals`.
    """

    spec: Spec
    seeds: tuple[int, ...]
    arrays: Mapping[str, np.ndarray] = field(repr=False)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @property
    def finished(self) -> np.ndarray:
        """(S,) of bool: whose loss stayed finite to the end."""
        return np.isfinite(self.arrays["train_loss"]) & np.isfinite(self.arrays["curve"]).all(1)

    def first(self, n: int) -> "Runs":
        """The first ``n`` seeds only."""
        return self.some(range(min(n, len(self.seeds))))

    def some(self, which: Sequence[int]) -> "Runs":
        """The seeds at the positions ``which``, in that order."""
        which = list(which)
        return Runs(self.spec, tuple(self.seeds[i] for i in which), {k: v[which] for k, v in self.arrays.items()})

    @staticmethod
    def joined(parts: Sequence["Runs"]) -> "Runs":
        """The seeds of several runs of one Spec, one after the other, with the readings that all of them have."""
        if len(parts) == 1:
            return parts[0]
        common = [name for name in parts[0].arrays if all(name in part.arrays for part in parts)]
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in common}
        return Runs(parts[0].spec, tuple(seed for part in parts for seed in part.seeds), arrays)

    @staticmethod
    def stack(spec: Spec, seeds: tuple[int, ...], runs: list[dict[str, np.ndarray]]) -> "Runs":
        """Runs from one dictionary of readings a seed."""
        return Runs(spec, tuple(seeds), {name: np.stack([run[name] for run in runs]) for name in runs[0]})
