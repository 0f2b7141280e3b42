"""The computed parts of the pages: ledger, citations, tables of exercises and of costs.

Each part stands in its page between two comments that name it. ``make pages`` (``python -m whyresnets.pages``, in the
root of the repository) writes what the records, CITATION.cff and the table of contents say today; a test compares.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whyresnets import claims, data, report, store, training
from whyresnets.chapters import CHAPTERS, elimination, identity_bias
from whyresnets.claims import Chapter, Claim, Verdict
from whyresnets.report import Table
from whyresnets.training import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BEGIN = "<!-- computed: {} -->"
END = "<!-- end of the computed part -->"
PART = re.compile(re.escape(BEGIN).replace(r"\{\}", "(.+?)") + r".*?" + re.escape(END), re.S)
SCALES = {"laptop": "digits", "workstation": "CIFAR-10, one epoch", "paper": "CIFAR-10, 64,000 steps"}
UNTRAINED = "CIFAR-10, untrained"
WORDS = ("supported", "refuted", "contested", "undecided", "void")
GRADES = ("Warm-up", "Run it", "Design")
EXERCISE = re.compile(r"\{exercise\} (\w[\w -]*): (.+)\n:label: (\S+)")
CORES = 2  # of the machine for which minutes are given (chosen by us)
BUILDS_ON = {  # a chapter -> what a student should know before it
    "degradation": "gradient descent, convolutions, batch normalisation",
    "norm_preservation": "{doc}`degradation`; the chain rule for vectors, norms",
    "identity_bias": "{doc}`degradation`; the variance of a sum",
    "singularities": "eigenvalues of a symmetric matrix, second derivatives",
    "elimination": "{doc}`singularities`; correlation",
}


# --- The ledger ---------------------------------------------------------------------------------


def anchor(claim: Claim) -> str:
    """The label of a claim's entry on the ledger page; its address ends in this, in small letters."""
    return f"claim-{claim.id}"


def verdicts(chapter: Chapter, claim: Claim) -> dict[str, Verdict]:
    """Scale -> the verdict printed there, where there is a record."""
    found = {scale: chapter.printed(claim, scale) for scale in SCALES}
    return {scale: verdict for scale, verdict in found.items() if verdict}


def where(chapter: Chapter, verdict: Verdict, scale: str) -> str:
    """On what a claim was judged at ``scale``, in words."""
    arms = chapter.arms(scale)
    untrained = not any(arms[arm].steps for arm in verdict.claim.arms)
    return UNTRAINED if untrained and scale != "laptop" else SCALES[scale]


def tally() -> str:
    """How many claims got which word at laptop scale: a sentence."""
    words = Counter(chapter.printed(claim).word for chapter in CHAPTERS for claim in chapter.claims)
    counted = ", ".join(f"{words[word]} {word}" for word in WORDS if words[word])
    dropped = sum(len(chapter.dropped) for chapter in CHAPTERS)
    return f"{words.total()} claims stand in the ledger: {counted}. {dropped} more were tried and dropped."


def glance() -> str:
    """Every claim in one row, folded chapter by chapter, each linked to its entry in the ledger."""
    head = ("claim", "what it says", "verdict", "effect [95% interval]", "seeds, data", "where it turns")
    folds = [tally()]
    for chapter in CHAPTERS:
        rows = [_glance_row(chapter, claim) for claim in chapter.claims]
        words = Counter(chapter.printed(claim).word for claim in chapter.claims)
        counted = ", ".join(f"{words[word]} {word}" for word in WORDS if words[word])
        table = Table(head, rows)._repr_markdown_()
        summary = f"<summary>{chapter.title}: {len(rows)} claims, {counted}</summary>"
        folds.append(f"<details>\n{summary}\n\n{table}\n\n</details>")
    return "\n\n".join(folds)


def _glance_row(chapter: Chapter, claim: Claim) -> tuple[str, ...]:
    printed = verdicts(chapter, claim)
    verdict = printed["laptop"]
    elsewhere = [f"{v.n}, {where(chapter, v, scale)}: {v.word}" for scale, v in printed.items() if scale != "laptop"]
    seeds = "; ".join([f"{verdict.n}, {SCALES['laptop']}", *elsewhere])
    named = f"{{ref}}`{claim.id} <{anchor(claim)}>`"
    said = f"{claim.says} ({cited(claim.source)})"
    return named, said, f"**{verdict.word}**", report.shown(verdict.effect), seeds, turns(claim, verdict)


