"""Staff decide what becomes of a lease: room, rent, end, departure, cancellation; and look at its life."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import Field

from sesame.domain.deposits import Deduction, DeductionKind
from sesame.domain.lease_life import (
    Cancellation,
    Extension,
    Leaving,
    LifeChange,
    LifeEvent,
    RentAmendment,
    RoomChange,
    SharingChange,
    Stage,
    Withdrawal,
)
from sesame.domain.tenancy import DepartureReason
from sesame.domain.terms import segments
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound
from sesame.platform.http import Api, Id, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.deposits import DeductionsTooHigh
from sesame.services.desk_leases import DeskLeases
from sesame.services.final_accounts import FinalAccount, FinalAccounts, NotSettled, StayGoesOn
from sesame.services.lease_life import ChangeRefused, LeaseLife, LifeDesk, LifeSeen
from sesame.services.lease_terms import Changed, LeaseTerms, TooManyCorrections
from sesame.services.payments import KeyReused
from sesame.services.staff import Staff, staff_dependency
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.documents import Documents
from sesame.store.lease_changes import LeaseChange, LeaseChanges
from sesame.store.people import People
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table

Cents = Annotated[int, Field(strict=True, ge=0, le=500_000, examples=[42_000])]
Room = Annotated[str, Field(min_length=1, max_length=20, examples=["C301"])]
Occupants = Annotated[int, Field(strict=True, ge=1, le=9)]


class DeskLifeSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    pepper_secret: str


class ChangeBody(StrictModel):
    """With `preview` nothing is done: the answer says what would be."""

    preview: bool = False


class RoomChangeBody(ChangeBody):
    """Another room from the 1st or 16th of a month; at another rent where one is given. Cents a month."""

    starts_on: date
    room: Room
    rent_cents: Cents | None = None
    charges_cents: Cents | None = None
    occupants: Occupants | None = None


class RentAmendmentBody(ChangeBody):
    """Another rent, other charges, or both, from a day on. Cents a month."""

    starts_on: date
    rent_cents: Cents | None = None
    charges_cents: Cents | None = None


class SharingBody(ChangeBody):
    """How many live in the room from a day on, and this tenant's part of the rent since. Cents a month."""

    starts_on: date
    occupants: Occupants
    rent_cents: Cents | None = None
    charges_cents: Cents | None = None


class ExtensionBody(ChangeBody):
    """A later last day."""

    ends_on: date


class DepartureBody(ChangeBody):
    """The last day, and why. A tenant's notice, received on `given_on`, is of the residence's length."""

    leaves_on: date
    reason: DepartureReason
    given_on: date


class KeptBody(StrictModel):
    """One item kept of the deposit, told to the tenant. Rent that is owed is not named: it is worked out."""

    kind: DeductionKind
    amount_cents: Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
    label: Annotated[str, Field(max_length=80)] = ""


class FinalAccountBody(StrictModel):
    """What is kept of the deposit."""

    deductions: Annotated[tuple[KeptBody, ...], Field(max_length=20)] = ()


class CorrectionShown(Shown):
    """A month that is put right: what its notices asked, and ask now. Cents."""

    period: str
    before_cents: int
    after_cents: int


class LeaseChangeShown(Shown):
    """A change. `change_id` is absent from a preview. `effective_on`: its first day, or the stay's last.

    `difference_cents` counts the late surcharges that go with notices, `surcharges_reversed_cents`.
    """

    change_id: str | None
    what: LifeEvent
    effective_on: date
    ends_on: date
    at: datetime
    by: str | None
    difference_cents: int
    surcharges_reversed_cents: int
    currency: str = "EUR"
    corrected: list[str]
    corrections: list[CorrectionShown] | None


class TermsShown(Shown):
    """What holds from a day to another. Cents a month."""

    starts_on: date
    ends_on: date
    room: str
    rent_cents: int
    charges_cents: int
    occupants: int


class DepartureShown(Shown):
    """An end before its time; `ended_on` is when the lease was to end before."""

    given_on: date
    reason: DepartureReason
    ended_on: date


class LifeShown(Shown):
    """A lease on this day: its stage, what may be decided, its terms, and what was decided, oldest first."""

    stage: Stage
    starts_on: date
    ends_on: date
    possible: list[LifeEvent]
    terms: list[TermsShown]
    departure: DepartureShown | None
    renewed_from: list[date]
    changes: list[LeaseChangeShown]


class KeptItem(Shown):
    """One item kept."""

    kind: DeductionKind
    amount_cents: int
    label: str


