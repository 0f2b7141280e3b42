import math

import numpy as np
import pytest

from whyresnets.chapters import norm_preservation as norms
from whyresnets.chapters.identity_bias import CHAPTER, arms, effects, page
from whyresnets.claims.quantities import CHANCE
from whyresnets.claims.verdicts import judge
from whyresnets.training.runs import Runs

LAPTOP = CHAPTER.specs()

# --- Arms ---------------------------------------------------------------------------------------


def test_arms_differ_in_nothing_but_what_they_are_about(differ):
    changed = {
        ("residual, no norm, untrained", "plain, no norm, untrained"): {"rule"},
        ("residual, BN, untrained", "BN after the sum, untrained"): {"norm"},
        ("residual, BN, untrained", "BN, rescaled, untrained"): {"rule"},
        ("convolutions, zero padding, untrained", "convolutions, circular padding, untrained"): {"padding"},
        ("residual, BN-64", "residual, BN-64, untrained"): {"steps"},
        ("residual, BN-64", "BN, rescaled-64"): {"rule"},
        ("residual, BN-64", "plain, BN-64"): {"rule"},
        ("plain, BN-64", "plain, head BN only-64"): {"norm"},
        ("residual, BN-64", "frozen BN-64"): {"norm"},
        ("residual, BN-64", "SkipInit 0-64"): {"norm", "alpha"},
        ("BN, rescaled-64", "rescaled-64"): {"norm"},
        # with that head, rescaled is the residual net without BN in its blocks, in a form that 32 bits can hold
        ("frozen BN-256", "rescaled-256"): {"norm", "rule"},
        ("residual, BN-64", "rescaled-64"): {"norm", "rule"},
        ("residual, head BN only-64", "rescaled-64"): {"rule"},
        ("SkipInit 1/sqrt(d)-256", "SkipInit d^-1/4-256"): {"alpha"},
        ("SkipInit 1/sqrt(d)-256", "SkipInit d^-3/8-256"): {"alpha"},
        ("SkipInit d^-1/4-256", "BN, d^-1/4-256"): {"norm"},
        ("residual, head BN only-16", "residual, no BN at all-16"): {"head_norm"},
        ("residual, head BN only-16", "residual, head BN only-64"): {"depth"},
        ("residual, head BN only-16", "plain, head BN only-16"): {"rule"},
        ("rescaled, no BN at all-64", "residual, no BN at all-64"): {"rule"},
        ("SkipInit 0-64", "SkipInit 0, no BN at all-64"): {"head_norm"},
        ("BN, rescaled-64", "BN, rescaled-64 x5"): {"steps"},
        ("convolutional rescaled-99", "convolutional rescaled-15"): {"depth"},
        ("convolutional residual, BN-99", "convolutional SkipInit 0-99"): {"norm", "alpha"},
        ("decay", "decay, head trained"): {"untrained"},
        ("decay", "constant"): {"weight_decay"},
        ("decay", "exponential"): {"weight_decay", "growth", "momentum_start"},
        ("growing", "growing, all trained"): {"untrained"},
        ("growing", "growing, SkipInit, no BN at all"): {"norm", "alpha"},
        ("growing", "not growing"): {"growth"},
    }
    for pair, fields in changed.items():
        assert differ(LAPTOP, *pair) == fields, pair


def test_every_net_has_the_same_head_unless_its_name_says_otherwise():
    for arm in (*(tuned.arm for tuned in arms.DEPTHS), *arms.RATE_ARMS):
        without = "no BN at all" in arm.name or arm.name.startswith("BN after the sum")
        assert (arm.spec.net.head_norm == "none") is without, arm.name


@pytest.mark.parametrize(
    ("arm", "alpha"),
    [
        ("SkipInit 1/sqrt(d)-64", 1 / 8),
        ("SkipInit d^-1/4-256", 1 / 4),
        ("SkipInit d^-3/8-256", 1 / 8),
        ("SkipInit 1/d-64", 1 / 64),
        ("SkipInit 1, no BN at all-64", 1.0),
        ("SkipInit 0-64", 0.0),
    ],
)
def test_alpha_starts_at_the_power_of_the_number_of_blocks(arm, alpha):
    assert LAPTOP[arm].net.alpha == alpha


