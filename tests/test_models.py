import pytest
import torch
import torch.nn.functional as F

from whyresnets.models import RULES, ConvNet, identity_extension, join, option_a, parameter_count


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
        if rule == "stranger":
            shortcut = torch.cat([shortcut[-1:], shortcut[:-1]])
        h = F.relu(branch + {"plain": 0, "residual": 1, "half": 0.5, "stranger": 1}[rule] * shortcut)
    expected = h.mean((2, 3)) @ params["head.weight"].T + params["head.bias"]
    assert torch.allclose(net.logits(params, x), expected, atol=1e-12)


def test_rules_differ_in_the_join_only():
    shortcut, branch = torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0], [20.0]])
    got = {rule: join(rule, shortcut, branch).flatten().tolist() for rule in RULES}
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
    net = ConvNet(8, widths=(3, 4, 5), channels=1)
    params, running, x = drawn(net, batch=32)
    for _ in range(3):
        net.logits(params, x, running=running)  # running statistics that are not the batch's
    deep, deep_params, deep_running = identity_extension(net, params, running, 26, x)
    assert deep.depth == 26 and parameter_count(deep) > parameter_count(net)

    def logits(net, params, running):
        return net.logits(params, x, running=None if training else running, training=training)

    assert torch.allclose(logits(net, params, running), logits(deep, deep_params, deep_running), atol=1e-10)


def test_the_identity_extension_needs_a_plain_normalised_shallower_net():
    for net, depth in ((ConvNet(20, "residual"), 56), (ConvNet(20, norm="none"), 56), (ConvNet(20), 8)):
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
    ],
)
def test_impossible_networks_are_refused(field, says):
    with pytest.raises(ValueError, match=says):
        ConvNet(**{"depth": 20, **field})
