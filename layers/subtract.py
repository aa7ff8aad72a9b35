"""Prints the pinned packages of one requirements file that another does not have: what a second layer adds.

Usage: python3.13 subtract.py FILE WITHOUT
"""

import re
import sys
from pathlib import Path


def pinned(file: Path) -> dict[str, str]:
    """Package -> its lines with hashes."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", file.read_text())
    return {block.partition("==")[0].strip().lower(): block.rstrip() for block in blocks if "==" in block}


if __name__ == "__main__":
    wanted, without = (pinned(Path(name)) for name in sys.argv[1:3])
    print("\n".join(text for name, text in wanted.items() if name not in without))