@pytest.mark.parametrize(("arm", "blocks"), [("residual, BN-1000", 1000), ("convolutional residual, BN-99", 99)])
def test_an_arm_has_as_many_blocks_as_its_name_says(arm, blocks):
    network = LAPTOP[arm].net
    assert len(network.units) - len(network.transitions) == blocks


def test_rates_of_one_net_differ_in_the_rate_alone_and_see_every_digit_as_often():
    for name, (_, batches) in arms.RATED.items():
        for batch in batches:
            specs = [LAPTOP[arm] for arm in arms.rates_of(name, batch)]
            assert [s.optimiser.rate for s in specs] == sorted({s.optimiser.rate for s in specs})
            assert len({s.but(rate=1.0) for s in specs}) == 1
            assert specs[0].optimiser.steps * specs[0].task.batch == 16 * 1400


def test_larger_scales_plan_what_is_read_before_training_and_at_the_papers_size_the_deep_convolutional_nets():
    for scale, more in (("workstation", set()), ("paper", {"DS-3c"})):
        specs = CHAPTER.specs(scale)
        assert {claim.id for claim in CHAPTER.claims_at(scale)} == {"DS-1n", "DS-1b", "DS-2", "DS-2r", "DS-2e"} | more
        assert {spec.task.data for spec in specs.values()} == {"cifar10"}
        assert {spec.net.family for spec in specs.values() if spec.optimiser.steps} == ({"conv"} if more else set())


# --- Readings -----------------------------------------------------------------------------------


def untrained(arm: str, **arrays) -> Runs:
    return Runs(LAPTOP[arm], (0,), {name: np.array([values]) for name, values in arrays.items()})


def test_a_variance_that_doubles_and_one_that_adds_one_are_told_apart():
    blocks = np.arange(129)
    stds = {"doubles": 2.0 ** (blocks / 2), "adds": np.sqrt(blocks + 1), "halves": 2.0 ** (-blocks / 2)}
    runs = {name: untrained("residual, BN, untrained", state_std=std) for name, std in stds.items()}
    assert effects.doubling_distance(runs["doubles"]) == pytest.approx([0])
    assert effects.adding_distance(runs["adds"]) == pytest.approx([0])
    assert effects.doubling_distance(runs["adds"]) > 0.9 and effects.adding_distance(runs["doubles"]) > 1e30
    assert effects.doubling_distance(runs["halves"]) == pytest.approx([2])  # the other way is no closer
    jump = untrained("residual, BN, untrained", state_std=np.sqrt(np.where(blocks < 128, 1.0, 129.0)))
    assert effects.adding_distance(jump) > 0.9  # the right end alone is not enough


def test_transitions_do_not_count_as_doublings():
    """28 layers: four blocks, a transition, four blocks, a transition, four blocks."""
    grown = np.array([2.0] * 4 + [9.0] + [2.0] * 4 + [0.1] + [2.0] * 4)
    runs = untrained("convolutions, zero padding, untrained", state_std=np.sqrt(np.cumprod([1.0, *grown])))
    assert effects.growth(runs)[0] == pytest.approx(grown) and effects.doubling_distance(runs) == pytest.approx([0])


def test_the_exponent_is_the_slope_of_the_logarithms():
    block = np.arange(1, 129)
    for power in (-0.5, 0.0, -1.0):
        runs = untrained("residual, BN, untrained", response_std=3 * block**power, state_std=np.ones(129))
        assert effects.exponent(runs) == pytest.approx([power])
        assert effects.exponent(runs) == pytest.approx([np.polyfit(np.log(block), np.log(3 * block**power), 1)[0]])
        assert effects.exponent_distance(runs) == pytest.approx([abs(power + 0.5)])


def test_ratios_are_predicted_from_forward_sizes_and_the_plain_net():
    plain = untrained("plain, BN, untrained", state_gradient_norm=[8.0, 4.0, 2.0])  # c = 4
    residual = untrained(
        "residual, BN, untrained", response_std=[1.0, 1.0], state_std=[1.0, 2.0, 9.0],
        state_gradient_norm=[math.sqrt(10), math.sqrt(2), 1.0],
    )  # fmt: skip
    assert effects.predicted_ratios(residual, plain)[0] == pytest.approx([math.sqrt(5), math.sqrt(2)])
    assert effects.ratio_error(residual, plain) == pytest.approx([0])
    even = 1 + 4 * (1 + 1 / 4) / 2  # the mean of q^2 is 5/8 in both blocks
    drift = abs(0.5 * math.log(5 / even))
    assert effects.even_ratio_error(residual, plain) == pytest.approx([drift / math.log(even)])
    assert effects.root_distance(residual) == pytest.approx([0.5 * math.log10(10) - 0.5 * math.log10(2)])


