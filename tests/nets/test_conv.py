import itertools

import pytest
import torch
import torch.nn.functional as F
from written_out import JOINED, NORMALISED, batch_norm, drawn, stirred

from whyresnets import data
from whyresnets.measures.convolution import condition_number
from whyresnets.nets.architecture import Conv
from whyresnets.nets.build import build, parameter_count
from whyresnets.nets.conv import ConvNet, option_a
from whyresnets.nets.dense import DenseNet
from whyresnets.nets.rules import RULES, join
from whyresnets.nets.surgery import procrustes
from whyresnets.spec import SGD, Spec, Task
from whyresnets.training.start import generator, stacked
from whyresnets.training.train import train

PAPER = (16, 32, 64)  # channels of the three stages


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_parameters_equal_table_6_of_he_et_al(depth, millions):
    """The paper rounds to two digits; its 56-layer count of 0.85 is 0.853 here."""
    digits = 1 if millions > 1 else 2
    assert round(parameter_count(ConvNet(depth, "residual", PAPER)) / 1e6, digits) == millions
    assert parameter_count(ConvNet(depth, "plain", PAPER)) == parameter_count(ConvNet(depth, "residual", PAPER))


@pytest.mark.parametrize("depth", [8, 20, 56, 110])
def test_depth_counts_weighted_layers(depth):
    params, _ = ConvNet(depth).initial(torch.Generator())
    assert sum(name.endswith("weight") for name in params) == depth


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_logits_equal_the_network_written_out_with_modules(rule, dimensions):
    """An independent, obvious implementation with torch.nn layers, in float64."""
    net = ConvNet(8, rule, (3, 4, 5), channels=2, dimensions=dimensions)
    params, _, x = drawn(net)
    x = x if dimensions == 2 else x.flatten(2)[..., :20]
    kinds = {1: (torch.nn.Conv1d, torch.nn.BatchNorm1d), 2: (torch.nn.Conv2d, torch.nn.BatchNorm2d)}[dimensions]

    def layer(name, h, stride=1):
        weight = params[f"{name}.weight"]
        conv = kinds[0](weight.shape[1], weight.shape[0], 3, stride, 1, bias=False, dtype=x.dtype)
        norm = kinds[1](weight.shape[0], dtype=x.dtype)
        kernel = weight if dimensions == 2 else weight.squeeze(2)
        conv.weight.data, norm.weight.data, norm.bias.data = kernel, params[f"{name}.scale"], params[f"{name}.shift"]
        return norm(conv(h))

    h = F.relu(layer("stem", x))
    for name, stride in (("0.0", 1), ("1.0", 2), ("2.0", 2)):
        branch = layer(f"{name}.b", F.relu(layer(f"{name}.a", h, stride)))
        shortcut = torch.zeros_like(branch)
        shortcut[:, : h.shape[1]] = h[(..., *dimensions * (slice(None, None, stride),))]
        h = F.relu(JOINED[rule](shortcut, branch))
    expected = h.flatten(2).mean(2) @ params["head.weight"].T + params["head.bias"]
    assert torch.allclose(net.logits(params, x), expected, atol=1e-12)


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("norm", "head_norm", "alpha"), NORMALISED)
def test_pre_activation_equals_the_network_written_out(rule, norm, head_norm, alpha, dimensions):
    """Order "pre": norm, ReLU, convolution; between stages a 1x1 convolution of stride 2; norm and ReLU at the end."""
    how = {"norm": norm, "order": "pre", "head_norm": head_norm, "alpha": alpha, "dimensions": dimensions}
    net = ConvNet(16, rule, (3, 4, 5), channels=2, **how)
    params, _, x = drawn(net)
    x = x if dimensions == 2 else x.flatten(2)[..., :20]
    stirred(net, params, x)
    convolution, every_second = (F.conv1d, F.conv2d)[dimensions - 1], (..., *dimensions * (slice(None, None, 2),))

    def active(name, h):
        return F.relu(batch_norm(params, name, h))

    def kernel(name):
        weight = params[f"{name}.weight"]
        return weight if dimensions == 2 else weight.squeeze(2)

    h = convolution(x, kernel("stem"), padding=1)
    for stage in range(3):
        if stage:
            h = torch.einsum("oi,bi...->bo...", params[f"{stage}.transition.weight"].flatten(1), h[every_second])
        for unit in (f"{stage}.0", f"{stage}.1"):
            branch = convolution(active(f"{unit}.a", h), kernel(f"{unit}.a"), padding=1)
            branch = convolution(active(f"{unit}.b", branch), kernel(f"{unit}.b"), padding=1)
            h = batch_norm(params, f"{unit}.sum", JOINED[rule](h, (1 if alpha is None else alpha) * branch))
    expected = active("last", h).flatten(2).mean(2) @ params["head.weight"].T + params["head.bias"]
    assert torch.allclose(net.logits(params, x), expected, atol=1e-12)
    assert len(net.states(params, x)) == 9 and net.transitions == [2, 5]
    normalised = {name.removesuffix(".scale") for name in params if name.endswith("scale")}
    units = {f"{stage}.{unit}" for stage in "012" for unit in "01"}
    where = {"units": {f"{u}.{half}" for u in units for half in "ab"}, "sums": {f"{u}.sum" for u in units}}
    said = NORMALISED[norm, head_norm, alpha].split(" and ")
    assert normalised == {name for word in said for name in where.get(word, {"last"} if word else ())}