def turns(claim: Claim, verdict: Verdict) -> str:
    """Under which condition a claim was measured to stop holding, in words; "" where none was looked for."""
    if claim.turns_when is None:
        return ""
    (outcomes,) = verdict.measured("turns when")
    holds = all(outcome.status == "past" for outcome in outcomes)
    return f"{claim.turns_when.says}{' (it holds there, too)' if holds else ''}"


def cited(source: str) -> str:
    """A claim's source with its bibliography keys as citations of the page."""
    return re.sub(r"\b([a-z]+\d{4}[a-z]+)\b", r"{cite:t}`\1`", source)


def entries() -> str:
    """The ledger, claim by claim: sentence, source, every condition and control at every scale, limits."""
    parts = []
    for chapter in CHAPTERS:
        parts.append(f"(ledger-{chapter.name})=\n## {chapter.title}")
        parts += [_entry(chapter, claim) for claim in chapter.claims]
    return "\n\n".join(parts)


def _entry(chapter: Chapter, claim: Claim) -> str:
    printed = verdicts(chapter, claim)
    judged = "live, in your own run" if claim.live else "from the record"
    lines = [
        f"({anchor(claim)})=\n### {claim.id}: {printed['laptop'].word}",
        f"*{claim.says}*",
        f"Source: {cited(claim.source)}. Chapter: {{doc}}`{chapter.name}`, judged {judged}.",
    ]
    for scale in SCALES:
        if scale in printed:
            lines.append(_measured(chapter, printed[scale], scale))
    planned = [scale for scale in chapter.larger if claim.id in {c.id for c in chapter.claims_at(scale)}]
    waiting = [SCALES[scale] for scale in planned if scale not in printed]
    if waiting:
        lines.append(f"Planned and not run yet: {'; '.join(waiting)}.")
    if claim.not_shown:
        lines.append(f"**Not shown.** {claim.not_shown}")
    return "\n\n".join(lines)


def _measured(chapter: Chapter, verdict: Verdict, scale: str) -> str:
    """One table: each condition and control of a verdict, with its interval."""
    tests = zip(verdict.claim.roles, verdict.tests, strict=True)
    parts = [("claim", verdict.outcomes), *((f"{role}: {test.says}", outcomes) for (role, test), outcomes in tests)]
    rows = [
        (part if i == 0 else "", str(outcome.condition), report.shown(outcome), outcome.status)
        for part, outcomes in parts
        for i, outcome in enumerate(outcomes)
    ]
    on = where(chapter, verdict, scale)
    head = (f"{on}: **{verdict.word}**", "predicted", f"measured, {verdict.n} seeds", "the interval is")
    alive = "; ".join(f"{arm} below {bar:.3g} nats" for arm, bar in verdict.claim.trains if np.isfinite(bar))
    return Table(head, rows, f"Must train: {alive}." if alive else "")._repr_markdown_()


def dropped() -> str:
    """What was tried and left out, each with its reason."""
    return "\n".join(f"- {reason}" for chapter in CHAPTERS for reason in chapter.dropped)


def measurements() -> list[dict]:
    """Every measured condition of every claim at every scale, flat: the rows of the CSV."""
    return [
        {
            "claim": claim.id,
            "chapter": chapter.name,
            "says": claim.says,
            "source": claim.source,
            "judged": "live" if claim.live else "recorded",
            "scale": scale,
            "verdict": verdict.word,
            "role": role,
            "test": test,
            "effect": outcome.condition.effect.says,
            "side": outcome.condition.side,
            "threshold": outcome.condition.threshold,
            "unit": outcome.condition.unit,
            **_numbers(outcome.interval),
            "interval_is": outcome.status,
        }
        for chapter in CHAPTERS
        for claim in chapter.claims
        for scale, verdict in verdicts(chapter, claim).items()
        for role, test, outcome in _outcomes(verdict)
    ]


def _outcomes(verdict: Verdict) -> Iterable[tuple[str, str, claims.Outcome]]:
    yield from (("claim", "", outcome) for outcome in verdict.outcomes)
    for (role, test), outcomes in zip(verdict.claim.roles, verdict.tests, strict=True):
        yield from ((role, test.says, outcome) for outcome in outcomes)


def _numbers(interval: claims.Interval) -> dict[str, float | int]:
    rounded = {name: float(f"{getattr(interval, name):.6g}") for name in ("mean", "low", "high")}
    return rounded | {"seeds": interval.n}


