"""Social files and enrolments: staff set them, tenants see what is missing and hand it in.

Each change is one transaction with its audit entry; what a tenant would notice is announced, and told by an
e-mail that says no more than that something changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from sesame.domain.attachments import Attachment, AttachmentState, Side
from sesame.domain.calendar import deadline, local_date
from sesame.domain.social_file import (
    FileState,
    HandedIn,
    News,
    NotPossible,
    Piece,
    PieceRefusal,
    PieceState,
    SocialFile,
    TooManyPieces,
    files_go_at,
    handed_in,
    judged,
    says_nothing_new,
    told,
)
from sesame.domain.studies import (
    AcademicYear,
    Enrolment,
    EnrolmentStatus,
    kept_until,
    leases_of_year,
    told_through,
)
from sesame.domain.tenancy import Lease
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.platform.events import announcement
from sesame.platform.ids import Random, derived_id
from sesame.platform.secrets import Pepper
from sesame.services.attachments import AttachmentDesk, NotAttachable, Uploader
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.retries import USUAL, Retries
from sesame.services.sessions import Session
from sesame.services.staff import Role, Staff, require, within
from sesame.store import keys
from sesame.store.audit import Action, Audit, AuditEntry, by_tenant
from sesame.store.people import leases_of_person, residence_of
from sesame.store.social_files import Enrolments, SocialFilePage, SocialFiles
from sesame.store.table import ConditionFailed, Table, Write, transact

STUDY_STAFF = (Role.DESK, Role.MANAGER, Role.ADMINISTRATOR)
"""Who sees and sets social files and enrolments: not the accountants, whom they do not concern."""


class StepNotPossible(Conflict):
    """The state table has no such step from where the file, or the piece, stands."""

    slug = "step-not-possible"
    title: ClassVar = {"fr": "Étape impossible", "en": "This step is not possible"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceSeen:
    """A piece and the instant until which it is in time (UTC), by the residence's calendar."""

    piece: Piece
    due_at: datetime
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialFileSeen:
    """A social file as its tenant sees it."""

    file: SocialFile
    missing: list[PieceSeen]
    others: list[PieceSeen]


@dataclass(frozen=True, slots=True)
class SocialFileChanges:
    """The one way by which a social file changes."""

    files: SocialFiles
    audit: Audit
    retries: Retries = USUAL

    def change(
        self,
        lease: Lease,
        year: AcademicYear,
        make: Callable[[SocialFile], SocialFile],
        entry: Callable[[SocialFile], AuditEntry],
        *,
        may: Callable[[Lease], None] = lambda _lease: None,
        tells: bool = True,
        more: Callable[[SocialFile], Sequence[Write]] = lambda _before: (),
    ) -> SocialFile:
        """What `make` makes of the file, written with its audit entry; nothing where it is the same.

        A read and a transaction, and two reads where it is new or told through another lease so far. `may`
        raises where whoever asks may not act on the lease that it is told through. `tells`: whether its
        tenant is written to where they would see a difference. `more` is written with it, and told what
        it was before.
        """

        def attempt() -> SocialFile:
            stored = self.files.get(lease.person_id, year)
            through = self.through(lease, year, stored)
            may(through)
            before = stored or SocialFile(
                person_id=lease.person_id,
                year=year,
                lease_id=through.lease_id,
                residence_id=through.residence_id,
            )
            after = make(before)
            if after == before:
                return before
            after = replace(after, lease_id=through.lease_id, residence_id=through.residence_id)
            at, news = after.changed_at, None
            if tells and at and not says_nothing_new(before, after):
                after = replace(after, told_version=after.version + 1)
                news = _changed(after, at)
            transact(
                self.files.table.client,
                [
                    self.files.saving(after, news),
                    self.audit.recording(entry(after)),
                    *more(before),
                ],
            )
            return replace(after, version=after.version + 1)

        return self.retries.run(attempt)

    def through(
        self,
        asked: Lease,
        year: AcademicYear,
        file: SocialFile | None,
        leases: Sequence[Lease] | None = None,
    ) -> Lease:
        """The lease that a file is told through once somebody acts by `asked`.

        Two reads where it is not that one already, unless the person's leases are given.
        """
        if file is not None and file.lease_id == asked.lease_id:
            return asked
        if leases is None:
            leases = leases_of_person(self.files.table, asked.person_id)
        return told_through(asked, leases, year, file.lease_id if file else None)


