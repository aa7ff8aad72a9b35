"""The reception gives a lost tenant code back on presentation of an ID, and mends contacts."""

from datetime import datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from pydantic import Field

from sesame.domain.codes import CodeFormats
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, NotFound
from sesame.platform.http import Api, Id, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_recovery import (
    DeskRecoveries,
    DeskRequest,
    IdKind,
    NoSuchApproval,
    OwnChange,
)
from sesame.services.desk_slips import DeskSlips
from sesame.services.documents import CodeSlips, Downloads
from sesame.services.rotation import Rotations
from sesame.services.staff import Role, Staff, require, staff_dependency
from sesame.services.tenant_codes import CodeErased
from sesame.store.audit import Audit
from sesame.store.documents import Documents
from sesame.store.pacing import Pacing
from sesame.store.people import People
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table

HELPERS = (Role.DESK, Role.MANAGER, Role.ADMINISTRATOR)
"""Who may give a code back."""


class DeskRecoverySettings(Settings):
    """What this function is given."""

    identity_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str
    codes_key: str
    code_formats: str = ""
    imported_codes: str = ""


class IdShown(StrictModel):
    """The ID that was shown: its kind, and the last four letters or digits of its number. Never a copy."""

    kind: IdKind
    last_characters: Annotated[str, Field(min_length=1, max_length=10)]


class DeskRecoveryRequest(StrictModel):
    """What the desk saw; and the contacts to put right, where the tenant no longer has those on record."""

    id_document: IdShown
    email: Annotated[str, Field(max_length=254)] | None = None
    phone: Annotated[str, Field(max_length=30)] | None = None
    new_code: bool = False
    """Replaces the code: where somebody else may know it."""


class DeskRecoveryDone(Shown):
    """Print the slip: its link comes from `slip` once it is made. The code itself is on the slip only."""

    recovery_id: str
    slip_id: str
    slip: str
    contacts_usable_from: datetime | None
    """From when changed contacts can sign in, unless a second member of staff approves them."""


class Slip(Shown):
    """The slip: ask again in a second until its status is `ready`. After a day it is `expired`, its
    file gone: give the code back anew for another."""

    slip_id: str
    status: str
    download_url: str | None


settings = DeskRecoverySettings.from_env()
dynamodb = client("dynamodb")
identity = Table(dynamodb, settings.identity_table)
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
documents = Documents(Table(dynamodb, settings.documents_table))
slips = CodeSlips(documents)
people = People(identity, pepper)
audit = Audit(Table(dynamodb, settings.operations_table))
rotations = Rotations(
    people=people,
    audit=audit,
    pepper=pepper,
    kms=Later("kms"),
    codes_key=settings.codes_key,
    clock=utc_now,
    random=token_bytes,
    formats=CodeFormats.of(settings.code_formats, settings.imported_codes),
)
recoveries = DeskRecoveries(
    people=people,
    pacing=Pacing(identity),
    audit=audit,
    slips=slips,
    rotations=rotations,
    pepper=pepper,
    clock=utc_now,
    random=token_bytes,
)
desk_slips = DeskSlips(
    leases=DeskLeases(identity),
    slips=slips,
    downloads=Downloads(documents, Later("s3"), settings.bucket, utc_now),
    audit=audit,
    deeds=Deeds(pepper=pepper, clock=utc_now, random=token_bytes),
)

CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]

api = Api()


@api.post(
    "/v1/desk/leases/<lease_id>/code-recoveries",
    status=201,
    summary="Give a lost code back on presentation of an ID",
    errors=[Forbidden, NotFound, CodeErased],
    security="staff",
)
def recover(lease_id: Id, body: DeskRecoveryRequest, staff: CurrentStaff, source: Source) -> DeskRecoveryDone:
    """Ends every session and one-time code of the tenant, and tells every contact, old and new.

    The same request within five minutes is a second click: the same answer, and nothing twice.
    """
    require(staff, *HELPERS)
    request = DeskRequest(
        id_kind=body.id_document.kind,
        id_last_characters=body.id_document.last_characters,
        email=body.email,
        phone=body.phone,
        new_code=body.new_code,
    )
    done = recoveries.recover(staff, lease_id, request, source=source)
    return DeskRecoveryDone(
        recovery_id=done.recovery_id,
        slip_id=done.document_id,
        slip=f"/v1/desk/leases/{lease_id}/slips/{done.document_id}",
        contacts_usable_from=done.usable_from,
    )


class ContactApproval(StrictModel):
    """Which change is approved, as its recovery or the lease's details name it."""

    recovery_id: Annotated[str, Field(min_length=1, max_length=26)]


@api.post(
    "/v1/desk/leases/<lease_id>/contact-approvals",
    status=204,
    summary="Approve a colleague's change of contacts",
    errors=[Forbidden, NotFound, NoSuchApproval, OwnChange],
    security="staff",
)
def approve(lease_id: Id, body: ContactApproval, staff: CurrentStaff, source: Source) -> None:
    """A second pair of eyes: the changed contacts can sign in at once instead of after 24 hours."""
    require(staff, *HELPERS)
    recoveries.approve(staff, lease_id, body.recovery_id, source=source)


@api.get(
    "/v1/desk/leases/<lease_id>/slips/<slip_id>",
    summary="The slip to print",
    errors=[Forbidden, NotFound],
    security="staff",
)
def slip(lease_id: Id, slip_id: Id, staff: CurrentStaff, source: Source) -> Slip:
    """A link of five minutes, once the slip is made and for a day; each is in the audit."""
    require(staff, *HELPERS)
    found = desk_slips.show(staff, lease_id, slip_id, source=source)
    return Slip(slip_id=found.slip_id, status=found.status.value, download_url=found.url)


handler = api.handler
