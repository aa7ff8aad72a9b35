"""Erasure: the plan shown first, asked for with a fresh one-time code, carried out a day later by a job.

Every step of a pass can be made again without harm, so that one which died half-way is simply begun anew; the
pass ends in one transaction with its audit entries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import batched, chain
from time import monotonic
from typing import Any, ClassVar

from sesame.domain.deposits import Deposit
from sesame.domain.erasure import (
    LIMITATION_YEARS,
    WAIT,
    Category,
    Line,
    Plan,
    Reason,
    Tenancy,
    keeps_certificate,
    need_of,
    plan_erasure,
)
from sesame.domain.tenancy import Channel, Lease, Person
from sesame.domain.threads import EVIDENCE
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, NotFound
from sesame.platform.ids import Random, derived_id
from sesame.platform.logs import count, describe, logger
from sesame.platform.secrets import Pepper
from sesame.services.attachment_removal import AttachmentRemoval
from sesame.services.confirming import wrong
from sesame.services.sessions import Session
from sesame.services.step_up import Purpose, StepUp, not_confirmed
from sesame.services.stored_files import StoredFiles
from sesame.store import keys
from sesame.store.accounts import Account, account_of
from sesame.store.attachments import Attachments
from sesame.store.audit import Action, Actor, ActorKind, AuditEntry
from sesame.store.data_exports import DataExports
from sesame.store.documents import Document, Documents
from sesame.store.erasures import Erasure, Erasures, ErasureState
from sesame.store.people import ERASED_BIRTH_DATE, People, hold_item, person_of
from sesame.store.table import ConditionFailed, Delete, Item, Key, Table, same_table
from sesame.store.takings import deposit_of
from sesame.store.threads import Threads

JOB = "erasures"
_NEEDS = {Reason.TENANCY, Reason.UNPAID, Reason.CREDIT, Reason.DEPOSIT}
_PAGE = 50
_LEASES_A_CALL = 33
"""Three items each."""


class ErasureUnderWay(Conflict):
    """What is being carried out cannot be taken back."""

    slug = "erasure-under-way"
    title: ClassVar = {
        "fr": "L'effacement a déjà commencé",
        "en": "The erasure has already begun",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A person, their tenancies as erasure sees them, and what would go and stay now."""

    person: Person
    tenancies: tuple[Tenancy, ...]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Dossiers:
    """Reads what an erasure depends on, from the identity and money tables."""

    people: People
    money: Table

    def of(self, person: Person, now: datetime) -> Dossier:
        """Four reads: pointers, leases, residences, and accounts with deposits and open refunds."""
        leases = self.people.leases_of_person(person.person_id)
        residences = self.people.residences_by_id([lease.residence_id for lease in leases])
        standing = [self._of_money(some) for some in batched(leases, _LEASES_A_CALL, strict=False)]
        tenancies = tuple(
            Tenancy(
                lease=lease,
                time_zone=residences[lease.residence_id].time_zone,
                balance_cents=account.checkpoint.balance_cents if account else 0,
                last_entry_at=account.checkpoint.folded_to.at
                if account and account.checkpoint.folded_to
                else None,
                deposit_held_cents=deposit.held_cents if deposit else None,
                refund_under_way=refund is not None,
            )
            for lease, (account, deposit, refund) in zip(leases, chain(*standing), strict=True)
        )
        plan = plan_erasure(tenancies, now, has_email=person.email is not None)
        return Dossier(person=person, tenancies=tenancies, plan=plan)

    def _of_money(
        self, leases: Sequence[Lease]
    ) -> Iterator[tuple[Account | None, Deposit | None, Item | None]]:
        """Account, deposit and open refund of each. One read."""
        of = (keys.account, keys.deposit, keys.open_refund)
        items = same_table(self.money, [key(lease.lease_id) for lease in leases for key in of])
        for account, deposit, refund in batched(items, len(of), strict=True):
            yield account_of(account) if account else None, deposit_of(deposit) if deposit else None, refund


