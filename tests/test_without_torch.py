"""Where torch cannot be had, records are still read, judged, tabulated and drawn."""

import json
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

from whyresnets.chapters import CHAPTERS

ROOT = Path(__file__).parents[1]
ROOMS = (
    "stats", "spec", "kinds", "claims.effects", "claims.quantities", "claims.verdicts", "bed", "chapter", "chapters",
    "store.records", "exercises", "report", "figures",
)  # fmt: skip
ABSENT = textwrap.dedent(
    """
    import importlib, json, sys

    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in ("torch", "torchvision"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Absent())
    """
)


def without_torch(script: str) -> str:
    """What a script prints in a process in which `import torch` fails."""
    done = subprocess.run([sys.executable, "-c", ABSENT + script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_torch_is_absent_there():
    caught = "try:\n    import torch\nexcept ModuleNotFoundError as error:\n    print(error)"
    assert without_torch(caught) == "No module named 'torch'\n"


def test_what_reads_judges_and_draws_records_imports():
    script = f"for room in {ROOMS}:\n    importlib.import_module('whyresnets.' + room)\nprint('torch' in sys.modules)"
    assert without_torch(script) == "False\n"


def test_the_packages_that_the_page_names_are_enough():
    """On an Intel Mac; "Running the book" names them, and the library's other requirements are not asked for."""
    (named,) = re.findall(r"pip install (numpy [a-z ]+)\n", (ROOT / "book" / "running.md").read_text())
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[\w-]+", wanted)[0].replace("scikit-learn", "sklearn") for wanted in declared}
    script = textwrap.dedent(
        """
        import whyresnets.exercises, whyresnets.figures, whyresnets.report
        from whyresnets.chapters import CHAPTERS
        CHAPTERS[0].printed(CHAPTERS[0].claims[0])
        print(*sys.modules)
        """
    )
    assert names & set(without_torch(script).split()) <= set(named.split())


def test_claims_are_judged_from_their_records_with_the_printed_words():
    """Every claim, at every scale that has a record; a sentence of each, too."""
    script = textwrap.dedent(
        """
        from whyresnets.chapters import CHAPTERS

        found = {}
        for chapter in CHAPTERS:
            for scale in ("laptop", *chapter.larger):
                for claim in chapter.claims:
                    if verdict := chapter.printed(claim, scale):
                        found[f"{claim.id} {scale}"] = [verdict.word, verdict.reason, str(verdict.effect.condition)]
        print(json.dumps(found))
        """
    )
    found = json.loads(without_torch(script))
    assert len(found) > sum(len(chapter.claims) for chapter in CHAPTERS)
    for chapter in CHAPTERS:
        for scale in ("laptop", *chapter.larger):
            for claim in chapter.claims:
                if verdict := chapter.printed(claim, scale):
                    condition = str(verdict.effect.condition)
                    assert found.pop(f"{claim.id} {scale}") == [verdict.word, verdict.reason, condition]
    assert not found
