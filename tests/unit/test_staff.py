"""Who the member of staff is, and what they may do."""

import pytest

from sesame.platform.errors import Forbidden, Unauthenticated
from sesame.services.staff import Role, Staff, require, staff_of


@pytest.mark.parametrize(
    ("claim", "roles"),
    [
        ("[desk]", {Role.DESK}),
        ("[desk manager]", {Role.DESK, Role.MANAGER}),
        ("[desk, manager]", {Role.DESK, Role.MANAGER}),
        (["administrator"], {Role.ADMINISTRATOR}),
        ("[eu-west-3_abc_Google visitors]", set()),
        ("[desktop]", set()),
        ("", set()),
        (None, set()),
    ],
)
def test_roles_are_read_as_the_gateway_writes_them(claim: object, roles: set[Role]) -> None:
    assert staff_of({"sub": "a1", "cognito:groups": claim}).groups == roles


def test_a_token_without_a_subject_is_nobody() -> None:
    with pytest.raises(Unauthenticated):
        staff_of({"cognito:groups": "[desk]"})


def test_one_of_the_roles_is_enough() -> None:
    staff = Staff(staff_id="a1", groups=frozenset({Role.DESK}))

    require(staff, Role.MANAGER, Role.DESK)
    with pytest.raises(Forbidden):
        require(staff, Role.MANAGER)
