"""Python runs this at its start under `partywall run`: it binds the process.

The folder stands first on PYTHONPATH, so it hides a `sitecustomize` of the machine: that one is run
as well. A Python that cannot import partywall (a child in another environment) is left alone.
"""

import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_others = [path for path in sys.path if os.path.abspath(path or os.curdir) != _here]
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", _others)
if _spec is not None and _spec.loader is not None:
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))
if importlib.util.find_spec("partywall") and importlib.util.find_spec("opentelemetry"):
    from partywall import auto

    auto.start()
