#!/usr/bin/env python3
"""Tries the VAD kernel's AVX-512 on a machine without: in Bochs, an emulator of a whole PC, as a Skylake-X.

tests/c/silero_rules.c, linked statically, is started by a tiny init on a Debian kernel; what it prints comes over the
serial line. Takes 3 to 10 minutes, mostly to boot. On Debian 12:

    apt install bochs bochsbios bochs-term isolinux syslinux-common genisoimage linux-image-amd64
    make emulate

Exit code 0: the bits of AVX-512 are those of AVX2 and of plain C++, at both rates.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from csrc.sources import sources_of

ROOT = Path(__file__).resolve().parent.parent

LONGEST_S = 3600
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-I", "csrc", "-I", "tests/c"]
WANTED = [f"avx512 at {rate} Hz: the same bits" for rate in (16000, 8000)]
# Kernels that check the size of the state they save do not agree with this emulator's XSAVES and XSAVEC.
KERNEL_LINE = "console=ttyS0 clearcpuid=323,321 mitigations=off tsc=unstable clocksource=jiffies panic=1"
NEEDED = {
    "bochs": "bochs",
    "genisoimage": "genisoimage",
    "/usr/share/bochs/BIOS-bochs-latest": "bochsbios",
    "/usr/share/bochs/VGABIOS-lgpl-latest": "bochsbios",
    "/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so": "bochs-term",
    "/usr/lib/ISOLINUX/isolinux.bin": "isolinux",
    "/usr/lib/syslinux/modules/bios/ldlinux.c32": "syslinux-common",
}

INIT = r"""
#include <stdio.h>
#include <sys/io.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    if (fork() == 0) { execl("/rules", "/rules", (char *)0); _exit(99); }
    int status = -1;
    wait(&status);
    printf("exit code %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    fflush(stdout);
    sleep(1);
    iopl(3); /* the emulator's own way to be switched off */
    for (const char *c = "Shutdown"; *c; ++c) outb((unsigned char)*c, 0x8900);
    for (;;) pause();
}
"""

BOCHSRC = """
cpu: model=corei7_skylake_x, count=1, ips=50000000, reset_on_triple_fault=0
memory: guest=256, host=256
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial.txt
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
display_library: term
clock: sync=none
"""


def file_in_cpio(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One entry of a "newc" archive, as the kernel's initramfs wants it."""
    path = name.encode() + b"\0"
    numbers = (abs(hash(name)) & 0xFFFF, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    entry = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
    entry += bytes(-len(entry) % 4) + data
    return entry + bytes(-len(entry) % 4)


def run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


def build(folder: Path, kernel: Path) -> None:
    """boot.iso: the kernel, and the program with its init."""
    (folder / "init.c").write_text(INIT)
    run("gcc", "-O2", "-static", "-o", str(folder / "init"), str(folder / "init.c"))
    objects = []
    for source in ["tests/c/silero_rules.c", *sources_of(ROOT / "tests/c/silero_rules.c")]:
        objects.append(str(folder / (Path(source).stem + ".o")))
        # Plain C++ with the FMA instruction: the same bits, in minutes less.
        extra = ["-mfma"] if source.endswith("silero_scalar.cc") else []
        standard = ["g++", "-std=c++17"] if source.endswith(".cc") else ["gcc", "-std=gnu11"]
        run(*standard, *FLAGS, *extra, "-c", source, "-o", objects[-1])
    run("g++", "-static", *objects, "-o", str(folder / "rules"), "-lpthread", "-lm")
    files = [file_in_cpio("dev", 0o40755), file_in_cpio("dev/console", 0o20600, device=(5, 1))]
    files += [file_in_cpio(name, 0o100755, (folder / name).read_bytes()) for name in ("init", "rules")]
    disk = folder / "iso"
    (disk / "isolinux").mkdir(parents=True)
    (disk / "initrd").write_bytes(b"".join([*files, file_in_cpio("TRAILER!!!", 0)]))
    shutil.copy(kernel, disk / "vmlinuz")
    for path in ("/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32"):
        shutil.copy(path, disk / "isolinux")
    (disk / "isolinux/isolinux.cfg").write_text(
        f"DEFAULT it\nPROMPT 0\nLABEL it\n  KERNEL /vmlinuz\n  INITRD /initrd\n  APPEND {KERNEL_LINE}\n"
    )
    boot = ["-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4"]
    run("genisoimage", "-quiet", "-o", str(folder / "boot.iso"), *boot, "-boot-info-table", str(disk))
    (folder / "bochsrc").write_text(BOCHSRC)
    (folder / "go").write_text("c\n")  # for the emulator's debugger: go on


def drain(terminal: int) -> None:
    """Reads and forgets: the emulator waits for somebody to take what its screen shows."""
    while True:
        try:
            if not os.read(terminal, 65536):
                time.sleep(0.1)
        except OSError:
            return


def emulate(folder: Path) -> str:
    """What came over the serial line."""
    ours, theirs = pty.openpty()
    bochs = subprocess.Popen(
        ["bochs", "-q", "-f", "bochsrc", "-rc", "go"],
        cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    said, screen, until = b"", None, time.monotonic() + LONGEST_S
    while bochs.poll() is None and time.monotonic() < until:
        if select.select([ours], [], [], 1.0)[0]:
            try:
                said += os.read(ours, 65536)
            except OSError:
                time.sleep(0.5)
        if screen is None and (found := re.search(rb"/dev/pts/\d+", said)):
            screen = os.open(found[0].decode(), os.O_RDONLY | os.O_NOCTTY)
            threading.Thread(target=drain, args=(screen,), daemon=True).start()
    bochs.kill()
    bochs.wait()
    serial = folder / "serial.txt"
    return serial.read_text(errors="replace") if serial.exists() else said.decode(errors="replace")


def main() -> int:
    """Gives the exit code: 0 right, 1 wrong bits or no end, 2 something is missing here."""
    kernels = sorted(Path("/boot").glob("vmlinuz-*"))
    missing = {package for need, package in NEEDED.items() if not (shutil.which(need) or Path(need).exists())}
    if missing or not kernels:
        packages = sorted(missing | (set() if kernels else {"linux-image-amd64"}))
        print(f"missing here: {' '.join(packages)}; on Debian, apt install them", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        build(Path(name), kernels[-1])
        print(f"booting {kernels[-1].name} in Bochs: some minutes", flush=True)
        said = emulate(Path(name))
    print("\n".join(line for line in said.splitlines() if "the same bits" in line or line.startswith("exit code")))
    if all(line in said for line in WANTED) and "exit code 0" in said:
        return 0
    print(said[-3000:], file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
