"""What no description accepts, wherever it came from: a reader's typing, JSON, another library."""

import numpy as np
import pytest

from whyresnets import checks
from whyresnets.nets.architecture import Conv
from whyresnets.spec import Spec, from_flat
from whyresnets.training.train import train

BASE = Spec(Conv(20))
IMPOSSIBLE = [
    *({"depth": depth} for depth in (0, -20, 7, 21, 20.0, "20", None)),
    *({"steps": steps} for steps in (-1, 1.5, "100", None, True)),
    *({"batch": batch} for batch in (0, 1, -64, 64.0)),
    *({"rate": rate} for rate in (0, -0.1, float("nan"), float("inf"), "0.1", None, 0.1j)),
    *({"momentum": momentum} for momentum in (1.0, -0.1, "0.9")),
    *({"warmup": warmup} for warmup in (1.0, -0.1)),
    *({"widths": widths} for widths in ((8, 16), (8, 0, 32), None, 8, "8,16,32")),
    *({"extend_to": extend_to} for extend_to in (56, (14,), (57,), "56")),
    *({"watch": watch} for watch in (0, (0.5,), (101,), None)),
    *({"augment": augment} for augment in ("no", 1, None)),
    {"weight_decay": -1e-4},
    {"gain": float("nan")},
    {"zero_init_residual": "false"},
    {"rule": "dense"},
    {"rule": ["plain"]},
    {"norm": "layer"},
    {"padding": "mirror"},
    {"schedule": "steps"},
    {"precision": "float16"},
    {"precision": None},
    {"data": "mnist"},
    {"data": 3},
    {"rule": "residual", "extend_to": (56,)},
    {"norm": "none", "zero_init_residual": True},
    {"attention": True},
]


@pytest.mark.parametrize("change", IMPOSSIBLE, ids=str)
def test_an_impossible_spec_says_in_one_line_what_to_choose(change):
    with pytest.raises(ValueError, match=r"choose|needs|leave") as caught:
        BASE.but(**change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [c for c in IMPOSSIBLE if c != {"attention": True}], ids=str)
def test_a_record_of_an_impossible_spec_is_not_read(change):
    with pytest.raises(ValueError, match=r"choose|needs|leave"):
        from_flat(BASE.flat() | change)


def test_numbers_of_numpy_are_numbers():
    checks.number("rate", np.float64(0.1), above=0)
    checks.number("rate", np.float32(0.1), above=0)
    checks.number("rate", 1, above=0)


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({}, "choose a finite number"),
        ({"least": 0}, "choose a number from 0 up"),
        ({"above": 0}, "choose a number above 0"),
        ({"least": 0, "below": 1}, "choose a number from 0 up, below 1"),
    ],
)
def test_a_refusal_names_the_bounds(bounds, says):
    with pytest.raises(ValueError, match=f"rate nan is impossible: {says}$"):
        checks.number("rate", float("nan"), **bounds)


def test_a_batch_larger_than_the_training_set_is_refused_when_the_data_are_there():
    with pytest.raises(ValueError, match="a batch of 1401 is more than the 1400 training examples: choose a smaller"):
        train(BASE.but(batch=1401, steps=1), 0)
