"""`python -m local up|reset|down|demo|redrive|catch-up|doctor`: the local stack from a terminal.

Imports what needs the virtual environment only after the checks, so that a wrong Python gets a remedy, not a
traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local import doctor

HELP = {
    "up": "start the local stack and serve until Ctrl-C; what it holds is kept for next time",
    "reset": "stop it if it runs, and forget everything it held",
    "down": "stop the stack that runs elsewhere",
    "demo": "play the story of a tenancy against the running stack; `demo year` that of a whole year",
    "redrive": "bring a queue's dead letters back to it, e.g. `redrive Posting`",
    "catch-up": "after an outage, run every scheduled job once; with `--stack NAME` those of a stack on AWS",
    "doctor": "check this machine",
}


def main(arguments: list[str]) -> int:
    """Run one command. Returns the exit code: 0, or 1 with a message that says what to do."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Sésame's local stack")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in HELP.items():
        command = commands.add_parser(name, help=text)
        if name == "up":
            command.add_argument(
                "--demo-once", action="store_true", help="play the demo too, the first time only"
            )
        if name == "demo":
            command.add_argument("story", nargs="?", default="", help="which; without it, the first weeks")
        if name == "redrive":
            command.add_argument("queue", help="its name in template.yaml, without Queue or DeadLetters")
        if name == "catch-up":
            command.add_argument("--stack", help="a stack on AWS, by your usual credentials and region")
    options = parser.parse_args(arguments)
    try:
        if options.command == "doctor":
            doctor.examine()
            doctor.say("This machine is ready.")
            return 0
        doctor.check_python()
        return _run(options)
    except doctor.Trouble as trouble:
        print(trouble, file=sys.stderr, flush=True)
        return 1


def _run(options: argparse.Namespace) -> int:
    # The first-party package is a layer in AWS, not an installed one.
    sys.path.append(str(Path(__file__).resolve().parent.parent / "shared"))
    from local import commands  # noqa: PLC0415  (after the check of Python)

    if options.command == "up":
        return commands.up(demo_once=options.demo_once)
    if options.command == "redrive":
        return commands.redrive(options.queue)
    if options.command == "catch-up":
        return commands.catch_up(options.stack)
    if options.command == "demo":
        return commands.demo(options.story)
    return {"reset": commands.reset, "down": commands.down}[options.command]()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))
