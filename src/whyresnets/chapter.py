"""A chapter as data: its arms at every scale, its claims, which of them run live; and what its record says of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from whyresnets import checks
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import LIVE_SEEDS, Claim, Verdict, judge
from whyresnets.kinds import kind
from whyresnets.nets.architecture import Conv, Dense
from whyresnets.spec import Readings, Spec
from whyresnets.store import records
from whyresnets.training.runs import Runs

SMALL = ("smoke", "laptop")  # scales at which every claim is judged


@dataclass(frozen=True)
class Arm:
    """One net of a chapter: its ``name``, the ``spec`` that is trained, and the ``kind`` that says how it is drawn.

    Raises
    ------
    whyresnets.kinds.UnknownKind
        If there is no such kind.
    """

    name: str
    spec: Spec
    kind: str

    def __post_init__(self):
        kind(self.kind)


def arms(kind: str, specs: Mapping[str, Spec]) -> tuple[Arm, ...]:
    """Arms of one ``kind``, from name -> Spec."""
    return tuple(Arm(name, spec, kind) for name, spec in specs.items())


def specs(*groups: Iterable[Arm]) -> dict[str, Spec]:
    """Name -> Spec of the arms of all groups.

    Raises
    ------
    ValueError
        If two arms bear one name.
    """
    found: dict[str, Spec] = {}
    for arm in (arm for group in groups for arm in group):
        if arm.name in found:
            raise ValueError(f"two arms are called {arm.name!r}: choose another name for one")
        found[arm.name] = arm.spec
    return checks.Named("arm", found)


@dataclass(frozen=True)
class Published:
    """A number that a paper prints, beside which ours stands.

    Attributes
    ----------
    arm : ours, at the larger scales
    says : what the paper's net is, in its words
    error : its test error, as printed
    source : bibliography key and where it stands
    protocol : its Spec, as far as ours can say it
    """

    arm: str
    says: str
    error: str
    source: str
    protocol: Spec

    def differs(self, spec: Spec) -> list[str]:
        """In what ``spec`` differs from the paper's protocol, readings apart: "steps 400 (theirs: 64,000)", say."""
        ours, theirs = spec.flat(), self.protocol.flat()
        read = {name for name in ours if name in vars(Readings())}
        differ = [name for name in ours if name not in read and ours[name] != theirs.get(name)]
        return [f"{name} {_plain(ours[name])} (theirs: {_plain(theirs.get(name))})" for name in differ]


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return f"{value:,}" if type(value) is int else str(value)


@dataclass(frozen=True)
class Seeds:
    """How many seeds of an arm are recorded.

    Attributes
    ----------
    printed : from 0 up; 0: planned, and not run yet
    unseen : from 1000 up, run once to see that verdicts hold; 0: none
    tuning : from 10000 up, at each rate of its grid
    """

    printed: int
    unseen: int
    tuning: int

    def __post_init__(self):
        checks.keep(self, checks.whole, "tuning", least=1)
        checks.keep(self, checks.whole, "printed", "unseen")


class NotBuilt(Exception):
    """Something that the command line names but this version cannot do yet."""


