"""Many runs at once: ``run`` a plan, on the cores of this machine or on a cluster."""

from whyresnets.sweeps.cluster import hardware
from whyresnets.sweeps.cost import LIVE, core_seconds
from whyresnets.sweeps.machine import BadNumber, cores, processes
from whyresnets.sweeps.settings import fresh_torch
from whyresnets.sweeps.sweep import missing, run
from whyresnets.sweeps.workers import HERE, WITHOUT_CACHE, NoProcesses, OtherCode, Plan, WorkerLost, Workers

__all__ = [
    "HERE",
    "LIVE",
    "WITHOUT_CACHE",
    "BadNumber",
    "NoProcesses",
    "OtherCode",
    "Plan",
    "WorkerLost",
    "Workers",
    "core_seconds",
    "cores",
    "fresh_torch",
    "hardware",
    "missing",
    "processes",
    "run",
]
