"""CIFAR-10 at He et al.'s widths, ten epochs: nets, rates, and what is read on the way. One run takes up to an hour.

The batch, augmentation, momentum and weight decay of He et al. 2015, section 4.2; a rate annealed to zero by a cosine
without warm-up, because ten epochs are all (theirs: about 164, in steps of ten).
"""

from whyresnets.chapter import Arm
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec, Task

EPOCH = 390  # steps: 50,000 images in batches of 128
EPOCHS = 10  # after which public logs of these nets are apart, see the page (chosen by us)
TUNED_FOR = 2  # epochs
RATES = (0.03, 0.1, 0.3)
WIDTHS = (16, 32, 64)
FIRST = (("plain", 20), ("plain", 56), ("residual", 20), ("residual", 56))
HE_RATE = 0.1


def trained(net: Conv, rate: float, epochs: int, precision: str = "bfloat16") -> Spec:
    """A net after so many epochs, followed from the start: before any step, after 40 and 400, and after each epoch."""
    steps = epochs * EPOCH
    early = {0, *(step for step in (40, 400) if step < steps)}
    return Spec(
        net,
        Task("cifar10", batch=128, augment=True),
        SGD(rate, steps, warmup=0.0, precision=precision),
        Readings(follow=tuple(sorted(early | set(range(EPOCH, steps + 1, EPOCH))))),
    )


def _net(rule: str, depth: int) -> Conv:
    return Conv(depth, rule, WIDTHS)


# Name -> one Spec a rate, of which the best by mean training loss is taken; recorded with seeds from 10000.
GRID = {
    f"{rule}-{depth}, {EPOCHS} epochs": tuple(
        trained(_net(rule, depth), rate, TUNED_FOR).but(follow=()) for rate in RATES
    )
    for rule, depth in FIRST
}
# The best rate of the grid, once it is recorded: an arm without one is not planned yet.
BEST: dict[str, float] = {}
ARMS = tuple(
    Arm(name, trained(_net(rule, depth), BEST[name], EPOCHS), rule)
    for (rule, depth), name in zip(FIRST, GRID, strict=True)
    if name in BEST
)
# Whether half the bits change what an epoch does to 56 layers, through which gradients grow by decades.
PRECISION = tuple(
    Arm(f"{rule}-56, 1 epoch, {precision}", trained(_net(rule, 56), HE_RATE, 1, precision), rule)
    for rule in ("plain", "residual")
    for precision in ("bfloat16", "float32")
)
