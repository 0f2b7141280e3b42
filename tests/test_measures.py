import copy

import pytest
import torch
import torch.nn.functional as F

from whyresnets import measures
from whyresnets.models import ConvNet


@pytest.fixture(params=["plain", "residual"])
def case(request):
    net = ConvNet(8, request.param, (3, 4, 5), channels=1)
    generator = torch.Generator().manual_seed(5)
    params, _ = net.initial(generator, torch.float64)
    x = torch.randn(7, 1, 8, 8, generator=generator, dtype=torch.float64)
    return net, params, x, torch.randint(10, (7,), generator=generator)


def test_gradient_norms_equal_finite_differences(case):
    """Brute force: nudge every entry of one state up and down, and watch the loss."""
    net, params, x, y = case
    measured = measures.state_gradient_norm(net, params, x, y)
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


def test_loss_and_error_equal_the_definition(case):
    net, params, x, y = case
    probabilities = net.logits(params, x).softmax(1)
    loss, error = measures.loss_and_error(net, params, x, y)
    assert loss == pytest.approx(-torch.stack([probabilities[i, c].log() for i, c in enumerate(y)]).mean().item())
    assert error == pytest.approx(sum(int(p.argmax() != c) for p, c in zip(probabilities, y, strict=True)) / 7)


def test_response_std_is_one_where_normalisation_makes_it_so(case):
    net, params, x, y = case
    std = measures.response_std(net, params, x, y)
    assert std.shape == (7,)  # the stem and three units of two
    assert torch.allclose(std, torch.ones(7, dtype=std.dtype), atol=1e-3)


def test_state_std_equals_the_states_own(case):
    net, params, x, y = case
    expected = [h.std(correction=0).item() for h in net.states(params, x)]
    assert measures.state_std(net, params, x, y).tolist() == pytest.approx(expected)


def test_measuring_changes_nothing(case):
    net, params, x, y = case
    before = copy.deepcopy(params)
    for measure in (measures.response_std, measures.state_std, measures.state_gradient_norm, measures.loss_and_error):
        measure(net, params, x, y)
    assert all(torch.equal(before[name], p) and p.grad is None for name, p in params.items())


def test_a_small_initialisation_without_normalisation_vanishes():
    """The measure can see gradients vanish: the other half of "not vanishing"."""
    net = ConvNet(56, widths=(4, 4, 4), channels=1, norm="none", padding="circular", gain=0.5)
    generator = torch.Generator().manual_seed(0)
    params, _ = net.initial(generator, torch.float64)
    x, y = torch.randn(8, 1, 8, 8, generator=generator, dtype=torch.float64), torch.arange(8)
    norms = measures.state_gradient_norm(net, params, x, y)
    assert norms[0] / norms[-1] < 1e-6
