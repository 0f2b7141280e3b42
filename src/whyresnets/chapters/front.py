"""The front page's figure: deep nets of all chapters by what they have and how near the identity they start."""

from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from whyresnets import data, figures
from whyresnets.chapters import elimination, identity_bias, norm_preservation
from whyresnets.spec import Spec

INGREDIENTS = ("skip", "BN")  # what a net may have
NEAR = 0.95  # a cosine: above it, the blocks of a net start near the identity (chosen by us)
IMAGES = 256  # over which that cosine is taken (chosen by us)
# Title -> what a net is called -> its chapter and arm. Of every kind of deep net in these chapters one, and those that
# speak against the rule that nets train which start near the identity.
NETS = {
    "64 blocks, 100 steps (the last two: 200)": {
        "x + f(x), BN in the branch f": (identity_bias.CHAPTER, "residual, BN-64"),
        "the same, BN frozen at the start": (identity_bias.CHAPTER, "frozen BN-64"),
        "x + \u03b1 f(x), \u03b1 = 0 at first (SkipInit)": (identity_bias.CHAPTER, "SkipInit 0, no BN at all-64"),
        "the same, \u03b1 = 1/\u221a64 at first": (identity_bias.CHAPTER, "SkipInit 1/sqrt(d), no BN at all-64"),
        "x + f(x)": (identity_bias.CHAPTER, "residual, no BN at all-64"),
        "(x + f(x)) / \u221a2": (identity_bias.CHAPTER, "rescaled, no BN at all-64"),
        "(x + f(x)) / \u221a2, BN in the branch": (identity_bias.CHAPTER, "BN, rescaled-64"),
        "BN(x + f(x))": (identity_bias.CHAPTER, "BN after the sum-64"),
        "f(x), BN in every layer": (identity_bias.CHAPTER, "plain, BN-64"),
        "rotations and absolute values": (norm_preservation.CHAPTER, "fold, preserved-66"),
        "rotations alone (a linear function)": (norm_preservation.CHAPTER, "rotate, preserved-66"),
    },
    "20 layers, 300 steps, size of the signal preserved": {
        "identity skips, small branches": (elimination.CHAPTER, "small branches"),
        "no skip, weights near the identity": (elimination.CHAPTER, "near-identity, plain"),
        "the same skip for all units": (elimination.CHAPTER, "one skip for all"),
        "identity skips": (elimination.CHAPTER, "identity, preserved"),
        "no skip": (elimination.CHAPTER, "plain, preserved"),
        "orthogonal skips": (elimination.CHAPTER, "orthogonal, preserved"),
        "no skip, tanh in place of ReLU": (elimination.CHAPTER, "plain, tanh"),
    },
}


def block_cosine(spec: Spec, seed: int = 0) -> float:
    """How alike what enters and what leaves a block are before training; 1: the same direction.

    The median over blocks of the mean cosine over :data:`IMAGES` training images. Source: ours.
    """
    from torch.nn.functional import cosine_similarity

    from whyresnets.training.start import begin

    begun = begin(spec, seed, data.load(spec.task.data))
    running = begun.running if spec.net.norm == "frozen" else None
    states = begun.net.states(begun.params, begun.train_set[0][:IMAGES], running=running)
    return float(np.median([float(cosine_similarity(*pair, dim=1).mean()) for pair in pairwise(states)]))


def has(spec: Spec) -> tuple[bool, bool]:
    """Which of :data:`INGREDIENTS` a net has; BN counts if it stands in the blocks."""
    return spec.net.rule != "plain", spec.net.norm != "none"


def answer_so_far() -> Figure:
    """Deep nets by what they have and how near the identity they start, beside whether they train."""
    chapters = {chapter for nets in NETS.values() for chapter, _ in nets.values()}
    recorded = {chapter: chapter.recorded() for chapter in chapters}
    groups = {
        title: [
            figures.Net(label, has(spec := chapter.specs()[arm]), block_cosine(spec), recorded[chapter][arm])
            for label, (chapter, arm) in nets.items()
        ]
        for title, nets in NETS.items()
    }
    return figures.ingredients(groups, INGREDIENTS, NEAR)
