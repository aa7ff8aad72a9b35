"""What staff see and decide of a lease's reminders: holds and disputes, and what being late leads to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from sesame.domain.calendar import Period, local_date
from sesame.domain.certificates import Kind, Tenancy, Validity
from sesame.domain.consequences import BlockState, FormalNoticeToCome, months_that_lead_there
from sesame.domain.corrections import reversal_of
from sesame.domain.journal import Entry, EntryKind, notice_entry_id
from sesame.domain.reminders import (
    HOLD_AT_MOST,
    Hold,
    HoldKind,
    HoldReason,
    Owed,
    decide,
    owed,
    surcharge_entry_id,
)
from sesame.domain.tenancy import Residence
from sesame.domain.validity import Ending
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.services.accounts import Bookkeeping
from sesame.services.consequences import block_of, formal_notice_of
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.payment_plans import NothingOwed
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Role, Staff, require
from sesame.services.surcharges import UpcomingSurcharge, announced
from sesame.store.accounts import Account, Accounts
from sesame.store.audit import Action, Audit
from sesame.store.documents import Document, Documents
from sesame.store.table import Write, transact

READERS = tuple(Role)
HOLDERS: Mapping[HoldKind, tuple[Role, ...]] = {
    HoldKind.HOLD: (Role.MANAGER, Role.ADMINISTRATOR),
    HoldKind.DISPUTE: (Role.DESK, Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR),
}
"""A hold is a manager's decision; a dispute is the tenant's word, which anybody at work may write down."""
RELEASERS = (Role.MANAGER, Role.ADMINISTRATOR)
WAIVERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
"""Who may take back what being late led to."""
_LOOKED_THROUGH = 50
"""Documents of a lease in which formal notices are looked for, newest first."""


class ReleaseReason(StrEnum):
    """Why reminders go on before the day that was set."""

    SETTLED = "settled"
    DISPUTE_REJECTED = "dispute_rejected"
    DISPUTE_WITHDRAWN = "dispute_withdrawn"
    CORRECTED = "corrected"
    MISTAKE = "mistake"
    OTHER = "other"


class SurchargeReason(StrEnum):
    """Why a surcharge, or a block of renewal, is taken back."""

    GOODWILL = "goodwill"
    OUR_MISTAKE = "our_mistake"
    BANK_DELAY = "bank_delay"
    AID_CAME_LATE = "aid_came_late"
    HARDSHIP = "hardship"
    NOT_OWED = "not_owed"


class NotHeld(Conflict):
    """There is nothing to release."""

    slug = "not-held"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Les relances ne sont pas suspendues",
        "en": "Reminders are not held",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOrder:
    """Why, and to the end of which day of the residence's calendar."""

    kind: HoldKind
    reason: HoldReason
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderState:
    """Where reminders of a lease stand."""

    owed: tuple[Owed, ...]
    next_look_at: datetime | None
    next_step: str | None
    """What would be taken if nothing changed until then."""
    hold: Hold | None
    """The one that stands."""
    plan_id: str | None
    surcharges: tuple[UpcomingSurcharge, ...]
    formal_notice_to_come: FormalNoticeToCome | None
    renewal_block: BlockState | None
    """None where the residence has no such rule."""
    formal_notices: tuple[Document, ...]
    """Newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderDesk:
    """Shows, holds and releases the reminders of a lease, and takes its surcharges back."""

    leases: DeskLeases
    bookkeeping: Bookkeeping
    documents: Documents
    audit: Audit
    deeds: Deeds
    clock: Clock
    retries: Retries = USUAL

    def state(self, staff: Staff, lease_id: str) -> ReminderState:
        """Raises Forbidden, NotFound. Four reads besides the staff record's."""
        require(staff, *READERS)
        tenancy = self.leases.read(staff, lease_id)
        return self._state(tenancy, self._accounts.get(lease_id))

    def hold(self, staff: Staff, lease_id: str, order: HoldOrder, *, network: str) -> ReminderState:
        """Holds reminders, in the place of a hold that stands, which only its own deciders replace.

        Raises Forbidden (also to who would end another's hold sooner), NotFound, Invalid, NothingOwed.
        """
        require(staff, *HOLDERS[order.kind])
        tenancy = self.leases.acted_on(staff, lease_id)

        def attempt() -> ReminderState:
            now, zone = self.clock(), tenancy.residence.time_zone
            today = local_date(now, zone)
            if not today <= order.until <= today + HOLD_AT_MOST:
                raise Invalid(
                    detail_fr="La suspension prend fin aujourd'hui au plus tôt, dans un an au plus tard.",
                    detail_en="A hold ends today at the earliest, in a year at the latest.",
                    errors=[{"field": "until"}],
                )
            account = self._accounts.get(lease_id)
            if account is None or not account.checkpoint.outstanding:
                raise NothingOwed
            _may_replace(staff, account.hold, order, today)
            hold = Hold(
                kind=order.kind,
                reason=order.reason,
                until=order.until,
                by=staff.staff_id,
                at=now,
            )
            self._arrange(
                staff,
                account,
                Action.REMINDERS_HELD,
                network,
                hold=hold,
                next_step_at=_looked_at_anew(account, now),
                kind=order.kind.value,
                reason=order.reason.value,
                until=order.until.isoformat(),
            )
            return self._state(tenancy, self._accounts.get(lease_id))

        return self.retries.run(attempt)

    def release(self, staff: Staff, lease_id: str, reason: ReleaseReason, *, network: str) -> ReminderState:
        """Lets reminders go on: what fell due meanwhile is merged into one, at the next allowed hour.

        Raises Forbidden, NotFound, NotHeld.
        """
        require(staff, *RELEASERS)
        tenancy = self.leases.acted_on(staff, lease_id)

        def attempt() -> ReminderState:
            now, account = self.clock(), self._accounts.get(lease_id)
            if account is None or account.hold is None:
                raise NotHeld
            self._arrange(
                staff,
                account,
                Action.REMINDERS_RELEASED,
                network,
                hold=None,
                next_step_at=_looked_at_anew(account, now),
                kind=account.hold.kind.value,
                reason=reason.value,
            )
            return self._state(tenancy, self._accounts.get(lease_id))

        return self.retries.run(attempt)

    def reverse_surcharge(
        self, staff: Staff, lease_id: str, period: str, reason: SurchargeReason, *, network: str
    ) -> ReminderState:
        """Takes back the surcharge on a month's notice, once: the journal keeps both lines, the fold neither.

        Raises Forbidden, NotFound.
        """
        require(staff, *WAIVERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        base = surcharge_entry_id(notice_entry_id(period))

        def attempt() -> ReminderState:
            journal = self._accounts.journal(lease_id)
            # a month's second notice may have borne one too
            of_month = [one for one in journal.entries if _is_of(one, base)]
            if not of_month or journal.account is None:
                raise NotFound
            reversed_ones = {one.corrects for one in journal.entries}
            posted = next((one for one in of_month if one.entry_id not in reversed_ones), None)
            if posted is not None:
                self._reverse(staff, journal.account, posted, period, reason, network)
            return self._state(tenancy, self._accounts.get(lease_id))

        return self.retries.run(attempt)

    def waive_renewal_block(
        self, staff: Staff, lease_id: str, reason: SurchargeReason, *, network: str
    ) -> ReminderState:
        """Lets none of the months that are owed today bar the lease from renewal, now or later; each still is
        to be paid, and another month that is late counts. Said again, it changes nothing.

        Raises Forbidden, NotFound, NothingOwed.
        """
        require(staff, *WAIVERS)
        tenancy = self.leases.acted_on(staff, lease_id)

        def attempt() -> ReminderState:
            account = self._accounts.get(lease_id)
            if account is None or not account.checkpoint.outstanding:
                raise NothingOwed
            months = set(months_that_lead_there(account.dun(self.clock())))
            if not months <= set(account.block_waived):
                self._arrange(
                    staff,
                    account,
                    Action.RENEWAL_BLOCK_WAIVED,
                    network,
                    hold=account.hold,
                    next_step_at=account.next_step_at,
                    block_waived=tuple(sorted(months | set(account.block_waived))),
                    reason=reason.value,
                    periods=",".join(sorted(months)),
                )
            return self._state(tenancy, self._accounts.get(lease_id))

        return self.retries.run(attempt)

    def withdraw_formal_notice(
        self, staff: Staff, lease_id: str, document_id: str, reason: SurchargeReason, *, network: str
    ) -> ReminderState:
        """Takes a formal notice back: the paper is void from now on, the debt stays. Once; again it is so.

        Raises Forbidden, NotFound.
        """
        require(staff, *RELEASERS)
        tenancy = self.leases.acted_on(staff, lease_id)

        def attempt() -> ReminderState:
            paper = self.documents.get(document_id)
            if paper is None or paper.lease_id != lease_id or paper.kind is not Kind.FORMAL_NOTICE:
                raise NotFound
            if paper.validity is Validity.GENUINE:
                deed = self.deeds.entry(
                    Action.FORMAL_NOTICE_WITHDRAWN,
                    staff,
                    network,
                    lease_id=lease_id,
                    residence_id=tenancy.lease.residence_id,
                    document_id=document_id,
                    reason=reason.value,
                )
                void = self.documents.revoking(paper, Ending.WITHDRAWN, at=self.clock(), gives_up=False)
                untold = self._told_no_more(lease_id, document_id)
                transact(self.documents.table.client, [*void, *untold, self.audit.recording(deed)])
            return self._state(tenancy, self._accounts.get(lease_id))

        return self.retries.run(attempt)

    def _told_no_more(self, lease_id: str, document_id: str) -> list[Write]:
        """The note for the sender, which sees the account and no document. One read."""
        account = self._accounts.get(lease_id)
        ordered = account.formal_notice if account else None
        if account is None or ordered is None or ordered.document_id != document_id:
            return []
        return [self._accounts.withdrawing(account)]

    def _reverse(
        self,
        staff: Staff,
        account: Account,
        posted: Entry,
        period: str,
        reason: SurchargeReason,
        network: str,
    ) -> None:
        now = self.clock()
        entry = reversal_of(posted, now)
        deed = self.deeds.entry(
            Action.SURCHARGE_REVERSED,
            staff,
            network,
            lease_id=account.lease_id,
            residence_id=account.residence_id,
            period=period,
            reason=reason.value,
            amount_cents=posted.amount_cents,
        )
        transact(
            self._accounts.table.client,
            [
                self._accounts.entering(account.lease_id, entry, now),
                self.bookkeeping.change(account, [entry]),
                self.audit.recording(deed),
            ],
        )

    def _arrange(
        self,
        staff: Staff,
        account: Account,
        action: Action,
        network: str,
        *,
        hold: Hold | None,
        next_step_at: datetime | None,
        block_waived: tuple[Period, ...] | None = None,
        **details: str,
    ) -> None:
        deed = self.deeds.entry(
            action,
            staff,
            network,
            lease_id=account.lease_id,
            residence_id=account.residence_id,
            **details,
        )
        change = self._accounts.arranging(
            account,
            hold=hold,
            plan=account.plan,
            next_step_at=next_step_at,
            since=account.since,
            block_waived=block_waived,
        )
        transact(self._accounts.table.client, [change, self.audit.recording(deed)])

    def _state(self, tenancy: Tenancy, account: Account | None) -> ReminderState:
        lease_id, residence, now = tenancy.lease.lease_id, tenancy.residence, self.clock()
        zone = residence.time_zone
        formal = [
            one
            for one in self.documents.of_lease(lease_id, limit=_LOOKED_THROUGH)
            if one.kind is Kind.FORMAL_NOTICE
        ]
        account = account or Account(lease_id=lease_id, residence_id=residence.residence_id)
        hold = account.hold if account.hold and account.hold.stands(now, zone) else None
        return ReminderState(
            owed=tuple(owed(account.checkpoint.outstanding, account.plan, zone)),
            next_look_at=account.next_step_at,
            next_step=_next_step(account, residence),
            hold=hold,
            plan_id=account.plan.plan_id if account.plan and account.plan.stands else None,
            surcharges=tuple(announced(account, residence, now)),
            formal_notice_to_come=formal_notice_of(account, residence, now),
            renewal_block=block_of(account, residence, now),
            formal_notices=tuple(formal),
        )

    @property
    def _accounts(self) -> Accounts:
        return self.bookkeeping.accounts


def _is_of(entry: Entry, base: str) -> bool:
    """Whether an entry is the surcharge of a month's notice, `base`, or of one that took its place."""
    return entry.kind is EntryKind.SURCHARGE and (
        entry.entry_id == base or entry.entry_id.startswith((f"{base}:", f"{base}#"))
    )


def _may_replace(staff: Staff, standing: Hold | None, order: HoldOrder, today: date) -> None:
    """Another order must not end a manager's hold by the back door. Raises Forbidden."""
    if standing is None or standing.until < today:
        return
    require(staff, *HOLDERS[standing.kind])
    if order.until < standing.until:
        require(staff, *RELEASERS)


def _looked_at_anew(account: Account, now: datetime) -> datetime | None:
    """At once where the planner had put it off to the end of a hold, which is no more what it was."""
    at = account.next_step_at
    return min(at, now) if at is not None and account.since is not None else at


def _next_step(account: Account, residence: Residence) -> str | None:
    at = account.next_step_at
    if at is None:
        return None
    decision = decide(
        account.dun(at),
        time_zone=residence.time_zone,
        now=at,
        settings=residence.reminders,
        escalates=residence.confirmed,
    )
    return decision.reached.step.name if decision and decision.reached else None
