"""Every compiled module has a stub beside it, and the two say the same names.

Types in a stub are what editors and mypy believe; a stub that has drifted is worse than none.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "python/rtaudio/core"
BINDINGS = sorted(path for path in (ROOT / "pyx").iterdir() if path.suffix in {".pyx", ".cc"})
# A binding is a module of its own name, but for pybind11's.
MODULES = sorted({"_kernels" if path.suffix == ".cc" else path.stem for path in BINDINGS})


def stub(name: str) -> ast.Module:
    path = CORE / f"{name}.pyi"
    assert path.exists(), f"{name} has no stub: add {path.name} beside it"
    return ast.parse(path.read_text(encoding="utf-8"))


def declared(body: list[ast.stmt]) -> set[str]:
    """Public names that exist at run time: a plain `Name = ...` in a stub is an alias for types alone."""
    names: set[str] = set()
    for node in body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return {name for name in names if not name.startswith("_")}


def aliases(body: list[ast.stmt]) -> set[str]:
    return {t.id for node in body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)}


def module(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"rtaudio.core.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"rtaudio.core.{name}":
            pytest.fail(f"{name} is not built: make setup")
        raise


def made_here(found: ModuleType, name: str) -> bool:
    value = getattr(found, name)
    if inspect.ismodule(value):
        return False
    home = getattr(value, "__module__", found.__name__) or found.__name__
    return bool(home == found.__name__)


@pytest.mark.parametrize("name", MODULES)
def test_stub_and_module_have_the_same_public_names(name: str) -> None:
    body = stub(name).body
    found = module(name)
    real = {each for each in dir(found) if not each.startswith("_") and made_here(found, each)}
    assert real - aliases(body) == declared(body)


@pytest.mark.parametrize("name", MODULES)
def test_stub_and_classes_have_the_same_public_members(name: str) -> None:
    found = module(name)
    for node in stub(name).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            cls = getattr(found, node.name)
            inherited = {each for base in cls.__mro__[1:] for each in dir(base)}
            real = {each for each in dir(cls) if not each.startswith("_")} - inherited
            # What an instance gets in its __init__ (exceptions of pure Python) is not to be seen on the class.
            own = declared(node.body) - {
                each.target.id
                for each in node.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and issubclass(cls, Exception)
            }
            assert real == own, f"{name}.{node.name}"


@pytest.mark.parametrize("name", MODULES)
def test_parameters_of_stub_and_module_have_the_same_names(name: str) -> None:
    found = module(name)
    for node in stub(name).body:
        functions = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = getattr(found, node.name) if isinstance(node, ast.ClassDef) else found
        for each in functions:
            if not isinstance(each, ast.FunctionDef) or each.name.startswith("_") or each.decorator_list:
                continue
            try:
                real = list(inspect.signature(getattr(owner, each.name)).parameters)
            except (TypeError, ValueError):
                continue  # a builtin without a signature
            said = [a.arg for a in (*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs)]
            assert [p for p in real if p != "self"] == [p for p in said if p != "self"], f"{name}.{each.name}"


def test_every_compiled_module_is_built_by_setup() -> None:
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert all(f'"{name}"' in text for name in MODULES)
