import numpy as np
import pytest
from scipy.stats import spearmanr

from whyresnets.chapters.elimination import CHAPTER, arms, effects, page
from whyresnets.chapters.elimination.arms import END, EPOCH, START
from whyresnets.training.runs import Runs

LAPTOP = CHAPTER.specs()


@pytest.fixture(scope="module")
def recorded() -> dict[str, Runs]:
    return CHAPTER.recorded()


# --- Arms ---------------------------------------------------------------------------------------


def test_arms_differ_in_nothing_but_what_they_are_about(differ):
    changed = {
        ("plain, preserved", "plain, vanishing"): {"forward_gain"},
        ("plain, preserved", "plain, as it comes"): {"forward_gain"},
        ("plain, exploding", "identity, exploding"): {"rule"},
        ("identity, preserved", "orthogonal, preserved"): {"skip"},
        ("identity, preserved", "one skip for all"): {"skip"},
        ("identity, preserved", "small branches"): {"gain"},
        ("small branches", "small weights, plain"): {"rule"},
        ("identity, preserved", "cancelled, preserved"): {"cancelled"},
        ("cancelled, preserved", "next taken off, preserved"): {"cancelled"},
        ("4 distinct", "4 distinct, turned"): {"skip"},
        ("plain, preserved", "near-identity, plain"): {"weights"},
        ("orthogonal, preserved", "4 distinct"): {"skip", "distinct"},
        ("1 distinct", "4 distinct"): {"distinct"},
        ("4 distinct", "4 distinct, whitened"): {"skip"},
        ("identity, preserved", "identity, tanh"): {"activation"},
        ("plain, as it comes", "plain, 64 bits"): {"precision"},
        ("plain, 64 bits", "cancelled inside, 64 bits"): {"rule", "cancelled"},
        ("plain, as it comes", "plain, as it comes, draw 3"): {"draw"},
        ("plain, as it comes", "BiasL2, as it comes"): {"bias_pull"},
        ("plain, preserved", "BiasL2, preserved"): {"bias_pull"},
        ("BiasL2, preserved", "BiasReg, preserved"): {"bias_mean", "bias_spread"},
        ("BiasReg, preserved", "equal targets, preserved"): {"bias_spread"},
        ("BiasReg, preserved", "targets about zero, preserved"): {"bias_mean"},
        ("plain, preserved", "BN, plain"): {"norm"},
        ("BN, plain", "BN, identity"): {"rule"},
        ("BN, plain", "LN, plain"): {"norm"},
        ("plain at overlap", "BN, plain at overlap"): {"norm"},
        ("plain at overlap", "plain at nowhere near"): {"point"},
        ("plain, preserved: spectrum", "identity, preserved: spectrum"): {"rule"},
    }
    for pair, fields in changed.items():
        assert differ(LAPTOP, *pair) == fields, pair
    for one, other in (("plain, as it comes", "plain, as it comes, draw 3"), ("plain, 64 bits", "cancelled, 64 bits")):
        assert LAPTOP[one].optimiser.rate == LAPTOP[other].optimiser.rate


def test_an_epoch_is_what_the_text_says():
    epoch = 1400 / LAPTOP["plain, preserved"].task.batch
    assert arms.READ_AT[EPOCH] == round(epoch) and LAPTOP["BN, plain: spectrum"].optimiser.steps // epoch == 1


def test_a_hundred_nets_are_a_hundred(recorded):
    for net, names in arms.HUNDRED.items():
        assert sum(len(recorded[name].seeds) for name in names) == 100 and names[0] == net
        assert len(set(np.concatenate([effects.mean_loss(recorded[name]) for name in names]))) == 100


def test_every_net_has_the_size_of_signal_that_its_name_says(recorded):
    for size, gain in arms.SIZES.items():
        for net in arms.NETS:
            growth = effects.log10_growth(recorded[f"{net}, {size}"])
            assert growth == pytest.approx(19 * np.log10(gain), abs=1e-3)
    preserved = [arm.name for arm in arms.TRAINED if arm.spec.net.forward_gain == 1.0]
    assert len(preserved) == 25 and all((effects.off_size(recorded[arm]) < 1e-3).all() for arm in preserved)
    assert (effects.log10_growth(recorded["plain, as it comes"]) < -2).all()
    assert (effects.log10_growth(recorded["identity, as it comes"]) > 2).all()


# --- Quantities ---------------------------------------------------------------------------------


def some(**arrays) -> Runs:
    n = len(next(iter(arrays.values())))
    fine = {"train_loss": np.zeros(n), "curve": np.zeros((n, 3))}
    return Runs(LAPTOP["plain, preserved"], tuple(range(n)), {**fine, **arrays})


def test_quantities_take_the_step_and_layer_that_they_name():
    by_layer = np.arange(1.0, 7).reshape(1, 3, 2)
    runs = some(watched_size=by_layer, watched_gradient_norm=by_layer, watched_constant_share=by_layer)
    assert effects.log10_growth(runs) == pytest.approx([np.log10(2)])
    assert effects.log10_gradient(runs) == pytest.approx([-np.log10(2)])
    assert effects.off_gradient(runs) == effects.off_size(runs) == pytest.approx([np.log10(2)])
    read = [effects.over_layers("constant_share", when) for when in (START, EPOCH, END)]
    assert [measure(runs)[0] for measure in read] == [1.5, 3.5, 5.5]
    lost = Runs(runs.spec, (0,), {**runs.arrays, "train_loss": np.full(1, np.nan)})
    assert all(np.isnan(measure(lost)) for measure in read)


