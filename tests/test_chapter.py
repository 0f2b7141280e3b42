"""A chapter as data: what it refuses, what it plans at each scale, what it reads off its record."""

import re
from dataclasses import replace

import pytest
from made import made

from whyresnets.chapter import SIZES, SMALL, Arm, Chapter, NotBuilt, Published, arms, larger, smoke, specs
from whyresnets.chapters import CHAPTERS
from whyresnets.claims.effects import nats
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import LIVE_SEEDS, Claim, Test, judge
from whyresnets.kinds import UnknownKind
from whyresnets.nets.architecture import Conv, Dense, after_orhan
from whyresnets.spec import SGD, Readings, Spec, Task
from whyresnets.store import records

NET = Spec(Dense(10, "residual"), optimiser=SGD(rate=0.3, steps=30))


def rise(deep: str):
    return training_loss[deep] - training_loss["shallow"] > 0.5 * nats


CLAIM = Claim("X", "none", "deep is worse", rise("deep"), (Test("built", rise("built")),), trains=(("shallow", 0.5),))
NAMES = ("deep", "shallow", "built", "drawn", "probe")
ARMS = tuple(Arm(name, NET.but(depth=10 + i), "plain") for i, name in enumerate(NAMES))
CHAPTER = Chapter(
    "made-up", "Made up", (CLAIM,), ARMS, shown=("drawn", "deep"), probes=("probe",), larger={"workstation": ARMS[:3]}
)

# --- What is refused --------------------------------------------------------------------------------


def test_an_arm_of_an_unknown_kind_is_refused():
    with pytest.raises(UnknownKind, match="unknown kind 'plane': choose one of"):
        Arm("deep", NET, "plane")
    with pytest.raises(UnknownKind):
        arms("", {"deep": NET})


def test_two_arms_of_one_name_are_refused_at_every_scale():
    twice = (*ARMS, Arm("deep", NET, "residual"))
    for write in (
        lambda: specs(ARMS, twice[-1:]),
        lambda: replace(CHAPTER, laptop=twice),
        lambda: replace(CHAPTER, larger={"paper": twice}),
    ):
        with pytest.raises(ValueError, match="two arms are called 'deep': choose another name for one") as caught:
            write()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "scale"),
    [
        ({"claims": (replace(CLAIM, conditions=rise("depe")),)}, "laptop"),
        ({"claims": (replace(CLAIM, controls=(Test("", rise("depe")),)),)}, "laptop"),
        ({"claims": (replace(CLAIM, trains=(("depe", 0.5),)),)}, "laptop"),
        ({"claims": (replace(CLAIM, alternative=Test("", rise("depe"))),)}, "laptop"),
        ({"claims": (replace(CLAIM, later=((3, replace(CLAIM, conditions=rise("depe"))),)),)}, "laptop"),
        ({"shown": ("depe",)}, "laptop"),
        ({"probes": ("depe",)}, "laptop"),
        ({"whole": ("depe",)}, "laptop"),
        ({"larger_claims": {"workstation": (replace(CLAIM, conditions=rise("depe")),)}}, "workstation"),
    ],
)
def test_a_name_of_an_arm_that_is_not_there_is_refused(field, scale):
    says = f"made-up has no arm called 'depe' at {scale} scale: did you mean deep?"
    with pytest.raises(ValueError, match=re.escape(says)):
        replace(CHAPTER, **field)


def test_claims_at_a_scale_without_arms_are_refused():
    with pytest.raises(NotBuilt, match="scale 'paper' is not built yet for made-up: use --scale laptop"):
        replace(CHAPTER, larger_claims={"paper": (CLAIM,)})


# --- Plans ------------------------------------------------------------------------------------------


def test_what_stands_aside_is_a_claim_that_is_not_live_and_is_not_told():
    aside = replace(CLAIM, id="ASIDE", live=False)
    chapter = replace(CHAPTER, claims=(CLAIM, aside), aside=("ASIDE",))
    assert chapter.told == (CLAIM,) and chapter.claims == (CLAIM, aside)
    with pytest.raises(ValueError, match="choose live=False"):
        replace(CHAPTER, aside=(CLAIM.id,))
    with pytest.raises(ValueError, match="nothing"):
        replace(CHAPTER, aside=("nothing",))


