"""Who the member of staff behind a request is, from the JWT that the gateway has already verified."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Request

from sesame.platform.errors import Forbidden, Unauthenticated


class Role(StrEnum):
    """The staff groups that mean something here; other groups of the same directory are ignored."""

    DESK = "desk"
    MANAGER = "manager"
    ACCOUNTANT = "accountant"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A member of staff: the subject of their token, and their roles."""

    sub: str
    groups: frozenset[Role]

    def has(self, *roles: Role) -> bool:
        """Whether they hold at least one of the roles."""
        return not self.groups.isdisjoint(roles)


def staff_of(claims: Mapping[str, object]) -> Staff:
    """The member of staff that JWT claims name. Raises Unauthenticated without a subject.

    API Gateway hands every claim over as a string, lists as `[desk manager]`.
    """
    sub = str(claims.get("sub") or "")
    if not sub:
        raise Unauthenticated
    names = re.findall(r"[^\s,\[\]\"']+", str(claims.get("cognito:groups") or ""))
    return Staff(sub=sub, groups=frozenset(Role(name) for name in names if name in set(Role)))


def require(staff: Staff, *roles: Role) -> None:
    """Raises Forbidden unless the member of staff holds one of the roles."""
    if not staff.has(*roles):
        wanted = ", ".join(roles)
        raise Forbidden(
            detail_fr=f"Il faut l'un de ces rôles : {wanted}.",
            detail_en=f"One of these roles is needed: {wanted}.",
        )


def _current_staff(request: Request) -> Staff:
    context = request.resolved_event.get("requestContext") or {}
    claims = ((context.get("authorizer") or {}).get("jwt") or {}).get("claims") or {}
    return staff_of(claims)


CurrentStaff = Annotated[Staff, Depends(_current_staff)]
"""The member of staff behind a request; the route's authorizer has checked the token."""
