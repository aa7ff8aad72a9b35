"""Who the member of staff is, and what they may do."""

import pytest

from sesame.domain.scope import EVERYWHERE, NOWHERE, Scope
from sesame.platform.errors import Forbidden, NotFound, Unauthenticated
from sesame.services.staff import Role, Staff, not_own, require, staff_of, within


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


def test_a_subject_that_is_an_e_mail_address_is_not_kept() -> None:
    staff = staff_of({"sub": "helene@residences.example"})

    assert "helene" not in repr(staff)
    assert staff.staff_id == staff_of({"sub": "helene@residences.example"}).staff_id


def test_another_residences_things_look_like_things_that_are_not_there() -> None:
    staff = Staff(
        staff_id="a1", groups=frozenset({Role.DESK}), scope=Scope(residence_ids=frozenset({"here"}))
    )

    within(staff, "here")
    with pytest.raises(NotFound):
        within(staff, "elsewhere")


def test_nobody_sees_a_residence_unless_it_is_said_and_everywhere_is_said_apart() -> None:
    assert not NOWHERE.includes("here")
    assert EVERYWHERE.includes("here")
    assert not Staff(staff_id="a1", groups=frozenset({Role.MANAGER})).sees("here")


def test_nobody_acts_on_their_own_lease() -> None:
    tenant_too = Staff(staff_id="a1", groups=frozenset({Role.DESK}), scope=EVERYWHERE, person_id="p1")

    not_own(tenant_too, "p2")
    not_own(Staff(staff_id="a2", groups=frozenset({Role.DESK})), "p1")
    with pytest.raises(Forbidden):
        not_own(tenant_too, "p1")
