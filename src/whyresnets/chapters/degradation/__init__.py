"""Degradation (He et al. 2015): deeper plain nets train worse, and the skip removes that."""

from whyresnets.chapter import Chapter
from whyresnets.chapters.degradation.arms import GRID, LAPTOP, LARGER_GRID, PUBLISHED, SIGNALS, at_scale
from whyresnets.chapters.degradation.claims import CLAIMS, LARGER_CLAIMS

_BY_NAME = {arm.name: arm for arm in LAPTOP}

CHAPTER = Chapter(
    name="degradation",
    title="Degradation",
    builds_on="gradient descent, convolutions, batch normalisation",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger={
        scale: tuple(at_scale(_BY_NAME[name], scale) for name in dict.fromkeys(n for c in claims for n in c.arms))
        for scale, claims in LARGER_CLAIMS.items()
    },
    published=PUBLISHED,
    larger_claims=LARGER_CLAIMS,
    larger_grid={"workstation": LARGER_GRID},
    shown=("plain-8", "residual-8", *(arm.name for arm in SIGNALS)),
    probes=("plain-110", "residual-110", "plain-20 x10", "start-20 at 0.1"),
    grid=GRID,
)
