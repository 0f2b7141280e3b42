import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from whyresnets import models
from whyresnets.models import (
    RULES,
    ConvNet,
    DenseNet,
    identity_extension,
    join,
    option_a,
    parameter_count,
    procrustes,
)


def drawn(net, batch=6, size=8, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    params, running = net.initial(generator, dtype)
    return params, running, torch.randn(batch, net.channels, size, size, generator=generator, dtype=dtype)


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_parameters_equal_table_6_of_he_et_al(depth, millions):
    """The paper rounds to two digits; its 56-layer count of 0.85 is 0.853 here."""
    digits = 1 if millions > 1 else 2
    assert round(parameter_count(ConvNet(depth, "residual")) / 1e6, digits) == millions
    assert parameter_count(ConvNet(depth, "plain")) == parameter_count(ConvNet(depth, "residual"))


@pytest.mark.parametrize("depth", [8, 20, 56, 110])
def test_depth_counts_weighted_layers(depth):
    params, _ = ConvNet(depth).initial(torch.Generator())
    assert sum(name.endswith("weight") for name in params) == depth


JOINED = {
    "plain": lambda shortcut, branch: branch,
    "residual": lambda shortcut, branch: shortcut + branch,
    "half": lambda shortcut, branch: shortcut / 2 + branch,
    "stranger": lambda shortcut, branch: torch.cat([shortcut[-1:], shortcut[:-1]]) + branch,
    "rescaled": lambda shortcut, branch: (shortcut + branch) / 2**0.5,
}


def batch_norm(params, name, h):
    """By torch.nn's module; by hand where the statistics are frozen; nothing where there is no such normalisation."""
    if f"{name}.scale" not in params:
        return h
    if f"{name}.mean" in params:
        shape = (1, -1, 1, 1)[: h.ndim]
        mean, var, scale, shift = (params[f"{name}.{part}"].view(shape) for part in ("mean", "var", "scale", "shift"))
        return (h - mean) / (var + 1e-5).sqrt() * scale + shift
    kind = torch.nn.BatchNorm2d if h.ndim == 4 else torch.nn.BatchNorm1d
    norm = kind(h.shape[1], dtype=h.dtype)
    norm.weight.data, norm.bias.data = params[f"{name}.scale"], params[f"{name}.shift"]
    return norm(h)


NORMALISED = {  # norm, head norm and alpha -> after which layers there must be a normalisation, in a net of three units
    ("batch", "", None): "units and head",
    ("none", "", None): "",
    ("batch", "none", 0.3): "units",
    ("none", "batch", 0.3): "head",
    ("sum", "", None): "sums",
    ("frozen", "", None): "units and head",
    ("frozen", "batch", -1.0): "units and head",
}


def stirred(net, params, x):
    """Scales, shifts and frozen statistics that are no ones and zeros any more, so that a wrong one would show."""
    if net.norm == "frozen":
        net.measure_frozen(params, x.roll(1, -1) + 0.1)
    generator = torch.Generator().manual_seed(8)
    for name, p in params.items():
        if name.endswith((".scale", ".shift")):
            p += 0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype)


@pytest.mark.parametrize("rule", RULES)
def test_logits_equal_the_network_written_out_with_modules(rule):
    """An independent, obvious implementation with torch.nn layers, in float64."""
    net = ConvNet(8, rule, (3, 4, 5), channels=2)
    params, _, x = drawn(net)

    def layer(name, h, stride=1):
        weight = params[f"{name}.weight"]
        conv = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, stride, 1, bias=False, dtype=x.dtype)
        norm = torch.nn.BatchNorm2d(weight.shape[0], dtype=x.dtype)
        conv.weight.data, norm.weight.data, norm.bias.data = weight, params[f"{name}.scale"], params[f"{name}.shift"]
        return norm(conv(h))

    h = F.relu(layer("stem", x))
    for name, stride in (("0.0", 1), ("1.0", 2), ("2.0", 2)):
        branch = layer(f"{name}.b", F.relu(layer(f"{name}.a", h, stride)))
        shortcut = torch.zeros_like(branch)
        shortcut[:, : h.shape[1]] = h[:, :, ::stride, ::stride]
        h = F.relu(JOINED[rule](shortcut, branch))
    expected = h.mean((2, 3)) @ params["head.weight"].T + params["head.bias"]
    assert torch.allclose(net.logits(params, x), expected, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("norm", "head_norm", "alpha"), NORMALISED)
