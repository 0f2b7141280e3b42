"""What the book's pages need beyond Jupyter Book: docstrings as lists, no request to other hosts, lighter pages.

Named in ``_config.yml`` as a Sphinx extension. In a docstring, "Attributes" is followed by lines ``name : what it is``,
"Raises" and the like by definitions; both become lists under a bold word. When the pages are written, scripts that
nothing here uses are taken out, what scrolls can be reached by keyboard, and figures get smaller files.
"""

import re
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup

from evidence import link_claims
from notebooks import shareable
from referring import Book

SECTION = re.compile(r"^(Attributes|Parameters|Returns|Raises)$")
ENTRY = re.compile(r"^(\w[\w, ]*) : (.+)$")
COLOURS = 256  # of a figure's file; no figure here has as many (chosen by us)
# What the theme loads and nothing uses: icons as a script (they are a font, too), and live code from another host.
UNUSED = re.compile(r"fontawesome\.js|thebe|THEBE|^kernelName = ")
USED_OF_MATHJAX = ("tex-chtml.js", "input/tex", "output/chtml/fonts", "a11y", "sre")  # the last two: its menu


def as_lists(lines: list[str]) -> list[str]:
    """The lines of a docstring, its sections as bold words with definition lists below."""
    shown: list[str] = []
    for line in lines:
        if SECTION.match(line):
            shown += [f"**{line}**", ""]
        elif not re.fullmatch(r"-{3,}", line):
            entry = ENTRY.match(line)
            shown += [f"``{entry[1]}``", f"    {entry[2]}"] if entry else [line]
    return [_with_bars(line) for line in shown]


def _with_bars(line: str) -> str:
    """The bars of an absolute value, outside of code, as bars: in reStructuredText they would name a substitution."""
    return "``".join(part if i % 2 else part.replace("|", r"\|") for i, part in enumerate(line.split("``")))


# --- Pages as they are written ------------------------------------------------------------------


def mended(page: str) -> str:
    """The HTML of a page without what it does not use, with names for what had none, its figures linked to whole."""
    soup = BeautifulSoup(page, "html.parser")
    for tag in soup.find_all(["script", "link"]):
        told = f"{tag.get('src', '')}{tag.get('href', '')}{tag.get('type', '')}{tag.string or ''}".strip()
        if UNUSED.search(told) and "mathjax" not in told.lower():
            tag.decompose()
    for header in soup.find_all("header", id="pst-header"):
        header.clear()  # of the parent theme: not shown, but its buttons take the clicks of the book's own
    for toggle in soup.select("summary > span.toctree-toggle"):
        toggle.parent["aria-label"] = "Pages below this one"  # for those who hear the page
    for listed in soup.select("div.citation-list[role=list]"):
        del listed["role"]  # its entries are no list items
    for table in soup.select("div.pst-scrollable-table-container"):
        table.attrs |= {"tabindex": "0", "role": "region", "aria-label": "Table"}  # so that the keyboard can scroll it
    for image in soup.select("figure > img"):
        image.wrap(soup.new_tag("a", href=image["src"], attrs={"class": "whole-figure"}))
    return str(soup)


def lighter(image: Path) -> None:
    """Write a PNG with :data:`COLOURS` colours, if that makes it smaller: a third of the size, and no eye sees it."""
    from PIL import Image

    before = image.read_bytes()
    with Image.open(image) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(image, optimize=True)
    if image.stat().st_size > len(before):
        image.write_bytes(before)


def finish(html: Path, book: Book, folder: Path, wheel: str = "") -> None:
    """Mend what was built in the folder ``html``.

    ``book`` stands in ``folder``; ``wheel`` is the address of the library, where that is known.
    """
    for page in html.rglob("*.html"):
        page.write_text(mended(page.read_text(encoding="utf-8")), encoding="utf-8")
    for image in (html / "_images").glob("*.png"):
        lighter(image)
    for unused in (html / "_static" / "scripts").glob("fontawesome.js*"):
        unused.unlink()
    mathjax = html / "_static" / "mathjax"
    for path in sorted(mathjax.rglob("*"), reverse=True):
        name = path.relative_to(mathjax).as_posix()
        if path.is_file() and not name.startswith(USED_OF_MATHJAX):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for path in [*(html / "_sources").rglob("*.ipynb"), *(html / "_downloads").rglob("*.ipynb")]:
        nbformat.write(shareable(nbformat.read(path, 4), book, folder, wheel), path)


def setup(app) -> dict[str, bool]:
    """What Sphinx calls to load this module."""
    app.add_config_value("whyresnets_wheel", "", "html")
    app.connect("autodoc-process-docstring", lambda _app, _what, _name, _thing, _options, lines: _replace(lines))
    app.connect("doctree-read", lambda app, doctree: link_claims(doctree, app.env.docname))
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _replace(lines: list[str]) -> None:
    lines[:] = as_lists(lines)


def _finish(app, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        book = Book.read(Path(__file__).parents[2])
        finish(Path(app.outdir), book, Path(app.srcdir), app.config.whyresnets_wheel)
