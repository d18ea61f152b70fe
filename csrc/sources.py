"""Which sources make what: for setup.py, for the programs in tests/c, and for the fuzzers that make builds.

A group is a list of names of files in csrc/, without folder and ending. A new file of the core goes into the group that
needs it, and nowhere else.

A program in tests/c names near its top what it is made of, groups or files of any folder:

    // sources: port csrc/gate.c

`python csrc/sources.py tests/c/ring_rules.c` prints the files.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

RESAMPLE = ["resample", "resample_bank", "resample_kernel", "resample_pcm", "dsp"]
RING = ["base", "platform", "ring", "history", "ring_measure"]
CLOCKS = ["base", "platform", "ring", *RESAMPLE, "resample_variable", "clock_track", "drift", "clock_bridge"]
PLAYOUT = [
    "base",
    "platform",
    "ring",
    "history",
    "playout_control",
    "playout_writer",
    "playout_consumer",
    "playout_ops",
    "playout_stage",
    "playout_remote",
]
PORT = [*PLAYOUT, "outgoing", "journal", "port", *RESAMPLE]
ECHO = ["echo_fft", "echo_delay", "echo_filter", "echo_guard"]
EAR = ["gate", "barge", "turn_policy", "turn", "mic_health", "detector", "ear"]
CODEC = ["g711", "opus_library", "codec_opus", "codec"]
JITTER = ["jitter", "jitter_window", "jitter_payload", "conceal"]
JITTER_PLAY = [*JITTER, "stretch", "jitter_target", "jitter_play"]
LINE = [
    *PORT,
    *ECHO,
    *EAR,
    "clock_track",
    "media_map",
    "line_clock",
    "line_echo",
    "line_reference",
    "resample_variable",
    "line",
    "line_input",
    "line_network",
    "line_datagrams",
    "rtp",
    "line_packets",
    "line_socket",
    "rtp_sender",
    "udp",
    *JITTER,
    *CODEC,
    "line_hearing",
    "line_told",
    "line_output",
    "engine",
]
ENGINE = [*LINE, "device"]
NETWORK = ["base", "platform", "rtp", "rtp_sender", *CODEC, *RESAMPLE, *JITTER_PLAY]
KERNELS = ["isa", "silero", "silero_scalar", "silero_avx2", "silero_avx512", "silero_neon"]
FEATURES = ["isa", "log_mel", "log_mel_plain", "log_mel_avx2", "pitch", "prosody"]


def c_files(*groups: list[str]) -> list[str]:
    """Paths from the root of what these groups hold."""
    return [f"csrc/{name}.c" for group in groups for name in group]


def kernel_files(group: list[str]) -> list[str]:
    """The same for what is written in C++."""
    return [f"csrc/kernels/{name}.cc" for name in group]


# What a program in tests/c may name.
NAMED: dict[str, list[str]] = {
    "clocks": c_files(CLOCKS),
    "codec": c_files(["base", "platform"], CODEC),
    "ear": c_files(["base"], EAR),
    "engine": c_files(ENGINE),
    "jitter": c_files(["base", "platform"], CODEC, JITTER),
    "jitter_play": c_files(["base", "platform"], CODEC, JITTER_PLAY),
    "line": c_files(LINE),
    "playout": c_files(PLAYOUT, ["journal"]),
    "port": c_files(PORT),
    "silero": kernel_files(KERNELS),
}


def sources_of(program: Path) -> list[str]:
    """The files that `program` says it is made of, without itself. Raises ValueError where it says none, or names a
    group that there is not."""
    said = re.search(r"^// sources: (.*)$", program.read_text(encoding="utf-8"), re.MULTILINE)
    if said is None:
        raise ValueError(f"{program.name}: say what it is made of: // sources: port, or csrc/...")
    files: list[str] = []
    for word in said[1].split():
        if "/" not in word and word not in NAMED:
            raise ValueError(f"{program.name}: no group {word!r} in csrc/sources.py; there are {', '.join(NAMED)}")
        files += [file for file in NAMED.get(word, [word]) if file not in files]
    return files


if __name__ == "__main__":
    print(*(file for name in sys.argv[1:] for file in sources_of(Path(name))))
