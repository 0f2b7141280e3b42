"""What the chapter reads off its nets beside their losses: where a grown net starts."""

import numpy as np

from whyresnets.claims.effects import nats, quantity
from whyresnets.training.runs import Runs


@quantity("directions that reach the last state, before training")
def directions(runs: Runs) -> np.ndarray:
    """How many directions of the first state reach the last before training, of D (S,).

    See :func:`whyresnets.measures.jacobian.directions`. Source: ours.
    """
    return runs["directions"][:, 0]


@quantity("training loss before growing", nats)
def shallow_loss(runs: Runs) -> np.ndarray:
    """Training loss of the shallower net from which a net is grown, at its end, in nats (S,).

    Source: He et al. 2015, section 1: the counterpart of the "solution by construction".
    """
    return runs["shallow_loss"]


@quantity("training loss at the start", nats)
def grown_loss(runs: Runs) -> np.ndarray:
    """Training loss of a grown net before it is trained itself, in nats (S,).

    Without noise it is that of the shallower net. Source: ours, for the same.
    """
    return runs["grown_loss"]