def test_pre_activation_equals_the_network_written_out(rule, norm, head_norm, alpha):
    """Order "pre": norm, ReLU, convolution; between stages a 1x1 convolution of stride 2; norm and ReLU at the end."""
    net = ConvNet(16, rule, (3, 4, 5), channels=2, norm=norm, order="pre", head_norm=head_norm, alpha=alpha)
    params, _, x = drawn(net)
    stirred(net, params, x)

    def active(name, h):
        return F.relu(batch_norm(params, name, h))

    h = F.conv2d(x, params["stem.weight"], padding=1)
    for stage in range(3):
        if stage:
            h = torch.einsum("oi,bihw->bohw", params[f"{stage}.transition.weight"][:, :, 0, 0], h[:, :, ::2, ::2])
        for unit in (f"{stage}.0", f"{stage}.1"):
            branch = F.conv2d(active(f"{unit}.a", h), params[f"{unit}.a.weight"], padding=1)
            branch = F.conv2d(active(f"{unit}.b", branch), params[f"{unit}.b.weight"], padding=1)
            h = batch_norm(params, f"{unit}.sum", JOINED[rule](h, (1 if alpha is None else alpha) * branch))
    expected = active("last", h).mean((2, 3)) @ params["head.weight"].T + params["head.bias"]
    assert torch.allclose(net.logits(params, x), expected, atol=1e-12)
    assert len(net.states(params, x)) == 9 and net.transitions == [2, 5]
    normalised = {name.removesuffix(".scale") for name in params if name.endswith("scale")}
    units = {f"{stage}.{unit}" for stage in "012" for unit in "01"}
    where = {"units": {f"{u}.{half}" for u in units for half in "ab"}, "sums": {f"{u}.sum" for u in units}}
    said = NORMALISED[norm, head_norm, alpha].split(" and ")
    assert normalised == {name for word in said for name in where.get(word, {"last"} if word else ())}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ["relu", "abs", "linear"])
@pytest.mark.parametrize(("norm", "head_norm", "alpha"), NORMALISED)
def test_a_dense_net_equals_the_network_written_out(rule, activation, norm, head_norm, alpha):
    net = DenseNet(5, rule, 4, 18, norm=norm, activation=activation, head_norm=head_norm, alpha=alpha)
    params, _ = net.initial(torch.Generator().manual_seed(3), torch.float64)
    x = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    stirred(net, params, x)

    def active(name, h):
        h = batch_norm(params, name, h)
        return {"relu": h.clamp(min=0), "abs": h.abs(), "linear": h}[activation]

    h = x.reshape(6, 18) @ params["stem.weight"].T
    for unit in "012":
        branch = (1 if alpha is None else alpha) * active(unit, h) @ params[f"{unit}.weight"].T
        h = batch_norm(params, f"{unit}.sum", JOINED[rule](h, branch))
    expected = active("last", h) @ params["head.weight"].T + params["head.bias"]
    assert torch.allclose(net.logits(params, x), expected, atol=1e-12)
    normalised = {name.removesuffix(".scale") for name in params if name.endswith("scale")}
    where = {"units": set("012"), "sums": {f"{u}.sum" for u in "012"}}
    said = NORMALISED[norm, head_norm, alpha].split(" and ")
    assert normalised == {name for word in said for name in where.get(word, {"last"} if word else ())}


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


