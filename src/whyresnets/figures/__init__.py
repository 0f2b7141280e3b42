"""Draws what the store holds; computes nothing but a mean and a band.

One thin line a seed, the mean on top, the printed 99% band behind. The colour of an arm comes from its kind.
"""

from whyresnets.figures.blocks import block_ratios, on_the_way_back, profiles, signals, signals_on_the_way
from whyresnets.figures.curves import equality, loss_curves, through_training
from whyresnets.figures.depth import by_net, curves_then_budgets
from whyresnets.figures.drawn import drawn_blocks
from whyresnets.figures.rows import Net, final_losses, ingredients, nets, strips
from whyresnets.figures.singular import counts, paths, planes, ranks, shares, thresholds
from whyresnets.figures.slider import by_depth
from whyresnets.figures.trends import against, by_blocks, clouds, losses_against

__all__ = [
    "Net", "against", "block_ratios", "by_blocks", "by_depth", "by_net", "clouds", "counts", "curves_then_budgets",
    "drawn_blocks", "equality", "final_losses", "ingredients", "loss_curves", "losses_against",
    "nets", "on_the_way_back", "paths", "planes", "profiles", "ranks", "shares", "signals", "signals_on_the_way",
    "strips", "thresholds", "through_training",
]  # fmt: skip
