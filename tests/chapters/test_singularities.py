import numpy as np
import pytest
import torch

from whyresnets import data, sweeps
from whyresnets.chapters.singularities import CHAPTER, arms, effects, page
from whyresnets.chapters.singularities.arms import start
from whyresnets.claims.quantities import DEGENERATE, gauss_newton_zeros
from whyresnets.measures import curvature
from whyresnets.nets.architecture import SINGULARITIES
from whyresnets.nets.build import build, parameter_count
from whyresnets.training.runs import Runs
from whyresnets.training.start import begin
from whyresnets.training.train import train

LAPTOP = CHAPTER.specs()

# --- Arms ---------------------------------------------------------------------------------------


def test_arms_differ_in_nothing_but_what_they_are_about(differ):
    changed = {
        ("plain, overlap", "plain, nowhere near"): {"point"},
        ("plain, overlap", "residual, overlap"): {"rule"},
        ("residual, overlap", "common skip, overlap"): {"skip"},
        ("residual, elimination", "spared unit, elimination"): {"skip"},
        ("residual, mirror", "opposite skips, mirror"): {"skip"},
        ("plain, overlap", "plain, overlap, no error"): {"targets"},
        ("plain, nowhere near", "plain, ReLU"): {"activation"},
        ("plain, ReLU", "residual, ReLU"): {"rule"},
        (start("plain", "overlap", 1e-2), start("plain", "overlap", 1e-4)): {"distance"},
        (start("plain", "overlap", 1e-2), start("residual", "overlap", 1e-2)): {"rule"},
        (start("residual", "overlap", 1e-2), start("common skip", "overlap", 1e-2)): {"skip"},
        (start("plain", "overlap", 1e-2), start(arms.INCOMING, "overlap", 1e-2)): {"whole"},
        ("plain", "residual"): {"rule"},
        ("residual", "hyper-residual"): {"rule"},
        ("residual", arms.FASTER): set(),
        ("plain", "plain, near-identity"): {"weights"},
    }
    for pair, fields in changed.items():
        assert differ(LAPTOP, *pair) == fields, pair


def test_the_steps_that_are_read_are_the_epochs_that_the_text_names():
    epoch = 1400 / LAPTOP["plain"].task.batch
    assert arms.READ_AT[arms.EARLY] // epoch == 1 and arms.READ_AT[arms.LATE] // epoch == 36


def test_there_are_more_examples_than_the_rank_of_a_spectrum_needs():
    """350 examples with ten classes are 3,150 directions, more than the weights; with fewer, zeros would be certain."""
    assert parameter_count(build(LAPTOP["plain"].net, (1, 4, 4))) == 1270 < 9 * curvature.EXAMPLES
    assert parameter_count(build(LAPTOP["plain, overlap"].net, (1, 1, 4), 3)) == 55 < 3 * data.GAUSSIAN_POINTS


# --- Readings -----------------------------------------------------------------------------------


def left(*distances) -> Runs:
    fine = {"train_loss": np.zeros(1), "curve": np.zeros((1, len(distances)))}
    return Runs(LAPTOP[start("plain", "overlap", 1e-2)], (0,), {"distance": np.array([distances]), **fine})


def test_the_way_out_is_counted_to_the_first_step_beyond():
    assert effects.escape_steps(left(0.01, 0.05, 0.11, 0.05)) == 3
    assert effects.escape_steps(left(0.2, 0.3)) == 1  # already out
    assert effects.escape_steps(left(0.01, 0.02, 0.03)) == 3  # never: all its steps
    ten, hundred = left(*[0.0] * 9, 1.0), left(*[0.0] * 99, 1.0)
    lost = Runs(ten.spec, (0,), {**ten.arrays, "train_loss": np.full(1, np.nan)})
    assert np.isnan(effects.escape_steps(lost))
    assert effects.slowing(ten, hundred) == pytest.approx([1]) and effects.slowing(ten, ten) == pytest.approx([0])


def test_a_share_is_read_at_its_step_and_threshold():
    values = 1.0 * np.arange(4 * len(curvature.THRESHOLDS)).reshape(1, 4, -1)
    fine = {"train_loss": np.zeros(1), "curve": np.zeros((1, 1))}
    runs = Runs(LAPTOP["plain"], (0,), {"hessian_degenerate": values, "gauss_newton_degenerate": values, **fine})
    lost = Runs(LAPTOP["plain"], (0,), {**runs.arrays, "train_loss": np.full(1, np.nan)})
    assert np.isnan(effects.early_hessian(lost)) and np.isnan(effects.late_gauss_newton(lost))
    where = int(np.argmin(np.abs(np.log10(curvature.THRESHOLDS) - np.log10(DEGENERATE))))
    assert effects.early_hessian(runs) == values[0, 1, where]
    assert effects.late_gauss_newton(runs) == values[0, -1, where]
    assert curvature.THRESHOLDS[where] == pytest.approx(DEGENERATE)


def test_no_eigenvalue_lies_near_the_limit_of_what_counts_as_zero():
    """In every recorded seed as many lie below 1e-13 of the largest as below 1e-8; the limit is 1e-12."""
    low, high = (np.argmin(np.abs(np.log10(curvature.THRESHOLDS) - power)) for power in (-13, -8))
    for first_seed in (0, 1000):
        recorded = CHAPTER.recorded(first_seed=first_seed)
        for arm in (arm.name for arm in (*arms.COUNTS, *arms.CRITICAL)):
            for reading in ("hessian_degenerate", "gauss_newton_degenerate"):
                shares = recorded[arm][reading][:, 0]
                assert (shares[:, low] == shares[:, high]).all(), (arm, reading)


