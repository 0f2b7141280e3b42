"""What only the chapter's page needs: lines and panels of its figures, laws, checks of its exercises."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from whyresnets import exercises
from whyresnets.chapters.identity_bias import CHAPTER
from whyresnets.chapters.identity_bias.arms import BATCH_RATES, MAPPED, NETS, RATED, SLOW, name_of, rates_of
from whyresnets.chapters.identity_bias.claims import (
    BARE_PLAIN_START,
    BARE_START,
    BN_START,
    CIRCULAR,
    PLAIN_START,
    SUM_START,
    ZEROS,
)
from whyresnets.chapters.identity_bias.effects import branch_over_skip, growth, growth_so_far, variance
from whyresnets.claims.quantities import gradient_ratios
from whyresnets.training.runs import Runs

LINES = {"BN in the branch": BN_START, "BN after the sum": SUM_START, "BN, rescaled": "BN, rescaled, untrained"}
PADDED = {
    "residual": BARE_START,
    "plain (control)": BARE_PLAIN_START,
    "convolutions, circular padding": CIRCULAR,
    "convolutions, zero padding": ZEROS,
}
DOUBLING = {"Factor of the variance, first 14 blocks": (growth, {"2": lambda _: 2.0})}
_PANELS = {
    "BN in the blocks, or the skip": (
        "residual, BN",
        "residual, head BN only",
        "plain, BN",
        "plain, head BN only",
    ),
    "Instead of BN": ("frozen BN", "SkipInit 0", "SkipInit 0, no BN at all"),
    "No small branches": ("BN, rescaled", "BN after the sum", "rescaled"),
}
BY_DEPTH = {
    title: {net: {blocks: name_of(net, blocks) for blocks in NETS[net].tuned} for net in nets}
    for title, nets in _PANELS.items()
}
BY_START = {
    "256 blocks, SkipInit: the scalar starts at": {
        "0": "SkipInit 0-256",
        "1/d": "SkipInit 1/d-256",
        "d^-1/2": "SkipInit 1/sqrt(d)-256",
        "d^-3/8": "SkipInit d^-3/8-256",
        "d^-1/4": "SkipInit d^-1/4-256",
        "d^-1/4, BN in the branch": "BN, d^-1/4-256",
    },
    "64 blocks, 100 steps or (x5) 500": {
        label: arm
        for net, slow in SLOW.items()
        for label, arm in ((net, name_of(net, 64)), (f"{net} x5", slow.arm.name))
    },
    "Convolutional": {f"{net}, {blocks} blocks": mapped.arm.name for (net, blocks), mapped in MAPPED.items()},
}
BY_RATE = {
    f"Batches of {batch}": {
        name: dict(zip(rates, rates_of(name, batch), strict=True))
        for name, (_, batches) in RATED.items()
        if batch in batches
    }
    for batch, rates in BATCH_RATES.items()
}
CURVES = {
    "constant rate": "not growing",
    "the rate grows by a tenth a step": "growing",
    "the same, all trained": "growing, all trained",
}
PAIRS = {
    "larger root": ("decay", "exponential"),
    "smaller root": ("decay", "exponential, smaller root"),
    "no root: the formula without momentum": ("decay", "exponential, formula without momentum"),
    "no decay, constant rate": ("decay", "constant"),
    "larger root, head trained": ("decay, head trained", "exponential, head trained"),
}


def laws(recorded: Mapping[str, Runs]) -> dict[str, tuple[Callable, dict[str, Callable]]]:
    """Four readings of an untrained net, each with its law, a function of the block l (L,).

    Title -> reading, and label -> law; c is that of the recorded plain net. Source: ours, from De & Smith 2020.
    """
    c = float(np.square(gradient_ratios(recorded[PLAIN_START])).mean())
    return {
        "Variance on the skip": (variance, {"l + 1": lambda block: block + 1}),
        "Branch over skip, q": (branch_over_skip, {"1/√l": lambda block: block**-0.5}),
        "Gradient ratio r": (gradient_ratios, {"√(1 + c/l)": lambda block: np.sqrt(1 + c / block)}),
        "Growth so far": (growth_so_far, {"√(l + 1)": lambda block: np.sqrt(block + 1)}),
    }


def check_variance(answer: Any) -> str:
    """Exercise 1: log10 of the variance that 256 blocks with alpha = 256^(-1/4) make of 1; a sentence back."""
    right = f"{{:.2f}} decades of variance; with the power 1/2 it would be {math.log10(math.e):.2f}."
    hint = "each block multiplies the variance by 1 + alpha^2, and there are 256 of them."
    return exercises.check_number(answer, 256 * math.log10(1 + 256**-0.5), 0.1, right, hint)


def check_half(answer: Any) -> str:
    """Exercise 2: runs of "BN, rescaled" with 32 blocks, otherwise like 64; a sentence back."""
    recorded = CHAPTER.recorded()
    ends = {f"{blocks} blocks": recorded[f"BN, rescaled-{blocks}"] for blocks in (16, 64)}
    return exercises.check_between(answer, CHAPTER.specs()["BN, rescaled-64"].but(depth=34), "the depth to 34", ends)


def check_design(answer: Any) -> str:
    """Exercise 3: which of the two nets is worth running, "small branches" or "whole shortcuts"; a sentence back."""
    why = "every reader of its sum begins with BN, so in what does it differ from BN, rescaled?"
    return exercises.check_choice(answer, "small branches", {"whole shortcuts": why})
