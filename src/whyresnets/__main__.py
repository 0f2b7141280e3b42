"""The command line: ``whyresnets claims``, ``judge``, ``record``, ``bench``. Also ``python -m whyresnets``."""

import argparse
import contextlib
import difflib
import importlib.util
import math
import os
import sys
import time
import traceback
from pathlib import Path

from whyresnets import __version__, checks, recording, report, sweeps
from whyresnets.chapter import Chapter, NotBuilt
from whyresnets.chapters import CHAPTERS
from whyresnets.claims.verdicts import Claim
from whyresnets.data import DataMissing
from whyresnets.files import STANDARD_OUTPUT, as_text, refuse_unwritable, write_json
from whyresnets.store import cache, records

MOST_SEEDS = 1000  # more are a slip of the finger (chosen by us)
LARGEST_SEED = 10**9  # more does not fit every generator with its offsets (chosen by us)
SCALES = ("smoke", "laptop", "workstation", "paper")
BESIDE = "-: on standard output, the tables on standard error"
WORKERS = (
    ("--device", {"default": "auto", "choices": ("auto", "cpu", "cuda")}),
    (
        "--jobs",
        {"type": int, "metavar": "N", "help": "processes; unless said, WHYRESNETS_JOBS, or one per core and 1.1 GB"},
    ),
    (
        "--backend",
        {"default": "local", "choices": ("local", "dask"), "help": "dask: the workers of a cluster train"},
    ),
    ("--scheduler", {"metavar": "ADDRESS", "help": "of dask, such as tcp://127.0.0.1:8786"}),
    ("--minutes", {"type": float, "metavar": "N", "help": "stop after so many; the same command goes on"}),
)


class BadInput(Exception):
    """What the user asked for cannot be done; the message says what to do instead."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status: 0 as printed, 1 some verdict differs, 2 anything else."""
    options = argparse.Namespace()
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    try:
        _parser().parse_args(arguments, options)
        options.output = sys.stdout
        with contextlib.redirect_stdout(sys.stderr) if _json_alone(options) else contextlib.nullcontext():
            status = options.command(options)
        sys.stdout.flush()  # here, so that a full disk behind the output is reported below
        return status
    except (BadInput, NotBuilt, DataMissing, records.RecordDamaged, sweeps.BadNumber, sweeps.OtherCode) as error:
        print(f"whyresnets: {error}", file=sys.stderr)
    except sweeps.WorkerLost as error:
        print(f"whyresnets: {error}; {_what_is_kept(options)}", file=sys.stderr)
    except cache.OutOfTime:
        print(f"whyresnets: {options.minutes:g} minutes are over; {_what_is_kept(options)}", file=sys.stderr)
    except BrokenPipeError:  # `whyresnets claims | head`: nobody is listening any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        place = error.filename or "the disk or the output"
        print(f"whyresnets: cannot use {place}: {error.strerror or error}; {_remedy(place)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\nwhyresnets: stopped; {_what_is_kept(options)}", file=sys.stderr)
    except Exception:  # a mistake of ours: show all of it, and never the status that means "differs"
        traceback.print_exc()
    return 2


def _json_alone(options) -> bool:
    """Whether standard output is for JSON and nothing else, so that all that is printed besides goes elsewhere."""
    return getattr(options, "json", None) in STANDARD_OUTPUT


def _what_is_kept(options) -> str:
    if not hasattr(options, "jobs"):  # a command that trains nothing for the cache
        return "nothing was to be kept"
    if getattr(options, "no_cache", False):
        return "nothing was kept, as --no-cache asked"
    return "finished runs are kept, and checkpoints of long ones: the same command goes on from there"


