"""Vanishing: its readings against autograd by hand, that its controls change one thing, verdicts that could turn."""

import math

import numpy as np
import pytest
import torch
from made import made

from whyresnets import data
from whyresnets.chapters.vanishing import CHAPTER, arms, effects, page
from whyresnets.claims.verdicts import judge
from whyresnets.measures.losses import mean_loss
from whyresnets.sweeps import LIVE, core_seconds
from whyresnets.training.readings import SIGNAL_EXAMPLES
from whyresnets.training.runs import Runs
from whyresnets.training.start import begin
from whyresnets.training.train import train

LAPTOP = CHAPTER.specs()
SMALL = LAPTOP[arms.PLAIN].but(depth=5, width=6, batch=32, steps=0, follow=(0,))


def test_controls_change_one_thing(differ):
    def changed(one, other):
        return differ(LAPTOP, one, other) - {"follow"}

    assert changed(arms.PLAIN, arms.RESIDUAL) == {"rule"}
    assert changed(arms.PLAIN, arms.BALANCED) == {"first_gain"}
    assert changed(arms.PLAIN, arms.AGAIN) == {"draw"}
    assert changed(arms.PLAIN, arms.ORTHOGONAL) == {"weights"}
    assert changed(arms.SIGMOID, arms.ORTHOGONAL) == {"activation"}
    assert changed(arms.SIGMOID, arms.GAUSSIAN) == {"weights"}
    assert changed(arms.SIGMOID, arms.BARE) == {"norm"}
    assert changed(arms.SIGMOID, arms.frozen(arms.SIGMOID)) == {"untrained"}
    assert changed(arms.PLAIN, arms.FLAT) == {"norm", "head_norm"}  # BN taken out of the units
    assert changed(arms.HE_PLAIN, arms.HE_RESIDUAL) == {"rule"}
    assert changed(arms.HE_PLAIN, arms.HE_BARE) == {"norm"}
    assert changed(arms.HE_BARE, arms.HE_CIRCULAR) == {"padding"}
    larger = CHAPTER.specs("workstation")
    assert differ(larger, arms.PLAIN_EPOCH, arms.RESIDUAL_EPOCH) == {"rule"}


def test_the_live_plan_keeps_its_budget():
    assert sum(core_seconds(spec) * len(seeds) for spec, seeds in CHAPTER.live().values()) <= LIVE


def test_both_gradients_are_those_of_autograd_by_hand():
    spec = SMALL
    read = Runs.stack(spec, (3,), [train(spec, 3)])
    begun = begin(spec, 3, data.load(spec.task.data))
    x, y = (part[:SIGNAL_EXAMPLES] for part in begun.train_set)
    weights = {name: p.clone().requires_grad_() for name, p in begun.params.items() if name.endswith(".weight")}
    states = [x.flatten(1) @ weights["stem.weight"].T]
    for unit in "012":
        h = states[-1]
        normal = (h - h.mean(0)) / (h.var(0, correction=0) + spec.net.eps).sqrt()
        states.append(normal.relu() @ weights[f"{unit}.weight"].T)
    h = states[-1]
    normal = (h - h.mean(0)) / (h.var(0, correction=0) + spec.net.eps).sqrt()
    loss = mean_loss(normal @ weights["head.weight"].T + begun.params["head.bias"], y)
    found = torch.autograd.grad(loss, [states[0], states[-1], weights["0.weight"], weights["2.weight"]])
    first, last, of_first, of_last = (float(gradient.norm()) for gradient in found)
    assert effects.at_states(0)(read) == pytest.approx(math.log10(first / last), abs=1e-4)
    assert effects.of_weights(0)(read) == pytest.approx(math.log10(of_first / of_last), abs=1e-4)
    sizes = float(begun.params["2.weight"].norm() / begun.params["0.weight"].norm())
    assert effects.relative(0)(read) == pytest.approx(math.log10(of_first / of_last * sizes), abs=1e-4)


def test_without_bn_every_layer_of_relus_has_the_same_product_of_weights_and_gradient():
    """Why weights feel no vanishing there: each layer may be scaled, and the loss feels it alike."""
    spec = SMALL.but(norm="none", gain=0.3)
    begun = begin(spec, 3, data.load(spec.task.data))
    x, y = (part[:64].double() if part.is_floating_point() else part[:64] for part in begun.train_set)
    weights = {name: p.double().requires_grad_() for name, p in begun.params.items() if name.endswith(".weight")}
    bias = {"head.bias": begun.params["head.bias"].double()}
    gradients = torch.autograd.grad(mean_loss(begun.net.logits(weights | bias, x), y), list(weights.values()))
    products = [float((w * g).sum().detach()) for w, g in zip(weights.values(), gradients, strict=True)]
    assert products == pytest.approx([products[0]] * len(products)) and abs(products[0]) > 1e-9


