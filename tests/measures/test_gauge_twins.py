"""Two nets that follow the same trajectory must get the same reading, or the reading explains nothing.

Each twin moves a scale between weights and rates: the same function after every step, from other numbers. The table
says which measures tell which twins apart.
"""

import pytest
import torch

from whyresnets.measures import curvature, jacobian, losses, signals, units
from whyresnets.measures.convolution import singular_values
from whyresnets.nets.dense import DenseNet

C = 10.0  # the scale that is moved
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
CLASSES = torch.arange(40) % 3
NUMBERS = torch.randn(40, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
PLAIN = DenseNet(5, "plain", 5, "none", features=6, outputs=3, head_activation="linear")
RESIDUAL = DenseNet(5, "residual", 5, "none", features=6, outputs=3, head_activation="linear")
NORMALISED = DenseNet(5, "plain", 5, "batch", eps=1e-30, features=6, outputs=3, head_activation="linear")

# Twin -> the net, the examples' targets, the factor on some of its weights and that on targets and outputs.
TWINS = {
    "a weight's scale in the next": (PLAIN, CLASSES, {"0.weight": C, "1.weight": 1 / C}, 1.0),
    "states times a constant": (RESIDUAL, CLASSES, {"stem.weight": C, "head.weight": 1 / C}, 1.0),
    "weights before BN": (NORMALISED, CLASSES, {"0.weight": C, "1.weight": C}, 1.0),
    "outputs and targets": (RESIDUAL, NUMBERS, {"head.weight": C, "head.bias": C}, C),
}


def twins(twin):
    """A net, and for itself and its twin: parameters, targets, the rate of each parameter."""
    net, y, factors, output = TWINS[twin]
    params, _ = net.initial(torch.Generator().manual_seed(3), torch.float64)
    # Of a factor c the gradient is 1 / c times as large and should be c times; all are output^2 times as large.
    rates = {name: 0.02 * (factors.get(name, 1.0) / output) ** 2 for name in params}
    other = {name: p * factors.get(name, 1.0) for name, p in params.items()}
    return net, (params, y, dict.fromkeys(params, 0.02)), (other, y * output if output != 1 else y, rates)


def step(net, params, y, rates):
    """One step of gradient descent, each parameter at its own rate."""
    free = {name: p.clone().requires_grad_() for name, p in params.items()}
    gradients = torch.autograd.grad(losses.mean_loss(net.logits(free, X), y), list(free.values()))
    return {name: params[name] - rates[name] * g for name, g in zip(params, gradients, strict=True)}


@pytest.mark.parametrize("twin", TWINS)
def test_twins_follow_the_same_trajectory(twin):
    net, (one, y, rates), (other, y2, rates2) = twins(twin)
    output = TWINS[twin][3]
    began = net.logits(one, X)
    for _ in range(10):
        assert torch.allclose(output * net.logits(one, X), net.logits(other, X), rtol=1e-8)
        one, other = step(net, one, y, rates), step(net, other, y2, rates2)
    assert (net.logits(one, X) - began).abs().max() > 0.01  # it goes somewhere
    wrong = step(net, other, y2, rates)
    assert not torch.allclose(output * net.logits(step(net, one, y, rates), X), net.logits(wrong, X), rtol=1e-3)


@pytest.mark.parametrize("twin", TWINS)
def test_the_relative_step_of_every_weight_is_the_same_in_twins(twin):
    """The rate times ||dE/dW|| / ||W||: what the chapter on vanishing gradients reads on the way."""
    net, *both = twins(twin)
    steps = []
    for params, y, rates in both:
        rate = torch.tensor([rates[name] for name in params if name.endswith(signals.WEIGHT)])
        gradients, sizes = (m(net, params, X, y) for m in (signals.weight_gradient_norm, signals.weight_norm))
        steps.append(rate * gradients / sizes)
    assert torch.allclose(*steps, rtol=1e-6)
    assert steps[0].min() > 0


def of_states(measure):
    return lambda net, params, y: torch.stack([measure(h) for h in net.states(params, X)[1:]])


def of_activations(measure):
    return lambda net, params, y: torch.stack([measure(h.relu()) for h in net.states(params, X)[1:]])


def of_weights(measure):
    return lambda net, params, y: torch.stack([measure(params[f"{name}.weight"]) for name, *_ in net.units])


def of_spectrum(matrix, measure):
    return lambda net, params, y: measure(curvature.eigenvalues(matrix(net, params, X, y)))


def condition(weight):
    values = singular_values(weight)
    return values[0] / values[-1]


WEIGHT, STATES, BN, OUTPUTS = TWINS
H, G = curvature.hessian, curvature.gauss_newton
# Measure -> how it is read, and which twins it tells apart: of those it explains nothing.
TOLD_APART = {
    "response_std": (lambda *at: signals.response_std(at[0], at[1], X, at[2]), {WEIGHT, STATES, BN}),
    "state_std": (lambda *at: signals.state_std(at[0], at[1], X, at[2]), {WEIGHT, STATES, BN}),
    "state_cosine": (lambda *at: signals.state_cosine(at[0], at[1], X, at[2]), set()),
    "state_gradient_norm": (
        lambda *at: signals.state_gradient_norm(at[0], at[1], X, at[2]), {WEIGHT, STATES, BN, OUTPUTS},
    ),
    "weight_gradient_norm": (
        lambda *at: signals.weight_gradient_norm(at[0], at[1], X, at[2]), {WEIGHT, STATES, BN, OUTPUTS},
    ),
    "weight_norm": (lambda *at: signals.weight_norm(at[0], at[1], X, at[2]), {WEIGHT, STATES, BN, OUTPUTS}),
    "scale_rms": (lambda *at: signals.scale_rms(at[0], at[1], X, at[2]), set()),
    "multiplier": (lambda *at: signals.multiplier(at[0], at[1], X, at[2]), set()),
    "size": (of_states(units.size), {WEIGHT, STATES, BN}),
    "varying_share": (of_states(units.varying_share), set()),
    "constant_share": (of_states(units.constant_share), set()),
    "independent_share": (of_states(units.independent_share), set()),
    "active_share": (of_activations(units.active_share), set()),
    "silent_share": (of_activations(units.silent_share), set()),
    "incoming_norm": (of_weights(units.incoming_norm), {WEIGHT, BN}),
    "weight_overlap": (of_weights(units.weight_overlap), set()),
    "singular_values": (of_weights(singular_values), {WEIGHT, BN}),
    "condition_number": (of_weights(condition), set()),
    "directions": (lambda *at: jacobian.directions(at[0], at[1], X), set()),
    "error": (lambda net, params, y: torch.tensor(losses.loss_and_error(net, params, X, y)[1]), set()),
    "loss": (lambda net, params, y: losses.mean_loss(net.logits(params, X), y), {OUTPUTS}),
    "eigenvalues of the Gauss-Newton matrix": (of_spectrum(G, lambda v: v), {WEIGHT, STATES, BN, OUTPUTS}),
    "degenerate share, Gauss-Newton": (of_spectrum(G, curvature.degenerate_share), {WEIGHT, STATES, BN, OUTPUTS}),
    "degenerate share, Hessian": (of_spectrum(H, curvature.degenerate_share), {WEIGHT, STATES, BN, OUTPUTS}),
    "negative share, Hessian": (of_spectrum(H, curvature.negative_share), {WEIGHT, STATES, BN, OUTPUTS}),
}  # fmt: skip


@pytest.mark.parametrize("measure", TOLD_APART)
def test_each_measure_tells_apart_the_twins_that_the_table_says(measure):
    read, expected = TOLD_APART[measure]
    told = set()
    for twin in TWINS:
        net, (one, y, _), (other, y2, _) = twins(twin)
        first, second = read(net, one, y), read(net, other, y2)
        if not torch.allclose(first.double(), second.double(), rtol=1e-4, atol=1e-12):
            told.add(twin)
    assert told == expected


def test_no_measure_of_signals_units_or_curvature_is_left_out():
    named = {name for name in vars(signals) | vars(units) if not name.startswith("_")}
    measures = {n for n in named if getattr(vars(signals).get(n) or vars(units)[n], "__module__", "") in
                (signals.__name__, units.__name__)} - {"by_layer"}  # fmt: skip
    assert measures <= set(TOLD_APART), measures - set(TOLD_APART)
