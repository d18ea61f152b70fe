"""``python -m rtaudio.bench`` is ``rtaudio-bench``."""

import sys

from rtaudio.bench import main

sys.exit(main())
