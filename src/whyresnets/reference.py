"""For the page of the library: turns this package's docstrings into what Sphinx can show.

Named in ``_config.yml`` as an extension. In a docstring, "Attributes" is followed by lines ``name : what it is``,
"Raises" and the like by definitions; both become lists under a bold word.
"""

import re

SECTION = re.compile(r"^(Attributes|Parameters|Returns|Raises)$")
ENTRY = re.compile(r"^(\w[\w, ]*) : (.+)$")


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


def setup(app) -> dict[str, bool]:
    """What Sphinx calls to load this module."""
    app.connect("autodoc-process-docstring", lambda _app, _what, _name, _thing, _options, lines: _replace(lines))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _replace(lines: list[str]) -> None:
    lines[:] = as_lists(lines)