# --- In one dimension ---------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [8, 20, 56])
def test_parameters_in_one_dimension_are_as_many_as_the_layers_say(depth):
    """Kernels of 3; by stage 2 n of them, its first from the narrower one; scales and shifts; a linear layer."""
    n = (depth - 2) // 6
    kernels = 3 * 1 * 16 + sum(3 * w * w * (2 * n) for w in PAPER) - 3 * (32 * (32 - 16) + 64 * (64 - 32))
    scales = 2 * (16 + sum(w * 2 * n for w in PAPER))
    net = ConvNet(depth, "residual", PAPER, channels=1, dimensions=1)
    assert parameter_count(net) == kernels + scales + 64 * 10 + 10


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize(("norm", "alpha", "padding"), [("batch", None, "zeros"), ("none", 0.3, "circular")])
@pytest.mark.parametrize("rule", RULES)
def test_in_one_dimension_a_net_is_one_of_images_of_a_single_row(rule, order, norm, alpha, padding):
    """Kernels in the middle row of larger ones: what lies above and below is multiplied by 0. An odd length, too."""
    how = {"depth": 16 if order == "pre" else 14, "rule": rule, "widths": (3, 4, 5), "channels": 2, "order": order}
    line, image = (ConvNet(**how, norm=norm, alpha=alpha, padding=padding, dimensions=d) for d in (1, 2))
    params, _, x = drawn(line)
    x = x.flatten(2)[..., :19]
    wide = dict(params)
    for name, p in params.items():
        if p.ndim == 4 and p.shape[3] == 3:
            wide[name] = F.pad(p, (0, 0, 1, 1))
    assert torch.allclose(line.logits(params, x), image.logits(wide, x.unsqueeze(2)), atol=1e-12)
    assert line.states(params, x)[-1].shape == (6, 5, 1, 5) == image.states(wide, x.unsqueeze(2))[-1].shape


def test_initialisation_in_one_dimension_has_the_variance_of_he():
    net = ConvNet(20, widths=(128, 128, 128), dimensions=1)
    params, _ = net.initial(torch.Generator().manual_seed(0))
    assert abs(params["1.1.a.weight"].var().item() * 3 * 128 / 2 - 1) < 0.05


@pytest.mark.parametrize("dimensions", [0, 3, -1, 1.0, True, "1", None])
def test_dimensions_are_one_or_two(dimensions):
    with pytest.raises(ValueError, match=r"dimensions .* impossible: choose 1 for signals, 2 for images"):
        ConvNet(8, dimensions=dimensions)


