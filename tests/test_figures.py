import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from whyresnets import claims, figures
from whyresnets.chapters import elimination as elim
from whyresnets.chapters import identity_bias as bias
from whyresnets.chapters import norm_preservation as norms
from whyresnets.chapters import singularities as sing
from whyresnets.chapters.degradation import CHAPTER, SIGNALS
from whyresnets.training import Runs


@pytest.fixture(scope="module")
def recorded():
    return CHAPTER.recorded()


@pytest.fixture(scope="module")
def live(recorded):
    return {arm: runs.first(5) for arm, runs in recorded.items()}


def test_curves_show_every_seed_the_mean_and_the_band(live, recorded):
    figure = figures.loss_curves({"Plain": {"20 layers": "plain-20"}}, live, recorded)
    (axis,) = figure.axes
    lengths = [len(line.get_xdata()) for line in axis.lines]
    assert lengths.count(100) == 6  # five seeds and their mean
    assert np.allclose(axis.lines[5].get_ydata(), live["plain-20"]["curve"].mean(0))
    assert len(axis.collections) == 1  # the band
    assert "20 layers\n5/5 finite" in [text.get_text() for text in axis.texts]


def test_panels_share_their_axes(live, recorded):
    panels = {"a": {"20": "plain-20"}, "b": {"20": "residual-20"}}
    left, right = figures.loss_curves(panels, live, recorded).axes
    assert left.get_ylim() == right.get_ylim()


def test_an_arm_that_did_not_run_live_shows_its_record(recorded):
    (axis,) = figures.loss_curves({"a": {"20": "plain-20"}}, {}, recorded).axes
    assert "20\n20/20 finite" in [text.get_text() for text in axis.texts]


def test_labels_that_would_overlap_are_moved_apart(recorded):
    """Four lines, two of them at chance: every label keeps its distance and stays on the page."""
    arms = {f"{depth} at {rate}": f"silent-{depth} at {rate}" for depth in (20, 110) for rate in (0.01, 0.1)}
    (axis,) = figures.loss_curves({"a": arms}, {}, recorded).axes
    heights = sorted(text.get_position()[1] for text in axis.texts if "finite" in text.get_text())
    assert len(heights) == 4 and np.diff(heights).min() > 0.39 and heights[0] > 0 and heights[-1] < 2.2


def test_depth_and_final_losses_mark_this_run_with_rings(live, recorded):
    for figure in (
        figures.loss_by_depth((8, 20, 56, 110), live, recorded),
        figures.final_losses({"100 steps": {"plain": "plain-56", "residual": "residual-56"}}, live, recorded),
    ):
        rings = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
        assert rings and all(len(ring.get_ydata()) == 5 for ring in rings)


def test_signals_on_the_way_show_each_reading_at_its_step():
    spec = CHAPTER.larger["workstation"]["plain-20"]
    draws = np.random.default_rng(0)
    runs = {}
    for arm in ("plain-20", "residual-20"):
        shapes = {"watched_response_std": (2, 3, 19), "watched_gradient_norm": (2, 3, 10)}
        runs[arm] = Runs(spec, (0, 1), {name: draws.uniform(1, 2, shape) for name, shape in shapes.items()})
    axes = figures.signals_on_the_way({"plain, 20": "plain-20", "residual, 20": "residual-20"}, runs).axes
    titles = [axis.get_title(loc="left") for axis in axes[:3]]
    assert titles == ["before training", "after 40 steps", "after 400 steps"]
    for k in range(3):
        responses = runs["plain-20"]["watched_response_std"][:, k]
        norms = runs["residual-20"]["watched_gradient_norm"][:, k]
        above, below = ([line.get_ydata() for line in axis.lines] for axis in (axes[k], axes[3 + k]))
        assert np.allclose(above[:2], responses) and np.allclose(above[2], np.exp(np.log(responses).mean(0)))
        assert np.allclose(below[3:5], norms / norms[:, -1:])


def test_signals_show_every_seed(live):
    figure = figures.signals(
        {"BN, zero padding": {"plain": "plain, BN, zero padding"}, "x": {"plain": next(iter(SIGNALS))}}, live
    )
    assert len(figure.axes[0].lines) == 6 and figure.axes[0].get_yscale() == "log"


