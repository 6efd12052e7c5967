"""A folder is a registry: every module in it is an entry, and its file name is its id."""

import importlib
import pkgutil
from types import ModuleType


def modules_in(package: ModuleType) -> dict[str, ModuleType]:
    """Import every public module of a package, keyed by file name, in alphabetical order."""
    return {
        info.name: importlib.import_module(f"{package.__name__}.{info.name}")
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name)
        if not info.name.startswith("_")
    }
