"""A Spec: what it refuses, what it finds under earlier names, and that what it accepts can be trained."""

import re
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whyresnets.nets.architecture import FAMILIES, SKIPS, Conv, Dense, after_orhan
from whyresnets.spec import SGD, Readings, Spec, Task, from_flat
from whyresnets.training.train import train

CONV = Spec(Conv(8, widths=(2, 3, 4)), Task(batch=16), SGD(steps=3))
SKIP = Spec(after_orhan(3, "residual", 5), Task("digits-4x4", batch=16), SGD(steps=6), Readings(spectra=(0, 6)))
STUDENT = Spec(
    after_orhan(3, "residual", 5, activation="tanh"),
    Task("gaussian-2", "teacher", 16, point="overlap", distance=0.1),
    SGD(steps=6, precision="float64"),
)

# Of each field some values that it may have and some that it may not, alone or together with others.
VALUES = {
    "depth": [2, 3, 8, 10, 14, 7.5],
    "rule": ["plain", "residual", "half", "shuffled", "rescaled", "hyper", "inside", "dense"],
    "widths": [(2, 3, 4), (4, 4, 4), (4, 4)],
    "width": [1, 5, 0],
    "norm": ["batch", "frozen", "sum", "none", "layer"],
    "head_norm": ["", "batch", "none"],
    "head_activation": ["", "linear", "relu"],
    "alpha": [None, 0.0, 1.0, "big"],
    "gain": [1.0, 0.5, float("nan")],
    "eps": [1e-5, 0.0],
    "padding": ["zeros", "circular", "reflect"],
    "order": ["post", "pre"],
    "zero_init_residual": [False, True],
    "activation": ["relu", "abs", "linear", "sigmoid", "tanh"],
    "weights": ["he", "orthogonal", "glorot", "identity", "dirac"],
    "skip": [*SKIPS, "permuted", "none"],
    "skip_condition": [1.0, 30.0, 0.5],
    "skip_small": [0, 1, 99],
    "distinct": [1, 2, 9],
    "cancelled": ["", "own", "next"],
    "forward_gain": [None, 0.5, 1.0, 0.0],
    "data": ["digits", "digits-4x4", "gaussian-2", "gaussian-4", "mnist"],
    "targets": ["labels", "teacher", "own"],
    "batch": [16, 64, 1],
    "augment": [False, True, 1],
    "draw": [0, 1, -1],
    "point": ["", "elimination", "overlap", "mirror", "south"],
    "distance": [0.0, 0.1, -1.0],
    "whole": [False, True],
    "grown_from": [0, 3, 4, 2],
    "noise": [0.0, 0.5, -1.0],
    "first_gain": [1.0, 10.0, 0.0],
    "rate": [0.1, 1e-3, 0.0],
    "steps": [1, 0, -1],
    "warmup": [0.0, 0.5, 1.0],
    "schedule": ["cosine", "constant", "step", "steps"],
    "momentum": [0.9, 0.0, 1.0],
    "weight_decay": [0.0, 1e-4, -1.0],
    "growth": [1.0, 1.1, 0.0],
    "momentum_start": [0.0, -0.2],
    "untrained": [(), ("affine",), ("head", "affine"), ("branches",), ("body",)],
    "precision": ["float32", "float64", "bfloat16", "float16"],
    "project": ["", "units", "transitions", "ordinary", "all"],
    "spread": [1.0, 10.0, 0.5],
    "bias_pull": [0.0, 0.5, -0.1],
    "bias_mean": [0.0, 0.3],
    "bias_spread": [0.0, 0.2],
    "signals": [False, True],
    "watch": [(), (0,), (0, 1), (1, 0)],
    "directions": [(), (0,), (0, 1), (1, 0)],
    "follow": [(), (0,), (0, 1), (1, 0)],
    "spectra": [(), (0,), (5,)],
    "extend_to": [(), (14,), (8,)],
}
USUAL = {"conv": CONV, "dense": Spec(Dense(5, width=4), Task(batch=16), SGD(steps=1)), "skip": SKIP.but(spectra=())}


@st.composite
def changed(draw):
    """One of the usual Specs, and up to five fields of it with other values."""
    base = USUAL[draw(st.sampled_from(sorted(USUAL)))].but(steps=1)
    names = draw(st.lists(st.sampled_from(sorted(set(base.flat()) & set(VALUES))), max_size=5, unique=True))
    return base, {name: draw(st.sampled_from(VALUES[name])) for name in names}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(changed())
def test_what_a_spec_accepts_trains_a_step_and_what_it_refuses_says_why_in_a_line(drawn):
    base, changes = drawn
    try:
        spec = base.but(**changes)
    except ValueError as refusal:
        assert re.search(r"choose|leave|needs", str(refusal)) and "\n" not in str(refusal)
        return
    assert from_flat(spec.flat()) == spec
    read = train(spec, 0)
    assert read["curve"].shape == (spec.optimiser.steps,) and np.isfinite(read["curve"][:1]).all()


