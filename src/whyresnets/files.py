"""Files that a reader asked for: refused early, written whole or not at all; "-" is standard output."""

import errno
import json
import math
import os
import tempfile
import uuid
from pathlib import Path

STANDARD_OUTPUT = ("-", "/dev/stdout")  # a file of that name is ./-


def refuse_unwritable(path: Path) -> None:
    """Ask this before hours are spent on what goes into the file; it leaves no trace.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if not _is_device(path):
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def as_text(rows: list | dict) -> str:
    """JSON as this library writes it; a number that is none (NaN, infinite) is null, as the standard has it."""
    return json.dumps(_finite(rows), indent=1, allow_nan=False)


def _finite(part):
    if isinstance(part, dict):
        return {name: _finite(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_finite(value) for value in part]
    return None if isinstance(part, float) and not math.isfinite(part) else part


def write_json(path: Path, rows: list | dict) -> None:
    """Write the whole file or leave the old one as it was."""
    text = as_text(rows) + "\n"
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
