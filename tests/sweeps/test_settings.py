"""What a reader sets in torch changes no number, and is as it was afterwards."""

import contextlib

import numpy as np
import pytest
import torch

from whyresnets import data, sweeps
from whyresnets.chapters.singularities import page
from whyresnets.nets.architecture import Conv, Dense
from whyresnets.spec import SGD, Spec, Task
from whyresnets.store import cache as kept_runs
from whyresnets.sweeps.settings import fresh_torch
from whyresnets.training.train import train

SETS = {
    "64 bits": lambda: torch.set_default_dtype(torch.float64),
    "16 bits": lambda: torch.set_default_dtype(torch.float16),
    "another device": lambda: torch.set_default_device("meta"),
    "threads": lambda: torch.set_num_threads(2),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "deterministic, warn": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "no gradients": lambda: torch.set_grad_enabled(False),
    "fewer bits": lambda: torch.set_float32_matmul_precision("medium"),
    "smallest numbers": lambda: torch.set_flush_denormal(True),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "another library": lambda: setattr(torch.backends.mkldnn, "enabled", False),
    "mixed precision": lambda: torch.set_autocast_enabled("cpu", True),
}
WITHIN = {
    "inference": torch.inference_mode,
    "no gradients, within": torch.no_grad,
    "mixed precision, within": lambda: torch.autocast("cpu", torch.bfloat16),
    "another device, within": lambda: torch.device("meta"),
    "fewer bits, newer way": lambda: newer_way(),
}
SPECS = (
    Spec(Dense(4, "residual", 64), Task(batch=64), SGD(steps=3)),
    Spec(Conv(8, "residual", (2, 3, 4)), Task(batch=16, augment=True), SGD(steps=3)),
)


@contextlib.contextmanager
def newer_way():
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    torch.backends.mkldnn.conv.fp32_precision = "bf16"
    yield
    torch.backends.mkldnn.matmul.fp32_precision = "none"
    torch.backends.mkldnn.conv.fp32_precision = "none"


def settings() -> tuple:
    """All that is set, as torch says it."""
    with contextlib.suppress(RuntimeError):
        older = torch.get_float32_matmul_precision()
    mkldnn = torch.backends.mkldnn
    return (
        torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads(), torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(), torch.get_deterministic_debug_mode(), torch.is_autocast_enabled("cpu"),
        torch.is_anomaly_enabled(), mkldnn.enabled, mkldnn.matmul.fp32_precision, mkldnn.conv.fp32_precision,
        locals().get("older"), np.float64(2.0**-1022) * 0.5 == 0,
    )  # fmt: skip


@pytest.fixture
def put_back():
    """Everything as in a fresh process after the test, and the data read anew."""
    data.load.cache_clear()
    threads = torch.get_num_threads()
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.set_grad_enabled(True)
    torch.set_float32_matmul_precision("highest")
    torch.set_flush_denormal(False)
    torch.autograd.set_detect_anomaly(False)
    torch.backends.mkldnn.enabled = True
    torch.set_autocast_enabled("cpu", False)
    data.load.cache_clear()


@pytest.fixture(scope="module")
def expected() -> dict:
    """The readings of both Specs where nothing was set."""
    return {spec: train(spec, 0) for spec in SPECS}


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("name", [*SETS, *WITHIN])
def test_a_run_in_this_process_has_the_same_bits_whatever_is_set_and_leaves_it_so(name, expected):
    with WITHIN.get(name, contextlib.nullcontext)():
        SETS.get(name, lambda: None)()
        before = settings()
        for spec in SPECS:
            (runs,) = sweeps.run({"arm": (spec, range(1))}, jobs=1, workers=sweeps.WITHOUT_CACHE).values()
            for reading in set(runs.arrays) - {"seconds"}:
                assert runs[reading].dtype == expected[spec][reading].dtype
                assert np.array_equal(runs[reading][0], expected[spec][reading], equal_nan=True), reading
        assert settings() == before


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("name", SETS)
def test_each_setting_is_a_fresh_one_within(name):
    fresh = settings()
    SETS[name]()
    assert settings() != fresh
    with fresh_torch():
        assert settings() == fresh


@pytest.mark.usefixtures("put_back")
def test_what_goes_wrong_leaves_the_settings_too(cache, monkeypatch):
    """Also while the error is still held, as a notebook holds the last one."""

    def full(*_):
        raise OSError("the disk is full")

    torch.set_default_dtype(torch.float64)
    before = settings()
    monkeypatch.setattr(kept_runs, "save", full)
    with pytest.raises(OSError, match="the disk is full") as held:
        sweeps.run({"arm": (SPECS[0], range(1))}, jobs=1)
    assert settings() == before and held


@pytest.mark.usefixtures("put_back")
def test_what_a_page_computes_has_the_same_bits_whatever_is_set():
    loss, downhill = page.plane("overlap", "plain")
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    with torch.inference_mode():
        again = page.plane("overlap", "plain")
    assert np.array_equal(loss, again[0]) and np.array_equal(downhill, again[1])
