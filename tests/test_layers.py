"""The layers of docs/architecture.md: each imports only from those before it.

    csrc ◄ pyx ◄ core ◄ voice, providers, transports ◄ server ◄ integrations, bench, cli, web, testing

``voice``, ``providers`` and ``transports`` stand side by side: the last two may use the modules of ``voice`` that say
what a provider or transport is (``CONTRACTS``), and nothing else of each other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "python"
CSRC = ROOT / "csrc"

LAYER = {
    "core": 0,
    "voice": 1,
    "providers": 1,
    "transports": 1,
    "server": 2,
    "integrations": 3,
    "bench": 3,
    "cli": 3,
    "web": 3,
    "testing": 3,
}
RPC = ("rpc", "rpc_calls", "rpc_peer", "tasks")
CONTRACTS = {
    f"rtaudio.voice.{name}"
    for name in ("protocols", "clock", "chat", "events", "policies", "streams", "troubles", *RPC)
}
# What the tools of the last layer may use of each other: everything is tried against simulated callers.
LAST_LAYER = {
    ("bench", "testing"),
    ("bench", "integrations"),
    ("cli", "testing"),
    ("cli", "bench"),
    ("integrations", "testing"),
    ("cli", "web"),
}


def modules() -> list[Path]:
    return sorted(path for kind in ("*.py", "*.pyi") for path in (PYTHON / "rtaudio").rglob(kind))


def name_of(path: Path) -> str:
    parts = path.relative_to(PYTHON).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def exists(module: str) -> bool:
    base = PYTHON.joinpath(*module.split("."))
    return base.is_dir() or any(base.with_suffix(suffix).exists() for suffix in (".py", ".pyi"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module of rtaudio that a file imports, at its top or inside a function, with the line."""
    name = name_of(path)
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.split(".")[: len(package.split(".")) - (level - 1)] if level else []
                base = ".".join([*above, *([module] if module else [])])
                # `from rtaudio import voice` imports rtaudio.voice; `from rtaudio.voice.agent import Agent` the module.
                found = [f"{base}.{alias.name}" if exists(f"{base}.{alias.name}") else base for alias in names]
            case _:
                continue
        for module in found:
            if module == "rtaudio" or module.startswith("rtaudio."):
                yield node.lineno, module


