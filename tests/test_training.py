import itertools

import numpy as np
import pytest
import torch

from whyresnets import data
from whyresnets.training import Runs, Spec, batches, generator, rate_at, train


def test_training_equals_plain_sgd_written_out(tiny):
    """The slow way: torch.nn.BatchNorm2d is tested in test_models; here the optimiser, the schedule, the order."""
    spec = tiny.but(rule="plain", norm="none", weight_decay=0.5)  # large, so that leaving it out would show
    digits, net = data.load("digits"), spec.net(1)
    params, _ = net.initial(generator(4, "initialisation"))
    speeds, losses = {name: torch.zeros_like(p) for name, p in params.items()}, []
    for step, index in enumerate(batches(4, 1400, spec.batch, spec.steps)):
        params = {name: p.detach().requires_grad_() for name, p in params.items()}
        loss = torch.nn.functional.cross_entropy(net.logits(params, digits.x_train[index]), digits.y_train[index])
        losses.append(loss.item())
        for (name, p), g in zip(params.items(), torch.autograd.grad(loss, list(params.values())), strict=True):
            speeds[name] = spec.momentum * speeds[name] + g + spec.weight_decay * p.detach()
            params[name] = p.detach() - rate_at(spec, step) * speeds[name]
    assert train(spec, 4)["curve"] == pytest.approx(losses, rel=1e-4)


def test_the_rate_warms_up_and_falls_to_zero():
    spec = Spec(rate=0.2, steps=20, warmup=0.2)
    rates = [rate_at(spec, step) for step in range(20)]
    assert rates[:5] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2])
    assert all(a > b for a, b in itertools.pairwise(rates[4:])) and rates[-1] < 0.01
    assert rate_at(spec.but(schedule="constant", warmup=0.0), 0) == 0.2


def test_batches_depend_on_the_seed_alone_and_cover_each_epoch():
    order = batches(0, 1400, 64, 42)
    assert torch.equal(order, batches(0, 1400, 64, 42)) and torch.equal(order[:7], batches(0, 1400, 64, 7))
    assert not torch.equal(order[:21], batches(1, 1400, 64, 21))
    assert len(order[:21].unique()) == 21 * 64  # within an epoch nothing twice
    assert not torch.equal(order[:21], order[21:])  # a fresh order each epoch


def test_the_global_generators_are_untouched(tiny):
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    train(tiny, 0)
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all()


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(tiny):
    one, two, other = train(tiny, 5), train(tiny, 5), train(tiny, 6)
    for name in set(one) - {"seconds"}:
        assert np.array_equal(one[name], two[name])
    assert one["train_loss"] != other["train_loss"]


def test_a_diverged_run_is_counted_and_never_dropped(tiny):
    runs = Runs.stack(tiny, (0, 1), [train(tiny.but(norm="none", rate=1e20), 0), train(tiny, 0)])
    assert runs.finished.tolist() == [False, True]
    assert runs["curve"].shape == (2, 3)


def test_signals_and_extensions_are_read_where_asked(tiny):
    read = train(tiny.but(rule="plain", signals=True, extend_to=(14,)), 0)
    assert read["response_std"].shape == (7,) and read["state_gradient_norm"].shape == (4,)
    assert read["extension_14_train_loss"] == pytest.approx(read["train_loss"], abs=1e-4)
    assert read["extension_14_eval_loss"] == pytest.approx(read["eval_loss"], abs=1e-3)


def test_every_field_of_a_spec_changes_what_is_asked(tiny):
    changes = {
        "rule": "plain", "depth": 14, "rate": 0.2, "steps": 4, "data": "cifar10", "widths": (2, 2, 2),
        "norm": "none", "padding": "circular", "silent": True, "gain": 0.5, "warmup": 0.3,
        "schedule": "constant", "batch": 8, "momentum": 0.5, "weight_decay": 0.0, "signals": True, "extend_to": (14,),
    }  # fmt: skip
    assert set(changes) == set(vars(tiny))
    questions = {tiny.but(**{name: value}).question for name, value in changes.items()} | {tiny.question}
    assert len(questions) == len(changes) + 1


@pytest.mark.parametrize(
    "change", [{"steps": -1}, {"batch": 1}, {"rate": 0.0}, {"warmup": 1.0}, {"schedule": "step"}, {"data": "mnist"}]
)
def test_impossible_specs_are_refused(change):
    with pytest.raises(ValueError, match=r"needs|choose"):
        Spec(**change)
