"""Many runs at once: ``run`` a plan, on the cores of this machine or on a cluster."""

from whyresnets.sweeps.cluster import hardware
from whyresnets.sweeps.cost import LIVE, core_seconds
from whyresnets.sweeps.local import one_thread
from whyresnets.sweeps.sweep import missing, run
from whyresnets.sweeps.workers import HERE, WITHOUT_CACHE, OtherCode, Plan, WorkerLost, Workers, cores

__all__ = [
    "HERE",
    "LIVE",
    "WITHOUT_CACHE",
    "OtherCode",
    "Plan",
    "WorkerLost",
    "Workers",
    "core_seconds",
    "cores",
    "hardware",
    "missing",
    "one_thread",
    "run",
]