def followed(states, weights, norms):
    """Runs read at the start and after 40 steps: norms at three states, gradients and norms of four matrices."""
    spec = LAPTOP[arms.PLAIN]
    arrays = {
        "followed_state_gradient_norm": states, "followed_weight_gradient_norm": weights, "followed_weight_norm": norms,
    }  # fmt: skip
    ones = {"train_loss": np.ones(1), "curve": np.ones((1, 1)), "seconds": np.ones(1)}
    return Runs(spec, (0,), ones | {name: np.array([value], dtype=float) for name, value in arrays.items()})


def test_ratios_leave_out_first_and_last_layer_and_read_at_the_step():
    runs = followed(
        [[100, 5, 1], [1, 5, 10], [1, 1, 1]],
        [[9, 1000, 1, 9], [9, 1, 10, 9], [9, 1, 1, 9]],
        [[9, 2, 2, 9], [9, 200, 2, 9], [9, 2, 2, 9]],
    )
    assert effects.at_states(0)(runs) == pytest.approx(2) and effects.at_states(40)(runs) == pytest.approx(-1)
    assert effects.state_distance(40)(runs) == pytest.approx(1)
    assert effects.of_weights(0)(runs) == pytest.approx(3) and effects.of_weights(40)(runs) == pytest.approx(-1)
    assert effects.weight_distance(40)(runs) == pytest.approx(1)
    assert effects.relative(0)(runs) == pytest.approx(3) and effects.relative(40)(runs) == pytest.approx(-3)
    assert effects.growth(40)(runs) == pytest.approx(2)
    assert effects.relative_steps(runs, 300).shape == (1, 2)


def test_a_run_that_was_cut_short_is_read_at_its_end():
    runs = followed([[1, 1, 1]] * 3, [[1, 10, 1, 1]] * 3, [[1, 1, 1, 1]] * 3)
    cut = Runs(runs.spec.cut(2), runs.seeds, runs.arrays)
    assert effects.reading(cut, 0) == 0 and effects.reading(cut, 40) == len(cut.spec.readings.follow) - 1


def test_watched_states_are_read_at_their_step():
    spec = CHAPTER.specs("workstation")[arms.PLAIN_EPOCH]
    norms = np.array([[[1000.0, 1.0], [10.0, 1.0], [1.0, 1.0]]])
    runs = Runs(spec, (0,), made([1.0], watched_gradient_norm=norms).arrays)
    assert effects.watched(0)(runs) == pytest.approx(3) and effects.watched(40)(runs) == pytest.approx(1)


@pytest.mark.parametrize(("decades", "word"), [(4.0, "refuted"), (0.0, "refuted"), (-4.0, "supported")])
def test_vanishing_could_have_come_out(decades, word):
    claim = CHAPTER.claim("HE1-3v")
    levels = {arm: (decades if arm in (arms.PLAIN, arms.HE_PLAIN) else 0.5) for arm in claim.arms}
    levels[arms.SATURATING] = -11.0
    runs = {arm: of_ratio(LAPTOP[arm], level) for arm, level in levels.items()}
    assert judge(claim, runs).word == word


def test_without_its_assay_an_absent_effect_would_not_refute():
    claim = CHAPTER.claim("HE1-3v")
    runs = {arm: of_ratio(LAPTOP[arm], 0.0) for arm in claim.arms}
    assert judge(claim, runs).word == "undecided"


def of_ratio(spec, decades, seeds=5):
    """Runs in which both gradients have that ratio, with a little noise."""
    ratio = 10 ** (decades + np.linspace(0, 0.01, seeds))
    states = np.stack([ratio, np.ones(seeds)], 1)[:, None]
    weights = np.stack([ratio, ratio, np.ones(seeds), ratio], 1)[:, None]
    arrays = {"followed_state_gradient_norm": states, "followed_weight_gradient_norm": weights}
    return Runs(spec, tuple(range(seeds)), made([0.3] * seeds).arrays | arrays)


def test_self_checks_know_right_from_wrong():
    assert page.check_growth(4.5).startswith("Right") and page.check_growth(1.21).startswith("Not yet")
    assert page.check_design("relative").startswith("Right") and page.check_design("weights").startswith("Not yet")
    recorded = CHAPTER.recorded()
    low, high = recorded[arms.SIGMOID], recorded[arms.ORTHOGONAL]
    assert page.check_tanh(low).startswith("Not yet")
    between = {**low.arrays, "train_loss": (low["train_loss"] + high["train_loss"]) / 2}
    spec = low.spec.but(activation="tanh")
    assert page.check_tanh(Runs(spec, low.seeds, between)).startswith("Right")
