import re
from html.parser import HTMLParser

import numpy as np
import pytest

from whyresnets import claims, slider
from whyresnets.chapters.degradation import CHAPTER
from whyresnets.training import Runs

KINDS = {"plain": "plain", "residual": "residual", "half": "half of it & more"}
DEPTHS = (8, 20, 56)


@pytest.fixture(scope="module")
def recorded():
    return CHAPTER.recorded()


@pytest.fixture(scope="module")
def drawn(recorded):
    return slider.by_depth(KINDS, DEPTHS, recorded, at_first=20)


def frames(html: str) -> list[str]:
    return html.split('<div class="frame"')[1:]


def test_every_seed_of_every_net_is_drawn_where_it_was(drawn, recorded):
    """Heights on the page, turned back into losses, are the recorded ones."""
    for depth, frame in zip(DEPTHS, frames(drawn.html), strict=True):
        for kind in KINDS:
            runs = recorded.get(f"{kind}-{depth}")
            group = re.search(rf'<g data-arm="{kind}".*?</g></g>', frame)
            assert (group is None) == (runs is None)
            if group:
                paths = re.findall(r"<path d='M(.*?)'/>", group[0])
                assert len(paths) == len(runs.seeds)
                ends = [float(path.split()[-1]) for path in paths]
                low = slider.HEIGHT - slider.BOTTOM
                losses = (low - np.array(ends)) / (low - slider.TOP) * slider.HIGHEST
                assert losses == pytest.approx(runs["curve"][:, -1], abs=0.01)


def test_what_it_says_is_what_the_record_says(drawn, recorded):
    for depth, frame in zip(DEPTHS, frames(drawn.html), strict=True):
        losses = claims.training_loss(recorded[f"plain-{depth}"])
        trained = (losses < claims.TRAINED).sum()
        assert f"Plain: {trained} of 20 seeds train, mean training loss {losses.mean():.2f} nats." in frame
        assert f"{depth} layers. Plain: {trained} of 20" in repr(drawn)
    assert "Half of it &amp; more: not run at this depth." in frames(drawn.html)[0]


def test_without_a_script_every_depth_is_shown_and_no_control(drawn):
    assert ".explorable.on .frame:not(.now) { display: none; }" in drawn.html
    assert ".explorable .controls { display: none;" in drawn.html
    assert 'class="explorable"' in drawn.html  # the script adds "on"
    assert "display: none" not in drawn.html.split("</style>")[1].split("<script>")[0]  # nets neither


def test_what_diverged_leaves_the_axis_and_breaks_nothing(recorded):
    runs = recorded["plain-20"]
    curve = runs["curve"].copy()
    curve[0, 50:] = np.nan
    gone = Runs(runs.spec, runs.seeds, runs.arrays | {"curve": curve})
    html = slider.by_depth({"plain": "plain"}, (20,), {"plain-20": gone}, at_first=20).html
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
    reader.feed(drawn.html)
    assert reader.open == [] and len(reader.labels) == len(DEPTHS)
    assert all(label.startswith(f"{depth} layers.") for depth, label in zip(DEPTHS, reader.labels, strict=True))


def test_names_at_the_ends_of_lines_keep_apart():
    placed = slider._spread({"a": 200, "b": 198, "c": 100})
    assert placed == {"a": 200, "b": 200 - slider.APART, "c": 100}