def test_orthogonal_weights_are_orthogonal_and_as_large_as_those_of_he():
    for activation, square in (("relu", 2), ("abs", 1)):
        net = DenseNet(4, width=32, norm="none", activation=activation, weights="orthogonal")
        weight = net.initial(torch.Generator().manual_seed(0), torch.float64)[0]["0.weight"]
        assert torch.allclose(weight @ weight.T, square * torch.eye(32, dtype=torch.float64), atol=1e-12)
        he = DenseNet(4, width=32, norm="none", activation=activation)
        drawn_he = he.initial(torch.Generator().manual_seed(0), torch.float64)[0]["0.weight"]
        assert drawn_he.square().sum() / 32 == pytest.approx(square, rel=0.1)


def test_orthogonal_layers_with_absolute_values_keep_every_norm():
    """Forward and backward, for each image by itself: the Jacobian of a unit is orthogonal."""
    net = DenseNet(40, width=16, norm="none", activation="abs", weights="orthogonal")
    params, _ = net.initial(torch.Generator().manual_seed(0), torch.float64)
    x = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    states = net.states(params, x)
    assert torch.allclose(states[0].norm(dim=1), states[-1].norm(dim=1), atol=1e-12)
    jacobian = torch.autograd.functional.jacobian(
        lambda h: net.states(params, x, nudges=[h] + [0.0] * 38)[-1][0], 0 * states[0]
    )[:, 0]
    assert torch.allclose(jacobian @ jacobian.T, torch.eye(16, dtype=torch.float64), atol=1e-12)


# --- Procrustes ---------------------------------------------------------------------------------


def matrix_of(weight, grid, stride=1, circular=True):
    """The explicit matrix of a convolution on a ``grid`` x ``grid`` map, column by column."""
    _, before, side, _ = weight.shape
    columns = []
    for i in range(before * grid * grid):
        image = torch.zeros(before * grid * grid, dtype=weight.dtype)
        image[i] = 1
        image = image.view(1, before, grid, grid)
        if side == 3:
            image = F.pad(image, (1, 1, 1, 1), mode="circular" if circular else "constant")
        columns.append(F.conv2d(image, weight, stride=stride).flatten())
    return torch.stack(columns, 1)


def kernel(after, before, side):
    return torch.randn(after, before, side, side, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_projected_transition_keeps_norms_exactly(stride):
    """1x1 at stride 2: the explicit matrix has n_in ones times sqrt(n_out / n_in) a kept pixel, and zeros else."""
    projected = procrustes(kernel(6, 3, 1))
    values = torch.linalg.svdvals(matrix_of(projected, 4, stride))
    kept = 3 * (4 // stride) ** 2
    assert torch.allclose(values[:kept], torch.full((kept,), 2**0.5, dtype=torch.float64), atol=1e-12)
    assert (values[kept:] < 1e-12).all()


def test_the_projection_is_the_closest_kernel_that_keeps_norms():
    """Procrustes: no other such kernel, near it or anywhere, is closer to the one that was projected."""
    weight, generator = kernel(6, 3, 1), torch.Generator().manual_seed(0)
    best = (procrustes(weight) - weight).norm()
    for size in (1e-3, 0.1, 1.0, 100.0):
        for _ in range(50):
            noise = size * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            other = procrustes(procrustes(weight) + noise)
            assert (other - weight).norm() >= best - 1e-12


def test_a_3x3_kernel_is_projected_exactly_where_nothing_is_cut_and_roughly_elsewhere():
    """On a 3x3 map, circular and of stride 1, the kernel has as many taps as the map has pixels."""
    weight = kernel(4, 4, 3)
    exact = torch.linalg.svdvals(matrix_of(procrustes(weight, grid=3), 3))
    assert torch.allclose(exact, torch.ones_like(exact), atol=1e-12)
    before, after = (torch.linalg.svdvals(matrix_of(w, 8)).log().std() for w in (weight, procrustes(weight, grid=8)))
    assert 0.05 < after < 0.7 * before


def test_spread_sets_the_condition_number_and_keeps_the_size():
    weight = kernel(6, 3, 1)
    even, spread = procrustes(weight, size=1.5), procrustes(weight, size=1.5, spread=100.0)
    values = torch.linalg.svdvals(spread[:, :, 0, 0])
    assert (values[0] / values[-1]).item() == pytest.approx(100)
    assert spread.norm().item() == pytest.approx(even.norm().item())
    assert torch.allclose(procrustes(weight[:, :, 0, 0], size=1.5), even[:, :, 0, 0])


def test_rules_differ_in_the_join_only():
    shortcut, branch = torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0], [20.0]])
    got = {rule: join(rule, shortcut, branch).flatten().tolist() for rule in RULES}
    assert got.pop("rescaled") == pytest.approx([11 * 0.5**0.5, 22 * 0.5**0.5])
    assert got == {"plain": [10, 20], "residual": [11, 22], "half": [10.5, 21], "stranger": [12, 21]}


