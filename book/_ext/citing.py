"""How the book and its chapters are cited, from CITATION.cff and the table of contents."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from whyresnets.chapters import CHAPTERS

import versioning


def citation(book: Mapping, address: str = "", number: int = 0, title: str = "", page: str = "") -> str:
    """Plain text and BibTeX for the book or, with ``number``, ``title`` and ``page``, for a chapter of it.

    ``book`` is what CITATION.cff says; ``address`` is where the book stands, where that is known.
    """
    (author,) = (person["name"] for person in book["authors"])
    year, version, where = (
        str(book["date-released"])[:4],
        book["version"],
        f"{address.rstrip('/')}/{page}" if address else "",
    )
    kind = "development version" if ".dev" in version else "version"
    ends = "" if title.endswith("?") else "."
    chapter = f'"{title}{ends}" Chapter {number} of ' if number else ""
    plain = f"{author} ({year}). {chapter}{book['title']}, {kind} {version}.{f' {where}' if where else ''}"
    fields = {
        "author": f"{{{author}}}",
        "title": title or book["title"],
        "booktitle": book["title"] if number else "",
        "chapter": str(number or ""),
        "year": year,
        "note": f"{kind.capitalize()} {version}",
        "url": where,
    }
    entry, key = ("incollection", f"whyresnets-{page.removesuffix('.html')}") if number else ("book", "whyresnets")
    lines = [f"  {name:9} = {{{value}}}" for name, value in fields.items() if value]
    return f"```text\n{plain}\n```\n\n```bibtex\n@{entry}{{{key},\n" + ",\n".join(lines) + "\n}\n```"


def citations(root: Path) -> dict[str, str]:
    """Page -> its citation, from CITATION.cff and the table of contents; "cite" has that of the book."""
    said = (root / "CITATION.cff").read_text(encoding="utf-8")
    book = yaml.safe_load(versioning.cited(said, versioning.with_today(versioning.kept(root))))
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    address = settings["html"]["baseurl"]
    titles = {chapter.name: chapter.title for chapter in CHAPTERS}
    pages = [name for name in listed(root) if name in titles]
    of_chapters = {
        name: citation(book, address, number, titles[name], f"{name}.html") for number, name in enumerate(pages, 1)
    }
    return of_chapters | {"cite": citation(book, address)}


def listed(root: Path) -> list[str]:
    """The pages of the table of contents, in its order."""
    toc = yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]
