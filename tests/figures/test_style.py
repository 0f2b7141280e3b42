import contextlib
import inspect
import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from whyresnets import figures
from whyresnets.claims.quantities import gradient_ratios, training_loss
from whyresnets.figures import style
from whyresnets.kinds import UnknownKind, kind

ARM = {"label": "plain-20"}
TWICE = {9: ARM["label"], 27: ARM["label"]}
DEGENERATE = {"a": "gauss_newton_degenerate"}


def at_first(runs, _=None):
    """A reading at each watched step."""
    return runs["watched_response_std"][..., 0]


def at_layers(runs):
    """A reading by layer, at the start."""
    return runs["watched_response_std"][:, 0]


CALLS = {  # every figure that colours by kind, of one arm
    "strips": lambda r, k: figures.strips({"a": ARM}, r, r, training_loss, "", (), kinds=k),
    "final_losses": lambda r, k: figures.final_losses({"a": ARM}, r, r, kinds=k),
    "signals": lambda r, k: figures.signals({"a": ARM}, r, kinds=k),
    "signals_on_the_way": lambda r, k: figures.signals_on_the_way(ARM, r, kinds=k),
    "block_ratios": lambda r, k: figures.block_ratios({"a": ARM}, r, r, gradient_ratios, kinds=k),
    "on_the_way_back": lambda r, k: figures.on_the_way_back(
        {"a": {"b": (ARM["label"], at_layers)}}, r, r, "c", kinds=k
    ),
    "through_training": lambda r, k: figures.through_training({"a": ARM}, r, r, at_first, kinds=k),
    "by_blocks": lambda r, k: figures.by_blocks({"a": (training_loss, None)}, {"a": TWICE}, r, r, kinds=k),
    "profiles": lambda r, k: figures.profiles({"a": (gradient_ratios, {})}, ARM, r, r, kinds=k),
    "losses_against": lambda r, k: figures.losses_against("", {"a": {"a": TWICE}}, r, r, kinds=k),
    "clouds": lambda r, k: figures.clouds(
        {"a": (training_loss, {"a": [*ARM.values()]})}, training_loss, "", r, kinds=k
    ),
    "shares": lambda r, k: figures.shares({"a": ""}, [ARM["label"]], at_first, r, r, "123", kinds=k),
    "thresholds": lambda r, k: figures.thresholds(DEGENERATE, [ARM["label"]], 0, 1, r, kinds=k),
    "ranks": lambda _, k: figures.ranks({"a": {ARM["label"]: np.ones(3)}}, kinds=k),
    "equality": lambda r, k: figures.equality(ARM, {"a": [*ARM.values()] * 2}, r, "", kinds=k),
    "by_net": lambda r, k: figures.by_net({"a": TWICE}, {"b": 1.0}, r, r, kinds=k),
    "curves_then_budgets": lambda r, k: figures.curves_then_budgets(
        {"a": TWICE}, {"b": {20: TWICE, 56: TWICE}}, r, r, kinds=k
    ),
    "by_depth": lambda r, k: figures.by_depth({"a": {20: ARM["label"]}}, r, 20, kinds=k),
}
OTHERS = {  # the others, called in the same way
    "drawn_blocks": lambda *_: figures.drawn_blocks(("plain", "residual"), "a"),
    "loss_curves": lambda r, _: figures.loss_curves({"a": ARM}, r, r),
    "nets": lambda r, _: figures.nets({"a": (training_loss, "")}, ARM, r, r),
    "ingredients": lambda r, _: figures.ingredients({"a": [figures.Net("b", (True,), 1.0, r[ARM["label"]])]}, "c", 0.9),
    "counts": lambda r, _: figures.counts({"a": (training_loss, {"b": [ARM["label"]]})}, ["c"], r),
    "planes": lambda *_: figures.planes(lambda *_: (AROUND[..., 0] ** 2 + 1, -AROUND), ["a"], ["b"], AROUND[:, 0, 0]),
    "paths": lambda r, _: figures.paths({"a": [ARM["label"]]}, r),
    "against": lambda r, k: figures.against(
        "a", {"b": {"c": TWICE}}, r, r, training_loss, "d", {"e": 0.5}, (0.1, 9), kinds=k
    ),
}
AROUND = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 2, indexing="ij"), axis=2)
DRAWN = {name: call for name, call in (CALLS | OTHERS).items() if name != "by_depth"}  # which is SVG with its own look


@pytest.mark.parametrize("draw", CALLS.values(), ids=CALLS)
def test_a_kind_that_is_unknown_or_missing_is_an_error_and_no_figure_is_left_open(draw, recorded):
    for kinds, says in (({ARM["label"]: "pLain"}, "unknown kind 'pLain'"), ({}, "no kind is given for 'plain-20'")):
        with pytest.raises(UnknownKind, match=says) as raised:
            draw(recorded, kinds)
        assert "\n" not in str(raised.value)
    assert plt.get_fignums() == []


def test_a_figure_is_closed_and_neither_others_nor_the_reader_s_style_are_touched(live, recorded, kinds):
    before, own = dict(plt.rcParams), plt.figure()
    figure = figures.final_losses({"a": ARM}, live, recorded, kinds=kinds)
    assert plt.get_fignums() == [own.number] and dict(plt.rcParams) == before
    plt.close(own)
    assert figure.get_facecolor()[3] == 1.0 and min(figure.get_facecolor()[:3]) > 0.9
    assert max(to_rgb(style.INK)) < 0.4


# --- Readers' styles ----------------------------------------------------------------------------


