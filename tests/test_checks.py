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


NUMPY = {
    "depth": np.int64(20),
    "widths": np.array([8, 16, 32]),
    "alpha": np.float32(0.5),
    "zero_init_residual": np.bool_(False),
    "norm": np.str_("batch"),
    "batch": np.int16(64),
    "steps": np.uint8(100),
    "rate": np.float64(0.1),
    "momentum_start": np.int64(1),
    "watch": range(0, 101, 50),
    "spectra": np.array([], dtype=int),
}


def test_whole_numbers_of_numpy_are_whole_and_kept_as_python_has_them():
    spec = BASE.but(**NUMPY)
    plain = {name: value.tolist() if hasattr(value, "tolist") else list(value) for name, value in NUMPY.items()}
    assert spec == BASE.but(**plain) and repr(spec) == repr(BASE.but(**plain))
    kept = [each for value in spec.flat().values() for each in (value if isinstance(value, tuple) else (value,))]
    assert {type(value) for value in kept} <= {int, float, str, bool}


@pytest.mark.parametrize("depth", [20.0, np.float64(20), "20", True, np.bool_(True), np.array(20), np.array([20])])
def test_what_is_not_whole_is_called_so(depth):
    with pytest.raises(ValueError, match=r"depth .* is impossible: choose a whole number"):
        BASE.but(depth=depth)


@pytest.mark.parametrize("value", [np.zeros((50, 50)), ["a\nb"] * 100, 10**400], ids=["array", "list", "number"])
def test_a_refused_value_is_shown_on_one_line_and_cut(value):
    for refuse in (checks.number, checks.whole, checks.yes_or_no, checks.seeds):
        if refuse is checks.whole and isinstance(value, int):
            continue
        with pytest.raises(ValueError, match="choose") as caught:
            refuse("rate", value)
        assert len(str(caught.value)) < 200 and "\n" not in str(caught.value)
