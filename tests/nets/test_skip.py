from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from written_out import orhan_net

from whyresnets.nets.architecture import DRAWN_SKIPS, SINGULARITIES, SKIPS
from whyresnets.nets.build import parameter_count
from whyresnets.nets.skip import NEAR


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


@pytest.mark.parametrize("rule", ("plain", "residual", "hyper", "inside"))
@pytest.mark.parametrize("activation", ("relu", "tanh"))
@pytest.mark.parametrize("features", [3, 6])  # 6: the first layer is as wide as its input
def test_a_skip_net_computes_what_its_equation_says(rule, activation, features):
    net = orhan_net(6, rule, 6, features=features, outputs=4, activation=activation)
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
    assert set(matrices) | set(DRAWN_SKIPS) == set(SKIPS)
    for skip in SKIPS:
        net = orhan_net(2, "residual", 4, features=4, skip=skip)
        params, _ = net.initial(torch.Generator().manual_seed(1), torch.float64)
        matrix = matrices[skip] if skip in matrices else params["0.skip.fixed"]
        plain = orhan_net(2, "plain", 4, features=4)
        (with_skip,), (without,) = net.states(params, x), plain.states(params, x)
        assert torch.allclose(with_skip - without, x @ matrix.T)
        for off, moved in (("own", matrix), ("next", torch.cat([matrix[-1:], matrix[:-1]]))):
            other = replace(net, cancelled=off).initial(torch.Generator().manual_seed(1), torch.float64)[0]
            assert torch.allclose(params["0.weight"] - other["0.weight"], moved)


def test_drawn_skips_have_as_many_distinct_vectors_as_asked():
    def drawn_skip(skip, distinct=1, layer=1):
        net = orhan_net(4, "residual", 40, features=5, skip=skip, distinct=distinct)
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
        assert (products - same.double()).abs().max() < 8 * NEAR * 40**-0.5
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
    net = orhan_net(3, "inside", 6, features=6, norm=norm)
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


@pytest.mark.parametrize("rule", ("plain", "residual", "hyper", "inside"))
def test_constant_factors_give_the_states_the_sizes_that_were_asked(rule):
    net = orhan_net(6, rule, 8, features=5, forward_gain=0.5)
    draw = torch.Generator().manual_seed(0)
    params, _ = net.initial(draw, torch.float64)
    x = torch.randn(20, 5, generator=draw, dtype=torch.float64)
    for _ in range(2):  # once more changes nothing
        net.measure_size(params, x)
    sizes = [h.square().mean().sqrt().item() for h in net.states(params, x)]
    assert sizes == pytest.approx([0.5**i for i in range(5)])
    as_it_comes = orhan_net(6, "plain", 8, features=5)
    params, _ = as_it_comes.initial(draw, torch.float64)
    before = {name: p.clone() for name, p in params.items()}
    as_it_comes.measure_size(params, x)
    assert params.keys() == before.keys() and all(torch.equal(params[name], before[name]) for name in params)


def test_a_skip_inside_that_is_cancelled_is_the_plain_net():
    plain, inside, outside = (
        orhan_net(
            5,
            rule,
            6,
            features=6,
            skip="orthogonal" if rule != "plain" else "identity",
            cancelled="own" * (rule != "plain"),
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
        net = orhan_net(**{"depth": 3, "width": 200, "features": 300, "weights": kind, **changes})
        return net.initial(torch.Generator().manual_seed(0), torch.float64)[0][name]

    assert weight("glorot", "0.weight").var().item() == pytest.approx(2 / 500, rel=0.02)
    assert weight("he", "0.weight").var().item() == pytest.approx(2 / 300, rel=0.02)
    assert weight("glorot", "head.weight").var().item() == pytest.approx(2 / 210, rel=0.1)
    near = weight("identity") - torch.eye(200, dtype=torch.float64)
    assert near.std().item() == pytest.approx(NEAR * 200**-0.5, rel=0.02)
    for activation, square in (("relu", 2), ("tanh", 1)):
        turned = weight("orthogonal", activation=activation)
        assert torch.allclose(turned @ turned.T, square * torch.eye(200, dtype=torch.float64))
        first = weight("orthogonal", "0.weight", activation=activation)
        assert first.square().mean().item() == pytest.approx(square / 300)
    wide = orhan_net(6, "hyper", 5)
    params, _ = wide.initial(torch.Generator().manual_seed(0), torch.float64)
    fixed = [p for name, p in params.items() if name.endswith(".fixed")]
    assert len(fixed) == 3 and all(torch.allclose(q @ q.T, torch.eye(5, dtype=torch.float64)) for q in fixed)
    assert parameter_count(wide) == parameter_count(orhan_net(6, "plain", 5))


@pytest.mark.parametrize("point", SINGULARITIES)
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("norm", ("none", "batch", "layer"))
def test_a_net_is_placed_where_and_as_near_as_asked(point, depth, norm):
    net = orhan_net(depth, "plain", 4, features=3, outputs=2, activation="tanh", norm=norm)
    offset = "0.bias" if norm == "none" else "0.shift"
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for whole in (False, True):
        params, _ = net.initial(torch.Generator().manual_seed(0), torch.float64)
        before = {name: p.clone() for name, p in params.items()}
        net.place(params, point, 0.0, whole, torch.Generator().manual_seed(2))
        first, second = net.states(params, x)[0][:, :2].T
        if norm != "layer" or point == "overlap":  # by layer, a unit is not alone in what it puts out
            assert torch.allclose(second, SINGULARITIES[point] * first)
        moved = {name for name, p in params.items() if not torch.equal(p, before[name])}
        after = "1.weight" if depth == 3 else "head.weight"
        assert moved | {offset} == {"0.weight", offset} | ({after} if whole else set())
        assert net.distance(params, point, whole) == 0
        net.place(params, point, 0.3, whole, torch.Generator().manual_seed(2))
        assert net.distance(params, point, whole).item() == pytest.approx(0.3)
        assert all(torch.equal(p[0], before[name][0]) for name, p in params.items() if name.startswith("0"))
