"""The set-up of the Makefile: the wrong Python is one line, and no .venv is left half made or of two Pythons.

Without a network: PYTHON is a shell script that pretends.
"""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# It says its version; makes an environment with a copy of itself in it; and as pip, writes down whom it installed for.
PRETENDS = """#!/bin/sh
version={version}
case "$1 $2" in
"--version ") echo "Python $version";;
"-c import ensurepip"*) exit {lacks};;
"-c import platform"*) echo "{machine}";;
"-m venv")
  [ {venv} = whole ] || {{ mkdir -p .venv/lib; echo "no room" >&2; exit 1; }}
  mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo "version = $version" > .venv/pyvenv.cfg;;
"-m pip")
  echo "$version" >> .venv/installed
  if [ -e pip_is_killed ]; then kill -9 $$; fi
  if [ -e pip_fails ]; then echo "pip: no network" >&2; exit 1; fi;;
*) echo "unexpected: $*" >&2; exit 3;;
esac
"""


@pytest.fixture
def place(tmp_path):
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def python(place, version="3.11.7", machine="Linux x86_64", lacks=0, venv="whole", name="fake") -> str:
    """A script that pretends to be a Python; its path."""
    path = place / name
    path.write_text(PRETENDS.format(version=version, machine=machine, lacks=lacks, venv=venv))
    path.chmod(0o755)
    return str(path)


def make(place, *arguments, target=".venv/ready", **environment):
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL")}
    command = ["make", target, *arguments]
    return subprocess.run(command, cwd=place, env=env | environment, capture_output=True, text=True, timeout=60)


def installed(place) -> list[str]:
    """For which Pythons pip was run in the .venv that there is."""
    return (place / ".venv" / "installed").read_text().split()


WRONG = [
    ({"version": "3.10.14"}, "is Python 3.10.14: install Python 3.11 or newer"),
    ({"version": "2.7.18"}, "is Python 2.7.18: install Python 3.11 or newer"),
    ({"version": "3.9.0"}, "is Python 3.9.0: install Python 3.11 or newer"),
    ({"version": ""}, "does not run: install Python 3.11 or newer"),
    (
        {"lacks": 1},
        "(Python 3.11.7) has no venv or no ensurepip: install them (Debian: apt-get install python3.11-v",
    ),
    ({"machine": "Darwin x86_64"}, "Intel Macs"),
]


@pytest.mark.parametrize("how, says", WRONG, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("target", ["html", "book", "test"])
def test_the_wrong_python_is_one_line_and_leaves_no_environment(place, how, says, target):
    wrong = python(place, **how)
    said = make(place, f"PYTHON={wrong}", target=target)
    assert said.returncode == 2 and said.stdout == ""
    assert said.stderr.count("\n") == 1 and f"PYTHON={wrong}" in said.stderr and says in said.stderr
    assert not (place / ".venv").exists()


def test_a_python_that_is_not_there_is_one_line(place):
    said = make(place, "PYTHON=python3.99")
    assert said.returncode == 2 and said.stderr.count("\n") == 1 and "PYTHON=python3.99 does not run" in said.stderr
    assert not (place / ".venv").exists()


def test_the_wrong_python_leaves_a_whole_environment_as_it_was(place):
    assert make(place, f"PYTHON={python(place)}").returncode == 0
    for version in ("3.10.14", ""):
        assert make(place, f"PYTHON={python(place, version, name='wrong')}").returncode == 2
    assert installed(place) == ["3.11.7"] and (place / ".venv" / "ready").exists()


def test_python_is_the_oldest_that_the_library_supports(place):
    wants = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = wants.removeprefix(">=")
    assert make(place, f"PYTHON={python(place, f'{oldest}.0')}").returncode == 0
    said = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"Python (\d\.\d+) or newer", said)) == {oldest}


def test_a_failed_environment_leaves_nothing(place):
    assert make(place, f"PYTHON={python(place, venv='broken')}").returncode == 2
    assert not (place / ".venv").exists()


def test_a_whole_environment_is_left_alone(place):
    fake = python(place)
    for _ in range(2):
        assert make(place, f"PYTHON={fake}").returncode == 0
        assert make(place).returncode == 0
    assert installed(place) == ["3.11.7"] and not (place / ".venv" / "unfinished").exists()


@pytest.mark.parametrize("what", ["pip_fails", "pip_is_killed"])
def test_a_set_up_that_did_not_finish_is_begun_again(place, what):
    fake = python(place)
    (place / what).touch()
    said = make(place, f"PYTHON={fake}")
    assert said.returncode == 2 and "the same command tries again" in said.stderr and "Python 3.11.7" in said.stderr
    assert not (place / ".venv" / "ready").exists()
    (place / ".venv" / "half").touch()
    (place / what).unlink()
    assert make(place, f"PYTHON={fake}").returncode == 0
    assert installed(place) == ["3.11.7"] and not (place / ".venv" / "half").exists()


@pytest.mark.parametrize("what, kept", [("pip_fails", True), ("pip_is_killed", False)])
def test_an_update_that_failed_goes_on_and_one_that_was_killed_is_begun_again(place, what, kept):
    """Without a network pip changes nothing; where it was killed, nobody knows what it left."""
    fake = python(place)
    assert make(place, f"PYTHON={fake}").returncode == 0
    os.utime(place / ".venv" / "ready", (0, 0))  # requirements.txt is newer
    (place / what).touch()
    assert make(place, f"PYTHON={fake}").returncode == 2
    (place / what).unlink()
    assert make(place, f"PYTHON={fake}").returncode == 0
    assert installed(place) == ["3.11.7"] * (3 if kept else 1)


def test_two_pythons_never_mix(place):
    """Neither where another is named, nor where the system's was replaced below an environment."""
    assert make(place, f"PYTHON={python(place, '3.11.7', name='older')}").returncode == 0
    newer = python(place, "3.12.1", name="newer")
    assert make(place, f"PYTHON={newer}").returncode == 0
    assert installed(place) == ["3.12.1"]
    shutil.copy(python(place, "3.13.0", name="newest"), place / ".venv" / "bin" / "python")
    assert make(place, f"PYTHON={newer}").returncode == 0
    assert installed(place) == ["3.12.1"]
    assert make(place, PYTHON=str(place / "older")).returncode == 0  # from the environment
    assert installed(place) == ["3.11.7"]
    assert "version = 3.11.7" in (place / ".venv" / "pyvenv.cfg").read_text()


def test_an_environment_made_by_hand_is_kept(place):
    fake = python(place)
    subprocess.run([fake, "-m", "venv", ".venv"], cwd=place, check=True)
    (place / ".venv" / "mine").touch()
    assert make(place).returncode == 0
    assert (place / ".venv" / "mine").exists() and installed(place) == ["3.11.7"]


def test_the_pages_name_the_torch_that_is_pinned():
    """Whoever puts a torch without CUDA in first must not see it replaced."""
    told = re.findall(r"(torch(?:vision)?)==([\d.]+)\+cpu", (ROOT / "book" / "running.md").read_text())
    pins = dict(re.findall(r"^(torch\w*)==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.M))
    assert dict(told) == pins
    oldest = re.search(r'"torch>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert f"this library needs {oldest}" in (ROOT / "book" / "running.md").read_text()