def test_the_ground_is_opaque_and_the_ink_dark(live, recorded):
    figure = figures.loss_curves({"a": {"20": "plain-20"}}, live, recorded)
    assert figure.get_facecolor()[3] == 1.0 and min(figure.get_facecolor()[:3]) > 0.9
    assert max(to_rgb(figures.INK)) < 0.4


# --- Ratios of gradient norms -------------------------------------------------------------------


@pytest.fixture(scope="module")
def norms_recorded():
    return norms.CHAPTER.recorded()


@pytest.fixture(scope="module")
def norms_live(norms_recorded):
    return {arm: runs.first(5) for arm, runs in norms_recorded.items()}


def test_block_ratios_show_every_seed_the_mean_the_band_and_the_transitions(norms_live, norms_recorded):
    panels = {"a": {"22": "residual-22"}, "b": {"128": "residual, 128 blocks"}}
    law = norms.law(norms_recorded)
    left, right = figures.block_ratios(panels, norms_live, norms_recorded, claims.gradient_ratios, law).axes
    assert [line for line in left.lines if line.get_linestyle() == "--" and len(line.get_ydata()) == len(law)]
    assert [len(axis.collections) for axis in (left, right)] == [1, 1]
    lines = [line.get_ydata() for line in left.lines]
    assert sum(len(line) == 11 for line in lines) == 6  # five seeds and their mean
    assert np.allclose(lines[5], claims.gradient_ratios(norms_live["residual-22"]).mean(0))
    squares = next(line for line in left.lines if line.get_marker() == "s")
    assert squares.get_xdata().tolist() == [4, 8]
    assert (left.get_xscale(), right.get_xscale()) == ("linear", "log") and left.get_ylim() == right.get_ylim()


def test_depths_of_one_rule_are_shades_and_other_arms_are_not(norms_live, norms_recorded):
    depths = {f"{L}": f"residual, {L} blocks" for L in norms.BLOCKS}
    kinds = {kind: f"{kind}, 8 blocks" for kind in ("plain", "residual", "fold")}
    panels = {"a": depths, "b": kinds}
    axes = figures.block_ratios(panels, norms_live, norms_recorded, claims.gradient_ratios).axes
    shades, colours = ([text.get_color() for text in axis.get_legend().get_texts()] for axis in axes)
    light = [sum(to_rgb(colour)) for colour in shades]
    assert light == sorted(light, reverse=True) and len({to_rgb(c) for c in colours}) == 3


def test_through_training_shows_each_reading_at_its_step(norms_live, norms_recorded):
    panels = {"a": {"22": "residual-22", "112": "residual-112"}}
    live = {arm: runs for arm, runs in norms_live.items() if arm != "residual-112"}
    (axis,) = figures.through_training(panels, live, norms_recorded, norms.distance_through).axes
    assert axis.lines[0].get_xdata().tolist() == list(norms.WATCH) and axis.get_yscale() == "log"
    assert {"22\n5/5 finite", "112\n20/20 finite"} <= {text.get_text() for text in axis.texts}
    assert len(axis.collections) == 1  # no band behind an arm that did not run live


def test_readings_by_blocks_have_reference_curves_through_the_first_point(norms_live, norms_recorded):
    kinds = {kind: {L: f"{kind}, {L} blocks" for L in (8, 128)} for kind in ("residual", "plain")}
    columns = {"mean": (norms.mean_distance, None), "end": (claims.gradient_distance, 4.0)}
    left, right = figures.by_blocks(columns, kinds, norms_live, norms_recorded).axes
    dashed = [line for line in left.lines if line.get_linestyle() == "--"]
    start = norms.mean_distance(norms_live["residual, 8 blocks"]).mean()
    assert len(dashed) == 2 and all(line.get_ydata()[0] == pytest.approx(start) for line in dashed)
    assert dashed[0].get_ydata()[1] / start == pytest.approx((8 / 128) ** 0.5)
    assert not [line for line in right.lines if line.get_linestyle() == "--"]
    assert (left.get_yscale(), right.get_yscale(), right.get_ylim()) == ("log", "linear", (0, 4))


