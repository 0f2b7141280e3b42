"""Sentences whose numbers come from a record."""

from collections.abc import Mapping

from whyresnets.claims.quantities import training_loss
from whyresnets.training.runs import Runs


class Words(str):
    """Markdown whose numbers come from a record; a notebook shows it as text."""

    def _repr_markdown_(self) -> str:
        return str(self)


def mean_losses(recorded: Mapping[str, Runs], *names: str) -> list[float]:
    """Mean training loss of the arms called ``names``, in nats."""
    return [float(training_loss(recorded[name]).mean()) for name in names]
