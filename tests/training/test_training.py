import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from whyresnets import data
from whyresnets.measures.convolution import singular_values
from whyresnets.nets.architecture import Conv, Dense, after_orhan, skips_layers
from whyresnets.nets.build import build
from whyresnets.spec import SGD, Readings, Spec, Task
from whyresnets.training import descent
from whyresnets.training import train as training
from whyresnets.training.descent import descend, project, rate_at
from whyresnets.training.runs import Runs
from whyresnets.training.start import TARGET, batches, begin, generator
from whyresnets.training.train import train
from whyresnets.training.train import train_together as train_jobs


def test_training_equals_plain_sgd_written_out(tiny):
    """The slow way: torch.nn.BatchNorm2d is tested in test_models; here the optimiser, the schedule, the order."""
    spec = tiny.but(rule="plain", norm="none", weight_decay=0.5)  # large, so that leaving it out would show
    digits, net = data.load("digits"), build(spec.net, (1, 8, 8))
    params, _ = net.initial(generator(4, "initialisation"))
    speeds, losses = {name: torch.zeros_like(p) for name, p in params.items()}, []
    for step, index in enumerate(batches(4, 1400, spec.task.batch, spec.optimiser.steps)):
        params = {name: p.detach().requires_grad_() for name, p in params.items()}
        loss = torch.nn.functional.cross_entropy(net.logits(params, digits.x_train[index]), digits.y_train[index])
        losses.append(loss.item())
        for (name, p), g in zip(params.items(), torch.autograd.grad(loss, list(params.values())), strict=True):
            speeds[name] = spec.optimiser.momentum * speeds[name] + g + spec.optimiser.weight_decay * p.detach()
            params[name] = p.detach() - rate_at(spec.optimiser, step) * speeds[name]
    assert train(spec, 4)["curve"] == pytest.approx(losses, rel=1e-4)


def test_the_rate_warms_up_and_falls_to_zero():
    spec = SGD(rate=0.2, steps=20, warmup=0.2)
    rates = [rate_at(spec, step) for step in range(20)]
    assert rates[:5] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2])
    assert all(a > b for a, b in itertools.pairwise(rates[4:])) and rates[-1] < 0.01
    assert rate_at(replace(spec, schedule="constant", warmup=0.0), 0) == 0.2


def test_batches_depend_on_the_seed_alone_and_cover_each_epoch():
    order = batches(0, 1400, 64, 42)
    assert torch.equal(order, batches(0, 1400, 64, 42)) and torch.equal(order[:7], batches(0, 1400, 64, 7))
    assert not torch.equal(order[:21], batches(1, 1400, 64, 21))
    assert len(order[:21].unique()) == 21 * 64  # within an epoch nothing twice
    assert not torch.equal(order[:21], order[21:])  # a fresh order each epoch


def test_the_data_are_the_same_in_every_arm_of_a_seed(tiny, monkeypatch):
    """Not only the function that orders them: what each arm's loss is really shown, images augmented too."""
    shown, loss, augmented = {}, descent.F.cross_entropy, descent.augmented

    def watch_labels(logits, labels):
        shown[arm].append(labels.clone())
        return loss(logits, labels)

    def watch_images(x, shifts, mirrored):
        shown[arm].append(augmented(x, shifts, mirrored))
        return shown[arm][-1]

    monkeypatch.setattr(descent.F, "cross_entropy", watch_labels)
    monkeypatch.setattr(descent, "augmented", watch_images)
    arms = {"plain": {}, "deeper": {"depth": 14}, "rate": {"rate": 0.01}, "no norm": {"norm": "none"}, "seed": {}}
    for arm, change in arms.items():
        shown[arm] = []
        spec = tiny.but(augment=True, **change)
        descend(spec, [begin(spec, 6 if arm == "seed" else 5, data.load("digits"))])
    assert len(shown["plain"]) == 2 * tiny.optimiser.steps
    for arm in ("deeper", "rate", "no norm"):
        assert all(torch.equal(a, b) for a, b in zip(shown["plain"], shown[arm], strict=True)), arm
    assert not torch.equal(shown["plain"][0], shown["seed"][0])


