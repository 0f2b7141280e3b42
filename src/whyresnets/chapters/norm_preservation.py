"""Norm preservation (Zaeemzadeh et al. 2021): do skips keep the gradient's norm, and is that why depth works?

Thresholds were fixed after trials on tuning seeds and before the record was made.
"""

import math
from collections.abc import Callable

import numpy as np

from whyresnets.claims import (
    TRAINED,
    Chapter,
    Claim,
    Condition,
    Effect,
    Test,
    gradient_distance,
    trained,
    training_loss,
)
from whyresnets.training import Runs, Spec

CLOSE = 0.1  # of |r - 1|: a block within a tenth keeps the norm (chosen by us)
CLOSE_TRAINED = 0.15  # the same after training (chosen by us: the weights have grown)
KEPT = 0.01  # of |r - 1|: a hundredth, in every block and at every reading, is exact for us (chosen by us)
HALF_A_DECADE = 0.5  # how much closer 16 times the blocks must come, or a factor of three (chosen by us)
FACTOR_TWO = 0.3  # decades (chosen by us: the smallest factor worth a sentence)
A_TENTH = 0.1  # decades: the smallest change of a norm that we call one (chosen by us)
A_TWENTIETH = 0.05  # of |r - 1|: the same for the mean over blocks (chosen by us)
A_FIFTH = 0.2  # of |r - 1|: what a projection must gain at the transitions (chosen by us)
HALF = 0.5  # of seeds (chosen by us)
SPEED = 0.03  # nats, mean over the run: about a tenth of what the run costs (chosen by us)
FINITE = math.inf  # nats: an arm that need not train, but whose divergence would be no result

# --- The arms: untrained ------------------------------------------------------------------------

BLOCKS = (8, 32, 128, 512)
UNTRAINED = Spec("residual", steps=0, family="dense", widths=(64,), signals=True)
KINDS = {
    "residual": {},
    "residual, small start": {"gain": None},  # 1 / sqrt(L), set below
    "residual, no BN": {"norm": "none"},
    "plain": {"rule": "plain"},
    "fold": {"rule": "plain", "norm": "none", "activation": "abs", "weights": "orthogonal"},
}
# Without BN the signal doubles its variance in every block: at 512 it is more than 32 bits hold.
START = {
    f"{kind}, {blocks} blocks": UNTRAINED.but(
        depth=blocks + 2, **{name: blocks**-0.5 if value is None else value for name, value in change.items()}
    )
    for kind, change in KINDS.items()
    for blocks in BLOCKS
    if not (kind == "residual, no BN" and blocks > 128)
}

# --- The arms: trained --------------------------------------------------------------------------

STEPS, LONGER = 100, 200  # optimiser steps: convolutional and very deep nets; fully connected nets of 66 layers
WATCH = (0, 5, 10, 20, 50, 100)  # steps at which the gradients are read
WORST = 1000.0  # largest over smallest singular value: a perturbation that shows (chosen on tuning seeds)

CONVOLUTIONAL = Spec("residual", 22, steps=STEPS, order="pre", watch=WATCH)
DEEPEST = Spec("residual", 1002, steps=STEPS, family="dense", widths=(32,), watch=(0, STEPS))
DENSE = Spec("plain", 66, steps=LONGER, family="dense", widths=(32,), norm="none", watch=(0, 20, 100, LONGER))
FOLD = DENSE.but(activation="abs", weights="orthogonal")
ROTATE = DENSE.but(activation="linear", weights="orthogonal")

