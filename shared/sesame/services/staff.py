"""Who the member of staff behind a request is, and what they may see and do.

The JWT that the gateway has verified says who and in which roles; the staff record says for which residences.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from aws_lambda_powertools.event_handler import Request

from sesame.domain.scope import EVERYWHERE, NOWHERE, Scope
from sesame.platform.errors import Forbidden, NotFound, Unauthenticated
from sesame.platform.ids import derived_id
from sesame.store.staff import StaffDirectory, StaffRecord


class Role(StrEnum):
    """The staff groups that mean something here; other groups of the same directory are ignored."""

    DESK = "desk"
    MANAGER = "manager"
    ACCOUNTANT = "accountant"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A member of staff, their roles, and the residences that they see.

    `staff_id` is derived from their token's subject, which may be an e-mail address and is never kept.
    """

    staff_id: str
    groups: frozenset[Role]
    scope: Scope = NOWHERE
    person_id: str | None = None
    """Who they are as a tenant, where they are one."""

    def has(self, *roles: Role) -> bool:
        """Whether they hold at least one of the roles."""
        return not self.groups.isdisjoint(roles)

    def sees(self, residence_id: str) -> bool:
        """Whether a residence, and what is in it, is theirs to see."""
        return self.scope.includes(residence_id)


def staff_of(claims: Mapping[str, object]) -> Staff:
    """The member of staff that JWT claims name, seeing nothing yet. Raises Unauthenticated without a subject.

    API Gateway hands every claim over as a string, lists as `[desk manager]`.
    """
    sub = str(claims.get("sub") or "")
    if not sub:
        raise Unauthenticated
    names = re.findall(r"[^\s,\[\]\"']+", str(claims.get("cognito:groups") or ""))
    return Staff(
        staff_id=derived_id("staff", sub),
        groups=frozenset(Role(name) for name in names if name in set(Role)),
    )


def with_record(staff: Staff, directory: StaffDirectory) -> Staff:
    """The member of staff with what their record adds: one read.

    Without a record they see no residence, unless they are administrators, who see all; with one that is not
    active they hold no role either.
    """
    return as_recorded(staff, directory.get(staff.staff_id))


def as_recorded(staff: Staff, record: StaffRecord | None) -> Staff:
    """The member of staff with what a record, read along with other items, adds."""
    if record is not None and not record.active:
        return replace(staff, groups=frozenset())
    person_id = record.person_id if record else None
    if staff.has(Role.ADMINISTRATOR):
        return replace(staff, scope=EVERYWHERE, person_id=person_id)
    return replace(staff, scope=record.scope if record else NOWHERE, person_id=person_id)


def staff_dependency(directory: StaffDirectory) -> Callable[[Request], Staff]:
    """Finds the member of staff for a route: `Annotated[Staff, Depends(staff_dependency(directory))]`."""

    def current_staff(request: Request) -> Staff:
        return with_record(named_staff(request), directory)

    return current_staff


def named_staff(request: Request) -> Staff:
    """The member of staff that a request's token names, seeing nothing yet: for a service that reads the
    record along with what it needs."""
    context = request.resolved_event.get("requestContext") or {}
    claims = ((context.get("authorizer") or {}).get("jwt") or {}).get("claims") or {}
    return staff_of(claims)


def require(staff: Staff, *roles: Role) -> None:
    """Raises Forbidden unless the member of staff holds one of the roles."""
    if not staff.has(*roles):
        wanted = ", ".join(roles)
        raise Forbidden(
            detail_fr=f"Il faut l'un de ces rôles : {wanted}.",
            detail_en=f"One of these roles is needed: {wanted}.",
        )


def within(staff: Staff, residence_id: str) -> None:
    """Raises NotFound for a residence that is not theirs: what is in it looks like what is not there."""
    if not staff.sees(residence_id):
        raise NotFound


def not_own(staff: Staff, person_id: str) -> None:
    """Raises Forbidden where the tenant is the member of staff: nobody acts on their own lease."""
    if staff.person_id == person_id:
        raise Forbidden(
            detail_fr="Ce dossier est le vôtre : un collègue doit s'en charger.",
            detail_en="This file is your own: a colleague has to see to it.",
        )
