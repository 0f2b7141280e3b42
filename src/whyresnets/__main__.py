"""The command line: ``whyresnets claims``, ``judge``, ``record``, ``bench``. Also ``python -m whyresnets``."""

import argparse
import difflib
import json
import os
import sys
import traceback
from pathlib import Path

import numpy as np

from whyresnets import claims, report, store, sweeps
from whyresnets.chapters import degradation
from whyresnets.claims import Chapter, Claim, NotBuilt
from whyresnets.data import DataMissing

CHAPTERS = (degradation.CHAPTER,)
SCALES = ("smoke", "laptop", "workstation", "paper")


class BadInput(Exception):
    """What the user asked for cannot be done; the message says what to do instead."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status: 0 as printed, 1 some verdict differs, 2 anything else."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (BadInput, NotBuilt, DataMissing, store.RecordDamaged) as error:
        print(f"whyresnets: {error}", file=sys.stderr)
    except OSError as error:
        place = error.filename or "the disk or the output"
        print(f"whyresnets: cannot use {place}: {error.strerror}; free it or name another", file=sys.stderr)
    except KeyboardInterrupt:
        kept = "finished runs are kept, the same command goes on from there"
        lost = "nothing was kept, as --no-cache asked"
        print(f"\nwhyresnets: stopped; {lost if getattr(options, 'no_cache', False) else kept}", file=sys.stderr)
    except Exception:  # a mistake of ours: show all of it, and never the status that means "differs"
        traceback.print_exc()
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="whyresnets", description="Claims about residual networks, judged.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("claims", help="every claim, its source, its printed verdict")
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")
    listing.set_defaults(command=_claims)

    judge = commands.add_parser("judge", help="run what is missing, then judge")
    judge.add_argument("--live", action="store_true", help="every chapter's live plan, and the claims judged from it")
    judge.add_argument("--json", metavar="FILE", help="write the verdicts there")
    judge.add_argument("--no-cache", action="store_true", help="neither read nor keep runs")
    judge.set_defaults(command=_judge)

    record = commands.add_parser("record", help="run and store a record with its provenance")
    record.add_argument("--grid", action="store_true", help="the learning-rate grids instead of the claims")
    record.set_defaults(command=_record)

    for command in (judge, record):
        command.add_argument("claims", nargs="*", metavar="CLAIM")
        command.add_argument("--all", action="store_true", help="every claim")
        command.add_argument("--scale", default="laptop", choices=SCALES)
        command.add_argument("--seeds", type=int, metavar="N")
        command.add_argument("--first-seed", type=int, default=0, metavar="K")
        command.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
        command.add_argument("--jobs", type=int, metavar="N", help="processes; one a core unless said")
        command.add_argument("--backend", default="local", choices=("local", "dask"))
        command.add_argument("--scheduler", metavar="ADDRESS")

    bench = commands.add_parser("bench", help="speed here (not built yet)")
    bench.add_argument("--json", metavar="FILE")
    bench.set_defaults(command=_bench)
    return parser


def _claims(options) -> int:
    rows = [_listed(chapter, claim) for chapter in CHAPTERS for claim in chapter.claims]
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        for row in rows:
            print(f"{row['id']:8} {row['printed_verdict'] or 'not run yet':12} {row['says']}  [{row['source']}]")
    return 0


def _listed(chapter: Chapter, claim: Claim) -> dict:
    printed = chapter.printed(claim)
    return {
        "id": claim.id,
        "chapter": chapter.name,
        "says": claim.says,
        "source": claim.source,
        "predicts": [str(condition) for condition in claim.conditions],
        "printed_verdict": printed.word if printed else None,
        "recorded_with_other_code": chapter.stale(),
    }


def _bench(options) -> int:
    raise NotBuilt("bench is not built yet: use judge, which prints the seconds of every claim")


def _judge(options) -> int:
    if options.live and (options.claims or options.all or options.seeds or options.first_seed):
        raise BadInput("--live has a plan of its own: leave out claims, --all, --seeds and --first-seed")
    if options.live and options.scale != "laptop":
        raise BadInput("--live is at laptop scale: leave out --scale")
    _check(options)
    wanted = _wanted(options, live=options.live)
    if options.json:
        _writable(Path(options.json))
    rows, not_run = [], {}
    for chapter, chosen in wanted:
        plan = chapter.live() if options.live else _plan(chapter, chosen, options)
        runs = _run(chapter, plan, options, cache=not options.no_cache)
        rows += [report.row(chapter, claim, runs, options.scale) for claim in chosen]
        if options.live:
            not_run |= {claim: chapter.printed(claim) for claim in chapter.claims if not claim.live}
    print(report.judged(rows, not_run))
    if options.json:
        text = json.dumps([row.as_json() for row in rows], indent=1)
        Path(options.json).write_text(text + "\n", encoding="utf-8")
    return 1 if any(row.differs for row in rows) else 0


def _check(options) -> None:
    """Refuse what cannot be done before anything is run."""
    if options.seeds is not None and options.seeds < 1:
        raise BadInput(f"--seeds {options.seeds}: name at least 1 seed")
    if options.first_seed < 0:
        raise BadInput(f"--first-seed {options.first_seed}: name 0 or more")
    if options.jobs is not None and options.jobs < 1:
        raise BadInput(f"--jobs {options.jobs}: name at least 1 process")
    if options.backend == "dask" or options.scheduler:
        raise NotBuilt("--backend dask is not built yet: leave out --backend and --scheduler")
    import torch

    cuda = torch.cuda.is_available()
    if options.device == "cuda" and not cuda:
        raise BadInput("--device cuda: torch sees no CUDA device here; use --device cpu")
    # Digits nets are far too small for a GPU: auto is the CPU until a scale needs more.
    options.device = "cpu" if options.device == "auto" else options.device


def _writable(path: Path) -> None:
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        raise BadInput(f"--json {path}: {error.strerror}; name a file that can be written") from error


def _wanted(options, live: bool = False) -> list[tuple[Chapter, list[Claim]]]:
    """The claims asked for, chapter by chapter."""
    known = [claim.id for chapter in CHAPTERS for claim in chapter.claims]
    for name in options.claims:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise BadInput(f"unknown claim {name!r}: did you mean {near}? `whyresnets claims` lists all")
    if not options.claims and not options.all and not live:
        raise BadInput("name one or more claims, or --all; `whyresnets claims` lists them")

    def asked(claim: Claim) -> bool:
        return claim.live if live else options.all or claim.id in options.claims

    chosen = [(chapter, [claim for claim in chapter.claims if asked(claim)]) for chapter in CHAPTERS]
    chosen = [(chapter, some) for chapter, some in chosen if some]
    for chapter, _ in chosen:
        chapter.arms(options.scale)  # refuse a scale that is not built before anything is touched
    return chosen


def _plan(chapter: Chapter, chosen: list[Claim], options, seeds: int | None = None) -> sweeps.Plan:
    """Every arm of the chosen claims with as many seeds as the most demanding of them asks for."""
    specs, plan = chapter.arms(options.scale), {}
    for claim in chosen:
        count = options.seeds or seeds or report.seeds_to_judge(claim, options.scale)
        for arm in claim.arms:
            most = max(count, len(plan[arm][1]) if arm in plan else 0)
            plan[arm] = (specs[arm], range(options.first_seed, options.first_seed + most))
    return plan


def _run(chapter: Chapter, plan: sweeps.Plan, options, cache: bool = True) -> dict:
    """Say what it will cost, then run what is missing."""
    jobs = options.jobs or sweeps.cores()
    missing = sweeps.missing(plan, options.device, cache)
    total = sum(len(seeds) for _, seeds in plan.values())
    seconds = {runs.spec: float(np.mean(runs["seconds"])) for runs in chapter.recorded().values()}
    known = [seconds[spec] for spec, _ in missing if spec in seconds]
    cost = f"{total} runs asked for, {len(missing)} to do"
    if missing and len(known) == len(missing):
        cost += f", about {sum(known) / jobs / 60:.1f} minutes with {jobs} at a time"
    print(f"{chapter.title}: {cost}", file=sys.stderr)
    return sweeps.run(plan, jobs, options.device, chapter.title, cache)


def _record(options) -> int:
    if options.grid and (options.claims or options.seeds or options.first_seed or options.scale != "laptop"):
        raise BadInput("--grid records all grids at laptop scale: leave out claims, --seeds, --first-seed and --scale")
    options.all = options.all or options.grid
    _check(options)
    wanted = _wanted(options)
    if not os.access(store.RECORDS if store.RECORDS.exists() else store.RECORDS.parent, os.W_OK):
        raise BadInput(f"the folder of records, {store.RECORDS}, cannot be written: install with pip install -e .")
    for chapter, chosen in wanted:
        plan = _grid(chapter) if options.grid else _plan(chapter, chosen, options, claims.RECORD_SEEDS)
        if options.all and not options.grid:  # the arms that are shown only, too
            seeds = next(iter(plan.values()))[1]
            plan |= {arm: (spec, seeds) for arm, spec in chapter.arms(options.scale).items() if arm not in plan}
        runs = _run(chapter, plan, options)
        name = f"{chapter.name}-{'grid' if options.grid else options.scale}"
        print(f"recorded {len(runs)} arms in {store.write_record(name, list(runs.values()), options.device)}")
    return 0


def _grid(chapter: Chapter) -> sweeps.Plan:
    """Five tuning seeds a rate, three where a run is long."""
    return {
        f"{arm} at {spec.rate:g}": (spec, range(10000, 10003 if spec.steps > 500 else 10005))
        for arm, specs in chapter.grid.items()
        for spec in specs
    }


if __name__ == "__main__":
    sys.exit(main())
