"""How shortcut and branch become one: a row for each rule, plain arithmetic on tensors of one shape.

A rule is told along which axis the examples of a batch lie.
"""

import math
from typing import Any

# "half": He et al. 2016 ("Identity Mappings"), Table 1, constant scaling of the shortcut.
# "shuffled": the shortcut of another sample, the next in the batch; our control.
# "rescaled": Balduzzi et al. 2017, the sum over sqrt(2), which keeps the size of the signal.
RULES = {
    "plain": lambda shortcut, branch, batch: branch,
    "residual": lambda shortcut, branch, batch: shortcut + branch,
    "half": lambda shortcut, branch, batch: 0.5 * shortcut + branch,
    "shuffled": lambda shortcut, branch, batch: shortcut.roll(1, dims=batch) + branch,
    "rescaled": lambda shortcut, branch, batch: math.sqrt(0.5) * (shortcut + branch),
}


def join(rule: str, shortcut: Any, branch: Any, batch: int = 0) -> Any:
    """The sum of a block by its ``rule``, one of :data:`RULES`; shape of ``branch``.

    >>> join("half", 4.0, 1.0)
    3.0
    """
    return RULES[rule](shortcut, branch, batch)
