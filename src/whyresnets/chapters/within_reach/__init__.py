"""Within reach: a deep plain net contains the shallow one and does not find it, and what a skip must be then."""

from whyresnets.chapter import Chapter
from whyresnets.chapters.within_reach.arms import GRID, LAPTOP, SEEDS
from whyresnets.chapters.within_reach.claims import CLAIMS

CHAPTER = Chapter(
    name="within_reach",
    title="Within reach",
    builds_on="gradient descent, orthogonal matrices, batch normalisation",
    claims=CLAIMS,
    laptop=LAPTOP,
    grid=GRID,
    seeds=SEEDS,
    compact=True,
)
