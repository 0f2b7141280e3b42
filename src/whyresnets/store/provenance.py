"""Where results come from: versions, processor, the code that decided them."""

import datetime
import os
import platform
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import whyresnets
from whyresnets.source import source_hash
from whyresnets.spec import Spec


def versions() -> dict[str, str]:
    """Versions of what computes a result."""
    return {
        "whyresnets": whyresnets.__version__,
        "torch": torch_version(),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def torch_version() -> str:
    """The version of torch, or "none" where it is absent: records can be judged without it."""
    if find_spec("torch") is None:
        return "none"
    import torch

    return torch.__version__


def source_of(spec: Spec) -> str:
    """The hash of today's code that decides the results of ``spec``, see :func:`whyresnets.source.source_hash`."""
    return source_hash(spec.flat())


def hardware(device: str = "cpu") -> str:
    """The processor as the system names it, and its cores."""
    if device == "cuda":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name()
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


def provenance(spec: Spec, trained_on: str = "") -> dict:
    """What a record says of its origin: date, code, versions, hardware (this machine's processor unless said)."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {
        "date": today,
        "source": source_of(spec),
        "versions": versions(),
        "hardware": trained_on or hardware(),
    }