def test_option_a_takes_every_second_pixel_and_adds_channels_of_zeros():
    h = torch.arange(32.0).view(1, 2, 4, 4)
    out = option_a(h, more=3, stride=2)
    assert out.shape == (1, 5, 2, 2)
    assert torch.equal(out[:, :2], h[:, :, ::2, ::2]) and not out[:, 2:].any()


def test_a_silent_residual_unit_starts_as_the_identity():
    net = ConvNet(20, "residual", (4, 4, 4), silent=True)
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


@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "running statistics"])
def test_the_identity_extension_computes_the_same_function(training):
    net = ConvNet(8, widths=(3, 4, 5), channels=1, eps=0.01)
    params, running, x = drawn(net, batch=32)
    for _ in range(3):
        net.logits(params, x, running=running)  # running statistics that are not the batch's
    deep, deep_params, deep_running = identity_extension(net, params, running, 26, x)
    assert deep.depth == 26 and parameter_count(deep) > parameter_count(net)

    def logits(net, params, running):
        return net.logits(params, x, running=None if training else running, training=training)

    assert torch.allclose(logits(net, params, running), logits(deep, deep_params, deep_running), atol=1e-10)


def test_the_identity_extension_needs_a_plain_normalised_shallower_net():
    for net, depth in (
        (ConvNet(20, "residual"), 56),
        (ConvNet(20, norm="none"), 56),
        (ConvNet(20, alpha=1.0), 56),
        (ConvNet(20), 8),
    ):
        params, running = net.initial(torch.Generator())
        with pytest.raises(ValueError, match="starts from a shallower plain net"):
            identity_extension(net, params, running, depth, torch.zeros(4, 3, 8, 8))


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ({"depth": 21}, "6 n"),
        ({"depth": 2}, "6 n"),
        ({"rule": "dense"}, "residual"),
        ({"norm": "layer"}, "batch"),
        ({"padding": "reflect"}, "circular"),
        ({"norm": "none", "silent": True}, "norm='batch'"),
        ({"order": "pre", "depth": 22, "silent": True}, "order='post'"),
        ({"order": "pre"}, "6 n \\+ 4"),
        ({"order": "mid"}, "post"),
        ({"widths": (4, 4)}, "choose 3"),
        ({"gain": math.nan}, "finite"),
        ({"alpha": math.inf}, "finite"),
        ({"eps": 0.0}, "positive"),
        ({"norm": "sum"}, "batch, none"),
        ({"norm": "frozen"}, "batch, none"),
        ({"head_norm": "batch"}, "is not one of"),
    ],
)
def test_impossible_networks_are_refused(field, says):
    with pytest.raises(ValueError, match=says):
        ConvNet(**{"depth": 20, **field})


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ({"depth": 2}, "3 or more"),
        ({"rule": "dense"}, "residual"),
        ({"norm": "layer"}, "batch"),
        ({"activation": "tanh"}, "abs"),
        ({"weights": "glorot"}, "orthogonal"),
        ({"width": 0}, "1 or more"),
        ({"gain": math.inf}, "finite"),
        ({"alpha": math.nan}, "finite"),
        ({"eps": -1.0}, "positive"),
        ({"head_norm": "sum"}, "batch"),
    ],
)
def test_impossible_dense_networks_are_refused(field, says):
    with pytest.raises(ValueError, match=says):
        DenseNet(**{"depth": 20, **field})