def test_nets_have_a_row_each_with_their_seeds_and_a_colour_that_says_whether_they_train(norms_live, norms_recorded):
    rows = {"fold": "fold, kept-66", "rotate": "rotate, kept-66"}
    columns = {"loss": (claims.training_loss, ""), "cosine": (norms.last_cosine, ", untrained")}
    loss, cosine = figures.nets(columns, rows, norms_live, norms_recorded).axes
    strokes = [line for line in loss.lines if line.get_marker() == "|"]
    assert [len(line.get_xdata()) for line in strokes] == [20, 20]
    assert strokes[0].get_color() != strokes[1].get_color()
    rings = [line for line in cosine.lines if line.get_markerfacecolor() == "none"]
    assert [len(ring.get_xdata()) for ring in rings] == [5, 5]
    assert [label.get_text() for label in loss.get_yticklabels()] == list(rows)


# --- Laws of depth, and who trains --------------------------------------------------------------


@pytest.fixture(scope="module")
def bias_recorded():
    return bias.CHAPTER.recorded()


@pytest.fixture(scope="module")
def bias_live(bias_recorded):
    return {arm: runs.first(5) for arm, runs in bias_recorded.items()}


def test_profiles_begin_at_the_first_block_and_show_seeds_mean_band_and_law(bias_live, bias_recorded):
    columns = {
        "variance": (bias.variance, {"l + 1": lambda block: block + 1}),
        "factor": (bias.growth, {"2": lambda _: 2.0}),
    }
    arms = {"BN": "residual, BN, untrained", "circular": "convolutions, circular padding, untrained"}
    left, right = figures.profiles(columns, arms, bias_live, bias_recorded, linear=["factor"]).axes
    assert (left.get_yscale(), right.get_yscale(), right.get_xscale()) == ("log", "linear", "log")
    lines = [line for line in left.lines if len(line.get_xdata()) == 128]
    assert len(lines) == 7 and all(line.get_xdata()[0] == 1 for line in lines)  # five seeds, their mean, the law
    assert np.allclose(lines[5].get_ydata(), bias.variance(bias_live["residual, BN, untrained"])[:, 1:].mean(0))
    assert lines[6].get_linestyle() == "--" and lines[6].get_ydata()[-1] == 129
    assert sum(len(line.get_xdata()) == 14 for line in right.lines) == 6
    assert len(left.collections) == 2  # the bands


def test_losses_against_a_number_show_recorded_seeds_their_mean_and_rings(bias_live, bias_recorded):
    lines = {kind: {d: f"{kind}-{d}" for d in (4, 16, 64)} for kind in ("residual, BN", "BN, rescaled")}
    live = {"residual, BN-64": bias_live["residual, BN-64"]}
    panels = {"a": lines, "b": {"SkipInit": {1000: "SkipInit 0-1000"}}}
    left, right = figures.losses_against("blocks", panels, live, bias_recorded).axes
    assert left.get_ylim() == right.get_ylim() and left.get_yscale() == "log"
    means = [line for line in left.lines if line.get_linewidth() == 2]
    expected = [claims.training_loss(bias_recorded[arm]).mean() for arm in lines["BN, rescaled"].values()]
    assert means[1].get_ydata().tolist() == pytest.approx(expected)
    rings = [line for line in left.lines if line.get_markerfacecolor() == "none"]
    assert [len(ring.get_ydata()) for ring in rings] == [5]
    assert {"chance ", "trained "} <= {text.get_text() for text in left.texts}


def test_the_figure_of_an_equality_shows_curves_and_their_differences(bias_live):
    curves = {"decay": "decay", "exponential": "exponential"}
    pairs = {"exponential": ("decay", "exponential"), "head": ("decay, head trained", "exponential, head trained")}
    left, right = figures.equality(curves, pairs, bias_live, "apart").axes
    assert len(left.lines) == 2 * 6
    assert np.allclose(left.lines[11].get_ydata(), bias_live["exponential"]["curve"].mean(0))
    assert right.get_yscale() == "log" and len(right.lines) == 2 * 6
    assert right.lines[5].get_ydata().max() < 1e-10 < right.lines[11].get_ydata().max()


# --- Singular points and spectra ----------------------------------------------------------------


@pytest.fixture(scope="module")
def sing_recorded():
    return sing.CHAPTER.recorded()


@pytest.fixture(scope="module")
def sing_live(sing_recorded):
    return {arm: sing_recorded[arm].first(len(seeds)) for arm, (_, seeds) in sing.CHAPTER.live().items()}