# Arm -> Spec and rate: the best of the recorded grid, arm by arm, by mean training loss; a test compares. Where every
# rate ends at chance the rate does not matter.
RATES = {
    **{f"residual-{depth}": (CONVOLUTIONAL.but(depth=depth), 0.3) for depth in (10, 22, 58, 112)},
    **{f"plain-{depth}": (CONVOLUTIONAL.but(depth=depth, rule="plain"), 0.1) for depth in (10, 22)},
    "plain-58": (CONVOLUTIONAL.but(depth=58, rule="plain"), 0.01),
    "projected-22": (CONVOLUTIONAL.but(project="transitions"), 0.3),
    "projected-58": (CONVOLUTIONAL.but(depth=58, project="transitions"), 0.3),
    "uneven-22": (CONVOLUTIONAL.but(project="transitions", spread=WORST), 0.3),
    "ordinary projected-22": (CONVOLUTIONAL.but(project="ordinary"), 0.3),
    "ordinary uneven-22": (CONVOLUTIONAL.but(project="ordinary", spread=WORST), 0.3),
    "residual-1002": (DEEPEST, 0.3),
    "plain-1002": (DEEPEST.but(rule="plain"), 0.01),
    "plain, no BN-1002": (DEEPEST.but(rule="plain", norm="none"), 0.01),
    "rotate-1002": (DEEPEST.but(rule="plain", norm="none", activation="linear", weights="orthogonal"), 0.0003),
    "rotate-66": (ROTATE, 0.003),
    "rotate, kept-66": (ROTATE.but(project="units"), 0.03),
    "fold-66": (FOLD, 0.01),
    "fold, kept-10": (FOLD.but(depth=10, project="units"), 0.03),
    "fold, kept-66": (FOLD.but(project="units"), 0.1),
    "fold, uneven-66": (FOLD.but(project="units", spread=10.0), 0.01),
    "ReLU, He-66": (DENSE, 0.01),
    "ReLU, orthogonal-66": (DENSE.but(weights="orthogonal"), 0.03),
    "rescaled-66": (DENSE.but(rule="rescaled"), 0.03),
    "residual, small start-66": (DENSE.but(rule="residual", gain=0.125), 0.01),
    "residual-66": (DENSE.but(rule="residual", norm="batch"), 0.3),
    "plain-66": (DENSE.but(norm="batch"), 0.3),
}
TRAINED_ARMS = {arm: spec.but(rate=rate) for arm, (spec, rate) in RATES.items()}
# The learning-rate grids, in steps of about 3: recorded with seeds from 10000 (`whyresnets record --grid --all`).
COARSE, FINE = (0.03, 0.1, 0.3, 1.0), (0.001, 0.003, 0.01, 0.03, 0.1)
GRID_RATES = {
    **dict.fromkeys([arm for arm, (spec, _) in RATES.items() if spec.family == "conv"], COARSE),
    "plain-58": (0.003, 0.01, 0.03, 0.1, 0.3),
    "residual-1002": COARSE,
    "plain-1002": (0.001, 0.01, 0.1),
    "plain, no BN-1002": (0.001, 0.01, 0.1),
    "rotate-1002": (0.00003, 0.0001, 0.0003, 0.001),
    **dict.fromkeys([arm for arm, (spec, _) in RATES.items() if spec.steps == LONGER], FINE),
    "fold, kept-66": (0.003, 0.01, 0.03, 0.1, 0.3),
    "fold, kept-10": (0.003, 0.01, 0.03, 0.1, 0.3),
    "residual-66": (0.03, 0.1, 0.3, 1.0),
    "plain-66": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
}

# The nets that were searched for one that keeps its norms and does not train; and what each does to its
# inputs before it is trained.
SEARCH = tuple(arm for arm in RATES if arm.endswith("-66") and "uneven" not in arm)
AT_START = {f"{arm}, untrained": TRAINED_ARMS[arm].but(steps=0, watch=(), signals=True) for arm in SEARCH}
LAPTOP = {**START, **TRAINED_ARMS, **AT_START}

# --- The readings: one number a seed, shape (S,) ------------------------------------------------


def ratios(runs: Runs, reading: int = -1) -> np.ndarray:
    """r_l = ||dE/dx_(l-1)|| / ||dE/dx_l|| of each block, dimensionless (S, L); 1: the block keeps the norm.

    Of an untrained net, or at the ``reading``-th watched step: -1 is the end, 0 the start. Source: the
    quantity that Zaeemzadeh et al. 2021 bound, block by block.
    """
    watched = "watched_gradient_norm" in runs.arrays
    norms = runs["watched_gradient_norm"][:, reading] if watched else runs["state_gradient_norm"]
    return norms[:, :-1] / norms[:, 1:]


def mean_distance(runs: Runs) -> np.ndarray:
    """Mean over blocks of |r_l - 1|, dimensionless (S,). Source: ours, after Zaeemzadeh et al. 2021."""
    return np.abs(ratios(runs) - 1).mean(1)


def distance_through(runs: Runs) -> np.ndarray:
    """Mean of |r_l - 1| over the blocks that are no transitions, at each of the K watched steps, dimensionless (S, K).

    Source: ours, see above. Transitions have no skip in either kind of net, and weigh more in a shallow one.
    """
    distances = [np.abs(ratios(runs, k) - 1) for k in range(len(runs.spec.watch))]
    return np.stack([np.delete(d, _transitions(runs), axis=1).mean(1) for d in distances], axis=1)