def as_csv() -> str:
    """The ledger as a table, one line for each measured condition."""
    rows, text = measurements(), io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json() -> str:
    """The ledger as a list of claims, each with its verdicts by scale, and their measured conditions."""
    flat, found = measurements(), []
    about = ("claim", "chapter", "says", "source", "judged")
    measured = ("role", "test", "effect", "side", "threshold", "unit", "mean", "low", "high", "seeds", "interval_is")
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            rows = [row for row in flat if row["claim"] == claim.id]
            scales = {
                scale: {
                    "verdict": verdict.word,
                    "recorded": recorded_on(chapter, scale),
                    "measured": [{k: row[k] for k in measured} for row in rows if row["scale"] == scale],
                }
                for scale, verdict in verdicts(chapter, claim).items()
            }
            found.append({k: rows[0][k] for k in about} | {"not_shown": claim.not_shown, "scales": scales})
    return json.dumps(found, indent=1) + "\n"


def recorded_on(chapter: Chapter, scale: str) -> list[str]:
    """The dates of a record's runs."""
    record = store.record(f"{chapter.name}-{scale}")
    return sorted({about["date"] for about in record.about.values()}) if record else []


# --- Citing -------------------------------------------------------------------------------------


def citation(book: Mapping, address: str = "", number: int = 0, title: str = "", page: str = "") -> str:
    """Plain text and BibTeX for the book or, with ``number``, ``title`` and ``page``, for a chapter of it.

    ``book`` is what CITATION.cff says; ``address`` is where the book stands, where that is known.
    """
    (author,) = (person["name"] for person in book["authors"])
    year, version, where = str(book["date-released"])[:4], book["version"], f"{address}{page}" if address else ""
    chapter = f'"{title}." Chapter {number} of ' if number else ""
    plain = f"{author} ({year}). {chapter}*{book['title']}*, version {version}.{f' {where}' if where else ''}"
    fields = {
        "author": f"{{{author}}}",
        "title": title or book["title"],
        "booktitle": book["title"] if number else "",
        "chapter": str(number or ""),
        "year": year,
        "note": f"Version {version}",
        "url": where,
    }
    kind, key = ("incollection", f"whyresnets-{page.removesuffix('.html')}") if number else ("book", "whyresnets")
    lines = [f"  {name:9} = {{{value}}}" for name, value in fields.items() if value]
    return f"> {plain}\n\n```bibtex\n@{kind}{{{key},\n" + ",\n".join(lines) + "\n}\n```"


def citations(root: Path) -> dict[str, str]:
    """Page -> its citation, from CITATION.cff and the table of contents; "cite" has that of the book."""
    import yaml

    book = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
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
    return re.findall(r"(?:root|file): (\S+)", (root / "book" / "_toc.yml").read_text(encoding="utf-8"))


# --- Teaching -----------------------------------------------------------------------------------


def needs() -> str:
    """Each chapter: what it builds on, what its live run costs, its claims."""
    head = ("chapter", "a student should know", "core-seconds, live", f"minutes on {CORES} cores", "claims", "notebook")
    return Table(head, [_needs(chapter) for chapter in CHAPTERS])._repr_markdown_()


def _needs(chapter: Chapter) -> tuple[str, ...]:
    seconds, live = live_seconds(chapter), sum(claim.live for claim in chapter.claims)
    return (
        f"{{doc}}`{chapter.name}`",
        BUILDS_ON[chapter.name],
        f"{seconds:.0f}",
        f"{seconds / CORES / 60:.1f}",
        f"{len(chapter.claims)} ({live} live)",
        f"{{download}}`notebook <{chapter.name}.ipynb>`",
    )


def live_seconds(chapter: Chapter) -> float:
    """What the live plan cost when its arms were recorded, in core-seconds."""
    recorded = chapter.recorded()
    return sum(float(np.mean(recorded[arm]["seconds"])) * len(seeds) for arm, (_, seeds) in chapter.live().items())


def exercises(root: Path) -> str:
    """All exercises by grade, each linked."""
    rows = []
    for chapter in CHAPTERS:
        text = "\n".join(markdown_cells(root / "book" / f"{chapter.name}.ipynb"))
        found = {grade: f"{{ref}}`{title} <{label}>`" for grade, title, label in EXERCISE.findall(text)}
        rows.append((f"{{doc}}`{chapter.name}`", *(found.get(grade, "") for grade in GRADES)))
    return Table(("chapter", *(grade.lower() for grade in GRADES)), rows)._repr_markdown_()