def _changed(file: SocialFile, at: datetime) -> dict[str, str]:
    """The event of a change; its version tells the sender whether another one to tell came after."""
    version = str(file.told_version)
    return announcement(
        "social_file.changed",
        at,
        id=derived_id("social_file.changed", file.person_id, file.year, version),
        lease_id=file.lease_id,
        person_id=file.person_id,
        year=file.year,
        version=version,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSocialFiles:
    """The desk's side."""

    changes: SocialFileChanges
    attachments: AttachmentDesk
    leases: DeskLeases
    deeds: Deeds
    clock: Clock

    def of_lease(self, staff: Staff, lease_id: str) -> list[SocialFile]:
        """The files of a lease's tenant, the latest year first; not those of years that they live elsewhere.

        Four reads. Raises Forbidden, NotFound.
        """
        require(staff, *STUDY_STAFF)
        lease = self.leases.seen(staff, lease_id)
        files = self.changes.files.of_person(lease.person_id)
        leases = leases_of_person(self.changes.files.table, lease.person_id)
        return [
            file
            for file in files
            if staff.sees(self.changes.through(lease, file.year, file, leases).residence_id)
        ]

    def of_residence(
        self, staff: Staff, residence_id: str, year: AcademicYear, *, after: str | None = None
    ) -> SocialFilePage:
        """A page of a residence's files. Raises Forbidden, NotFound."""
        require(staff, *STUDY_STAFF)
        within(staff, residence_id)
        return self.changes.files.of_residence(residence_id, year, after=after)

    def tell(
        self, staff: Staff, lease_id: str, year: AcademicYear, news: News, *, network: str
    ) -> SocialFile:
        """Sets what became of a file. Raises Forbidden, NotFound, StepNotPossible, Invalid."""

        def make(file: SocialFile) -> SocialFile:
            after = told(file, news, self.clock())
            return file if file.version and says_nothing_new(file, after) else after

        return self._change(staff, lease_id, year, make, network, step=news.step)

    def judge(
        self,
        staff: Staff,
        lease_id: str,
        year: AcademicYear,
        piece_id: str,
        reason: PieceRefusal | None,
        *,
        network: str,
    ) -> SocialFile:
        """Accepts a piece, or refuses it for a reason: then its files go sooner.

        Raises Forbidden, NotFound, StepNotPossible.
        """

        def make(file: SocialFile) -> SocialFile:
            return judged(file, piece_id, reason, self.clock())

        def keeping(before: SocialFile) -> list[Write]:
            piece = before.piece(piece_id)
            if piece is None or (reason is None and piece.state is not PieceState.REFUSED):
                return []  # what is accepted at once is kept already
            store, until = self.attachments.attachments, files_go_at(year, reason, self.clock())
            found = [store.get(one.lease_id, one.attachment_id) for one in piece.files]
            return [store.keeping(one, until) for one in found if one is not None]

        verdict = "refuse" if reason else "accept"
        return self._change(
            staff, lease_id, year, make, network, more=keeping, step=verdict, piece_id=piece_id
        )

    def piece_file(
        self,
        staff: Staff,
        lease_id: str,
        year: AcademicYear,
        piece_id: str,
        attachment_id: str,
        *,
        network: str,
    ) -> Attachment:
        """A file that was handed in for a piece, to look at; the audit keeps who did.

        Raises Forbidden, NotFound. Four calls, and two where it is told through another lease.
        """
        require(staff, *STUDY_STAFF)
        lease = self.leases.seen(staff, lease_id)
        file = self.changes.files.get(lease.person_id, year)
        piece = file.piece(piece_id) if file else None
        files = piece.files if piece else ()
        came = next((one for one in files if one.attachment_id == attachment_id), None)
        if came is None:
            raise NotFound
        through = self.changes.through(lease, year, file)
        within(staff, through.residence_id)
        attachment = self.attachments.of(came.lease_id, attachment_id, Side.STAFF)
        self.changes.audit.record(
            self.deeds.entry(
                Action.SOCIAL_FILE_PIECE_SHOWN,
                staff,
                network,
                lease_id=through.lease_id,
                residence_id=through.residence_id,
                year=year,
                piece_id=piece_id,
                attachment_id=attachment_id,
            )
        )
        return attachment

    def _change(
        self,
        staff: Staff,
        lease_id: str,
        year: AcademicYear,
        make: Callable[[SocialFile], SocialFile],
        network: str,
        more: Callable[[SocialFile], Sequence[Write]] = lambda _before: (),
        **details: str,
    ) -> SocialFile:
        require(staff, *STUDY_STAFF)
        lease = self.leases.acted_on(staff, lease_id).lease

        def entry(file: SocialFile) -> AuditEntry:
            return self.deeds.entry(
                Action.SOCIAL_FILE_SET,
                staff,
                network,
                lease_id=file.lease_id,
                residence_id=file.residence_id,
                year=year,
                state=file.state,
                **details,
            )

        def may(through: Lease) -> None:
            within(staff, through.residence_id)

        try:
            return self.changes.change(lease, year, make, entry, may=may, more=more)
        except NotPossible as error:
            raise StepNotPossible from error
        except LookupError as error:
            raise NotFound from error
        except (TooManyPieces, ValueError) as error:
            raise Invalid(
                detail_fr="Un échelon va avec une bourse accordée, et un dossier a trente pièces au plus.",
                detail_en="A level goes with a grant only, and a file has thirty pieces at most.",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSocialFiles:
    """The tenant's side."""

    changes: SocialFileChanges
    attachments: AttachmentDesk
    identity: Table
    pepper: Pepper
    clock: Clock
    random: Random

    def seen(self, session: Session) -> list[SocialFileSeen]:
        """The tenant's files, the latest year first, with what is missing and by when. Two reads."""
        files = self.changes.files.of_person(session.person.person_id)
        return self._seen(session, files)

    def one(self, session: Session, file: SocialFile) -> SocialFileSeen:
        """A file that was just changed, as its tenant sees it. One read."""
        [seen] = self._seen(session, [file])
        return seen

    def hand_in(
        self, session: Session, year: AcademicYear, piece_id: str, attachment_id: str, *, source: str
    ) -> SocialFile:
        """Hands a file in for a piece: one that was uploaded and passed its check. Again it changes nothing.

        Two reads and a transaction. Raises NotFound, NotAttachable, StepNotPossible where the piece wants
        nothing more.
        """
        now, person, lease = self.clock(), session.person, session.lease
        before = self.changes.files.get(person.person_id, year)
        piece = before.piece(piece_id) if before else None
        if before is None or piece is None:
            raise NotFound
        if any(one.attachment_id == attachment_id for one in piece.files):
            return before
        if before.state is FileState.WITHDRAWN:
            raise StepNotPossible
        attachment = self.attachments.attachments.get(lease.lease_id, attachment_id)
        attaching = self.attachments.attaching(
            [attachment_id],
            [attachment],
            Uploader(side=Side.TENANT, id=person.person_id),
            to=derived_id("social-file-piece", person.person_id, year, piece_id),
            keep_until=kept_until(year),
        )
        if attachment is None or attachment.state is not AttachmentState.ACCEPTED:
            raise NotAttachable(
                detail_fr="Le fichier est en cours de vérification : réessayez dans quelques secondes.",
                detail_en="The file is being checked: try again in some seconds.",
                errors=[{"field": "attachment_id", "reason": "vérification en cours / being checked"}],
            )
        came = HandedIn(attachment_id=attachment_id, lease_id=lease.lease_id, at=now)

        def make(file: SocialFile) -> SocialFile:
            return handed_in(file, piece_id, came)

        def entry(_file: SocialFile) -> AuditEntry:
            return by_tenant(
                Action.SOCIAL_FILE_PIECE_HANDED_IN,
                now,
                person_id=person.person_id,
                lease_id=lease.lease_id,
                residence_id=lease.residence_id,
                random=self.random,
                source=self.pepper.hash("source", source),
                year=year,
                piece_id=piece_id,
                attachment_id=attachment_id,
            )

        try:
            return self.changes.change(lease, year, make, entry, tells=False, more=lambda _before: attaching)
        except LookupError as error:
            raise NotFound from error
        except NotPossible as error:
            raise StepNotPossible from error
        except ConditionFailed as error:  # attached to something else a moment ago
            raise NotAttachable from error

    def _seen(self, session: Session, files: Sequence[SocialFile]) -> list[SocialFileSeen]:
        item = self.identity.get(keys.residence(session.lease.residence_id))
        if item is None:
            raise NotFound
        time_zone, now = residence_of(item).time_zone, self.clock()

        def seen(piece: Piece) -> PieceSeen:
            late = piece.is_missing and local_date(now, time_zone) > piece.due_on
            return PieceSeen(piece=piece, due_at=deadline(piece.due_on, time_zone), late=late)

        return [
            SocialFileSeen(
                file=file,
                missing=[seen(piece) for piece in file.missing],
                others=[seen(piece) for piece in file.pieces if piece not in file.missing],
            )
            for file in files
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskEnrolments:
    """What staff know of a tenant's enrolment, from a certificate that was shown at the desk."""

    enrolments: Enrolments
    leases: DeskLeases
    audit: Audit
    deeds: Deeds
    clock: Clock
    retries: Retries = USUAL

    def of_lease(self, staff: Staff, lease_id: str) -> list[Enrolment]:
        """The enrolments of a lease's tenant, the latest year first; not of years that they live elsewhere.

        Four reads. Raises Forbidden, NotFound.
        """
        require(staff, *STUDY_STAFF)
        lease = self.leases.seen(staff, lease_id)
        leases = leases_of_person(self.enrolments.table, lease.person_id)
        return [
            one
            for one in self.enrolments.of_person(lease.person_id)
            if self._is_theirs(staff, leases_of_year(leases, one.year))
        ]

    def set(
        self,
        staff: Staff,
        lease_id: str,
        year: AcademicYear,
        university: str,
        status: EnrolmentStatus,
        *,
        network: str,
    ) -> Enrolment:
        """Sets it. Raises Forbidden, NotFound where they live elsewhere that year."""
        require(staff, *STUDY_STAFF)
        lease = self.leases.acted_on(staff, lease_id).lease
        leases = leases_of_person(self.enrolments.table, lease.person_id)
        if not self._is_theirs(staff, leases_of_year(leases, year)):
            raise NotFound
        entry = self.deeds.entry(
            Action.ENROLMENT_SET,
            staff,
            network,
            lease_id=lease_id,
            residence_id=lease.residence_id,
            year=year,
            status=status,
        )

        def attempt() -> Enrolment:
            now = self.clock()
            before = self.enrolments.get(lease.person_id, year, university) or new_enrolment(
                lease.person_id, year, university, status, now, staff.staff_id
            )
            after = before.told(status, at=now, by=staff.staff_id, row=None)
            writes = [self.enrolments.saving(after), self.audit.recording(entry)]
            transact(self.enrolments.table.client, writes)
            return after

        return self.retries.run(attempt)

    def _is_theirs(self, staff: Staff, leases: Sequence[Lease]) -> bool:
        """Whether a year is told through a lease that they see; through none, there is nothing to hide."""
        return not leases or any(staff.sees(lease.residence_id) for lease in leases)


def new_enrolment(
    person_id: str, year: AcademicYear, university: str, status: EnrolmentStatus, at: datetime, by: str
) -> Enrolment:
    """An enrolment that nothing is stored of yet."""
    return Enrolment(
        person_id=person_id,
        year=year,
        university=university,
        status=status,
        recorded_at=at,
        recorded_by=by,
    )
