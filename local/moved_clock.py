"""The time as a story says it: the wall clock, moved by as many seconds as a file holds.

Where a story says the time, this text is put at the end of the shared package's `platform/clock.py` as it is
deployed locally, and takes the place of `utc_now` there. The package itself knows of no way to move a clock.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

CLOCK = "SESAME_CLOCK"
"""The environment variable that names the file."""


def utc_now() -> datetime:
    """The present of the story, aware, in UTC."""
    moved = float(Path(os.environ[CLOCK]).read_text("ascii"))
    return datetime.now(UTC) + timedelta(seconds=moved)
