"""All documents of a kind, of a residence and a month: asked for by staff, made by queues, taken as one zip.

A run goes on from page to page of the residence's leases by its own announcements. Whatever dies on the way
is done again from the page it died at, and gives the same documents.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

from botocore.exceptions import ClientError

from sesame.domain.calendar import first_day, last_day
from sesame.domain.certificates import DocumentStatus, Kind, Reason, Refused, Tenancy, Validity
from sesame.domain.tenancy import Lease, Person, Residence
from sesame.domain.validity import Ending
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, NotFound
from sesame.platform.ids import Random, new_id
from sesame.services.certificates import REFUSALS
from sesame.services.deeds import Deeds
from sesame.services.documents import LINK_SECONDS, Order, keep
from sesame.services.gathering import Gathering
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Role, Staff, within
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.audit import Action, Audit
from sesame.store.document_runs import ArchiveStatus, DocumentRun, DocumentRuns, RunPage, RunStatus
from sesame.store.documents import Document, Documents
from sesame.store.people import lease_of, person_of, residence_of
from sesame.store.table import Table, same_table

RUNNERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
PAGE = 25
"""Leases of one step: some seconds of work."""
WAITS_FOR_STRAGGLERS = timedelta(hours=1)
"""After this an archive is made without the documents that have not come."""
INDEX = "index.csv"
READERS = 8
"""Files read at once: what takes time is each one's way here, not its size."""
ARCHIVE_TIME = timedelta(seconds=95)
"""Of the function's 120 seconds: what is left puts the zip away, or says that it has failed."""
VOID = "sans-valeur"
"""The folder of the zip with papers that hold no more, so that nobody books them."""
_COLUMNS = ("reference_locataire", "numero", "montant_demande", "montant_recu", "fichier", "motif")
_NOT_READY, _NO_FILE, _ERASED = "pas encore prêt", "fichier manquant", "document effacé"
_ENDED = {Validity.REVOKED: "annulé", Validity.REPLACED: "remplacé"}
_WHY = {
    Ending.PAYMENT_RETURNED: "paiement repris",
    Ending.LEASE_CANCELLED: "séjour annulé",
    Ending.LEASE_CHANGED: "bail modifié",
    Ending.NOTICE_CORRECTED: "avis d'échéance rectifié",
    Ending.WITHDRAWN: "retiré",
}


class RunNotFinished(Conflict):
    """Its documents are still on their way."""

    slug = "run-not-finished"
    title: ClassVar = {
        "fr": "Tous les documents ne sont pas encore prêts",
        "en": "Not all of the documents have come yet",
    }


class ArchiveTooLarge(Exception):
    """Its files could not all be read within `ARCHIVE_TIME`; the run says that its zip has failed."""


