"""Degradation (He et al. 2015): deeper plain nets train worse, and the skip removes that."""

from whyresnets.chapter import Chapter, larger_arms
from whyresnets.chapters.degradation import ten_epochs
from whyresnets.chapters.degradation.arms import GRID, LAPTOP, LARGER_GRID, PUBLISHED, at_scale
from whyresnets.chapters.degradation.claims import CLAIMS, LARGER_CLAIMS

LARGER = larger_arms(LAPTOP, LARGER_CLAIMS, at_scale)

CHAPTER = Chapter(
    name="degradation",
    title="Degradation",
    builds_on="gradient descent, convolutions, batch normalisation",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger={**LARGER, "paper": (*ten_epochs.PRECISION, *ten_epochs.ARMS, *LARGER["paper"])},
    published=PUBLISHED,
    larger_claims=LARGER_CLAIMS,
    larger_grid={"workstation": LARGER_GRID, "paper": ten_epochs.GRID},
    shown=("plain-8", "residual-8"),
    probes=("plain-110", "residual-110", "plain-20 x10", "start-20 at 0.1"),
    grid=GRID,
)