def test_specs_are_found_by_name_and_arms_of_one_kind_share_it():
    residual = arms("residual", {"a": NET, "b": NET.but(depth=20)})
    assert [(arm.name, arm.kind) for arm in residual] == [("a", "residual"), ("b", "residual")]
    assert specs(ARMS, residual) == {**CHAPTER.specs(), "a": NET, "b": NET.but(depth=20)}
    assert CHAPTER.kinds == dict.fromkeys(NAMES, "plain")


def test_every_scale_has_its_specs_and_unplanned_ones_say_what_to_use():
    assert list(CHAPTER.specs()) == list(CHAPTER.specs("smoke")) == list(NAMES)
    assert list(CHAPTER.specs("workstation")) == list(NAMES[:3])
    with pytest.raises(NotBuilt, match="use --scale laptop or --scale smoke"):
        CHAPTER.specs("paper")


def test_claims_are_found_by_id_and_scale():
    other = replace(CLAIM, conditions=training_loss["deep"] - training_loss["shallow"] > 0.1 * nats)
    chapter = replace(CHAPTER, larger_claims={"workstation": (other,)})
    assert all(chapter.claims_at(scale) == (CLAIM,) and chapter.claim("X", scale) == CLAIM for scale in SMALL)
    assert chapter.claim("X", "workstation") == other and chapter.claims_at("paper") == ()
    with pytest.raises(KeyError, match="unknown claim 'X': there is none here"):
        chapter.claim("X", "paper")
    with pytest.raises(KeyError, match="unknown claim 'x': did you mean X"):
        chapter.claim("x")


def test_an_arm_that_is_not_there_names_those_that_are_near():
    for looked_up in (CHAPTER.specs(), CHAPTER.specs("smoke"), CHAPTER.specs("workstation"), CHAPTER.live()):
        with pytest.raises(KeyError, match=r"^unknown arm 'depe': did you mean deep"):
            looked_up["depe"]
    with pytest.raises(KeyError, match="unknown arm 'deep': there is none here"):
        CHAPTER.recorded()["deep"]


def test_grids_and_their_records_are_named_by_scale():
    grid = {"deep": (NET, NET.but(rate=1.0))}
    chapter = replace(CHAPTER, grid=grid, larger_grid={"workstation": {"built": (NET,)}})
    assert chapter.grids("laptop") == grid and chapter.grids("workstation") == {"built": (NET,)}
    assert chapter.grids("paper") == {}
    assert chapter.grid_record("laptop") == "made-up-grid"
    assert chapter.grid_record("workstation") == "made-up-workstation-grid"


def test_the_live_plan_has_the_seeds_that_each_arm_is_needed_with():
    assert {arm: len(seeds) for arm, (_, seeds) in CHAPTER.live().items()} == dict.fromkeys(NAMES[:4], 5) | {"probe": 1}
    twenty = replace(CLAIM, id="Y", conditions=rise("built"), controls=(Test("", rise("deep")),), seeds=20)
    recorded_only = replace(CLAIM, id="Z", conditions=rise("drawn"), live=False, seeds=20)
    live = replace(CHAPTER, claims=(twenty, CLAIM, recorded_only), probes=("probe", "deep")).live()
    assert {arm: len(seeds) for arm, (_, seeds) in live.items()} == {
        "drawn": LIVE_SEEDS,  # once for a figure: the claim about it is judged from the record
        "shallow": 20,
        "built": 20,
        "probe": 1,
        "deep": 20,
    }
    assert list(live)[-2:] == ["probe", "deep"]  # probes take longest: last
    assert all(spec == CHAPTER.specs()[arm] for arm, (spec, _) in live.items())


@pytest.mark.parametrize(
    "spec",
    [
        Spec(Conv(56, "residual")),
        NET.but(depth=1000),
        Spec(after_orhan(30, "residual", distinct=8, skip="copies"), Task("digits-4x4")),
    ],
)
def test_a_smoke_run_takes_a_moment_and_trains_the_same_sort_of_net(spec):
    small = smoke(spec.but(steps=300, watch=(0, 300)))
    assert small.optimiser.steps == 2 and small.task.batch == 16 and small.readings.watch == (0, 2)
    assert (small.net.family, small.net.rule) == (spec.net.family, spec.net.rule)
    assert getattr(small.net, "width", 4) == 4 and getattr(small.net, "widths", (4, 4, 4)) == (4, 4, 4)
    assert smoke(spec.but(steps=0)).optimiser.steps == 0


