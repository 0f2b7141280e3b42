"""What holds for every chapter: a whole record of today's code, tuned rates, robust verdicts."""

import functools

import numpy as np
import pytest

from whyresnets import sweeps
from whyresnets.chapter import SIZES
from whyresnets.chapters import CHAPTERS
from whyresnets.claims.quantities import CHANCE, training_loss
from whyresnets.claims.verdicts import LIVE_SEEDS, judge
from whyresnets.nets.architecture import Dense, skips_layers
from whyresnets.recording import seeds_of
from whyresnets.stats import loss_band
from whyresnets.store import records
from whyresnets.sweeps import core_seconds
from whyresnets.training.runs import Runs

LIVE_BUDGET = 240  # core-seconds of a chapter's live plan (chosen by us: minutes on a laptop)
CLAIMS = [pytest.param(chapter, claim, id=claim.id) for chapter in CHAPTERS for claim in chapter.claims]
# Refuted by the printed record, and on other seeds opposite as well, but not as a whole by as much as matters: without
# an assay that is undecided. The chapter says so.
ELSEWHERE = {"OP-4d": "undecided"}
# Undecided in a group of five recorded seeds with the one residual net of 56 layers that ends late: the effect is then
# not absent in the control with its whole interval. A reader's own seeds give the printed word.
BY_A_LATE_SEED = {"HE1-1"}
LIVE = [pytest.param(chapter, claim, id=claim.id) for chapter in CHAPTERS for claim in chapter.claims if claim.live]
SCALES = ("laptop", *SIZES)
GRIDS = [
    pytest.param(chapter, scale, arm, id=f"{arm}, {scale}")
    for chapter in CHAPTERS
    for scale in SCALES
    for arm in chapter.grids(scale)
]


@functools.cache
def recorded(chapter, first_seed: int) -> dict[str, Runs]:
    """The record of a chapter, read once for all tests."""
    return chapter.recorded(first_seed=first_seed)


@functools.cache
def both(chapter, arm: str) -> Runs:
    """All recorded seeds of an arm, from 0 and from 1000 up."""
    first, second = (recorded(chapter, seed)[arm] for seed in (0, 1000))
    arrays = {name: np.concatenate([values, second[name]]) for name, values in first.arrays.items()}
    return Runs(first.spec, first.seeds + second.seeds, arrays)


@functools.cache
def printed(chapter, claim) -> str | None:
    """The printed word of a claim, judged once."""
    return chapter.printed(claim).word


each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)


def rounds_otherwise(spec) -> bool:
    """Whether a net of the record was trained by the first edition, whose sums came in another order than today's.

    Fully connected nets are trained together since, and where they normalise, the gradient is written out. Such entries
    keep the stamp of the code that made them until their chapter is recorded anew.
    """
    normalised = skips_layers(spec.net) and spec.net.norm != "none"
    alone = isinstance(spec.net, Dense) and spec.net.order == "pre"
    return (normalised or alone) and spec.optimiser.steps > 0


# Recorded before nets could grow and branches stay untrained, which none of their nets does. That it changes no bit is
# to be shown by `record --confirm --against` a rehearsal of the code before (commit 76b4dde): not done yet. (Of
# vanishing the record on CIFAR-10 alone, which was degradation's.)
TO_CONFIRM = {"degradation", "vanishing", "norm_preservation", "identity_bias", "singularities", "elimination"}


@each_chapter
def test_the_record_is_complete_and_of_todays_code(chapter):
    names = [f"{chapter.name}-{scale}" for scale in SCALES] + [chapter.grid_record(scale) for scale in SCALES]
    found = {name: records.record(name) for name in names}
    for record in found.values():
        others = [key for key in record.stale if not rounds_otherwise(record.specs[key])] if record else []
        assert others == [] or chapter.name in TO_CONFIRM, "run `whyresnets record --confirm`"
    assert found[f"{chapter.name}-laptop"] and found[f"{chapter.name}-grid"]
    for first_seed in (0, 1000):
        recorded = chapter.recorded(first_seed=first_seed)
        asked = {arm: seeds_of(chapter, arm, "laptop", first_seed) for arm in chapter.specs()}
        assert set(recorded) == {arm for arm, count in asked.items() if count}
        assert all(len(runs.seeds) >= asked[arm] for arm, runs in recorded.items())


@each_chapter
def test_a_record_leaves_out_what_the_chapter_does_not_read(chapter):
    for scale in SCALES:
        for runs in (chapter.recorded(scale) if scale in ("laptop", *chapter.larger) else {}).values():
            assert not set(chapter.unread) & set(runs.arrays)