def test_counts_stand_in_their_cells(sing_live):
    above, below = figures.counts(sing.COUNTED, sing.COLUMNS, sing_live).axes
    texts = [text.get_text() for text in above.texts]
    assert len(texts) == 20 and texts[:4] == ["0", "5", "4", "4"]
    assert [label.get_text() for label in above.get_yticklabels()] == list(sing.SKIPS)
    assert [text.get_text() for text in below.texts] == ["0"] * 5 + ["5", "4", "4"]
    arm = "plain, overlap"
    mixed = sing_live[arm].arrays | {"gauss_newton_zeros": np.arange(20.0)[:, None]}
    changed = sing_live | {arm: Runs(sing_live[arm].spec, sing_live[arm].seeds, mixed)}
    assert "0 to 19" in [t.get_text() for t in figures.counts(sing.COUNTED, sing.COLUMNS, changed).axes[0].texts]


def test_a_plane_shows_where_the_arrows_lead():
    def bowl(_point, net):
        x, y = np.meshgrid(grid, grid, indexing="ij")
        shift = 0.0 if net == "still" else 3.0
        return 1 + (x - shift) ** 2 + y**2, np.stack([2 * (shift - x), -2 * y], axis=2)

    grid = np.linspace(-1, 1, 9)
    still, windy = figures.planes(bowl, ["p"], ["still", "windy"], grid).axes
    arrows = next(thing for thing in still.collections if hasattr(thing, "U"))
    lengths = np.hypot(arrows.U, arrows.V)
    assert lengths.max() == pytest.approx(1)
    x, y = arrows.XY.T
    inwards = (arrows.U * x + arrows.V * y) <= 1e-12
    assert inwards.all()  # downhill is towards the middle
    assert len(still.lines) == 1 and not windy.lines and len(windy.texts) == 1  # a dot, or a thick arrow
    assert next(thing for thing in windy.collections if hasattr(thing, "U")).U.min() > 0


def test_escapes_are_drawn_from_the_record_with_rings_of_this_run(sing_live, sing_recorded):
    arguments = sing.BY_DISTANCE, sing_live, sing_recorded, sing.escape_steps, "steps", {}, (0.8, 900)
    first, *_ = figures.against("distance", *arguments).axes
    means = {line.get_label(): line.get_ydata() for line in first.lines if line.get_linewidth() == 2}
    expected = [sing.escape_steps(sing_recorded[sing.start("plain", "elimination", d)]).mean() for d in sing.DISTANCES]
    assert means["plain"].tolist() == pytest.approx(expected) and set(means) > {"residual", "spared unit"}
    assert first.get_ylabel() == "steps" and first.get_ylim() == (0.8, 900)


def test_paths_run_from_their_distance(sing_live):
    figure = figures.paths(sing.PATHS, sing_live)
    for axis, arms in zip(figure.axes, sing.PATHS.values(), strict=True):
        thick = [line for line in axis.lines if line.get_linewidth() == 1.8]
        assert [line.get_xdata()[0] for line in thick] == pytest.approx(list(sing.DISTANCES))
        assert np.allclose(thick[-1].get_ydata(), sing_live[arms[-1]]["curve"][0])
        assert thick[-1].get_xdata()[-1] == sing_live[arms[-1]]["distance"][0, -1]
        assert axis.get_xscale() == axis.get_yscale() == "log"


def test_shares_are_drawn_at_their_steps_and_thresholds(sing_live, sing_recorded):
    kinds, marks = list(sing.DEEP_KINDS), ["a", "b", "c", "d"]
    left, right = figures.shares(sing.SPECTRA, kinds, claims.eigenvalue_share, sing_live, sing_recorded, marks).axes
    means = [line for line in right.lines if line.get_linewidth() == 2]
    assert np.allclose(
        means[0].get_ydata(), claims.eigenvalue_share(sing_recorded["plain"], "hessian_degenerate").mean(0)
    )
    rings = [line for line in right.lines if line.get_markerfacecolor() == "none"]
    assert np.allclose(rings[1].get_ydata(), claims.eigenvalue_share(sing_live["residual"], "hessian_degenerate")[0])
    assert [label.get_text() for label in left.get_xticklabels()] == marks and len(left.collections) == len(kinds)
    left, right = figures.thresholds(sing.SPECTRA, kinds, 1, 1e-4, sing_recorded).axes
    means = [line for line in left.lines if line.get_linewidth() == 2]
    assert np.allclose(means[1].get_ydata(), sing_recorded["residual"]["gauss_newton_degenerate"][:, 1].mean(0))
    assert left.xaxis_inverted() and left.get_xscale() == "log"


