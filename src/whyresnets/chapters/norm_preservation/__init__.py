"""Norm preservation (Zaeemzadeh et al. 2021): do skips keep the gradient's norm, and is that why depth works?"""

from whyresnets.chapter import Chapter, larger_arms
from whyresnets.chapters.norm_preservation.arms import AT_START, GRID, LAPTOP, START
from whyresnets.chapters.norm_preservation.claims import CLAIMS, DROPPED, LARGER_CLAIMS

CHAPTER = Chapter(
    name="norm_preservation",
    title="Norm preservation",
    builds_on="{doc}`degradation`; the chain rule for vectors, norms",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger=larger_arms(LAPTOP, LARGER_CLAIMS),
    larger_claims=LARGER_CLAIMS,
    unread=("state_std", "response_std"),
    shown=(*(arm.name for arm in (*START, *AT_START)), "rotate-66", "fold, preserved-66"),
    probes=("residual-1002", "rotate-1002"),
    dropped=DROPPED,
    grid=GRID,
)
