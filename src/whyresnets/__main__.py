"""The command line: ``whyresnets claims``, ``judge``, ``record``, ``bench``. Also ``python -m whyresnets``."""

import argparse
import difflib
import errno
import importlib.util
import json
import math
import os
import sys
import tempfile
import time
import traceback
import uuid
from pathlib import Path

import numpy as np

from whyresnets import bench, claims, report, store, sweeps
from whyresnets.chapters import CHAPTERS
from whyresnets.claims import Chapter, Claim, NotBuilt
from whyresnets.data import DataMissing
from whyresnets.training import Runs, Spec

MOST_SEEDS = 1000  # more are a slip of the finger (chosen by us)
MOST_JOBS_A_CORE = 4  # processes (chosen by us)
SHORT = 25  # steps of the runs that compare two versions of the code: more than an epoch of digits (chosen by us)
SCALES = ("smoke", "laptop", "workstation", "paper")


class BadInput(Exception):
    """What the user asked for cannot be done; the message says what to do instead."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status: 0 as printed, 1 some verdict differs, 2 anything else."""
    options = argparse.Namespace()
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    try:
        _parser().parse_args(arguments, options)
        status = options.command(options)
        sys.stdout.flush()  # here, so that a full disk behind the output is reported below
        return status
    except (BadInput, NotBuilt, DataMissing, store.RecordDamaged, sweeps.OtherCode) as error:
        print(f"whyresnets: {error}", file=sys.stderr)
    except sweeps.WorkerLost as error:
        print(f"whyresnets: {error}; {_what_is_kept(options)}", file=sys.stderr)
    except store.OutOfTime:
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


def _what_is_kept(options) -> str:
    if not hasattr(options, "jobs"):  # a command that trains nothing for the cache
        return "nothing was to be kept"
    if getattr(options, "no_cache", False):
        return "nothing was kept, as --no-cache asked"
    return "finished runs are kept, and checkpoints of long ones: the same command goes on from there"


def _remedy(place: str) -> str:
    inside = str(place).startswith(str(store.cache_folder().parent))
    return "free it or name another folder in WHYRESNETS_CACHE" if inside else "free it or name another"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str):
        raise BadInput(f"{message}; the same command with --help lists what there is")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="whyresnets", description="Claims about residual networks, judged.", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("claims", help="every claim, its source, its printed verdict", allow_abbrev=False)
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")
    listing.set_defaults(command=_claims)

    judge = commands.add_parser("judge", help="train what is not in the cache, then judge", allow_abbrev=False)
    judge.add_argument("--live", action="store_true", help="what `make book` runs: every chapter's live plan")
    judge.add_argument("--json", metavar="FILE", help="write the verdicts there")
    judge.add_argument("--no-cache", action="store_true", help="neither read nor keep runs")
    judge.set_defaults(command=_judge)

    record = commands.add_parser(
        "record", help="for authors: run, and write the shipped record anew", allow_abbrev=False
    )
    record.add_argument("--grid", action="store_true", help="the learning-rate grids instead of the claims")
    record.add_argument(
        "--confirm",
        action="store_true",
        help="run some seeds of every record again; mark what comes out bit for bit alike",
    )
    record.add_argument(
        "--against",
        metavar="FOLDER",
        help="with --confirm, on another processor than the record's: a checkout of the code that last vouched for it;"
        f" both run here, {SHORT} steps at most",
    )
    record.set_defaults(command=_record)

    for command in (judge, record):
        command.add_argument(
            "claims", nargs="*", metavar="CLAIM", help="such as HE1-2; or a chapter, for all its claims"
        )
        command.add_argument("--all", action="store_true", help="every claim")
        command.add_argument(
            "--scale",
            default="laptop",
            choices=SCALES,
            help="smoke takes seconds and says nothing; the last two need CIFAR-10, and not every chapter has them yet",
        )
        command.add_argument("--seeds", type=int, metavar="N", help="how many; 5 for live claims, else as the record")
        command.add_argument("--first-seed", type=int, default=0, metavar="K", help="the first of them; 0 unless said")
        command.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
        command.add_argument("--jobs", type=int, metavar="N", help="processes; one per core unless said")
        command.add_argument(
            "--backend", default="local", choices=("local", "dask"), help="dask: the workers of a cluster train"
        )
        command.add_argument("--scheduler", metavar="ADDRESS", help="of dask, such as tcp://127.0.0.1:8786")
        command.add_argument("--minutes", type=float, metavar="N", help="stop after so many; the same command goes on")

    speed = commands.add_parser("bench", help="training throughput here beside a plain loop", allow_abbrev=False)
    speed.add_argument("--json", metavar="FILE", help="write the measurements there")
    speed.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="auto is the CPU")
    speed.set_defaults(command=_bench)
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
    if options.json is not None:
        _writable(Path(options.json))
    device = "cpu" if options.device == "auto" else options.device
    _has(device)
    workloads = bench.WORKLOADS[device]
    long = "about three minutes" if device == "cpu" else "some minutes"
    print(f"bench: {len(workloads)} workloads, {long}, best on a quiet machine", file=sys.stderr)
    ceilings = bench.ceilings(device)
    results, shares = [], {}
    for workload in workloads:
        print(f"bench: {workload.says}", file=sys.stderr)
        results.append(bench.throughput(workload, device))
        shares[workload.says] = bench.shares(workload.spec, device)
    print(f"{bench.speed(results, ceilings)}\n\n{bench.where(shares)}")
    if options.json is not None:
        rows = [bench.as_json(result, shares[result.workload.says], ceilings, device) for result in results]
        _write_json(Path(options.json), rows)
    return 0


