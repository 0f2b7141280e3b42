import pytest
import torch
from written_out import JOINED, NORMALISED, batch_norm, stirred

from whyresnets.nets.architecture import DRAWN_SKIPS, SKIPS
from whyresnets.nets.dense import DenseNet
from whyresnets.nets.rules import RULES
from whyresnets.training.start import stacked


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "abs", "linear"])
@pytest.mark.parametrize(("norm", "head_norm", "alpha"), NORMALISED)
def test_a_dense_net_equals_the_network_written_out(rule, activation, norm, head_norm, alpha):
    net = DenseNet(5, rule, 4, features=18, norm=norm, activation=activation, head_norm=head_norm, alpha=alpha)
    params, _ = net.initial(torch.Generator().manual_seed(3), torch.float64)
    x = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    stirred(net, params, x)

    def active(name, h):
        h = batch_norm(params, name, h)
        return {"relu": h.clamp(min=0), "tanh": h.tanh(), "sigmoid": 1 / (1 + (-h).exp()), "abs": h.abs(), "linear": h}[
            activation
        ]

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


def test_a_linear_head_is_one_and_what_stands_before_it_is_normalised_all_the_same():
    net = DenseNet(4, "residual", 4, features=18, head_activation="linear")
    params, _ = net.initial(torch.Generator().manual_seed(3), torch.float64)
    x = torch.randn(6, 18, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    stirred(net, params, x)
    last = batch_norm(params, "last", net.states(params, x)[-1])
    assert torch.allclose(net.logits(params, x), last @ params["head.weight"].T + params["head.bias"], atol=1e-12)


@pytest.mark.parametrize("skip", SKIPS)
def test_around_a_unit_leads_the_skip_that_was_asked_and_the_trained_weights_are_the_same(skip):
    net, identity = (DenseNet(4, "residual", 4, features=18, skip=word) for word in (skip, "identity"))
    params, running = net.initial(torch.Generator().manual_seed(3), torch.float64)
    h, *_ = x = torch.randn(1, 6, 18, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    same, _ = identity.initial(torch.Generator().manual_seed(3), torch.float64)
    assert all(torch.equal(p, params[name]) for name, p in same.items()) and set(running) == {
        f"{name}.{part}" for name in ("0", "1", "last") for part in ("mean", "var")
    }
    h = x[0] @ params["stem.weight"].T
    for unit in "01":
        matrix = params[f"{unit}.skip.fixed"] if skip in DRAWN_SKIPS else net._matrix(params, unit)
        h = h @ matrix.T + batch_norm(params, unit, h).relu() @ params[f"{unit}.weight"].T
    assert torch.allclose(net.states(params, x[0])[-1], h, atol=1e-12)


def test_a_skip_has_the_condition_number_that_was_asked_and_the_norm_of_a_rotation():
    for condition in (1.0, 30.0, 1000.0):
        net = DenseNet(4, "residual", 32, skip="orthogonal", skip_condition=condition)
        params, _ = net.initial(torch.Generator().manual_seed(3), torch.float64)
        one, two = (params[f"{unit}.skip.fixed"] for unit in "01")
        values = torch.linalg.svdvals(one)
        assert (values[0] / values[-1]).item() == pytest.approx(condition)
        assert one.square().sum().item() == pytest.approx(32) and not torch.allclose(one, two)
        steps = values.log().diff()
        assert torch.allclose(steps, steps.mean().expand(31), atol=1e-9)


def test_of_a_skip_as_many_singular_values_are_small_as_were_asked():
    net = DenseNet(4, "residual", 32, skip="orthogonal", skip_condition=10.0, skip_small=5)
    params, _ = net.initial(torch.Generator().manual_seed(3), torch.float64)
    values = torch.linalg.svdvals(params["0.skip.fixed"])
    assert torch.allclose(values[:27], values[:1].expand(27)) and torch.allclose(values[27:] * 10, values[:5])
    assert values.square().sum().item() == pytest.approx(32)
    with pytest.raises(ValueError, match="skip_small 5"):
        DenseNet(4, "residual", 32, skip="orthogonal", skip_small=5)


def test_units_of_the_order_pre_can_start_as_the_identity():
    params, _ = DenseNet(5, "plain", 8, features=18, weights="identity").initial(torch.Generator().manual_seed(0))
    assert all(torch.equal(params[f"{unit}.weight"], torch.eye(8)) for unit in "012")


def test_several_nets_at_once_are_each_of_them_running_statistics_too():
    """Against one net at a time, whose normalisation is PyTorch's own."""
    net, draw = DenseNet(5, "shuffled", 4, features=18, alpha=0.5), torch.Generator().manual_seed(3)
    made = [net.initial(draw, torch.float64) for _ in range(3)]
    params, running = (stacked(list(parts)) for parts in zip(*made, strict=True))
    for _ in range(2):  # twice, so that a wrong momentum shows
        x = torch.randn(3, 7, 18, generator=draw, dtype=torch.float64)
        together = net.logits(params, x, running=running)
        alone = [net.logits(p, x[i], running=r) for i, (p, r) in enumerate(made)]
        assert torch.allclose(together, torch.stack(alone), atol=1e-12)
    assert all(torch.allclose(running[name][i], r[name]) for i, (_, r) in enumerate(made) for name in r)
    later = net.logits(params, x, running=running, training=False)
    assert torch.allclose(later[1], net.logits(made[1][0], x[1], running=made[1][1], training=False), atol=1e-12)


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
