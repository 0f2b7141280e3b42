"""Bad input: one clear line that says what to do, exit status 2, no traceback, nothing lost."""

import contextlib
import errno
import io
import json
import os
import pickle
import resource
import subprocess
import sys
import zipfile
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from torchvision import datasets

from whyresnets import __main__, data
from whyresnets.__main__ import main
from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS
from whyresnets.store import cache, records
from whyresnets.sweeps import local

SMOKE = ["judge", "TOY-1", "--scale", "smoke", "--seeds", "1", "--jobs", "1"]
LAPTOP = "toy-laptop"


@dataclass(frozen=True)
class Place:
    """What a case may arrange: a folder of its own with the records in it, the chapters, and pytest's monkeypatch."""

    folder: Path
    chapters: tuple[Chapter, ...]
    monkeypatch: pytest.MonkeyPatch

    @property
    def records(self) -> Path:
        return self.folder / "records"

    def cache(self, path) -> None:
        self.monkeypatch.setenv("WHYRESNETS_CACHE", str(path))

    def unwritable(self) -> Path:
        """A folder that not even root can write."""
        folder = self.folder / "unwritable"
        folder.mkdir(mode=0o555)
        return Path("/proc") if os.access(folder, os.W_OK) else folder

    def about(self, change) -> None:
        """Change the provenance of the record."""
        path = self.records / f"{LAPTOP}.json"
        about = json.loads(path.read_text())
        for entry in about.values():
            change(entry)
        path.write_text(json.dumps(about))

    def on_cifar(self) -> None:
        """The first chapter's arms on CIFAR-10, which lies in ``data/`` of this place, if anywhere; no network."""

        def unreachable(*_, **__):
            raise URLError("no network")

        first = self.chapters[0]
        arms = tuple(replace(arm, spec=arm.spec.but(data="cifar10")) for arm in first.laptop)
        self.monkeypatch.setattr(__main__, "CHAPTERS", (replace(first, laptop=arms),))
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
    place.monkeypatch.setitem(data.DATASETS, "digits", replace(data.DATASETS["digits"], checksum="0" * 64))


def readonly_json(place):
    path = file(place, "mine.json")
    path.chmod(0o444)
    place.monkeypatch.setattr(os, "access", lambda p, _: Path(p) != path)  # for root, too


def unwritable_records(place):
    place.monkeypatch.setattr(records, "RECORDS", place.unwritable())
    place.monkeypatch.setattr(os, "access", lambda *_: False)