def _judge(options) -> int:
    if options.live and (options.claims or options.all or options.seeds or options.first_seed):
        raise BadInput("--live has a plan of its own: leave out claims, --all, --seeds and --first-seed")
    if options.live and options.scale != "laptop":
        raise BadInput("--live is at laptop scale: leave out --scale")
    _check(options)
    wanted = _wanted(options, live=options.live)
    if options.json is not None:
        _writable(Path(options.json))
    rows, not_run = [], {}
    for chapter, chosen in wanted:
        plan = chapter.live() if options.live else _plan(chapter, chosen, options)
        runs = _run(chapter, plan, options)
        rows += [report.row(chapter, claim, runs, options.scale) for claim in chosen]
        if options.live:
            not_run |= {claim: chapter.printed(claim) for claim in chapter.claims if not claim.live}
    print(report.judged(rows, not_run))
    if options.json is not None:
        trained_on = sweeps.hardware(options.workers)
        _write_json(Path(options.json), [row.as_json() | {"hardware": trained_on} for row in rows])
    return 1 if any(row.differs for row in rows) else 0


def _check(options) -> None:
    """Refuse what cannot be done before anything is run."""
    if options.seeds is not None and options.seeds < 1:
        raise BadInput(f"--seeds {options.seeds}: name at least 1 seed")
    if (options.seeds or 0) > MOST_SEEDS:
        raise BadInput(f"--seeds {options.seeds}: name at most {MOST_SEEDS:,}")
    if options.first_seed < 0:
        raise BadInput(f"--first-seed {options.first_seed}: name 0 or more")
    if options.jobs is not None and options.jobs < 1:
        raise BadInput(f"--jobs {options.jobs}: name at least 1 process")
    if (options.jobs or 0) > (most := MOST_JOBS_A_CORE * sweeps.cores()):
        raise BadInput(f"--jobs {options.jobs}: more than {most} would only be slower on {sweeps.cores()} cores")
    if options.minutes is not None and not 0 < options.minutes < math.inf:
        raise BadInput(f"--minutes {options.minutes:g}: name more than 0")
    if (options.backend == "dask") != bool(options.scheduler):
        raise BadInput("--backend dask and --scheduler ADDRESS belong together: name both, or neither")
    if options.scheduler and options.jobs:
        raise BadInput("--jobs is for this machine, a cluster has the workers it has: leave it out")
    if options.scheduler and importlib.util.find_spec("distributed") is None:
        raise BadInput("--backend dask: Dask is not installed; pip install distributed")
    options.workers = _workers(options)


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


