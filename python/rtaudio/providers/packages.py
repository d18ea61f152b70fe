"""Optional packages: import one, or say which extra brings it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any


class MissingPackageError(ImportError):
    """A package that a provider or command needs is not installed; the message says what to install."""


def need(module: str, *, extra: str, wanted_by: str) -> None:
    """Raises MissingPackageError if `module` is not installed. Does not import it."""
    if find_spec(module) is None:
        raise _missing(module, extra, wanted_by)


def load(module: str, *, extra: str, wanted_by: str) -> Any:
    """Imports `module`. Raises MissingPackageError if it is not installed, or cannot be loaded on this machine."""
    need(module, extra=extra, wanted_by=wanted_by)
    try:
        return import_module(module)
    except (ImportError, OSError) as error:
        raise MissingPackageError(
            f"{wanted_by}: the package '{module}' is installed but does not load: {error}"
        ) from error


def _missing(module: str, extra: str, wanted_by: str) -> MissingPackageError:
    return MissingPackageError(
        f"{wanted_by} needs the package '{module}', which is not installed; install it with: "
        f'pip install "rtaudio[{extra}]"',
        name=module,
    )