def rated(rate: float, losses: list[float]) -> Runs:
    spec = LAPTOP["SkipInit, batch 14, rate 0.02"].but(rate=rate)
    return Runs(spec, tuple(range(len(losses))), {"train_loss": np.array(losses), "curve": np.array(losses)[:, None]})


def test_the_best_rate_is_the_vertex_of_a_parabola_on_logarithms():
    """A parabola is met exactly, wherever its vertex; at the end of the grid, the end."""
    rates = (0.01, 0.02, 0.04, 0.08)
    for vertex in (0.015, 0.02, 0.03, 0.05):
        losses = [math.exp(math.log(rate / vertex) ** 2) / 1000 for rate in rates]
        runs = [rated(rate, [loss, 7 * loss]) for rate, loss in zip(rates, losses, strict=True)]
        assert effects.log10_best_rate(*runs) == pytest.approx([math.log10(vertex)] * 2)
    falling = [rated(rate, [0.001 / rate, 0.1 * rate]) for rate in rates]
    assert effects.log10_best_rate(*falling) == pytest.approx([math.log10(0.08), -2])
    diverged = [rated(rate, [loss]) for rate, loss in zip(rates, (0.2, 0.1, math.nan, math.nan), strict=True)]
    assert -2 < effects.log10_best_rate(*diverged)[0] < math.log10(0.02)  # nearer to the rate that trains


def test_the_largest_rate_is_where_the_loss_crosses_what_counts_as_trained():
    rates, top = (0.01, 0.02, 0.04), math.log10(0.04)
    losses = ([0.1, 0.1, 0.9, 0.1], [0.25, 0.9, 0.9, 0.1], [1.0, 0.1, 0.9, 0.9])  # rate by rate, four seeds
    runs = [rated(rate, list(loss)) for rate, loss in zip(rates, losses, strict=True)]
    crossing = math.log10(0.02) + math.log10(2) * math.log(0.5 / 0.1) / math.log(0.9 / 0.1)
    expected = [math.log10(0.02) + math.log10(2) / 2, top, math.nan, crossing]
    assert effects.log10_largest_rate(*runs) == pytest.approx(expected, nan_ok=True)


def test_a_net_that_trains_at_no_rate_voids_what_is_said_of_its_rates():
    recorded = CHAPTER.recorded()
    dead = {}
    for arm in arms.rates_of("frozen BN", arms.LARGE):
        runs = recorded[arm]
        dead[arm] = Runs(runs.spec, runs.seeds, {name: np.full_like(a, np.nan) for name, a in runs.arrays.items()})
    for id in ("DS-5h", "DS-5m"):
        assert judge(CHAPTER.claim(id), recorded | dead).word == "void"


def test_a_difference_of_curves_is_the_largest_over_all_steps():
    a, b = (Runs(LAPTOP["decay"], (0, 1), {"curve": np.array(c)}) for c in ([[1.0, 2], [1, 2]], [[1.0, 2.01], [1, 2]]))
    assert effects.log10_difference(a, b) == pytest.approx([-2, math.log10(np.finfo(float).eps)])
    lost = Runs(LAPTOP["decay"], (0, 1), {"curve": np.array([[1.0, math.nan], [1, 1e30]])})
    assert effects.log10_difference(a, lost) == pytest.approx([math.log10(CHANCE)] * 2)


# --- The exponential rate -------------------------------------------------------------------------


def test_both_roots_solve_the_equation_and_the_larger_is_the_decay_where_there_is_no_momentum():
    spec, sgd = LAPTOP["decay"], LAPTOP["decay"].optimiser
    for root in arms.roots(spec):
        assert root**2 - (1 + sgd.momentum - sgd.weight_decay * sgd.rate) * root + sgd.momentum == pytest.approx(0)
    assert arms.roots(spec.but(momentum=0.0))[0] == pytest.approx(1 - sgd.weight_decay * sgd.rate)


def test_a_decay_that_has_no_equivalent_is_refused():
    with pytest.raises(ValueError, match="choose less"):
        arms.roots(LAPTOP["decay"].but(weight_decay=0.5))


