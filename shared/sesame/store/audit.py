"""Who did what to which lease, when, from where: entries that are written once and never changed.

An entry holds ids, kinds and counts; where a rule asks for it (the ID shown at a desk) a few characters.
Never a code, a one-time code, a token, a name or a contact. It is written with what it tells, at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sesame.platform.ids import Random, new_id
from sesame.store import keys
from sesame.store.table import NOT_THERE, Item, Key, Put, Table

KEPT_FOR = timedelta(days=5 * 365)
"""The limitation period of a tenancy's disputes (Code civil, article 2224)."""
REFUSALS_KEPT_FOR = timedelta(days=365)
"""Failed sign-ins: the CNIL's recommendation on logs asks for six months to a year."""
PAGE = 100


class Action(StrEnum):
    """What can be done to a lease or a person that somebody may later have to account for."""

    SIGNED_IN = "signed_in"
    ONE_TIME_CODE_REFUSED = "one_time_code_refused"
    CODE_RECOVERED = "code_recovered"
    CODE_SHOWN = "code_shown"
    CODE_ROTATED = "code_rotated"
    CODE_RECOVERED_AT_DESK = "code_recovered_at_desk"
    CONTACT_APPROVED = "contact_approved"
    SESSION_ENDED = "session_ended"
    SESSIONS_ENDED = "sessions_ended"
    LEASE_ADMITTED = "lease_admitted"
    LEASES_IMPORTED = "leases_imported"
    AMENDMENTS_IMPORTED = "amendments_imported"
    DEPARTURES_IMPORTED = "departures_imported"
    LEASES_SEARCHED = "leases_searched"
    AUDIT_READ = "audit_read"
    RESIDENCE_SET = "residence_set"
    STAFF_SET = "staff_set"
    DOCUMENT_REQUESTED = "document_requested"
    DOCUMENT_FLAG_SETTLED = "document_flag_settled"
    DOCUMENT_RUN_ASKED = "document_run_asked"
    DOCUMENT_RUN_ARCHIVED = "document_run_archived"
    PAYMENT_RECORDED = "payment_recorded"
    PAYMENT_REVERSED = "payment_reversed"
    PAYMENT_REVIEWED = "payment_reviewed"
    LEASE_CHANGED = "lease_changed"
    FINAL_ACCOUNT_DRAWN = "final_account_drawn"
    RENT_ADJUSTED = "rent_adjusted"
    NOTICE_CREDITED = "notice_credited"
    LEASE_BILLED = "lease_billed"
    AID_IMPORTED = "aid_imported"
    AID_POSTED = "aid_posted"
    EXPECTED_AID_SET = "expected_aid_set"
    DEPOSIT_RETURNED = "deposit_returned"
    DEPOSIT_RETURN_REVERSED = "deposit_return_reversed"
    DATA_EXPORTED = "data_exported"
    REFUND_ASKED = "refund_asked"
    REFUND_CANCELLED = "refund_cancelled"
    REFUND_APPROVED = "refund_approved"
    REFUND_REFUSED = "refund_refused"
    PAYMENT_LINK_CREATED = "payment_link_created"
    PAYMENT_LINK_REVOKED = "payment_link_revoked"
    SOCIAL_FILE_SET = "social_file_set"
    SOCIAL_FILES_IMPORTED = "social_files_imported"
    SOCIAL_FILE_PIECE_HANDED_IN = "social_file_piece_handed_in"
    SOCIAL_FILE_PIECE_SHOWN = "social_file_piece_shown"
    ENROLMENT_SET = "enrolment_set"
    ENROLMENTS_IMPORTED = "enrolments_imported"
    WARNING_GIVEN = "warning_given"
    WARNING_WITHDRAWN = "warning_withdrawn"
    RENEWAL_CAMPAIGN_SET = "renewal_campaign_set"
    RENEWAL_ANSWERED = "renewal_answered"
    RENEWAL_DECIDED = "renewal_decided"
    THREAD_OPENED = "thread_opened"
    THREAD_ANSWERED = "thread_answered"
    THREAD_ASSIGNED = "thread_assigned"
    THREAD_CLOSED = "thread_closed"
    THREAD_REOPENED = "thread_reopened"
    REPAIR_MOVED = "repair_moved"
    ATTACHMENT_BEGUN = "attachment_begun"
    ATTACHMENT_OPENED = "attachment_opened"
    CANNED_ANSWER_SET = "canned_answer_set"
    CANNED_ANSWER_DELETED = "canned_answer_deleted"
    ERASURE_ASKED = "erasure_asked"
    ERASURE_CANCELLED = "erasure_cancelled"
    ERASED = "erased"
    REMINDERS_HELD = "reminders_held"
    REMINDERS_RELEASED = "reminders_released"
    PAYMENT_PLAN_AGREED = "payment_plan_agreed"
    PAYMENT_PLAN_CANCELLED = "payment_plan_cancelled"
    FORMAL_NOTICE_ISSUED = "formal_notice_issued"
    FORMAL_NOTICE_WITHDRAWN = "formal_notice_withdrawn"
    SURCHARGE_POSTED = "surcharge_posted"
    SURCHARGE_REVERSED = "surcharge_reversed"
    RENEWAL_BLOCK_WAIVED = "renewal_block_waived"
    TASK_RESOLVED = "task_resolved"
    CALENDAR_FEED_SET = "calendar_feed_set"
    CALENDAR_FEED_ENDED = "calendar_feed_ended"
    SHARING_AGREED = "sharing_agreed"
    SHARING_REFUSED = "sharing_refused"
    TRANSMISSION_ASKED = "transmission_asked"
    TRANSMISSION_DOWNLOADED = "transmission_downloaded"
    ACKNOWLEDGEMENT_IMPORTED = "acknowledgement_imported"
    DOCUMENT_VERIFIED = "document_verified"