def _remedy(place: str) -> str:
    inside = str(place).startswith(str(cache.cache_folder().parent))
    return "free it or name another folder in WHYRESNETS_CACHE" if inside else "free it or name another"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str):
        raise BadInput(f"{message}; the same command with --help lists what there is")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="whyresnets", description="Claims about residual networks, judged.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"whyresnets {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_claims(commands.add_parser("claims", help="every claim, its source, its printed verdict", allow_abbrev=False))
    _add_judge(commands.add_parser("judge", help="train what is not in the cache, then judge", allow_abbrev=False))
    told = "for authors: run, and write the shipped record anew"
    _add_record(commands.add_parser("record", help=told, allow_abbrev=False))
    told = "training throughput here beside a plain loop"
    _add_bench(commands.add_parser("bench", help=told, allow_abbrev=False))
    return parser


def _add_claims(command: argparse.ArgumentParser) -> None:
    told = "as JSON, in a file or, without one, on standard output"
    command.add_argument("--json", nargs="?", const=STANDARD_OUTPUT[0], metavar="FILE", help=told)
    command.set_defaults(command=_claims)


def _add_judge(command: argparse.ArgumentParser) -> None:
    command.add_argument("--live", action="store_true", help="what `make book` runs: every chapter's live plan")
    command.add_argument("--json", metavar="FILE", help=f"write the verdicts there; {BESIDE}")
    command.add_argument("--no-cache", action="store_true", help="neither read nor keep runs")
    _add_runs(command)
    command.set_defaults(command=_judge)


def _add_record(command: argparse.ArgumentParser) -> None:
    command.add_argument("--grid", action="store_true", help="the learning-rate grids instead of the claims")
    told = "this arm alone, such as 'plain-56'; may be said several times"
    command.add_argument("--arm", action="append", metavar="NAME", dest="arms", help=told)
    told = "run nothing; drop from the records what no arm and no grid is made of any more"
    command.add_argument("--drop-unused", action="store_true", help=told)
    told = "run some seeds of every record again; mark what comes out bit for bit alike"
    command.add_argument("--confirm", action="store_true", help=told)
    told = f"run every entry, {recording.SHORT} steps at most, and write that there, for --confirm --against"
    command.add_argument("--rehearse", metavar="FILE", help=told)
    told = "with --confirm, on another processor than the record's: what --rehearse of the code that last vouched wrote"
    command.add_argument("--against", metavar="FILE", help=told)
    _add_runs(command)
    command.set_defaults(command=_record)


def _add_bench(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", metavar="FILE", help=f"write the measurements there; {BESIDE}")
    command.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="auto is the CPU")
    command.set_defaults(command=_bench)


def _add_runs(command: argparse.ArgumentParser) -> None:
    """What ``judge`` and ``record`` share: which claims, at which scale, with which seeds, and who trains."""
    told = "such as HE1-2; or a chapter, for all its claims"
    command.add_argument("claims", nargs="*", metavar="CLAIM", help=told)
    command.add_argument("--all", action="store_true", help="every claim")
    told = "smoke takes seconds and says nothing; the last two need CIFAR-10, and not every chapter has them yet"
    command.add_argument("--scale", default="laptop", choices=SCALES, help=told)
    command.add_argument("--seeds", type=int, metavar="N", help="how many; 5 for live claims, else as the record")
    command.add_argument("--first-seed", type=int, default=0, metavar="K", help="the first of them; 0 unless said")
    for name, settings in WORKERS:
        command.add_argument(name, **settings)


def _claims(options) -> int:
    _writable("--json", options.json)
    rows = [row for chapter in CHAPTERS for row in _listed(chapter)]
    if not _json_alone(options):  # nobody who asks for JSON reads the same as text beside it
        for row in rows:
            print(f"{row['id']:8} {row['printed_verdict'] or 'not run yet':12} {row['says']}  [{row['source']}]")
    _write(rows, options)
    return 0


def _listed(chapter: Chapter) -> list[dict]:
    """What ``claims --json`` writes of each claim."""
    stale = chapter.stale()
    return [
        {
            "id": claim.id,
            "chapter": chapter.name,
            "says": claim.says,
            "source": claim.source,
            "predicts": [str(condition) for condition in claim.conditions],
            "printed_verdict": printed.word if printed else None,
            "reason": printed.reason if printed else None,
            "recorded_with_other_code": stale,
        }
        for claim, printed in [(claim, chapter.printed(claim)) for claim in chapter.claims]
    ]


def _bench(options) -> int:
    from whyresnets import bench

    _writable("--json", options.json)
    device = "cpu" if options.device == "auto" else options.device
    _has(device)
    long = "five to ten minutes" if device == "cpu" else "some minutes"
    print(f"bench: {len(bench.WORKLOADS[device])} workloads, {long}, best on a quiet machine", file=sys.stderr)
    try:
        found = bench.measured(device, lambda says: print(f"bench: {says}", file=sys.stderr))
    except sweeps.NoProcesses as error:
        raise BadInput(f"{error}: bench measures one a core, run it where they can") from error
    print("\n\n".join(map(str, found.tables)))
    _write(found.as_json(), options)
    return 0


def _judge(options) -> int:
    if options.live and (options.claims or options.all or options.seeds or options.first_seed):
        raise BadInput("--live has a plan of its own: leave out claims, --all, --seeds and --first-seed")
    if options.live and options.scale != "laptop":
        raise BadInput("--live is at laptop scale: leave out --scale")
    _check(options)
    wanted = _wanted(options, live=options.live)
    _writable("--json", options.json)
    for chapter, _ in wanted:
        chapter.recorded(options.scale)  # a damaged record is refused before anything is trained
    rows: list[report.Row] = []
    not_run: dict = {}
    for chapter, chosen in wanted:
        asked = chosen, options.scale, options.first_seed, options.seeds
        plan = chapter.live() if options.live else recording.plan_of(chapter, *asked)
        runs = _run(chapter, plan, options)
        rows += [report.row(chapter, claim, runs, options.scale) for claim in chosen]
        if options.live:
            not_run |= {claim: chapter.printed(claim) for claim in chapter.claims if not claim.live}
    print(report.judged(rows, not_run))
    if options.json is not None:
        trained_on = sweeps.hardware(options.workers)
        _write([row.as_json() | {"hardware": trained_on} for row in rows], options)
    return 1 if any(row.differs for row in rows) else 0


def _check(options) -> None:
    """Refuse what cannot be done before anything is run."""
    if options.seeds is not None and options.seeds < 1:
        raise BadInput(f"--seeds {options.seeds}: name at least 1 seed")
    if (options.seeds or 0) > MOST_SEEDS:
        raise BadInput(f"--seeds {options.seeds}: name at most {MOST_SEEDS:,}")
    if options.first_seed < 0:
        raise BadInput(f"--first-seed {options.first_seed}: name 0 or more")
    if options.first_seed > LARGEST_SEED:
        raise BadInput(f"--first-seed {options.first_seed}: name at most {LARGEST_SEED:,}")
    if options.jobs is not None:
        sweeps.processes(options.jobs, name="--jobs")  # refuses what cannot be
    if options.minutes is not None and not 0 < options.minutes < math.inf:
        raise BadInput(f"--minutes {options.minutes:g}: name more than 0")
    if (options.backend == "dask") != bool(options.scheduler):
        raise BadInput("--backend dask and --scheduler ADDRESS belong together: name both, or neither")
    if options.scheduler and options.jobs:
        raise BadInput("--jobs is for this machine, a cluster has the workers it has: leave it out")
    if options.scheduler and importlib.util.find_spec("distributed") is None:
        raise BadInput("--backend dask: Dask is not installed; pip install distributed")
    options.workers = _workers(options)
    if not options.scheduler:
        options.jobs = sweeps.processes(options.jobs, options.workers.device)


def _has(device: str) -> None:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: torch sees no CUDA device here; use --device cpu")


def _workers(options) -> sweeps.Workers:
    """Who trains. Digits nets are far too small for a GPU: "auto" is one at paper scale alone, where there is one."""
    import torch

    device = options.device
    if not options.scheduler:
        _has(device)
    elif device == "auto" and options.scale == "paper":
        raise BadInput("--scheduler at paper scale: say what its workers have, --device cuda or --device cpu")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() and options.scale == "paper" else "cpu"
    until = math.inf if options.minutes is None else time.time() + 60 * options.minutes
    return sweeps.Workers(device, options.scheduler or "", until, cache=not getattr(options, "no_cache", False))


def _writable(option: str, file: Path | str | None) -> None:
    """Refuse a file that cannot be written before hours are spent on what goes into it; None: nobody asked for one."""
    try:
        if file is not None and file not in STANDARD_OUTPUT:
            refuse_unwritable(Path(file))
    except OSError as error:
        raise BadInput(f"{option} {file}: {error.strerror}; name a file that can be written") from error


def _write(found: list | dict, options) -> None:
    """What ``--json`` asks for, where it asks for it."""
    if _json_alone(options):
        print(as_text(found), file=options.output)
    elif options.json is not None:
        write_json(Path(options.json), found)


def _wanted(options, live: bool = False) -> list[tuple[Chapter, list[Claim]]]:
    """The claims asked for, chapter by chapter."""
    known = [name for chapter in CHAPTERS for name in (chapter.name, *(claim.id for claim in chapter.claims))]
    for name in options.claims:
        if name not in known:
            lower = {other.lower(): other for other in known}
            near = lower[difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.0)[0]]
            hint = "put spaces between claims" if "," in name else f"did you mean {near}?"
            raise BadInput(f"unknown claim {name!r}: {hint} `whyresnets claims` lists all, --all means all")
    if not options.claims and not options.all and not live:
        raise BadInput("name one or more claims, or --all; `whyresnets claims` lists them")

    def asked(chapter: Chapter, claim: Claim) -> bool:
        return claim.live if live else options.all or bool({chapter.name, claim.id} & set(options.claims))

    for chapter in CHAPTERS:
        planned = {claim.id for claim in chapter.claims_at(options.scale)}
        if absent := {claim.id for claim in chapter.claims} & set(options.claims) - planned:
            raise NotBuilt(f"{min(absent)} is not planned at {options.scale} scale: use --scale laptop")
        if chapter.name in options.claims:
            chapter.specs(options.scale)  # refuses a scale at which it has no plan
    chosen = [(c, [claim for claim in c.claims_at(options.scale) if asked(c, claim)]) for c in CHAPTERS]
    chosen = [(chapter, some) for chapter, some in chosen if some or (live and chapter.live())]
    return chosen