class RunTakenOver(Conflict):
    """It had come to a halt, and was given up for another one."""

    slug = "run-taken-over"
    title: ClassVar = {
        "fr": "Une autre demande a remplacé celle-ci, qui n'avançait plus",
        "en": "Another run has taken the place of this one, which had stopped",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. `refused` counts leases without such a document, by reason."""

    run: DocumentRun
    documents: int
    ready: int
    refused: dict[str, int]
    url: str | None

    @property
    def is_done(self) -> bool:
        """Whether every document that will come has come."""
        return self.run.status is RunStatus.PLANNED and self.ready == self.documents


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequests:
    """What staff may do: ask, look, have the zip made."""

    runs: DocumentRuns
    documents: Documents
    identity: Table
    audit: Audit
    deeds: Deeds
    s3: Any
    bucket: str
    clock: Clock
    random: Random

    def ask(self, staff: Staff, residence_id: str, month: str, kind: Kind, network: str) -> DocumentRun:
        """A run; or the one that is at work on the same. Raises NotFound for a residence not theirs."""
        within(staff, residence_id)
        if self.identity.get(keys.residence(residence_id)) is None:
            raise NotFound
        run = DocumentRun(
            run_id=new_id(self.random),
            residence_id=residence_id,
            month=month,
            kind=kind,
            staff_id=staff.staff_id,
            asked_at=self.clock(),
        )
        entry = self.deeds.entry(
            Action.DOCUMENT_RUN_ASKED,
            staff,
            network,
            residence_id=residence_id,
            run_id=run.run_id,
            kind=kind.value,
            period=month,
        )
        return self._one(staff, self.runs.ask(run, self.audit.recording(entry)))

    def progress(self, staff: Staff, run_id: str) -> Progress:
        """How far it is. Raises NotFound. A read, a query, and one call for a hundred documents."""
        run = self._one(staff, run_id)
        pages = self.runs.pages(run_id)
        ids = [document_id for page in pages for document_id in page.documents]
        ready = sum(one.status is DocumentStatus.READY for one in self.documents.some(ids))
        return Progress(
            run=run,
            documents=len(ids),
            ready=ready,
            refused=dict(Counter(reason for page in pages for _, reason in page.refused)),
            url=self._url(run),
        )

    def archive(self, staff: Staff, run_id: str, network: str) -> DocumentRun:
        """Has the zip made, again where the last try failed or got lost. Raises NotFound, RunNotFinished,
        RunTakenOver.
        """
        progress, now = self.progress(staff, run_id), self.clock()
        run = progress.run
        if run.status is RunStatus.TAKEN_OVER:
            raise RunTakenOver
        late = run.status is RunStatus.PLANNED and now - run.asked_at >= WAITS_FOR_STRAGGLERS
        if not (progress.is_done or late):
            raise RunNotFinished
        entry = self.deeds.entry(
            Action.DOCUMENT_RUN_ARCHIVED,
            staff,
            network,
            residence_id=run.residence_id,
            run_id=run_id,
            documents=progress.ready,
        )
        self.runs.ask_archive(run, f"runs/{new_id(self.random)}.zip", now, self.audit.recording(entry))
        return self._one(staff, run_id)

    def _one(self, staff: Staff, run_id: str) -> DocumentRun:
        run = self.runs.get(run_id)
        if run is None or run.expires_at <= self.clock():
            raise NotFound
        within(staff, run.residence_id)
        return run

    def _url(self, run: DocumentRun) -> str | None:
        if run.archive is not ArchiveStatus.READY:
            return None
        link = self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": run.archive_key,
                "ResponseContentType": "application/zip",
                "ResponseContentDisposition": f'attachment; filename="{run.kind}-{run.month}.zip"',
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=LINK_SECONDS,
        )
        return str(link)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMaking:
    """Turns `document_run.requested` into documents, page by page, and `.archive_requested` into a zip."""

    runs: DocumentRuns
    documents: Documents
    identity: Table
    accounts: Accounts
    s3: Any
    bucket: str
    clock: Clock
    random: Random
    retries: Retries = USUAL
    folder: Path | None = None
    """Where the zip is made: the system's place for such files by default."""

    def step(self, run_id: str, page: int) -> bool:
        """One page of leases; False where it was done already. A repeat finds the same documents."""
        run = self.runs.get(run_id)
        if run is None or run.status is not RunStatus.PLANNING or run.pages != page:
            return False
        found = self.identity.query(
            keys.leases_of_residence(run.residence_id), index=keys.GSI1, limit=PAGE, start=run.cursor
        )
        outcome = self._orders(run, [lease_of(item) for item in found.items])
        return self.runs.advance(run, outcome, found.next, self.clock())

    def _orders(self, run: DocumentRun, leases: Sequence[Lease]) -> RunPage:
        tenants = list(dict.fromkeys(lease.person_id for lease in leases))  # one who renews has two leases
        residence, *found = same_table(
            self.identity, [keys.residence(run.residence_id), *map(keys.person, tenants)]
        )
        if residence is None:
            raise LookupError("a run without its residence")
        persons = dict(zip(tenants, found, strict=True))
        documents: list[str] = []
        refused: list[tuple[str, str]] = []
        for lease in leases:
            person = persons[lease.person_id]
            if person is None:
                continue
            try:
                order = (run, lease, person_of(person), residence_of(residence))
                documents.append(self.retries.run(lambda order=order: self._order(*order)))  # type: ignore[misc]
            except Refused as why:
                if why.reason is not Reason.NO_NOTICE or _runs_in(lease, run.month):
                    refused.append((lease.tenant_reference, why.reason.value))
        return RunPage(documents=documents, refused=refused)

    def _order(self, run: DocumentRun, lease: Lease, person: Person, residence: Residence) -> str:
        now = self.clock()
        tenancy = Tenancy(person=person, lease=lease, residence=residence, language=person.language)
        gathering = Gathering(self.accounts, tenancy, now, run.month)
        facts = gathering.facts(run.kind)
        account = gathering.account
        holds = [self.accounts.unchanged(account)] if account else []
        order = Order(tenancy=tenancy, facts=facts, now=now, period=run.month)
        return keep(self.documents, self.random, order, holds).document_id

    def archive(self, run_id: str) -> bool:
        """Makes the zip on disk, and puts it away; False where nobody waits for one.

        What makes it fail is raised, once the run says so: the queue tries again, and so may who asked.
        Raises ArchiveTooLarge rather than be cut off, of which the run would say nothing.
        """
        run = self.runs.get(run_id)
        if run is None or run.archive not in {ArchiveStatus.REQUESTED, ArchiveStatus.FAILED}:
            return False
        try:
            self._make(run)
        except Exception:
            self.runs.mark_archive_failed(run)
            raise
        return self.runs.mark_archived(run)

    def _make(self, run: DocumentRun) -> None:
        now = self.clock()
        with TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / "run.zip"
            with ZipFile(path, "w", ZIP_STORED) as archive:
                self._fill(archive, run, now)
            with path.open("rb") as file:
                self.s3.put_object(
                    Bucket=self.bucket, Key=run.archive_key, Body=file, ContentType="application/zip"
                )

    def _fill(self, archive: ZipFile, run: DocumentRun, now: datetime) -> None:
        rows: list[tuple[str, ...]] = []
        wall = self._wall(run)
        for page in self.runs.pages(run.run_id):
            found = list(self.documents.some(page.documents))
            for document, file in self._read(found):
                if self.clock() - now > ARCHIVE_TIME:
                    raise ArchiveTooLarge
                rows.append(_add(archive, document, file, now, wall))
            rows += [_row("", motif=_ERASED)] * (len(page.documents) - len(found))
            rows += [_row(reference, motif=_refusal(reason)) for reference, reason in page.refused]
        with archive.open(_member(INDEX, now, ZIP_DEFLATED), "w") as out:
            out.write(_index(rows))

    def _wall(self, run: DocumentRun) -> tzinfo:
        """The residence's clock."""
        [residence] = same_table(self.identity, [keys.residence(run.residence_id)])
        return ZoneInfo(residence_of(residence).time_zone) if residence else UTC

    def _read(self, documents: Sequence[Document]) -> Iterator[tuple[Document, bytes | None]]:
        """Each of a page's documents with its file, or None where there is none, in order."""
        with ThreadPoolExecutor(READERS) as pool:
            yield from zip(documents, pool.map(self._stored, documents), strict=True)

    def _stored(self, document: Document) -> bytes | None:
        """A document's file, or None where it is not there. S3 says so to who may list the bucket."""
        if document.status is not DocumentStatus.READY:
            return None
        try:
            stored = self.s3.get_object(Bucket=self.bucket, Key=document.object_key)
            return bytes(stored["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None


def _add(
    archive: ZipFile, document: Document, file: bytes | None, now: datetime, wall: tzinfo
) -> tuple[str, ...]:
    """Puts a document into the zip; returns its row. One that is void is apart, and nothing received."""
    reference, number = document.facts["lease"]["tenant_reference"], document.issue.number
    asked, received = _amounts(document)
    holds = document.validity is Validity.GENUINE
    motif = "" if holds else _ending(document, wall)
    row = partial(_row, reference, number, asked, received if holds else "")
    if document.status is not DocumentStatus.READY:
        return row(motif=motif or _NOT_READY)
    if file is None:
        return row(motif=f"{_NO_FILE}, {motif}" if motif else _NO_FILE)
    name = f"{reference}-{number}.pdf" if holds else f"{VOID}/{reference}-{number}.pdf"
    archive.writestr(_member(name, now, ZIP_STORED), file)
    return row(name, motif)


def _runs_in(lease: Lease, month: str) -> bool:
    """Whether a month is one of a lease's: of no other does anybody miss a document."""
    return lease.starts_on <= last_day(month) and lease.ends_on >= first_day(month)


def _row(
    reference: str, number: str = "", asked: str = "", received: str = "", file: str = "", motif: str = ""
) -> tuple[str, ...]:
    return reference, number, asked, received, file, motif


def _amounts(document: Document) -> tuple[str, str]:
    """What the period asked for and what came in, as a French spreadsheet reads it; a notice has no such."""
    period = document.facts["period"]
    received = period.get("received_cents")
    return _euros(period["total_cents"]), "" if received is None else _euros(received)


def _euros(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole},{part:02}"


def _ending(document: Document, wall: tzinfo) -> str:
    """Why a paper holds no more and since when: `annulé le 05/10/2026 (paiement repris)`."""
    since = document.validity_since
    said = _ENDED.get(document.validity, "sans valeur")
    if since is not None:
        said += f" le {since.astimezone(wall):%d/%m/%Y}"
    why = _WHY.get(document.validity_reason) if document.validity_reason else None
    return f"{said} ({why})" if why else said


def _refusal(reason: str) -> str:
    """Why a lease has no such document, as its tenant would be told."""
    return str(REFUSALS[Reason(reason)].title["fr"])


def _index(rows: Sequence[tuple[str, ...]]) -> bytes:
    """A CSV for a French spreadsheet; every cell is of our own making, none a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";")
    writer.writerow(_COLUMNS)
    writer.writerows(sorted(rows))
    return out.getvalue().encode("utf-8-sig")


def _member(name: str, at: datetime, compression: int) -> ZipInfo:
    member = ZipInfo(name, at.timetuple()[:6])
    member.compress_type = compression
    member.external_attr = 0o600 << 16
    return member
