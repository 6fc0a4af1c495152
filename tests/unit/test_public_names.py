"""What `invoke_once` exports."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import invoke_once


def test_no_module_has_the_name_of_something_exported() -> None:
    """Importing such a module would put it over the function in the package's namespace."""
    modules = {module.name for module in pkgutil.iter_modules(invoke_once.__path__)}
    assert not modules & set(invoke_once.__all__)


def test_every_exported_name_is_there_whatever_was_imported_before() -> None:
    code = (
        "import pkgutil, importlib, invoke_once\n"
        "for m in pkgutil.iter_modules(invoke_once.__path__): importlib.import_module('invoke_once.' + m.name)\n"
        "for name in invoke_once.__all__: assert callable(getattr(invoke_once, name)), name"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