def trained_distance(runs: Runs) -> np.ndarray:
    """The same at the end of training, dimensionless (S,). Source: ours, see above."""
    return distance_through(runs)[:, -1]


def last_cosine(runs: Runs) -> np.ndarray:
    """Mean cosine between the last states of two images, dimensionless (S,); 1: the net cannot tell them apart.

    Source: ours, see :func:`whyresnets.measures.state_cosine`.
    """
    return runs["state_cosine"][:, -1]


def largest_distance(runs: Runs) -> np.ndarray:
    """Maximum over blocks of |r_l - 1|, dimensionless (S,): their delta. Source: Zaeemzadeh et al. 2021."""
    return np.abs(ratios(runs) - 1).max(1)


def log10_of(reading: Callable[[Runs], np.ndarray]) -> Callable[[Runs], np.ndarray]:
    """The same reading on a logarithm: differences of it are ratios, in decades."""

    def log10_reading(runs: Runs) -> np.ndarray:
        return np.log10(reading(runs))

    return log10_reading


log10_mean_distance, log10_largest_distance = log10_of(mean_distance), log10_of(largest_distance)
log10_trained_distance = log10_of(trained_distance)


def watched_distance(runs: Runs) -> np.ndarray:
    """Maximum over blocks and all watched steps of |r_l - 1|, dimensionless (S,). Source: ours."""
    return np.max([np.abs(ratios(runs, k) - 1).max(1) for k in range(len(runs.spec.watch))], axis=0)


def end_to_end(runs: Runs) -> np.ndarray:
    """|log10 of ||dE/dx_0|| / ||dE/dx_L||| at the end of training, decades (S,). Source: ours."""
    return np.abs(np.log10(ratios(runs)).sum(1))


def transition_distance(runs: Runs) -> np.ndarray:
    """Mean |r - 1| over the transitions at the end of training, dimensionless (S,). Source: ours, see above."""
    return np.abs(ratios(runs)[:, _transitions(runs)] - 1).mean(1)


def outlying(reading: int) -> Callable[[Runs], np.ndarray]:
    """A reading: log10 of mean |r - 1| over the transitions, relative to the other blocks, in decades (S,).

    Source: ours, for "the transition blocks are the outliers" (Zaeemzadeh et al. 2021).
    """

    def log10_outlying(runs: Runs) -> np.ndarray:
        distance, there = np.abs(ratios(runs, reading) - 1), _transitions(runs)
        return np.log10(distance[:, there].mean(1) / np.delete(distance, there, axis=1).mean(1))

    return log10_outlying


outlying_after, outlying_before = outlying(-1), outlying(0)


def _transitions(runs: Runs) -> list[int]:
    return runs.spec.net((1, 8, 8)).transitions


def mean_loss(runs: Runs) -> np.ndarray:
    """Mini-batch loss, mean over the whole run, nats (S,): small if the net learns early. Source: ours."""
    return runs["curve"].mean(1)


# --- The claims ---------------------------------------------------------------------------------


def _closer(kind: str, reading: Callable, word: str) -> tuple[Condition, ...]:
    """From 8 to 128 blocks the distance falls by a factor of three at least, and is small in the end."""
    few, many = f"{kind}, 8 blocks", f"{kind}, 128 blocks"
    falls = Effect(f"log10 of {word} |r - 1|, {kind}: 128 minus 8 blocks", (many,), (few,), log10_of_reading[reading])
    return Condition(falls, "<", -HALF_A_DECADE, "decades"), _close(kind, reading, word)


log10_of_reading = {mean_distance: log10_mean_distance, largest_distance: log10_largest_distance}


def _close(kind: str, reading: Callable, word: str) -> Condition:
    return Condition(
        Effect(f"{word} |r - 1|, {kind}, 128 blocks", (f"{kind}, 128 blocks",), (), reading), "<", CLOSE, ""
    )


def _end_to_end(kind: str) -> tuple[Condition, ...]:
    few, many = f"{kind}, 8 blocks", f"{kind}, 128 blocks"
    says = f"|log10 of gradient norm, first over last block|, {kind}: 128 minus 8 blocks"
    return (Condition(Effect(says, (many,), (few,), gradient_distance), "<", A_TENTH, "decades"),)


