"""A tenant's new code, and sessions seen and ended, as API Gateway calls them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain import codes
from sesame.domain.codes import CodeFormats
from sesame.platform.ids import new_id
from sesame.platform.secrets import Pepper, Secrets
from sesame.services.rotation import Rotations
from sesame.services.sessions import OwnSessions, Session, SessionCheck
from sesame.services.tenant_codes import Decipher
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.erasures import Erasures
from sesame.store.people import People
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.table import ConditionFailed, transact
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.entries import http_event
from tests.integration.tenants import Tenant, admit
from tests.integration.test_access_http import Caller

SOURCE = "203.0.113.7"


@pytest.fixture
def caller(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(aws, monkeypatch)


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws)


def signed_in(aws: Any, tenant: Tenant, clock: Any, *, device: str = "") -> tuple[str, Session]:
    """A session of a tenant, opened without the messages that lead to one."""
    token = new_token(tenant.person.person_id, tenant.lease.lease_id, token_bytes)
    stored = StoredSession(
        session_id=token.session_id,
        person_id=token.person_id,
        lease_id=token.lease_id,
        epoch=1,
        created_at=clock(),
        last_seen_at=clock(),
        ends_at=clock() + timedelta(hours=8),
        device=device,
    )
    aws.identity.write(Sessions(aws.identity).opening(stored))
    return str(token), SessionCheck(Sessions(aws.identity), clock)(str(token))


def rotations(aws: Any, clock: Any, **more: Any) -> Rotations:
    chosen: dict[str, Any] = {"pepper": aws.pepper, "random": token_bytes} | more
    return Rotations(
        people=People(aws.identity, chosen["pepper"]),
        audit=Audit(aws.operations),
        kms=aws.kms,
        codes_key=aws.codes_key,
        clock=clock,
        **chosen,
    )


def ask(caller: Caller, method: str, path: str, token: str) -> tuple[int, Any]:
    answer = caller.credentials.handler(http_event(method, path, authorization=f"Bearer {token}"), None)
    return answer["statusCode"], json.loads(answer["body"] or "null")


def test_a_new_code_opens_and_the_old_one_is_unknown(caller: Caller, aws: Any, tenant: Tenant) -> None:
    token = caller.token(tenant)

    status, shown = ask(caller, "POST", "/v1/me/tenant-code/rotation", token)

    people = People(aws.identity, aws.pepper)
    lease = people.lease_by_code(codes.STANDARD.read(shown["tenant_code"]))
    assert status == 200
    assert lease is not None
    assert lease.lease_id == tenant.lease.lease_id
    assert lease.code_tail == shown["tenant_code"][-2:]
    assert lease.version == tenant.lease.version + 1
    assert Decipher(aws.kms, aws.codes_key)(lease) == shown["tenant_code"]
    assert people.lease_by_code(tenant.code) is None
    assert people.admitted([lease.reference])[lease.reference].code_tail == lease.code_tail
    assert caller.ask("GET", "/v1/me", of=caller.tenancy, authorization=f"Bearer {token}")[0] == 200
    assert caller.token(Tenant(person=tenant.person, lease=lease, code=shown["tenant_code"].replace("-", "")))


def test_a_rotation_is_told_to_the_tenant_and_in_the_audit(
    aws: Any, clock: FrozenClock, tenant: Tenant
) -> None:
    _, session = signed_in(aws, tenant, clock)

    rotations(aws, clock).by_tenant(session, SOURCE)

    told = aws.identity.get(keys.lease(tenant.lease.lease_id))["announce"]
    [entry] = Audit(aws.operations).of(tenant.lease.lease_id).entries
    assert (told["type"], told["lease_id"], told["person_id"]) == (
        "code.rotated",
        tenant.lease.lease_id,
        tenant.person.person_id,
    )
    assert (entry.action, entry.actor.id) == (Action.CODE_ROTATED, tenant.person.person_id)
    assert SOURCE not in entry.source
    assert entry.source


def test_a_second_click_shows_the_same_code_and_a_later_one_another(
    aws: Any, clock: FrozenClock, tenant: Tenant
) -> None:
    token, session = signed_in(aws, tenant, clock)
    service, check = rotations(aws, clock), SessionCheck(Sessions(aws.identity), clock)
    first = service.by_tenant(session, SOURCE)
    clock.advance(timedelta(seconds=29))
    second = service.by_tenant(check(token), SOURCE)
    clock.advance(timedelta(seconds=1))
    third = service.by_tenant(check(token), SOURCE)

    assert first == second
    assert third != first


def test_a_code_that_is_taken_is_drawn_again(aws: Any, clock: FrozenClock, tenant: Tenant) -> None:
    neighbour = admit(aws, email="voisin@example.org", ine="861583842CH")
    number = sum(codes.ALPHABET.index(symbol) << 5 * place for place, symbol in enumerate(neighbour.code[:7]))
    draws: Iterator[bytes] = iter([number.to_bytes(5), (number ^ 1).to_bytes(5)])
    _, session = signed_in(aws, tenant, clock)

    code = rotations(
        aws, clock, random=lambda size: next(draws) if size == 5 else token_bytes(size)
    ).by_tenant(session, SOURCE)

    people = People(aws.identity, aws.pepper)
    assert codes.STANDARD.read(code) != neighbour.code
    found = people.lease_by_code(neighbour.code)
    assert found is not None
    assert found.lease_id == neighbour.lease.lease_id


def test_the_old_code_is_gone_under_every_pepper(aws: Any, clock: FrozenClock, tenant: Tenant) -> None:
    _, session = signed_in(aws, tenant, clock)
    rotated = json.dumps({"current": "2", "1": "p" * 64, "2": "q" * 64})
    aws.secrets.put_secret_value(SecretId=aws.pepper_secret, SecretString=rotated)
    pepper = Pepper(Secrets(aws.secrets), aws.pepper_secret)

    code = rotations(aws, clock, pepper=pepper).by_tenant(session, SOURCE)

    people = People(aws.identity, pepper)
    assert people.lease_by_code(tenant.code) is None
    assert people.lease_by_code(codes.STANDARD.read(code)) is not None


def test_a_new_code_has_the_form_that_the_operator_chose(
    aws: Any, clock: FrozenClock, tenant: Tenant
) -> None:
    _, session = signed_in(aws, tenant, clock)
    formats = CodeFormats.of('[{"length": 12, "alphabet": "0123456789", "prefix": "TIL-", "group": 4}, {}]')

    code = rotations(aws, clock, formats=formats).by_tenant(session, SOURCE)

    lease = People(aws.identity, aws.pepper).lease_by_code(formats.read(code.lower()))
    assert code.startswith("TIL-")
    assert lease is not None
    assert Decipher(aws.kms, aws.codes_key)(lease) == code


def test_the_writes_of_a_rotation_fail_on_a_lease_that_has_changed(
    aws: Any, clock: FrozenClock, tenant: Tenant
) -> None:
    service = rotations(aws, clock)
    first, second = service.writes(tenant.lease, clock()), service.writes(tenant.lease, clock(), tells=False)
    transact(aws.dynamodb, first.writes)

    with pytest.raises(ConditionFailed):
        transact(aws.dynamodb, second.writes)
    assert People(aws.identity, aws.pepper).lease(tenant.lease.lease_id) == first.lease


def test_sessions_are_listed_with_their_device_and_the_current_one_marked(
    caller: Caller, aws: Any, tenant: Tenant
) -> None:
    now = caller.credentials.own.clock
    phone, _ = signed_in(aws, tenant, now, device="Firefox, Android")
    laptop, session = signed_in(aws, tenant, now, device="Safari, Mac")
    signed_in(aws, tenant, lambda: now() - timedelta(hours=9))

    status, listed = ask(caller, "GET", "/v1/me/sessions", laptop)

    assert status == 200
    assert {(one["device"], one["current"]) for one in listed["sessions"]} == {
        ("Firefox, Android", False),
        ("Safari, Mac", True),
    }
    assert session.stored.session_id not in json.dumps(listed)
    assert phone not in json.dumps(listed)


def test_one_session_is_ended_from_the_next_request_on_and_the_others_stay(
    caller: Caller, aws: Any, tenant: Tenant
) -> None:
    now = caller.credentials.own.clock
    lost, session = signed_in(aws, tenant, now)
    kept, _ = signed_in(aws, tenant, now)

    ended = ask(caller, "DELETE", f"/v1/me/sessions/{session.stored.shown_id}", kept)
    again = ask(caller, "DELETE", f"/v1/me/sessions/{session.stored.shown_id}", kept)

    assert (ended[0], again[0]) == (204, 404)
    assert ask(caller, "GET", "/v1/me/sessions", lost)[0] == 401
    assert ask(caller, "GET", "/v1/me/sessions", kept)[0] == 200
    [entry] = Audit(aws.operations).of(tenant.lease.lease_id).entries
    assert entry.action is Action.SESSION_ENDED


def test_somebody_elses_session_is_not_found(caller: Caller, aws: Any, tenant: Tenant) -> None:
    neighbour = admit(aws, email="voisin@example.org", ine="861583842CH")
    now = caller.credentials.own.clock
    mine, _ = signed_in(aws, tenant, now)
    theirs, session = signed_in(aws, neighbour, now)

    for shown_id in (session.stored.shown_id, session.stored.session_id, new_id(), "x"):
        assert ask(caller, "DELETE", f"/v1/me/sessions/{shown_id}", mine)[0] == 404
    assert ask(caller, "GET", "/v1/me/sessions", theirs)[0] == 200


def test_all_sessions_end_at_once_with_the_one_that_asks(caller: Caller, aws: Any, tenant: Tenant) -> None:
    now = caller.credentials.own.clock
    phone, _ = signed_in(aws, tenant, now)
    laptop, _ = signed_in(aws, tenant, now)

    with count_calls(*caller.clients) as calls:
        ended = ask(caller, "DELETE", "/v1/me/sessions", laptop)

    assert ended[0] == 204
    assert [name for name in calls if name != "GetSecretValue"] == ["BatchGetItem", "TransactWriteItems"]
    for token in (phone, laptop):
        assert ask(caller, "GET", "/v1/me/sessions", token)[0] == 401
    person = People(aws.identity, aws.pepper).person(tenant.person.person_id)
    assert person is not None
    assert person.credential_epoch == 2
    [entry] = Audit(aws.operations).of(tenant.lease.lease_id).entries
    assert entry.action is Action.SESSIONS_ENDED


def test_ends_that_meet_do_not_fail(aws: Any, clock: FrozenClock, tenant: Tenant) -> None:
    _, session = signed_in(aws, tenant, clock)
    own = OwnSessions(
        sessions=Sessions(aws.identity),
        erasures=Erasures(aws.identity, aws.operations),
        audit=Audit(aws.operations),
        pepper=aws.pepper,
        clock=clock,
        random=token_bytes,
    )

    own.end_all(session, SOURCE)
    own.end_all(replace(session, person=session.person), SOURCE)
    own.sign_out(session, SOURCE)
    own.sign_out(session, SOURCE)

    person = People(aws.identity, aws.pepper).person(tenant.person.person_id)
    assert person is not None
    assert person.credential_epoch == 2


def test_the_calls_of_a_rotation_and_of_sessions_stay_within_their_budgets(
    caller: Caller, aws: Any, tenant: Tenant
) -> None:
    token, _ = signed_in(aws, tenant, caller.credentials.own.clock)
    caller.credentials.pepper.hash("warm", "up")

    with count_calls(*caller.clients) as rotation:
        ask(caller, "POST", "/v1/me/tenant-code/rotation", token)
    with count_calls(*caller.clients) as listing:
        ask(caller, "GET", "/v1/me/sessions", token)
    with count_calls(*caller.clients) as signing_out:
        ask(caller, "DELETE", "/v1/me/sessions/current", token)

    assert rotation == ["BatchGetItem", "Encrypt", "TransactWriteItems"]
    assert listing == ["BatchGetItem", "Query"]
    assert signing_out == ["BatchGetItem", "TransactWriteItems"]