@pytest.mark.parametrize("act", ["train", "train augmented", "load", "judge"])
def test_the_global_generators_are_untouched(act, tiny, cache, capsys):
    from whyresnets.__main__ import main

    acts = {
        "train": lambda: train(tiny.but(signals=True), 0),
        "train augmented": lambda: train(tiny.but(augment=True), 0),
        "load": lambda: data.load.__wrapped__("digits"),
        "judge": lambda: main(["judge", "WR-4", "--scale", "smoke", "--seeds", "1", "--jobs", "1"]),
    }
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    acts[act]()
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all()
    assert before[2] == random.getstate()


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(tiny):
    spec = tiny.but(augment=True)
    one, two, other = train(spec, 5), train(spec, 5), train(spec, 6)
    for name in set(one) - {"seconds"}:
        assert np.array_equal(one[name], two[name])
    assert one["train_loss"] != other["train_loss"] and one["train_loss"] != train(tiny, 5)["train_loss"]


def test_a_diverged_run_is_counted_and_never_dropped(tiny):
    runs = Runs.stack(tiny, (0, 1), [train(tiny.but(norm="none", rate=1e20), 0), train(tiny, 0)])
    assert runs.finished.tolist() == [False, True]
    assert runs["curve"].shape == (2, 3)


def test_signals_and_extensions_are_read_where_asked(tiny):
    read = train(tiny.but(rule="plain", signals=True, extend_to=(14,)), 0)
    assert read["response_std"].shape == (7,) and read["state_gradient_norm"].shape == (4,)
    assert read["extension_14_train_loss"] == pytest.approx(read["train_loss"], abs=1e-4)
    assert read["extension_14_eval_loss"] == pytest.approx(read["eval_loss"], abs=1e-3)


def test_gradients_are_watched_at_the_steps_that_were_named(tiny):
    """As if training had stopped there: the same seed, cut short, and read."""
    spec = tiny.but(watch=(0, 2, 3), schedule="constant", warmup=0.0)
    watched = train(spec, 5)["watched_gradient_norm"]
    assert watched.shape == (3, 4)
    for row, steps in zip(watched, spec.readings.watch, strict=True):
        read = train(spec.but(steps=steps, watch=(), signals=True), 5)
        assert row == pytest.approx(read["state_gradient_norm"], rel=1e-4)
    unwatched = train(spec.but(watch=()), 5)
    assert np.array_equal(unwatched["curve"], train(spec, 5)["curve"])  # watching changes nothing


def test_a_run_is_followed_without_being_changed_and_its_last_reading_is_that_of_the_end(tiny):
    spec = tiny.but(follow=(0, 3))
    read, alone = train(spec, 5), train(spec.but(follow=()), 5)
    assert all(np.array_equal(read[name], alone[name]) for name in set(alone) - {"seconds"})
    for name in ("train_loss", "train_error", "eval_loss", "eval_error", "test_error"):
        assert read[f"followed_{name}"].shape == (2,)
        assert read[f"followed_{name}"][1] == pytest.approx(read[name], rel=1e-6)
    assert np.all(read["followed_scale_rms"][0] == 1) and np.any(read["followed_scale_rms"][1] != 1)
    assert read["followed_weight_gradient_norm"].shape == read["followed_weight_norm"].shape
    untrained = train(tiny.but(steps=0, signals=True), 5)
    for name in ("state_gradient_norm", "state_std", "response_std"):
        assert read[f"followed_{name}"][0] == pytest.approx(untrained[name], rel=1e-3)


def test_what_a_diverged_run_could_not_watch_is_nan(tiny):
    spec = tiny.but(norm="none", rate=1e20, steps=5, warmup=0.0, watch=(0, 5))
    watched = train(spec, 0)["watched_gradient_norm"]
    assert np.isfinite(watched[0]).all() and np.isnan(watched[1]).all()


def test_projected_kernels_have_equal_singular_values_after_every_step(tiny):
    pre = tiny.but(order="pre", depth=10, watch=(3,))
    free = train(pre, 5)["transition_condition"]
    assert (free > 1.1).all() and train(pre.but(project="ordinary"), 5)["transition_condition"] != pytest.approx(1.0)
    assert train(pre.but(project="transitions"), 5)["transition_condition"] == pytest.approx(np.ones(2), abs=1e-4)
    assert train(pre.but(project="transitions", spread=30.0), 5)["transition_condition"] == pytest.approx(30, rel=1e-3)


