"""Vanishing: which gradient of a deep plain net vanishes or explodes, when, and whether that is why it fails."""

from whyresnets.chapter import Chapter
from whyresnets.chapters.vanishing.arms import BALANCED, GRID, LAPTOP, SEEDS, WORKSTATION
from whyresnets.chapters.vanishing.claims import CLAIMS, LARGER_CLAIMS

CHAPTER = Chapter(
    name="vanishing",
    title="Is it vanishing gradients?",
    builds_on="the chain rule, batch normalisation",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger={"workstation": WORKSTATION},
    larger_claims=LARGER_CLAIMS,
    grid=GRID,
    shown=(BALANCED,),
    aside=("VG-2",),
    seeds=SEEDS,
    compact=True,
)