@dataclass(frozen=True, eq=False)
class Chapter:
    """A chapter's claims as data, its arms, and which of them run live.

    Attributes
    ----------
    name, title : as in the book
    claims : in the order of the ledger
    laptop : the arms at laptop scale
    larger : scale -> the arms at "workstation" and "paper", where they are planned
    shown : names of arms that run live for a figure only, with all live seeds
    probes : names of arms of which one seed runs live and is compared with the printed band
    grid : name of an arm -> the Specs of its learning-rate grid
    larger_grid : scale -> the same, where rates are tuned at that scale, too
    larger_claims : scale -> the claims that are judged there, under the same ids, some with other thresholds
    published : numbers of the papers, and the arms that they stand beside
    dropped : claims that were tried and are not in the ledger, each with the reason
    aside : identifiers of claims that stand in the ledger and on the evidence page alone, and are never judged live
    seeds : name of an arm at laptop scale -> how many seeds of it are recorded, where they are not as many as usual
    tuned_by : the quantity by which the rates of the grid are compared, in nats
    compact : its records keep a few steps of each curve, in 32 bits (see :func:`whyresnets.store.records.compact`)
    whole : names of arms that it keeps whole nevertheless, every step and all 64 bits
    unread : readings that nothing in the chapter uses, and its records leave out
    builds_on : what a student should know before it, as Markdown

    Raises
    ------
    ValueError
        If two arms bear one name, a claim names an arm that is not there, or what stands aside is no claim, or live.
    NotBuilt
        If claims are judged at a scale that has no arms.
    """

    name: str
    title: str
    claims: tuple[Claim, ...]
    laptop: tuple[Arm, ...]
    larger: Mapping[str, tuple[Arm, ...]] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    grid: Mapping[str, tuple[Spec, ...]] = field(default_factory=dict)
    larger_grid: Mapping[str, Mapping[str, tuple[Spec, ...]]] = field(default_factory=dict)
    larger_claims: Mapping[str, tuple[Claim, ...]] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    dropped: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    seeds: Mapping[str, Seeds] = field(default_factory=dict)
    tuned_by: Callable[[Runs], np.ndarray] = training_loss
    compact: bool = False
    whole: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    builds_on: str = ""

    def __post_init__(self):
        self._refuse_absent("laptop", (*self.shown, *self.probes, *self.whole, *self.seeds))
        for id in self.aside:
            if self.claim(id).live:
                raise ValueError(f"{id} stands aside and is live: choose live=False")
        for scale in dict.fromkeys(("laptop", *self.larger, *self.larger_claims)):
            self._refuse_absent(scale, (arm for claim in self.claims_at(scale) for arm in _arms(claim)))

    def _refuse_absent(self, scale: str, named: Iterable[str]) -> None:
        known = self.specs(scale)
        if absent := sorted(set(named) - set(known)):
            instead = checks.near(absent[0], known)
            raise ValueError(f"{self.name} has no arm called {absent[0]!r} at {scale} scale: {instead}")

    @property
    def kinds(self) -> dict[str, str]:
        """Name of an arm -> its kind, at every scale."""
        return {arm.name: arm.kind for arms in (self.laptop, *self.larger.values()) for arm in arms}

    def claim(self, id: str, scale: str = "laptop") -> Claim:
        """The claim called ``id``, as it is judged at ``scale``.

        Raises
        ------
        whyresnets.checks.UnknownName
            If the chapter has no such claim there; the message names those that are near.
        """
        return checks.Named("claim", {claim.id: claim for claim in self.claims_at(scale)})[id]

    @property
    def told(self) -> tuple[Claim, ...]:
        """The claims of the chapter's page, in the order of the ledger: all but those that stand aside."""
        return tuple(claim for claim in self.claims if claim.id not in self.aside)

    def claims_at(self, scale: str) -> tuple[Claim, ...]:
        """The claims that are judged at ``scale``, as they are judged there, in the order of the ledger."""
        return self.claims if scale in SMALL else self.larger_claims.get(scale, ())

    def grids(self, scale: str) -> Mapping[str, tuple[Spec, ...]]:
        """Name of an arm -> the Specs of its learning-rate grid at ``scale``; none where rates are not tuned there."""
        return self.grid if scale == "laptop" else self.larger_grid.get(scale, {})

    def grid_record(self, scale: str) -> str:
        """The name of the record of those grids."""
        return f"{self.name}-grid" if scale == "laptop" else f"{self.name}-{scale}-grid"

    def specs(self, scale: str = "laptop") -> dict[str, Spec]:
        """Name of an arm -> its Spec at ``scale``.

        Raises
        ------
        NotBuilt
            If the chapter has no plan at that scale yet.
        """
        if scale == "smoke":  # seconds for all arms; its verdicts say nothing
            return checks.Named("arm", {arm.name: smoke(arm.spec) for arm in self.laptop})
        if scale != "laptop" and scale not in self.larger:
            raise NotBuilt(f"scale {scale!r} is not built yet for {self.name}: use --scale laptop or --scale smoke")
        return specs(self.laptop if scale == "laptop" else self.larger[scale])

    def live(self) -> dict[str, tuple[Spec, range]]:
        """The plan that a reader's own run trains: name of an arm -> Spec and seeds."""
        laptop = self.specs()
        seeds = dict.fromkeys(self.shown, LIVE_SEEDS)
        for claim in self.claims:
            for arm in claim.arms if claim.live else ():
                seeds[arm] = max(claim.seeds, seeds.get(arm, 0))
        seeds = {**dict.fromkeys(self.probes, 1), **seeds}
        order = [*(arm for arm in seeds if arm not in self.probes), *self.probes]
        return checks.Named("arm", {arm: (laptop[arm], range(seeds[arm])) for arm in order})

    def recorded(self, scale: str = "laptop", first_seed: int = 0) -> dict[str, Runs]:
        """The arms of the shipped record at ``scale``, from ``first_seed`` up; those not recorded are left out."""
        record = records.record(f"{self.name}-{scale}")
        found = {arm: record.runs(spec, first_seed) for arm, spec in self.specs(scale).items()} if record else {}
        return checks.Named("arm", {arm: runs for arm, runs in found.items() if runs is not None})

    def stale(self, scale: str = "laptop") -> bool:
        """Whether some arm of the shipped record was made with other code than today's."""
        record = records.record(f"{self.name}-{scale}")
        return bool(record and record.stale)

    def printed(self, claim: Claim, scale: str = "laptop") -> Verdict | None:
        """The verdict at ``scale`` computed from the shipped record, or None where there is no complete one."""
        try:
            runs = self.recorded(scale)
        except NotBuilt:
            return None
        there = {c.id: c for c in self.claims_at(scale)}
        if scale not in SMALL and claim.id not in there:
            return None
        claim = claim if scale in SMALL else there[claim.id]
        if (verdict := _judged(claim, runs)) is None:
            return None
        later = (_judged(again, runs) for _, again in claim.later)
        return replace(verdict, later=tuple(v for v in later if v is not None))


