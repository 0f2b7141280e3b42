"""The extension that shapes the pages as Sphinx writes them."""

import json

import book_site
import numpy as np
from PIL import Image

NOTEBOOK = {"cells": [{"cell_type": "markdown", "id": "a"}, {"cell_type": "code", "id": "b"}], "nbformat": 4}


def test_sections_become_lists():
    lines = ["What it is.", "", "Attributes", "----------", "a, b : two things", "    and more", "", "Raises", "------"]
    assert book_site.as_lists(lines) == [
        "What it is.",
        "",
        "**Attributes**",
        "",
        "``a, b``",
        "    two things",
        "    and more",
        "",
        "**Raises**",
        "",
    ]


def test_bars_are_bars_and_code_is_left_alone():
    assert book_site.as_lists(["|log10 r| and ``a | b``"]) == [r"\|log10 r\| and ``a | b``"]


def test_a_sentence_with_a_colon_is_no_entry():
    assert book_site.as_lists(["Note: this, and that."]) == ["Note: this, and that."]


# --- Pages as they are written ------------------------------------------------------------------

PAGE = """<link rel="stylesheet" type="text/css" href="_static/sphinx-thebe.css?v=4" />
<script>const THEBE_JS_URL = "https://unpkg.com/thebe"; const selector = "x"</script>
<script async="async" src="_static/sphinx-thebe.js?v=1"></script>
<script defer src="_static/scripts/fontawesome.js?digest=5"></script>
<script>let kept = 1;</script>
<header id="pst-header" class="x"><button>twice</button></header>
<details><summary><span class="toctree-toggle"></span></summary></details>
<div class="pst-scrollable-table-container"><table></table></div>
<figure id="f">
<img alt="what it shows" src="_images/a.png" />
<figcaption>c</figcaption></figure>
<script type="text/x-thebe-config">{}</script>"""


def test_a_page_loses_what_it_does_not_use_and_keeps_the_rest():
    page = book_site.mended(PAGE)
    for gone in ("thebe", "THEBE", "unpkg", "fontawesome", "<button>"):
        assert gone not in page
    assert "<script>let kept = 1;</script>" in page and '<header class="x" id="pst-header"></header>' in page
    assert '<summary aria-label="Pages below this one">' in page and 'role="region" tabindex="0"' in page


def test_a_figure_opens_whole():
    page = book_site.mended(PAGE)
    assert '<a class="whole-figure" href="_images/a.png"><img alt="what it shows" src="_images/a.png"/></a>' in page


def test_a_lighter_figure_looks_the_same(tmp_path):
    x = np.linspace(0, 255, 300).astype(np.uint8)
    picture = np.stack(
        [np.broadcast_to(x, (200, 300)), np.full((200, 300), 90, np.uint8), np.broadcast_to(255 - x, (200, 300))], 2
    )
    Image.fromarray(picture).save(tmp_path / "a.png", compress_level=0)
    before = (tmp_path / "a.png").stat().st_size
    book_site.lighter(tmp_path / "a.png")
    after = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    assert (tmp_path / "a.png").stat().st_size < before / 2
    assert np.abs(after - picture).max() <= 4


def test_a_figure_that_would_grow_is_left_alone(tmp_path):
    Image.new("1", (8, 8)).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    book_site.lighter(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_built_folder_is_mended_whole(tmp_path):
    for name in ("_images", "_sources", "_downloads/1", "_static/scripts", "_static/mathjax/output/chtml/fonts"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a.html").write_text(PAGE)
    Image.new("RGB", (40, 40)).save(tmp_path / "_images" / "a.png")
    for name in ("_static/scripts/fontawesome.js", "_static/mathjax/node-main.js", "_static/mathjax/tex-chtml.js"):
        (tmp_path / name).write_text("")
    (tmp_path / "_static/mathjax/output/chtml/fonts/f.woff").write_text("")
    for name in ("_sources/n.ipynb", "_downloads/1/n.ipynb"):
        (tmp_path / name).write_text(json.dumps(NOTEBOOK))
    book_site.finish(tmp_path, "https://example.org/w.whl")
    assert "thebe" not in (tmp_path / "a.html").read_text()
    left = {path.name for path in (tmp_path / "_static").rglob("*") if path.is_file()}
    assert left == {"tex-chtml.js", "f.woff"}
    assert all("w.whl" in path.read_text() for path in tmp_path.rglob("n.ipynb"))
