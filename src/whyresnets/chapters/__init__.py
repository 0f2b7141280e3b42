"""One folder a chapter: arms, effects, claims, and what only its page needs; in the order of the book."""

from whyresnets.chapters import (
    degradation,
    elimination,
    identity_bias,
    norm_preservation,
    singularities,
    vanishing,
    within_reach,
)

CHAPTERS = (
    degradation.CHAPTER,
    within_reach.CHAPTER,
    vanishing.CHAPTER,
    norm_preservation.CHAPTER,
    identity_bias.CHAPTER,
    singularities.CHAPTER,
    elimination.CHAPTER,
)