def test_every_field_of_every_part_is_drawn_above():
    kinds = (*FAMILIES.values(), Task, SGD, Readings)
    assert {f.name for kind in kinds for f in fields(kind)} == set(VALUES)


def test_no_two_parts_have_a_field_of_one_name():
    for family in FAMILIES.values():
        names = [f.name for kind in (family, Task, SGD, Readings) for f in fields(kind)]
        assert len(names) == len(set(names))
        assert max(len(fields(kind)) for kind in (family, Task, SGD, Readings)) <= 18


def test_every_field_changes_what_is_asked():
    where = {"conv": CONV, "dense": USUAL["dense"].but(norm="none"), "skip": SKIP.but(skip="copies", norm="none")}
    for family, base in where.items():
        for name, value in base.flat().items():
            others = [other for other in VALUES.get(name, []) if other != value]
            different = [spec for other in others if (spec := _made(base, name, other))]
            assert all(spec.question != base.question for spec in different), (family, name)


def _made(base: Spec, name: str, value) -> Spec | None:
    try:
        return base.but(**{name: value})
    except ValueError:
        return None


@pytest.mark.parametrize(
    "change",
    [
        {"steps": -1}, {"batch": 1}, {"rate": 0.0}, {"rate": True}, {"warmup": 1.0}, {"schedule": "steps"},
        {"data": "mnist"}, {"watch": (101,)}, {"watch": (-1,)}, {"watch": (3, 0)}, {"watch": (0, 0)}, {"spread": 0.5},
        {"spread": 2.0}, {"project": "transitions"}, {"project": "all"}, {"growth": 0.0}, {"growth": float("nan")},
        {"order": "pre", "depth": 10, "extend_to": (16,)}, {"momentum_start": float("inf")}, {"untrained": ("body",)},
        {"untrained": 3}, {"alpha": "big"}, {"eps": 0.0}, {"norm": "sum"}, {"head_norm": "batch"}, {"skip": "common"},
        {"extend_to": (56, 2)}, {"targets": "teacher"}, {"point": "overlap"}, {"bias_pull": 0.1}, {"spectra": (0,)},
        {"net": Dense(5), "augment": True}, {"net": Dense(5), "precision": "bfloat16"},
        {"net": Dense(5), "targets": "teacher"},
    ],
)  # fmt: skip
def test_an_impossible_spec_is_refused(change):
    with pytest.raises(ValueError, match=r"choose|leave|needs"):
        CONV.but(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"targets": "parents"}, {"targets": "teacher"}, {"data": "gaussian-2"}, {"point": "south"},
        {"point": "mirror"}, {"point": "overlap", "distance": -1.0}, {"distance": 0.1}, {"whole": True},
        {"spectra": (7,)}, {"spectra": (3, 2)}, {"norm": "sum"}, {"norm": "batch", "bias_pull": 0.1},
        {"bias_pull": -0.1}, {"bias_mean": 0.1}, {"bias_pull": 0.1, "bias_spread": -1.0}, {"draw": -1}, {"draw": True},
        {"cancelled": "no"}, {"point": "overlap", "cancelled": "own"}, {"point": "overlap", "norm": "batch"},
        {"head_norm": "batch"}, {"alpha": 1.0}, {"signals": True}, {"augment": True}, {"precision": "bfloat16"},
        {"extend_to": (8,)}, {"width": 1, "point": "overlap"}, {"project": "units"},
    ],
)  # fmt: skip
def test_an_impossible_spec_of_a_skip_net_is_refused(change):
    with pytest.raises(ValueError, match=r"choose|leave|needs"):
        SKIP.but(**change)
    with pytest.raises(ValueError, match="float64"):
        STUDENT.but(targets="own", precision="float32")


def test_a_spec_is_found_under_its_earlier_names_and_without_what_came_later():
    """The first edition's JSON: every field of every family, the old words, lists for tuples."""
    old = CONV.but(rule="shuffled").flat() | {
        "rule": "stranger",
        "widths": [2, 3, 4],
        "skip": "identity",
        "distinct": 1,
    }
    old["silent"] = old.pop("zero_init_residual")
    assert from_flat(old) == CONV.but(rule="shuffled")
    del old["family"], old["padding"], old["augment"]  # the first records did not know them
    assert from_flat(old) == CONV.but(rule="shuffled")
    dense = USUAL["dense"].flat()
    dense["widths"] = [dense.pop("width")]
    assert from_flat(dense) == USUAL["dense"]
    with pytest.raises(ValueError, match="has no cancelled"):
        from_flat(CONV.flat() | {"cancelled": "own"})
    with pytest.raises(ValueError, match="has no colour"):
        from_flat(CONV.flat() | {"colour": "red"})


def test_a_spec_is_cut_where_it_is_read():
    spec = SKIP.but(steps=100, spectra=(0, 10, 30, 100))
    assert spec.cut(25).readings.spectra == (0, 10, 25) and spec.cut(25).optimiser.steps == 25
    assert spec.cut(1000) == spec and replace(spec) == spec