def _closer_trained(deep: str, shallow: str) -> tuple[Condition, ...]:
    falls = Effect(
        f"log10 of mean |r - 1| after training, {deep} minus {shallow}", (deep,), (shallow,), log10_trained_distance
    )
    close = Effect(f"mean |r - 1| after training, {deep}", (deep,), (), trained_distance)
    return Condition(falls, "<", -FACTOR_TWO, "decades"), Condition(close, "<", CLOSE_TRAINED, "")


def _plain_is_worse(depth: int) -> tuple[Condition, ...]:
    plain, residual = f"plain-{depth}", f"residual-{depth}"
    effect = Effect(f"mean |r - 1| after training, {plain} minus {residual}", (plain,), (residual,), trained_distance)
    return (Condition(effect, ">", A_TWENTIETH, ""),)


def _plain_is_worse_end_to_end(depth: int) -> tuple[Condition, ...]:
    plain, residual = f"plain-{depth}", f"residual-{depth}"
    says = f"|log10 of gradient norm, first over last| after training, {plain} minus {residual}"
    return (Condition(Effect(says, (plain,), (residual,), end_to_end), ">", A_TENTH, "decades"),)


def _outliers(arm: str, reading: Callable, when: str) -> tuple[Condition, ...]:
    effect = Effect(f"log10 of |r - 1|, transitions over other blocks, {arm}, {when}", (arm,), (), reading)
    return (Condition(effect, ">", FACTOR_TWO, "decades"),)


def _ratio_mended(arm: str) -> tuple[Condition, ...]:
    effect = Effect(
        f"|r - 1| at the transitions after training, residual-22 minus {arm}",
        ("residual-22",),
        (arm,),
        transition_distance,
    )
    return (Condition(effect, ">", A_FIFTH, ""),)


def _faster(slow: str, fast: str) -> tuple[Condition, ...]:
    effect = Effect(f"mean loss over the run, {slow} minus {fast}", (slow,), (fast,), mean_loss)
    return (Condition(effect, ">", SPEED),)


def _train(arm: str) -> tuple[Condition, ...]:
    effect = Effect(f"fraction of seeds below {TRAINED:g} nats, {arm}", (arm,), (), trained)
    return (Condition(effect, ">", HALF, "of seeds"),)


def _all_train(*arms: str) -> tuple[tuple[str, float], ...]:
    return tuple((arm, TRAINED) for arm in arms)


SKIP_REMOVED = "the skip removed"

