"""Nets that start where a shallower one ended."""

import numpy as np
import pytest
import torch

from whyresnets import bed, data
from whyresnets.measures import jacobian
from whyresnets.nets.dense import DenseNet
from whyresnets.nets.surgery import deepened
from whyresnets.spec import SGD, Spec
from whyresnets.training.growing import grow, shallower
from whyresnets.training.start import begin
from whyresnets.training.train import train, train_together

SPEC = bed.on_the_bed(6, "plain", 0.1).but(width=8, steps=4, grown_from=4, batch=32)


@pytest.mark.parametrize("rule", ["plain", "residual"])
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("head_activation", ["", "linear"])
def test_a_deepened_net_computes_the_same_function_in_both_modes(rule, norm, head_activation):
    net = DenseNet(5, rule, 6, norm, features=7, head_activation=head_activation)
    draw = torch.Generator().manual_seed(0)
    params, running = net.initial(draw, torch.float64)
    x = torch.randn(50, 7, generator=draw, dtype=torch.float64)
    for p in params.values():
        p += 0.3 * torch.randn(p.shape, generator=draw, dtype=p.dtype)
    for _ in range(300):
        net.logits(params, x, running=running)
    deep, made, statistics = deepened(net, params, running, 9, x)
    assert len(deep.units) == 7 and {n: p.shape for n, p in made.items()} == {
        n: p.shape for n, p in deep.initial(draw, torch.float64)[0].items()
    }
    assert torch.allclose(deep.logits(made, x), net.logits(params, x), atol=1e-9)
    evaluated = [n.logits(p, x, running=r, training=False) for n, p, r in
                 ((deep, made, statistics), (net, params, running))]  # fmt: skip
    assert torch.allclose(*evaluated, atol=1e-3)
    same, _, _ = deepened(net, params, running, 5, x)
    assert same == net


def test_a_grown_net_starts_where_the_shallower_one_ends_and_learns_on_from_there():
    read, shallow = train(SPEC, 3), train(shallower(SPEC), 3)
    assert read["shallow_loss"] == pytest.approx(shallow["train_loss"], rel=1e-5)
    assert read["grown_loss"] == pytest.approx(read["shallow_loss"], abs=1e-3)
    assert read["curve"][0] < train(SPEC.but(grown_from=0), 3)["curve"][0]
    assert "grown_loss" not in shallow


def test_seeds_and_rates_grown_together_are_those_grown_alone():
    jobs = [(SPEC.but(rate=rate, noise=0.3), seed) for rate in (0.03, 0.1) for seed in (3, 4)]
    for job, together in zip(jobs, train_together(jobs), strict=True):
        alone = train(*job)
        assert all(np.array_equal(alone[name], together[name]) for name in set(alone) - {"seconds"})


def test_noise_is_as_large_as_it_was_asked_on_every_weight_of_the_units_and_on_nothing_else():
    known, made = data.load("mnist1d"), {}
    for noise in (0.0, 0.5):
        spec = SPEC.but(width=64, noise=noise)
        start = begin(spec, 3, known)
        grow([(spec, 3), (spec, 4)], [start, begin(spec, 4, known)], known, "cpu")
        made[noise] = start.params
        assert all(not torch.equal(start.running[f"{unit}.var"], torch.ones(64)) for unit in range(6))
    added = {name: p - made[0.0][name] for name, p in made[0.5].items()}
    for name, difference in added.items():
        of_unit = name[0].isdigit() and name.endswith("weight")
        assert difference.std().item() == pytest.approx(0.5 * (2 / 64) ** 0.5 if of_unit else 0, rel=0.05), name


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"grown_from": 2}, "3 to 8"),
        ({"grown_from": 9}, "3 to 8"),
        ({"rule": "half"}, "plain or residual"),
        ({"norm": "sum"}, "BN or none"),
        ({"alpha": 0.0}, "without scalars"),
        ({"rule": "residual", "skip": "orthogonal"}, "no drawn skip"),
        ({"activation": "tanh"}, "with ReLUs"),
    ],
)
def test_what_cannot_grow_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        SPEC.but(**change)
    with pytest.raises(ValueError, match="order 'pre'"):
        Spec(bed.Dense(4, order="post", norm="none"), bed.TASK, SGD()).but(grown_from=3)


def test_a_net_that_was_not_grown_starts_with_the_same_noise_on_its_own_weights():
    known, noise = data.load("mnist1d"), {}
    for weights in ("he", "identity"):
        spec = SPEC.but(grown_from=0, weights=weights)
        plain, noisy = (begin(spec.but(noise=size), 3, known).params for size in (0.0, 0.5))
        assert all(torch.equal(plain[name], noisy[name]) for name in plain if not name[0].isdigit())
        noise[weights] = noisy["2.weight"] - plain["2.weight"]
        assert noise[weights].std().item() == pytest.approx(0.5 * (2 / SPEC.net.width) ** 0.5, rel=0.3)
    assert torch.allclose(noise["he"], noise["identity"], atol=1e-6)
    with pytest.raises(ValueError, match="change units of a Dense"):
        Spec(bed.Dense(4, order="post", norm="none"), bed.TASK, SGD()).but(noise=0.1)


def test_a_gain_from_first_to_last_unit_changes_weights_and_under_bn_nothing_else():
    known, spec = data.load("mnist1d"), SPEC.but(grown_from=0, eps=1e-12, precision="float64")
    one, other = (begin(spec.but(first_gain=gain), 3, known) for gain in (1.0, 100.0))
    factors = [(other.params[f"{unit}.weight"] / one.params[f"{unit}.weight"]).mean().item() for unit in range(6)]
    assert factors == pytest.approx([100 ** (share / 5) for share in (5, 4, 3, 2, 1, 0)])
    x = one.train_set[0]
    assert torch.allclose(one.net.logits(one.params, x), other.net.logits(other.params, x), atol=1e-6)


def test_directions_are_counted_before_training_where_a_net_was_grown_too():
    spec = SPEC.but(directions=(0, SPEC.optimiser.steps))
    run = train(spec, 3)
    begun = begin(spec, 3, data.load("mnist1d"))
    grow([(spec, 3)], [begun], data.load("mnist1d"), "cpu")
    expected = jacobian.directions(begun.net, begun.params, begun.train_set[0][:256], 2)
    assert run["directions"].shape == (2,) and run["directions"][0] == pytest.approx(expected.item(), rel=1e-4)
    assert run["directions"][1] != run["directions"][0]
