"""Formal notices (*mises en demeure*): ordered once a step, sealed like any document, with a dated record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from secrets import token_bytes

from sesame.domain.calendar import local_date
from sesame.domain.certificates import (
    VERIFICATION_BYTES,
    Facts,
    Issue,
    Kind,
    Refused,
    Tenancy,
    document_number,
    verification_code,
)
from sesame.domain.debts import formal_notice_facts
from sesame.domain.journal import Outstanding
from sesame.domain.reminders import Reached, payable_by
from sesame.domain.retention import folder_of
from sesame.domain.tenancy import Residence
from sesame.platform.ids import Random, derived_id, new_id
from sesame.services.documents import ASK_AGAIN_AFTER, as_of_today
from sesame.store import keys
from sesame.store.accounts import Account, Accounts, Move
from sesame.store.audit import Action, Actor, ActorKind, Audit, AuditEntry
from sesame.store.documents import Document, Documents
from sesame.store.people import lease_of, person_of
from sesame.store.table import ConditionFailed, Contention, Table, Write, transact

JOB = "reminders"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormalNotices:
    """The formal notices that the ladder calls for. Which one, its id says: it is derived from the step."""

    documents: Documents
    identity: Table
    accounts: Accounts
    audit: Audit
    random: Random = token_bytes

    def of(self, account: Account, reached: Reached) -> Document | None:
        """The formal notice of a step, if it was ordered. One read."""
        return self.documents.get(_document_id(account, reached))

    def order(
        self, account: Account, residence: Residence, reached: Reached, move: Move, now: datetime
    ) -> bool:
        """Orders it, with the planner's instant and the audit's entry in the same transaction.

        True too where the account was changed meanwhile: the next run looks again. False where there is
        nothing to demand of anybody. Two reads and a transaction.
        """
        facts_of = self._facts(account, residence, move, now)
        if facts_of is None:
            return False
        tenancy, facts = facts_of
        document = self._document(account, reached, tenancy, facts, now)
        writes: list[Write] = [
            self.accounts.moving(account, move),
            *self.documents.creating(document),
            self.audit.recording(_entry(account, reached, document, now)),
        ]
        try:
            transact(self.documents.table.client, writes)
        except ConditionFailed as failure:
            if failure.failed(1):  # it is there: the next run takes it up
                self.accounts.move_step(account, move)
        except Contention:
            return True
        return True

    def press(self, document: Document, now: datetime) -> None:
        """Has the file made anew where it has not come for a while."""
        if now - document.asked_at >= ASK_AGAIN_AFTER:
            self.documents.ask_again(document, now)

    def _facts(
        self, account: Account, residence: Residence, move: Move, now: datetime
    ) -> tuple[Tenancy, Facts] | None:
        item = self.identity.get(keys.lease(account.lease_id), consistent=False)
        lease = lease_of(item) if item else None
        found = self.identity.get(keys.person(lease.person_id), consistent=False) if lease else None
        if lease is None or found is None:
            return None
        person = person_of(found)
        tenancy = Tenancy(person=person, lease=lease, residence=residence, language=person.language)
        today = local_date(now, residence.time_zone)
        try:
            facts = formal_notice_facts(
                as_of_today(tenancy, now),
                demandable(account, residence.time_zone, breaks_plan=move.plan_broken_on is not None),
                as_of=today,
                pay_by=today + timedelta(days=residence.reminders.pay_by_days),
            )
        except Refused:
            return None
        return tenancy, facts

    def _document(
        self, account: Account, reached: Reached, tenancy: Tenancy, facts: Facts, now: datetime
    ) -> Document:
        document_id = _document_id(account, reached)
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
            lease_id=account.lease_id,
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


def demandable(account: Account, time_zone: str, *, breaks_plan: bool = False) -> Sequence[Outstanding]:
    """What may be demanded: not what a plan covers; by the last day that reminders named."""
    plan = account.plan if not breaks_plan else None
    return [
        replace(debit, due_on=payable_by(debit, time_zone))
        for debit in account.checkpoint.outstanding
        if plan is None or not plan.covers(debit)
    ]


def _document_id(account: Account, reached: Reached) -> str:
    return derived_id("formal-notice", account.lease_id, reached.entry_id or "", reached.step.name)


def _entry(account: Account, reached: Reached, document: Document, now: datetime) -> AuditEntry:
    return AuditEntry(
        entry_id=derived_id("formal-notice-issued", document.document_id),
        at=now,
        action=Action.FORMAL_NOTICE_ISSUED,
        actor=Actor(kind=ActorKind.SYSTEM, id=JOB),
        subject=account.lease_id,
        residence_id=account.residence_id,
        details={
            "document_id": document.document_id,
            "period": reached.period,
            "entry_id": reached.entry_id or "",
            "step": reached.step.name,
            "amount_cents": document.facts["demand"]["total_cents"],
        },
    )
