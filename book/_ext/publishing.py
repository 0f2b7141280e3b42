"""For the workflow that publishes: the book's addresses, and notebooks that install the library.

``publishing.py addresses REPOSITORY PAGES`` and ``publishing.py notebooks FOLDER PAGES``, in the root of the
repository.
"""

import sys
from pathlib import Path

from whyresnets import __version__

BRANCH = "notebooks"  # of the repository: the notebooks as Colab and Binder open them
INSTALL = "install"  # the id of the cell that installs the library
NEEDED = "whyresnets[notebook]"  # the library with what a chapter needs
ZIP = "why-residual-networks-train.zip"


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


def write_notebooks(root: Path, folder: Path, wheel: str) -> None:
    """Every notebook for any front end, and what Binder needs, into a new ``folder``."""
    from notebooks import write

    try:
        (folder / ".binder").mkdir(parents=True)
    except FileExistsError as error:
        raise SystemExit(f"{folder} is there already: remove it, or name another folder") from error
    (folder / ".binder" / "requirements.txt").write_text(f"{NEEDED} @ {wheel}\n", encoding="utf-8")
    (folder / ".binder" / "runtime.txt").write_text("python-3.11\n", encoding="utf-8")
    write(root, folder, wheel)


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
            write_notebooks(Path.cwd(), Path(folder), wheel_at(pages))
        case _:
            raise SystemExit("name `addresses REPOSITORY PAGES` or `notebooks FOLDER PAGES`")


if __name__ == "__main__":
    main(sys.argv[1:])
