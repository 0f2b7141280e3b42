"""Nets that start where a shallower one ended, as deep nets of the same function, and with noise on that."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from whyresnets import data
from whyresnets.measures.losses import loss_and_error
from whyresnets.nets.surgery import deepened
from whyresnets.spec import Readings, Spec
from whyresnets.training.descent import descend
from whyresnets.training.readings import READ_EXAMPLES, Found
from whyresnets.training.start import Start, add_noise, begin, some


def shallower(spec: Spec) -> Spec:
    """The net that is trained first where ``spec`` grows one, in the same way.

    >>> from whyresnets.bed import on_the_bed
    >>> shallower(on_the_bed(16, "plain", 0.1).but(grown_from=6)) == on_the_bed(4, "plain", 0.1)
    True
    """
    task = replace(spec.task, grown_from=0, noise=0.0)
    return replace(spec, net=replace(spec.net, depth=spec.task.grown_from), task=task, readings=Readings())


@torch.no_grad()
def grow(jobs: Sequence[tuple[Spec, int]], starts: Sequence[Start], known: data.Dataset, device: str) -> list[Found]:
    """Move all ``starts`` to where their shallower nets end, extended and with noise, in place; the losses there.

    For each "shallow_loss" of the shallower net and "grown_loss" of what training starts from, () in nats, over the
    training examples with batch statistics.
    """
    shallow = [begin(shallower(spec), seed, known, device) for spec, seed in jobs]
    with torch.enable_grad():
        descend(shallower(jobs[0][0]), shallow)
    found = []
    for (spec, seed), end, start in zip(jobs, shallow, starts, strict=True):
        examples = some(start.train_set, READ_EXAMPLES)
        net, params, running = deepened(end.net, end.params, end.running, spec.net.depth, start.train_set[0])
        add_noise(net, params, spec.task.noise, seed)
        start.params.update(params)
        start.running.update(running)
        losses = {"shallow_loss": loss_and_error(end.net, end.params, *examples)[0]}
        losses["grown_loss"] = loss_and_error(net, params, *examples)[0]
        found.append({name: torch.tensor(value, dtype=torch.float64) for name, value in losses.items()})
    return found
