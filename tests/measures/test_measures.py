import copy

import pytest
import torch
import torch.nn.functional as F
from written_out import orhan_net

from whyresnets.measures import convolution, losses, signals, units
from whyresnets.nets.conv import ConvNet
from whyresnets.nets.dense import DenseNet

NETS = {
    "plain": ConvNet(8, "plain", (3, 4, 5), channels=1),
    "residual": ConvNet(8, "residual", (3, 4, 5), channels=1),
    "pre-activation": ConvNet(10, "residual", (3, 4, 5), channels=1, order="pre"),
    "dense": DenseNet(5, "residual", width=6),
    "dense, no norm": DenseNet(5, "rescaled", width=6, norm="none", activation="abs"),
}


@pytest.fixture(params=NETS)
def case(request):
    net = NETS[request.param]
    generator = torch.Generator().manual_seed(5)
    params, _ = net.initial(generator, torch.float64)
    x = torch.randn(7, 1, 8, 8, generator=generator, dtype=torch.float64)
    return net, params, x, torch.randint(10, (7,), generator=generator)


def test_gradient_norms_equal_finite_differences(case):
    """Brute force: nudge every entry of one state up and down, and watch the loss."""
    net, params, x, y = case
    measured = signals.state_gradient_norm(net, params, x, y)
    states = net.states(params, x)
    for unit in (1, len(states) - 1):
        slopes, flat = [], states[unit].numel()
        for i in range(flat):
            losses = []
            for step in (1e-5, -1e-5):
                nudges = [torch.zeros_like(h) for h in states]
                nudges[unit].view(-1)[i] = step
                losses.append(F.cross_entropy(net.logits(params, x, nudges=nudges), y))
            slopes.append((losses[0] - losses[1]) / 2e-5)
        assert measured[unit].item() == pytest.approx(torch.stack(slopes).norm().item(), rel=1e-6)


def test_gradients_of_weights_equal_finite_differences(case):
    """Brute force: nudge every entry of the first and of the last weights up and down, and watch the loss."""
    net, params, x, y = case
    weights = [name for name in params if name.endswith(".weight")]
    measured, sizes = (measure(net, params, x, y) for measure in (signals.weight_gradient_norm, signals.weight_norm))
    assert measured.shape == sizes.shape == (len(weights),)
    for name in (weights[0], weights[-1]):
        slopes = []
        for i in range(params[name].numel()):
            nudged = {step: {**params, name: params[name].clone()} for step in (1e-5, -1e-5)}
            for step, some in nudged.items():
                some[name].view(-1)[i] += step
            up, down = (F.cross_entropy(net.logits(some, x), y) for some in nudged.values())
            slopes.append((up - down) / 2e-5)
        assert measured[weights.index(name)].item() == pytest.approx(torch.stack(slopes).norm().item(), rel=1e-6)
        assert sizes[weights.index(name)].item() == pytest.approx(params[name].square().sum().sqrt().item())


def test_scales_and_multipliers_are_read_in_the_order_of_the_layers():
    net = ConvNet(8, "residual", (3, 4, 5), channels=1, alpha=0.0)
    params, _ = net.initial(torch.Generator().manual_seed(0))
    for i, name in enumerate(name for name in params if name.endswith(".scale")):
        params[name].fill_(-i)
    for i, name in enumerate(name for name in params if name.endswith(".alpha")):
        params[name].fill_(-i)
    x, y = torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.long)
    assert signals.scale_rms(net, params, x, y).tolist() == [*map(float, range(7))]
    assert signals.multiplier(net, params, x, y).tolist() == [0, -1, -2]
    bare = ConvNet(8, "residual", (3, 4, 5), channels=1, norm="none")
    assert signals.scale_rms(bare, bare.initial(torch.Generator())[0], x, y).shape == (0,)


def test_loss_and_error_equal_the_definition(case):
    net, params, x, y = case
    probabilities = net.logits(params, x).softmax(1)
    loss, error = losses.loss_and_error(net, params, x, y)
    assert loss == pytest.approx(-torch.stack([probabilities[i, c].log() for i, c in enumerate(y)]).mean().item())
    assert error == pytest.approx(sum(int(p.argmax() != c) for p, c in zip(probabilities, y, strict=True)) / 7)


@pytest.mark.parametrize("case", ["plain", "residual"], indirect=True)
def test_response_std_is_one_where_normalisation_makes_it_so(case):
    net, params, x, y = case
    std = signals.response_std(net, params, x, y)
    assert std.shape == (7,)  # the stem and three units of two
    assert torch.allclose(std, torch.ones(7, dtype=std.dtype), atol=1e-3)


def test_state_std_equals_the_states_own(case):
    net, params, x, y = case
    expected = [h.std(correction=0).item() for h in net.states(params, x)]
    assert signals.state_std(net, params, x, y).tolist() == pytest.approx(expected)


def test_state_cosine_equals_the_definition(case):
    net, params, x, y = case
    expected = []
    for h in net.states(params, x):
        flat = [image.flatten() for image in h]
        cosines = [a @ b / (a.norm() * b.norm()) for a, b in zip(flat, [flat[-1], *flat[:-1]], strict=True)]
        expected.append(torch.stack(cosines).mean().item())
    assert signals.state_cosine(net, params, x, y).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("side", [1, 3])