@each_chapter
def test_the_record_comes_out_again(chapter):
    """Recorded runs, trained again as a sweep does: the same start, before chaos tells processors apart.

    The cheapest arm of each sort of net, and of each kind of projection.
    """
    recorded, seed, cheapest = chapter.recorded(), 3, {}
    specs = chapter.specs()
    for arm in sorted(
        (arm for arm, spec in specs.items() if spec.optimiser.steps), key=lambda a: -core_seconds(specs[a])
    ):
        net, optimiser = specs[arm].net, specs[arm].optimiser
        cheapest[net.rule == "plain", net.family, getattr(net, "order", ""), optimiser.project, optimiser.spread] = arm
    assert len(cheapest) >= 2
    plan = {arm: (specs[arm], [seed]) for arm in cheapest.values()}
    again = sweeps.run(plan, workers=sweeps.WITHOUT_CACHE)
    for arm, (spec, _) in plan.items():
        same = 1 if rounds_otherwise(spec) else 3  # a deep plain net with BN makes much of a last bit at once
        assert again[arm]["curve"][0][:same] == pytest.approx(recorded[arm]["curve"][seed][:same], rel=2e-2)


@pytest.mark.parametrize(("chapter", "claim"), CLAIMS)
def test_a_verdict_holds_on_seeds_that_nobody_had_looked_at(chapter, claim):
    unseen = recorded(chapter, 1000)
    if not_run := [arm for arm in claim.arms if not seeds_of(chapter, arm, "laptop", 1000)]:
        pytest.skip(f"the chapter records {', '.join(not_run)} once, because it is dear")
    assert all(min(unseen[arm].seeds) >= 1000 for arm in claim.arms)
    fewest = min(len(unseen[arm].seeds) for arm in claim.arms)
    unseen = {arm: unseen[arm].first(fewest) for arm in claim.arms}
    assert judge(claim, unseen).word == ELSEWHERE.get(claim.id, printed(chapter, claim))


@pytest.mark.parametrize(("chapter", "claim"), LIVE)
def test_a_live_verdict_does_not_hang_on_which_seeds(chapter, claim):
    """Every group of recorded seeds, as many as a reader's run has, gives the printed word: that run should, too."""
    recorded_seeds = min(len(both(chapter, arm).seeds) for arm in claim.arms)
    for start in range(0, recorded_seeds - claim.seeds + 1, 5):
        group = {arm: both(chapter, arm).some(range(start, start + claim.seeds)) for arm in claim.arms}
        verdict = judge(claim, group)
        if claim.id in BY_A_LATE_SEED and verdict.word == "undecided":
            assert start > 0 and verdict.reason == "a control did not fail"
        elif claim.id in ELSEWHERE and verdict.word == ELSEWHERE[claim.id]:
            assert start > 0 and verdict.effect.missed_by == "opposite"  # a reader's own seeds give the printed word
        else:
            assert verdict.word == printed(chapter, claim)


@pytest.mark.parametrize(("chapter", "scale", "arm"), GRIDS)
def test_each_rate_is_the_best_of_its_recorded_grid_and_not_at_its_edge(chapter, scale, arm):
    record = records.record(chapter.grid_record(scale))
    if record is None:
        pytest.skip("its grid is not run yet")
    runs = {spec.optimiser.rate: record.runs(spec, 10000) for spec in chapter.grids(scale)[arm]}
    loss = {rate: np.mean(chapter.tuned_by(r)) for rate, r in runs.items()}
    assert all(min(r.seeds) >= 10000 for r in runs.values())
    if min(loss.values()) < CHANCE - 0.05:  # otherwise no rate trains, and none is better
        chosen = chapter.specs(scale)[arm].optimiser.rate
        assert chosen == min(loss, key=loss.get)
        assert min(loss) < chosen < max(loss)


@each_chapter
def test_the_live_plan_has_enough_seeds_and_keeps_its_budget(chapter):
    """The budget by the seconds that the record took."""
    live, recorded = chapter.live(), chapter.recorded()
    assert all(len(live[arm][1]) >= LIVE_SEEDS for c in chapter.claims if c.live for arm in c.arms)
    assert sum(np.mean(recorded[arm]["seconds"]) * len(seeds) for arm, (_, seeds) in live.items()) <= LIVE_BUDGET


@each_chapter
def test_bands_hold_seeds_that_nobody_had_looked_at(chapter):
    """Losses near their floor are skewed, so the 99% are checked on real runs, not on Gaussians only."""
    recorded, inside = chapter.recorded(), []
    for arm, runs in chapter.recorded(first_seed=1000).items():
        if runs.spec.task.targets != "labels":  # a loss that goes to 0 has no floor to be near
            continue
        low, high = loss_band(training_loss(recorded[arm]))
        inside += [low <= loss <= high for loss in training_loss(runs)]
    assert np.mean(inside) > 0.96