def _writable(path: Path) -> None:
    """Refuse a file that cannot be written before hours are spent on what goes into it; leave no trace."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if not _is_device(path):
            with tempfile.TemporaryFile(dir=path.parent):
                pass
    except OSError as error:
        raise BadInput(f"--json {path}: {error.strerror}; name a file that can be written") from error


def _write_json(path: Path, rows: list[dict]) -> None:
    """Write the whole file or leave the old one as it was."""
    text = json.dumps(rows, indent=1) + "\n"
    whole = path.resolve()  # where a link leads
    part = path if _is_device(path) else whole.with_name(f"{uuid.uuid4().hex}.part")
    try:
        part.write_text(text, encoding="utf-8")
        if part != path:
            part.replace(whole)
    except OSError as error:
        if part != path:
            part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def _is_device(path: Path) -> bool:
    """Whether the path is a terminal, a pipe or the like, which is written to and never replaced."""
    return (path.exists() and not path.is_file()) or path.parent == Path("/dev")


def _wanted(options, live: bool = False) -> list[tuple[Chapter, list[Claim]]]:
    """The claims asked for, chapter by chapter."""
    known = [name for chapter in CHAPTERS for name in (chapter.name, *(claim.id for claim in chapter.claims))]
    for name in options.claims:
        if name not in known:
            near = difflib.get_close_matches(name.split(",")[0], known, n=1, cutoff=0.0)[0]
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
            chapter.arms(options.scale)  # refuses a scale at which it has no plan
    chosen = [(c, [claim for claim in c.claims_at(options.scale) if asked(c, claim)]) for c in CHAPTERS]
    chosen = [(chapter, some) for chapter, some in chosen if some or (live and chapter.live())]
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


def _run(chapter: Chapter, plan: sweeps.Plan, options) -> dict:
    """Say what it will cost, then run what is missing."""
    workers = options.workers
    jobs = options.jobs or (1 if workers.device == "cuda" else sweeps.cores())
    missing = sweeps.missing(plan, workers)
    total = sum(len(seeds) for _, seeds in plan.values())
    recorded = chapter.recorded() | chapter.recorded(options.scale)
    seconds = {runs.spec: float(np.mean(runs["seconds"])) for runs in recorded.values()}
    known = [seconds[spec] for spec, _ in missing if spec in seconds]
    where = f"by the workers of {workers.scheduler}" if workers.scheduler else f"on the {workers.device}"
    cost = f"{total} runs asked for, {len(missing)} to do {where}"
    if missing and len(known) == len(missing) and not workers.scheduler and workers.device == "cpu":
        cost += f", about {sum(known) / jobs / 60:.1f} minutes with {jobs} at a time"
    print(f"{chapter.title}: {cost}", file=sys.stderr)
    return sweeps.run(plan, jobs, chapter.title, workers)


def _record(options) -> int:
    alone = options.claims or options.all or options.first_seed or options.scale != "laptop"
    if options.confirm and (alone or options.grid):
        raise BadInput("--confirm does every record: leave out claims, --all, --grid, --first-seed and --scale")
    if options.against is not None and not options.confirm:
        raise BadInput("--against belongs to --confirm: name both, or neither")
    if options.against is not None and (options.device == "cuda" or options.scheduler):
        raise BadInput("--against compares runs on the CPU of this machine: leave out --device and --scheduler")
    if options.against is not None and not (Path(options.against) / "src" / "whyresnets").is_dir():
        raise BadInput(f"--against {options.against}: no src/whyresnets there; name a checkout of this repository")
    if options.grid and (options.seeds or options.first_seed):
        raise BadInput("--grid records whole grids: leave out --seeds and --first-seed")
    options.all = options.all or options.confirm
    _check(options)
    wanted = _wanted(options)
    if not os.access(store.RECORDS if store.RECORDS.exists() else store.RECORDS.parent, os.W_OK):
        raise BadInput(f"the folder of records, {store.RECORDS}, cannot be written: install with pip install -e .")
    if options.confirm:
        return max([_confirm(chapter, options) for chapter in CHAPTERS])
    plans = {chapter: _to_record(chapter, chosen, options) for chapter, chosen in wanted}
    trained_on = sweeps.hardware(options.workers)
    for chapter, (name, plan) in plans.items():
        runs = {arm: store.without(found, chapter.unread) for arm, found in _run(chapter, plan, options).items()}
        whole = [found for arm, found in runs.items() if arm in chapter.whole]
        others = [found for arm, found in runs.items() if arm not in chapter.whole]
        for found, small in ((others, chapter.compact or options.scale == "paper"), (whole, False)):
            if found:
                path = store.write_record(name, found, trained_on, small, not options.grid)
        print(f"recorded {len(runs)} arms in {path}")
    return 0


def _to_record(chapter: Chapter, chosen: list[Claim], options) -> tuple[str, sweeps.Plan]:
    """The name of the record, and what to run for it; refused here if it may not be written."""
    if options.grid:
        name, plan = chapter.grid_record(options.scale), _grid(chapter, options.scale)
        if not plan:
            raise NotBuilt(f"{chapter.name} has no learning-rate grid at {options.scale} scale: leave out --grid")
    else:
        name, usual = f"{chapter.name}-{options.scale}", report.seeds_to_record(options.scale)
        plan = _plan(chapter, chosen, options, usual)
        if options.all or chapter.name in options.claims:  # the arms that are shown only, too
            seeds = next(iter(plan.values()))[1]
            plan |= {arm: (spec, seeds) for arm, spec in chapter.arms(options.scale).items() if arm not in plan}
        if options.seeds is None:  # what has more seeds keeps them
            recorded = chapter.recorded(options.scale, options.first_seed)
            most = {
                arm: max(len(seeds), len(recorded[arm].seeds) if arm in recorded else 0)
                for arm, (_, seeds) in plan.items()
            }
            first = options.first_seed
            plan = {arm: (spec, range(first, first + most[arm])) for arm, (spec, _) in plan.items()}
    store.refuse_fewer(name, plan.values())
    return name, plan


def _confirm(chapter: Chapter, options) -> int:
    """Run the first seeds of every entry again (one unless --seeds says); 1 if some bit came out otherwise."""
    status = 0
    scales = [scale for scale in SCALES if scale != "paper"]  # made on GPUs, which round differently
    names = {chapter.grid_record(scale) for scale in scales} | {f"{chapter.name}-{scale}" for scale in scales}
    for name in sorted(names):
        if (record := store.record(name)) is None:
            continue
        entries = {key: (spec, first) for (spec, first), key in record.entries.items() if key in record.stale}
        vouched = {record.vouched(key) for key in entries}
        if options.against is not None and len(vouched) > 1:
            raise BadInput(
                f"{name} was last vouched for by several versions ({', '.join(sorted(vouched))}): record again"
            )
        seeds = {key: record.about[key]["seeds"][: options.seeds or 1] for key in entries}
        plan = {key: (spec, seeds[key]) for key, (spec, _) in entries.items()}
        if not plan:
            continue
        earlier, source = None, "".join(vouched)
        if options.against is not None:
            # They pass through warm-up, schedule and readings; what only a later step could do is not tried.
            plan = {key: (spec.cut(SHORT), some) for key, (spec, some) in plan.items()}
            written = {key: record.about[key]["spec"] for key in plan}
            fields = {key: {name: getattr(spec, name) for name in written[key]} for key, (spec, _) in plan.items()}
            try:
                earlier = list(sweeps.run_by(Path(options.against), source, plan, fields, options.jobs).values())
            except sweeps.OtherCode as error:
                print(f"{name}: not compared; {error}")
                status = 1
                continue
        # Under the Spec of the entry, by which it is found, though they may have fewer steps.
        runs = [Runs(entries[key][0], again.seeds, again.arrays) for key, again in _run(chapter, plan, options).items()]
        differ = store.confirm(name, runs, earlier, source)
        compared = f"with {source}, here" if earlier else "with the record"
        same = len(runs) - len(differ)
        print(
            f"{name}: {same} of {len(runs)} entries made by other code came out bit for bit alike, compared {compared}"
        )
        status |= bool(differ)
    return status


def _grid(chapter: Chapter, scale: str) -> sweeps.Plan:
    """Five tuning seeds a rate, three where a run is long, two on CIFAR-10, twenty where seeds train together."""

    def seeds(spec: Spec) -> int:
        if spec.together:
            return claims.RECORD_SEEDS
        return 2 if spec.data == "cifar10" else 3 if spec.steps > 500 else 5

    return {
        f"{arm} at {spec.rate:g}": (spec, range(10000, 10000 + seeds(spec)))
        for arm, specs in chapter.grids(scale).items()
        for spec in specs
    }


if __name__ == "__main__":
    sys.exit(main())
