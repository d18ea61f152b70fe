"""What is told when a plug-in is imported without its framework."""

from __future__ import annotations

from rtaudio.providers.packages import MissingPackageError

__all__ = ["missing"]


def missing(module: str, *, extra: str, wanted_by: str, error: ModuleNotFoundError) -> ImportError:
    """The error to raise for `error`, with which importing `wanted_by` failed: which extra to install if it was the
    framework `module` that is missing, or a part of it; `error` itself if it was something else."""
    top = module.partition(".")[0]
    if error.name is None or error.name.partition(".")[0] != top:
        return error
    return MissingPackageError(
        f"{wanted_by} needs the package '{module}', which is not installed; install it with: "
        f'pip install "rtaudio[{extra}]"',
        name=module,
    )
