"""`sesame verify FILE.pdf`: tells whether files are documents of ours, unchanged, without asking anybody.

    sesame verify [--trust TRUST.pem] FILE.pdf ...

Answers 0 when all holds; 1 when something is false; 2 when a file cannot be judged; 3 when nothing is false
but nobody who is trusted vouches for it. The worst of several files is what is answered.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sesame.documents.verify import (
    MOST_BYTES,
    Check,
    Finding,
    NotADocument,
    Report,
    Trust,
    Verdict,
    Why,
    verify,
)

EXIT = {Verdict.HOLDS: 0, Verdict.FAILS: 1, Verdict.UNJUDGED: 3}
UNREADABLE = 2
_WORST_FIRST = (1, UNREADABLE, 3, 0)

_CHECKS: dict[Check, tuple[str, str]] = {
    Check.SEAL: ("Cachet", "Seal"),
    Check.DATA: ("Données jointes", "Attached data"),
    Check.QR_CODE: ("Code QR", "QR code"),
    Check.TWO_D_DOC: ("2D-Doc", "2D-Doc"),
}
_VERDICTS: dict[Verdict, tuple[str, str]] = {
    Verdict.HOLDS: ("bon", "good"),
    Verdict.FAILS: ("FAUX", "FALSE"),
    Verdict.UNJUDGED: ("non jugé", "not judged"),
    Verdict.ABSENT: ("absent", "none"),
}
_WHYS: dict[Why, tuple[str, str]] = {
    Why.NO_SEAL: ("le fichier n'a pas de cachet", "the file has no seal"),
    Why.SEVERAL_SEALS: ("le fichier a plusieurs cachets", "the file has several seals"),
    Why.CHANGED: (
        "le fichier a été modifié depuis qu'il est scellé",
        "the file was changed since it was sealed",
    ),
    Why.ADDED_TO: ("quelque chose a été ajouté après le cachet", "something was added after the seal"),
    Why.NOT_TRUSTED: (
        "signé, mais par quelqu'un que le fichier de confiance ne connaît pas",
        "signed, but by somebody whom the trust file does not know",
    ),
    Why.CERTIFICATE_ENDED: (
        "le certificat a expiré, et le cachet n'est pas horodaté",
        "the certificate has ended, and the seal has no timestamp",
    ),
    Why.NO_DATA: ("les données jointes manquent", "the attached data are missing"),
    Why.DATA_UNREADABLE: ("les données jointes sont illisibles", "the attached data cannot be read"),
    Why.DATA_NOT_PRINTED: (
        "les données jointes ne sont pas celles de la page",
        "the attached data are not those of the page",
    ),
    Why.NO_CODE: ("aucun code n'a été trouvé sur la page", "no code was found on the page"),
    Why.OTHER_DOCUMENT: ("il est celui d'un autre document", "it is another document's"),
    Why.OTHER_ADDRESS: (
        "il mène ailleurs que ne le disent la page ou le fichier de confiance",
        "it leads elsewhere than the page or the trust file says",
    ),
    Why.FORGED: ("sa signature est fausse", "its signature is false"),
}
_OVERALL: dict[Verdict, tuple[str, str]] = {
    Verdict.HOLDS: (
        "AUTHENTIQUE : le fichier est tel qu'il a été émis.",
        "GENUINE: the file is as it was issued.",
    ),
    Verdict.FAILS: ("FAUX : ne pas s'y fier.", "FALSE: do not rely on it."),
    Verdict.UNJUDGED: (
        "NON JUGÉ : rien n'est faux, mais rien de ce que vous croyez ne s'en porte garant.",
        "NOT JUDGED: nothing is false, but nobody whom you trust vouches for it.",
    ),
}
_ONLINE = (
    "Savoir s'il est toujours valable (annulé ou remplacé) : {address}",
    "Whether it still holds (revoked or replaced) is told at {address}",
)
_NOT_A_DOCUMENT = ("ce n'est pas un PDF lisible", "not a PDF that can be read")
_NO_TRUST = ("le fichier de confiance est illisible", "the trust file cannot be read")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns what the process answers."""
    parser = argparse.ArgumentParser(prog="sesame", description="Sésame")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("verify", help="tell whether a document is genuine, from the file alone")
    checking.add_argument("files", nargs="+", type=Path, metavar="FILE.pdf")
    checking.add_argument(
        "--trust",
        type=Path,
        metavar="TRUST.pem",
        default=os.environ.get("SESAME_TRUST"),
        help="the operator's certificates, and who vouches for them (or SESAME_TRUST)",
    )
    checking.add_argument("--language", choices=["fr", "en"], default=_language(os.environ))
    asked = parser.parse_args(arguments)
    spoken = 0 if asked.language == "fr" else 1
    try:
        trust = Trust.of_text(Path(asked.trust).read_text("utf-8")) if asked.trust else Trust()
    except (OSError, ValueError):
        print(f"{asked.trust}: {_NO_TRUST[spoken]}", file=sys.stderr)
        return UNREADABLE
    answers = {_check(file, trust, spoken) for file in asked.files}
    return next(answer for answer in _WORST_FIRST if answer in answers)


def _check(file: Path, trust: Trust, spoken: int) -> int:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise NotADocument
        report = verify(file.read_bytes(), trust, datetime.now(UTC))
    except Exception:  # whatever a hostile file makes a reader stumble over: the files after it are checked
        print(f"{file}: {_NOT_A_DOCUMENT[spoken]}", file=sys.stderr)
        return UNREADABLE
    print("\n".join(_lines(file, report, spoken)))
    return EXIT[report.verdict]


def _lines(file: Path, report: Report, spoken: int) -> list[str]:
    lines = [f"{file}{f' ({report.number})' if report.number else ''}"]
    lines += [_line(finding, spoken) for finding in report.findings]
    lines.append(f"  {_OVERALL[report.verdict][spoken]}")
    if report.verdict is not Verdict.FAILS and report.verification_address:
        lines.append("  " + _ONLINE[spoken].format(address=report.verification_address))
    return lines


def _line(finding: Finding, spoken: int) -> str:
    told = [_WHYS[finding.why][spoken]] if finding.why is not Why.NONE else []
    if finding.by:
        told.append(finding.by)
    if finding.at:
        told.append(f"{finding.at.astimezone(UTC):%Y-%m-%d %H:%M UTC}")
    said = f"  {_CHECKS[finding.check][spoken]:<16} {_VERDICTS[finding.verdict][spoken]}"
    return f"{said}: {', '.join(told)}" if told else said


def _language(environment: "os._Environ[str]") -> str:
    spoken = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or "fr"
    return "en" if spoken.startswith("en") else "fr"


if __name__ == "__main__":
    sys.exit(main())
