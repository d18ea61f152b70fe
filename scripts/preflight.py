"""Is this machine able to build rtaudio? Says what is missing and how to get it; silent when nothing is.

Run by the Makefile before anything else, with whatever ``python3`` is there, so it keeps to old syntax.
"""

import os
import shutil
import sys
import sysconfig

LEAST = (3, 11)


def complaints():
    here = "Python %d.%d (%s)" % (sys.version_info[0], sys.version_info[1], sys.executable)
    if sys.version_info < LEAST:
        yield "%s is too old: rtaudio needs %d.%d or newer." % ((here,) + LEAST)
        yield "If a newer one has another name, say so: make PYTHON=python3.12 ..."
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        yield "%s cannot make virtual environments. On Debian: apt install python3-venv" % here
    if not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
        yield "%s has no header files. On Debian: apt install python3-dev" % here
    for variable, name, package in (("CC", "cc", "gcc"), ("CXX", "c++", "g++")):
        command = os.environ.get(variable, name).split()[0]
        if shutil.which(command) is None:
            yield "no compiler called %s. On Debian: apt install %s" % (command, package)


if __name__ == "__main__":
    found = list(complaints())
    for line in found:
        sys.stderr.write("rtaudio: %s\n" % line)
    sys.exit(1 if found else 0)
