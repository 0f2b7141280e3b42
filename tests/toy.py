"""The toy chapter of CONTRIBUTING.md, from its own text, so that it cannot rot."""

import re
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def load() -> ModuleType:
    """A module made of the chapter's code as it stands on the page."""
    (code,) = re.findall(r'```python\n("""Toy: .*?)```', PAGE.read_text(), re.S)
    module = ModuleType("toy")
    exec(compile(code, str(PAGE), "exec"), vars(module))
    return module
