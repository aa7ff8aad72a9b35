"""Formal notices (*mises en demeure*): ordered for a step, sealed like any document, with a dated record.

One that waited, for its seal, a hold, another day, is told of only if it would be written the same now: else
it is void, and another takes its place.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_bytes

from sesame.domain.calendar import local_date
from sesame.domain.certificates import (
    VERIFICATION_BYTES,
    Facts,
    Issue,
    Kind,
    Refused,
    Tenancy,
    Validity,
    document_number,
    verification_code,
)
from sesame.domain.debts import Demand, formal_notice_facts
from sesame.domain.reminders import Reached
from sesame.domain.retention import folder_of
from sesame.domain.tenancy import Residence
from sesame.domain.validity import Ending
from sesame.platform.ids import Random, derived_id, new_id
from sesame.platform.logs import count
from sesame.services.demands import digest_of
from sesame.services.documents import ASK_AGAIN_AFTER, as_of_today
from sesame.store import keys
from sesame.store.accounts import Account, Accounts, Move, OrderedNotice
from sesame.store.audit import Action, Actor, ActorKind, Audit, AuditEntry
from sesame.store.documents import Document, Documents
from sesame.store.people import lease_of, person_of
from sesame.store.table import ConditionFailed, Contention, Table, Write, transact

JOB = "reminders"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormalNotices:
    """The formal notices that the ladder calls for. The account names the one that was ordered last."""

    documents: Documents
    identity: Table
    accounts: Accounts
    audit: Audit
    random: Random = token_bytes

    def of(self, account: Account, reached: Reached) -> Document | None:
        """The formal notice of a step, if it was ordered and holds. One read."""
        ordered = account.formal_notice
        if ordered is None or not _is_for(ordered, reached):
            return None
        document = self.documents.get(ordered.document_id)
        return document if document is not None and document.validity is Validity.GENUINE else None

    def order(
        self,
        account: Account,
        residence: Residence,
        reached: Reached,
        demand: Demand,
        move: Move,
        now: datetime,
        *,
        instead_of: Document | None = None,
    ) -> bool:
        """Orders it, with the planner's instant and the audit's entry in the same transaction; what it takes
        the place of, which nobody was told of, is void then.

        True too where account or document were changed meanwhile: the next run looks again. False where there
        is nothing to demand of anybody. Two reads and a transaction.
        """
        facts_of = self._facts(account, residence, demand, now)
        if facts_of is None:
            return False
        tenancy, facts = facts_of
        before = account.formal_notice
        document_id = derived_id(
            "formal-notice",
            account.lease_id,
            reached.entry_id or "",
            reached.step.name,
            digest_of(demand),
            before.document_id if before else "",
        )
        document = self._document(document_id, reached, tenancy, facts, now)
        ordered = OrderedNotice(
            document_id=document_id,
            entry_id=reached.entry_id or "",
            step=reached.step.name,
            demand=digest_of(demand),
            reopened_at=_reopened_at(reached),
        )
        writes: list[Write] = [
            self.accounts.moving(account, replace(move, formal_notice=ordered)),
            *self.documents.creating(document),
            self.audit.recording(_entry(reached, document, residence, now)),
        ]
        if instead_of is not None:
            writes += self.documents.revoking(instead_of, Ending.ISSUED_ANEW, at=now, gives_up=False)
        try:
            transact(self.documents.table.client, writes)
        except (ConditionFailed, Contention):
            return True
        if instead_of is not None:
            count("FormalNoticeOutdated")
        return True

    def press(self, document: Document, now: datetime) -> None:
        """Has the file made anew where it has not come for a while."""
        if now - document.asked_at >= ASK_AGAIN_AFTER:
            self.documents.ask_again(document, now)

    def _facts(
        self, account: Account, residence: Residence, demand: Demand, now: datetime
    ) -> tuple[Tenancy, Facts] | None:
        item = self.identity.get(keys.lease(account.lease_id), consistent=False)
        lease = lease_of(item) if item else None
        found = self.identity.get(keys.person(lease.person_id), consistent=False) if lease else None
        if lease is None or found is None:
            return None
        person = person_of(found)
        tenancy = Tenancy(person=person, lease=lease, residence=residence, language=person.language)
        try:
            return tenancy, formal_notice_facts(as_of_today(tenancy, now), demand)
        except Refused:
            return None

    def _document(
        self, document_id: str, reached: Reached, tenancy: Tenancy, facts: Facts, now: datetime
    ) -> Document:
        issued_on = local_date(now, tenancy.residence.time_zone)
        issue = Issue(
            on=issued_on,
            at=now,
            number=document_number(document_id, issued_on),
            verification_code=verification_code(self.random(VERIFICATION_BYTES)),
        )
        kind = Kind.FORMAL_NOTICE
        return Document(
            document_id=document_id,
            lease_id=tenancy.lease.lease_id,
            person_id=tenancy.person.person_id,
            kind=kind,
            language=tenancy.language,
            facts=facts,
            issue=issue,
            object_key=f"{folder_of(kind)}{new_id(self.random)}.pdf",
            period=reached.period,
            asked_at=now,
            time_zone=tenancy.residence.time_zone,
        )


def _is_for(ordered: OrderedNotice, reached: Reached) -> bool:
    said = (ordered.entry_id, ordered.step, ordered.reopened_at)
    return said == (reached.entry_id or "", reached.step.name, _reopened_at(reached))


def _reopened_at(reached: Reached) -> str:
    return reached.reopened_at.isoformat() if reached.reopened_at else ""


def _entry(reached: Reached, document: Document, residence: Residence, now: datetime) -> AuditEntry:
    return AuditEntry(
        entry_id=derived_id("formal-notice-issued", document.document_id),
        at=now,
        action=Action.FORMAL_NOTICE_ISSUED,
        actor=Actor(kind=ActorKind.SYSTEM, id=JOB),
        subject=document.lease_id,
        residence_id=residence.residence_id,
        details={
            "document_id": document.document_id,
            "period": reached.period,
            "entry_id": reached.entry_id or "",
            "step": reached.step.name,
            "amount_cents": document.facts["demand"]["total_cents"],
        },
    )
