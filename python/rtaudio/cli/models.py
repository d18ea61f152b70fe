"""`rtaudio models`: which models there are, where they lie, whether they are whole; and how to get them."""

from __future__ import annotations

import argparse
import sys

from rtaudio.cli.errors import CommandError
from rtaudio.core import model_store
from rtaudio.core.vad import ModelAltered, ModelMissing

__all__ = ["run"]


def run(options: argparse.Namespace) -> None:
    """Carries out ``list`` (the default), ``install``, ``verify`` or ``path``."""
    names: list[str] = getattr(options, "names", [])
    unknown = [name for name in names if name not in model_store.MODELS]
    if unknown:
        raise CommandError(f"there is no model {', '.join(unknown)}; there are {', '.join(model_store.MODELS)}")
    action = options.action or "list"
    try:
        if action == "install":
            _install(options)
        elif action == "path":
            for name in names or [name for name, model in model_store.MODELS.items() if not model.bundled]:
                print(model_store.find(name))
        else:
            _list(names or list(model_store.MODELS), strict=action == "verify")
    except (ModelMissing, ModelAltered) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"the store {model_store.store()} cannot be used: {error}") from error


def _install(options: argparse.Namespace) -> None:
    names = options.names or [name for name, model in model_store.MODELS.items() if not model.bundled]
    if options.path is not None and len(names) != 1:
        raise CommandError("--path is one model's file: name the model, too")
    for name in names:
        model_store.install(name, path=options.path, progress=lambda line: print(line, file=sys.stderr, flush=True))


def _list(names: list[str], *, strict: bool) -> None:
    print(f"store: {model_store.store()}")
    wrong, remedies = [], []
    for name in names:
        told = model_store.status(name)
        print(f"{name:<18}{told.state:<11}{told.model.size / 1e6:6.1f} MB  {told.model.licence:<13}{told.model.about}")
        print(f"{'':<18}{told.path}{told.detail and ' ' + told.detail}")
        if told.state != "ok":
            wrong.append(f"{name} is {told.state}")
            remedies.append(model_store.remedy(told.model))
    if strict and wrong:
        raise CommandError(f"{'; '.join(wrong)}: {'; '.join(remedies)}")
