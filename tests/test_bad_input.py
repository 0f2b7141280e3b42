"""Bad input: one clear line that says what to do, exit status 2, no traceback, nothing lost."""

import dataclasses
import errno
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from whyresnets import __main__, data, store, sweeps
from whyresnets.__main__ import main
from whyresnets.chapters import CHAPTERS
from whyresnets.training import Spec

SMOKE = ["judge", "HE1-3", "--scale", "smoke", "--seeds", "1", "--jobs", "1"]
LAPTOP = "degradation-laptop"


@dataclass(frozen=True)
class Place:
    """What a case may arrange: a folder of its own, a copy of the records, and pytest's monkeypatch."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    @property
    def records(self) -> Path:
        copy = self.folder / "records"
        if not copy.exists():
            shutil.copytree(store.RECORDS, copy)
            self.monkeypatch.setattr(store, "RECORDS", copy)
        return copy

    def cache(self, path) -> None:
        self.monkeypatch.setenv("WHYRESNETS_CACHE", str(path))

    def unwritable(self) -> Path:
        """A folder that not even root can write."""
        folder = self.folder / "unwritable"
        folder.mkdir(mode=0o555)
        return Path("/proc") if os.access(folder, os.W_OK) else folder

    def about(self, change) -> None:
        """Change the provenance of the shipped record."""
        path = self.records / f"{LAPTOP}.json"
        about = json.loads(path.read_text())
        for entry in about.values():
            change(entry)
        path.write_text(json.dumps(about))

    def on_cifar(self) -> None:
        """The chapter's arms on CIFAR-10, which lies in ``data/`` of this place, if anywhere; no network."""
        from torchvision import datasets

        def unreachable(*_, **__):
            raise URLError("no network")

        laptop = {arm: spec.but(data="cifar10") for arm, spec in CHAPTERS[0].laptop.items()}
        self.monkeypatch.setattr(__main__, "CHAPTERS", (dataclasses.replace(CHAPTERS[0], laptop=laptop),))
        self.monkeypatch.setattr(datasets.cifar, "download_and_extract_archive", unreachable)
        self.monkeypatch.setenv("WHYRESNETS_DATA", str(self.folder / "data"))


def file(place, *names):
    path = place.folder.joinpath(*names)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("kept")
    return path


def damaged_cifar(place):
    place.on_cifar()
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch", "batches.meta"]:
        file(place, "data", "cifar-10-batches-py", name)


def changed_digits(place):
    place.monkeypatch.setitem(data.CHECKSUMS, "digits", "0" * 64)


def readonly_json(place):
    path = file(place, "mine.json")
    path.chmod(0o444)
    place.monkeypatch.setattr(os, "access", lambda p, _: Path(p) != path)  # for root, too


def unwritable_records(place):
    place.monkeypatch.setattr(store, "RECORDS", place.unwritable())
    place.monkeypatch.setattr(os, "access", lambda *_: False)


