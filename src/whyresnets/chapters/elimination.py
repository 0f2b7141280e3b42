"""Do skips help because they eliminate singularities? (Orhan & Pitkow 2018, second half.)

The paper's experiments as recalled (its body was not at hand), in nets of 20 hidden layers of 32 units, and with the
size of the signal in one's own hands. Every protocol is ours. Claims were fixed after trials on tuning seeds and before
the record was made; the page says which of them were changed afterwards.
"""

from collections.abc import Callable, Mapping

import numpy as np

from whyresnets import report
from whyresnets.claims import Chapter, Claim, Condition, Effect, Test, eigenvalue_share, gauss_newton_zeros
from whyresnets.training import Runs, Spec

SLOWER = 0.3  # nats of mean loss on the way: a difference of two nets that we call one (chosen by us)
CLOSE = 0.1  # nats of mean loss on the way; decades of size: as good as equal (chosen by us)
A_LITTLE = 0.05  # nats of mean loss on the way; of all units: a small difference, and one (chosen by us)
MATCHED = 0.2  # of activations: as many are active (chosen by us)
ALIVE = 1.5  # nats: what the final loss of a net must beat to be compared (chosen by us)
BELOW_CHANCE = 2.28  # nats: the same for nets that learn slowly (chosen by us)
A_DECADE = 1.0  # of gradients: what we call decaying, or not flat (chosen by us)
LINKED = 0.3  # rank correlation: runs of which one knows little if it is smaller (chosen by us)
SAME_STEPS = -9.0  # log10 of nats: two curves that are one but for rounding in 64 bits (chosen by us)
OTHER_STEPS = -3.0  # log10 of nats: two curves that are not (chosen by us)
MORE = 0.15  # of all eigenvalues: a difference of two nets that we call one (chosen by us)
MOST_OF_FOUR = 2.5  # eigenvalues: of one for each weight out of a unit; LN may have one of them anyway (see the page)
HALF_A_MODE = 0.5  # eigenvalues; counts are whole numbers: none or at least one
MANY = 20  # seeds of a reader's own run, where a seed takes a moment (chosen by us)

# --- The arms: skip crossed with the size of the signal -----------------------------------------

READ_AT = (0, 22, 300)  # steps: the start, one epoch, the end (chosen by us)
START = 0  # of those, counted from 0
EPOCH = 1  # of those
END = -1  # of those
BASE = Spec(
    "plain",
    21,
    steps=READ_AT[END],
    data="digits",
    family="skip",
    widths=(32,),
    norm="none",
    weights="glorot",
    weight_decay=0.0,
    schedule="constant",
    warmup=0.0,
    watch=READ_AT,
)
SIZES = {"vanishing": 0.7, "kept": 1.0, "exploding": 1.4}  # of a state over the one before, at the start
SMALL = 0.3  # of Glorot's size: small branches (chosen by us)
NETS: dict[str, dict] = {
    "plain": {},
    "identity": {"rule": "residual"},
    "orthogonal": {"rule": "residual", "skip": "orthogonal"},
}
CROSS_RATES = {
    "plain": {"vanishing": 0.03, "kept": 0.003, "exploding": 3e-5},
    "identity": {"vanishing": 0.3, "kept": 0.03, "exploding": 1e-3},
    "orthogonal": {"vanishing": 0.1, "kept": 0.03, "exploding": 1e-4},
}
KEPT = {"forward_gain": 1.0}
CROSS = {
    f"{net}, {size}": BASE.but(rate=CROSS_RATES[net][size], forward_gain=gain, **change)
    for size, gain in SIZES.items()
    for net, change in NETS.items()
}
AS_IT_COMES = {
    "plain, as it comes": BASE.but(rate=0.03),
    "identity, as it comes": BASE.but(rule="residual", rate=3e-4),
}
OTHERS = {
    "small branches": BASE.but(rule="residual", gain=SMALL, rate=0.1, **KEPT),
    "small weights, plain": BASE.but(gain=SMALL, rate=3e-4, **KEPT),
    "near-identity, plain": BASE.but(weights="identity", rate=0.01, **KEPT),
    "one skip for all": BASE.but(rule="residual", skip="common", rate=0.3, **KEPT),
}

# --- The arms: skips of other kinds -------------------------------------------------------------

COPIES = {"1 distinct": (1, 3e-4), "4 distinct": (4, 0.003), "16 distinct": (16, 0.01)}  # skip vectors, and rate
SKIPS = {
    **{
        name: BASE.but(rule="residual", skip="copies", distinct=n, rate=rate, **KEPT)
        for name, (n, rate) in COPIES.items()
    },
    "4 distinct, whitened": BASE.but(rule="residual", skip="whitened", distinct=4, rate=0.01, **KEPT),
    "4 distinct, turned": BASE.but(rule="residual", skip="turned", distinct=4, rate=0.003, **KEPT),
    "gaussian": BASE.but(rule="residual", skip="gaussian", rate=0.01, **KEPT),
    "plain, tanh": BASE.but(activation="tanh", rate=0.003, **KEPT),
    "identity, tanh": BASE.but(rule="residual", activation="tanh", rate=0.03, **KEPT),
    "orthogonal, tanh": BASE.but(rule="residual", skip="orthogonal", activation="tanh", rate=0.03, **KEPT),
}

# --- The arms: a start that cancels the skip ----------------------------------------------------

