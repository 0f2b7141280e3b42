"""The bed: what its baselines are, and that on it they end above a net that trains."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from whyresnets import bed, data
from whyresnets.claims.verdicts import Claim, judge
from whyresnets.nets.architecture import Conv, Dense
from whyresnets.nets.build import build
from whyresnets.spec import SGD, Spec
from whyresnets.training.descent import descend
from whyresnets.training.runs import Runs
from whyresnets.training.start import begin
from whyresnets.training.train import train_together

DEEP = bed.on_the_bed(8, "residual", rate=0.1, norm="none", gain=8**-0.5)
ARMS = {"deep": DEEP, "frozen": bed.frozen(DEEP).but(rate=0.3)}
ARMS |= {"linear": bed.linear(DEEP).but(rate=0.3), "one hidden layer": bed.one_hidden(DEEP).but(rate=0.3)}


@pytest.mark.parametrize(
    "net",
    [
        Dense(6, "residual", 8, alpha=0.5, head_activation="linear"),
        Dense(5, "residual", 8, skip="orthogonal", skip_condition=10.0),
        Conv(10, "residual", (2, 3, 4), order="pre"),
        Conv(8, "plain", (2, 3, 4)),
    ],
)
def test_the_branches_of_a_frozen_net_stay_and_its_ends_learn(net):
    spec = bed.frozen(Spec(net, bed.TASK, SGD(steps=2)))
    before, start = (begin(spec, 5, data.load("mnist1d")) for _ in range(2))
    descend(spec, [start, begin(spec, 6, data.load("mnist1d"))])
    learnt = {name for name, p in start.params.items() if not torch.equal(p, before.params[name])}
    ends = {"stem.weight", "stem.scale", "stem.shift", "last.scale", "last.shift", "head.weight", "head.bias"}
    assert learnt == ends & set(before.params)


def test_the_linear_model_is_linear_and_the_hidden_layer_is_one():
    x = torch.randn(3, 1, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for spec in (DEEP, Spec(Conv(8, norm="none"), bed.TASK)):
        for made, linear in ((bed.linear(spec), True), (bed.one_hidden(spec), False)):
            net = build(made.net, (1, 40))
            params, _ = net.initial(torch.Generator().manual_seed(1), torch.float64)
            f = net.logits(params, torch.cat([x, x.sum(0, keepdim=True), 0 * x[:1]]))
            assert torch.allclose(f[:3].sum(0), f[3] + 2 * f[4]) == linear
            assert {name: p.shape for name, p in params.items()} == {
                "stem.weight": (64, 40), "head.weight": (10, 64), "head.bias": (10,)
            }  # fmt: skip
            assert (made.task, made.optimiser) == (spec.task, spec.optimiser)
    hidden = torch.relu(x.view(3, 40) @ params["stem.weight"].T)
    assert torch.allclose(f[:3], hidden @ params["head.weight"].T + params["head.bias"])


def test_a_baseline_has_a_norm_if_the_net_has_and_trains_all_it_has():
    assert bed.linear(DEEP.but(norm="batch")).net.norm == bed.one_hidden(DEEP.but(norm="sum")).net.norm == "batch"
    assert bed.linear(bed.frozen(DEEP).but(project="units")).optimiser == DEEP.optimiser


def test_on_the_bed_a_deep_net_trains_and_what_has_no_depth_does_not():
    seeds = (10000, 10001, 10002)
    runs = {
        arm: Runs.stack(spec, seeds, train_together([(spec, seed) for seed in seeds])) for arm, spec in ARMS.items()
    }
    test = bed.trains_above_baselines("deep", "frozen", "linear", "one hidden layer")
    found = {condition.effect.arms[0]: condition.effect.values(runs) for condition in test.conditions}
    assert {arm: bool((values > test.conditions[0].threshold).all()) for arm, values in found.items()} == {
        "frozen": True, "linear": True, "one hidden layer": True
    }  # fmt: skip
    # One hidden layer learns, too; it does not train in this sense.
    swapped = bed.trains_above_baselines("one hidden layer", "frozen", "linear", "deep")
    assert [bool((c.effect.values(runs) > c.threshold).all()) for c in swapped.conditions] == [False, True, False]
    assert np.mean(runs["linear"]["train_loss"]) > 1.4


def test_whether_a_net_trains_can_stand_in_a_claim():
    test = bed.trains_above_baselines("deep", "frozen", "linear", "one hidden layer")
    arrays = {"curve": np.zeros((5, 1)), "seconds": np.ones(5)}
    levels = {"deep": 0.3, "frozen": 0.7, "linear": 1.6, "one hidden layer": 0.8}
    runs = {
        arm: Runs(DEEP, tuple(range(5)), {**arrays, "train_loss": level + np.linspace(0, 0.01, 5)})
        for arm, level in levels.items()
    }
    claim = Claim("X", "ours", "it trains", test.conditions, (replace(test, says="control"),))
    assert [m.status for m in judge(claim, runs).predicted] == ["met", "met", "met"]
    runs["frozen"] = runs["deep"]
    assert [m.status for m in judge(claim, runs).predicted] == ["not met", "met", "met"]
