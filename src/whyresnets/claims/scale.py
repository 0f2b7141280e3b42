"""The scale of a verdict, in words: on which data, and with how wide nets, a claim was judged."""

from collections.abc import Iterable

from whyresnets.nets.architecture import Conv
from whyresnets.spec import Spec

# Data set -> its name in sentences, the smallest first (order chosen by us: what is harder to learn comes later).
NAMES = {
    "gaussian-2": "random points",
    "gaussian-4": "random points",
    "digits-4x4": "digits of 4 by 4 pixels",
    "digits": "digits",
    "mnist1d": "MNIST-1D",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
}
PAPER = (16, 32, 64)  # channels of He et al. 2015, section 4.2


def scale_of(specs: Iterable[Spec]) -> str:
    """The largest data set of these arms; on CIFAR-10 how wide their widest net is; and "untrained" if none is trained.

    >>> from whyresnets.spec import Task
    >>> scale_of([Spec(Conv(8))])
    'digits'
    >>> scale_of([Spec(Conv(8, widths=(16, 32, 64)), Task("cifar10"))])
    'CIFAR-10 at paper width'
    """
    specs = list(specs)
    data = max((spec.task.data for spec in specs), key=list(NAMES).index)
    said = NAMES[data]
    if data == "cifar10":
        said += f" at {_width(max((spec for spec in specs if spec.task.data == data), key=_widths))}"
    return said if any(spec.optimiser.steps for spec in specs) else f"{said}, untrained"


def _widths(spec: Spec) -> tuple[int, ...]:
    return spec.net.widths if isinstance(spec.net, Conv) else (spec.net.width,)


def _width(spec: Spec) -> str:
    if isinstance(spec.net, Conv) and spec.net.widths >= PAPER:
        return "paper width"
    return f"width {'/'.join(map(str, _widths(spec)))}"
