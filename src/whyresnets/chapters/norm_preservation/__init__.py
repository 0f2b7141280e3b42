"""Norm preservation (Zaeemzadeh et al. 2021): do skips keep the gradient's norm, and is that why depth works?"""

from whyresnets.chapter import Arm, Chapter, larger
from whyresnets.chapters.norm_preservation.arms import AT_START, GRID, LAPTOP, START
from whyresnets.chapters.norm_preservation.claims import CLAIMS, DROPPED, LARGER_CLAIMS

_BY_NAME = {arm.name: arm for arm in LAPTOP}

CHAPTER = Chapter(
    name="norm_preservation",
    title="Norm preservation",
    builds_on="{doc}`degradation`; the chain rule for vectors, norms",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger={
        scale: tuple(
            Arm(name, larger(_BY_NAME[name].spec, scale), _BY_NAME[name].kind)
            for name in dict.fromkeys(name for claim in claims for name in claim.arms)
        )
        for scale, claims in LARGER_CLAIMS.items()
    },
    larger_claims=LARGER_CLAIMS,
    unread=("state_std", "response_std"),
    shown=(*(arm.name for arm in (*START, *AT_START)), "rotate-66", "fold, preserved-66"),
    probes=("residual-1002", "rotate-1002"),
    dropped=DROPPED,
    grid=GRID,
)
