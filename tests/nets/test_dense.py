import pytest
import torch
from written_out import JOINED, NORMALISED, batch_norm, stirred

from whyresnets.nets.dense import DenseNet
from whyresnets.nets.rules import RULES
from whyresnets.training.start import stacked


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "abs", "linear"])
@pytest.mark.parametrize(("norm", "head_norm", "alpha"), NORMALISED)
def test_a_dense_net_equals_the_network_written_out(rule, activation, norm, head_norm, alpha):
    net = DenseNet(5, rule, 4, features=18, norm=norm, activation=activation, head_norm=head_norm, alpha=alpha)
    params, _ = net.initial(torch.Generator().manual_seed(3), torch.float64)
    x = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    stirred(net, params, x)

    def active(name, h):
        h = batch_norm(params, name, h)
        return {"relu": h.clamp(min=0), "tanh": h.tanh(), "abs": h.abs(), "linear": h}[activation]

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