def test_only_kernels_that_are_there_can_be_projected():
    assert ConvNet(10, order="pre").kernels("transitions") == ["1.transition.weight", "2.transition.weight"]
    assert ConvNet(10, order="pre").kernels("ordinary") == ["0.0.b.weight", "1.0.b.weight"]
    assert len(ConvNet(10, order="pre").kernels("units")) == 6 and DenseNet(4).kernels("units") == [
        "0.weight",
        "1.weight",
    ]
    for net, which, says in (
        (ConvNet(20), "transitions", "order='pre'"),
        (ConvNet(20), "stems", "ordinary"),
        (DenseNet(20), "transitions", "'units'"),
    ):
        with pytest.raises(ValueError, match=says):
            net.kernels(which)


# --- What normalisation hides -------------------------------------------------------------------


def rescaled(params, name, factor):
    return params | {name: factor * params[name]}


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


# --- Nets after Orhan & Pitkow ------------------------------------------------------------------


def skip_net_written_out(net, params, x):
    """Orhan and Pitkow's three forms and ours, one layer at a time; layers counted from 1, as they do."""
    phi = torch.relu if net.activation == "relu" else torch.tanh
    states = [x]
    for i in range(1, net.depth):
        before = states[-1]
        into = before @ params[f"{i - 1}.weight"].T + params[f"{i - 1}.bias"]
        around = before if net.rule != "plain" and before.shape == into.shape else torch.zeros_like(into)
        new = phi(into + around) if net.rule == "inside" else phi(into) + around
        if net.rule == "hyper":
            for k in range(1, i - 1):
                new = new + states[k] @ params[f"{k - 1}.fixed"].T / (i - 1)
        states.append(new)
    return states[1:], states[-1] @ params["head.weight"].T + params["head.bias"]


@pytest.mark.parametrize("rule", models.SKIP_RULES)
@pytest.mark.parametrize("activation", models.SKIP_ACTIVATIONS)
@pytest.mark.parametrize("features", [3, 6])  # 6: the first layer is as wide as its input
def test_a_skip_net_computes_what_its_equation_says(rule, activation, features):
    net = models.SkipNet(6, rule, 6, features, 4, activation=activation)
    draw = torch.Generator().manual_seed(0)
    params, running = net.initial(draw, torch.float64)
    params["2.bias"] += 0.3
    x = torch.randn(7, features, generator=draw, dtype=torch.float64)
    states, outputs = skip_net_written_out(net, params, x)
    assert running == {} and len(net.units) == len(states) - 1 == 4
    assert all(torch.allclose(a, b) for a, b in zip(net.states(params, x), states, strict=True))
    assert torch.allclose(net.logits(params, x), outputs)


def test_the_skips_are_the_matrices_that_they_are_said_to_be():
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    spared = torch.eye(4, dtype=torch.float64)
    spared[1, 1] = 0
    matrices = {
        "identity": torch.eye(4, dtype=torch.float64),
        "spared": spared,
        "common": torch.full((4, 4), 0.5, dtype=torch.float64),
        "opposite": signs[:, None] * torch.full((4, 4), 0.5, dtype=torch.float64),
    }
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert set(matrices) | set(models.DRAWN_SKIPS) == set(models.SKIPS)
    for skip in models.SKIPS:
        net = models.SkipNet(2, "residual", 4, 4, skip=skip)
        params, _ = net.initial(torch.Generator().manual_seed(1), torch.float64)
        matrix = matrices[skip] if skip in matrices else params["0.skip.fixed"]
        plain = models.SkipNet(2, "plain", 4, 4)
        (with_skip,), (without,) = net.states(params, x), plain.states(params, x)
        assert torch.allclose(with_skip - without, x @ matrix.T)
        for off, moved in (("own", matrix), ("next", torch.cat([matrix[-1:], matrix[:-1]]))):
            other = replace(net, cancelled=off).initial(torch.Generator().manual_seed(1), torch.float64)[0]
            assert torch.allclose(params["0.weight"] - other["0.weight"], moved)


