"""Degradation (He et al. 2015): deeper plain nets train worse, and what takes that away."""

from whyresnets.chapter import Chapter, larger_arms
from whyresnets.chapters.degradation import first_edition, ten_epochs
from whyresnets.chapters.degradation.arms import GRID, LAPTOP, SEEDS
from whyresnets.chapters.degradation.claims import ASIDE, CLAIMS, LARGER_CLAIMS

LARGER = larger_arms(first_edition.DIGITS.values(), LARGER_CLAIMS, first_edition.at_scale)

CHAPTER = Chapter(
    name="degradation",
    title="Degradation",
    builds_on="gradient descent, convolutions, batch normalisation",
    claims=CLAIMS,
    aside=ASIDE,
    laptop=LAPTOP,
    larger={**LARGER, "paper": (*ten_epochs.PRECISION, *ten_epochs.ARMS, *LARGER["paper"])},
    published=first_edition.PUBLISHED,
    larger_claims=LARGER_CLAIMS,
    larger_grid={"workstation": first_edition.LARGER_GRID, "paper": ten_epochs.GRID},
    shown=("Dirac-56",),
    grid=GRID,
    seeds=SEEDS,
)
