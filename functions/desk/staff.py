"""Members of staff: who one is, and, for administrators, which residences each may see."""

from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from sesame.domain.scope import Scope
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid
from sesame.platform.http import Api, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.deeds import Deeds
from sesame.services.staff import Role, Staff, require, staff_dependency
from sesame.services.staff_records import StaffRecords
from sesame.store.audit import Action, Audit
from sesame.store.people import People
from sesame.store.staff import StaffDirectory, StaffRecord
from sesame.store.table import Table

MAX_RESIDENCES = 200
"""Residences of one record; who looks after more sees all of them."""


class DeskStaffSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    pepper_secret: str


class StaffSettings(StrictModel):
    """What a member of staff may see: all residences or some. `person_id` where they are a tenant as well."""

    all_residences: bool = False
    residence_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]],
        Field(max_length=MAX_RESIDENCES, default_factory=list),
    ]
    active: bool = True
    person_id: Annotated[str, Field(pattern=r"^[0-9a-z]{26}$")] | None = None


class StaffShown(Shown):
    """A member of staff's record. Their roles are the identity provider's."""

    staff_id: str
    all_residences: bool
    residence_ids: list[str]
    active: bool
    person_id: str | None


class StaffList(Shown):
    """By id. Where there is more, give `next` as `after`."""

    staff: list[StaffShown]
    next: str | None


class StaffMe(Shown):
    """Who the caller is here: the id that an administrator needs to set what they see."""

    staff_id: str
    roles: list[Role]
    all_residences: bool
    residence_ids: list[str]


settings = DeskStaffSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity = Table(dynamodb, settings.identity_table)
directory = StaffDirectory(identity)
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
records = StaffRecords(
    directory=directory,
    people=People(identity, pepper),
    audit=Audit(Table(dynamodb, settings.operations_table)),
)

StaffId = Annotated[str, Path(pattern=r"^[0-9a-z]{26}$")]
CurrentStaff = Annotated[Staff, Depends(staff_dependency(directory))]

api = Api()


@api.get("/v1/desk/me", summary="Who the caller is at the desk", security="staff")
def staff_me(staff: CurrentStaff) -> StaffMe:
    """For anyone with a staff token, also without a role or a record yet."""
    return StaffMe(
        staff_id=staff.staff_id,
        roles=sorted(staff.groups),
        all_residences=staff.scope.everywhere,
        residence_ids=sorted(staff.scope.residence_ids),
    )


@api.get("/v1/desk/staff", summary="The staff records", errors=[Forbidden, Invalid], security="staff")
def list_staff(staff: CurrentStaff, after: Annotated[str | None, Query(max_length=26)] = None) -> StaffList:
    """For administrators. Who has no record yet is not in it."""
    require(staff, Role.ADMINISTRATOR)
    page = directory.page(after)
    return StaffList(staff=[_shown(record) for record in page.records], next=page.next)


@api.put(
    "/v1/desk/staff/<staff_id>",
    summary="Set which residences a member of staff sees",
    errors=[Forbidden],
    security="staff",
)
def set_staff(staff_id: StaffId, body: StaffSettings, staff: CurrentStaff, network: Source) -> StaffShown:
    """For administrators. Holds from that member's next request on."""
    require(staff, Role.ADMINISTRATOR)
    record = StaffRecord(
        staff_id=staff_id,
        scope=Scope(everywhere=body.all_residences, residence_ids=frozenset(body.residence_ids)),
        active=body.active,
        person_id=body.person_id,
    )
    entry = deeds.entry(
        Action.STAFF_SET,
        staff,
        network,
        staff_id_set=staff_id,
        residence_ids=" ".join(sorted(record.scope.residence_ids)),
        person_id=record.person_id or "",
        all_residences=int(body.all_residences),
        active=int(body.active),
    )
    records.set(record, entry)
    return _shown(record)


def _shown(record: StaffRecord) -> StaffShown:
    return StaffShown(
        staff_id=record.staff_id,
        all_residences=record.scope.everywhere,
        residence_ids=sorted(record.scope.residence_ids),
        active=record.active,
        person_id=record.person_id,
    )


handler = api.handler
