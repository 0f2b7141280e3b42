"""What the book's references lead to, for a text that Sphinx does not render."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from docutils.nodes import make_id
from pybtex.database import Entry, parse_file

from citing import listed

TARGET = re.compile(r"^\((.+)\)=\s*\n+#+ (.+)$", re.M)
LABEL = re.compile(r"\{exercise\} (.+)\n:label: (\S+)")
FIGURE = re.compile(r"^`{3,}\{figure\}.*?^`{3,}$", re.M | re.S)
CLAIM = re.compile(r"\[([A-Z]+\d*-\w+)\](?!\()")
TITLED = re.compile(r"(.*?)\s*<([^<>]+)>", re.S)
ARTICLE = {"doi": "https://doi.org/{}", "eprint": "https://arxiv.org/abs/{}", "url": "{}"}  # the first that it has


@dataclass(frozen=True)
class Book:
    """What a reference can name, and where the book stands.

    Attributes
    ----------
    address : of the book, with a slash at its end; empty where it is not known
    titles : page -> its title
    labels : label -> its page and the title below it
    figures : label -> its page and number
    works : key -> the entry of the bibliography
    """

    address: str
    titles: dict[str, str]
    labels: dict[str, tuple[str, str]]
    figures: dict[str, tuple[str, int]]
    works: dict[str, Entry]

    @classmethod
    def read(cls, root: Path) -> "Book":
        """The book in the repository ``root``."""
        address = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]
        works = dict(parse_file(root / "book" / "references.bib").entries)
        book = cls(address and address.rstrip("/") + "/", {}, {}, {}, works)
        for page in listed(root):
            book._add(page, *_text_and_figures(root / "book", page))
        return book

    def link(self, text: str, page: str, anchor: str = "") -> str:
        """A link to a page of the book, or its text alone where the book's address is not known."""
        place = f"#{make_id(anchor)}" if anchor else ""
        return f"[{text}]({self.address}{page}.html{place})" if self.address else text

    def with_claims(self, text: str) -> str:
        """``text`` in which a claim in square brackets, such as [HE1-1], leads to its row on the evidence page."""
        return CLAIM.sub(self._claim, text)

    def _claim(self, found: re.Match) -> str:
        page, _ = self.labels.get(f"evidence-{found[1]}", ("", ""))
        return self.link(found[0], page, f"evidence-{found[1]}") if page else found[0]

    def _add(self, page: str, text: str, figures: list[str]) -> None:
        self.titles[page] = re.search(r"^# (.+)$", text, re.M)[1]
        self.labels.update({label: (page, title) for label, title in TARGET.findall(text)})
        self.labels.update({label: (page, title) for title, label in LABEL.findall(text)})
        for name in figures:
            number = len(self.figures) + 1
            self.figures[name or f"figure {number}"] = (page, number)


def _text_and_figures(folder: Path, page: str) -> tuple[str, list[str]]:
    """The text of a page, and the names of its figures in their order, empty for one without a name."""
    path = folder / f"{page}.ipynb"
    if not path.exists():
        text = (folder / f"{page}.md").read_text(encoding="utf-8")
        return text, [(re.search(r"^:name: (\S+)", found, re.M) or ["", ""])[1] for found in FIGURE.findall(text)]
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    drawn = [cell["metadata"].get("mystnb", {}).get("figure") for cell in cells]
    return "\n\n".join(texts), [figure.get("name", "") for figure in drawn if figure]


# --- Roles --------------------------------------------------------------------------------------


def role(book: Book, name: str, content: str) -> str:
    """What ``{name}`content``` says in plain Markdown.

    Raises
    ------
    ValueError
        If there is no such role here, or nothing in the book that is called so.
    """
    if name not in ROLES:
        raise ValueError(f"a notebook has no form for the role {{{name}}}: use one of {', '.join(ROLES)}")
    titled = TITLED.fullmatch(content)
    title, target = titled.groups() if titled else ("", content)
    try:
        return ROLES[name](book, title, target)
    except KeyError as error:
        raise ValueError(f"{{{name}}}`{content}` leads to nothing in the book") from error


def _page(book: Book, title: str, page: str) -> str:
    return book.link(title or book.titles[page], page)


def _label(book: Book, title: str, label: str) -> str:
    page, below = book.labels[label]
    return book.link(title or below, page, label)


def _figure(book: Book, title: str, label: str) -> str:
    page, number = book.figures[label]
    return book.link((title or "Figure %s").replace("%s", str(number)), page, label)


def _works(before: str, between: str, after: str) -> Callable[[Book, str, str], str]:
    """A role that names works: what stands before all of them, around a year, and after all."""

    def named(book: Book, _title: str, keys: str) -> str:
        works = [book.works[key.strip()] for key in keys.split(",")]
        texts = [_linked(f"{_authors(work)}{between.format(work.fields['year'])}", work) for work in works]
        return f"{before}{'; '.join(texts)}{after}"

    return named


def _authors(work: Entry) -> str:
    names = [" ".join([*person.prelast_names, *person.last_names]) for person in work.persons["author"]]
    names = [name.strip("{}") for name in names]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


def _linked(text: str, work: Entry) -> str:
    """The text as a link to the article, where the bibliography knows one."""
    where = next((form.format(work.fields[field]) for field, form in ARTICLE.items() if field in work.fields), "")
    return f"[{text}]({where})" if where else text


ROLES = {
    "doc": _page,
    "ref": _label,
    "numref": _figure,
    "cite": _works("(", ", {}", ")"),
    "cite:p": _works("(", ", {}", ")"),
    "cite:t": _works("", " ({})", ""),
    "math": lambda _book, _title, formula: f"${formula}$",
}
