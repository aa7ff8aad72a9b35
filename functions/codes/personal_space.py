"""The tenant code in the student's personal space: whoever the students' identity provider has signed in."""

from datetime import date
from secrets import token_bytes

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.http import Api, Shown, Source
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.personal_space import (
    CurrentStudent,
    EmailOnHold,
    NoTenancy,
    PersonalSpace,
    SharedEmail,
    UnverifiedEmail,
)
from sesame.services.tenant_codes import Decipher
from sesame.store.audit import Audit
from sesame.store.people import People
from sesame.store.table import Table


class PersonalSpaceSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    pepper_secret: str
    codes_key: str


class CodeInPersonalSpace(Shown):
    """The tenant code of one lease."""

    tenant_code: str
    room: str
    starts_on: date
    ends_on: date


class CodesOfResidence(Shown):
    """A residence, and the codes of the student's leases there, newest lease first."""

    residence: str
    leases: list[CodeInPersonalSpace]


class PersonalSpaceCodes(Shown):
    """The code of the newest lease, and those of all leases, by residence."""

    tenant_code: str
    residences: list[CodesOfResidence]


settings = PersonalSpaceSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
personal_space = PersonalSpace(
    people=People(Table(dynamodb, settings.identity_table), pepper),
    audit=Audit(Table(dynamodb, settings.operations_table)),
    pepper=pepper,
    decipher=Decipher(client("kms"), settings.codes_key),
    clock=utc_now,
    random=token_bytes,
)

api = Api()


@api.get(
    "/v1/personal-space/tenant-code",
    summary="The tenant code, by the login of the personal space",
    errors=[UnverifiedEmail, EmailOnHold, NoTenancy, SharedEmail],
    security="student",
)
def show_code(student: CurrentStudent, source: Source) -> PersonalSpaceCodes:
    """Found by the token's `ine`, or its `email` if that is verified; every contact on record is told."""
    shown = personal_space.codes(student, source)
    by_residence: dict[str, CodesOfResidence] = {}
    for found in shown:
        group = by_residence.setdefault(
            found.lease.residence_id, CodesOfResidence(residence=found.residence.name, leases=[])
        )
        group.leases.append(
            CodeInPersonalSpace(
                tenant_code=found.tenant_code,
                room=found.lease.room,
                starts_on=found.lease.starts_on,
                ends_on=found.lease.ends_on,
            )
        )
    return PersonalSpaceCodes(tenant_code=shown[0].tenant_code, residences=list(by_residence.values()))


handler = api.handler