def test_the_data_say_how_many_dimensions_a_net_has():
    assert build(Conv(8), (1, 40)).dimensions == 1 and build(Conv(8), (3, 32, 32)).dimensions == 2
    for shape in ((40,), (1, 8, 8, 8)):
        with pytest.raises(ValueError, match="dimensions"):
            build(Conv(8), shape)


def test_transitions_in_one_dimension_have_the_condition_number_of_their_matrices():
    net = ConvNet(16, widths=(3, 4, 5), channels=1, order="pre", dimensions=1)
    params, _, _ = drawn(net)
    names = ("1.transition.weight", "2.transition.weight")
    expected = torch.stack([torch.linalg.cond(params[name][:, :, 0, 0]) for name in names])
    assert torch.allclose(condition_number(net, params), expected)
    even = params | {name: procrustes(params[name]) for name in names}
    assert torch.allclose(condition_number(net, even), torch.ones(2, dtype=torch.float64))


def test_a_step_in_one_dimension_is_one_of_gradient_descent_written_out(monkeypatch):
    """From a Spec, on lines of noise in the place of its data: the loss before the first step and before the second."""
    draw = torch.Generator().manual_seed(1)
    x, y = torch.randn(48, 2, 13, generator=draw), torch.randint(10, (48,), generator=draw)
    monkeypatch.setattr(data, "load", lambda name: data.Dataset(name, x, y, x, y, ""))
    sgd = SGD(rate=0.2, steps=2, warmup=0.0, schedule="constant", weight_decay=0.01, precision="float64")
    curve = train(Spec(Conv(8, "residual", (3, 4, 5)), Task("mnist1d", batch=48), sgd), 7)["curve"]
    net = ConvNet(8, "residual", (3, 4, 5), channels=2, dimensions=1)
    params = {n: p.requires_grad_() for n, p in net.initial(generator(7, "initialisation"), torch.float64)[0].items()}
    before = F.cross_entropy(net.logits(params, x.double()), y)
    gradients = torch.autograd.grad(before, params.values())
    moved = {n: p - 0.2 * (g + 0.01 * p) for (n, p), g in zip(params.items(), gradients, strict=True)}
    after = F.cross_entropy(net.logits(moved, x.double()), y)
    assert curve.tolist() == pytest.approx([before.item(), after.item()], abs=1e-12) and after < before


@pytest.mark.parametrize(
    ("net", "more"),
    [
        (Conv(8, "plain", (2, 3, 4)), {"extend_to": (14,), "signals": True}),
        (Conv(10, "residual", (2, 3, 4), order="pre"), {"project": "transitions", "spread": 3.0, "watch": (0, 2)}),
        (Conv(10, "half", (2, 3, 4), order="pre", norm="frozen"), {"project": "units", "signals": True}),
    ],
    ids=["extended", "transitions projected", "units projected"],
)
def test_surgery_and_readings_work_in_one_dimension(net, more):
    found = train(Spec(net, Task("mnist1d", batch=32), SGD(steps=2)).but(**more), 0)
    assert all(torch.isfinite(torch.as_tensor(found[name])).all() for name in found)