def test_drawn_skips_have_as_many_distinct_vectors_as_asked():
    def drawn_skip(skip, distinct=1, layer=1):
        net = models.SkipNet(4, "residual", 40, 5, skip=skip, distinct=distinct)
        params = net.initial(torch.Generator().manual_seed(0), torch.float64)[0]
        assert [name for name in params if "skip" in name] == ["1.skip.fixed", "2.skip.fixed"]
        return params[f"{layer}.skip.fixed"]

    eye = torch.eye(40, dtype=torch.float64)
    turned = drawn_skip("orthogonal")
    assert torch.allclose(turned @ turned.T, eye) and not torch.allclose(turned, drawn_skip("orthogonal", layer=2))
    assert drawn_skip("gaussian").square().sum().item() == pytest.approx(40, rel=0.1)
    for distinct in (1, 5, 40):
        copies = drawn_skip("copies", distinct)
        same = (torch.arange(40)[:, None] - torch.arange(40)) % distinct == 0
        products = copies @ copies.T
        assert (products - same.double()).abs().max() < 8 * models.NEAR * 40**-0.5
        whitened = drawn_skip("whitened", distinct)
        assert torch.allclose(whitened @ whitened.T, eye)
        assert torch.allclose(whitened.T @ copies, (whitened.T @ copies).T)  # polar: what is left is symmetric
        assert torch.linalg.eigvalsh(whitened.T @ copies).min() > 0
        turned = drawn_skip("turned", distinct)
        assert torch.allclose(turned.T @ turned, copies.T @ copies)  # the same skip, but for a rotation after it
        cosines = F.normalize(turned, dim=1) @ F.normalize(turned, dim=1).T - eye
        assert distinct == 1 or cosines.abs().max() < 0.98


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_skip_net_normalises_over_what_its_norm_says(norm):
    net = models.SkipNet(3, "inside", 6, 6, norm=norm)
    draw = torch.Generator().manual_seed(0)
    params, _ = net.initial(draw, torch.float64)
    params["0.scale"][1], params["0.shift"][1] = 2.0, -0.5
    x = torch.randn(9, 6, generator=draw, dtype=torch.float64)
    into = x @ params["0.weight"].T + x
    over = 0 if norm == "batch" else 1
    centred = into - into.mean(over, keepdim=True)
    normal = centred / (centred.square().mean(over, keepdim=True) + net.eps).sqrt()
    expected = (normal * params["0.scale"] + params["0.shift"]).relu()
    assert torch.allclose(net.states(params, x)[0], expected)
    assert not any(name.endswith(".bias") for name in params if "head" not in name)


@pytest.mark.parametrize("rule", models.SKIP_RULES)
def test_constant_factors_give_the_states_the_sizes_that_were_asked(rule):
    net = models.SkipNet(6, rule, 8, 5, forward_gain=0.5)
    draw = torch.Generator().manual_seed(0)
    params, _ = net.initial(draw, torch.float64)
    x = torch.randn(20, 5, generator=draw, dtype=torch.float64)
    for _ in range(2):  # once more changes nothing
        net.measure_size(params, x)
    sizes = [h.square().mean().sqrt().item() for h in net.states(params, x)]
    assert sizes == pytest.approx([0.5**i for i in range(5)])
    as_it_comes = models.SkipNet(6, "plain", 8, 5)
    params, _ = as_it_comes.initial(draw, torch.float64)
    before = {name: p.clone() for name, p in params.items()}
    as_it_comes.measure_size(params, x)
    assert params.keys() == before.keys() and all(torch.equal(params[name], before[name]) for name in params)


def test_a_skip_inside_that_is_cancelled_is_the_plain_net():
    plain, inside, outside = (
        models.SkipNet(
            5, rule, 6, 6, skip="orthogonal" if rule != "plain" else "identity", cancelled="own" * (rule != "plain")
        )
        for rule in ("plain", "inside", "residual")
    )
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    outputs = [n.logits(n.initial(torch.Generator().manual_seed(0), torch.float64)[0], x) for n in (plain, inside)]
    assert torch.allclose(*outputs, rtol=0, atol=1e-12)
    other = outside.logits(outside.initial(torch.Generator().manual_seed(0), torch.float64)[0], x)
    assert not torch.allclose(other, outputs[0], rtol=0, atol=1e-3)