def test_a_rate_at_which_a_seed_is_lost_is_never_the_best():
    capped = some(watched_capped_curve=np.array([[np.nan, 2.0, 1.5]]))
    assert effects.mean_loss(capped) == effects.tuning_loss(capped) == [1.5]
    lost = some(**capped.arrays | {"curve": np.full((1, 3), np.inf)})
    assert effects.mean_loss(lost) == [1.5] and effects.tuning_loss(lost) == [np.inf]


def test_curves_are_apart_by_their_largest_difference_in_ten_steps():
    one, two = (some(curve=np.zeros((1, 22))) for _ in range(2))
    two["curve"][0, 4], two["curve"][0, 12] = -0.25, 7.0
    assert effects.log10_apart(one, two) == [np.log10(0.25)]
    assert effects.log10_apart(one, one) == [np.log10(np.finfo(float).eps)]


def test_what_must_be_equal_to_the_last_bits_is_recorded_in_all_of_them():
    for first_seed in (0, 1000):
        recorded = CHAPTER.recorded(first_seed=first_seed)
        for arm in CHAPTER.whole:
            assert recorded[arm]["curve"].dtype == np.float64 and recorded[arm]["curve"].shape[1] == 300
        plain, inside = (recorded[f"{net}, 64 bits"]["curve"] for net in ("plain", "cancelled inside"))
        assert np.abs(plain - inside).max() > 0 and not np.array_equal(plain, plain.astype(np.float32))


def test_the_link_over_all_nets_is_spearmans_rank_correlation():
    draw = np.random.default_rng(0)
    nets, x, y = [], [], []
    for _ in range(5):
        values = draw.normal(size=(20, 3, 4))
        losses = values[:, END].mean(1) + draw.normal(size=20)
        x, y = [*x, *values[:, END].mean(1)], [*y, *losses]
        capped = np.stack([losses * 0, losses * 0, losses], 1)
        nets.append(some(watched_capped_curve=capped, watched_incoming_norm=values))
    link = effects.linked("incoming_norm", END)
    exchanged = effects.linked("incoming_norm", END, exchanged=True)
    per_seed = link(*nets)
    assert per_seed.shape == (20,) and per_seed.mean() == pytest.approx(spearmanr(x, y).statistic)
    assert abs(exchanged(*nets).mean()) < 0.15 < per_seed.mean()
    same = [some(**net.arrays | {"watched_incoming_norm": nets[0]["watched_incoming_norm"]}) for net in nets]
    assert exchanged(*same) == pytest.approx(link(*same))  # what all draws of a seed share remains
    assert abs(effects.linked("incoming_norm", START)(*nets).mean()) < 0.3
    nets[2]["watched_capped_curve"][3, END] = np.nan
    assert np.isnan(link(*nets)).all()


def test_the_mean_loss_of_the_record_is_no_less_than_what_a_capped_curve_allows(recorded):
    """Against the steps that a compact record keeps: each at most chance, and the first ones near it."""
    runs = recorded["small branches"]
    curve = np.minimum(runs["curve"], np.log(10))
    assert (effects.mean_loss(runs) < curve[:, :10].mean(1)).all() and (effects.mean_loss(runs) > curve.min(1)).all()


# --- What would make a verdict another ------------------------------------------------------------


@pytest.mark.slow
def test_without_the_skip_in_the_model_its_claims_do_not_hold(judge_with_a_line_changed):
    """A net of small weights alone does not train: the claim that it trains faster is void."""
    line = "skip = self._skip(params, i, h) if self.rule"
    arguments = "OP-9s", "OP-5x", "--seeds", "5"
    status, verdicts = judge_with_a_line_changed(line, line.replace("h)", "0 * h)"), *arguments, module="nets/dense")
    assert status == 1 and [row["verdict"] for row in verdicts] == ["void", "refuted"]


@pytest.mark.slow
def test_with_units_told_apart_by_their_shift_normalisation_would_remove_doubles(judge_with_a_line_changed):
    line = 'return normal * params[f"{i}.scale"].unsqueeze(-2) + params[f"{i}.shift"].unsqueeze(-2)'
    apart = line + " + torch.arange(self.width) * 0.3"
    status, (verdict,) = judge_with_a_line_changed(line, apart, "NO-1", "--seeds", "5", module="nets/dense")
    assert status == 1 and verdict["verdict"] == "undecided"
    assert verdict["reason"] == "could not have been seen (no assay)"


# --- Self-checks --------------------------------------------------------------------------------


def test_the_decades_have_one_right_answer():
    assert page.check_decades(None) == "Not answered yet."
    assert page.check_decades(19 * np.log10(2) / 2).startswith("Right")  # as the solution says
    assert all(page.check_decades(wrong).startswith("Not yet") for wrong in (19 * np.log10(2), 0.3, -2.9))


def test_the_gain_is_checked_against_the_record(recorded):
    assert page.check_gain(None) == "Not answered yet."
    unchanged = recorded["orthogonal, preserved"]
    assert page.check_gain(unchanged).startswith("Not yet")
    spec = unchanged.spec.but(forward_gain=0.85)
    for value, word in ((1.0, "Right: 1.00 nats, between"), (0.0, "Unexpected: 0.00 nats is not between")):
        capped = np.full((5, 3), value)
        assert word in page.check_gain(Runs(spec, tuple(range(5)), {"watched_capped_curve": capped}))


def test_the_design_must_not_leave_out_the_plain_net():
    assert page.check_design("plain").startswith("Right")
    assert all(page.check_design(wrong).startswith("Not") for wrong in ("small branches", "neither", None))