CANCELLED = {
    "cancelled, as it comes": BASE.but(rule="residual", cancelled="own", rate=0.03),
    "cancelled, kept": BASE.but(rule="residual", cancelled="own", rate=0.1, **KEPT),
    "next taken off, kept": BASE.but(rule="residual", cancelled="next", rate=0.03, **KEPT),
}
EXACT = {
    f"{net}, 64 bits": BASE.but(rate=0.03, precision="float64", **change)
    for net, change in {
        "plain": {},
        "cancelled inside": {"rule": "inside", "cancelled": "own"},
        "cancelled": {"rule": "residual", "cancelled": "own"},
    }.items()
}

# --- The arms: biases that break symmetries -----------------------------------------------------

PULL = 1.0  # of the squared distance of a bias from its target: it gets there within some steps (chosen by us)
TARGET = 0.3  # mean of the targets, and their spread, where they have one (chosen by us)
TARGETS = {  # mean and spread; rate with the signal as it comes, and kept
    "BiasL2": (0.0, 0.0, 0.03, 0.003),
    "BiasReg": (TARGET, TARGET, 0.01, 0.003),
    "equal targets": (TARGET, 0.0, 0.01, 0.003),
    "targets about zero": (0.0, TARGET, 0.03, 0.003),
}
BIASES = {
    f"{name}, {size}": BASE.but(
        rate=rate, bias_pull=PULL, bias_mean=mean, bias_spread=spread, forward_gain=1.0 if size == "kept" else None
    )
    for name, (mean, spread, *rates) in TARGETS.items()
    for size, rate in zip(("as it comes", "kept"), rates, strict=True)
}

# --- The arms: a hundred nets -------------------------------------------------------------------

DRAWS = range(5)  # initialisations of each seed: 20 seeds make 100 nets


def drawn(net: str, draw: int) -> str:
    """The name of the arm of a ``net`` with another initialisation; draw 0 is the net itself."""
    return f"{net}, draw {draw}" if draw else net


PLAIN = "plain, as it comes"
HUNDRED = {net: tuple(drawn(net, draw) for draw in DRAWS) for net in (PLAIN, "plain, kept", "identity, kept")}
DRAWN = {drawn(net, draw): (AS_IT_COMES | CROSS)[net].but(draw=draw) for net in HUNDRED for draw in DRAWS if draw}

# --- The arms: normalisation --------------------------------------------------------------------

NORMALISED = {
    "BN, plain": BASE.but(norm="batch", rate=0.03, **KEPT),
    "LN, plain": BASE.but(norm="layer", rate=0.003, **KEPT),
    "BN, identity": BASE.but(norm="batch", rule="residual", rate=0.1, **KEPT),
}
NOWHERE = "nowhere near"
POINTS = (NOWHERE, "elimination", "overlap", "mirror")
TINY = Spec(
    "plain",
    3,
    steps=0,
    data="gaussian-4",
    family="skip",
    widths=(4,),
    norm="none",
    activation="tanh",
    weights="orthogonal",
    gain=2.0,
    targets="teacher",
    precision="float64",
    spectra=(0,),
)
COUNTED: dict[str, dict] = {
    "plain": {},
    "BN, plain": {"norm": "batch"},
    "LN, plain": {"norm": "layer"},
    "identity": NETS["identity"],
}
COUNTS = {
    f"{net} at {point}": TINY.but(point="" if point == NOWHERE else point, **change)
    for net, change in COUNTED.items()
    for point in POINTS
}
DEEP = Spec(
    "plain",
    11,
    rate=0.01,
    steps=25,
    data="digits-4x4",
    family="skip",
    widths=(10,),
    norm="none",
    weights="glorot",
    weight_decay=0.0,
    schedule="constant",
    warmup=0.0,
    spectra=(25,),
)
SPECTRA = {
    f"{net}: spectrum": DEEP.but(**change, **KEPT)
    for net, change in {
        "plain, kept": {},
        "identity, kept": NETS["identity"],
        "orthogonal, kept": NETS["orthogonal"],
        "BN, plain": {"norm": "batch"},
        "LN, plain": {"norm": "layer"},
    }.items()
}

TRAINED = {**CROSS, **AS_IT_COMES, **OTHERS, **SKIPS, **CANCELLED, **BIASES, **NORMALISED}
LAPTOP = {**TRAINED, **EXACT, **DRAWN, **COUNTS, **SPECTRA}
GRID_RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0)


def _rates(spec: Spec) -> tuple[float, ...]:
    """The rates of an arm's recorded grid: its own, the next lower and the next higher."""
    at = GRID_RATES.index(spec.rate)
    return GRID_RATES[max(at - 1, 0) : at + 2]


# --- Readings -----------------------------------------------------------------------------------


def mean_loss(runs: Runs) -> np.ndarray:
    """Mean of the mini-batch loss over all steps, none counted above chance, in nats (S,).

    Low where a net learns fast, and far; a diverged seed is at chance from there on. Source: the "mean training
    accuracy" over training of Orhan and Pitkow 2018, as recalled; the cap is ours.
    """
    return runs["watched_capped_curve"][:, END].astype(float)


def outcome(runs: Runs) -> np.ndarray:
    """By which rates are compared: :func:`mean_loss`, in nats (S,), infinite for a diverged seed.

    So that a rate at which a seed is lost is never the best. Source: ours.
    """
    return np.where(runs.finished, mean_loss(runs), np.inf)


def _of_finished(runs: Runs, values: np.ndarray) -> np.ndarray:
    return np.where(runs.finished, values.astype(float), np.nan)