def test_circular_padding_in_one_dimension_has_no_border():
    for padding, moves in (("circular", True), ("zeros", False)):
        net = ConvNet(8, padding=padding, widths=(3, 3, 3), channels=1, dimensions=1)
        params, _, x = drawn(net)
        first, shifted = net.states(params, x[:, :, 0])[1], net.states(params, x[:, :, 0].roll(2, 2))[1]
        assert torch.allclose(first.roll(2, 3), shifted, atol=1e-10) is moves


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize(
    "how",
    [
        {"depth": 14, "rule": "residual"},
        {"depth": 14, "rule": "half", "alpha": 0.5, "norm": "none", "padding": "circular"},
        {"depth": 16, "rule": "shuffled", "alpha": 0.5, "order": "pre"},
        {"depth": 16, "rule": "residual", "order": "pre", "norm": "frozen"},
        {"depth": 16, "rule": "plain", "order": "pre", "norm": "sum", "head_norm": "none"},
    ],
    ids=str,
)
def test_several_nets_side_by_side_are_those_one_by_one(how, dimensions):
    """Logits, their gradients and running statistics, in float64: each net has inputs and parameters of its own."""
    net, nets = ConvNet(**how, widths=(3, 4, 5), channels=2, dimensions=dimensions), []
    for seed in range(3):
        params, running, x = drawn(net, seed=seed)
        nets.append((params, running, x if dimensions == 2 else x.flatten(2)[..., :19]))
    params, running = (stacked([one[part] for one in nets]) for part in (0, 1))
    trained = {name: p.requires_grad_() for name, p in params.items() if not name.endswith((".mean", ".var"))}
    together = net.logits(params | trained, torch.stack([x for *_, x in nets]), running or None)
    gradients = dict(zip(trained, torch.autograd.grad(together.square().sum(), trained.values()), strict=True))
    for i, (params, kept, x) in enumerate(nets):
        mine = {name: p.requires_grad_() for name, p in params.items() if name in trained}
        logits = net.logits(params | mine, x, kept or None)
        assert torch.allclose(together[i], logits, atol=1e-12)
        for name, gradient in zip(mine, torch.autograd.grad(logits.square().sum(), mine.values()), strict=True):
            assert torch.allclose(gradients[name][i], gradient, rtol=1e-9, atol=1e-10), name
        assert all(torch.allclose(running[name][i], kept[name], atol=1e-12) for name in kept)


# --- Rules, start, statistics -------------------------------------------------------------------


def test_rules_differ_in_the_join_only():
    shortcut, branch = torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0], [20.0]])
    got = {rule: join(rule, shortcut, branch).flatten().tolist() for rule in RULES}
    assert got.pop("rescaled") == pytest.approx([11 * 0.5**0.5, 22 * 0.5**0.5])
    assert got == {"plain": [10, 20], "residual": [11, 22], "half": [10.5, 21], "shuffled": [12, 21]}


def test_option_a_takes_every_second_pixel_and_adds_channels_of_zeros():
    h = torch.arange(32.0).view(1, 2, 4, 4)
    out = option_a(h, more=3, stride=2)
    assert out.shape == (1, 5, 2, 2)
    assert torch.equal(out[:, :2], h[:, :, ::2, ::2]) and not out[:, 2:].any()


def test_a_zero_init_residual_unit_starts_as_the_identity():
    net = ConvNet(20, "residual", (4, 4, 4), zero_init_residual=True)
    params, _, x = drawn(net)
    states = net.states(params, x)
    assert torch.equal(states[0], states[3])  # the first stage has neither stride nor new channels


def test_gain_scales_the_convolutions_and_nothing_else():
    whole, half = (ConvNet(8, gain=g).initial(torch.Generator().manual_seed(0))[0] for g in (1.0, 0.5))
    assert torch.equal(whole["stem.weight"], 2 * half["stem.weight"])
    assert torch.equal(whole["head.weight"], half["head.weight"])


def test_initialisation_has_the_variance_of_he():
    params, _ = ConvNet(20, widths=(64, 64, 64)).initial(torch.Generator().manual_seed(0))
    assert abs(params["1.1.a.weight"].var().item() * 9 * 64 / 2 - 1) < 0.05


def test_circular_padding_has_no_border():
    """Shifting the input around shifts a state around, and with zero padding it does not."""
    for padding, moves in (("circular", True), ("zeros", False)):
        net = ConvNet(8, padding=padding, widths=(3, 3, 3), channels=1)
        params, _, x = drawn(net)
        first, shifted = net.states(params, x)[1], net.states(params, x.roll(2, 3))[1]
        assert torch.allclose(first.roll(2, 3), shifted, atol=1e-10) is moves


