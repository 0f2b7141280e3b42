"""Claims, verdicts and runs as tables: plain text for the terminal, Markdown for the page, JSON for machines."""

from whyresnets.report.nets import best_rates, both_modes, pace, probes, run_time
from whyresnets.report.rows import Row, agreement, row, seeds_to_judge, seeds_to_record, shown, unlike_the_record
from whyresnets.report.scales import at_scales, beside_published, live_runs, provenance, records
from whyresnets.report.strips import Line, Strip, strip
from whyresnets.report.table import Table
from whyresnets.report.verdicts import (
    NOT_RUN,
    SMOKE,
    STALE,
    VerdictBox,
    boxed,
    judged,
    live_rows,
    plan,
    predictions,
    printed,
    word,
)
from whyresnets.report.words import Words, mean_losses

__all__ = [
    "NOT_RUN", "SMOKE", "STALE", "Line", "Row", "Strip", "Table", "VerdictBox", "Words", "agreement", "at_scales",
    "beside_published", "best_rates", "both_modes", "boxed", "judged", "live_rows", "live_runs",
    "mean_losses", "pace", "plan", "predictions", "printed", "probes", "provenance", "records", "row", "run_time",
    "seeds_to_judge", "seeds_to_record", "shown", "strip", "unlike_the_record", "word",
]  # fmt: skip