@dataclass(frozen=True, slots=True)
class ErasureRequests:
    """What a tenant may do: look at the plan, ask, take it back."""

    erasures: Erasures
    dossiers: Dossiers
    step_up: StepUp
    pepper: Pepper
    clock: Clock
    random: Random

    def look(self, session: Session) -> tuple[Erasure | None, Plan]:
        """The wish, if there is one that stands, and what would go and stay now."""
        plan = self.dossiers.of(session.person, self.clock()).plan
        found = self.erasures.of(session.person.person_id)
        if found is not None and _is_outdated(found, session.person):
            return None, plan
        return found, plan

    def ask(self, session: Session, *, confirmation_id: str, otp: str, source: str) -> tuple[Erasure, Plan]:
        """Has it all erased in a day. Asked again meanwhile it is the same erasure, unless a reset of the
        credentials came between.

        Raises NotConfirmed.
        """
        confirmed = self.step_up.confirm(session, confirmation_id, Purpose.ERASURE, otp, source=source)
        now = self.clock()
        found, plan = self.look(session)
        if found is not None and found.state is not ErasureState.WAITING:
            return found, plan
        erasure = Erasure(
            person_id=session.person.person_id,
            lease_id=session.lease.lease_id,
            epoch=session.stored.epoch,
            asked_at=now,
            due_at=now + WAIT,
        )
        try:
            self.erasures.ask(erasure, confirmed, self._entry(Action.ERASURE_ASKED, session, source))
        except ConditionFailed as error:
            raise not_confirmed(wrong()) from error
        return erasure, plan

    def cancel(self, session: Session, *, source: str) -> None:
        """Takes it back. Raises NotFound where there is nothing to take back, ErasureUnderWay."""
        found = self.erasures.of(session.person.person_id)
        if found is None:
            raise NotFound
        try:
            self.erasures.cancel(found, self._entry(Action.ERASURE_CANCELLED, session, source))
        except ConditionFailed as error:
            raise ErasureUnderWay from error

    def _entry(self, action: Action, session: Session, source: str) -> AuditEntry:
        return session.deed(
            action,
            self.clock(),
            random=self.random,
            source=self.pepper.hash("source", source),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedPersons:
    """What a run did. `finished` is False when it ran out of time: the next hour's run goes on."""

    erased: int
    failed: int
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRun:
    """The hourly run over the erasures whose time has come."""

    erasures: Erasures
    dossiers: Dossiers
    documents: Documents
    exports: DataExports
    operations: Table
    s3: Any
    bucket: str
    budget: timedelta
    seconds: Callable[[], float] = monotonic

    def run(self, now: datetime) -> ErasedPersons:
        """Carries out what is due. One that fails does not hold the others: it is due again next hour."""
        ends_at = self.seconds() + self.budget.total_seconds()
        erased = failed = 0
        finished = True
        for erasure in list(self.erasures.due(now)):
            if self.seconds() > ends_at:
                finished = False
                count("ErasureRunUnfinished")
                break
            try:
                erased += self.carry_out(erasure.person_id, now)
            except Exception as error:  # counted, and due again: no one person holds the others
                failed += 1
                count("ErasureFailed")
                logger.error("erasure failed", extra={"failure": describe(error)})
        done = ErasedPersons(erased=erased, failed=failed, finished=finished)
        self._record(done, now)
        return done

    def carry_out(self, person_id: str, now: datetime) -> bool:
        """One person's pass. False where there was none to make."""
        erasure = self.erasures.of(person_id)  # the index may lag behind
        if erasure is None or erasure.due_at > now:
            return False
        person = self.dossiers.people.person(person_id)
        if person is None:
            raise LookupError("an erasure without its person")
        if erasure.state is ErasureState.ERASING:  # somebody died on the way: on as of when it began
            self._erase(erasure, self.dossiers.of(person, erasure.begun_at or now))
            return True
        dossier = self.dossiers.of(person, now)
        if _is_outdated(erasure, person):
            self._set_aside(erasure, dossier, now)
            return False
        if erasure.state is ErasureState.WAITING and set(_waits_for(dossier.plan)) == set(erasure.waits_for):
            self.erasures.put_off(erasure, dossier.plan.look_again_at or now)
            return False
        self.erasures.begin(erasure, person.credential_epoch, _names(dossier.plan.erased), now)
        begun = self.erasures.of(person_id)
        if begun is None:
            raise LookupError("an erasure that was begun is gone")
        self._erase(begun, dossier)
        return True

    # --- A pass. Look-ups go before what they are worked out from; the record that drives it all goes last

    def _erase(self, erasure: Erasure, dossier: Dossier) -> None:
        at = erasure.begun_at or erasure.asked_at
        person, plan = dossier.person, dossier.plan
        self._end_sessions(person.person_id)
        self._end_calendar_feeds(person.person_id)
        self._forget_sharing(person.person_id)
        self._delete_exports(person.person_id)
        if plan.erases(Category.STUDIES):
            self._forget(*keys.social_files_of(person.person_id))
            self._forget(*keys.enrolments_of(person.person_id))
        for tenancy in dossier.tenancies:
            lease = tenancy.lease
            if plan.erases(Category.RENEWALS, lease.lease_id):
                for prefix in ("RENEWAL#", "WARNING#"):
                    self._forget(keys.lease(lease.lease_id)["pk"], prefix)
            if plan.erases(Category.TENANT_CODE, lease.lease_id):
                self._forget_code(lease)
            self._delete_certificates(tenancy, at)
            if need_of(tenancy, at) is None:
                self.delete_threads(lease.lease_id)
                self._let_messages_expire(lease.lease_id, at)
            if plan.erases(Category.NAMES):
                self._forget_search(lease.lease_id)
        self._forget_contacts(person, plan, at)
        self.erasures.end(
            erasure,
            plan.look_again_at,
            _waits_for(plan),
            [_erased(erasure, tenancy.lease, at) for tenancy in dossier.tenancies],
        )

    def _forget(self, pk: str, prefix: str) -> None:
        """Everything of a partition whose sort key begins so."""
        table = self.erasures.table
        for item in table.query_all(pk, prefix):
            _delete(table, item)

    def _end_sessions(self, person_id: str) -> None:
        table = self.erasures.table
        for item in table.query_all(keys.person(person_id)["pk"], "SESSION#"):
            _delete(table, item)

    def _end_calendar_feeds(self, person_id: str) -> None:
        table = self.erasures.table
        for item in table.query_all(keys.person(person_id)["pk"], "CALENDAR#"):
            _delete(table, keys.calendar_feed(item["token_hash"]))
            _delete(table, item)

    def _forget_sharing(self, person_id: str) -> None:
        """No agreement is left, so that nothing more leaves; the audit still tells what was decided."""
        table = self.erasures.table
        for item in table.query_all(*keys.sharing_of(person_id)):
            _delete(table, item)

    def _delete_exports(self, person_id: str) -> None:
        table = self.exports.table
        for export in self.exports.of_person(person_id):
            self._files.delete(export.object_key)
            _delete(table, keys.data_export(export.export_id))
        _delete(table, keys.person_export(person_id))

    def _forget_search(self, lease_id: str) -> None:
        """The names by which a desk finds the lease. Done once, it has no effect again."""
        try:
            self.erasures.table.update(
                keys.lease(lease_id),
                "REMOVE #search ADD version :one",
                condition="attribute_exists(#search)",
                names={"#search": "search"},
                values={":one": 1},
            )
        except ConditionFailed:
            return

    def _forget_code(self, lease: Lease) -> None:
        table = self.erasures.table
        # What brought the lease in is known by its digest, which holds a row with name and birth date.
        table.update(
            keys.lease_reference(lease.reference),
            "SET digest = :none, code_tail = :none",
            condition="attribute_exists(pk)",
            values={":none": ""},
        )
        if lease.code_hash:
            _delete(table, keys.code(lease.code_hash))
            table.update(
                keys.lease(lease.lease_id),
                "SET code_hash = :none, code_cipher = :nothing, code_tail = :none REMOVE announce"
                " ADD version :one",
                condition="code_hash = :hash",
                values={":none": "", ":nothing": b"", ":hash": lease.code_hash, ":one": 1},
            )

    def _delete_certificates(self, tenancy: Tenancy, at: datetime) -> None:
        needed = need_of(tenancy, at) is not None
        for document in self._documents_of(tenancy.lease.lease_id):
            if not keeps_certificate(document.kind, document.created_at, at, needed=needed):
                self._delete_document(document, at)

    def _documents_of(self, lease_id: str) -> Iterator[Document]:
        """All of a lease's: by the index, and by the facts they state, which the index may not have yet."""
        seen: set[str] = set()
        after: Document | None = None
        while page := self.documents.of_lease(lease_id, after=after, limit=_PAGE):
            seen.update(document.document_id for document in page)
            after = page[-1]
            yield from page
        stated = [one for one in self.documents.stated_by(lease_id) if one not in seen]
        yield from self.documents.some(stated)

    def _delete_document(self, document: Document, at: datetime) -> None:
        """Its files first, wherever it stood: a file that comes later is deleted by who brings it. Where it
        came on meanwhile, once more.
        """
        current: Document | None = document
        while current is not None:
            self._files.delete_document(current.object_key)
            if self.documents.erase(current, at):
                return
            current = self.documents.get(document.document_id)

    @property
    def _files(self) -> StoredFiles:
        return StoredFiles(self.s3, self.bucket)

    def delete_threads(self, lease_id: str) -> None:
        """Conversations of a lease that prove nothing, with their files; and files that were never used."""
        table = self.documents.table
        threads, kept = Threads(table), set[str]()
        for thread in threads.of_lease(lease_id):
            if thread.category in EVIDENCE:
                kept.add(thread.thread_id)
                continue
            for key in threads.items_of(thread):
                threads.forget(key)
        removal = AttachmentRemoval(attachments=Attachments(table), s3=self.s3, bucket=self.bucket)
        for attachment in list(removal.attachments.of_lease(lease_id)):
            if attachment.attached_to not in kept:
                removal.remove(attachment)

    def _let_messages_expire(self, lease_id: str, at: datetime) -> None:
        expires_at = int((at + timedelta(days=365 * LIMITATION_YEARS)).timestamp())
        for item in self.operations.query_all(keys.messages_of_lease(lease_id), index=keys.GSI1):
            if "expires_at" not in item:
                self.operations.update(
                    {"pk": item["pk"], "sk": item["sk"]},
                    "SET expires_at = if_not_exists(expires_at, :gone)",
                    condition="attribute_exists(pk)",
                    values={":gone": expires_at},
                )

    def _forget_contacts(self, person: Person, plan: Plan, at: datetime) -> None:
        """The look-ups under every live pepper, then what they were made from, and what a desk noted of a
        change. Raises ConditionFailed when a contact was changed meanwhile: the next run sees the new one.
        """
        table, pepper = self.erasures.table, self.dossiers.people.pepper
        profile = _Profile()
        for category, kind, value in (
            (Category.EMAIL, "email", person.email),
            (Category.PHONE, "phone", person.phone),
            (Category.INE, "ine", person.ine),
        ):
            if value is None or not plan.erases(category):
                continue
            for digest in pepper.hashes(kind, value):
                _delete(table, _lookup(kind, digest, person.person_id))
            profile.remove(kind, unchanged=value)
        for mark in person.unusable:
            # it names the contact itself, perhaps one of before
            if plan.erases(Category.EMAIL if mark.channel is Channel.EMAIL else Category.PHONE):
                profile.removes.append(f"unusable_{mark.channel}")
        if plan.erases(Category.NAMES) and person.full_name:
            profile.sets |= {"family_name": "", "given_names": ""}
        if plan.erases(Category.BIRTH_DATE) and person.birth_date != ERASED_BIRTH_DATE:
            profile.sets["birth_date"] = ERASED_BIRTH_DATE.isoformat()
        self._forget_desk(person.person_id, profile, at)
        profile.write(table, person.person_id)

    def _forget_desk(self, person_id: str, profile: "_Profile", at: datetime) -> None:
        """What a desk's change of contacts left: a hold that is not over goes on, without those of before."""
        stored = self.erasures.table.get(keys.person(person_id))
        if stored is None:
            raise LookupError("an erasure without its person")
        if "desk_record" in stored:
            profile.remove("desk_record", unchanged=stored["desk_record"])
        hold = person_of(stored).hold
        if hold is None:
            return
        if hold.until <= at:
            profile.remove("hold", unchanged=stored["hold"])
        elif hold.former:
            profile.sets["hold"] = hold_item(replace(hold, former=()))
            profile.unchanged["hold"] = stored["hold"]

    def _set_aside(self, erasure: Erasure, dossier: Dossier, now: datetime) -> None:
        """The credentials were reset since it was asked: whoever asked may not have been the tenant."""
        [lease] = [one.lease for one in dossier.tenancies if one.lease.lease_id == erasure.lease_id]
        entry = _by_the_job(Action.ERASURE_CANCELLED, erasure, lease, now)
        self.erasures.set_aside(erasure, entry)
        count("ErasureSetAside")

    def _record(self, done: ErasedPersons, now: datetime) -> None:
        self.operations.put(
            {
                **keys.run(JOB, now.isoformat(timespec="minutes")),
                "for": now.isoformat(),
                "erased": done.erased,
                "failed": done.failed,
                "finished": done.finished,
                "version": 1,
            }
        )
        count("ErasureRun")


@dataclass(slots=True)
class _Profile:
    """What is to change of a person's profile, in one write, which fails where that is no more as it was."""

    sets: dict[str, Any] = field(default_factory=dict)
    removes: list[str] = field(default_factory=list)
    unchanged: dict[str, Any] = field(default_factory=dict)

    def remove(self, name: str, *, unchanged: Any) -> None:
        """Takes a field away that has this value."""
        self.removes.append(name)
        self.unchanged[name] = unchanged

    def write(self, table: Table, person_id: str) -> None:
        """One call, or none where nothing changes."""
        if not (self.removes or self.sets):
            return
        parts = []
        if self.sets:
            parts.append("SET " + ", ".join(f"#{name} = :{name}" for name in self.sets))
        if self.removes:
            parts.append("REMOVE " + ", ".join(f"#{name}" for name in self.removes))
        same = [f"#{name} = :was_{name}" for name in self.unchanged]
        table.update(
            keys.person(person_id),
            " ".join([*parts, "ADD version :one"]),
            condition=" AND ".join(["attribute_exists(pk)", *same]),
            names={f"#{name}": name for name in (*self.sets, *self.removes)},
            values={":one": 1}
            | {f":{name}": value for name, value in self.sets.items()}
            | {f":was_{name}": value for name, value in self.unchanged.items()},
        )


def _is_outdated(erasure: Erasure, person: Person) -> bool:
    """Whether the credentials were reset since it was asked."""
    return erasure.state is ErasureState.ASKED and person.credential_epoch != erasure.epoch


def _lookup(kind: str, digest: str, person_id: str) -> Key:
    match kind:
        case "email":
            return keys.email(digest, person_id)
        case "phone":
            return keys.phone(digest, person_id)
    return keys.ine(digest)


def _delete(table: Table, item: Key) -> None:
    table.write(Delete(table=table.name, key={"pk": item["pk"], "sk": item["sk"]}))


def _names(lines: Sequence[Line]) -> list[str]:
    return [f"{line.category}:{line.lease_id}" if line.lease_id else line.category.value for line in lines]


def _waits_for(plan: Plan) -> list[str]:
    """What is kept only because somebody still needs it, not because of its age."""
    return _names([line for line in plan.kept if line.reason in _NEEDS])


def _erased(erasure: Erasure, lease: Lease, at: datetime) -> AuditEntry:
    """What went, of the person and of this lease: kinds of data, never the data."""
    mine = [name.partition(":") for name in erasure.erases]
    went = [category for category, _, of in mine if of in {"", lease.lease_id}]
    return _by_the_job(Action.ERASED, erasure, lease, at, went=",".join(went))


def _by_the_job(action: Action, erasure: Erasure, lease: Lease, at: datetime, **details: str) -> AuditEntry:
    return AuditEntry(
        entry_id=derived_id(action, erasure.person_id, lease.lease_id, at.isoformat()),
        at=at,
        action=action,
        actor=Actor(kind=ActorKind.SYSTEM, id=JOB),
        subject=lease.lease_id,
        residence_id=lease.residence_id,
        details=details,
    )