def markdown_cells(path: Path) -> list[str]:
    """The text of a notebook's Markdown cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


# --- The figure of the front page ---------------------------------------------------------------

INGREDIENTS = ("skip", "BN", "starts near\nthe identity")  # what a net may have
NEAR = 0.95  # a cosine: above it, the blocks of a net start near the identity (chosen by us, between 0.91 and 0.98)
IMAGES = 256  # over which that cosine is taken (chosen by us)
DEEP = {  # fully connected nets of 64 blocks: what they are called -> arm of identity_bias
    "x + f(x), BN in the branch f": "residual, BN-64",
    "the same, BN frozen at the start": "frozen BN-64",
    "x + \u03b1 f(x), \u03b1 = 0 at first (SkipInit)": "SkipInit 0, no BN at all-64",
    "the same, \u03b1 = 1/\u221a64 at first": "SkipInit 1/sqrt(d), no BN at all-64",
    "f(x), BN in every layer": "plain, BN-64",
    "BN(x + f(x))": "BN after the sum-64",
    "(x + f(x)) / \u221a2, BN in the branch": "BN, rescaled-64",
    "(x + f(x)) / \u221a2": "rescaled, no BN at all-64",
    "x + f(x)": "residual, no BN at all-64",
}
SMALL = {  # nets of 20 layers whose signal keeps its size at the start -> arm of elimination
    "identity skips, small branches": "small branches",
    "no skip, weights near the identity": "near-identity, plain",
    "orthogonal skips, branches as large": "orthogonal, kept",
    "identity skips, branches as large": "identity, kept",
    "no skip": "plain, kept",
}


def block_cosine(spec: Spec, seed: int = 0) -> float:
    """How alike what enters and what leaves a block are before training, dimensionless; 1: the same direction.

    The median over blocks of the mean cosine over :data:`IMAGES` training images. Source: ours.
    """
    from torch.nn.functional import cosine_similarity

    begun = training.begin(spec, seed, data.load(spec.data))
    running = begun.running if spec.norm == "frozen" else None
    states = begun.net.states(begun.params, begun.train_set[0][:IMAGES], running=running)
    return float(np.median([float(cosine_similarity(*pair, dim=1).mean()) for pair in pairwise(states)]))


def has(spec: Spec) -> tuple[bool, bool, bool]:
    """Which of :data:`INGREDIENTS` a net has; BN counts if it stands in the blocks."""
    return spec.rule != "plain", spec.norm != "none", block_cosine(spec) > NEAR


def answer_so_far() -> "Figure":
    """Deep nets by what they have, beside whether they train: one dot a recorded seed."""
    from whyresnets import figures

    groups = {}
    for chapter, title, nets in (
        (identity_bias.CHAPTER, "64 blocks, 100 steps", DEEP),
        (elimination.CHAPTER, "20 layers, 300 steps, no normalisation", SMALL),
    ):
        recorded = chapter.recorded()
        groups[title] = [(label, has(chapter.laptop[arm]), recorded[arm]) for label, arm in nets.items()]
    return figures.ingredients(groups, INGREDIENTS)


# --- Into the pages -----------------------------------------------------------------------------


def parts(root: Path) -> dict[str, str]:
    """Name -> text of everything that is computed."""
    cite = {f"citation of {page}": text for page, text in citations(root).items()}
    tables = {
        "tally": tally(),
        "glance": glance(),
        "entries": entries(),
        "dropped": dropped(),
        "needs": needs(),
        "exercises": exercises(root),
        "ledger": report.ledger(CHAPTERS)._repr_markdown_(),
    }
    return tables | cite


def filled(text: str, known: Mapping[str, str]) -> str:
    """``text`` with every computed part as it is today.

    Raises
    ------
    KeyError
        If it names a part that there is not.
    """
    return PART.sub(lambda found: f"{BEGIN.format(found[1])}\n{known[found[1]]}\n{END}", text)


def today(root: Path) -> dict[Path, str]:
    """Every file with computed parts -> what it should hold today."""
    known = parts(root)
    wanted = {root / "book" / "ledger.json": as_json(), root / "book" / "ledger.csv": as_csv()}
    for path in (root / "README.md", *sorted((root / "book").glob("*.md"))):
        wanted[path] = filled(path.read_text(encoding="utf-8"), known)
    for path in sorted((root / "book").glob("*.ipynb")):
        wanted[path] = _filled_notebook(path.read_text(encoding="utf-8"), lambda text: filled(text, known))
    return wanted


def _filled_notebook(text: str, change: Callable[[str], str]) -> str:
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = change("".join(cell["source"])).splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write what is not as it should be today, and name it."""
    root = Path.cwd()
    for path, text in today(root).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.relative_to(root)}")


if __name__ == "__main__":
    main()
