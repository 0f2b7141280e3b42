"""A figure to play with: one drawing a depth, a slider between them, boxes for what is drawn.

It is plain SVG with fifteen lines of script, all in one piece: it works without a network and in a notebook. Where
scripts do not run, every depth is shown at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np

from whyresnets.claims.quantities import CHANCE, TRAINED, training_loss
from whyresnets.figures.style import GROUND, INK, Kinds, Live, kind_of, spread
from whyresnets.training.runs import Runs

WIDTH = 640  # pixels of a drawing
HEIGHT = 300  # pixels of a drawing
LEFT = 52  # pixels beside the axes
RIGHT = 190  # pixels beside the axes, for the names of the lines
TOP = 10  # pixels above the axes
BOTTOM = 42  # pixels below the axes
HIGHEST = 3.2  # nats: the top of the axis, as in the figure beside it; what is above it is cut off
APART = 15  # pixels between two names at the ends of lines
EVERY = 3  # steps between two points of a line: finer than its width (chosen by us)

LOOK = """<style>
.explorable { margin: 1em 0; }
.explorable svg { width: 100%; height: auto; display: block; background: GROUND; border-radius: 4px; }
.explorable .frames { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
.explorable .controls { display: none; gap: 0.4em 1.4em; flex-wrap: wrap; align-items: center; margin-bottom: 0.6em; }
.explorable.on .controls { display: flex; }
.explorable.on .frames { display: block; max-width: 46em; }
.explorable.on .frame:not(.now) { display: none; }
.explorable .frame p { margin: 0.4em 0 0; }
.explorable input { accent-color: #0173b2; vertical-align: middle; }
.explorable input[type="range"] { width: 14em; max-width: 60vw; }
.explorable label { margin: 0; }
.explorable svg text { font-family: sans-serif; }
@media (max-width: 720px) { .explorable .frames { overflow-x: auto; } .explorable svg { min-width: 36rem; } }
</style>"""
SCRIPT = """<script>
for (const figure of document.querySelectorAll(".explorable:not(.on)")) {
  const frames = [...figure.querySelectorAll(".frame")];
  const [slider, shown] = [figure.querySelector("input[type=range]"), figure.querySelector("output")];
  const boxes = [...figure.querySelectorAll("input[type=checkbox]")];
  const draw = () => {
    frames.forEach((frame, i) => frame.classList.toggle("now", i == slider.value));
    shown.value = frames[slider.value].dataset.value;
    slider.setAttribute("aria-valuetext", shown.value);
    for (const box of boxes)
      for (const part of figure.querySelectorAll(`[data-arm="${box.value}"]`))
        part.style.display = box.checked ? "" : "none";
  };
  for (const input of [slider, ...boxes]) input.addEventListener("input", draw);
  figure.classList.add("on");
  draw();
}
</script>"""


@dataclass(frozen=True)
class Explorable:
    """``html`` for a page or a notebook; ``says`` is what it shows, in words, where neither can be drawn."""

    html: str
    says: str

    def __repr__(self) -> str:
        return self.says

    def _repr_html_(self) -> str:
        return self.html


class _Net(NamedTuple):
    """A net of one drawing; without runs it was not run at this depth."""

    name: str
    colour: str
    kind: str
    runs: Runs | None
    bar: float

    @property
    def ends(self) -> str:
        """What its seeds end at, as a sentence."""
        said = self.name[0].upper() + self.name[1:]
        if self.runs is None:
            return f"{said}: not run at this depth."
        losses = training_loss(self.runs)
        trained = int((losses < self.bar).sum())
        return f"{said}: {trained} of {len(losses)} seeds train, mean training loss {losses.mean():.2f} nats."


def by_depth(
    nets: Mapping[str, Mapping[int, str]], recorded: Live, at_first: int, bar: float = TRAINED, *, kinds: Kinds
) -> Explorable:
    """Mini-batch loss against step at each depth, one line a recorded seed, the mean on top; in nats.

    ``nets`` maps what a net is called -> depth -> arm, each net of another kind. The first two are drawn unless a
    reader asks for others; the slider starts at the depth ``at_first``. A seed trains if it ends below ``bar``, nats.
    """
    depths = sorted({depth for arms in nets.values() for depth in arms})
    first = {name: next(iter(arms.values())) for name, arms in nets.items()}
    drawings: dict[int, list[_Net]] = {depth: [] for depth in depths}
    for name, arm in first.items():
        for depth, shown in drawings.items():
            runs = recorded.get(nets[name].get(depth, ""))
            shown.append(_Net(name, kind_of(arm, kinds).colour, kinds[arm], runs, bar))
    boxes = "".join(
        f'<label><input type="checkbox" value="{net.kind}"{" checked" if i < 2 else ""}> '
        f'<span style="border-bottom: 3px solid {net.colour}">{escape(net.name)}</span></label>'
        for i, net in enumerate(drawings[at_first])
    )
    slider = (
        f'<label>layers: <input type="range" min="0" max="{len(depths) - 1}" step="1" '
        f'value="{depths.index(at_first)}" aria-label="layers"> <output>{at_first}</output></label>'
    )
    frames = "".join(_frame(depth, shown) for depth, shown in drawings.items())
    body = f'<div class="controls">{slider}{boxes}</div>'
    body += f'<div class="frames" tabindex="0" role="region" aria-label="Drawing">{frames}</div>'
    says = "\n".join(_sentence(depth, shown) for depth, shown in drawings.items())
    return Explorable(f'{LOOK.replace("GROUND", GROUND)}<div class="explorable">{body}</div>{SCRIPT}', says)


def _frame(depth: int, nets: Sequence[_Net]) -> str:
    run = {net.name: net.runs["curve"] for net in nets if net.runs}
    ends = {name: -_height(np.nan_to_num(curves[:, -5:], nan=CHANCE).mean()) for name, curves in run.items()}
    heights = spread(ends, APART)  # upwards on the page is downwards in pixels
    drawn = "".join(_lines(net, run[net.name], -heights[net.name]) for net in nets if net.runs)
    sentence = "".join(f'<span data-arm="{net.kind}">{escape(net.ends)} </span>' for net in nets)
    label, axes = escape(_sentence(depth, nets), quote=True), _axes(max(curves.shape[1] for curves in run.values()))
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{axes}{drawn}</svg>'
    return f'<div class="frame" data-value="{depth}">{svg}<p><b>{depth} layers.</b> {sentence}</p></div>'


def _sentence(depth: int, nets: Sequence[_Net]) -> str:
    return f"{depth} layers. " + " ".join(net.ends for net in nets)


def _lines(net: _Net, curves: np.ndarray, name_height: float) -> str:
    """One thin line a seed, a thick one for their mean, and the name at its end."""
    curves = np.nan_to_num(curves, nan=2 * HIGHEST)  # what diverged leaves the axis upwards
    thin = "".join(f"<path d='{_path(curve)}'/>" for curve in curves)
    thick = f'<path stroke-width="3" d="{_path(curves.mean(0))}"/>'
    x = WIDTH - RIGHT + 6
    key = f'<path stroke-width="4" d="M{x} {name_height:.0f}h14"/>'  # names in ink: some colours are too pale for text
    text = f'{key}<text x="{x + 20}" y="{name_height + 4:.0f}" fill="{INK}" stroke="none">{escape(net.name)}</text>'
    group = f'<g data-arm="{net.kind}" fill="none" stroke="{net.colour}">'
    return f'{group}<g stroke-width="0.7" opacity="0.4">{thin}</g>{thick}<g font-size="13">{text}</g></g>'


def _path(curve: np.ndarray) -> str:
    steps = np.unique([*range(0, len(curve), EVERY), len(curve) - 1])
    points = [f"{_across(step, len(curve)):.0f} {_height(curve[step]):.0f}" for step in steps]
    return f"M{points[0]}L{' '.join(points[1:])}"


def _across(step: float, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * step / (count - 1)


def _height(loss: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(float(loss), 2 * HIGHEST) / HIGHEST)


def _axes(steps: int) -> str:
    right, low = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'<path d="M{LEFT} {TOP}V{low}H{right}" fill="none" stroke="{INK}"/>']
    for loss in (0, 1, 2, 3):
        parts.append(f'<text x="{LEFT - 8}" y="{_height(loss) + 4:.0f}" text-anchor="end">{loss}</text>')
    for step in range(0, steps + 1, steps // 5):
        parts.append(f'<text x="{_across(step, steps + 1):.0f}" y="{low + 17}" text-anchor="middle">{step}</text>')
    chance = _height(CHANCE)
    parts += [
        f'<path d="M{LEFT} {chance:.0f}H{right}" stroke="{INK}" stroke-dasharray="2 3"/>',
        f'<text x="{right - 4}" y="{chance - 5:.0f}" text-anchor="end">chance</text>',
        f'<text x="{(LEFT + right) // 2}" y="{HEIGHT - 6}" text-anchor="middle">step</text>',
        f'<g transform="translate(14 {(TOP + low) // 2}) rotate(-90)"><text text-anchor="middle">',
        "mini-batch loss, nats</text></g>",
    ]
    return f'<g font-size="13" fill="{INK}">{"".join(parts)}</g>'
