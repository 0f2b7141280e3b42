"""The bed: a task on which depth has work to do, and what a net is held against that is said to train.

On MNIST-1D a linear model stays far from what a deep net reaches, in batches of 256 one hidden layer does, too, and so
does a deep net of which only the first and the last layer learn. A net trains if it ends below all three.
"""

from dataclasses import replace

from whyresnets.claims.effects import Amount, nats
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import Test
from whyresnets.nets.architecture import Dense
from whyresnets.spec import SGD, Readings, Spec, Task

TASK = Task("mnist1d", batch=256)  # smaller batches leave depth little to do (chosen by us, on tuning seeds)
STEPS = 300  # chosen by us: 20 epochs
WIDTH = 64  # of every state; at 32, depth has little to do (chosen by us, on tuning seeds)
WORK = 0.1 * nats  # by which a net must beat what has no depth, or does not train it (chosen by us)


def on_the_bed(units: int, rule: str, rate: float, **net) -> Spec:
    """A fully connected net of so many ``units`` between a linear first and a linear last layer, on the bed.

    ``net``: further fields of :class:`whyresnets.nets.architecture.Dense`. Without units it is a linear model.

    >>> on_the_bed(8, "residual", rate=0.3).net.depth
    10
    """
    return Spec(Dense(units + 2, rule, WIDTH, head_activation="linear", **net), TASK, SGD(rate, STEPS))


def frozen(spec: Spec) -> Spec:
    """The frozen-branch net: the same start, of which all units stay as they are; first and last layer are trained."""
    return spec.but(untrained=(*spec.optimiser.untrained, "branches"))


def linear(spec: Spec) -> Spec:
    """A linear model trained as ``spec`` says: first and last layer without units, with BN between if units have it.

    >>> linear(on_the_bed(8, "residual", rate=0.3)) == on_the_bed(0, "plain", rate=0.3)
    True
    """
    return _without_units(spec, "linear")


def one_hidden(spec: Spec) -> Spec:
    """One hidden layer, as wide as the states of a fully connected ``spec``, trained as it says; with its BN."""
    return _without_units(spec, "")


def _without_units(spec: Spec, activation: str) -> Spec:
    norm = "none" if spec.net.norm == "none" else "batch"
    width = spec.net.width if isinstance(spec.net, Dense) else WIDTH
    untrained = tuple(part for part in spec.optimiser.untrained if part != "branches")
    optimiser = replace(spec.optimiser, untrained=untrained, project="", spread=1.0)
    return Spec(Dense(2, "plain", width, norm, head_activation=activation), spec.task, optimiser, Readings())


def trains_above_baselines(arm: str, frozen: str, linear: str, one_hidden: str, by: Amount = WORK) -> Test:
    """The test that ``arm`` trains: it ends below the arms that are its frozen-branch net and the two without depth.

    Each of them with the best rate of its own.

    >>> test = trains_above_baselines("deep", "deep, frozen", "linear", "one hidden layer")
    >>> print(test.says, *test.conditions, sep="; ")
    deep trains; training loss: deep, frozen - deep > 0.1 nats; training loss: linear - deep > 0.1 nats; ...
    """
    ends = tuple(training_loss[baseline] - training_loss[arm] > by for baseline in (frozen, linear, one_hidden))
    return Test(f"{arm} trains", ends)