CLAIMS = (
    Claim(
        id="ZA-1",
        source="zaeemzadeh2021norm, abstract",
        says="With more residual blocks, the blocks keep the norm of the gradient better: on the mean over blocks.",
        conditions=_closer("residual", mean_distance, "mean"),
        controls=(Test(SKIP_REMOVED, _closer("plain", mean_distance, "mean")),),
        turns_when=Test("without BN, He's weights", _closer("residual, no BN", mean_distance, "mean")),
        rival=Test("no skip: orthogonal layers and absolute values", (_close("fold", mean_distance, "mean"),)),
        trains=tuple(
            (f"{kind}, {blocks} blocks", FINITE)
            for kind in ("residual", "plain", "residual, no BN", "fold")
            for blocks in (8, 128)
        ),
        not_shown="Untrained nets only; their theorem says that a good solution exists, not what a start looks like.",
    ),
    Claim(
        id="ZA-1m",
        source="ours, after zaeemzadeh2021norm, abstract (every block, not the mean)",
        says="With more residual blocks, every single block keeps the norm of the gradient better.",
        conditions=_closer("residual", largest_distance, "largest"),
        controls=(Test(SKIP_REMOVED, _closer("plain", largest_distance, "largest")),),
        rival=Test(
            "branches that start at 1/sqrt(L) of their size",
            _closer("residual, small start", largest_distance, "largest"),
        ),
        not_shown="Which blocks stay away from 1: the figure does, the first ones.",
    ),
    Claim(
        id="ZA-1e",
        source="ours, after zaeemzadeh2021norm, abstract (the way through all blocks)",
        says="With more residual blocks, the norm of the gradient is kept as well from end to end.",
        conditions=_end_to_end("residual"),
        controls=(Test(SKIP_REMOVED, _end_to_end("plain")),),
        rival=Test("branches that start at 1/sqrt(L) of their size", _end_to_end("residual, small start")),
        not_shown="That a norm that grows along the way does any harm.",
    ),
    Claim(
        id="ZA-2",
        source="zaeemzadeh2021norm, abstract; our protocol",
        says="After training, too, the blocks of a deeper residual net keep the norm better: on the mean.",
        conditions=_closer_trained("residual-58", "residual-10"),
        controls=(
            Test(f"{SKIP_REMOVED}: 58 layers, which then hardly train", _closer_trained("plain-58", "plain-10")),
            Test(f"{SKIP_REMOVED}: 22 layers, which do train", _closer_trained("plain-22", "plain-10")),
        ),
        trains=(*_all_train("residual-10", "residual-58", "plain-10", "plain-22"), ("plain-58", FINITE)),
        not_shown="100 steps on small images; transitions are left out here, see ZA-2t.",
    ),
    Claim(
        id="ZA-2p",
        source="common reading of zaeemzadeh2021norm, ours",
        says="A plain net that trains keeps the norm worse than the residual net of its depth: on the mean.",
        conditions=_plain_is_worse(22),
        controls=(Test("10 layers, where depth does no harm", _plain_is_worse(10)),),
        trains=_all_train("plain-22", "residual-22", "plain-10", "residual-10"),
        not_shown="Plain nets that do not train: there, norms stay far off (see the figure).",
        live=False,
    ),
    Claim(
        id="ZA-2e",
        source="common reading of zaeemzadeh2021norm, ours",
        says="A plain net that trains keeps the norm worse than the residual net of its depth: from end to end.",
        conditions=_plain_is_worse_end_to_end(22),
        controls=(Test("10 layers, where depth does no harm", _plain_is_worse_end_to_end(10)),),
        trains=_all_train("plain-22", "residual-22", "plain-10", "residual-10"),
        not_shown="Which of the two matters for learning, if either does.",
    ),
    Claim(
        id="ZA-2t",
        source="zaeemzadeh2021norm, abstract (transition layers); our protocol",
        says="The transition blocks, where the map halves and no skip goes around, are the outliers.",
        conditions=_outliers("residual-22", outlying_after, "after training"),
        controls=(Test(f"{SKIP_REMOVED} everywhere", _outliers("plain-22", outlying_after, "after training")),),
        turns_when=Test("before training", _outliers("residual-22", outlying_before, "before training")),
        trains=_all_train("residual-22", "plain-22"),
        not_shown="Transitions of other kinds: ours are 1x1 convolutions of stride 2, as in the authors' code.",
    ),
    Claim(
        id="ZA-3r",
        source="zaeemzadeh2021norm, abstract; our protocol",
        says="Projecting the transitions to equal singular values (Procrustes) brings their ratios close to 1.",
        conditions=_ratio_mended("projected-22"),
        controls=(Test("as many ordinary kernels projected instead", _ratio_mended("ordinary projected-22")),),
        rival=Test("projected to singular values 1,000 to 1, of the same mean square", _ratio_mended("uneven-22")),
        trains=_all_train("residual-22", "projected-22", "ordinary projected-22", "uneven-22"),
        not_shown="Whether the net gains anything from it: see ZA-3.",
    ),
    Claim(
        id="ZA-3",
        source="zaeemzadeh2021norm, abstract; our protocol",
        says="That projection makes the net learn faster.",
        conditions=_faster("residual-22", "projected-22"),
        controls=(Test("as many ordinary kernels projected instead", _faster("residual-22", "ordinary projected-22")),),
        trains=_all_train("residual-22", "projected-22", "ordinary projected-22"),
        not_shown="What it does in 300 epochs on CIFAR-10, which is what the authors report.",
        live=False,
    ),
    Claim(
        id="ZA-3c",
        source="ours: a perturbation of ZA-3 that can show",
        says="Uneven singular values in the transitions, 1,000 to 1, make the net learn more slowly.",
        conditions=_faster("uneven-22", "projected-22"),
        controls=(
            Test(
                "the same in ordinary kernels, where a skip goes around",
                _faster("ordinary uneven-22", "ordinary projected-22"),
            ),
        ),
        trains=_all_train("uneven-22", "projected-22", "ordinary uneven-22", "ordinary projected-22"),
        not_shown="That unevenness arises by itself: unprojected transitions end far below 1,000 to 1.",
        live=False,
    ),
    Claim(
        id="ZA-4",
        source="zaeemzadeh2021norm, title; our protocol",
        says="A residual net of more than 1,000 layers trains.",
        conditions=_train("residual-1002"),
        controls=(
            Test(SKIP_REMOVED, _train("plain-1002")),
            Test("skip and BN removed", _train("plain, no BN-1002")),
        ),
        rival=Test("no skip, no BN, no ReLU: orthogonal layers", _train("rotate-1002")),
        trains=tuple((arm, FINITE) for arm in ("residual-1002", "plain, no BN-1002", "rotate-1002")),
        not_shown="That 1,002 layers are better than 66; and the rival's net can only be a linear function.",
        live=False,
    ),
    Claim(
        id="ZA-5",
        source="common reading of zaeemzadeh2021norm, ours",
        says="A kept norm is enough: a net whose every block keeps the gradient's norm, at every step, trains.",
        conditions=_train("fold, kept-66"),
        controls=(Test("singular values 10 to 1, so that norms are not kept", _train("fold, uneven-66")),),
        given=Test(
            "norms are kept, in every block and at every reading",
            tuple(
                Condition(Effect(f"largest |r - 1| at any time, {arm}", (arm,), (), watched_distance), "<", KEPT, "")
                for arm in ("fold, kept-66", "rotate, kept-66")
            ),
        ),
        trains=_all_train("fold, kept-10", "rotate, kept-66"),
        not_shown="What the folding net lacks; that its states grow alike is a clue, not a proof.",
    ),
)

