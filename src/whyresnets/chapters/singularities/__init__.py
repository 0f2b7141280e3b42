"""What singularities are (Orhan & Pitkow 2018, first half): where is the loss flat, what do skips change there?

Exact counts in tiny nets, escape from the singular points in a net of two units, exact spectra through training. The
body of the paper was not at hand: what it is recalled to claim is marked as recalled, and every protocol is ours.
"""

from whyresnets.chapter import Chapter
from whyresnets.chapters.singularities.arms import COUNTS, DEEP_ARMS, FASTER, GRID, LAPTOP, WAYS
from whyresnets.chapters.singularities.claims import CLAIMS

CHAPTER = Chapter(
    name="singularities",
    title="What singularities are",
    builds_on="eigenvalues of a symmetric matrix, second derivatives",
    claims=CLAIMS,
    laptop=LAPTOP,
    shown=tuple(arm.name for arm in (*COUNTS, *WAYS)),
    probes=tuple(arm.name for arm in DEEP_ARMS if arm.name != FASTER),
    compact=True,
    grid=GRID,
)
