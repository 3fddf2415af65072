"""Packages that a test needs from its Python: one that is missing ends it, as skipped."""

import importlib
import sys

SKIPPED = 77  # ctest's status of a test that did not run


def need(name, how):
    """The package or module of this name; `how`: what to do where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"SKIPPED: {sys.executable} has no {name} ({error}); {how}")
        sys.exit(SKIPPED)
