import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from whyresnets import __version__, site

ROOT = Path(__file__).parents[1]
NOTEBOOK = {"cells": [{"cell_type": "markdown", "id": "a"}, {"cell_type": "code", "id": "b"}], "nbformat": 4}


def test_sections_become_lists():
    lines = ["What it is.", "", "Attributes", "----------", "a, b : two things", "    and more", "", "Raises", "------"]
    assert site.as_lists(lines) == [
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
    assert site.as_lists(["|log10 r| and ``a | b``"]) == [r"\|log10 r\| and ``a | b``"]


def test_a_sentence_with_a_colon_is_no_entry():
    assert site.as_lists(["Note: this, and that."]) == ["Note: this, and that."]


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
    page = site.mended(PAGE)
    for gone in ("thebe", "THEBE", "unpkg", "fontawesome", "<button>"):
        assert gone not in page
    assert "<script>let kept = 1;</script>" in page and '<header id="pst-header" class="x"></header>' in page
    assert '<summary aria-label="Pages below this one">' in page and 'tabindex="0" role="region"' in page


def test_a_figure_opens_whole():
    page = site.mended(PAGE)
    assert '<a class="whole-figure" href="_images/a.png"><img alt="what it shows" src="_images/a.png" /></a>' in page


def test_a_lighter_figure_looks_the_same(tmp_path):
    x = np.linspace(0, 255, 300).astype(np.uint8)
    picture = np.stack(
        [np.broadcast_to(x, (200, 300)), np.full((200, 300), 90, np.uint8), np.broadcast_to(255 - x, (200, 300))], 2
    )
    Image.fromarray(picture).save(tmp_path / "a.png", compress_level=0)
    before = (tmp_path / "a.png").stat().st_size
    site.lighter(tmp_path / "a.png")
    after = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    assert (tmp_path / "a.png").stat().st_size < before / 2
    assert np.abs(after - picture).max() <= 4


def test_a_figure_that_would_grow_is_left_alone(tmp_path):
    Image.new("1", (8, 8)).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    site.lighter(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before


def test_the_install_cell_comes_first_among_code_and_once():
    once = site.with_install_cell(NOTEBOOK, "https://example.org/w.whl")
    assert [cell["id"] for cell in once["cells"]] == ["a", "install", "b"]
    assert once["cells"][1]["source"][-1] == '%pip install --quiet "whyresnets[notebook] @ https://example.org/w.whl"'
    assert site.with_install_cell(once, "https://example.org/w.whl") == once


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
    site.finish(tmp_path, "https://example.org/w.whl")
    assert "thebe" not in (tmp_path / "a.html").read_text()
    left = {path.name for path in (tmp_path / "_static").rglob("*") if path.is_file()}
    assert left == {"tex-chtml.js", "f.woff"}
    assert all("w.whl" in path.read_text() for path in tmp_path.rglob("n.ipynb"))


# --- Addresses ----------------------------------------------------------------------------------


def test_without_an_address_there_is_no_button_and_no_install_cell():
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert "launch_buttons" not in settings and "whyresnets_wheel" not in settings["sphinx"]["config"]
    assert settings["html"]["baseurl"] == "" and "url" not in settings["repository"]


def test_with_an_address_buttons_and_cells_lead_to_it():
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    known = site.with_addresses(settings, "https://example.org/o/r", "https://o.example.org/r/")
    assert known["repository"] == {"url": "https://example.org/o/r", "branch": site.BRANCH, "path_to_book": ""}
    assert set(known["launch_buttons"]) == {"colab_url", "binderhub_url"}
    wheel = known["sphinx"]["config"]["whyresnets_wheel"]
    assert wheel == f"https://o.example.org/r/whyresnets-{__version__}-py3-none-any.whl"
    assert known["html"]["baseurl"] == "https://o.example.org/r/"
    assert f"https://o.example.org/r/{site.ZIP}" in known["html"]["extra_footer"]
    assert known["sphinx"]["extra_extensions"] == settings["sphinx"]["extra_extensions"]


def test_the_branch_of_notebooks_installs_the_library(tmp_path):
    site.write_notebooks(ROOT / "book", tmp_path / "out", "https://example.org/w.whl")
    names = sorted(path.name for path in (ROOT / "book").glob("*.ipynb"))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.ipynb")) == names
    for path in (tmp_path / "out").glob("*.ipynb"):
        assert json.loads(path.read_text())["cells"][1]["id"] == "install"
    needs = (tmp_path / "out" / ".binder" / "requirements.txt").read_text()
    assert needs == "whyresnets[notebook] @ https://example.org/w.whl\n"
    assert (tmp_path / "out" / ".binder" / "runtime.txt").read_text() == "python-3.11\n"
    with pytest.raises(SystemExit, match="is there already"):
        site.write_notebooks(ROOT / "book", tmp_path / "out", "https://example.org/w.whl")


@pytest.mark.parametrize("bad", [[], ["addresses"], ["notebooks", "x"], ["other", "a", "b"]])
def test_bad_arguments_get_one_line(bad, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match="name `addresses"):
        site.main(bad)


def test_elsewhere_it_says_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="root of the repository"):
        site.main(["addresses", "a", "b"])