def test_a_smoke_run_of_every_arm_of_the_book_is_as_short():
    for chapter in CHAPTERS:
        for name, spec in chapter.specs("smoke").items():
            assert spec.optimiser.steps <= 2 and spec.task.batch == 16, name


@pytest.mark.parametrize("scale", SIZES)
def test_larger_nets_differ_in_size_and_data_alone(scale):
    times, width, widths = SIZES[scale]
    conv, dense = Spec(Conv(8), readings=Readings(watch=(0, 50))), NET
    grown = larger(conv, scale)
    assert grown.flat() == conv.flat() | {
        "widths": widths,
        "data": "cifar10",
        "batch": 128,
        "augment": True,
        "steps": times * 100,
        "precision": "bfloat16",
        "watch": (0, times * 50),
    }
    assert larger(dense, scale).net == replace(dense.net, width=width * 32)
    untrained = larger(conv.but(steps=0, watch=()), scale)
    assert untrained.optimiser.precision == "float32" and not untrained.task.augment


def test_a_published_number_says_in_what_our_net_differs():
    theirs = Spec(Conv(20, widths=(16, 32, 64)), Task("cifar10", batch=128, augment=True), SGD(steps=64_000))
    published = Published("plain-20", "plain-20", "9.0", "none", theirs)
    assert published.differs(theirs.but(signals=True, watch=(0,))) == []
    assert published.differs(theirs.but(widths=(8, 16, 32), steps=400)) == [
        "widths 8/16/32 (theirs: 16/32/64)",
        "steps 400 (theirs: 64,000)",
    ]


# --- What the record says ---------------------------------------------------------------------------


@pytest.fixture
def record(monkeypatch):
    """Call it with runs: the chapter's laptop record then holds those of the arms that are named."""

    def holds(**levels):
        sweep = {name: made([level] * 7) for name, level in levels.items()}
        found = records.of(replace(runs, spec=CHAPTER.specs()[name]) for name, runs in sweep.items())
        monkeypatch.setattr(records, "record", lambda name: found if name == "made-up-laptop" else None)

    return holds


def test_a_verdict_is_printed_from_the_record(record):
    record(deep=2.0, shallow=0.1, built=0.1)
    verdict = CHAPTER.printed(CLAIM)
    assert (verdict.word, verdict.n) == ("supported", 7) and set(CHAPTER.recorded()) == {"deep", "shallow", "built"}
    assert verdict == judge(CLAIM, CHAPTER.recorded()) and not CHAPTER.stale()


def test_nothing_is_printed_without_a_complete_record(record):
    record(deep=2.0, shallow=0.1)
    assert CHAPTER.printed(CLAIM) is None  # its control was not recorded
    record(deep=2.0, shallow=0.1, built=0.1)
    assert CHAPTER.printed(CLAIM, "smoke") is None and CHAPTER.printed(CLAIM, "workstation") is None
    assert CHAPTER.printed(CLAIM, "paper") is None and CHAPTER.recorded(first_seed=1000) == {}


def test_a_verdict_is_printed_from_the_seeds_that_all_arms_of_the_claim_have(monkeypatch):
    """As after `record HE1-1 --seeds 30`: the arms that other claims share have more seeds than the rest of theirs."""
    chapter = CHAPTERS[0]
    recorded, claim = chapter.recorded(), chapter.claims[0]
    uneven = recorded | {claim.arms[0]: recorded[claim.arms[0]].first(7)}
    monkeypatch.setattr(Chapter, "recorded", lambda *_: uneven)
    assert chapter.printed(claim).n == 7


def test_the_toy_of_the_contributing_page_is_a_chapter(toy):
    assert toy.claim("TOY-1").arms == ("untrained", "trained", "still")
    assert toy.printed(toy.claim("TOY-1")) is None and list(toy.live()) == ["untrained", "trained", "still"]