def test_every_figure_is_among_those_tried():
    drawing = {name for name in figures.__all__ if inspect.isfunction(getattr(figures, name))}
    returned = {name: inspect.signature(getattr(figures, name)).return_annotation for name in drawing}
    assert {name for name, it in returned.items() if inspect.isclass(it) and issubclass(it, Figure)} == set(DRAWN)


def everything_else() -> dict:
    """Each setting of matplotlib as nobody has it: what is on, off; numbers larger; colours lime."""
    other = {}
    for name, value in matplotlib.rcParamsDefault.items():
        changed = value
        if isinstance(value, bool):
            changed = not value
        elif isinstance(value, int | float):
            changed = value / 1.5 if "alpha" in name else value * 1.5
        elif name == "font.family":
            changed = ["monospace"]
        elif name.endswith("size") and isinstance(value, str):
            changed = "xx-large"
        elif isinstance(value, str) and "color" in name:
            changed = "lime"
        with contextlib.suppress(ValueError):
            other[name] = matplotlib.rcParams.validate[name](changed)  # what matplotlib takes
    kept = ("backend", "interactive", "date.", "figure.max", "svg.", "webagg.", "text.usetex", "_internal", "docstring")
    return {name: value for name, value in other.items() if not name.startswith(kept)}


@contextlib.contextmanager
def changed():
    """The style of a reader who changed everything."""
    with plt.rc_context():
        plt.rcParams.update(everything_else())
        yield


@contextlib.contextmanager
def themed():
    """Of one who uses seaborn; it has a meaning of its own for matplotlib's short names of colours, too."""
    with plt.rc_context():
        sns.set_theme(context="poster", style="dark", palette="pastel")
        yield
    sns.set_color_codes("reset")


STYLES = {name: lambda name=name: plt.style.context(name) for name in ("dark_background", "ggplot", "classic")}
STYLES |= {"xkcd": plt.xkcd, "seaborn": themed, "everything": changed}


def pixels(figure) -> list[np.ndarray]:
    """As a notebook makes them, and as a file has them."""
    seen = []
    for write, how in ((figure.canvas.print_figure, {"bbox_inches": "tight"}), (figure.savefig, {})):
        file = io.BytesIO()
        write(file, dpi=40, format="png", **how)
        file.seek(0)
        seen.append(plt.imread(file))
    return seen


def same(one, other) -> bool:
    return all(map(np.array_equal, one, other))


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_figure_looks_the_same_whatever_the_reader_s_style(draw, live, kinds):
    usual = pixels(draw(live, kinds))
    with changed():
        before = dict(plt.rcParams)
        assert same(pixels(draw(live, kinds)), usual)
        assert dict(plt.rcParams) == before


@pytest.mark.filterwarnings("ignore:findfont")
@pytest.mark.parametrize("style_of_a_reader", STYLES.values(), ids=STYLES)
def test_a_figure_keeps_its_look_under_each_style_and_when_it_is_drawn_later(style_of_a_reader, live, kinds):
    draw = DRAWN["by_blocks"]
    usual = pixels(draw(live, kinds))
    with style_of_a_reader():
        figure = draw(live, kinds)
        assert same(pixels(figure), usual)
    assert same(pixels(figure), usual)
    with style_of_a_reader():
        assert same(pixels(draw(live, kinds)), usual)


def test_what_a_backend_sets_when_it_is_first_used_is_the_reader_s(live, kinds, tmp_path, monkeypatch):
    """As a notebook's does with the configuration of InlineBackend."""
    usual = pixels(DRAWN["paths"](live, kinds))
    lines = "import matplotlib", "from matplotlib.backends.backend_agg import *", "matplotlib.rcParams.update({})"
    (tmp_path / "lateset.py").write_text("\n".join(lines).format({"figure.facecolor": "red"}))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plt, "_backend_mod", None)
    with plt.rc_context():
        matplotlib.rcParams["backend"] = "module://lateset"
        assert same(pixels(DRAWN["paths"](live, kinds)), usual)
        assert plt.rcParams["figure.facecolor"] == "red"
    matplotlib.use("Agg")


def test_what_a_reader_says_of_files_holds(live, kinds, tmp_path):
    figure = DRAWN["paths"](live, kinds)
    with plt.rc_context({"savefig.format": "svg", "savefig.dpi": 20, "savefig.transparent": True}):
        figure.savefig(tmp_path / "figure")
        figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.svg").exists()
    high, wide, _ = plt.imread(tmp_path / "figure.png").shape
    assert [wide, high] == [int(20 * inches) for inches in figure.get_size_inches()]


def test_depths_of_one_kind_are_shades_and_other_arms_have_the_colour_of_their_kind(kinds):
    light, dark = (to_rgb(colour) for *_, colour in style.coloured({"20": "plain-20", "56": "plain-56"}, kinds))
    assert sum(light) > sum(dark)
    two = {"a": "residual-20", "b": "plain-56"}
    assert list(style.coloured(two, kinds)) == [
        ("a", "residual-20", kind("residual").colour),
        ("b", "plain-56", kind("plain").colour),
    ]


def test_labels_that_would_overlap_are_moved_apart_and_stay_within():
    assert style.spread({"a": 1.0, "b": 3.0, "c": 1.5}, apart=1) == {"a": 1, "c": 2, "b": 3}
    assert style.spread({"a": 9.0, "b": 8.9, "c": 0.0}, 1, low=0.5, high=9) == {"c": 0.5, "b": 8, "a": 9}