class FinalAccountShown(Shown):
    """Where the settling of a lease stands. Cents; `hinders` says what is left to do before it is closed."""

    balance_cents: int
    """Above zero: owed; below: to be given back."""
    credit_cents: int
    waiting_cents: int
    deposit_held_cents: int
    deductions: list[KeptItem]
    returned_cents: int
    """What the deposit brought to the account."""
    refund_under_way: bool
    settle_by: date
    hinders: list[str]
    currency: str = "EUR"


settings = DeskLifeSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
audit = Audit(Table(dynamodb, settings.operations_table))
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
leases = DeskLeases(identity)
life = LeaseLife(
    terms=LeaseTerms(people=People(identity, pepper), books=Bookkeeping(Accounts(money), utc_now)),
    changes=LeaseChanges(identity),
    audit=audit,
)
desk = LifeDesk(leases=leases, life=life, deeds=deeds)
accounts = FinalAccounts(
    money=money,
    leases=leases,
    life=life,
    documents=Documents(Table(dynamodb, settings.documents_table)),
    deeds=deeds,
    random=token_bytes,
)
CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
CHANGE_ERRORS = [Forbidden, NotFound, ChangeRefused, KeyReused, TooManyCorrections, Invalid]
api = Api()


@api.get(
    "/v1/desk/leases/<lease_id>/life",
    summary="Where a lease is in its life, and what was decided of it",
    errors=[Forbidden, NotFound],
    security="staff",
)
def seen(lease_id: Id, staff: CurrentStaff) -> LifeShown:
    """By the residence's calendar."""
    return _life(desk.seen(staff, lease_id))


