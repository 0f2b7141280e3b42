import re
from html.parser import HTMLParser

import numpy as np
import pytest

from whyresnets.claims.quantities import TRAINED, training_loss
from whyresnets.figures import slider
from whyresnets.kinds import kind

NETS = {
    "plain": {20: "plain-20", 56: "plain-56"},
    "residual": {20: "residual-20", 56: "residual-56"},
    "half of it & more": {56: "half"},
}
KINDS = {arm: name.split()[0] for name, arms in NETS.items() for arm in arms.values()}


@pytest.fixture(scope="module")
def drawn(recorded, make):
    return slider.by_depth(NETS, recorded | {"half": make(56)}, at_first=20, kinds=KINDS)


def frames(html: str) -> list[str]:
    return html.split('<div class="frame"')[1:]


def test_every_seed_of_every_net_is_drawn_where_it_was(drawn, recorded):
    """Heights on the page, turned back into losses, are the recorded ones."""
    for depth, frame in zip((20, 56), frames(drawn.html), strict=True):
        for rule in ("plain", "residual"):
            (group,) = re.findall(rf'<g data-arm="{rule}".*?</g></g>', frame)
            assert f'stroke="{kind(rule).colour}"' in group
            ends = [float(path.split()[-1]) for path in re.findall(r"<path d='M(.*?)'/>", group)]
            low = slider.HEIGHT - slider.BOTTOM
            losses = (low - np.array(ends)) / (low - slider.TOP) * slider.HIGHEST
            assert losses == pytest.approx(recorded[f"{rule}-{depth}"]["curve"][:, -1], abs=0.01)
    assert ['data-arm="half" fill' in frame for frame in frames(drawn.html)] == [False, True]


def test_what_it_says_is_what_the_record_says(drawn, recorded):
    for depth, frame in zip((20, 56), frames(drawn.html), strict=True):
        losses = training_loss(recorded[f"plain-{depth}"])
        trained = (losses < TRAINED).sum()
        assert f"Plain: {trained} of 12 seeds train, mean training loss {losses.mean():.2f} nats." in frame
        assert f"{depth} layers. Plain: {trained} of 12" in repr(drawn)
    assert "Half of it &amp; more: not run at this depth." in frames(drawn.html)[0]


def test_two_nets_are_drawn_until_a_reader_asks_and_the_slider_starts_where_it_is_told(drawn):
    assert re.findall(r'type="checkbox" value="(\w+)"( checked)?', drawn.html) == [
        ("plain", " checked"),
        ("residual", " checked"),
        ("half", ""),
    ]
    assert 'max="1" step="1" value="0"' in drawn.html and "<output>20</output>" in drawn.html


def test_without_a_script_every_depth_is_shown_and_no_control(drawn):
    assert ".explorable.on .frame:not(.now) { display: none; }" in drawn.html
    assert ".explorable .controls { display: none;" in drawn.html
    assert 'class="explorable"' in drawn.html  # the script adds "on"
    assert "display: none" not in drawn.html.split("</style>")[1].split("<script>")[0]  # nets neither


def test_what_diverged_leaves_the_axis_and_breaks_nothing(make):
    curve = np.ones((12, 40))
    curve[0, 20:] = np.nan
    html = slider.by_depth({"plain": {20: "a"}}, {"a": make(curve=curve)}, at_first=20, kinds={"a": "plain"}).html
    assert "nan" not in html


def test_it_needs_nothing_from_elsewhere(drawn):
    assert not re.search(r"https?:|src=|href=|@import|url\(", drawn.html)


def test_its_markup_is_closed_and_every_drawing_has_words(drawn):
    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.labels = [], []

        def handle_starttag(self, tag, attributes):
            if tag not in ("input",):
                self.open.append(tag)
            if tag == "svg":
                self.labels.append(dict(attributes)["aria-label"])

        def handle_startendtag(self, tag, attributes):
            pass

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    reader = Reader()
    reader.feed(drawn._repr_html_())
    assert reader.open == [] and [label[:10] for label in reader.labels] == ["20 layers.", "56 layers."]


def test_names_at_the_ends_of_lines_keep_apart(make):
    nets = {"a": {20: "plain"}, "b": {20: "residual"}}
    recorded = {arm: make(curve=np.full((12, 40), end)) for arm, end in (("plain", 0.01), ("residual", 0.0))}
    html = slider.by_depth(nets, recorded, at_first=20, kinds={"plain": "plain", "residual": "residual"}).html
    upper, lower = sorted(float(y) for y in re.findall(r'y="(\d+)" fill="[^"]+" stroke="none"', html))
    assert lower - upper == pytest.approx(slider.APART, abs=1)