def _arms(claim: Claim) -> Iterable[str]:
    """The arms of a claim, and those on which it is judged at longer budgets."""
    yield from claim.arms
    for _, again in claim.later:
        yield from _arms(again)


def _judged(claim: Claim, runs: Mapping[str, Runs]) -> Verdict | None:
    """The verdict from the seeds that all its arms have; None where an arm was not recorded."""
    if not set(claim.arms) <= set(runs):
        return None
    n = min(len(runs[arm].seeds) for arm in claim.arms)  # an arm that claims share may have more
    return judge(claim, {arm: runs[arm].first(n) for arm in claim.arms})


def smoke(spec: Spec) -> Spec:
    """The same Spec, cut to a fraction of a second."""
    match spec.net:
        case Conv():
            small: dict[str, Any] = {"widths": (4, 4, 4)}
        case Dense(order="pre", depth=depth, skip_small=count):
            small = {"depth": min(depth, 12), "width": 4, "skip_small": min(count, 3)}
        case Dense(distinct=distinct):
            small = {"width": 4, "distinct": min(distinct, 4)}
    return spec.cut(2).but(**small, batch=16)


def _as_larger(arm: Arm, scale: str) -> Arm:
    return Arm(arm.name, larger(arm.spec, scale), arm.kind)


def larger_arms(
    laptop: Iterable[Arm],
    larger_claims: Mapping[str, Sequence[Claim]],
    at_scale: Callable[[Arm, str], Arm] = _as_larger,
) -> dict[str, tuple[Arm, ...]]:
    """Scale -> the laptop's arms that its claims name, each as ``at_scale`` makes it there (by :func:`larger`)."""
    known = checks.Named("arm", {arm.name: arm for arm in laptop})
    return {
        scale: tuple(at_scale(known[name], scale) for name in dict.fromkeys(name for c in claims for name in c.arms))
        for scale, claims in larger_claims.items()
    }


# Times as many steps, times as wide a fully connected net, widths of a convolutional one: one epoch of CIFAR-10 with
# the nets of the laptop (chosen by us); and He et al.'s 64,000 iterations and widths.
SIZES = {"workstation": (4, 2, (8, 16, 32)), "paper": (640, 4, (16, 32, 64))}


def larger(spec: Spec, scale: str) -> Spec:
    """The same Spec on CIFAR-10, of the size that :data:`SIZES` has for "workstation" or "paper".

    Batch 128 as in He et al. 2015, section 4.2. Convolutional nets that are trained are so with their augmentation and
    in bfloat16, which is read in float32 (chosen by us: 1.5 times as fast on processors that have it).
    """
    times, width, widths = SIZES[scale]
    steps = times * spec.optimiser.steps
    trained_conv = steps > 0 and isinstance(spec.net, Conv)
    net = (
        replace(spec.net, widths=widths)
        if isinstance(spec.net, Conv)
        else replace(spec.net, width=width * spec.net.width)
    )
    return replace(
        spec,
        net=net,
        task=replace(spec.task, data="cifar10", batch=128, augment=trained_conv),
        optimiser=replace(spec.optimiser, steps=steps, precision="bfloat16" if trained_conv else "float32"),
        readings=replace(spec.readings, watch=tuple(times * step for step in spec.readings.watch)),
    )
