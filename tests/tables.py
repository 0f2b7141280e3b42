"""For tests that look into printed tables."""

import re


def squeezed(text: str) -> str:
    """Without the blanks that align the columns."""
    return re.sub(" +", " ", text)
