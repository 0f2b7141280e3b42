"""The computed parts of the pages: ledger, citations, tables of exercises and of costs.

Each part stands in its page between two comments that name it. ``make pages`` (``python -m whyresnets.pages``, in the
root of the repository) writes what the records, CITATION.cff and the table of contents say today; a test compares.
"""

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whyresnets import claims, data, report, store, training
from whyresnets.chapters import CHAPTERS, elimination, identity_bias, norm_preservation
from whyresnets.claims import Chapter, Claim, Verdict
from whyresnets.report import Table
from whyresnets.training import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BEGIN = "<!-- computed: {} -->"
END = "<!-- end of the computed part -->"
PART = re.compile(r"<!-- computed: ([^\n]+?) -->(?:(?!<!-- computed: ).)*?" + re.escape(END), re.S)
SCALES = {"laptop": "digits", "workstation": "CIFAR-10, one epoch", "paper": "CIFAR-10, 64,000 steps"}
UNTRAINED = "CIFAR-10, untrained"
DATA = {  # at laptop scale
    "digits": "digits",
    "digits-4x4": "digits of 4 by 4 pixels",
    "gaussian-2": "random points",
    "gaussian-4": "random points",
}
WORDS = ("supported", "refuted", "contested", "undecided", "void")
GRADES = ("Warm-up", "Run it", "Design")
EXERCISE = re.compile(r"\{exercise\} (\w[\w -]*): (.+)\n:label: (\S+)")
CORES = 2  # of the machine for which minutes are given (chosen by us)


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
    specs = [chapter.arms(scale)[arm] for arm in verdict.claim.arms]
    if scale == "laptop":
        return ", ".join(dict.fromkeys(DATA[spec.data] for spec in specs))
    return SCALES[scale] if any(spec.steps for spec in specs) else UNTRAINED


def tally() -> str:
    """How many claims got which word at laptop scale: a sentence."""
    words = Counter(_word(chapter, claim) for chapter in CHAPTERS for claim in chapter.claims)
    counted = _counted(words)
    dropped = sum(len(chapter.dropped) for chapter in CHAPTERS)
    return f"{words.total()} claims stand in the ledger: {counted}. {dropped} more were tried and dropped."


def _word(chapter: Chapter, claim: Claim) -> str:
    verdict = chapter.printed(claim)
    return verdict.word if verdict else report.NOT_RUN


def _counted(words: Counter) -> str:
    return ", ".join(f"{words[word]} {word}" for word in (*WORDS, report.NOT_RUN) if words[word])


def glance() -> str:
    """Every claim in one row, folded chapter by chapter, each linked to its entry in the ledger."""
    head = ("claim", "what it says", "verdict", "effect [95% interval]", "seeds, data", "where it turns")
    folds = [tally()]
    for chapter in CHAPTERS:
        rows = [_glance_row(chapter, claim) for claim in chapter.claims]
        counted = _counted(Counter(_word(chapter, claim) for claim in chapter.claims))
        table = Table(head, rows)._repr_markdown_()
        summary = f"<summary>{chapter.title}: {len(rows)} claims, {counted}</summary>"
        folds.append(f"<details>\n{summary}\n\n{table}\n\n</details>")
    return "\n\n".join(folds)


def _glance_row(chapter: Chapter, claim: Claim) -> tuple[str, ...]:
    named = f"{{ref}}`{claim.id} <{anchor(claim)}>`"
    said = f"{claim.says} ({cited(claim.source)})"
    printed = verdicts(chapter, claim)
    if "laptop" not in printed:
        return named, said, report.NOT_RUN, "", "", ""
    verdict = printed["laptop"]
    elsewhere = [f"{v.n}, {where(chapter, v, scale)}: {v.word}" for scale, v in printed.items() if scale != "laptop"]
    seeds = "; ".join([f"{verdict.n}, {where(chapter, verdict, 'laptop')}", *elsewhere])
    return named, said, f"**{verdict.word}**", report.shown(verdict.effect), seeds, turns(claim, verdict)