def log10_growth(runs: Runs) -> np.ndarray:
    """log10 of the last state's size over the first's, before training, dimensionless (S,).

    Source: ours, see :func:`whyresnets.measures.size`.
    """
    sizes = runs["watched_size"][:, START].astype(float)
    return np.log10(sizes[:, -1] / sizes[:, 0])


def off_size(runs: Runs) -> np.ndarray:
    """|:func:`log10_growth`|: decades away from a size that is kept, dimensionless (S,) (ours)."""
    return np.abs(log10_growth(runs))


def log10_gradient(runs: Runs) -> np.ndarray:
    """log10 of ||dE/dx|| at the first state over the last, before training, dimensionless (S,).

    Below 0 it decays on its way back. Source: the gradient norms of Orhan and Pitkow 2018, as recalled.
    """
    norms = runs["watched_gradient_norm"][:, START].astype(float)
    return np.log10(norms[:, 0] / norms[:, -1])


def off_gradient(runs: Runs) -> np.ndarray:
    """|:func:`log10_gradient`|: decades away from flat, dimensionless (S,) (ours)."""
    return np.abs(log10_gradient(runs))


def over_layers(what: str, when: int) -> Callable[[Runs], np.ndarray]:
    """A reading of one arm: a measure of :func:`whyresnets.measures.by_layer`, mean over layers, dimensionless (S,).

    ``when`` is one of :data:`START`, :data:`EPOCH`, :data:`END`. Source: ours.
    """

    def reading(runs: Runs) -> np.ndarray:
        return _of_finished(runs, runs[f"watched_{what}"][:, when].mean(1))

    return reading


def log10_apart(first: Runs, second: Runs) -> np.ndarray:
    """log10 of the largest difference, in nats, of two loss curves over the first ten steps (S,).

    Curves that are equal to the last bit count as one rounding in 64 bits apart. Source: ours, for "step for step".
    """
    apart = np.abs(first["curve"][:, :10].astype(float) - second["curve"][:, :10]).max(1)
    return np.log10(np.maximum(apart, np.finfo(float).eps))


def degenerate_after_an_epoch(runs: Runs) -> np.ndarray:
    """Degenerate share of the Gauss-Newton matrix after an epoch, dimensionless (S,).

    Source: see :func:`whyresnets.claims.eigenvalue_share`.
    """
    return eigenvalue_share(runs, "gauss_newton_degenerate")[:, 0]


def zeros_added(there: Runs, elsewhere: Runs) -> np.ndarray:
    """Zero eigenvalues of the Gauss-Newton matrix at a point, beyond those elsewhere, dimensionless (S,) (ours)."""
    return gauss_newton_zeros(there) - gauss_newton_zeros(elsewhere)


def linked(what: str, when: int, shuffled: bool = False) -> Callable[..., np.ndarray]:
    """A reading of many arms: how their mean losses go with ``what`` over the layers, dimensionless (S,).

    One number a seed, the mean over its draws of the product of two standardised ranks among all nets, so that
    the mean over the seeds is Spearman's rank correlation over all of them; above 0: nets with more of it learn worse.
    ``shuffled``: each net's loss beside what the other draws of its seed have, on average: labels of runs exchanged
    within a seed, so that what the order of examples does remains. Source: Orhan and Pitkow 2018 compare their best and
    worst runs, as recalled; ranks are ours.
    """

    def reading(*runs: Runs) -> np.ndarray:
        losses = _ranks(np.stack([mean_loss(r) for r in runs], 1))
        values = _ranks(np.stack([over_layers(what, when)(r) for r in runs], 1))
        if shuffled:
            values = (values.sum(1, keepdims=True) - values) / (len(runs) - 1)
        return (losses * values).mean(1)

    return reading


