"""Which words each version printed: a version is cited for its verdicts, so it never stands for two ledgers.

``book/versions.json`` keeps version -> its date and its words, oldest first; ``make pages`` adds a version that is not
in it yet and never changes one that is.
"""

import datetime
import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from whyresnets import __version__
from whyresnets.chapters import CHAPTERS
from whyresnets.report import NOT_RUN

import ledger

WITHDRAWN = "withdrawn"
ROW = re.compile(r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \| [^|]+ \| ([\w.]+)", re.M)  # claim, old, new, why, version
RAISE = "raise __version__ in src/whyresnets/__init__.py, tell what changed in CHANGELOG.md, then `make pages`"


def printed() -> dict[str, str]:
    """Claim -> the word that is printed today; of a larger scale, "CLAIM, SCALE"."""
    words = {}
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            words[claim.id] = NOT_RUN
            for scale, verdict in ledger.verdicts(chapter, claim).items():
                words[claim.id if scale == "laptop" else f"{claim.id}, {scale}"] = verdict.word
    return words


def kept(root: Path) -> dict[str, dict]:
    """Version -> what it printed: "date" and "words"."""
    return json.loads((root / "book" / "versions.json").read_text(encoding="utf-8"))


def with_today(versions: Mapping[str, dict]) -> dict[str, dict]:
    """``versions``, and this one with today's words where it is not among them."""
    new = {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "words": printed()}
    return {**versions} if __version__ in versions else {**versions, __version__: new}


def cited(text: str, versions: Mapping[str, dict]) -> str:
    """``text`` of CITATION.cff with this version and its date."""
    text = re.sub(r"^version: .*$", f"version: {__version__}", text, flags=re.M)
    return re.sub(r"^date-released: .*$", f"date-released: {versions[__version__]['date']}", text, flags=re.M)


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Claim, old word, new word, where both were printed and differ; a claim that is gone is withdrawn."""
    ran = {claim: word for claim, word in old.items() if word not in (NOT_RUN, WITHDRAWN)}
    words = [(claim, word, new.get(claim, WITHDRAWN)) for claim, word in ran.items()]
    return [(claim, word, now) for claim, word, now in words if now != word]


def objections(version: str, today: Mapping[str, str], versions: Mapping[str, dict], changelog: str) -> list[str]:
    """What is wrong with a version, the words printed under it, or what the changelog says of them; a sentence each."""
    *_, last = versions
    if version != last:
        return [f"version {version} is not the last of book/versions.json, {last}: {RAISE}"]
    words = versions[version]["words"]
    if today != words:
        differ = sorted(claim for claim in {*today, *words} if today.get(claim) != words.get(claim))
        told = [f"{claim} was {words.get(claim, 'not there')}, is {today.get(claim, WITHDRAWN)}" for claim in differ]
        return [f"version {version} was printed with other words ({'; '.join(told)}): {RAISE}"]
    section = changelog.split("## Verdicts that changed", 1)[1].split("\n## ", 1)[0]
    rows = {row.groups() for row in ROW.finditer(section)}
    wrong = []
    for before, after in pairwise(versions):
        for change in changes(versions[before]["words"], versions[after]["words"]):
            if (*change, after) not in rows:
                row = f"| {' | '.join(change)} | why | {after} |"
                wrong.append(f'CHANGELOG.md lacks a line under "Verdicts that changed": {row}')
    for name, about in versions.items():
        if f"\n## {name} - {about['date']}\n" not in changelog:
            wrong.append(f"CHANGELOG.md lacks a section of version {name}: ## {name} - {about['date']}")
    return wrong


def as_json(versions: Mapping[str, dict]) -> str:
    """The text of ``book/versions.json``: a line for each version's words."""
    lines = [f" {json.dumps(name)}: {json.dumps(about)}" for name, about in versions.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
