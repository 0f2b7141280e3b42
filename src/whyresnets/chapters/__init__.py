"""One module a chapter: its claims as data, its arms, the effects it reads from the runs."""

from whyresnets.chapters import degradation, elimination, identity_bias, norm_preservation, singularities

CHAPTERS = (
    degradation.CHAPTER,
    norm_preservation.CHAPTER,
    identity_bias.CHAPTER,
    singularities.CHAPTER,
    elimination.CHAPTER,
)