def layer_of(module: str) -> str:
    """The part of the package a module belongs to; the top, `rtaudio` itself, is a face of the core."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "core"


def allowed(importer: str, imported: str) -> bool:
    mine, theirs = layer_of(importer), layer_of(imported)
    if mine == theirs or LAYER[theirs] < LAYER[mine]:
        return True
    if LAYER[mine] == LAYER[theirs] == 1:
        return mine != "voice" and imported in CONTRACTS
    return (mine, theirs) in LAST_LAYER


def test_every_part_of_the_package_has_its_layer() -> None:
    parts = {layer_of(name_of(path)) for path in modules()}
    assert parts <= LAYER.keys(), f"give these a place in LAYER and in docs/architecture.md: {parts - LAYER.keys()}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: name_of(path) + path.suffix.removeprefix(".py"))
def test_python_imports_only_from_the_layers_before(path: Path) -> None:
    name = name_of(path)
    wrong = [f"{path.name}:{line} {module}" for line, module in imports(path) if not allowed(name, module)]
    assert not wrong, f"{name} may not import these (see the head of this test): {wrong}"


@pytest.mark.parametrize("contract", sorted(CONTRACTS))
def test_a_contract_module_leans_on_nothing_but_contracts_and_the_core(contract: str) -> None:
    path = PYTHON.joinpath(*contract.split(".")).with_suffix(".py")
    if not path.exists():
        pytest.skip(f"there is no {contract}")
    wrong = [m for _, m in imports(path) if layer_of(m) != "core" and m not in CONTRACTS and m != "rtaudio.voice"]
    assert not wrong


@pytest.mark.parametrize(
    ("importer", "imported", "verdict"),
    [
        ("rtaudio.voice.session", "rtaudio.core._port", True),
        ("rtaudio.core.vad", "rtaudio.voice.session", False),
        ("rtaudio.providers.openai", "rtaudio.voice.protocols", True),
        ("rtaudio.providers.openai", "rtaudio.voice.session", False),
        ("rtaudio.voice.session", "rtaudio.providers.openai", False),
        ("rtaudio.transports.sound", "rtaudio.providers.openai", False),
        ("rtaudio.server.gateway", "rtaudio.cli", False),
        ("rtaudio.cli", "rtaudio.server.gateway", True),
        ("rtaudio.bench.call", "rtaudio.cli.main", False),
    ],
)
def test_the_rule_itself(importer: str, imported: str, verdict: bool) -> None:
    assert allowed(importer, imported) is verdict


# ---- C.

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# Headers of the language and of the compiler's intrinsics: the same on every operating system.
LANGUAGE = {
    *("assert.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdalign.h", "stdarg.h", "stdatomic.h"),
    *("stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"),
    *("immintrin.h", "arm_neon.h", "cpuid.h", "emmintrin.h", "x86intrin.h"),
}


def c_files() -> list[Path]:
    found = (path for kind in ("*.c", "*.h", "*.cc", "*.inc", "*.hh") for path in CSRC.rglob(kind))
    return sorted(path for path in found if "trap" not in path.relative_to(CSRC).parts)


def c_includes(path: Path) -> tuple[list[str], list[str]]:
    """Of the system, and of our own."""
    found = INCLUDE.findall(path.read_text(encoding="utf-8"))
    return [name for bracket, name in found if bracket == "<"], [name for bracket, name in found if bracket == '"']


def c_id(path: Path) -> str:
    return str(path.relative_to(CSRC))


def is_cxx_header(name: str) -> bool:
    return "." not in name and "/" not in name


@pytest.mark.parametrize("path", c_files(), ids=c_id)
def test_the_core_knows_no_python(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"Python\.h|pybind11|numpy/|\bPyObject\b|\bPyGILState", text)


@pytest.mark.parametrize("path", c_files(), ids=c_id)
def test_only_platform_includes_headers_of_an_operating_system(path: Path) -> None:
    system, _ = c_includes(path)
    allowed_here = LANGUAGE if path.parent == CSRC else LANGUAGE | {name for name in system if is_cxx_header(name)}
    foreign = [name for name in system if name not in allowed_here]
    if path.name == "platform.c":
        assert foreign, "platform.c is where the operating system is met"
    else:
        assert not foreign


def test_c_includes_lead_downward_only() -> None:
    """No way round: from the include graph one can read an order in which each file is built on those before it."""
    graph: dict[str, set[str]] = {}
    for path in c_files():
        _, own = c_includes(path)
        here = graph.setdefault(path.stem if path.suffix == ".h" else f"{path.stem}{path.suffix}", set())
        for name in own:
            target = Path(name)
            assert target.suffix in {".h", ".inc", ".hh"}, f"{c_id(path)} includes {name}: only headers are included"
            assert any((base / target).exists() for base in (CSRC, path.parent)), f"{c_id(path)}: {name} is not there"
            here.add(target.stem if target.suffix == ".h" else target.name)
    done: set[str] = set()
    while graph:
        ready = {name for name, needs in graph.items() if needs - {name} <= done}
        assert ready, f"these include one another in a circle: {sorted(graph)}"
        done |= ready
        for name in ready:
            del graph[name]


# Who may know whom, for the pairs that matter: the row's headers never reach these.
NEVER = {
    "ring": {"history", "playout", "port", "engine", "device", "detector", "vad"},
    "playout": {"port", "engine", "device", "detector", "vad"},
    "detector": {"playout", "port", "engine", "device"},
    "resample": {"ring", "playout", "port", "engine", "device"},
    "port": {"engine", "device"},
    "engine": {"device"},
}


def reachable(path: Path, seen: set[Path]) -> set[Path]:
    for name in c_includes(path)[1]:
        found = next((base / name for base in (CSRC, path.parent) if (base / name).exists()), None)
        if found is not None and found not in seen:
            seen.add(found)
            reachable(found, seen)
    return seen


@pytest.mark.parametrize("module", sorted(NEVER))
def test_lower_modules_of_the_core_never_reach_the_higher(module: str) -> None:
    files = [path for path in c_files() if path.parent == CSRC and re.fullmatch(rf"{module}(_\w+)?", path.stem)]
    assert files, f"csrc/{module}.* is gone: correct NEVER"
    reached = {header.stem for path in files for header in reachable(path, set())}
    assert not reached & NEVER[module]


def test_kernels_stand_on_base_and_the_seam_alone() -> None:
    """Kernels and streaming core are separate libraries: all they share is vad.h (and base.h)."""
    for path in c_files():
        if path.parent != CSRC:
            outside = {name for name in c_includes(path)[1] if (CSRC / name).exists() and "/" not in name}
            assert outside <= {"base.h", "vad.h"}, c_id(path)
        else:
            assert not any(name.startswith("kernels/") for name in c_includes(path)[1]), c_id(path)