def _run(chapter: Chapter, plan: sweeps.Plan, options) -> dict:
    """Say what it will cost, then run what is missing."""
    workers = options.workers
    missing = sweeps.missing(plan, workers)
    total = sum(len(seeds) for _, seeds in plan.values())
    where = f"by the workers of {workers.scheduler}" if workers.scheduler else f"on the {workers.device}"
    cost = f"{total} runs asked for, {len(missing)} to do {where}"
    if missing and not workers.scheduler and workers.device == "cpu":
        seconds = sum(sweeps.core_seconds(spec) for spec, _ in missing)
        budget = f" (the budget of a live plan is {sweeps.LIVE})" if getattr(options, "live", False) else ""
        with_all = f"{seconds / options.jobs / 60:.1f} minutes with {options.jobs} at a time"
        cost += f", about {seconds:.0f} core-seconds{budget}, {with_all}"
    print(f"{chapter.title}: {cost}", file=sys.stderr)
    return sweeps.run(plan, options.jobs, chapter.title, workers)


def _record(options) -> int:
    _check_record(options)
    _check(options)
    if options.rehearse is not None:
        return _rehearse(options)
    if not os.access(records.RECORDS if records.RECORDS.exists() else records.RECORDS.parent, os.W_OK):
        raise BadInput(f"the folder of records, {records.RECORDS}, cannot be written: install with pip install -e .")
    if options.confirm:
        return _confirm(options)
    if options.drop_unused:
        return _drop_unused(options)
    plans = [(chapter, *_record_plan(chapter, chosen, options)) for chapter, chosen in _wanted(options)]
    trained_on = sweeps.hardware(options.workers)
    plans = [(chapter, name, _of_arms(plan, options)) for chapter, name, plan in plans]
    for chapter, name, plan in plans:
        if options.scale == "paper":  # runs of an hour
            added = recording.one_by_one(chapter, name, plan, "paper", options.grid, options.jobs, options.workers)
            for arm, seed in added:
                print(f"recorded {arm}, seed {seed}", flush=True)
            continue
        runs = _run(chapter, plan, options)
        path = recording.keep(chapter, name, runs, options.scale, options.grid, trained_on)
        print(f"recorded {len(runs)} arms in {path}")
    return 0


