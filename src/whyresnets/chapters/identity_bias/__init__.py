"""Identity bias (De & Smith 2020): does batch normalisation make residual blocks small, and is that why depth works?

And an equivalence that only normalised nets have (Li & Arora 2020).
"""

from whyresnets.chapter import Chapter, larger_arms
from whyresnets.chapters.identity_bias.arms import GRID, LAPTOP
from whyresnets.chapters.identity_bias.claims import CLAIMS, DROPPED, LARGER_CLAIMS

CHAPTER = Chapter(
    name="identity_bias",
    title="Identity bias",
    builds_on="{doc}`degradation`; the variance of a sum",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger=larger_arms(LAPTOP, LARGER_CLAIMS),
    larger_claims=LARGER_CLAIMS,
    shown=("constant", "BN, rescaled, untrained"),
    dropped=DROPPED,
    compact=True,
    # What must be equal to the last bits; and what is read before training, where sizes go beyond 32 bits.
    whole=tuple(
        arm.name for arm in LAPTOP if arm.spec.optimiser.precision == "float64" or not arm.spec.optimiser.steps
    ),
    probes=("SkipInit 0, no BN at all-1000",),
    grid=GRID,
)