def faded(*runs: Runs) -> np.ndarray:
    """The link of loss and incoming weights after an epoch minus that at the end, dimensionless (S,).

    Above 0: the link is made on the way. Source: ours, see :func:`linked`.
    """
    return linked("incoming_norm", EPOCH)(*runs) - linked("incoming_norm", END)(*runs)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks among all, standardised; NaN everywhere where one is missing."""
    from scipy.stats import rankdata

    if not np.isfinite(values).all():
        return np.full_like(values, np.nan)
    ranks = rankdata(values).reshape(values.shape)
    return (ranks - ranks.mean()) / ranks.std()


# --- What the claims predict --------------------------------------------------------------------

L = "mean loss on the way"
WHEN = {START: "before training", EPOCH: "after an epoch", END: "at the end"}


def _slower(first: str, second: str, by: float = SLOWER, side: str = ">") -> Condition:
    return Condition(Effect(f"{L}: {first} - {second}", (first,), (second,), mean_loss), side, by)


def _read(arm: str, reading: Callable, says: str, side: str, limit: float, unit: str) -> Condition:
    return Condition(Effect(f"{says}, {arm}", (arm,), (), reading), side, limit, unit)


def _gradient(arm: str, side: str) -> Condition:
    return _read(arm, log10_gradient, "log10 of first gradient over last", side, -A_DECADE, "decades")


def _flat(arm: str) -> Condition:
    return _read(arm, off_gradient, "|log10 of first gradient over last|", "<", A_DECADE, "decades")


def _size_kept(*arms: str) -> Test:
    says = "size |log10 of last over first|"
    return Test("the size is kept in all", tuple(_read(a, off_size, says, "<", CLOSE, "decades") for a in arms))


def _goes_with(net: str, what: str, side: str, when: int = END, shuffled: bool = False) -> Condition:
    says = f"{L} with {what.replace('_', ' ')} {WHEN[when]}{', runs exchanged' if shuffled else ''}, {net}"
    limit = LINKED if side == ">" else -LINKED
    return Condition(Effect(says, (HUNDRED[net],), (), linked(what, when, shuffled)), side, limit, "rank correlation")


def _weaker(first: str, second: str, side: str, limit: float = LINKED) -> Condition:
    """How much closer to 0, from below, the link with incoming weights is in the first hundred nets."""
    says = f"{L} with incoming norm at the end: {first} - {second}"
    effect = Effect(says, (HUNDRED[first],), (HUNDRED[second],), linked("incoming_norm", END))
    return Condition(effect, side, limit, "rank correlation")


def _lasts() -> Condition:
    says = f"{L} with incoming norm: after an epoch - at the end, {PLAIN}"
    return Condition(Effect(says, (HUNDRED[PLAIN],), (), faded), "<", LINKED, "rank correlation")


def _adds(net: str, point: str, side: str = ">", limit: float = MOST_OF_FOUR) -> Condition:
    pair = f"{net} at {point}", f"{net} at {NOWHERE}"
    effect = Effect(f"zero modes that {point} adds, {net}", (pair,), (), zeros_added)
    return Condition(effect, side, limit, "eigenvalues")


def _apart(first: str, second: str, limit: float) -> Condition:
    says = f"log10 of nats between curves in ten steps: {first} | {second}"
    return Condition(Effect(says, ((first, second),), (), log10_apart), "<", limit, "")


def _more(first: str, second: str, reading: Callable, what: str, by: float, unit: str) -> Condition:
    return Condition(Effect(f"{what}: {first} - {second}", (first,), (second,), reading), ">", by, unit)


def _fewer_constant(net: str) -> Condition:
    reading = over_layers("constant_share", EPOCH)
    return _more("plain, kept", net, reading, "constant units after an epoch", A_LITTLE, "of all units")


def _more_independent(net: str) -> Condition:
    reading = over_layers("independent_share", EPOCH)
    return _more(net, "plain, kept", reading, "independent share of states after an epoch", A_LITTLE, "")


def _less_degenerate(net: str) -> Condition:
    arms = "plain, kept: spectrum", f"{net}: spectrum"
    says = "degenerate share of the Gauss-Newton matrix after an epoch"
    return _more(*arms, degenerate_after_an_epoch, says, MORE, "of all")


def _as_active(first: str, second: str) -> Test:
    return Test(
        f"as many activations are active in both, within {MATCHED:g}",
        tuple(
            _more(*pair, over_layers("active_share", when), f"active {WHEN[when]}", -MATCHED, "of activations")
            for when in (EPOCH, END)
            for pair in ((first, second), (second, first))
        ),
    )


def _alive(*arms: str) -> tuple[tuple[str, float], ...]:
    """All of them must train, the slow ones below chance: to beat a dead net, or to lose to one, is nothing."""
    return tuple((arm, BELOW_CHANCE if arm in SLOW else ALIVE) for arm in arms)


SLOW = (
    "plain, vanishing",
    "plain, exploding",
    "plain, as it comes",
    "plain, 64 bits",
    "cancelled inside, 64 bits",
    "1 distinct",
    *(f"{name}, as it comes" for name in TARGETS),
)
RECALLED = "orhan2018skip, as recalled; our protocol"
FAIR = "The size is the same forwards only: gradients, and the part that differs between images, are not."

CLAIMS = (
    Claim(
        id="OP-9",
        source=RECALLED,
        says="Before training, gradients decay on their way back through a plain net; with a skip they do not.",
        conditions=(_gradient(PLAIN, "<"), _gradient("identity, as it comes", ">")),
        controls=(Test("the plain net, the size of its states kept by constants", (_gradient("plain, kept", "<"),)),),
        not_shown="Gradients later in training.",
        seeds=MANY,
    ),
    Claim(
        id="OP-9f",
        source="ours, after orhan2018skip",
        says="With an identity skip the gradient at the first layer is as large as at the last, within a decade.",
        conditions=(_flat("identity, as it comes"),),
        controls=(Test("the plain net", (_flat(PLAIN),)),),
        not_shown="Nets with smaller branches.",
        seeds=MANY,
    ),
    Claim(
        id="OP-9k",
        source="ours, after orhan2018skip",
        says="With the size of the signal kept in both nets, the paper's skip, with ReLUs, still speeds up training.",
        conditions=(_slower("plain, kept", "identity, kept"),),
        trains=_alive("plain, kept", "identity, kept", "one skip for all"),
        controls=(Test("the same skip for all units", (_slower("plain, kept", "one skip for all"),)),),
        given=_size_kept("plain, kept", "identity, kept", "one skip for all"),
        not_shown=FAIR,
        seeds=MANY,
    ),
    Claim(
        id="OP-9t",
        source="ours, after orhan2018skip",
        says="With the size kept and tanh units, an identity skip speeds up training.",
        conditions=(_slower("plain, tanh", "identity, tanh"),),
        trains=_alive("plain, tanh", "identity, tanh", "plain, kept", "identity, kept"),
        controls=(Test("with ReLUs", (_slower("plain, kept", "identity, kept"),)),),
        given=_size_kept("plain, tanh", "identity, tanh"),
        not_shown=FAIR,
        live=False,
    ),
    Claim(
        id="OP-9o",
        source="ours, after orhan2018skip",
        says="With the size kept and ReLUs, an orthogonal skip speeds up training.",
        conditions=(_slower("plain, kept", "orthogonal, kept"),),
        trains=_alive("plain, kept", "orthogonal, kept", "one skip for all", "near-identity, plain"),
        controls=(Test("the same skip for all units", (_slower("plain, kept", "one skip for all"),)),),
        given=_size_kept("plain, kept", "orthogonal, kept", "one skip for all"),
        rival=Test("no skip, but a start near the identity", (_slower("plain, kept", "near-identity, plain"),)),
        not_shown=FAIR,
        seeds=MANY,
    ),
    Claim(
        id="OP-9s",
        source="ours, after the small branches of de2020batch",
        says="With the size kept, ReLUs and small branches, an identity skip speeds up training.",
        conditions=(_slower("plain, kept", "small branches"),),
        trains=_alive("plain, kept", "small branches", "small weights, plain", "near-identity, plain"),
        controls=(Test("the small weights without the skip", (_slower("plain, kept", "small weights, plain"),)),),
        given=_size_kept("plain, kept", "small branches", "small weights, plain"),
        rival=Test("no skip, but a start near the identity", (_slower("plain, kept", "near-identity, plain"),)),
        not_shown=FAIR,
        seeds=MANY,
    ),
    Claim(
        id="OP-9x",
        source="ours, after orhan2018skip",
        says="Where the signal explodes forwards as fast in both nets, the paper's skip speeds up training.",
        conditions=(_slower("plain, exploding", "identity, exploding"),),
        trains=_alive("plain, exploding", "identity, exploding", "plain, vanishing"),
        controls=(Test("where it vanishes as fast in both", (_slower("plain, vanishing", "identity, vanishing"),)),),
        not_shown="That either is a good way to build a net.",
        seeds=MANY,
    ),
    Claim(
        id="OP-7",
        source=RECALLED,
        says="The identity is not special: a dense orthogonal skip trains no slower.",
        conditions=(
            _slower("orthogonal, kept", "identity, kept", CLOSE, "<"),
            _slower("orthogonal, tanh", "identity, tanh", CLOSE, "<"),
        ),
        trains=_alive("identity, kept", "orthogonal, kept", "identity, tanh", "orthogonal, tanh", "1 distinct"),
        controls=(Test("a dense skip of one vector", (_slower("1 distinct", "identity, kept", CLOSE, "<"),)),),
        given=_size_kept("identity, kept", "orthogonal, kept", "1 distinct"),
        not_shown="Convolutional nets; skips that are learnt.",
        live=False,
    ),
    Claim(
        id="OP-7r",
        source="ours, after orhan2018skip",
        says="With ReLUs the orthogonal skip trains much faster than the identity.",
        conditions=(_slower("identity, kept", "orthogonal, kept"),),
        trains=_alive("identity, kept", "orthogonal, kept", "identity, tanh", "orthogonal, tanh"),
        controls=(Test("with tanh", (_slower("identity, tanh", "orthogonal, tanh"),)),),
        given=_size_kept("identity, kept", "orthogonal, kept"),
        not_shown="Why: that sums of ReLUs only ever grow, and a rotation mixes them, is our guess.",
        live=False,
    ),
    Claim(
        id="OP-8",
        source=RECALLED,
        says="The fewer distinct skip vectors, the slower the training, at equal size of the signal.",
        conditions=(_slower("1 distinct", "4 distinct"), _slower("4 distinct", "16 distinct")),
        trains=_alive("1 distinct", "4 distinct", "16 distinct", "4 distinct, whitened", "4 distinct, turned"),
        controls=(Test("the same copies, whitened", (_slower("4 distinct, whitened", "16 distinct"),)),),
        given=_size_kept("1 distinct", "4 distinct", "16 distinct", "4 distinct, whitened", "4 distinct, turned"),
        rival=Test("no vector repeated, the same singular values", (_slower("4 distinct, turned", "16 distinct"),)),
        not_shown="Rates: each has its own. Eigenvalues on the unit circle, which the paper has, too.",
        live=False,
    ),
    Claim(
        id="OP-5",
        source=RECALLED,
        says="A skip whose matrix is taken off the initial weights still trains far faster than a plain net.",
        conditions=(_slower(PLAIN, "cancelled, as it comes"), _slower("plain, kept", "cancelled, kept")),
        trains=_alive(
            PLAIN,
            "plain, kept",
            "cancelled, as it comes",
            "cancelled, kept",
            "next taken off, kept",
            "plain, 64 bits",
            "cancelled inside, 64 bits",
        ),
        controls=(
            Test(
                "the same inside the activation, where that makes it the plain net",
                (_slower("plain, 64 bits", "cancelled inside, 64 bits"),),
            ),
        ),
        rival=Test(
            "the next unit's skip taken off, which cancels nothing",
            (_slower("plain, kept", "next taken off, kept"),),
        ),
        not_shown="That it is not the start: most branches start inactive then, and so small.",
        live=False,
    ),
    Claim(
        id="OP-5x",
        source="ours, beside orhan2018skip",
        says="A skip inside the activation, cancelled at the start, follows the plain net step for step.",
        conditions=(_apart("plain, 64 bits", "cancelled inside, 64 bits", SAME_STEPS),),
        trains=_alive("plain, 64 bits"),
        controls=(Test("the skip outside", (_apart("plain, 64 bits", "cancelled, 64 bits", OTHER_STEPS),)),),
        not_shown="All steps: rounding grows; and weight decay would part them.",
        seeds=MANY,
    ),
    Claim(
        id="OP-6",
        source=RECALLED,
        says="In a plain net, biases pulled to different positive targets (BiasReg) help, against biases pulled to 0.",
        conditions=(_slower("BiasL2, as it comes", "BiasReg, as it comes", CLOSE),),
        trains=_alive(
            "BiasL2, as it comes",
            "BiasReg, as it comes",
            "targets about zero, as it comes",
            "equal targets, as it comes",
        ),
        controls=(
            Test(
                "targets as different, about zero",
                (_slower("BiasL2, as it comes", "targets about zero, as it comes", CLOSE),),
            ),
        ),
        given=_as_active("BiasL2, as it comes", "BiasReg, as it comes"),
        rival=Test(
            "the same positive target for all units",
            (_slower("BiasL2, as it comes", "equal targets, as it comes", CLOSE),),
        ),
        not_shown="That they help much against biases left alone. Gentle pulls: ours are strong.",
        live=False,
    ),
    Claim(
        id="OP-6s",
        source="ours, after orhan2018skip",
        says="What helps in BiasReg is that targets differ between units, which breaks the symmetry.",
        conditions=(_slower("equal targets, as it comes", "BiasReg, as it comes", CLOSE),),
        trains=_alive(
            "equal targets, as it comes",
            "BiasReg, as it comes",
            "BiasL2, as it comes",
            "targets about zero, as it comes",
        ),
        controls=(
            Test(
                "targets as different, about zero",
                (_slower("BiasL2, as it comes", "targets about zero, as it comes", CLOSE),),
            ),
        ),
        not_shown="What does help: positive biases also keep the signal from vanishing.",
        live=False,
    ),
    Claim(
        id="OP-6k",
        source="ours, after orhan2018skip",
        says="With the size kept, targets that differ and are not positive on average help, against BiasL2.",
        conditions=(_slower("BiasL2, kept", "targets about zero, kept", CLOSE),),
        trains=_alive("BiasL2, kept", "targets about zero, kept", "plain, kept", "equal targets, kept"),
        controls=(Test("pulled to zero, against left alone", (_slower("plain, kept", "BiasL2, kept", CLOSE),)),),
        given=_as_active("BiasL2, kept", "targets about zero, kept"),
        rival=Test("the same positive target for all units", (_slower("BiasL2, kept", "equal targets, kept", CLOSE),)),
        not_shown="As much help as a skip can be.",
        live=False,
    ),
    Claim(
        id="OP-4",
        source=RECALLED,
        says="Plain nets that learn worse end closer to elimination: smaller incoming weights, more silent units.",
        conditions=(_goes_with(PLAIN, "incoming_norm", "<"), _goes_with(PLAIN, "silent_share", ">")),
        controls=(Test("runs exchanged within each seed", (_goes_with(PLAIN, "incoming_norm", "<", shuffled=True),)),),
        turns_when=Test(
            "incoming weights read after one epoch, or with the size kept",
            (_lasts(), _weaker("plain, kept", PLAIN, "<")),
        ),
        rival=Test("the gradient after one epoch", (_goes_with(PLAIN, "gradient_norm", "<", EPOCH),)),
        not_shown="Cause: weights that have learnt little have grown little.",
        seeds=MANY,
    ),
    Claim(
        id="OP-4o",
        source=RECALLED,
        says="Plain nets that learn worse end closer to overlap: larger mean |cosine| of two units' weights.",
        conditions=(_goes_with(PLAIN, "weight_overlap", ">"),),
        controls=(Test("runs exchanged within each seed", (_goes_with(PLAIN, "weight_overlap", ">", shuffled=True),)),),
        not_shown="A few near doubles among many pairs, which a mean hides.",
        seeds=MANY,
    ),
    Claim(
        id="OP-4d",
        source=RECALLED,
        says="Plain nets that learn worse end closer to dependence: fewer independent directions of their states.",
        conditions=(_goes_with(PLAIN, "independent_share", "<"),),
        controls=(
            Test("runs exchanged within each seed", (_goes_with(PLAIN, "independent_share", "<", shuffled=True),)),
        ),
        not_shown="Other measures of dependence.",
        seeds=MANY,
    ),
    Claim(
        id="OP-4r",
        source="ours, as a control for orhan2018skip",
        says="At equal size, the link between loss and incoming weights is weaker with a skip than without, by 0.3.",
        conditions=(_weaker("identity, kept", "plain, kept", ">"),),
        controls=(Test("plain nets whose signal vanishes", (_weaker(PLAIN, "plain, kept", ">"),)),),
        not_shown="Links with other measures.",
        seeds=MANY,
    ),
    Claim(
        id="OP-4c",
        source="ours, after orhan2018skip",
        says="Weights at 0.3 of their size slow a plain net, its function unchanged and its rate tuned anew.",
        conditions=(_slower("small weights, plain", "plain, kept"),),
        trains=_alive("plain, kept", "small weights, plain", "small branches"),
        controls=(Test("small weights beside a skip", (_slower("small branches", "plain, kept"),)),),
        given=_size_kept("small weights, plain", "plain, kept"),
        not_shown="A cause: at 0.09 of the rate hidden layers take the same steps, so the norm alone is no distance.",
        seeds=MANY,
    ),
    Claim(
        id="NO-1",
        source="ours, after a sentence often quoted beside orhan2018skip",
        says="At double units neither BN nor LN in a plain net takes away the zero modes, as a skip does.",
        conditions=(_adds("BN, plain", "overlap"), _adds("LN, plain", "overlap")),
        controls=(Test("an identity skip", (_adds("identity", "overlap"),)),),
        given=Test("they are there without", (_adds("plain", "overlap"),)),
        not_shown="That training comes near doubles, or that their zero modes slow it.",
        seeds=MANY,
    ),
    Claim(
        id="NO-1d",
        source="ours, beside orhan2018skip",
        says="Where a unit has no incoming weights, or is a mirror image, LN does take them away.",
        conditions=tuple(_adds("LN, plain", point, "<", HALF_A_MODE) for point in ("elimination", "mirror")),
        controls=(Test("BN", (_adds("BN, plain", "elimination", "<", HALF_A_MODE),)),),
        given=Test("they are there without", (_adds("plain", "elimination"), _adds("plain", "mirror"))),
        not_shown="That LN has fewer: it has others of its own, everywhere.",
        seeds=MANY,
    ),
    Claim(
        id="NO-2",
        source="ours, beside orhan2018skip",
        says="In training, BN leaves fewer units of a plain net constant, as the skips do.",
        conditions=tuple(_fewer_constant(net) for net in ("BN, plain", "identity, kept", "orthogonal, kept")),
        controls=(Test("LN", (_fewer_constant("LN, plain"),)),),
        not_shown="That fewer constant units make it learn.",
        seeds=MANY,
    ),
    Claim(
        id="NO-2d",
        source="ours, beside orhan2018skip",
        says="In training, BN makes the states of a plain net less dependent, as the skips do.",
        conditions=tuple(_more_independent(net) for net in ("BN, plain", "identity, kept", "orthogonal, kept")),
        controls=(Test("LN", (_more_independent("LN, plain"),)),),
        not_shown="That less dependence makes it learn.",
        seeds=MANY,
    ),
    Claim(
        id="NO-3",
        source="ours, beside orhan2018skip",
        says="BN makes a plain net less degenerate early, as an orthogonal skip does, at equal size of the signal.",
        conditions=(_less_degenerate("BN, plain"), _less_degenerate("orthogonal, kept")),
        controls=(Test("LN", (_less_degenerate("LN, plain"),)),),
        not_shown="Tuned rates (all five nets have one); an identity skip (see the table); other thresholds.",
        live=False,
    ),
    Claim(
        id="NO-4",
        source="ours, beside orhan2018skip",
        says="BN in a plain net makes up for the missing skip: it trains as fast as the best skips here.",
        conditions=tuple(_slower("BN, plain", net, CLOSE, "<") for net in ("orthogonal, kept", "small branches")),
        trains=_alive("BN, plain", "orthogonal, kept", "small branches", "LN, plain"),
        controls=(Test("LN", (_slower("LN, plain", "orthogonal, kept", CLOSE, "<"),)),),
        not_shown="Other depths.",
        seeds=MANY,
    ),
    Claim(
        id="NO-5",
        source="ours, beside orhan2018skip",
        says="In nets with BN, where hardly a unit is constant anyway, an identity skip still speeds up training.",
        conditions=(_slower("BN, plain", "BN, identity"),),
        trains=_alive("BN, plain", "BN, identity", "plain, kept", "identity, kept"),
        controls=(Test("nets without BN", (_slower("plain, kept", "identity, kept"),)),),
        given=_size_kept("BN, plain", "BN, identity"),
        not_shown="Why.",
        seeds=MANY,
    ),
)

# --- What the figures show ----------------------------------------------------------------------

CROSSED = {
    title: {net: f"{net}, {size}" for net in NETS if f"{net}, {size}" in LAPTOP}
    for title, size in {
        "The size of the signal vanishes": "vanishing",
        "The size of the signal is kept": "kept",
        "The size of the signal explodes": "exploding",
        "As it comes (plain: it vanishes; identity: it explodes)": "as it comes",
    }.items()
}
EQUAL = {
    "No skip": ("plain, kept", "small weights, plain", "near-identity, plain"),
    "Identity skip": ("identity, kept", "small branches", "cancelled, kept", "next taken off, kept"),
    "Other skips": (
        "one skip for all",
        "1 distinct",
        "4 distinct",
        "4 distinct, turned",
        "4 distinct, whitened",
        "16 distinct",
        "gaussian",
        "orthogonal, kept",
    ),
    "tanh in place of ReLU": ("plain, tanh", "identity, tanh", "orthogonal, tanh"),
    "Normalised": tuple(NORMALISED),
}
AT_EQUAL_SIZE = {title: {arm: arm for arm in arms} for title, arms in EQUAL.items()}
PULLED = {
    f"Plain nets, size of the signal {size}": {
        "biases left alone": f"plain, {size}",
        "pulled to 0 (BiasL2)": f"BiasL2, {size}",
        "to targets about 0": f"targets about zero, {size}",
        "to positive targets (BiasReg)": f"BiasReg, {size}",
        "to one positive target": f"equal targets, {size}",
    }
    for size in ("as it comes", "kept")
}
NORM_AND_LOSS = {
    f"mean norm of incoming weights\n{net}: {WHEN[when]}": (over_layers("incoming_norm", when), {net: HUNDRED[net]})
    for net, when in ((PLAIN, EPOCH), (PLAIN, END), ("plain, kept", END), ("identity, kept", END))
}
COMPARED = {
    arm.removesuffix(", kept"): (arm,)
    for arm in ("plain, kept", "identity, kept", "small branches", "orthogonal, kept", *NORMALISED)
}
NEARNESS = {
    "constant units": (over_layers("constant_share", EPOCH), COMPARED),
    "silent branches": (over_layers("silent_share", EPOCH), COMPARED),
    "mean |cosine| of two units' weights": (over_layers("weight_overlap", EPOCH), COMPARED),
    "independent share of states": (over_layers("independent_share", EPOCH), COMPARED),
}
COUNT_ROWS = {net: [f"{net} at {point}" for point in POINTS] for net in COUNTED}

BEFORE = (
    PLAIN,
    "identity, as it comes",
    "plain, kept",
    "identity, kept",
    "small branches",
    "orthogonal, kept",
    "one skip for all",
    "cancelled, kept",
    "next taken off, kept",
    "near-identity, plain",
    "plain, tanh",
    "identity, tanh",
    "BN, plain",
    "BN, identity",
)


def before_training(runs: Mapping[str, Runs]) -> report.Table:
    """What some nets are like before the first step: sizes, gradients, what tells images apart; means (ours)."""
    rows = []
    for arm in BEFORE:
        last = runs[arm]["watched_varying_share"][:, START, -1].mean()
        active, silent = (over_layers(what, START)(runs[arm]).mean() for what in ("active_share", "silent_share"))
        growth = (f"{read(runs[arm]).mean().round(1) + 0.0:+.1f}" for read in (log10_growth, log10_gradient))
        rows.append((arm, *growth, f"{last:.2f}", f"{active:.2f}", f"{silent:.2f}"))
    head = "net", "size, last over first", "gradient, first over last", "varying", "active", "silent"
    note = "The first two in decades (factors of ten); shares of the last state, of activations, of branches."
    return report.Table(head, rows, note)


def degenerate_shares(runs: Mapping[str, Runs]) -> report.Table:
    """Degenerate share of the Gauss-Newton matrix of small nets after an epoch, mean and range of seeds (ours)."""
    rows = []
    for arm in SPECTRA:
        shares = degenerate_after_an_epoch(runs[arm])
        rows.append(
            (arm.removesuffix(": spectrum"), f"{shares.mean():.2f}", f"{shares.min():.2f} to {shares.max():.2f}")
        )
    return report.Table(("small net", "degenerate share", "range"), rows)


def links(runs: Mapping[str, Runs]) -> report.Table:
    """Rank correlation of the mean loss with each measure of closeness, a hundred nets a row (ours)."""
    measures = {
        "incoming norm": "incoming_norm",
        "silent branches": "silent_share",
        "mean |cosine|": "weight_overlap",
        "independent share": "independent_share",
    }
    rows = []
    for net, arms in HUNDRED.items():
        for when in (EPOCH, END):
            found = (linked(what, when)(*(runs[arm] for arm in arms)).mean() for what in measures.values())
            rows.append((net, WHEN[when], *(f"{link:+.2f}" for link in found)))
    note = "Of one sign with the paper: incoming norm and independent share below 0, the other two above 0."
    return report.Table(("100 nets", "read", *measures), rows, note)


DROPPED = (
    "OP-8 also compared 16 distinct skip vectors with 32 (> 0.05 nats): undecided in the first record.",
    "OP-4 had the same nets before training as a second control, undecided in the first record; where it turns, it "
    "asked for a link of -0.3, and now for how much the link changes.",
    "OP-4r asked that nets with a skip have no link at all (> -0.3): undecided in the first record. A second form, "
    "a weaker link by any margin, was refuted there and undecided on the seeds from 1000 up.",
    "OP-6 also asked that BiasReg beats biases left alone, by any margin: past it, hardly.",
)

CHAPTER = Chapter(
    name="elimination",
    title="Do skips help because they eliminate singularities?",
    builds_on="{doc}`singularities`; correlation",
    claims=CLAIMS,
    laptop=LAPTOP,
    probes=("orthogonal, vanishing", "orthogonal, exploding", "4 distinct", "BiasReg, as it comes", "orthogonal, tanh"),
    dropped=DROPPED,
    outcome=outcome,
    compact=True,
    whole=tuple(EXACT),
    grid={arm: tuple(spec.but(rate=rate) for rate in _rates(spec)) for arm, spec in TRAINED.items()},
)

# --- Self-checks of the exercises ---------------------------------------------------------------


def check_decades(answer: float | None) -> str:
    """Exercise 1: by how many decades the signal shrinks on its way through a plain net; a sentence back."""
    if answer is None:
        return "Not answered yet."
    measured = float(-log10_growth(CHAPTER.recorded()[PLAIN]).mean())
    if abs(answer - measured) < 0.5:
        return f"Right: {answer:.1f} decades; measured {measured:.1f}."
    return "Not yet: each layer halves the mean square. What does that do to its root, in 19 layers?"


def check_gain(answer: Runs | None) -> str:
    """Exercise 2: runs of the orthogonal skip at a gain of 0.85 a layer; a sentence back."""
    if answer is None:
        return "Not answered yet."
    if answer.spec != CROSS["orthogonal, kept"].but(forward_gain=0.85):
        return "Not yet: the Spec should be that of the arm, with forward_gain changed to 0.85 and nothing else."
    yours = float(mean_loss(answer).mean())
    low, high = (float(mean_loss(CHAPTER.recorded()[f"orthogonal, {size}"]).mean()) for size in ("kept", "vanishing"))
    where = "between" if low < yours < high else "not between"
    return f"Your {yours:.2f} nats are {where} {low:.2f} at a gain of 1 and {high:.2f} at 0.7."


def check_design(answer: str | None) -> str:
    """Exercise 3: the arm that the experiment must not leave out, "small branches" or "plain"; a sentence back."""
    why = "that is the net in question. Leaky units may speed up any net: which arm would show that?"
    return report.check_choice(answer, "plain", {"small branches": why})