@api.post(
    "/v1/desk/leases/<lease_id>/room-change",
    summary="Give a tenant another room",
    errors=CHANGE_ERRORS,
    security="staff",
)
def change_room(
    lease_id: Id, body: RoomChangeBody, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> LeaseChangeShown:
    """Notices that are out are corrected by a credit note and a new notice; proofs of the old room end."""
    change = RoomChange(**body.model_dump(exclude={"preview"}))
    return _decided(lease_id, body, change, staff, network, idempotency_key)


@api.post(
    "/v1/desk/leases/<lease_id>/rent-amendment",
    summary="Amend the rent from a day on",
    errors=CHANGE_ERRORS,
    security="staff",
)
def amend_rent(
    lease_id: Id,
    body: RentAmendmentBody,
    staff: CurrentStaff,
    network: Source,
    idempotency_key: IdempotencyKey,
) -> LeaseChangeShown:
    """Whatever was billed otherwise is corrected."""
    change = RentAmendment(**body.model_dump(exclude={"preview"}))
    return _decided(lease_id, body, change, staff, network, idempotency_key)


@api.post(
    "/v1/desk/leases/<lease_id>/sharing",
    summary="A co-tenant comes or goes",
    errors=CHANGE_ERRORS,
    security="staff",
)
def change_sharing(
    lease_id: Id, body: SharingBody, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> LeaseChangeShown:
    """Of this tenant's lease only: each who shares a room has one."""
    change = SharingChange(**body.model_dump(exclude={"preview"}))
    return _decided(lease_id, body, change, staff, network, idempotency_key)


@api.post(
    "/v1/desk/leases/<lease_id>/extension",
    summary="Let a stay go on",
    errors=CHANGE_ERRORS,
    security="staff",
)
def extend(
    lease_id: Id, body: ExtensionBody, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> LeaseChangeShown:
    """On the terms that hold at its end."""
    return _decided(lease_id, body, Extension(ends_on=body.ends_on), staff, network, idempotency_key)


@api.post(
    "/v1/desk/leases/<lease_id>/departure",
    summary="Record notice to leave, or an early end",
    errors=CHANGE_ERRORS,
    security="staff",
)
def record_departure(
    lease_id: Id, body: DepartureBody, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> LeaseChangeShown:
    """The rent ends with the last day. Recorded again with another day, that one holds."""
    change = Leaving(leaves_on=body.leaves_on, given_on=body.given_on, reason=body.reason)
    return _decided(lease_id, body, change, staff, network, idempotency_key)


@api.post(
    "/v1/desk/leases/<lease_id>/departure/withdrawal",
    summary="Allow notice to be taken back",
    errors=CHANGE_ERRORS,
    security="staff",
)
def withdraw_departure(
    lease_id: Id, body: ChangeBody, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> LeaseChangeShown:
    """Until the last day: the lease then ends when it was to end before."""
    return _decided(lease_id, body, Withdrawal(), staff, network, idempotency_key)


@api.post(
    "/v1/desk/leases/<lease_id>/cancellation",
    summary="Cancel a lease that never began",
    errors=CHANGE_ERRORS,
    security="staff",
)
def cancel(
    lease_id: Id, body: ChangeBody, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> LeaseChangeShown:
    """Nothing is owed any more, no paper holds; what was paid is credit, to be given back."""
    return _decided(lease_id, body, Cancellation(), staff, network, idempotency_key)


@api.get(
    "/v1/desk/leases/<lease_id>/final-account",
    summary="Where the settling of a lease stands",
    errors=[Forbidden, NotFound],
    security="staff",
)
def final_account(lease_id: Id, staff: CurrentStaff) -> FinalAccountShown:
    """And what hinders closing it."""
    return _final(accounts.of(staff, lease_id))


@api.post(
    "/v1/desk/leases/<lease_id>/final-account",
    status=201,
    summary="Draw up the final account",
    errors=[Forbidden, NotFound, StayGoesOn, DeductionsTooHigh, KeyReused, Invalid],
    security="staff",
)
def draw_up(
    lease_id: Id,
    body: FinalAccountBody,
    staff: CurrentStaff,
    network: Source,
    idempotency_key: IdempotencyKey,
) -> FinalAccountShown:
    """The deposit, less what is kept, pays what is owed; the rest is credit, which the tenant asks back."""
    deductions = tuple(
        Deduction(kind=one.kind, amount_cents=one.amount_cents, label=one.label) for one in body.deductions
    )
    drawn = accounts.draw_up(staff, lease_id, deductions, key=idempotency_key, network=network)
    return _final(drawn)


@api.post(
    "/v1/desk/leases/<lease_id>/closing",
    summary="Close a lease that is settled",
    errors=[*CHANGE_ERRORS, NotSettled],
    security="staff",
)
def close(
    lease_id: Id, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> LeaseChangeShown:
    """Nothing owed, nothing held, nothing to give back; the end-of-stay certificate is made with it."""
    return _change(accounts.close(staff, lease_id, key=idempotency_key, network=network))


def _decided(
    lease_id: str, body: ChangeBody, change: LifeChange, staff: Staff, network: str, key: str
) -> LeaseChangeShown:
    if body.preview:
        return _previewed(change, desk.preview(staff, lease_id, change))
    return _change(desk.decide(staff, lease_id, change, key=key, network=network))


def _change(change: LeaseChange) -> LeaseChangeShown:
    return LeaseChangeShown(
        change_id=change.change_id,
        what=change.event,
        effective_on=change.effective_on,
        ends_on=change.ends_on,
        at=change.at,
        by=change.by,
        difference_cents=change.difference_cents,
        surcharges_reversed_cents=change.surcharges_reversed_cents,
        corrected=list(change.corrected),
        corrections=None,
    )


def _previewed(change: LifeChange, would: Changed) -> LeaseChangeShown:
    return LeaseChangeShown(
        change_id=None,
        what=change.event,
        effective_on=getattr(change, "starts_on", would.after.ends_on),
        ends_on=would.after.ends_on,
        at=would.at,
        by=None,
        difference_cents=would.difference_cents,
        surcharges_reversed_cents=would.surcharges_reversed_cents,
        corrected=[one.period for one in would.corrected],
        corrections=[
            CorrectionShown(
                period=one.period,
                before_cents=one.withdrawn_cents,
                after_cents=one.withdrawn_cents + one.difference_cents,
            )
            for one in would.corrected
        ],
    )


def _life(life_seen: LifeSeen) -> LifeShown:
    lease = life_seen.lease
    return LifeShown(
        stage=life_seen.stage,
        starts_on=lease.starts_on,
        ends_on=lease.ends_on,
        possible=list(life_seen.possible),
        terms=[
            TermsShown(
                starts_on=one.starts_on,
                ends_on=one.ends_on,
                room=one.terms.room,
                rent_cents=one.terms.rent_cents,
                charges_cents=one.terms.charges_cents,
                occupants=one.terms.occupants,
            )
            for one in segments(lease)
        ],
        departure=(
            DepartureShown(
                given_on=lease.departure.given_on,
                reason=lease.departure.reason,
                ended_on=lease.departure.ended_on,
            )
            if lease.departure
            else None
        ),
        renewed_from=list(lease.renewed_from),
        changes=[_change(one) for one in life_seen.changes],
    )


def _final(final: FinalAccount) -> FinalAccountShown:
    return FinalAccountShown(
        balance_cents=final.balance_cents,
        credit_cents=final.credit_cents,
        waiting_cents=final.waiting_cents,
        deposit_held_cents=final.deposit_held_cents,
        deductions=[
            KeptItem(kind=one.kind, amount_cents=one.amount_cents, label=one.label)
            for one in final.deductions
        ],
        returned_cents=final.returned_cents,
        refund_under_way=final.refund_under_way,
        settle_by=final.settle_by,
        hinders=[one.value for one in final.hinders],
    )


handler = api.handler
