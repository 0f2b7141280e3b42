"""What the book's pages need beyond Jupyter Book: docstrings as lists, no request to other hosts, lighter pages.

Named in ``_config.yml`` as a Sphinx extension. In a docstring, "Attributes" is followed by lines ``name : what it is``,
"Raises" and the like by definitions; both become lists under a bold word. When the pages are written, scripts that
nothing here uses are taken out, what scrolls can be reached by keyboard, and figures get smaller files.
``python -m whyresnets.site`` is for the workflow that publishes.
"""

import json
import re
import sys
from pathlib import Path

from whyresnets import __version__

SECTION = re.compile(r"^(Attributes|Parameters|Returns|Raises)$")
ENTRY = re.compile(r"^(\w[\w, ]*) : (.+)$")
BRANCH = "notebooks"  # of the repository: the notebooks as Colab and Binder open them
COLOURS = 256  # of a figure's file; no figure here has as many (chosen by us)
# What the theme loads and nothing uses: icons as a script (they are a font, too), and live code from another host.
UNUSED = (
    r'\s*<script defer src="[^"]*/fontawesome\.js[^"]*"></script>',
    r'\s*<script async="async" src="[^"]*sphinx-thebe\.js[^"]*"></script>',
    r"\s*<script>const THEBE_JS_URL.*?</script>",
    r'\s*<script type="text/x-thebe-config">.*?</script>',
    r"\s*<script>kernelName = .*?</script>",
    r'\s*<link rel="stylesheet" type="text/css" href="[^"]*sphinx-thebe\.css[^"]*" />',
)
INSTALL = "install"  # the id of the cell that installs the library
NEEDED = "whyresnets[notebook]"  # the library with what a chapter needs
ZIP = "why-residual-networks-train.zip"
USED_OF_MATHJAX = ("tex-chtml.js", "input/tex", "output/chtml/fonts", "a11y", "sre")  # the last two: its menu
NAMES = (  # for those who hear the page: what the theme leaves without a name, or out of reach of the keyboard
    (r"<summary>(?=<span class=\"toctree-toggle\")", '<summary aria-label="Pages below this one">'),
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),  # its entries are no list items
    (
        r'<div class="pst-scrollable-table-container">',
        '<div class="pst-scrollable-table-container" tabindex="0" role="region" aria-label="Table">',
    ),
)
HEADER = re.compile(r'(<header[^>]*id="pst-header"[^>]*>).*?(</header>)', re.S)
FIGURE = re.compile(r'(<figure[^>]*>\s*)(<img [^>]*?src="([^"]+)"[^>]*>)')


# --- The library's own pages --------------------------------------------------------------------


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
    for unused in UNUSED:
        page = re.sub(unused, "", page, flags=re.S)
    for bare, named in NAMES:
        page = re.sub(bare, named, page)
    page = HEADER.sub(
        r"\1\2", page
    )  # of the parent theme: not shown, but its buttons take the clicks of the book's own
    return FIGURE.sub(r'\1<a class="whole-figure" href="\3">\2</a>', page)


def lighter(image: Path) -> None:
    """Write a PNG with :data:`COLOURS` colours, if that makes it smaller: a third of the size, and no eye sees it."""
    from PIL import Image

    before = image.read_bytes()
    with Image.open(image) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(image, optimize=True)
    if image.stat().st_size > len(before):
        image.write_bytes(before)


def with_install_cell(notebook: dict, wheel: str) -> dict:
    """The notebook with a first code cell that installs the library from the address ``wheel``; once."""
    if any(cell.get("id") == INSTALL for cell in notebook["cells"]):
        return notebook
    source = [
        "# Installs the book's library, where it is not at hand (on Colab, for example). Some minutes.\n",
        f'%pip install --quiet "{NEEDED} @ {wheel}"',
    ]
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": INSTALL,
        "metadata": {},
        "outputs": [],
        "source": source,
    }
    return notebook | {"cells": [notebook["cells"][0], cell, *notebook["cells"][1:]]}


def with_addresses(settings: dict, repository: str, pages: str) -> dict:
    """The settings of the book where its addresses are known: that of the repository and that of the site.

    Only then are there buttons for Colab and Binder, which open the notebooks of the branch that is published with the
    site, and a first cell that installs the library.
    """
    site = {"url": repository, "branch": BRANCH, "path_to_book": ""}
    buttons = {"colab_url": "https://colab.research.google.com", "binderhub_url": "https://mybinder.org"}
    config = settings["sphinx"]["config"] | {"whyresnets_wheel": wheel_at(pages)}
    footer = f'<p><a href="{pages.rstrip("/")}/{ZIP}">The whole book in one file</a>, to be read without a network</p>'
    html = settings["html"] | {"baseurl": pages, "use_repository_button": True, "use_issues_button": True}
    html["extra_footer"] = footer
    more = {"launch_buttons": buttons, "repository": site, "html": html}
    return settings | more | {"sphinx": settings["sphinx"] | {"config": config}}


def wheel_at(pages: str) -> str:
    """Where the site that stands at ``pages`` has the library."""
    return f"{pages.rstrip('/')}/whyresnets-{__version__}-py3-none-any.whl"


def write_notebooks(book: Path, folder: Path, wheel: str) -> None:
    """Every notebook with the cell that installs the library, and what Binder needs, into a new ``folder``."""
    try:
        (folder / ".binder").mkdir(parents=True)
    except FileExistsError as error:
        raise SystemExit(f"{folder} is there already: remove it, or name another folder") from error
    (folder / ".binder" / "requirements.txt").write_text(f"{NEEDED} @ {wheel}\n", encoding="utf-8")
    (folder / ".binder" / "runtime.txt").write_text("python-3.11\n", encoding="utf-8")
    for path in sorted(book.glob("*.ipynb")):
        notebook = with_install_cell(json.loads(path.read_text(encoding="utf-8")), wheel)
        (folder / path.name).write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def finish(html: Path, wheel: str = "") -> None:
    """Mend what was built in the folder ``html``; ``wheel`` is the address of the library, where that is known."""
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
    if wheel:
        for path in [*(html / "_sources").rglob("*.ipynb"), *(html / "_downloads").rglob("*.ipynb")]:
            notebook = with_install_cell(json.loads(path.read_text(encoding="utf-8")), wheel)
            path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def setup(app) -> dict[str, bool]:
    """What Sphinx calls to load this module."""
    app.add_config_value("whyresnets_wheel", "", "html")
    app.connect("autodoc-process-docstring", lambda _app, _what, _name, _thing, _options, lines: _replace(lines))
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _replace(lines: list[str]) -> None:
    lines[:] = as_lists(lines)


def _finish(app, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        finish(Path(app.outdir), app.config.whyresnets_wheel)


def main(arguments: list[str]) -> None:
    """``addresses REPOSITORY PAGES`` writes them into _config.yml, ``notebooks FOLDER PAGES`` makes that folder."""
    import yaml

    if not Path("_config.yml").exists():
        raise SystemExit("no _config.yml here: run this in the root of the repository")
    match arguments:
        case "addresses", repository, pages:
            path = Path("_config.yml")
            settings = yaml.safe_load(path.read_text(encoding="utf-8"))
            path.write_text(yaml.safe_dump(with_addresses(settings, repository, pages)), encoding="utf-8")
        case "notebooks", folder, pages:
            write_notebooks(Path("book"), Path(folder), wheel_at(pages))
        case _:
            raise SystemExit("name `addresses REPOSITORY PAGES` or `notebooks FOLDER PAGES`")


if __name__ == "__main__":
    main(sys.argv[1:])
