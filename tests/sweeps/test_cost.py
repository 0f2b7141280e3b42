import ctypes
import json
import sys

import pytest

from whyresnets import data, sweeps
from whyresnets.chapters import CHAPTERS
from whyresnets.nets.architecture import Conv, Dense
from whyresnets.nets.build import build
from whyresnets.spec import SGD, Spec, Task
from whyresnets.sweeps import cost, local
from whyresnets.sweeps.cost import core_seconds, layer_work

BLOCKS = Spec(Dense(66, "residual", 64), Task("mnist1d", batch=100), SGD(steps=300))
LINE = Spec(Conv(20, "residual", (16, 32, 64)), Task("mnist1d", batch=64), SGD(steps=200))
IMAGES = Spec(Conv(20, "residual", (16, 32, 64)), Task("cifar10", batch=128), SGD(steps=300))
SPECS = (BLOCKS, LINE, IMAGES, IMAGES.but(augment=True), IMAGES.but(augment=True, precision="bfloat16"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.net.family}, {spec.task.data}")
def test_a_run_of_a_workload_takes_what_bench_measured(spec):
    """Its steps, and the readings at its end as so many steps of 64 examples."""
    rows = json.loads(cost.MEASURED.read_text())["workloads"]
    precise = {"augment": spec.task.augment, "precision": spec.optimiser.precision, "data": spec.task.data}
    (row,) = [row for row in rows if all(row["spec"][name] == word for name, word in precise.items())
              and row["spec"]["family"] == spec.net.family]  # fmt: skip
    steps = spec.optimiser.steps + 20 * 64 / spec.task.batch
    assert core_seconds(spec) == pytest.approx(steps * row["core_seconds_a_step"])


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_a_live_plan_takes_about_what_its_record_took(chapter):
    """On another machine and by other code: within a factor of five."""
    runs = chapter.recorded()
    plan = {spec: (len(seeds), runs[arm]) for arm, (spec, seeds) in chapter.live().items() if arm in runs}
    took = sum(count * float(ran["seconds"].mean()) for count, ran in plan.values())
    assert 0.2 < sum(count * core_seconds(spec) for spec, (count, _) in plan.items()) / took < 5


def test_what_a_layer_takes_without_work_is_where_the_line_begins():
    """Three seconds a layer, and one for each multiplication; of convolutions twice that. Half precision apart."""
    specs = [BLOCKS.but(width=width) for width in (8, 16, 32)] + [LINE, IMAGES]
    timed = [(s, s.net.depth * (3 + layer_work(s)) * (2 if s.net.family == "conv" else 1)) for s in specs]
    found = cost.fixed_seconds([*timed, (SPECS[-1], 1e9)])
    assert found == {"dense": pytest.approx(3, rel=1e-3), "conv": pytest.approx(6, rel=1e-3)}
    assert cost.fixed_seconds(timed[:1]) == {"dense": 0, "conv": 0}


def test_more_of_anything_takes_longer():
    for spec in (BLOCKS, LINE, IMAGES):
        more = {"depth": 128, "steps": 600, "batch": 256, "signals": True, "watch": (0, 1)}
        for name, value in more.items():
            assert core_seconds(spec.but(**{name: value})) > core_seconds(spec)
    assert core_seconds(BLOCKS.but(width=128)) > core_seconds(BLOCKS)
    assert core_seconds(BLOCKS.but(spectra=(0,), width=8)) > core_seconds(BLOCKS.but(width=8))


def test_the_work_of_a_layer_is_that_of_its_matrices():
    """Of a net of 20 layers: all but the first and the last, which are small, as (n, width, width, kernel) says."""
    assert layer_work(BLOCKS) == 100 * 64 * 64
    places = sum(6 * 9 * w * w * side**2 for w, side in ((16, 32), (32, 16), (64, 8)))
    assert layer_work(IMAGES) == pytest.approx(128 * places / 18)
    places = sum(6 * 3 * w * w * length for w, length in ((16, 40), (32, 20), (64, 10)))
    assert layer_work(LINE) == pytest.approx(64 * places / 18)


@pytest.mark.parametrize("name", data.DATASETS)
def test_an_input_has_as_many_pixels_as_are_said(name):
    try:
        shape = data.load(name).x_train.shape
    except data.DataMissing as missing:
        pytest.skip(str(missing))
    assert shape[2:].numel() == data.DATASETS[name].pixels and build(Conv(8), shape[1:])


def test_memory_of_a_net_grows_with_what_it_keeps():
    assert cost.megabytes(LINE.but(batch=128)) == 2 * cost.megabytes(LINE)
    assert cost.megabytes(BLOCKS.but(precision="float64")) == 2 * cost.megabytes(BLOCKS)
    assert 5 < cost.megabytes(LINE) < 40 and 5 < cost.megabytes(BLOCKS) < 40


def test_freed_memory_is_held_where_the_library_of_c_can(monkeypatch):
    asked = []

    class Library:
        def mallopt(self, parameter: int, most: int) -> None:
            asked.append((parameter, most))

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    monkeypatch.setattr(sys, "platform", "darwin")
    local.hold_memory()
    assert not asked
    monkeypatch.setattr(sys, "platform", "linux")
    local.hold_memory()
    assert dict(asked).keys() == {-1, -3}
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())  # a C library without it
    local.hold_memory()
    assert len(asked) == 2 and sweeps.LIVE == 140
