"""The desk finds a tenant and sees what helping them takes; administrators read who did what."""

import base64
import binascii
import re
from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from sesame.domain.contacts import masked_email, masked_phone
from sesame.domain.tenancy import Channel, ContactHold, LeaseStatus
from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound
from sesame.platform.http import Api, Id, Language, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.deeds import Deeds
from sesame.services.lease_search import ChooseResidence, FoundLease, LeaseSearch, wanted
from sesame.services.staff import Role, Staff, require, staff_dependency
from sesame.store.audit import Action, ActorKind, Audit, AuditEntry, AuditPage
from sesame.store.people import People
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table


class DeskPeopleSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    pepper_secret: str


class LeaseSearchRequest(StrictModel):
    """`query` is free text; or say which: all that is given must fit. Contacts and references in whole."""

    query: Annotated[str, Field(max_length=200)] = ""
    name: Annotated[str, Field(max_length=200)] = ""
    room: Annotated[str, Field(max_length=40)] = ""
    ine: Annotated[str, Field(max_length=20)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    phone: Annotated[str, Field(max_length=30)] = ""
    tenant_reference: Annotated[str, Field(max_length=20)] = ""
    residence_id: Annotated[str, Field(max_length=200)] = ""


class LeaseFound(Shown):
    """A lease as the desk recognises it; contacts are masked. `ended` by the residence's calendar."""

    lease_id: str
    name: str
    room: str
    residence_id: str
    residence: str
    starts_on: date
    ends_on: date
    status: LeaseStatus
    ended: bool
    tenant_reference: str
    code_tail: str
    contact_on_record: bool
    email: str | None
    phone: str | None


class LeasesFound(Shown):
    """Leases under way first. With `more` there are others: say more, or choose a residence."""

    leases: list[LeaseFound]
    more: bool


class ContactChange(Shown):
    """A change of contacts that waits: until then, or until a colleague who made none of it approves it."""

    recovery_id: str
    channels: list[Channel]
    until: datetime
    changed_by: list[str]


class LeaseDetails(LeaseFound):
    """What the desk needs to help. `person_id` ties a member of staff's record to their own tenancy."""

    person_id: str
    language: SpokenLanguage
    contact_change: ContactChange | None


class AuditEntryShown(Shown):
    """Who did what, when; `source` is the caller's network, hashed, the same for the same network."""

    entry_id: str
    at: datetime
    action: Action
    actor_kind: ActorKind
    actor_id: str
    subject: str
    residence_id: str | None
    source: str
    details: dict[str, str | int]


class AuditEntries(Shown):
    """Newest first. Where there is more, give `next` as `after`."""

    entries: list[AuditEntryShown]
    next: str | None


settings = DeskPeopleSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity = Table(dynamodb, settings.identity_table)
audit = Audit(Table(dynamodb, settings.operations_table))
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
leases = LeaseSearch(people=People(identity, pepper), audit=audit, deeds=deeds, clock=utc_now)

CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
After = Annotated[str | None, Query(max_length=200)]

api = Api()


@api.post(
    "/v1/desk/lease-searches",
    summary="Find a tenant",
    errors=[Forbidden, NotFound, ChooseResidence],
    security="staff",
)
def search_leases(
    body: LeaseSearchRequest, staff: CurrentStaff, language: Language, network: Source
) -> LeasesFound:
    """By name, room, INE, e-mail, phone or reference, ended leases too; finding nobody is an empty list."""
    require(staff, *Role)
    asked = wanted(
        query=body.query,
        name=body.name,
        room=body.room,
        keys={
            "ine": body.ine,
            "email": body.email,
            "phone": body.phone,
            "tenant_reference": body.tenant_reference,
        },
        residence_id=body.residence_id or None,
        language=language,
    )
    found = leases.search(asked, staff, network)
    return LeasesFound(leases=[LeaseFound(**_shown(one)) for one in found.leases], more=found.more)


@api.get("/v1/desk/leases/<lease_id>", summary="One lease", errors=[Forbidden, NotFound], security="staff")
def lease_details(lease_id: Id, staff: CurrentStaff) -> LeaseDetails:
    """A lease of another residence looks like one that is not there."""
    require(staff, *Role)
    found = leases.one(lease_id, staff)
    return LeaseDetails(
        **_shown(found),
        person_id=found.person.person_id,
        language=found.person.language,
        contact_change=_waiting(found.person.hold, utc_now()),
    )


@api.get(
    "/v1/desk/leases/<lease_id>/audit",
    summary="Who did what to a lease",
    errors=[Forbidden, NotFound],
    security="staff",
)
def audit_of_lease(lease_id: Id, staff: CurrentStaff, network: Source, after: After = None) -> AuditEntries:
    """For administrators. Reading it is itself kept."""
    require(staff, Role.ADMINISTRATOR)
    lease = leases.one(lease_id, staff).lease
    page = audit.of(lease_id, after=_read_cursor(after))
    audit.record(
        deeds.entry(Action.AUDIT_READ, staff, network, lease_id=lease_id, residence_id=lease.residence_id)
    )
    return _page(page)


@api.get(
    "/v1/desk/audit",
    summary="Who did what, by residence or by member of staff",
    errors=[Forbidden, Invalid],
    security="staff",
)
def read_audit(
    staff: CurrentStaff,
    network: Source,
    language: Language,
    residence_id: Annotated[str | None, Query(max_length=200)] = None,
    month: Annotated[str | None, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] = None,
    staff_id: Annotated[str | None, Query(max_length=26)] = None,
    after: After = None,
) -> AuditEntries:
    """For administrators: a residence's month (UTC), or what a member of staff did to no single lease."""
    require(staff, Role.ADMINISTRATOR)
    cursor = _read_cursor(after)
    if residence_id and month and not staff_id:
        page = audit.of_residence(residence_id, month, after=cursor)
    elif staff_id and not (residence_id or month):
        page = audit.of(staff_id, after=cursor)
    else:
        raise Invalid(
            detail_fr="Donnez residence_id et month, ou staff_id seul.",
            detail_en="Give residence_id and month, or staff_id alone.",
        )
    audit.record(deeds.entry(Action.AUDIT_READ, staff, network, residence_id=residence_id))
    return _page(page)


def _waiting(hold: ContactHold | None, now: datetime) -> ContactChange | None:
    if hold is None or not hold.stands(now):
        return None
    return ContactChange(
        recovery_id=hold.recovery_id,
        channels=list(hold.held),
        until=hold.until,
        changed_by=list(hold.changed_by),
    )


def _shown(found: FoundLease) -> dict[str, object]:
    lease, person = found.lease, found.person
    return {
        "lease_id": lease.lease_id,
        "name": person.full_name,
        "room": lease.room,
        "residence_id": lease.residence_id,
        "residence": found.residence.name,
        "starts_on": lease.starts_on,
        "ends_on": lease.ends_on,
        "status": lease.status,
        "ended": found.ended,
        "tenant_reference": lease.tenant_reference,
        "code_tail": lease.code_tail,
        "contact_on_record": bool(person.email or person.phone),
        "email": masked_email(person.email) if person.email else None,
        "phone": masked_phone(person.phone) if person.phone else None,
    }


def _page(page: AuditPage) -> AuditEntries:
    entries = [_entry(entry) for entry in page.entries]
    return AuditEntries(entries=entries, next=_cursor(page.next) if page.next else None)


def _entry(entry: AuditEntry) -> AuditEntryShown:
    return AuditEntryShown(
        entry_id=entry.entry_id,
        at=entry.at,
        action=entry.action,
        actor_kind=entry.actor.kind,
        actor_id=entry.actor.id,
        subject=entry.subject,
        residence_id=entry.residence_id,
        source=entry.source,
        details=dict(entry.details),
    )


def _cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read_cursor(after: str | None) -> str | None:
    """The place that `next` stood for. Raises Invalid for what no answer gave."""
    if not after:
        return None
    try:
        place = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode()
    except (binascii.Error, ValueError):
        place = ""
    if not _PLACE.fullmatch(place):
        raise Invalid(errors=[{"field": "after", "reason": "next"}])
    return place


_PLACE = re.compile(r"[0-9T:.+-]+#[0-9a-z]{26}(/[0-9a-z]{26})?")

handler = api.handler