def test_singular_values_are_those_of_the_explicit_matrix(side):
    """Circular padding, stride 1: an SVD of the whole matrix, built column by column."""
    weight = torch.randn(3, 2, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    columns = []
    for i in range(2 * 16):
        image = torch.zeros(2 * 16, dtype=torch.float64)
        image[i] = 1
        padded = F.pad(image.view(1, 2, 4, 4), 4 * (side // 2,), mode="circular")
        columns.append(F.conv2d(padded, weight).flatten())
    expected = torch.linalg.svdvals(torch.stack(columns, 1))
    assert torch.allclose(convolution.singular_values(weight, grid=4), expected, atol=1e-12)


def test_the_condition_number_is_that_of_the_transitions():
    net = ConvNet(10, "residual", (2, 3, 4), channels=1, order="pre")
    params, _ = net.initial(torch.Generator().manual_seed(0), torch.float64)
    params["1.transition.weight"][:] = torch.tensor([[3.0, 0], [0, 0.5], [0, 0]]).view(3, 2, 1, 1)
    found = convolution.condition_number(net, params)
    assert found[0].item() == pytest.approx(6) and found[1] > 1


def test_measuring_changes_nothing(case):
    net, params, x, y = case
    before = copy.deepcopy(params)
    read = (signals.response_std, signals.state_std, signals.state_cosine, signals.state_gradient_norm)
    for measure in (*read, losses.loss_and_error):
        measure(net, params, x, y)
    assert all(torch.equal(before[name], p) and p.grad is None for name, p in params.items())


def test_what_is_read_by_layer_equals_its_definitions_one_unit_at_a_time():
    net = orhan_net(4, "residual", 5, features=3, outputs=4)
    generator = torch.Generator().manual_seed(2)
    params, _ = net.initial(generator, torch.float64)
    params["1.bias"][2] = -50.0  # one unit that is never active
    x, y = torch.randn(8, 3, generator=generator, dtype=torch.float64), torch.arange(8) % 4
    before = copy.deepcopy(params)
    read = units.by_layer(net, params, x, y)
    assert all(torch.equal(before[name], p) and p.grad is None for name, p in params.items())
    assert {len(value) for name, value in read.items() if name not in ("loss", "error")} == {3}
    h = x
    for i in range(3):
        weight = params[f"{i}.weight"]
        out = (h @ weight.T + params[f"{i}.bias"]).relu()
        h = out + h if i else out
        assert read["size"][i].item() == pytest.approx((h.flatten() @ h.flatten() / h.numel()).sqrt().item())
        assert read["active_share"][i].item() == pytest.approx(sum(v > 0 for v in out.flatten().tolist()) / 40)
        assert read["silent_share"][i].item() == pytest.approx(sum(not any(u) for u in out.T.tolist()) / 5)
        assert read["silent_share"][1] >= 0.2
        assert read["incoming_norm"][i].item() == pytest.approx(sum(u.norm().item() for u in weight) / 5)
        pairs = [abs(F.cosine_similarity(weight[a], weight[b], 0).item()) for a in range(5) for b in range(5) if a != b]
        assert read["weight_overlap"][i].item() == pytest.approx(sum(pairs) / 20)
        constant = [len(set(u)) == 1 for u in h.T.tolist()]
        assert read["constant_share"][i].item() == pytest.approx(sum(constant) / 5)
        varying = sum(((u - u.mean()) ** 2).sum() for u in h.T) / (h**2).sum()
        assert read["varying_share"][i].item() == pytest.approx(varying.item())
        values = torch.linalg.eigvalsh(torch.cov(h.T))
        assert read["independent_share"][i].item() == pytest.approx((values.sum() ** 2 / (values**2).sum() / 5).item())
    loss, error = losses.loss_and_error(net, params, x, y)
    assert (read["loss"].item(), read["error"].item()) == pytest.approx((loss, error), rel=1e-12)
    assert torch.equal(read["gradient_norm"], signals.state_gradient_norm(net, params, x, y))
    lost = units.by_layer(net, params | {"1.weight": params["1.weight"] * torch.inf}, x, y)
    assert lost.keys() == read.keys() and all(value.isnan().all() for value in lost.values())


def test_what_does_not_vary_has_no_dimension():
    draw = torch.Generator().manual_seed(0)
    constant = torch.rand(8, generator=draw).expand(1400, 8)
    assert units.constant_share(constant) == 1 and units.varying_share(constant) < 1e-12
    assert units.independent_share(constant) == 0
    one = constant + torch.randn(1400, 1, generator=draw) * torch.rand(8, generator=draw)
    assert units.independent_share(one.double()).item() == pytest.approx(1 / 8)
    many = torch.randn(100_000, 8, generator=draw)
    assert units.independent_share(many).item() == pytest.approx(1, abs=0.01)


def test_a_cancelled_skip_inside_reads_as_the_plain_net_that_it_is():
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(8, 3, generator=generator, dtype=torch.float64), torch.arange(8) % 4
    size = {"width": 5, "features": 3, "outputs": 4}
    nets = orhan_net(4, "plain", **size), orhan_net(4, "inside", **size, skip="common", cancelled="own")
    one, two = (
        units.by_layer(net, net.initial(torch.Generator().manual_seed(1), torch.float64)[0], x, y) for net in nets
    )
    assert all(torch.allclose(one[name], two[name], rtol=0, atol=1e-12) for name in one)


def test_a_small_initialisation_without_normalisation_vanishes():
    """The measure can see gradients vanish: the other half of "not vanishing"."""
    net = ConvNet(56, widths=(4, 4, 4), channels=1, norm="none", padding="circular", gain=0.5)
    generator = torch.Generator().manual_seed(0)
    params, _ = net.initial(generator, torch.float64)
    x, y = torch.randn(8, 1, 8, 8, generator=generator, dtype=torch.float64), torch.arange(8)
    norms = signals.state_gradient_norm(net, params, x, y)
    assert norms[0] / norms[-1] < 1e-6