def _drop_unused(options) -> int:
    for chapter, _ in _wanted(options):
        for name, dropped in recording.drop_unused(chapter, options.scale).items():
            print(f"{name}: {len(dropped)} entries dropped")
    return 0


def _record_plan(chapter: Chapter, chosen: list[Claim], options) -> tuple[str, sweeps.Plan]:
    if options.grid:
        return recording.grid_plan(chapter, options.scale)
    whole = options.all or chapter.name in options.claims
    return recording.record_plan(chapter, chosen, options.scale, options.first_seed, options.seeds, whole)


def _of_arms(plan: sweeps.Plan, options) -> sweeps.Plan:
    """The arms of a plan that ``--arm`` names, all if it names none."""
    if not options.arms:
        return plan
    known = checks.Named("arm", plan)
    try:
        return {name: known[name] for name in options.arms}
    except checks.UnknownName as error:
        raise BadInput(f"--arm: {error}") from error


def _check_record(options) -> None:
    """Refuse options of ``record`` that do not go together."""
    alone = options.claims or options.all or options.first_seed or options.scale != "laptop" or options.grid
    alone = alone or options.arms
    for name in ("confirm", "rehearse"):
        if getattr(options, name) and alone:
            raise BadInput(
                f"--{name} does every record: leave out claims, --all, --grid, --arm, --first-seed and --scale"
            )
    if options.rehearse is not None and options.confirm:
        raise BadInput("--rehearse writes what --confirm --against reads: name one of them")
    if options.rehearse in ("", *STANDARD_OUTPUT):
        raise BadInput(f"--rehearse {options.rehearse}: two files are written; name one that ends in .json")
    if options.against is not None and not options.confirm:
        raise BadInput("--against belongs to --confirm: name both, or neither")
    short = options.against is not None or options.rehearse is not None
    if short and (options.device == "cuda" or options.scheduler):
        raise BadInput("runs are compared on the CPU of this machine: leave out --device and --scheduler")
    if options.against is not None and not _pair(options.against).exists():
        raise BadInput(f"--against {options.against}: no such file; `whyresnets record --rehearse FILE` writes one")
    if options.drop_unused and (options.confirm or options.rehearse is not None or options.grid or options.arms):
        raise BadInput("--drop-unused runs nothing: leave out --confirm, --rehearse, --grid and --arm")
    if options.grid and (options.seeds or options.first_seed):
        raise BadInput("--grid records whole grids: leave out --seeds and --first-seed")