def test_silent_units_are_counted_one_by_one():
    spec = LAPTOP["residual"].but(steps=0, spectra=())
    begun = begin(spec, 0, data.load(spec.task.data))
    h, silent = begun.train_set[0].flatten(1), 0
    for i in range(10):
        branch = (h @ begun.params[f"{i}.weight"].T + begun.params[f"{i}.bias"]).relu()
        silent += sum(bool((branch[:, unit] == 0).all()) for unit in range(10))
        h = branch + h if i else branch
    assert page._silent(begun) == silent
    begun.params["3.bias"] -= 1e9
    assert page._silent(begun) >= 10


def test_every_point_is_flat_for_the_plain_net_and_windy_with_a_skip():
    middle = len(page.GRID) // 2
    for point in SINGULARITIES:
        for seed in (0, 1):
            loss, downhill = page.plane(point, "plain", seed)
            assert loss.shape == (25, 25) and np.abs(downhill[middle, middle]).max() < 1e-12
            assert np.abs(page.plane(point, "residual", seed)[1][middle, middle]).max() > 1e-2
            assert np.abs(page.plane(point, arms.CONTROL_AT[point], seed)[1][middle, middle]).max() < 1e-12


def test_the_plane_is_that_of_the_run():
    """The loss in its middle is what the arm reads at step 0 from distance 0."""
    spec = arms.TWO.but(point="overlap", whole=True, steps=0, rule="residual")
    loss, _ = page.plane("overlap", "residual", 3)
    assert loss[12, 12] == pytest.approx(train(spec, 3)["train_loss"], rel=1e-12)


@pytest.mark.slow
def test_the_larger_net_is_read_by_a_library_that_agrees_with_the_dense_matrix():
    """On our own nets, in which the dense matrix is at hand."""
    spec = LAPTOP["residual"].cut(2).but(spectra=())
    begun = begin(spec, 0, data.load(spec.task.data))
    exact = {name: p.double() for name, p in begun.params.items()}
    x, y = begun.train_set[0][:100].double(), begun.train_set[1][:100]
    for matrix in ("hessian", "gauss_newton"):
        dense = curvature.eigenvalues(getattr(curvature, matrix)(begun.net, exact, x, y))
        dense = dense[dense.abs().argsort(descending=True)][:20]
        found = curvature.largest(begun.net, exact, x, y, matrix, 20)
        assert torch.allclose(found, dense, rtol=0, atol=1e-8 * float(dense[0].abs()))


# --- What would make a verdict turn -------------------------------------------------------------


@pytest.mark.slow
def test_without_the_skip_in_the_model_its_claims_do_not_hold(judge_with_a_line_changed):
    """OP-1 has no assay: that zeros are not removed could not have been seen."""
    arguments = "OP-1", "OP-2", "--seeds", "5"
    status, verdicts = judge_with_a_line_changed(
        "                return h\n", "                return 0 * h\n", *arguments, module="nets/skip"
    )
    assert status == 1 and [row["verdict"] for row in verdicts] == ["undecided", "refuted"]


@pytest.mark.slow
def test_with_the_error_left_out_of_the_hessian_it_would_be_singular(judge_with_a_line_changed):
    """The Gauss-Newton matrix in the Hessian's place."""
    line, instead = "eigenvalues(matrix(net, params, x, y))", "eigenvalues(gauss_newton(net, params, x, y))"
    status, verdicts = judge_with_a_line_changed(line, instead, "OP-1h", "--seeds", "5", module="measures/curvature")
    assert status == 1 and verdicts[0]["verdict"] == "supported"


# --- Self-checks --------------------------------------------------------------------------------


def test_the_count_has_one_right_answer():
    assert page.check_count(None) == "Not answered yet."
    assert page.check_count(3).startswith("Right")
    assert all(page.check_count(wrong).startswith("Not yet") for wrong in (4, 5))
    spec = LAPTOP["plain, overlap"].but(depth=2)
    runs = sweeps.run({"mine": (spec, range(3))}, jobs=1, workers=sweeps.WITHOUT_CACHE)["mine"]
    assert (gauss_newton_zeros(runs) == 3).all()
    dead = sweeps.run({"mine": (spec.but(point="elimination"), range(3))}, jobs=1, workers=sweeps.WITHOUT_CACHE)["mine"]
    assert (gauss_newton_zeros(dead) == 4).all()  # as the solution says


def test_the_way_out_is_checked_against_a_straight_line():
    assert page.check_way(None) == "Not answered yet."
    arm = start("plain", "overlap", arms.NEAR)
    right = sweeps.run({"mine": (LAPTOP[arm].but(distance=1e-5), range(5))}, jobs=1, workers=sweeps.WITHOUT_CACHE)[
        "mine"
    ]
    assert page.check_way(right).startswith("Right")
    assert page.check_way(CHAPTER.recorded()[arm]).startswith("Not yet")
    slow = Runs(right.spec, right.seeds, {**right.arrays, "distance": np.zeros((5, 600))})
    assert "far from" in page.check_way(slow)


def test_the_design_has_one_right_answer():
    assert page.check_design("different").startswith("Right")
    assert all(page.check_design(answer).startswith("Not") for answer in ("equal", "both", None))
