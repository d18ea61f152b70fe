"""Compiled modules of rtaudio.

Each extension lists its own C and C++ sources (the lists: csrc/sources.py), so that one can be built alone:

    python setup.py build_ext --inplace                      all
    RTAUDIO_ONLY=_ring,_dsp python setup.py build_ext -i     some
    RTAUDIO_BUILD=asan python setup.py build_ext -i          one switch for each kind of build

RTAUDIO_BUILD: release (default), debug, asan (address + undefined behaviour), tsan (threads), trap (allocation and
locking on the audio path abort the process; see csrc/trap/).
"""

from __future__ import annotations

import copy
import hashlib
import os
import sys
from pathlib import Path

import numpy
import pybind11
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent))
from csrc.sources import CLOCKS, ENGINE, FEATURES, KERNELS, NETWORK, PORT, RESAMPLE, RING, c_files, kernel_files

KIND = os.environ.get("RTAUDIO_BUILD", "release")
ONLY = {name for name in os.environ.get("RTAUDIO_ONLY", "").split(",") if name}

FLAGS: dict[str, list[str]] = {
    "release": ["-O3"],
    "debug": ["-O0", "-g"],
    "asan": [
        "-O1",
        "-g",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
        "-fno-omit-frame-pointer",
        "-fno-wrapv",  # Python builds with -fwrapv: it would hide signed overflow, and takes minutes here
    ],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
    "trap": ["-O2", "-g", "-DRTA_TRAP=1"],
}
if KIND not in FLAGS:
    sys.exit(f"RTAUDIO_BUILD={KIND}: not a kind of build; one of {', '.join(FLAGS)}")

# No fast-math and no contraction the source does not spell out: instruction sets must agree (law 5). No traps on
# floating point are ever enabled; saying so changes no value and lets loops with comparisons become vector code.
COMMON = [
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Icsrc",
    *FLAGS[KIND],
]
# Names are bound when a module is loaded: a first call on the audio path must not go through the dynamic linker.
LINK = ["-Wl,-z,now", *(flag for flag in FLAGS[KIND] if flag.startswith("-fsanitize"))]

# module -> (language, binding source, core sources)
MODULES: dict[str, tuple[str, str, list[str]]] = {
    "_ring": ("c", "pyx/_ring.pyx", c_files(RING)),
    "_dsp": ("c", "pyx/_dsp.pyx", c_files(["base", "dsp", "g711", "framer"])),
    "_resample": ("c", "pyx/_resample.pyx", c_files(["base"], RESAMPLE)),
    "_clocks": ("c", "pyx/_clocks.pyx", c_files(CLOCKS)),
    "_network": ("c", "pyx/_network.pyx", c_files(NETWORK)),
    "_port": ("c", "pyx/_port.pyx", c_files(PORT)),
    "_engine": ("c", "pyx/_engine.pyx", c_files(ENGINE)),
    "_measure": ("c", "pyx/_measure.pyx", c_files(PORT, ["port_measure"])),
    "_replay": ("c", "pyx/_replay.pyx", c_files(PORT, ["playout_replay"])),
    "_kernels": ("c++", "pyx/kernels.cc", kernel_files(KERNELS)),
    "_turn": ("c", "pyx/_turn.pyx", c_files(["base", "turn_policy"])),
    "_features": ("c++", "pyx/features.cc", kernel_files(FEATURES)),
}


class BuildExt(build_ext):
    """C11 or C++17 by the language of the extension; as many extensions at once as there are processors; objects of
    different modules never share a path. Optimiser and sanitizers are for the core, not for the generated bindings,
    which are large and do nothing but call the core: so they compile in a third of the time."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        compile_one = self.compiler._compile

        def spare_bindings(obj: str, src: str, ext: str, cc: list[str], extra: list[str], pp: list[str]) -> None:
            if not src.startswith("csrc"):
                extra = [flag for flag in extra if "-fsanitize" not in flag and "-fno-sanitize" not in flag]
                if KIND != "debug":
                    extra += ["-O1", "-g0"]
            compile_one(obj, src, ext, cc, extra, pp)

        self.compiler._compile = spare_bindings
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        standard = "-std=c++17" if ext.language == "c++" else "-std=gnu11"
        ext.extra_compile_args = [standard, *ext.extra_compile_args]
        own = copy.copy(self)
        own.build_temp = str(Path(self.build_temp) / KIND / ext.name)
        build_ext.build_extension(own, ext)


def port_capsule() -> str:
    """Names the handle that modules pass a port by after the sources that lay it out, so that modules built from
    different sources refuse each other instead of reading each other's memory wrongly."""
    sources = [Path(name) for name in c_files(PORT)] + sorted(Path("csrc").glob("*.h"))
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    return f'"rtaudio.port_engine {stamp}"'


HEADERS = {".h", ".hh", ".inc"}


def extension(name: str, language: str, binding: str, core: list[str]) -> Extension:
    include = [numpy.get_include()] if language == "c" else [pybind11.get_include()]
    return Extension(
        f"rtaudio.core.{name}",
        sources=[binding, *core],
        language=language,
        include_dirs=include,
        depends=sorted(str(p) for top in ("csrc", "pyx") for p in Path(top).rglob("*") if p.suffix in HEADERS),
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"), ("RTA_PORT_CAPSULE", port_capsule())]
        if language == "c"
        else [],
        extra_compile_args=list(COMMON),
        extra_link_args=[*LINK, "-lpthread", "-ldl"],
    )


extensions = [extension(name, *parts) for name, parts in MODULES.items() if not ONLY or name in ONLY]
setup(
    ext_modules=cythonize(
        extensions,
        build_dir="build/cython",
        quiet=True,
        compiler_directives={"language_level": "3", "embedsignature": True, "binding": True},
    ),
    cmdclass={"build_ext": BuildExt},
)
