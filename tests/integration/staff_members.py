"""Members of staff for tests: the claims of their tokens, and the record that says what they see."""

from typing import Any

from sesame.domain.scope import EVERYWHERE, Scope
from sesame.platform.ids import derived_id
from sesame.store.staff import StaffDirectory, StaffRecord


def enrol(aws: Any, sub: str, scope: Scope = EVERYWHERE, **of_record: Any) -> str:
    """Sets the record of who has this subject: their staff id."""
    staff_id = derived_id("staff", sub)
    directory = StaffDirectory(aws.identity)
    directory.table.write(directory.setting(StaffRecord(staff_id=staff_id, scope=scope, **of_record)))
    return staff_id


def as_staff(event: dict[str, Any], sub: str, *roles: str) -> dict[str, Any]:
    """The event with the claims of a verified token, as the gateway writes them."""
    claims = {"sub": sub, "cognito:groups": f"[{' '.join(roles)}]"}
    event["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}
    return event