def test_skip_nets_start_with_the_sizes_of_their_sources():
    def weight(kind, name="1.weight", **changes):
        net = models.SkipNet(**{"depth": 3, "width": 200, "features": 300, "weights": kind, **changes})
        return net.initial(torch.Generator().manual_seed(0), torch.float64)[0][name]

    assert weight("glorot", "0.weight").var().item() == pytest.approx(2 / 500, rel=0.02)
    assert weight("he", "0.weight").var().item() == pytest.approx(2 / 300, rel=0.02)
    assert weight("glorot", "head.weight").var().item() == pytest.approx(2 / 210, rel=0.1)
    near = weight("identity") - torch.eye(200, dtype=torch.float64)
    assert near.std().item() == pytest.approx(models.NEAR * 200**-0.5, rel=0.02)
    for activation, square in (("relu", 2), ("tanh", 1)):
        turned = weight("orthogonal", activation=activation)
        assert torch.allclose(turned @ turned.T, square * torch.eye(200, dtype=torch.float64))
        first = weight("orthogonal", "0.weight", activation=activation)
        assert first.square().mean().item() == pytest.approx(square / 300)
    wide = models.SkipNet(6, "hyper", 5)
    params, _ = wide.initial(torch.Generator().manual_seed(0), torch.float64)
    fixed = [p for name, p in params.items() if name.endswith(".fixed")]
    assert len(fixed) == 3 and all(torch.allclose(q @ q.T, torch.eye(5, dtype=torch.float64)) for q in fixed)
    assert models.parameter_count(wide) == models.parameter_count(models.SkipNet(6, "plain", 5))


@pytest.mark.parametrize("point", models.SINGULARITIES)
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("norm", models.SKIP_NORMS)
def test_a_net_is_placed_where_and_as_near_as_asked(point, depth, norm):
    net = models.SkipNet(depth, "plain", 4, 3, 2, activation="tanh", norm=norm)
    offset = "0.bias" if norm == "none" else "0.shift"
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for whole in (False, True):
        params, _ = net.initial(torch.Generator().manual_seed(0), torch.float64)
        before = {name: p.clone() for name, p in params.items()}
        net.place(params, point, 0.0, whole, torch.Generator().manual_seed(2))
        first, second = net.states(params, x)[0][:, :2].T
        if norm != "layer" or point == "overlap":  # by layer, a unit is not alone in what it puts out
            assert torch.allclose(second, models.SINGULARITIES[point] * first)
        moved = {name for name, p in params.items() if not torch.equal(p, before[name])}
        after = "1.weight" if depth == 3 else "head.weight"
        assert moved | {offset} == {"0.weight", offset} | ({after} if whole else set())
        assert net.distance(params, point, whole) == 0
        net.place(params, point, 0.3, whole, torch.Generator().manual_seed(2))
        assert net.distance(params, point, whole).item() == pytest.approx(0.3)
        assert all(torch.equal(p[0], before[name][0]) for name, p in params.items() if name.startswith("0"))


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "half"},
        {"skip": "none"},
        {"rule": "plain", "skip": "common"},
        {"activation": "abs"},
        {"weights": "ones"},
        {"depth": 1},
        {"width": 0},
        {"gain": float("nan")},
        {"norm": "sum"},
        {"forward_gain": 0.0},
        {"forward_gain": float("inf")},
        {"distinct": 2},
        {"skip": "copies", "distinct": 11},
    ],
)
def test_an_impossible_skip_net_says_what_to_choose(change):
    with pytest.raises(ValueError, match=r"choose|is not one of"):
        models.SkipNet(**{"depth": 3, "rule": "residual", **change})
    with pytest.raises(ValueError, match="no skip to be cancelled"):
        models.SkipNet(3, "plain", cancelled="own")
    with pytest.raises(ValueError, match="choose"):
        models.SkipNet(3).kernels("transitions")