def _pair(file: str) -> Path:
    """The ``.json`` of a rehearsal, which has its ``.npz`` beside it."""
    return Path(f"{file.removesuffix('.json')}.json")


def _rehearse(options) -> int:
    path = _pair(options.rehearse)
    _writable("--rehearse", path)
    found, left = recording.rehearse(CHAPTERS, options.jobs, options.workers)
    records.write(path, found)
    print(f"rehearsed {len(found.about)} entries in {path}")
    for name, count in left.items():
        print(f"{name}: {count} entries not rehearsed: their data are not at hand")
    return 0


def _confirm(options) -> int:
    """Run the first seeds of every entry again (one unless --seeds says); 1 if some bit came out otherwise."""
    against = records.read(_pair(options.against)) if options.against is not None else None
    with_what = "the rehearsal" if against else "the record"
    status = 0
    for name in recording.names_of(CHAPTERS):
        seeds = options.seeds or 1
        alike, differ, left = recording.confirm(name, seeds, options.jobs, options.workers, against)
        if alike or differ:
            made = f"{len(alike)} of {len(alike) + len(differ)} entries made by other code came out bit for bit alike"
            print(f"{name}: {made}, compared with {with_what}")
        if left:
            why = "their data are not at hand, or the rehearsal is not of the code that last vouched for them"
            print(f"{name}: {len(left)} entries not compared: {why if against else 'their data are not at hand'}")
        status |= bool(differ or left)
    return status


if __name__ == "__main__":
    sys.exit(main())