class ActorKind(StrEnum):
    """Who can do something."""

    TENANT = "tenant"
    STAFF = "staff"
    SYSTEM = "system"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it: a person's id, a member of staff's, or a job's name."""

    kind: ActorKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that was done. `subject` is the lease it was done to, or the actor where there is none."""

    entry_id: str
    at: datetime
    action: Action
    actor: Actor
    subject: str
    residence_id: str | None = None
    source: str = ""
    """The caller's network, as a keyed hash; empty for a job."""
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Some entries, newest first, and where to go on (None at the end)."""

    entries: list[AuditEntry]
    next: str | None


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit entries of the operations table."""

    table: Table

    def recording(self, entry: AuditEntry, announce: Mapping[str, str] | None = None) -> Put:
        """The write of an entry, for a transaction with what it tells; a repeat of its id fails.

        With `announce` the outbox tells of it.
        """
        return Put(table=self.table.name, item=_item(entry) | {"announce": announce}, condition=NOT_THERE)

    def record(self, entry: AuditEntry) -> None:
        """Writes an entry by itself. Raises ConditionFailed for an id that is there."""
        self.table.write(self.recording(entry))

    def of(self, subject: str, *, after: str | None = None, limit: int = PAGE) -> AuditPage:
        """What was done to a lease, or by who has none; newest first. One read."""
        start: Key | None = {"pk": keys.audit_of(subject), "sk": after} if after else None
        page = self.table.query(keys.audit_of(subject), forward=False, limit=limit, start=start)
        return AuditPage(
            entries=[audit_entry(item) for item in page.items], next=page.next["sk"] if page.next else None
        )

    def of_residence(
        self, residence_id: str, month: str, *, after: str | None = None, limit: int = PAGE
    ) -> AuditPage:
        """What was done in a residence within a month (YYYY-MM, UTC), newest first. One read of the index."""
        month_of_residence = keys.audit_of_residence(residence_id, month)
        start: Key | None = None
        if after:
            sk, _, subject = after.partition("/")
            start = {"gsi1pk": month_of_residence, "gsi1sk": sk, "pk": keys.audit_of(subject), "sk": sk}
        page = self.table.query(month_of_residence, index=keys.GSI1, forward=False, limit=limit, start=start)
        entries = [audit_entry(item) for item in page.items]
        return AuditPage(
            entries=entries,
            next=f"{page.next['sk']}/{entries[-1].subject}" if page.next and entries else None,
        )


def audit_entry(item: Item) -> AuditEntry:
    """An entry's item, read."""
    return AuditEntry(
        entry_id=item["entry_id"],
        at=datetime.fromisoformat(item["at"]),
        action=Action(item["action"]),
        actor=Actor(kind=ActorKind(item["actor_kind"]), id=item["actor_id"]),
        subject=item["subject"],
        residence_id=item.get("residence_id"),
        source=item["source"],
        details=item["details"],
    )


def _item(entry: AuditEntry) -> Item:
    at = entry.at.isoformat(timespec="microseconds")
    item: Item = {
        **keys.audit(entry.subject, at, entry.entry_id),
        "entry_id": entry.entry_id,
        "at": at,
        "action": entry.action.value,
        "actor_kind": entry.actor.kind.value,
        "actor_id": entry.actor.id,
        "subject": entry.subject,
        "residence_id": entry.residence_id,
        "source": entry.source,
        "details": dict(entry.details),
        "expires_at": int((entry.at + _kept_for(entry.action)).timestamp()),
    }
    if entry.residence_id:
        item |= {
            "gsi1pk": keys.audit_of_residence(entry.residence_id, at[:7]),
            "gsi1sk": f"{at}#{entry.entry_id}",
        }
    return item


def _kept_for(action: Action) -> timedelta:
    return REFUSALS_KEPT_FOR if action is Action.ONE_TIME_CODE_REFUSED else KEPT_FOR


def by_tenant(
    action: Action,
    at: datetime,
    *,
    person_id: str,
    lease_id: str,
    residence_id: str,
    random: Random,
    source: str = "",
    **details: str | int,
) -> AuditEntry:
    """What a tenant did to their own lease."""
    return AuditEntry(
        entry_id=new_id(random),
        at=at,
        action=action,
        actor=Actor(kind=ActorKind.TENANT, id=person_id),
        subject=lease_id,
        residence_id=residence_id,
        source=source,
        details=details,
    )


def by_staff(
    action: Action,
    at: datetime,
    *,
    staff_id: str,
    random: Random,
    lease_id: str | None = None,
    residence_id: str | None = None,
    source: str = "",
    **details: str | int,
) -> AuditEntry:
    """What a member of staff did: to a lease, or, where there is none, by themselves."""
    return AuditEntry(
        entry_id=new_id(random),
        at=at,
        action=action,
        actor=Actor(kind=ActorKind.STAFF, id=staff_id),
        subject=lease_id or staff_id,
        residence_id=residence_id,
        source=source,
        details=details,
    )