def turns(claim: Claim, verdict: Verdict) -> str:
    """Under which condition a claim was measured to stop holding, in words; "" where none was looked for."""
    if claim.turns_when is None:
        return ""
    (outcomes,) = verdict.measured("turns when")
    words = {outcome.status for outcome in outcomes}
    told = "" if "short" in words else " (it holds there, too)" if words == {"past"} else " (undecided there)"
    return claim.turns_when.says + told


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
        f"({anchor(claim)})=\n### {claim.id}: {_word(chapter, claim)}",
        f"*{claim.says}*",
        f"Source: {cited(claim.source)}. Chapter: {{doc}}`{chapter.name}`, judged {judged}.",
    ]
    for scale in SCALES:
        if scale in printed:
            lines.append(_measured(chapter, printed[scale], scale))
    if waiting := _waiting(chapter, claim):
        lines.append(f"Planned and not run yet: {'; '.join(SCALES[scale] for scale in waiting)}.")
    if claim.not_shown:
        lines.append(f"**Not shown.** {claim.not_shown}")
    return "\n\n".join(lines)


def _waiting(chapter: Chapter, claim: Claim) -> list[str]:
    """The scales at which a claim is planned and has no record."""
    planned = ["laptop", *(s for s in chapter.larger if claim.id in {c.id for c in chapter.claims_at(s)})]
    return [scale for scale in planned if scale not in verdicts(chapter, claim)]


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
            **_about(chapter, claim),
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


def _about(chapter: Chapter, claim: Claim) -> dict[str, str]:
    judged = "live" if claim.live else "recorded"
    return {"claim": claim.id, "chapter": chapter.name, "says": claim.says, "source": claim.source, "judged": judged}


def _outcomes(verdict: Verdict) -> Iterable[tuple[str, str, claims.Outcome]]:
    yield from (("claim", "", outcome) for outcome in verdict.outcomes)
    for (role, test), outcomes in zip(verdict.claim.roles, verdict.tests, strict=True):
        yield from ((role, test.says, outcome) for outcome in outcomes)


def _numbers(interval: claims.Interval) -> dict[str, float | int]:
    values = {name: getattr(interval, name) for name in ("mean", "low", "high")}
    rounded = {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in values.items()}
    return rounded | {"seeds": interval.n}


def as_csv() -> str:
    """The ledger as a table, one line for each measured condition."""
    rows, text = measurements(), io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json() -> str:
    """The ledger: every claim with its verdicts by scale and all that decides them, what was dropped, the version."""
    flat, found = measurements(), []
    measured = ("role", "test", "effect", "side", "threshold", "unit", "mean", "low", "high", "seeds", "interval_is")
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            rows = [row for row in flat if row["claim"] == claim.id]
            scales = {
                scale: {
                    "verdict": verdict.word,
                    "recorded": recorded_on(chapter, scale),
                    "data": where(chapter, verdict, scale),
                    "must_train": {arm: bar if np.isfinite(bar) else None for arm, bar in verdict.claim.trains},
                    "dead": list(verdict.dead),
                    "diverged": verdict.diverged,
                    "measured": [{k: row[k] for k in measured} for row in rows if row["scale"] == scale],
                }
                for scale, verdict in verdicts(chapter, claim).items()
            }
            found.append(
                _about(chapter, claim)
                | {"not_shown": claim.not_shown, "scales": scales, "not_run_yet": _waiting(chapter, claim)}
            )
    whole = {"version": store.versions()["whyresnets"], "claims": found}
    whole["dropped"] = [reason for chapter in CHAPTERS for reason in chapter.dropped]
    return json.dumps(whole, indent=1, allow_nan=False) + "\n"


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
    year, version, where = (
        str(book["date-released"])[:4],
        book["version"],
        f"{address.rstrip('/')}/{page}" if address else "",
    )
    chapter = f'"{title}." Chapter {number} of ' if number else ""
    plain = f"{author} ({year}). {chapter}{book['title']}, version {version}.{f' {where}' if where else ''}"
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
    return f"```text\n{plain}\n```\n\n```bibtex\n@{kind}{{{key},\n" + ",\n".join(lines) + "\n}\n```"


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
    import yaml

    toc = yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


# --- Teaching -----------------------------------------------------------------------------------


def needs() -> str:
    """Each chapter: what it builds on, what its live run costs, its claims."""
    head = ("chapter", "a student should know", "core-seconds, live", f"minutes on {CORES} cores", "claims", "notebook")
    return Table(head, [_needs(chapter) for chapter in CHAPTERS])._repr_markdown_()


