"""The emulator's own process: MiniStack, made to stop by itself when the process that started it dies."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until told to stop; settings come from the environment (see emulator.py)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(os.environ["SESAME_PARENT"]):
            return
    from ministack.app import main as serve  # noqa: PLC0415  (3 s of imports: not before the check above)

    # It has read its own settings by now; functions inherit what is left, and read these otherwise.
    for name in ("LOG_LEVEL", "SESAME_PARENT"):
        os.environ.pop(name, None)
    serve()


if __name__ == "__main__":
    main()
