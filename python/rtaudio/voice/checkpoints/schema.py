"""The program's own data in a checkpoint, by a type that the program declares: a msgspec Struct, a dataclass, a
pydantic model, or what msgspec knows besides (dict[str, int], ...). Nothing is pickled; no type is named by the file.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rtaudio.voice.checkpoints.form import NULL, CheckpointError, plain


def to_plain(value: object, where: str) -> msgspec.Raw:
    """None: nothing. Raises CheckpointError."""
    try:
        if callable(dump := getattr(value, "model_dump_json", None)):
            return msgspec.Raw(dump().encode())
        return plain(value)
    except Exception as error:  # the program's own, too
        raise CheckpointError(
            f"{where} cannot be written down: {error}; it must be a msgspec Struct, a dataclass or a pydantic model"
        ) from error


def from_plain(raw: msgspec.Raw, kind: Any, where: str) -> Any:
    """Of that type; None where there is nothing. Raises CheckpointError."""
    if bytes(raw) == NULL:
        return None
    try:
        if callable(validate := getattr(kind, "model_validate_json", None)):
            return validate(bytes(raw))
        return msgspec.json.decode(raw, type=kind)
    except Exception as error:
        raise CheckpointError(f"{where} does not fit {kind!r}: {error}; has the type changed since?") from error