def test_ordinary_projections_act_on_their_kernels_and_on_nothing_else(tiny):
    """The last 3x3 kernel before each transition; without an effect, a control made of them would fail by itself."""
    pre = tiny.but(order="pre", depth=10, watch=(3,))
    specs = {"free": pre, "even": pre.but(project="ordinary"), "uneven": pre.but(project="ordinary", spread=1000.0)}
    starts = {arm: begin(spec, 5, data.load("digits")) for arm, spec in specs.items()}
    curves = {arm: descend(specs[arm], [start])[0]["curve"].tolist() for arm, start in starts.items()}
    assert len({tuple(curve) for curve in curves.values()}) == 3

    def unevenness(arm: str, name: str) -> float:
        return singular_values(starts[arm].params[name], grid=8).log10().std().item()

    for name in ("0.0.b.weight", "1.0.b.weight"):
        assert unevenness("even", name) < unevenness("free", name) < unevenness("uneven", name)
    before = {arm: begin(spec, 5, data.load("digits")) for arm, spec in specs.items()}["even"].params
    project(specs["even"], starts["even"].net, before)
    untouched = begin(pre, 5, data.load("digits")).params
    changed = {name for name in before if not torch.equal(before[name], untouched[name])}
    assert changed == {"0.0.b.weight", "1.0.b.weight"}


@pytest.mark.parametrize("activation", ["relu", "abs"])
def test_projected_units_keep_the_size_of_the_initialisation(tiny, activation):
    spec = tiny.but(net=Dense(8, width=6, norm="none", activation=activation), project="units")
    start = begin(spec, 5, data.load("digits"))
    descend(spec, [start])
    square = {"relu": 2.0, "abs": 1.0}[activation] * torch.eye(6)
    for name in start.net.kernels("units"):
        weight = start.params[name]
        assert torch.allclose(weight @ weight.T, square, atol=1e-5)


def test_a_projection_that_diverges_is_a_diverged_run(tiny):
    spec = tiny.but(net=Dense(8, "residual", 6, "none"), project="units", rate=1e20, warmup=0.0, steps=6)
    assert not Runs.stack(spec, (0,), [train(spec, 0)]).finished.any()


def test_bfloat16_changes_the_training_steps_a_little_and_not_the_readings(tiny):
    spec = tiny.but(norm="none", widths=(8, 8, 8))
    full, half = train(spec, 0), train(spec.but(precision="bfloat16"), 0)
    assert half["curve"] == pytest.approx(full["curve"], rel=0.02) and not np.array_equal(half["curve"], full["curve"])
    assert half["curve"].dtype == full["curve"].dtype == np.float32
    assert train(spec.but(precision="bfloat16", steps=0), 0)["train_loss"] == train(spec.but(steps=0), 0)["train_loss"]


def test_the_rate_grows_by_its_factor_beside_the_schedule(tiny):
    growing = tiny.but(growth=2.0, schedule="constant", warmup=0.0)
    assert [rate_at(growing.optimiser, step) for step in range(3)] == [0.1, 0.2, 0.4]
    cosine = tiny.but(steps=10)
    assert rate_at(cosine.but(growth=2.0).optimiser, 7) == rate_at(cosine.optimiser, 7) * 2**7