def test_running_statistics_follow_the_batch():
    net = ConvNet(8, widths=(3, 3, 3), channels=1)
    params, running, x = drawn(net)
    net.logits(params, x, running=running)
    h = F.conv2d(x, params["stem.weight"], padding=1)
    assert torch.allclose(running["stem.mean"], 0.1 * h.mean((0, 2, 3)))


def test_running_statistics_serve_in_evaluation_wherever_there_is_a_norm():
    """Also at the end of a pre-activation net: one image alone gets the same scores as among others."""
    for net in (ConvNet(10, widths=(2, 3, 4), channels=1, order="pre"), DenseNet(5, width=4)):
        params, running = net.initial(torch.Generator().manual_seed(3), torch.float64)
        x = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
        net.logits(params, x, running=running)
        together = net.logits(params, x, running=running, training=False)
        alone = net.logits(params, x[:1], running=running, training=False)
        assert torch.allclose(together[:1], alone, atol=1e-12)
        assert not torch.allclose(together, net.logits(params, x), atol=1e-3)


@pytest.mark.parametrize(
    "net",
    [
        DenseNet(6, "residual", 8, norm="frozen"),
        ConvNet(10, "residual", (3, 4, 5), channels=1, norm="frozen", order="pre"),
    ],
    ids=["dense", "convolutional"],
)
def test_frozen_normalisation_starts_as_batch_normalisation_and_then_stays(net):
    """Up to the correction of the variance, n / (n - 1); afterwards other images do not change how one is scored."""
    generator = torch.Generator().manual_seed(3)
    params, running = net.initial(generator, torch.float64)
    x = torch.randn(500, 1, 8, 8, generator=generator, dtype=torch.float64)
    net.measure_frozen(params, x)
    live = type(net)(**{**vars(net), "norm": "batch"})
    without = {name: p for name, p in params.items() if not name.endswith((".mean", ".var"))}
    assert torch.allclose(net.logits(params, x), live.logits(without, x), atol=0.02)
    assert torch.allclose(net.logits(params, x)[:1], net.logits(params, x[:1]), atol=1e-10) and running == {}
    assert not torch.allclose(live.logits(without, x)[:5], live.logits(without, x[:5]), atol=0.02)
    assert parameter_count(net) == parameter_count(live)


def test_with_a_normalised_head_the_rescaled_net_is_the_residual_net():
    """ReLU passes factors on: (x + f(x)) / sqrt(2), block after block, is x + f(x) but for one that BN takes away."""
    x = torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    how = {"norm": "none", "head_norm": "batch", "eps": 1e-30}
    for family in (
        lambda rule: DenseNet(10, rule, 8, **how),
        lambda rule: ConvNet(16, rule, (3, 4, 5), channels=1, order="pre", **how),
    ):
        nets = family("residual"), family("rescaled")
        logits = [net.logits(net.initial(torch.Generator().manual_seed(3), torch.float64)[0], x) for net in nets]
        assert torch.allclose(*logits, atol=1e-12)


def test_normalisation_hides_the_size_of_a_convolution_that_it_follows_and_not_that_of_a_transition():
    """He et al.'s order: three times the kernel, the same scores. A stand-alone transition feeds the next skip."""
    post, pre = (
        ConvNet(14, "residual", (4, 5, 6), channels=1),
        ConvNet(16, "residual", (4, 5, 6), channels=1, order="pre"),
    )
    for net, name, hidden in ((post, "1.0.a.weight", True), (pre, "1.transition.weight", False)):
        params, _, x = drawn(net, batch=16)
        same = torch.allclose(net.logits(params, x), net.logits(rescaled(params, name, 3.0), x), atol=1e-3)
        assert same is hidden, name
    uneven = {"1.transition.weight": procrustes(params["1.transition.weight"], spread=1000.0)}
    assert not torch.allclose(net.logits(params, x), net.logits(params | uneven, x), atol=1e-2)


