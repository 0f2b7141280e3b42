"""Do skips help because they eliminate singularities? (Orhan & Pitkow 2018, second half.)

The paper's experiments as recalled (its body was not at hand), in nets of 20 hidden layers of 32 units, and with the
size of the signal in one's own hands. Every protocol is ours.
"""

from whyresnets.chapter import Chapter
from whyresnets.chapters.elimination.arms import EXACT, GRID, LAPTOP
from whyresnets.chapters.elimination.claims import CLAIMS, DROPPED
from whyresnets.chapters.elimination.effects import tuning_loss

CHAPTER = Chapter(
    name="elimination",
    title="Do skips help because they eliminate singularities?",
    builds_on="{doc}`singularities`; correlation",
    claims=CLAIMS,
    laptop=LAPTOP,
    probes=("orthogonal, vanishing", "orthogonal, exploding", "4 distinct", "BiasReg, as it comes", "orthogonal, tanh"),
    dropped=DROPPED,
    tuned_by=tuning_loss,
    compact=True,
    whole=tuple(arm.name for arm in EXACT),
    grid=GRID,
)
