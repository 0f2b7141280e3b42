"""The extension that shapes the pages as Sphinx writes them."""

import json
from pathlib import Path
from types import SimpleNamespace

import book_site
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image
from referring import Book

ROOT = Path(__file__).parents[2]
NOTEBOOK = new_notebook(cells=[new_markdown_cell("# A\n\n{doc}`larger`"), new_code_cell("1")])


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
<script>window.MathJax = {options: {ignoreHtmlClass: "thebe-output"}}</script>
<div class="citation-list" role="list"></div>
<header id="pst-header" class="x"><button>twice</button></header>
<details><summary><span class="toctree-toggle"></span></summary></details>
<div class="pst-scrollable-table-container"><table></table></div>
<figure id="f">
<img alt="what it shows" src="_images/a.png" />
<figcaption>c</figcaption></figure>
<script type="text/x-thebe-config">{}</script>"""


def test_a_page_loses_what_it_does_not_use_and_keeps_the_rest():
    page = book_site.mended(PAGE)
    for gone in ("sphinx-thebe", "x-thebe", "THEBE", "unpkg", "fontawesome", "<button>", 'role="list"'):
        assert gone not in page
    assert "window.MathJax" in page and '<div class="citation-list">' in page
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
    for name in (
        "_images",
        "_sources",
        "_downloads/1",
        "_static/scripts",
        "_static/mathjax/output/chtml/fonts",
        "_static/mathjax/input",
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a.html").write_text(PAGE)
    Image.new("RGB", (40, 40)).save(tmp_path / "_images" / "a.png")
    for name in (
        "_static/scripts/fontawesome.js",
        "_static/mathjax/node-main.js",
        "_static/mathjax/tex-chtml.js",
        "_static/mathjax/input/asciimath.js",
    ):
        (tmp_path / name).write_text("")
    (tmp_path / "_static/mathjax/output/chtml/fonts/f.woff").write_text("")
    for name in ("_sources/n.ipynb", "_downloads/1/n.ipynb"):
        (tmp_path / name).write_text(json.dumps(NOTEBOOK))
    book_site.finish(tmp_path, Book.read(ROOT), ROOT / "book", "https://example.org/w.whl")
    assert "sphinx-thebe" not in (tmp_path / "a.html").read_text()
    left = {path.name for path in (tmp_path / "_static").rglob("*") if path.is_file()}
    assert left == {"tex-chtml.js", "f.woff"} and not (tmp_path / "_static" / "mathjax" / "input").exists()
    assert all("w.whl" in path.read_text() for path in tmp_path.rglob("n.ipynb"))


@pytest.fixture
def app(tmp_path) -> SimpleNamespace:
    """What Sphinx hands to an extension, with a page and a notebook built; ``calls`` has what was connected."""
    (tmp_path / "_sources").mkdir()
    (tmp_path / "_sources" / "n.ipynb").write_text(json.dumps(NOTEBOOK))
    (tmp_path / "a.html").write_text(PAGE)
    settings, calls = SimpleNamespace(), {}
    return SimpleNamespace(
        outdir=str(tmp_path),
        srcdir=str(ROOT / "book"),
        builder=SimpleNamespace(name="html"),
        config=settings,
        add_config_value=lambda name, default, _rebuild: setattr(settings, name, default),
        connect=calls.__setitem__,
        calls=calls,
    )


def test_sphinx_gets_docstrings_as_lists(app):
    """In the list that it hands over."""
    book_site.setup(app)
    lines = ["Raises", "------"]
    app.calls["autodoc-process-docstring"](app, "class", "name", object, {}, lines)
    assert lines == ["**Raises**", ""]


@pytest.mark.parametrize("wheel", ["", "https://example.org/w.whl"])
def test_sphinx_has_its_pages_mended_and_its_notebooks_made_for_any_front_end(app, tmp_path, wheel):
    book_site.setup(app)
    app.config.whyresnets_wheel = wheel or app.config.whyresnets_wheel
    app.calls["build-finished"](app, None)
    assert "sphinx-thebe" not in (tmp_path / "a.html").read_text()
    cells = json.loads((tmp_path / "_sources" / "n.ipynb").read_text())["cells"]
    assert cells[1]["id"] == ("install" if wheel else "check")
    assert "{doc}" not in "".join(cells[0]["source"])


@pytest.mark.parametrize(("builder", "error"), [("latex", None), ("html", ValueError())])
def test_other_builds_and_broken_ones_are_left_alone(app, tmp_path, builder, error):
    book_site.setup(app)
    app.builder.name = builder
    app.calls["build-finished"](app, error)
    assert (tmp_path / "a.html").read_text() == PAGE
