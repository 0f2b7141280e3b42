import numpy as np
import pytest
from scipy.stats import spearmanr

from whyresnets.chapters import elimination as elim
from whyresnets.chapters.elimination import CHAPTER, END, EPOCH, LAPTOP, START
from whyresnets.training import Runs

# --- Arms ---------------------------------------------------------------------------------------


def test_arms_differ_in_nothing_but_what_they_are_about(differ):
    changed = {
        ("plain, kept", "plain, vanishing"): {"forward_gain"},
        ("plain, kept", "plain, as it comes"): {"forward_gain"},
        ("plain, exploding", "identity, exploding"): {"rule"},
        ("identity, kept", "orthogonal, kept"): {"skip"},
        ("identity, kept", "one skip for all"): {"skip"},
        ("identity, kept", "small branches"): {"gain"},
        ("small branches", "small weights, plain"): {"rule"},
        ("identity, kept", "cancelled, kept"): {"cancelled"},
        ("cancelled, kept", "next taken off, kept"): {"cancelled"},
        ("4 distinct", "4 distinct, turned"): {"skip"},
        ("plain, kept", "near-identity, plain"): {"weights"},
        ("orthogonal, kept", "4 distinct"): {"skip", "distinct"},
        ("1 distinct", "4 distinct"): {"distinct"},
        ("4 distinct", "4 distinct, whitened"): {"skip"},
        ("identity, kept", "identity, tanh"): {"activation"},
        ("plain, as it comes", "plain, 64 bits"): {"precision"},
        ("plain, 64 bits", "cancelled inside, 64 bits"): {"rule", "cancelled"},
        ("plain, as it comes", "plain, as it comes, draw 3"): {"draw"},
        ("plain, as it comes", "BiasL2, as it comes"): {"bias_pull"},
        ("plain, kept", "BiasL2, kept"): {"bias_pull"},
        ("BiasL2, kept", "BiasReg, kept"): {"bias_mean", "bias_spread"},
        ("BiasReg, kept", "equal targets, kept"): {"bias_spread"},
        ("BiasReg, kept", "targets about zero, kept"): {"bias_mean"},
        ("plain, kept", "BN, plain"): {"norm"},
        ("BN, plain", "BN, identity"): {"rule"},
        ("BN, plain", "LN, plain"): {"norm"},
        ("plain at overlap", "BN, plain at overlap"): {"norm"},
        ("plain at overlap", "plain at nowhere near"): {"point"},
        ("plain, kept: spectrum", "identity, kept: spectrum"): {"rule"},
    }
    for pair, fields in changed.items():
        assert differ(LAPTOP, *pair) == fields, pair
    for one, other in (("plain, as it comes", "plain, as it comes, draw 3"), ("plain, 64 bits", "cancelled, 64 bits")):
        assert LAPTOP[one].rate == LAPTOP[other].rate


def test_an_epoch_is_what_the_text_says():
    epoch = 1400 / LAPTOP["plain, kept"].batch
    assert elim.READ_AT[EPOCH] == round(epoch) and LAPTOP["BN, plain: spectrum"].steps // epoch == 1


def test_a_hundred_nets_are_a_hundred():
    for net, arms in elim.HUNDRED.items():
        recorded = CHAPTER.recorded()
        assert sum(len(recorded[arm].seeds) for arm in arms) == 100 and arms[0] == net
        losses = np.concatenate([elim.mean_loss(recorded[arm]) for arm in arms])
        assert len(set(losses)) == 100


# --- The sizes that are claimed -----------------------------------------------------------------


def test_every_net_has_the_size_of_signal_that_its_name_says():
    recorded = CHAPTER.recorded()
    for size, gain in elim.SIZES.items():
        for net in elim.NETS:
            growth = elim.log10_growth(recorded[f"{net}, {size}"])
            assert growth == pytest.approx(19 * np.log10(gain), abs=1e-3)
    kept = [arm for arm, spec in elim.TRAINED.items() if spec.forward_gain == 1.0]
    assert len(kept) == 25 and all((elim.off_size(recorded[arm]) < 1e-3).all() for arm in kept)
    assert (elim.log10_growth(recorded["plain, as it comes"]) < -2).all()
    assert (elim.log10_growth(recorded["identity, as it comes"]) > 2).all()


# --- Readings -----------------------------------------------------------------------------------


def some(**arrays) -> Runs:
    n = len(next(iter(arrays.values())))
    fine = {"train_loss": np.zeros(n), "curve": np.zeros((n, 3))}
    return Runs(LAPTOP["plain, kept"], tuple(range(n)), {**fine, **arrays})


def test_readings_take_the_step_and_layer_that_they_name():
    by_layer = np.arange(1.0, 7).reshape(1, 3, 2)
    runs = some(watched_size=by_layer, watched_gradient_norm=by_layer, watched_constant_share=by_layer)
    assert elim.log10_growth(runs) == pytest.approx([np.log10(2)])
    assert elim.log10_gradient(runs) == pytest.approx([-np.log10(2)])
    assert elim.off_gradient(runs) == elim.off_size(runs) == pytest.approx([np.log10(2)])
    read = [elim.over_layers("constant_share", when) for when in (START, EPOCH, END)]
    assert [reading(runs)[0] for reading in read] == [1.5, 3.5, 5.5]
    lost = Runs(runs.spec, (0,), {**runs.arrays, "train_loss": np.full(1, np.nan)})
    assert all(np.isnan(reading(lost)) for reading in read)
    capped = some(watched_capped_curve=np.array([[np.nan, 2.0, 1.5]]))
    assert elim.mean_loss(capped) == [1.5]