def disk_full(place):
    """The disk fills up while a run is written."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place.monkeypatch.setattr(np, "savez", full)


def killed_worker(place):
    """As joblib says it; `test_killed.py` kills a real one."""

    def broken(_):
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    place.monkeypatch.setattr(local, "started", lambda _: contextlib.nullcontext(broken))


def cached_folder(place):
    """A folder where a run should be."""
    place.cache(place.folder / "cache")
    first = place.chapters[0]
    spec = first.specs("smoke")[first.claims[0].arms[0]]
    cache._path(cache.cache_folder(), spec, 0).mkdir(parents=True)


def records_npz(content):
    def arrange(place):
        path = place.records / f"{LAPTOP}.npz"
        path.write_bytes(content(path.read_bytes()))

    return arrange


def records_json(content):
    return lambda place: (place.records / f"{LAPTOP}.json").write_text(content)


def flipped(whole):
    """One bit of the largest array; some bits of an archive are read by nobody."""
    largest = max(zipfile.ZipFile(io.BytesIO(whole)).infolist(), key=lambda entry: entry.compress_size)
    middle = largest.header_offset + len(largest.FileHeader()) + largest.compress_size // 2
    return whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]


# (arguments, what the line says, what is arranged before). "@" in an argument is the case's own folder.
COMMANDS = [
    ([], "--help"),
    (["nonsense"], "invalid choice: 'nonsense'"),
    (["jugde", "TOY-1"], "invalid choice: 'jugde'"),
    (["claims", "TOY-1"], "unrecognized arguments: TOY-1"),
    (["claims", "--jsno"], "unrecognized arguments: --jsno"),
    (["judge", "TOY-1", "--sedes", "3"], "unrecognized arguments: --sedes"),
    (["judge", "TOY-1", "--scale", "huge"], "choose from"),
    (["judge", "TOY-1", "--scale", ""], "choose from"),
    (["judge", "TOY-1", "--scale"], "expected one argument"),
    (["judge", "TOY-1", "--backend", "slurm"], "choose from"),
    (["judge", "TOY-1", "--json"], "expected one argument"),
    (["bench", "TOY-1"], "unrecognized arguments: TOY-1"),
    (["bench", "--json"], "expected one argument"),
    (["--json", "-"], "invalid choice: '-'"),
    (["claims", "--json", "-", "TOY-1"], "unrecognized arguments: TOY-1"),
    (["claims", "--json", "--version"], "unrecognized arguments: --version"),
    (["judge", "TOY-1", "--json", "-", "-"], "unrecognized arguments: -"),
    (["--versoin"], "--help"),
    (["-v"], "--help"),
    (["version"], "invalid choice: 'version'"),
]
CLAIMS = [
    (["judge"], "name one or more claims, or --all"),
    (["record"], "name one or more claims, or --all"),
    (["record", "--grid"], "name one or more claims, or --all"),
    (["judge", "tyo"], "did you mean toy?"),
    (["judge", "TOY-11"], "did you mean TOY-1?"),
    (["judge", "toy-2"], "did you mean TOY-2?"),
    (["judge", "TOY-1,TOY-2"], "put spaces between claims"),
    (["judge", "TOY-1", "--seed", "5"], "unrecognized arguments: --seed"),
    (["judge", "TOY-1", "TOY-99"], "did you mean"),
    (["judge", ""], "did you mean"),
    (["judge", "*"], "did you mean"),
    (["judge", "TOY-1\n"], "did you mean TOY-1?"),
    (["judge", "TOY-99", "--json", "-"], "did you mean"),
    (["judge", "--json", "-"], "name one or more claims, or --all"),
    (["judge", "../../etc/passwd"], "did you mean"),
    (["record", "TOY-99"], "did you mean"),
]
NUMBERS = [
    (["judge", "TOY-1", "--seeds", "0"], "at least 1 seed"),
    (["judge", "TOY-1", "--seeds", "-5"], "at least 1 seed"),
    (["judge", "TOY-1", "--seeds", "2.5"], "invalid int value: '2.5'"),
    (["judge", "TOY-1", "--seeds", "many"], "invalid int value: 'many'"),
    (["judge", "TOY-1", "--seeds", "1000000000"], "at most 1,000"),
    (["judge", "TOY-1", "--first-seed", "-1"], "0 or more"),
    (["judge", "TOY-1", "--first-seed", "first"], "invalid int value"),
    (["judge", "TOY-1", "--jobs", "0"], "at least 1 process"),
    (["judge", "TOY-1", "--jobs", "-2"], "at least 1 process"),
    (["judge", "TOY-1", "--jobs", "two"], "invalid int value"),
    (["judge", "TOY-1", "--jobs", "1000000"], "more than"),
    (["record", "TOY-1", "--seeds", "0"], "at least 1 seed"),
    (["record", "TOY-1", "--jobs", "0"], "at least 1 process"),
    (["record", "TOY-1", "--first-seed", "-1"], "0 or more"),
    (["judge", "TOY-1", "--minutes", "0"], "more than 0"),
    (["judge", "TOY-1", "--minutes", "nan"], "more than 0"),
    (["record", "TOY-1", "--minutes", "soon"], "invalid float value"),
    (["judge", "TOY-1", "--minutes", "inf"], "more than 0"),
    (["judge", "TOY-1", "--minutes", "-1"], "more than 0"),
    (["judge", "TOY-1", "--seeds", "1e3"], "invalid int value"),
    (["judge", "TOY-1", "--seeds", ""], "invalid int value"),
    (["judge", "TOY-1", "--first-seed", "0.5"], "invalid int value"),
    (["judge", "TOY-1", "--first-seed", "9" * 30], "name at most"),
    (["judge", "TOY-1", "--seeds", "0", "--json", "-"], "at least 1 seed"),
]
DEVICES = [
    (["judge", "TOY-1", "--device", "cuda"], "use --device cpu"),
    (["record", "TOY-1", "--device", "cuda"], "use --device cpu"),
    (["bench", "--device", "cuda"], "use --device cpu"),
    (["bench", "--device", "cuda", "--json", "-"], "use --device cpu"),
    (["judge", "TOY-1", "--device", "tpu"], "choose from"),
    (["judge", "TOY-1", "--device", "cuda:7"], "choose from"),
    (["judge", "TOY-1", "--device", ""], "choose from"),
]
NOT_BUILT = [
    (["judge", "LONE-1", "--scale", "paper"], "LONE-1 is not planned at paper scale: use --scale laptop"),
    (["judge", "TOY-1", "LONE-1", "--scale", "workstation"], "LONE-1 is not planned at workstation scale"),
    (["record", "LONE-1", "--scale", "paper"], "use --scale laptop"),
    (["judge", "lone", "--scale", "workstation"], "not built yet for lone: use --scale laptop"),
    (["judge", "TOY-2", "--scale", "workstation"], "TOY-2 is not planned at workstation scale: use --scale laptop"),
    (["record", "toy", "--grid", "--scale", "workstation"], "leave out --grid"),
]
TOGETHER = [
    (["judge", "TOY-1", "--backend", "dask"], "name both"),
    (["judge", "TOY-1", "--scheduler", "tcp://localhost:1"], "name both"),
    (
        ["judge", "TOY-1", "--scale", "paper", "--backend", "dask", "--scheduler", "tcp://localhost:1"],
        "--device cuda or",
    ),
    (["judge", "TOY-1", "--backend", "dask", "--scheduler", "tcp://localhost:1", "--jobs", "2"], "leave it out"),
    (["judge", "--live", "TOY-1"], "leave out claims"),
    (["judge", "--live", "--all"], "leave out claims"),
    (["judge", "--live", "--seeds", "3"], "leave out claims"),
    (["judge", "--live", "--first-seed", "3"], "leave out claims"),
    (["judge", "--live", "--scale", "smoke"], "leave out --scale"),
    (["record", "--grid", "TOY-1", "--seeds", "3"], "leave out --seeds"),
    (["record", "--grid", "--all", "--first-seed", "3"], "leave out --seeds"),
    (["record", "--confirm", "TOY-1"], "leave out claims"),
    (["record", "--confirm", "--grid"], "leave out claims"),
    (["record", "--rehearse", "@/x", "--all"], "leave out claims"),
    (["record", "--rehearse", "@/x", "--first-seed", "3"], "leave out claims"),
    (["record", "--rehearse", "@/x", "--scale", "smoke"], "leave out claims"),
    (["record", "--rehearse", "@/x", "--confirm"], "name one of them"),
    (["record", "--rehearse", "@/x", "--against", "@/y"], "name both, or neither"),
    (["record", "--rehearse", "@/x", "--device", "cuda"], "leave out --device"),
    (["record", "--all", "--against", "@/x"], "name both, or neither"),
    (["record", "--confirm", "--against", "@/x", "--device", "cuda"], "leave out --device"),
]
FILES = [
    ([*SMOKE, "--json", "@/no/such/folder.json"], "name a file that can be written"),
    ([*SMOKE, "--json", "@"], "name a file that can be written"),
    ([*SMOKE, "--json", ""], "name a file that can be written"),
    (["bench", "--json", "@"], "name a file that can be written"),
    (["bench", "--json", "@/no/such/folder.json"], "name a file that can be written"),
    (["claims", "--json", "@"], "name a file that can be written"),
    (["claims", "--json", ""], "name a file that can be written"),
    (["claims", "--json=@/no/such/folder.json"], "name a file that can be written"),
    ([*SMOKE, "--json", "@/file/below.json"], "name a file that can be written", lambda p: file(p, "file")),
    ([*SMOKE, "--json", "@/mine.json"], "name a file that can be written", readonly_json),
    ([*SMOKE, "--json", "/proc/mine.json"], "name a file that can be written"),
    ([*SMOKE, "--json", f"@/{'x' * 300}.json"], "name a file that can be written"),
    (SMOKE, "WHYRESNETS_CACHE", lambda p: p.cache(file(p, "cache"))),
    (SMOKE, "WHYRESNETS_CACHE", lambda p: p.cache(file(p, "cache") / "below")),
    (SMOKE, "WHYRESNETS_CACHE", lambda p: p.cache(p.unwritable() / "cache")),
    (SMOKE, "WHYRESNETS_CACHE", lambda p: p.cache(p.folder / ("x" * 300))),
    (SMOKE, "WHYRESNETS_CACHE", cached_folder),
    (["record", "TOY-1"], "cannot be written", unwritable_records),
    (["record", "--confirm"], "cannot be written", unwritable_records),
    (["record", "--rehearse", "@/no/such/folder"], "name a file that can be written"),
    (["record", "--rehearse"], "expected one argument"),
    (["record", "--rehearse", "-"], "two files are written"),
    (["record", "--rehearse", ""], "two files are written"),
    (["record", "--confirm", "--against", "@/rehearsal"], "no such file"),
    (["record", "--confirm", "--against", "@/x"], "restore both its files", lambda p: file(p, "x.json")),
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
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry["spec"].update(depth=0))),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry["spec"].update(attention=True))),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry["seeds"].pop())),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry["seeds"].__setitem__(1, 0))),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry["seeds"].__setitem__(1, "1"))),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry.pop("source"))),
    (["judge", "--live"], "restore both its files", records_json("{")),
    (SMOKE[:2], "restore both its files", records_json("{")),
    (["record", "TOY-1"], "restore both its files", records_json("{")),
    (["claims"], "restore both its files", lambda p: p.about(lambda entry: entry.update(source="", confirmed=None))),
    (["record", "TOY-1", "--seeds", "3"], "record at least as many"),
]
WHILE_RUNNING = [  # these have announced what they will do before it happens
    (SMOKE, "free it or name another", disk_full),
    (SMOKE, "fewer --jobs, or a smaller WHYRESNETS_JOBS; finished runs are kept", killed_worker),
    ([*SMOKE, "--no-cache"], "WHYRESNETS_JOBS; nothing was kept", killed_worker),
    ([*SMOKE, "--json", "/dev/full"], "No space left"),
]
BEFORE = [*COMMANDS, *CLAIMS, *NUMBERS, *DEVICES, *NOT_BUILT, *TOGETHER, *FILES, *DATA, *RECORDS]


def test_there_are_at_least_sixty_cases():
    assert len(BEFORE) + len(WHILE_RUNNING) >= 60


@pytest.fixture
def answer(book, toy, in_a_book, tmp_path, monkeypatch, capfd):
    """Arrange a case, run it, and hand back what was said; what lay in the folder before must lie there after.

    The book has two chapters; one of them is planned at larger scales, too.
    """
    lone = replace(toy, name="lone", claims=(replace(toy.claims[0], id="LONE-1"),))
    monkeypatch.setattr(__main__, "CHAPTERS", (book, lone))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    data.load.cache_clear()

    def run(arguments, says, arrange=lambda _: None, leaves_nothing=False):
        arrange(Place(tmp_path, (book, lone), monkeypatch))
        before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        status = main([argument.replace("@", str(tmp_path)) for argument in arguments])
        monkeypatch.undo()
        data.load.cache_clear()
        said = capfd.readouterr()
        after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        assert all(after.get(path) == content for path, content in before.items()), "something was lost"
        assert not leaves_nothing or after.keys() == before.keys(), "a file was left behind"
        assert status == 2 and "Traceback" not in said.err
        assert says in said.err.splitlines()[-1], said.err
        return said

    return run


@pytest.mark.parametrize("case", BEFORE, ids=lambda case: " ".join(case[0])[-60:] + " | " + case[1])
def test_bad_input_is_answered_by_one_clear_line(case, answer):
    said = answer(*case, leaves_nothing=True)
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
    judge = ["judge", CHAPTERS[0].claims[0].id, *SMOKE[2:]]
    said = outside(judge, tmp_path, preexec_fn=no_file_grows, stdout=subprocess.PIPE)
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
