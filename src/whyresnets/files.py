"""Files that a reader asked for: refused early, written whole or not at all."""

import errno
import json
import os
import tempfile
import uuid
from pathlib import Path


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


def write_json(path: Path, rows: list | dict) -> None:
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