def test_curves_are_apart_by_their_largest_difference_in_ten_steps():
    one, two = (some(curve=np.zeros((1, 22))) for _ in range(2))
    two["curve"][0, 4], two["curve"][0, 12] = -0.25, 7.0
    assert elim.log10_apart(one, two) == [np.log10(0.25)]
    assert elim.log10_apart(one, one) == [np.log10(np.finfo(float).eps)]


def test_what_must_be_equal_to_the_last_bits_is_recorded_in_all_of_them():
    for first_seed in (0, 1000):
        recorded = CHAPTER.recorded(first_seed=first_seed)
        for arm in elim.EXACT:
            assert recorded[arm]["curve"].dtype == np.float64 and recorded[arm]["curve"].shape[1] == 300
        plain, inside = (recorded[f"{net}, 64 bits"]["curve"] for net in ("plain", "cancelled inside"))
        assert np.abs(plain - inside).max() > 0 and not np.array_equal(plain, plain.astype(np.float32))


def test_the_link_over_all_nets_is_spearmans_rank_correlation():
    draw = np.random.default_rng(0)
    arms, x, y = [], [], []
    for _ in range(5):
        values = draw.normal(size=(20, 3, 4))
        losses = values[:, END].mean(1) + draw.normal(size=20)
        x, y = [*x, *values[:, END].mean(1)], [*y, *losses]
        capped = np.stack([losses * 0, losses * 0, losses], 1)
        arms.append(some(watched_capped_curve=capped, watched_incoming_norm=values))
    per_seed = elim.linked("incoming_norm", END)(*arms)
    assert per_seed.shape == (20,) and per_seed.mean() == pytest.approx(spearmanr(x, y).statistic)
    assert abs(elim.linked("incoming_norm", END, shuffled=True)(*arms).mean()) < 0.15 < per_seed.mean()
    same = [some(**{**arm.arrays, "watched_incoming_norm": arms[0]["watched_incoming_norm"]}) for arm in arms]
    exchanged = elim.linked("incoming_norm", END, shuffled=True)(*same)  # what all draws of a seed share remains
    assert exchanged == pytest.approx(elim.linked("incoming_norm", END)(*same))
    assert abs(elim.linked("incoming_norm", START)(*arms).mean()) < 0.3
    arms[2]["watched_capped_curve"][3, END] = np.nan
    assert np.isnan(elim.linked("incoming_norm", END)(*arms)).all()


def test_the_mean_loss_of_the_record_is_no_less_than_what_a_capped_curve_allows():
    """Against the steps that a compact record keeps: each at most chance, and the first ones near it."""
    runs = CHAPTER.recorded()["small branches"]
    kept = np.minimum(runs["curve"], np.log(10))
    assert (elim.mean_loss(runs) < kept[:, :10].mean(1)).all() and (elim.mean_loss(runs) > kept.min(1)).all()


# --- What would make a verdict turn -------------------------------------------------------------


def test_without_the_skip_in_the_model_its_claims_do_not_hold(judge_with_a_line_changed):
    """A net of small weights alone does not train: the claim that it trains faster is void."""
    arguments = "OP-9s", "OP-5x", "--seeds", "5"
    line = "skip = self._skip(params, i, h) if self.rule"
    status, verdicts = judge_with_a_line_changed(line, line.replace("h)", "0 * h)"), *arguments)
    assert status == 1 and [row["verdict"] for row in verdicts] == ["void", "refuted"]


def test_with_units_told_apart_by_their_shift_normalisation_would_remove_doubles(judge_with_a_line_changed):
    line = 'return normal * params[f"{i}.scale"] + params[f"{i}.shift"]'
    apart = line + " + torch.arange(self.width) * 0.3"
    status, verdicts = judge_with_a_line_changed(line, apart, "NO-1", "--seeds", "5")
    assert status == 1 and verdicts[0]["verdict"] == "refuted"


# --- Self-checks --------------------------------------------------------------------------------


def test_the_decades_have_one_right_answer():
    assert elim.check_decades(None) == "Not answered yet."
    assert elim.check_decades(19 * np.log10(2) / 2).startswith("Right")  # as the solution says
    assert all(elim.check_decades(wrong).startswith("Not yet") for wrong in (19 * np.log10(2), 0.3, -2.9))


def test_the_gain_is_checked_against_the_record():
    assert elim.check_gain(None) == "Not answered yet."
    recorded = CHAPTER.recorded()["orthogonal, kept"]
    assert elim.check_gain(recorded).startswith("Not yet")
    spec = recorded.spec.but(forward_gain=0.85)
    for value, word in ((1.0, "are between"), (0.0, "not between")):
        capped = np.full((5, 3), value)
        assert word in elim.check_gain(Runs(spec, tuple(range(5)), {"watched_capped_curve": capped}))