def test_the_step_schedule_divides_by_ten_at_he_et_al_s_steps(tiny):
    he = tiny.but(steps=64_000, schedule="step", warmup=400 / 64_000)
    rates = {step: rate_at(he.optimiser, step) for step in (0, 399, 400, 31_999, 32_000, 47_999, 48_000, 63_999)}
    expected = [0.1 / 400, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    assert list(rates.values()) == pytest.approx(expected, rel=1e-12)


def train_together(spec, seeds):
    return train_jobs([(spec, seed) for seed in seeds])


class Killed(Exception):
    """Stands for the kill of a process; tests/test_killed.py has real ones."""


class Memory:
    """A checkpoint in memory that kills the run after it saved for the ``deaths``-th time at least."""

    def __init__(self, every: int):
        self.kept, self.every, self.asked, self.deaths = None, every, 0, 0

    def load(self):
        return self.kept

    def due(self):
        self.asked += 1
        return self.asked % self.every == 0

    def save(self, state):
        self.kept = {name: array.copy() for name, array in state.items()}
        self.deaths += 1
        raise Killed


@pytest.mark.parametrize(
    "change",
    [
        {"augment": True, "watch": (0, 7, 24), "signals": True},
        {"order": "pre", "depth": 10, "project": "transitions", "precision": "float64", "watch": (24,)},
        {"momentum_start": -0.2, "norm": "none", "precision": "bfloat16", "growth": 1.01},
    ],
)
def test_a_run_killed_ten_times_ends_as_one_never_killed(tiny, change):
    spec = tiny.but(steps=24, **change)
    whole, memory = train(spec, 3), Memory(every=2)
    for _ in range(40):
        try:
            resumed = train(spec, 3, checkpoint=memory)
            break
        except Killed:
            memory.asked = 0
    assert memory.deaths >= 10
    assert set(whole) == set(resumed)
    for name in set(whole) - {"seconds"}:
        assert np.array_equal(whole[name], resumed[name], equal_nan=True), name


def test_untrained_parts_and_frozen_statistics_stay_as_they_are(tiny):
    spec = tiny.but(order="pre", depth=10, norm="frozen", alpha=0.5, untrained=("affine", "head"))
    before = begin(spec, 5, data.load("digits")).params
    start = begin(spec, 5, data.load("digits"))
    descend(spec, [start])
    stayed = {name for name, p in start.params.items() if torch.equal(p, before[name])}
    parts = (".mean", ".var", ".scale", ".shift", "head.weight", "head.bias")
    assert stayed == {name for name in before if name.endswith(parts)}
    assert any(name.endswith("alpha") for name in set(before) - stayed)
    assert not torch.equal(before["0.0.a.var"], torch.ones(4))  # measured on the training set, before the first step
    everything = begin(spec.but(untrained=()), 5, data.load("digits"))
    descend(spec.but(untrained=()), [everything])
    stayed = {name for name, p in everything.params.items() if torch.equal(p, before[name])}
    assert stayed == {name for name in before if name.endswith((".mean", ".var"))}


def test_training_equals_sgd_written_out_with_decay_momentum_a_first_velocity_and_growth(tiny):
    """Against the textbook's two lines, in float64, and torch's gradients of an independent loss."""
    spec = tiny.but(
        net=Dense(4, "residual", 5), precision="float64", growth=1.3, momentum_start=-0.2, warmup=0.0,
        schedule="constant", weight_decay=0.01,
    )  # fmt: skip
    start, slow = (begin(spec, 5, data.load("digits")) for _ in range(2))
    curve = descend(spec, [start])[0]["curve"].numpy()
    velocity = {name: -0.2 * p.clone() for name, p in slow.params.items()}
    for step, index in enumerate(slow.order):
        params = {name: p.clone().requires_grad_() for name, p in slow.params.items()}
        logits = slow.net.logits(params, slow.train_set[0][index])
        loss = -logits.log_softmax(1)[torch.arange(len(index)), slow.train_set[1][index]].mean()
        assert curve[step] == pytest.approx(loss.item(), abs=1e-12)
        for (name, p), g in zip(slow.params.items(), torch.autograd.grad(loss, params.values()), strict=True):
            velocity[name] = 0.9 * velocity[name] + g + 0.01 * p
            p -= 0.1 * 1.3**step * velocity[name]
    assert all(torch.allclose(p, start.params[name], atol=1e-12) for name, p in slow.params.items())


def test_float64_keeps_its_bits_to_the_end(tiny):
    """A loss that went through 32 bits on its way would have none left behind the eighth digit."""
    double = train(tiny.but(precision="float64"), 5)
    assert double["curve"].dtype == np.float64 and double["train_loss"].dtype == np.float64
    assert not np.array_equal(double["curve"], double["curve"].astype(np.float32))


@pytest.mark.parametrize("net", [Conv(8, "residual", (2, 3, 4)), Conv(10, "plain", (2, 3, 4), order="pre"), Dense(4)])
def test_signals_of_one_dimension_are_learnt(net):
    read = train(Spec(net, Task("mnist1d", batch=64), SGD(steps=30), Readings(signals=True, watch=(0, 30))), 0)
    assert read["curve"][-5:].mean() < read["curve"][:5].mean()
    assert np.isfinite(read["state_gradient_norm"]).all() and np.isfinite(read["watched_gradient_norm"]).all()
    with pytest.raises(ValueError, match="no images to crop"):
        Task("mnist1d", augment=True)


# --- Seeds that are trained together ------------------------------------------------------------

TOGETHER = Spec(after_orhan(3, "residual", 6), Task("digits-4x4", batch=16), SGD(steps=6), Readings(spectra=(0, 6)))
STUDENT = TOGETHER.but(
    data="gaussian-2", targets="teacher", activation="tanh", precision="float64", point="overlap", distance=0.1
)


PULLED = TOGETHER.but(
    spectra=(), watch=(0, 3, 6), skip="copies", distinct=2, forward_gain=1.0, bias_pull=0.5, bias_mean=0.3,
    bias_spread=0.2, draw=2,
)  # fmt: skip
NORMALISED = {norm: TOGETHER.but(rule="plain", norm=norm, watch=(6,)) for norm in ("batch", "layer")}
DENSE = Spec(Dense(5, "residual", 6), Task("digits-4x4", batch=16), SGD(steps=6), Readings(signals=True, watch=(0, 6)))
BLOCKS = {
    "dense": DENSE,
    "dense, scalars": DENSE.but(norm="none", rule="shuffled", alpha=0.5, head_norm="batch"),
    "dense, frozen": DENSE.but(norm="frozen", activation="abs", untrained=("affine",)),
    "dense, projected": DENSE.but(norm="sum", project="units", momentum_start=-0.2),
    "dense, 3 units, batches of 22": DENSE.but(width=3, batch=22, signals=False),
}
PRE = Conv(10, "shuffled", (16, 32, 64), order="pre")
LINES = Spec(Conv(8, "residual", (2, 3, 4)), Task("mnist1d", batch=22), SGD(steps=6), Readings(True, (0, 6)))
SIGNALS = {
    "signals": LINES.but(widths=(16, 32, 64)),
    "signals, batches of 7": LINES.but(widths=(16, 32, 64), batch=7),
    "signals, narrow": LINES,
    "signals, scalars": LINES.but(norm="none", alpha=0.5, rule="half", padding="circular"),
    "signals, pre": LINES.but(
        net=Conv(10, "shuffled", (16, 32, 64), order="pre"), project="units", momentum_start=-0.2
    ),
    "signals, frozen": LINES.but(net=Conv(10, "plain", (2, 3, 4), norm="frozen", order="pre"), untrained=("affine",)),
}
UNTRAINED = {"affine": (".scale", ".shift"), "head": ("head.weight", "head.bias")}
ODD = TOGETHER.but(width=5, spectra=())
ALL_TOGETHER = {"labels": TOGETHER, "odd": ODD, "teacher": STUDENT, "pulled": PULLED, **NORMALISED, **BLOCKS, **SIGNALS}


@pytest.mark.parametrize("spec", ALL_TOGETHER.values(), ids=ALL_TOGETHER)
def test_seeds_trained_together_are_those_trained_alone(spec):
    whole = train_together(spec, range(5))
    for seeds in ((0,), (3,), (4, 1), (2, 3, 0)):
        for seed, read in zip(seeds, train_together(spec, seeds), strict=True):
            assert set(read) == set(whole[seed])
            assert all(np.array_equal(read[n], whole[seed][n], True) for n in set(read) - {"seconds"}), seed
    assert np.array_equal(train(spec, 2)["curve"], whole[2]["curve"])


@pytest.mark.parametrize("spec", ALL_TOGETHER.values(), ids=ALL_TOGETHER)
def test_rates_trained_together_are_those_trained_alone(spec):
    grid = [spec.but(rate=rate) for rate in (0.03, 0.1, 0.3)]
    jobs = [(one, seed) for one in grid for seed in range(2)]
    alone = [train(*job) for job in jobs]
    for some in (jobs, jobs[::-1], jobs[1::2]):
        for job, read in zip(some, train_jobs(some), strict=True):
            expected = alone[jobs.index(job)]
            assert all(np.array_equal(read[name], expected[name], True) for name in set(read) - {"seconds"}), job
    assert not np.array_equal(alone[0]["curve"], alone[-2]["curve"])  # of one seed, at the ends of the grid
    with pytest.raises(ValueError, match="differ in seed and rate only"):
        train_jobs([(spec, 0), (spec.but(batch=32), 0)])


@pytest.mark.parametrize("spec", ALL_TOGETHER.values(), ids=ALL_TOGETHER)
def test_training_together_equals_plain_sgd_written_out(spec):
    spec = spec.but(weight_decay=0.5, spectra=(), precision="float64")
    start = begin(spec, 4, data.load(spec.task.data))
    x, y = start.train_set
    untrained = (".fixed", ".mean", ".var", *[end for part in spec.optimiser.untrained for end in UNTRAINED[part]])
    fixed = {name: p for name, p in start.params.items() if name.endswith(untrained)}
    params = {name: p.clone() for name, p in start.params.items() if name not in fixed}
    project(spec, start.net, params)
    speeds = {name: spec.optimiser.momentum_start * p for name, p in params.items()}
    losses, distances = [], []
    for step, index in enumerate(batches(4, len(x), spec.task.batch, spec.optimiser.steps)):
        if spec.task.point:
            u = [torch.cat([params["0.weight"][i], params["0.bias"][i : i + 1]]) for i in range(2)]
            distances.append((u[1] - u[0]).norm().item())
        params = {name: p.detach().requires_grad_() for name, p in params.items()}
        outputs = start.net.logits(params | fixed, x[index])
        if spec.task.targets == "labels":
            loss = torch.nn.functional.cross_entropy(outputs, y[index])
        else:
            loss = (outputs - y[index]).square().sum() / (2 * spec.task.batch)
        losses.append(loss.item())
        for name, target in fixed.items():
            if name.endswith(".target.fixed"):
                loss = (
                    loss
                    + spec.optimiser.bias_pull * (params[name.removesuffix(".target.fixed")] - target).square().sum()
                )
        for (name, p), g in zip(params.items(), torch.autograd.grad(loss, list(params.values())), strict=True):
            speeds[name] = spec.optimiser.momentum * speeds[name] + g + spec.optimiser.weight_decay * p.detach()
            params[name] = p.detach() - rate_at(spec.optimiser, step) * speeds[name]
        project(spec, start.net, params)
    read = train(spec, 4)
    assert read["curve"] == pytest.approx(losses, rel=1e-9)
    if spec.readings.watch and skips_layers(spec.net):
        below = [min(loss, np.log(10)) for loss in losses]
        expected = [np.mean(below[:step]) if step else np.nan for step in spec.readings.watch]
        assert read["watched_capped_curve"] == pytest.approx(expected, nan_ok=True)
        assert read["watched_loss"][-1] == pytest.approx(read["train_loss"], rel=1e-12)
    if spec.task.point:
        assert read["distance"] == pytest.approx(distances, rel=1e-9) and distances[0] == pytest.approx(0.1)


def test_biases_are_pulled_to_targets_of_the_mean_and_spread_that_were_asked():
    def targets(seed, **changes):
        spec = PULLED.but(width=200, **changes)
        params = begin(spec, seed, data.load(spec.task.data)).params
        return torch.cat([p for name, p in params.items() if name.endswith(TARGET)])

    drawn = targets(0)
    assert len(drawn) == 400 and abs(drawn.mean().item() - 0.3) < 0.05 and abs(drawn.std().item() - 0.2) < 0.03
    assert torch.equal(drawn, targets(0, rule="plain", skip="identity", distinct=1, draw=0))
    assert not torch.equal(drawn, targets(1))
    assert (targets(0, bias_spread=0.0) == 0.3).all()


def test_another_draw_is_another_net_in_the_same_order_of_examples():
    first, second, again = (begin(TOGETHER.but(draw=d), 3, data.load(TOGETHER.task.data)) for d in (0, 1, 1))
    assert not torch.equal(first.params["0.weight"], second.params["0.weight"])
    assert torch.equal(again.params["0.weight"], second.params["0.weight"]) and torch.equal(first.order, second.order)


def test_a_skip_inside_that_is_cancelled_follows_the_plain_net_step_for_step():
    """In 64 bits, for the first steps: subtracting a constant matrix from the weights is all that differs."""
    plain = TOGETHER.but(rule="plain", depth=6, precision="float64", weight_decay=0.0, spectra=(), steps=20)
    inside = plain.but(rule="inside", cancelled="own")
    curves = [train(spec, 0)["curve"] for spec in (plain, inside, plain.but(rule="residual", cancelled="own"))]
    assert curves[1] == pytest.approx(curves[0], rel=0, abs=1e-10)
    assert abs(curves[2] - curves[0]).max() > 1e-2
    decayed = [train(spec.but(weight_decay=0.1), 0)["curve"] for spec in (plain, inside)]
    assert abs(decayed[1] - decayed[0]).max() > 1e-6  # with weight decay it is another problem


def test_fixed_matrices_are_not_trained():
    spec = PULLED.but(rule="hyper", depth=6, weight_decay=0.5)
    start = begin(spec, 0, data.load(spec.task.data))
    before = {name: p.clone() for name, p in start.params.items()}
    descend(spec, [start, begin(spec, 1, data.load(spec.task.data))])
    changed = {name for name, p in start.params.items() if not torch.equal(p, before[name])}
    assert changed == {name for name in before if not name.endswith(".fixed")}


def test_a_teacher_is_the_same_in_every_arm_and_another_for_every_seed():
    def targets(seed, **changes):
        return begin(STUDENT.but(**changes), seed, data.load("gaussian-2")).train_set[1]

    assert torch.equal(targets(0), targets(0, rule="plain")) and torch.equal(targets(0), targets(0, point="mirror"))
    assert torch.equal(targets(0), targets(0, skip="common")) and not torch.equal(targets(0), targets(1))
    point = {"point": "", "distance": 0.0}
    for changes in ({"norm": "batch"}, {"forward_gain": 2.0}, {"cancelled": "own"}, {"skip": "copies", "distinct": 2}):
        assert torch.equal(targets(0), targets(0, **point, **changes))
    three = begin(STUDENT.but(data="gaussian-4"), 0, data.load("gaussian-4")).train_set[1]
    assert three.shape == (256, 3) and not torch.equal(three[:, 0], three[:, 1])


def test_a_net_that_learns_its_own_outputs_has_no_error():
    read = train(STUDENT.but(targets="own", steps=0, spectra=(0,)), 0)
    assert read["train_loss"] == 0 and read["train_error"] == 0 and read["spectra_loss"].tolist() == [0]
    assert read["hessian_zeros"] == read["gauss_newton_zeros"] > 0


def test_a_seed_that_diverges_disturbs_no_other(monkeypatch):
    spec = TOGETHER.but(watch=(0, 6))
    calm = train_together(spec, range(3))
    begin = training.begin

    def wild(spec, seed, known, device="cpu"):
        start = begin(spec, seed, known, device)
        for p in start.params.values() if seed == 1 else ():
            p.mul_(1e30)
        return start

    monkeypatch.setattr(training, "begin", wild)
    found = train_together(spec, range(3))
    for seed in (0, 2):
        assert all(np.array_equal(calm[seed][n], found[seed][n], True) for n in set(calm[seed]) - {"seconds"})
    lost = found[1]
    assert {name: a.shape for name, a in lost.items()} == {name: a.shape for name, a in calm[1].items()}
    assert np.isnan(lost["curve"][1:]).all() and np.isnan(lost["hessian_zeros"][1])
    capped = lost.pop("watched_capped_curve")
    assert capped[1] == pytest.approx(np.log(10)) and np.isnan(capped[0])
    assert all(np.isnan(value[1]).all() for name, value in lost.items() if name.startswith("watched"))
    assert not Runs.stack(spec, (1,), [lost]).finished.any()


def test_a_spec_is_cut_where_it_is_read():
    spec = TOGETHER.but(steps=100, spectra=(0, 10, 30, 100))
    assert spec.cut(25).readings.spectra == (0, 10, 25) and spec.cut(25).optimiser.steps == 25
    assert spec.cut(1000) == spec
