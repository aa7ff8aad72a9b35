"""Sends the message that an event calls for: accepted at most once, and only while it still holds true."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sesame.domain.calendar import Period, local_date, period_of
from sesame.domain.journal import Outstanding
from sesame.domain.notices import latest_period
from sesame.domain.reminders import payable_by
from sesame.domain.tenancy import Channel, Lease, Person, Residence
from sesame.notifications.letters import LetterKind
from sesame.platform.events import Event
from sesame.platform.ids import derived_id
from sesame.services.access_messages import TOLD_TO_ALL, AccessNotices
from sesame.services.mailer import Draft, Mailer
from sesame.services.study_messages import STUDY_EVENTS, StudyLetters
from sesame.services.welcome import WELCOME_LIFE, WelcomeLinks
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.messages import Message, MessageState
from sesame.store.people import lease_of, person_of, residence_of
from sesame.store.table import Table, same_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """A lease with its tenant and its residence."""

    lease: Lease
    person: Person
    residence: Residence


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """A row of a reminder: what is unpaid of a month. Cents."""

    period: Period
    due_on: date
    unpaid_cents: int


type Composed = Draft | MessageState
"""A draft, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """Every other message that the system sends, by the event that calls for it."""

    mailer: Mailer
    identity: Table
    accounts: Accounts
    welcome_links: WelcomeLinks

    def handle(self, event: Event) -> None:
        """Sends what the event calls for. Safe to repeat. Raises when the queue should bring it again."""
        if event.type in TOLD_TO_ALL:
            AccessNotices(mailer=self.mailer, identity=self.identity).handle(event)
            return
        if event.type in STUDY_EVENTS:
            message, compose = StudyLetters(identity=self.identity, clock=self.mailer.clock).plan(event)
        else:
            message, compose = self._plan(event)
        composed = compose(event)
        if isinstance(composed, MessageState):
            self.mailer.messages.skip(message, composed, self.mailer.clock())
            return
        # written before it is claimed: what fails on the way to the mail service leaves no lost message
        envelope = self.mailer.write(message, composed)
        if envelope is None:
            self.mailer.messages.skip(message, MessageState.UNADDRESSED, self.mailer.clock())
        elif self.mailer.messages.begin(message, self.mailer.clock()):
            self.mailer.send(message, envelope)

    def _plan(self, event: Event) -> tuple[Message, Callable[[Event], Composed]]:
        """The record of a message, and who writes it. Its id comes from what must not be said twice."""
        lease_id = event["lease_id"]
        match event.type:
            case "reminder.due":
                cause = {"lease_id": lease_id, "period": event["period"], "step": event["step"]}
                return _record(LetterKind.REMINDER, cause), self._reminder
            case "notice.issued":
                cause = {"lease_id": lease_id, "period": event["period"]}
                return _record(LetterKind.NOTICE, cause), self._notice
            case "lease.admitted":
                cause = {"lease_id": lease_id, "event_id": event.id}
                return _record(LetterKind.WELCOME, cause, may_repeat=True), self._welcome
            case "data_export.ready":
                cause = {"lease_id": lease_id, "export_id": event["export_id"]}
                return _record(LetterKind.DATA_EXPORT, cause, may_repeat=True), self._data_export
            case "document.ready":
                cause = {"lease_id": lease_id, "document_id": event["document_id"]}
                return _record(LetterKind.DOCUMENT_READY, cause, may_repeat=True), self._document_ready
            case other:
                raise ValueError(f"no message for an event of type {other}")

    def _welcome(self, event: Event) -> Composed:
        found = self._tenancy(event["lease_id"])
        if found is None or not found.person.email:
            return MessageState.UNADDRESSED
        token = self.welcome_links.create(found.lease, found.person)
        ends_on = local_date(self.mailer.clock() + WELCOME_LIFE, found.residence.time_zone)
        link = f"{self.mailer.portal_url}/bienvenue/{token}"
        return _draft(found, LetterKind.WELCOME, link=link, link_ends_on=ends_on)

    def _data_export(self, event: Event) -> Composed:
        found = self._tenancy(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        last_whole_day = datetime.fromisoformat(event["expires_at"]) - timedelta(days=1)
        ends_on = local_date(last_whole_day, found.residence.time_zone)
        draft = _draft(found, LetterKind.DATA_EXPORT, ends_on=ends_on)
        return draft if found.person.email else replace(draft, channel=Channel.SMS)

    def _document_ready(self, event: Event) -> Composed:
        found = self._tenancy(event["lease_id"])
        return _draft(found, LetterKind.DOCUMENT_READY) if found else MessageState.UNADDRESSED

    def _notice(self, event: Event) -> Composed:
        """Only the latest period's notice is news; those a late run makes up for are on the account."""
        found = self._tenancy(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        today = local_date(self.mailer.clock(), found.residence.time_zone)
        if event["period"] != latest_period(found.residence, today):
            return MessageState.SUPERSEDED
        journal = self.accounts.journal(found.lease.lease_id)
        issued = [one.notice for one in journal.notices if one.notice.period == event["period"]]
        if not issued or journal.account is None:
            return MessageState.SUPERSEDED
        [notice], account = issued, journal.account.checkpoint
        earlier = [debt for debt in account.outstanding if debt.period != notice.period]
        return _draft(
            found,
            LetterKind.NOTICE,
            period=notice.period,
            starts_on=notice.starts_on,
            ends_on=notice.ends_on,
            due_on=notice.due_on,
            today=today,
            lines=notice.lines,
            notice_cents=notice.amount_cents,
            balance_cents=account.balance_cents,
            earlier_cents=sum(debt.unpaid_cents for debt in earlier),
        )

    def _reminder(self, event: Event) -> Composed:
        """Only while the month whose step it is remains unpaid: any other has steps of its own."""
        found = self._tenancy(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        account = self.accounts.get(found.lease.lease_id)
        outstanding = account.checkpoint.outstanding if account else ()
        time_zone = found.residence.time_zone
        debts = [_debt(debit, time_zone) for debit in outstanding if debit.unpaid_cents > 0]
        if event["period"] not in {debt.period for debt in debts}:
            return MessageState.SUPERSEDED
        # a run made for another day writes as of that day; one that waited in a queue, as of today
        today = local_date(max(self.mailer.clock(), event.at), time_zone)
        to_come = [debt for debt in debts if debt.due_on >= today]
        return _draft(
            found,
            LetterKind.REMINDER,
            step=event["step"],
            today=today,
            debts=debts,
            total_cents=sum(debt.unpaid_cents for debt in debts),
            overdue_cents=sum(debt.unpaid_cents for debt in debts if debt.due_on < today),
            due_on=min((debt.due_on for debt in to_come), default=None),
        )

    def _tenancy(self, lease_id: str) -> Tenancy | None:
        """Two reads."""
        item = self.identity.get(keys.lease(lease_id))
        if item is None:
            return None
        lease = lease_of(item)
        person, residence = same_table(
            self.identity, [keys.person(lease.person_id), keys.residence(lease.residence_id)]
        )
        if person is None or residence is None:
            return None
        return Tenancy(lease=lease, person=person_of(person), residence=residence_of(residence))


def _record(kind: LetterKind, cause: dict[str, str], *, may_repeat: bool = False) -> Message:
    return Message(
        message_id=derived_id(kind, *cause.values()),
        kind=kind,
        cause=cause,
        lease_id=cause["lease_id"],
        may_repeat=may_repeat,
    )


def _draft(found: Tenancy, kind: LetterKind, **facts: Any) -> Draft:
    return Draft(
        person=found.person, kind=kind, facts={"lease": found.lease, "residence": found.residence, **facts}
    )


def _debt(debit: Outstanding, time_zone: str) -> Debt:
    return Debt(
        period=debit.period or period_of(debit.due_on),
        due_on=payable_by(debit, time_zone),
        unpaid_cents=debit.unpaid_cents,
    )
