"""On a GPU: the same bits twice, a killed run ends as one never killed, and the CPU says the same."""

import numpy as np
import pytest
import torch

from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec, Task
from whyresnets.training.train import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")

SPEC = Spec(
    Conv(8, "residual", (8, 8, 8)),
    Task(batch=32, augment=True),
    SGD(0.05, 250),
    Readings(signals=True, watch=(0, 30, 250)),
)
HALF_BITS = SPEC.but(precision="bfloat16", signals=False)


def same(one, other) -> bool:
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in set(one) - {"seconds"})


@pytest.mark.parametrize("spec", [SPEC, HALF_BITS], ids=["float32", "bfloat16"])
def test_a_run_comes_out_again(spec):
    assert same(train(spec, 0, "cuda"), train(spec, 0, "cuda"))


@pytest.mark.parametrize("spec", [SPEC, HALF_BITS], ids=["float32", "bfloat16"])
def test_a_killed_run_ends_as_one_never_killed(spec):
    class Killed(Exception):
        pass

    class Memory:
        kept, deaths = None, 0

        def load(self):
            return self.kept

        def due(self):
            return self.deaths < 2

        def save(self, state):
            Memory.kept, Memory.deaths = state, self.deaths + 1
            raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            train(spec, 0, "cuda", Memory())
    assert 0 < int(Memory.kept["done"]) < spec.optimiser.steps
    assert same(train(spec, 0, "cuda", Memory()), train(spec, 0, "cuda"))


def test_a_gpu_and_a_processor_begin_alike():
    """Until chaos tells them apart."""
    here, there = train(SPEC.but(steps=10, watch=(0,)), 0), train(SPEC.but(steps=10, watch=(0,)), 0, "cuda")
    assert there["curve"] == pytest.approx(here["curve"], rel=1e-3)
    assert there["watched_response_std"] == pytest.approx(here["watched_response_std"], rel=1e-3)


def test_a_run_that_diverges_ends_where_it_does_on_a_processor():
    spec = SPEC.but(rate=1e30, norm="none", warmup=0.0, watch=(0, 30))
    here, there = train(spec, 0), train(spec, 0, "cuda")
    assert np.isfinite(there["curve"]).sum() == np.isfinite(here["curve"]).sum() < 20


def test_the_generators_of_the_gpu_are_untouched():
    before = torch.cuda.get_rng_state()
    train(SPEC, 0, "cuda")
    assert torch.equal(before, torch.cuda.get_rng_state())