def rescaled(params, name, factor):
    return params | {name: factor * params[name]}


def test_a_plain_dirac_net_without_normalisation_hands_its_first_state_on():
    net = ConvNet(20, "plain", (3, 4, 5), "none", weights="dirac", channels=2, dimensions=1)
    params, _ = net.initial(torch.Generator().manual_seed(0))
    states = net.states(params, torch.randn(4, 2, 40))
    for state, (*_, width, _) in zip(states[1:], net.units, strict=True):
        stride = states[0].shape[-1] // state.shape[-1]
        assert torch.equal(state, states[0][..., ::stride][:, torch.arange(width) % 4 % 3]), "channel by channel"


@pytest.mark.parametrize("dimensions", [1, 2])
def test_delta_orthogonal_kernels_keep_directions_apart_and_are_as_large_as_he_et_al_s(dimensions):
    net = ConvNet(8, "plain", (16, 32, 48), weights="orthogonal", channels=2, dimensions=dimensions)
    params, _ = net.initial(torch.Generator().manual_seed(0))
    for name, before, width, _ in net.units:
        kernel = params[f"{name}.a.weight"]
        middle = kernel[..., kernel.shape[-2] // 2, 1]
        assert kernel.count_nonzero() == middle.count_nonzero() == middle.numel()
        assert torch.allclose(middle.T @ middle, torch.eye(before) * 2 * width / before, atol=1e-5)
        assert middle.square().sum(1).mean().item() == pytest.approx(2, rel=1e-5)


def test_he_kernels_are_drawn_alike_whatever_the_units_start_from():
    stems = [ConvNet(8, weights=how).initial(torch.Generator().manual_seed(0))[0] for how in ("he", "dirac")]
    assert torch.equal(stems[0]["stem.weight"], stems[1]["stem.weight"])
    assert torch.equal(stems[0]["head.weight"], stems[1]["head.weight"])


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("order", ["post", "pre"])
def test_a_permuted_skip_moves_pixels_and_nothing_else(order, dimensions):
    """With branches that put out 0, the state after a unit is the state before it with its pixels in another order."""
    depth = 14 if order == "post" else 16  # two units a stage
    net = ConvNet(depth, "residual", (4, 4, 4), "none", order=order, skip="permuted", dimensions=dimensions)
    params, _ = net.initial(torch.Generator().manual_seed(0))
    params |= {name: torch.zeros_like(p) for name, p in params.items() if name.endswith(".b.weight")}
    states = [h.flatten(2) for h in net.states(params, torch.randn(2, 3, *[12] * dimensions))]
    pairs = list(itertools.pairwise(states[:3]))
    moves = [(after.unsqueeze(-1) == before.unsqueeze(-2)).all(1)[0] for before, after in pairs]
    for (before, after), move in zip(pairs, moves, strict=True):
        assert torch.equal(before.sort(-1).values, after.sort(-1).values)
        assert not move.diagonal().all()
    assert not torch.equal(*moves), "another order in each unit"


def test_nets_side_by_side_keep_their_own_orders_of_pixels():
    net = ConvNet(8, "residual", (3, 4, 5), skip="permuted", channels=2, dimensions=1)
    alone = [net.initial(torch.Generator().manual_seed(seed))[0] for seed in (0, 1)]
    x = torch.randn(2, 6, 2, 40)
    together = net.logits(stacked(alone), x)
    for i, params in enumerate(alone):
        assert torch.allclose(together[i], net.logits(params, x[i]), atol=1e-4)
    assert not torch.allclose(together[0], net.logits(alone[1], x[0]), atol=1e-2)


def test_a_plain_net_has_no_pixels_to_permute():
    with pytest.raises(ValueError, match="a plain net has no skip 'permuted'"):
        Conv(8, "plain", skip="permuted")
