"""What the chapter reads off its nets beside losses: what a construction adds."""

import numpy as np

from whyresnets.claims.effects import Quantity, nats, quantity
from whyresnets.claims.quantities import training_loss
from whyresnets.training.runs import Runs


def added_by_extension(depth: int) -> Quantity:
    """How much higher the training loss is after extending a net by identity units to ``depth`` layers, nats (S,).

    Source: the "solution by construction" of He et al. 2015, section 1.
    """

    @quantity(f"training loss added by identity layers up to {depth}", nats)
    def added(runs: Runs) -> np.ndarray:
        return runs[f"extension_{depth}_train_loss"] - training_loss(runs)

    return added
