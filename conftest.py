"""What nbval should not compare. At the root, because it must hold for the notebooks in book/ too."""


def pytest_collectstart(collector):
    """A new warning on standard error must not fail a notebook whose results are right."""
    if collector.fspath and collector.fspath.ext == ".ipynb":
        collector.skip_compare += ("stderr",)
