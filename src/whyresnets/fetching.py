"""The files of CIFAR-10 and Fashion-MNIST, as torchvision reads them: found, or fetched, or why not, in one line."""

import os
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from whyresnets import folders

TIMEOUT = 30  # seconds without an answer; chosen by us


class DataMissing(Exception):
    """The files of a data set, or the package that makes it, are not at hand; the message says what to do."""


def folder() -> Path:
    """Where the files are looked for: ``WHYRESNETS_DATA``, else the user's cache folder."""
    return folders.named("WHYRESNETS_DATA", "data")


def halves(name: str) -> list[Any]:
    """torchvision's data set for training and the one for testing, downloaded if need be.

    The folder may be the one that holds the files, whatever it is called, or the one above it.

    Raises
    ------
    DataMissing
        If the files are neither there nor can be downloaded.
    """
    kind, root = _where(name)
    found = []
    for train in (True, False):
        try:
            found.append(kind(root, train=train, download=False))
        except Exception:  # a RuntimeError if they are absent; if they are damaged, of any kind
            found.append(_download(kind, root, train, name))
    return found


def _where(name: str) -> tuple[Any, Path]:
    """torchvision's class, and the folder above that of the files."""
    from torchvision import datasets

    root = folder()
    if name == "cifar10":
        if not (root / "data_batch_1").exists():
            return datasets.CIFAR10, root
        return type("CIFAR10", (datasets.CIFAR10,), {"base_folder": root.name}), root.parent
    return datasets.FashionMNIST, root.parent if root.name == "FashionMNIST" else root


def _download(kind: Any, root: Path, train: bool, name: str) -> Any:
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        return kind(root, train=train, download=True)
    except Exception as error:  # whatever the network says, the reader can do one thing
        state = f"damaged ({', '.join(bad)})" if (bad := damaged(kind, root)) else "not whole"
        raise DataMissing(
            f"{name} is {state} in {root} and could not be downloaded ({why(error)}): "
            f"put torchvision's files for it there, or name their folder in WHYRESNETS_DATA"
        ) from error
    finally:
        socket.setdefaulttimeout(patience)


def damaged(kind: Any, root: Path) -> list[str]:
    """The files of CIFAR-10 that are there and are not what they should be."""
    from torchvision.datasets.utils import check_integrity

    listed = [*getattr(kind, "train_list", ()), *getattr(kind, "test_list", ())]
    paths = [(root / kind.base_folder / file, checksum) for file, checksum in listed]
    return [path.name for path, checksum in paths if path.exists() and not check_integrity(str(path), checksum)]


def why(error: BaseException) -> str:
    """What kept a download, in words: the server's certificate, a proxy, no network, or the kind of the error."""
    reason = error.reason if isinstance(error, URLError) and isinstance(error.reason, BaseException) else error
    said = str(reason).lower()
    if isinstance(reason, ssl.SSLCertVerificationError) or "certificate" in said:
        return "the server's certificate is not accepted here: install certifi's, or ask who runs the network"
    if (isinstance(error, HTTPError) and error.code == 407) or "proxy" in said or "tunnel connection" in said:
        return "the proxy refuses: look at https_proxy"
    if isinstance(error, HTTPError):
        return f"the server answers {error.code}"
    if isinstance(reason, PermissionError) or (isinstance(reason, OSError) and reason.filename):
        return f"{os.strerror(reason.errno) if reason.errno else reason}"
    if isinstance(reason, OSError):
        return "no network"
    return type(error).__name__