def _needs(chapter: Chapter) -> tuple[str, ...]:
    seconds, live = live_seconds(chapter), sum(claim.live for claim in chapter.claims)
    return (
        f"{{doc}}`{chapter.name}`",
        chapter.builds_on,
        f"{seconds:.0f}",
        f"{seconds / CORES / 60:.1f}",
        f"{len(chapter.claims)} ({live} live)",
        f"{{download}}`notebook <{chapter.name}.ipynb>`",
    )


def live_seconds(chapter: Chapter) -> float:
    """What the live plan cost when its arms were recorded, in core-seconds."""
    live, recorded = chapter.live(), chapter.recorded()
    return sum(float(np.mean(recorded[arm]["seconds"])) * len(live[arm][1]) for arm in live if arm in recorded)


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

INGREDIENTS = ("skip", "BN")  # what a net may have
NEAR = 0.95  # a cosine: above it, the blocks of a net start near the identity (chosen by us)
IMAGES = 256  # over which that cosine is taken (chosen by us)
# Title -> what a net is called -> its chapter and arm. Of every kind of deep net in these chapters one, and those that
# speak against the rule that nets train which start near the identity.
NETS = {
    "64 blocks, 100 steps (the last two: 200)": {
        "x + f(x), BN in the branch f": (identity_bias, "residual, BN-64"),
        "the same, BN frozen at the start": (identity_bias, "frozen BN-64"),
        "x + \u03b1 f(x), \u03b1 = 0 at first (SkipInit)": (identity_bias, "SkipInit 0, no BN at all-64"),
        "the same, \u03b1 = 1/\u221a64 at first": (identity_bias, "SkipInit 1/sqrt(d), no BN at all-64"),
        "x + f(x)": (identity_bias, "residual, no BN at all-64"),
        "(x + f(x)) / \u221a2": (identity_bias, "rescaled, no BN at all-64"),
        "(x + f(x)) / \u221a2, BN in the branch": (identity_bias, "BN, rescaled-64"),
        "BN(x + f(x))": (identity_bias, "BN after the sum-64"),
        "f(x), BN in every layer": (identity_bias, "plain, BN-64"),
        "rotations and absolute values": (norm_preservation, "fold, kept-66"),
        "rotations alone (a linear function)": (norm_preservation, "rotate, kept-66"),
    },
    "20 layers, 300 steps, size of the signal kept": {
        "identity skips, small branches": (elimination, "small branches"),
        "no skip, weights near the identity": (elimination, "near-identity, plain"),
        "the same skip for all units": (elimination, "one skip for all"),
        "identity skips": (elimination, "identity, kept"),
        "no skip": (elimination, "plain, kept"),
        "orthogonal skips": (elimination, "orthogonal, kept"),
        "no skip, tanh in place of ReLU": (elimination, "plain, tanh"),
    },
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


def has(spec: Spec) -> tuple[bool, bool]:
    """Which of :data:`INGREDIENTS` a net has; BN counts if it stands in the blocks."""
    return spec.rule != "plain", spec.norm != "none"


def answer_so_far() -> "Figure":
    """Deep nets by what they have and how near the identity they start, beside whether they train."""
    from whyresnets import figures

    chapters = {chapter for nets in NETS.values() for chapter, _ in nets.values()}
    recorded = {chapter: chapter.CHAPTER.recorded() for chapter in chapters}
    groups = {
        title: [
            figures.Net(label, has(spec := chapter.CHAPTER.laptop[arm]), block_cosine(spec), recorded[chapter][arm])
            for label, (chapter, arm) in nets.items()
        ]
        for title, nets in NETS.items()
    }
    return figures.ingredients(groups, INGREDIENTS, NEAR)


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
    ValueError
        If a part has no end, or an end no beginning.
    """
    found = len(PART.findall(text))
    if not found == text.count(BEGIN.split("{}")[0]) == text.count(END):
        raise ValueError(f"a computed part begins and does not end, or ends and does not begin, after: {text[:60]!r}")
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
    if not any(END in cell for cell in ("".join(cell["source"]) for cell in notebook["cells"])):
        return text
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