def test_the_equivalent_run_keeps_its_weights_in_proportion():
    """A quadratic loss of w / |w|, by hand, with the textbook's momentum: w~ = w / root^step, step after step."""
    spec = LAPTOP["decay"].but(rate=0.5, weight_decay=0.004)
    target = np.array([0.6, -0.8, 0.3])

    def gradient(w):
        size = np.linalg.norm(w)
        towards = w / size - target
        return (towards - w * (w @ towards) / size**2) / size

    for root in arms.roots(spec):
        other = arms.exponential(spec, root)
        w, v = np.array([1.0, 2.0, -1.0]), np.zeros(3)
        w2, v2 = w.copy(), other.optimiser.momentum_start * w
        for step in range(40):
            assert w2 * root**step == pytest.approx(w, rel=1e-9)
            v = spec.optimiser.momentum * v + gradient(w) + spec.optimiser.weight_decay * w
            w = w - spec.optimiser.rate * v
            v2 = spec.optimiser.momentum * v2 + gradient(w2)
            w2 = w2 - other.optimiser.rate * other.optimiser.growth**step * v2


# --- Verdicts turn --------------------------------------------------------------------------------


@pytest.mark.slow
def test_branches_that_are_not_scaled_down_turn_the_verdict_on_residual_nets_without_bn(judge_with_a_line_changed):
    """SkipInit without its scalar: the nets are really trained, diverge, and are judged."""
    line = 'branch = times(params[f"{name}.alpha"], branch)'
    status, (verdict,) = judge_with_a_line_changed(line, "pass", "BN-2", module="nets/dense")
    assert status == 1 and verdict["printed_verdict"] == "refuted" and verdict["verdict"] != "refuted"


@pytest.mark.slow
def test_a_rate_that_does_not_grow_turns_the_verdict_on_the_equality(judge_with_a_line_changed):
    line, instead = "optimiser.rate * optimiser.growth**step", "optimiser.rate"
    status, (verdict,) = judge_with_a_line_changed(line, instead, "LA-1", module="training/descent")
    assert status == 1 and (verdict["printed_verdict"], verdict["verdict"]) == ("supported", "refuted")


# --- What the text says of the record -------------------------------------------------------------


def test_what_fails_without_small_branches_is_the_bias_and_not_the_variance():
    """BN, rescaled: BN in every block, a variance that stays, and half of every block is its branch."""
    runs = CHAPTER.recorded()["BN, rescaled, untrained"]
    assert np.abs(np.log10(runs["state_std"])).max() < 0.1
    assert np.abs(effects.branch_over_skip(runs) - 1).max() < 0.3


# --- Self-checks ----------------------------------------------------------------------------------


def test_self_check_1_knows_right_from_wrong():
    assert page.check_variance(256 * math.log10(1 + 1 / 16)).startswith("Right")
    for wrong in (256 * math.log(1 + 1 / 16), 16.0, math.log10(1 + 1 / 16), None):
        assert page.check_variance(wrong).startswith("Not")


def test_self_check_2_knows_right_from_wrong():
    spec = LAPTOP["BN, rescaled-64"].but(depth=34)

    def runs(spec, n, loss):
        values = np.full(n, loss)
        return Runs(spec, tuple(range(n)), {"train_loss": values, "curve": values[:, None]})

    assert page.check_half(runs(spec, 5, 0.7)).startswith("Right")
    wrong = [None, 34, runs(spec.but(rate=0.01), 5, 0.7), runs(spec, 4, 0.7)]
    assert all(page.check_half(answer).startswith("Not") for answer in wrong)
    assert page.check_half(runs(spec, 5, 3.0)).startswith("Unexpected")


def test_self_check_3_knows_right_from_wrong():
    assert page.check_design("small branches").startswith("Right")
    for wrong in ("whole shortcuts", "both", None):
        assert page.check_design(wrong).startswith("Not")


def test_the_first_figure_reads_what_the_chapter_before_reads():
    """The residual net of 128 blocks is the same Spec in both chapters."""
    assert LAPTOP["residual, BN, untrained"] == norms.CHAPTER.specs()["residual, 128 blocks"]
    assert LAPTOP["plain, BN, untrained"] == norms.CHAPTER.specs()["plain, 128 blocks"]