def disk_full(place):
    """The disk fills up while a run is written."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place.monkeypatch.setattr(np, "savez", full)


def killed_worker(place):
    """As joblib says it; `test_killed.py` kills a real one."""
    import joblib

    def broken(*_, **__):
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    place.monkeypatch.setattr(joblib.Parallel, "__call__", broken)


def cached_folder(place):
    """A folder where a run should be."""
    spec = CHAPTERS[0].arms("smoke")[CHAPTERS[0].claim("HE1-3").arms[0]]
    cache = place.folder / "cache"
    place.cache(cache)
    (store.cache_folder() / spec.question / "0.npz").mkdir(parents=True)


def records_npz(content):
    def arrange(place):
        path = place.records / f"{LAPTOP}.npz"
        path.write_bytes(content(path.read_bytes()))

    return arrange


def records_json(content):
    return lambda place: (place.records / f"{LAPTOP}.json").write_text(content)


def flipped(whole):
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]


# (arguments, what the line says, what is arranged before). "@" in an argument is the case's own folder.
COMMANDS = [
    ([], "--help"),
    (["nonsense"], "invalid choice: 'nonsense'"),
    (["jugde", "HE1-1"], "invalid choice: 'jugde'"),
    (["claims", "HE1-1"], "unrecognized arguments: HE1-1"),
    (["claims", "--jsno"], "unrecognized arguments: --jsno"),
    (["judge", "HE1-1", "--sedes", "3"], "unrecognized arguments: --sedes"),
    (["judge", "HE1-1", "--scale", "huge"], "choose from"),
    (["judge", "HE1-1", "--scale", ""], "choose from"),
    (["judge", "HE1-1", "--scale"], "expected one argument"),
    (["judge", "HE1-1", "--backend", "slurm"], "choose from"),
    (["judge", "HE1-1", "--json"], "expected one argument"),
    (["bench", "HE1-1"], "unrecognized arguments: HE1-1"),
    (["bench", "--json"], "expected one argument"),
]
CLAIMS = [
    (["judge"], "name one or more claims, or --all"),
    (["record"], "name one or more claims, or --all"),
    (["record", "--grid"], "name one or more claims, or --all"),
    (["judge", "degradatoin"], "did you mean degradation?"),
    (["judge", "HE1-11"], "did you mean HE1-1?"),
    (["judge", "HE1-2c"], "did you mean HE1-2"),
    (["judge", "he1-7b"], "did you mean HE1-7b?"),
    (["judge", "HE1-1,HE1-2"], "put spaces between claims"),
    (["judge", "HE1-1", "--seed", "5"], "unrecognized arguments: --seed"),
    (["judge", "HE1-1", "HE1-99"], "did you mean"),
    (["judge", ""], "did you mean"),
    (["judge", "*"], "did you mean"),
    (["judge", "HE1-1\n"], "did you mean HE1-1?"),
    (["judge", "../../etc/passwd"], "did you mean"),
    (["record", "HE1-99"], "did you mean"),
]
NUMBERS = [
    (["judge", "HE1-1", "--seeds", "0"], "at least 1 seed"),
    (["judge", "HE1-1", "--seeds", "-5"], "at least 1 seed"),
    (["judge", "HE1-1", "--seeds", "2.5"], "invalid int value: '2.5'"),
    (["judge", "HE1-1", "--seeds", "many"], "invalid int value: 'many'"),
    (["judge", "HE1-1", "--seeds", "1000000000"], "at most 1,000"),
    (["judge", "HE1-1", "--first-seed", "-1"], "0 or more"),
    (["judge", "HE1-1", "--first-seed", "first"], "invalid int value"),
    (["judge", "HE1-1", "--jobs", "0"], "at least 1 process"),
    (["judge", "HE1-1", "--jobs", "-2"], "at least 1 process"),
    (["judge", "HE1-1", "--jobs", "two"], "invalid int value"),
    (["judge", "HE1-1", "--jobs", "1000000"], "more than"),
    (["record", "HE1-1", "--seeds", "0"], "at least 1 seed"),
    (["record", "HE1-1", "--jobs", "0"], "at least 1 process"),
    (["record", "HE1-1", "--first-seed", "-1"], "0 or more"),
    (["judge", "HE1-1", "--minutes", "0"], "more than 0"),
    (["judge", "HE1-1", "--minutes", "nan"], "more than 0"),
    (["record", "HE1-1", "--minutes", "soon"], "invalid float value"),
]
DEVICES = [
    (["judge", "HE1-1", "--device", "cuda"], "use --device cpu"),
    (["record", "HE1-1", "--device", "cuda"], "use --device cpu"),
    (["judge", "HE1-1", "--device", "tpu"], "choose from"),
    (["judge", "HE1-1", "--device", "cuda:7"], "choose from"),
    (["judge", "HE1-1", "--device", ""], "choose from"),
]
NOT_BUILT = [
    (["judge", "OP-1", "--scale", "paper"], "use --scale laptop"),
    (["judge", "OP-1", "--scale", "workstation"], "use --scale laptop"),
    (["record", "OP-1", "--scale", "paper"], "use --scale laptop"),
    (["judge", "elimination", "--scale", "workstation"], "use --scale laptop"),
    (["judge", "DS-5", "--scale", "workstation"], "DS-5 is not planned at workstation scale: use --scale laptop"),
    (["record", "norm_preservation", "--grid", "--scale", "workstation"], "leave out --grid"),
]
TOGETHER = [
    (["judge", "HE1-1", "--backend", "dask"], "name both"),
    (["judge", "HE1-1", "--scheduler", "tcp://localhost:1"], "name both"),
    (
        ["judge", "HE1-1", "--scale", "paper", "--backend", "dask", "--scheduler", "tcp://localhost:1"],
        "--device cuda or",
    ),
    (["judge", "HE1-1", "--backend", "dask", "--scheduler", "tcp://localhost:1", "--jobs", "2"], "leave it out"),
    (["judge", "--live", "HE1-1"], "leave out claims"),
    (["judge", "--live", "--all"], "leave out claims"),
    (["judge", "--live", "--seeds", "3"], "leave out claims"),
    (["judge", "--live", "--first-seed", "3"], "leave out claims"),
    (["judge", "--live", "--scale", "smoke"], "leave out --scale"),
    (["record", "--grid", "HE1-1", "--seeds", "3"], "leave out --seeds"),
    (["record", "--grid", "--all", "--first-seed", "3"], "leave out --seeds"),
    (["record", "--confirm", "HE1-1"], "leave out claims"),
    (["record", "--confirm", "--grid"], "leave out claims"),
]
FILES = [
    ([*SMOKE, "--json", "@/no/such/folder.json"], "name a file that can be written"),
    ([*SMOKE, "--json", "@"], "name a file that can be written"),
    ([*SMOKE, "--json", ""], "name a file that can be written"),
    ([*SMOKE, "--json", "@/file/below.json"], "name a file that can be written", lambda p: file(p, "file")),
    ([*SMOKE, "--json", "@/mine.json"], "name a file that can be written", readonly_json),
    ([*SMOKE, "--json", "/proc/mine.json"], "name a file that can be written"),
    ([*SMOKE, "--json", f"@/{'x' * 300}.json"], "name a file that can be written"),
    (SMOKE, "WHYRESNETS_CACHE", lambda p: p.cache(file(p, "cache"))),
    (SMOKE, "WHYRESNETS_CACHE", lambda p: p.cache(file(p, "cache") / "below")),
    (SMOKE, "WHYRESNETS_CACHE", lambda p: p.cache(p.unwritable() / "cache")),
    (SMOKE, "WHYRESNETS_CACHE", lambda p: p.cache(p.folder / ("x" * 300))),
    (SMOKE, "WHYRESNETS_CACHE", cached_folder),
    (["record", "HE1-3"], "cannot be written", unwritable_records),
    (["record", "--confirm"], "cannot be written", unwritable_records),
]
DATA = [
    (SMOKE, "WHYRESNETS_DATA", Place.on_cifar),
    (SMOKE, "WHYRESNETS_DATA", damaged_cifar),
    (SMOKE, "WHYRESNETS_DATA", lambda p: (p.on_cifar(), file(p, "data"))),
    (SMOKE, "fetch it again", changed_digits),
]
RECORDS = [
    (["claims"], "restore both its files", records_npz(lambda whole: whole[: len(whole) // 2])),
    (["claims"], "restore both its files", records_npz(flipped)),
    (["claims"], "restore both its files", records_npz(lambda _: b"")),
    (["claims"], "restore both its files", records_npz(lambda _: pickle.dumps({"train_loss": 1}))),
    (["claims"], "restore both its files", lambda p: (p.records / f"{LAPTOP}.npz").unlink()),
    (["claims"], "restore both its files", records_json("")),
    (["claims"], "restore both its files", records_json("[]")),
    (["claims"], "restore both its files", records_json("{\x00")),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry["spec"].update(depth=21))),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry["spec"].update(attention=True))),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry["seeds"].pop())),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry.pop("source"))),
    (["judge", "--live"], "restore both its files", records_json("{")),
    (SMOKE[:2], "restore both its files", records_json("{")),
    (["record", "HE1-3"], "restore both its files", records_json("{")),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry.update(confirmed=None))),
    (["record", "HE1-3", "--seeds", "3"], "record at least as many", lambda p: p.records),
]
WHILE_RUNNING = [  # these have announced what they will do before it happens
    (SMOKE, "free it or name another", disk_full),
    (SMOKE, "fewer --jobs; finished runs are kept", killed_worker),
    ([*SMOKE, "--no-cache"], "fewer --jobs; nothing was kept", killed_worker),
    ([*SMOKE, "--json", "/dev/full"], "No space left"),
]
BEFORE = [*COMMANDS, *CLAIMS, *NUMBERS, *DEVICES, *NOT_BUILT, *TOGETHER, *FILES, *DATA, *RECORDS]


def test_there_are_at_least_sixty_cases():
    assert len(BEFORE) + len(WHILE_RUNNING) >= 60


@pytest.fixture
def answer(tmp_path, monkeypatch, capfd):
    """Arrange a case, run it, and hand back what was said; what lay in the folder before must lie there after."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("WHYRESNETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    data.load.cache_clear()

    def run(arguments, says, arrange=lambda _: None):
        arrange(Place(tmp_path, monkeypatch))
        before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        status = main([argument.replace("@", str(tmp_path)) for argument in arguments])
        monkeypatch.undo()
        data.load.cache_clear()
        said = capfd.readouterr()
        after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        assert all(after.get(path) == content for path, content in before.items()), "something was lost"
        assert status == 2 and "Traceback" not in said.err
        assert says in said.err.splitlines()[-1], said.err
        return said

    return run


