"""Folders of the reader: named in the environment or the usual ones, always in full."""

import os
import tempfile
from pathlib import Path


def named(variable: str, usual: str) -> Path:
    """The folder that the environment ``variable`` names, else ``usual`` within the reader's cache folder.

    What is relative is taken from where the reader stands when it is first asked, and so for good, in worker processes
    as well: the variable is set to the whole path. ``~`` is the home folder.

    Raises
    ------
    OSError
        If the variable begins with ``~`` and no such home folder is known.
    """
    if not (said := os.environ.get(variable, "").strip()):
        return _cache() / usual
    if not os.path.isabs(said):
        try:
            said = str(Path(said).expanduser().absolute())
        except RuntimeError as error:
            raise OSError(f"no home folder is known for {variable}={said}: name the folder in full") from error
        os.environ[variable] = said
    return Path(said)


def _cache() -> Path:
    """The reader's cache folder; where no home is known, as in some containers, one for temporary files."""
    import platformdirs

    usual = Path(platformdirs.user_cache_dir("whyresnets"))
    return usual if usual.is_absolute() else Path(tempfile.gettempdir()) / "whyresnets"