def test_ranks_fall_from_one():
    (axis,) = figures.ranks({"a": {"plain": np.array([-4.0, 2.0, -1.0])}}).axes
    assert axis.lines[0].get_ydata().tolist() == [1, 0.5, 0.25] and axis.lines[0].get_xdata().tolist() == [1, 2, 3]


# --- Skips and singularities --------------------------------------------------------------------


@pytest.fixture(scope="module")
def elim_recorded():
    return elim.CHAPTER.recorded()


def test_a_cloud_has_a_dot_a_run_and_a_cross_at_its_mean(elim_recorded):
    figure = figures.clouds(elim.NORM_AND_LOSS, elim.mean_loss, "loss", elim_recorded)
    assert len(figure.axes) == 4 and len({axis.get_ylim() for axis in figure.axes}) == 1
    end = figure.axes[1]
    (dots,) = (line for line in end.lines if line.get_marker() == ".")
    arms = elim.HUNDRED["plain, as it comes"]
    norms = np.concatenate([elim.over_layers("incoming_norm", elim.END)(elim_recorded[arm]) for arm in arms])
    losses = np.concatenate([elim.mean_loss(elim_recorded[arm]) for arm in arms])
    assert np.array_equal(dots.get_xdata(), norms) and np.array_equal(dots.get_ydata(), losses)
    (cross,) = (line for line in end.lines if line.get_marker() == "P")
    assert np.allclose(cross.get_xydata(), [[norms.mean(), losses.mean()]]) and end.get_legend() is None
    named = figures.clouds(elim.NEARNESS, elim.mean_loss, "loss", elim_recorded).axes[0].get_legend().get_texts()
    assert [text.get_text() for text in named] == list(elim.COMPARED)


def test_strips_show_the_reading_that_was_asked_for(elim_recorded):
    arm = "small branches"
    live = {arm: elim_recorded[arm].first(5)}
    (axis,) = figures.strips({"One": {"row": arm}}, live, elim_recorded, elim.mean_loss, "loss", [1.0]).axes
    strokes = next(line for line in axis.lines if line.get_marker() == "|")
    rings = next(line for line in axis.lines if line.get_markerfacecolor() == "none")
    assert np.array_equal(strokes.get_xdata(), elim.mean_loss(elim_recorded[arm]))
    assert np.array_equal(rings.get_xdata(), elim.mean_loss(live[arm])) and axis.get_xlabel() == "loss"


def test_ingredients_show_every_seed_of_every_net_and_what_it_has(recorded):
    nets = [
        figures.Net("both", (True, True), 0.99, recorded["residual-56"]),
        figures.Net("one", (True, False), 0.2, recorded["plain-56"]),
    ]
    left, right = figures.ingredients({"two nets": nets}, ("first", "second"), 0.9).axes
    faces = [line.get_markerfacecolor() for line in left.lines]
    assert [face != "none" for face in faces] == [True, True, True, False]
    assert {"two nets", "both", "one", "first", "second", "0.99", "0.20"} <= {text.get_text() for text in left.texts}
    dots = [line for line in right.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [
        list(claims.training_loss(recorded[arm])) for arm in ("residual-56", "plain-56")
    ]
    assert dots[0].get_color() != dots[1].get_color()


def test_a_diverged_seed_is_a_cross_at_chance(recorded):
    runs = recorded["plain-56"].first(5)
    gone = Runs(runs.spec, runs.seeds, runs.arrays | {"train_loss": np.array([1, np.nan, 1, 1, 1])})
    _, right = figures.ingredients({"": [figures.Net("gone", (False,), 0.0, gone)]}, ("skip",), 0.9).axes
    (crosses,) = [line for line in right.lines if line.get_marker() == "x"]
    assert list(crosses.get_xdata()) == [claims.CHANCE]