@pytest.mark.parametrize("case", BEFORE, ids=lambda case: " ".join(case[0])[-60:] + " | " + case[1])
def test_bad_input_is_answered_by_one_clear_line(case, answer):
    said = answer(*case)
    assert said.err.count("\n") == 1 and said.err.startswith("whyresnets: ") and not said.out


@pytest.mark.parametrize("case", WHILE_RUNNING)
def test_what_goes_wrong_on_the_way_is_answered_by_one_clear_line(case, answer):
    if "/dev/full" in case[0] and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    assert answer(*case).err.splitlines()[-1].startswith("whyresnets: ")


# --- Outside the process: what the system itself refuses -------------------------------------------


def outside(arguments, cache, **how):
    command = [sys.executable, "-m", "whyresnets", *arguments]
    # No bytecode: where no file may grow, Python would leave stumps of it in the environment.
    environment = {**os.environ, "WHYRESNETS_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, timeout=300, **how)


def no_file_grows():
    """A disk on which nothing more fits, as the system shows it."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_disk_without_room_for_one_run(tmp_path):
    said = outside(SMOKE, tmp_path, preexec_fn=no_file_grows, stdout=subprocess.PIPE)
    assert said.returncode == 2 and said.stderr.count("\n") == 1 and "WHYRESNETS_CACHE" in said.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_to_a_full_disk(tmp_path):
    with open("/dev/full", "w") as full:
        said = outside(["claims"], tmp_path, stdout=full)
    assert said.returncode == 2 and said.stderr.count("\n") == 1 and "No space left" in said.stderr


def test_a_reader_that_stops_listening(tmp_path):
    """As in `whyresnets claims --json | head -1`, here with nobody at the other end from the start."""
    read, write = os.pipe()
    os.close(read)
    said = outside(["claims", "--json"], tmp_path, stdout=write)
    os.close(write)
    assert said.returncode == 2 and said.stderr == ""


def test_a_chapter_runs_from_any_folder(tmp_path):
    """What comes before its live run, imports and tables, needs neither the repository nor the notebook's folder."""
    cells = json.loads((Path(__file__).parents[1] / "book" / "degradation.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    live = next(i for i, cell in enumerate(code) if "nbval-ignore-output" in cell["metadata"].get("tags", []))
    first = "\n".join("".join(cell["source"]) for cell in code[:live])
    assert live >= 2 and "import" in first
    script = f"display = print\n{first}"  # a notebook has it built in
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not list(tmp_path.iterdir()), done.stderr


# --- The library itself ----------------------------------------------------------------------------

IMPOSSIBLE = [
    *({"depth": depth} for depth in (0, -20, 7, 21, 20.0, "20", None)),
    *({"steps": steps} for steps in (-1, 1.5, "100")),
    *({"batch": batch} for batch in (0, 1, -64, 64.0)),
    *({"rate": rate} for rate in (0, -0.1, float("nan"), float("inf"), "0.1")),
    {"warmup": 1.0},
    {"momentum": 1.0},
    {"weight_decay": -1e-4},
    {"gain": float("nan")},
    {"widths": (8, 16)},
    {"widths": None},
    {"extend_to": 56},
    {"augment": "no"},
    {"silent": "false"},
    {"widths": (8, 0, 32)},
    {"rule": "dense"},
    {"norm": "layer"},
    {"padding": "mirror"},
    {"schedule": "steps"},
    {"precision": "float16"},
    {"data": "mnist"},
    {"extend_to": (14,)},
    {"extend_to": (57,)},
    {"rule": "residual", "extend_to": (56,)},
    {"norm": "none", "silent": True},
]


@pytest.mark.parametrize("change", IMPOSSIBLE, ids=str)
def test_an_impossible_spec_says_in_one_line_what_to_choose(change):
    with pytest.raises(ValueError, match=r"choose|needs|one of") as caught:
        Spec(**change)
    assert "\n" not in str(caught.value)


def test_a_batch_larger_than_the_training_set_is_refused():
    with pytest.raises(ValueError, match="more than the 1400 training examples"):
        sweeps.train(Spec(batch=1401, steps=1), 0)