# --- Larger scales: planned; the rates are those of the laptop, not tuned there -----------------


def larger(spec: Spec, steps: int, width: int) -> Spec:
    """The same Spec on CIFAR-10: so many times the ``steps``, He et al.'s widths or so many times the ``width``.

    Batch 128 and augmentation as in He et al. 2015, section 4.2, where a net is trained; the rest chosen by us.
    """
    dense = spec.family == "dense"
    return spec.but(
        data="cifar10",
        batch=128,
        augment=spec.steps > 0,
        widths=tuple(width * w for w in spec.widths) if dense else (16, 32, 64),
        steps=steps * spec.steps,
        watch=tuple(steps * step for step in spec.watch),
    )


LARGER = {
    "workstation": {arm: larger(spec, 4, 2) for arm, spec in LAPTOP.items()},
    "paper": {arm: larger(spec, 640, 4) for arm, spec in LAPTOP.items()},
}

CHAPTER = Chapter(
    name="norm_preservation",
    title="Norm preservation",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger=LARGER,
    shown=(*START, *AT_START, "rotate-66", "fold, kept-66"),
    probes=("residual-1002", "projected-22", "residual-112"),
    grid={arm: tuple(RATES[arm][0].but(rate=rate) for rate in rates) for arm, rates in GRID_RATES.items()},
)

# --- Self-checks of the exercises ---------------------------------------------------------------


def check_growth(answer: float | None) -> str:
    """Exercise 1: log10 of the end-to-end growth that the law predicts at 128 blocks, in decades; a sentence back."""
    if answer is None:
        return "Not answered yet."
    recorded = CHAPTER.recorded()
    layer = float(np.square(ratios(recorded["plain, 128 blocks"])).mean())
    measured = float(gradient_distance(recorded["residual, 128 blocks"]).mean())
    if abs(answer - layer / 2 * math.log10(128)) < 0.1:
        return f"Right: {answer:.2f} decades predicted, {measured:.2f} measured in the record."
    return "Not yet: c is the mean of r squared in the plain net; the product of all r is about L to the power c / 2."


def check_folding(answer: Runs | None) -> str:
    """Exercise 2: runs of the folding net with 22 layers, otherwise like "fold, kept-66"; a sentence back."""
    if answer is None:
        return "Not answered yet."
    if not isinstance(answer, Runs):
        return 'Not yet: hand over the runs of one arm, such as sweeps.run(...)["mine"].'
    if answer.spec != LAPTOP["fold, kept-66"].but(depth=22):
        return "Not yet: change the depth to 22, and nothing else."
    if len(answer.seeds) < 5:
        return "Not yet: fewer than five seeds say little. Run seeds 0 to 4."
    recorded, loss = CHAPTER.recorded(), float(np.mean(training_loss(answer)))
    low, high = (float(np.mean(training_loss(recorded[f"fold, kept-{depth}"]))) for depth in (10, 66))
    if low < loss < high:
        return f"Right: {loss:.2f} nats, between {low:.2f} at 10 layers and {high:.2f} at 66."
    return f"Unexpected: {loss:.2f} nats is not between 10 and 66 layers. Please report it."
