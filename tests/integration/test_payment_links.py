"""Payment links: somebody else pays, learns as little as can be, and never more than the link lets them."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from secrets import token_bytes
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

import pytest

from sesame.platform import aws as platform_aws
from sesame.platform.errors import NotFound
from sesame.providers.base import Checkout, CheckoutOrder, Credentials
from sesame.services.idempotency import KeyReused
from sesame.services.payment_links import (
    MOST_LINKS,
    MOST_TRIES,
    SAME_PAGE_FOR,
    LinkedPayments,
    LinkState,
    LinkTokens,
    PaymentLinkEnded,
    PaymentLinks,
    PaymentLinkUsedUp,
    TooManyPaymentLinks,
    UnknownPaymentLink,
)
from sesame.services.payments import NothingToPay, Order, Started, StillInFlight, WrongAmount
from sesame.services.sessions import Session
from sesame.store.audit import Audit
from sesame.store.sessions import StoredSession
from tests.conftest import FrozenClock
from tests.integration.entries import http_event, load, prepare
from tests.integration.tenants import Tenant, admit
from tests.integration.test_payments import SECRET, House
from tests.integration.test_payments_http import Functions

SOMEWHERE = "192.0.2.7"


class Family(House):
    """A house whose tenant passes links on."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        self.audit = Audit(aws.operations)
        tokens = LinkTokens(aws.pepper)
        self.links = PaymentLinks(
            money=aws.money, audit=self.audit, tokens=tokens, clock=clock, random=token_bytes
        )
        self.linked = LinkedPayments(
            money=aws.money, identity=aws.identity, tokens=tokens, checkouts=self.checkouts, clock=clock
        )
        self.bill("2026-09")
        clock.advance(timedelta(minutes=1))

    def session(self, tenant: Tenant | None = None) -> Session:
        who, now = tenant or self.tenant, self.clock.now
        stored = StoredSession(
            session_id="s",
            person_id=who.person.person_id,
            lease_id=who.lease.lease_id,
            epoch=1,
            created_at=now,
            last_seen_at=now,
            ends_at=now,
        )
        return Session(stored=stored, person=who.person, lease=who.lease)

    def link(self, cents: int = 45_000, days: int = 14) -> str:
        return self.links.create(self.session(), cents, days, source=SOMEWHERE)[1]

    def pay(self, token: str, cents: int | None = None, key: str = "k1") -> Started:
        return self.linked.pay(token, Order(amount_cents=cents), key=key, language="fr")

    def settle(self, payment_id: str, cents: int, kind: str = "payment.settled") -> None:
        self.clock.advance(timedelta(seconds=1))
        self.hear(self.message(payment_id, kind, event=f"{payment_id}-{kind.replace('.', '-')}", cents=cents))

    @property
    def only(self) -> Any:
        [listed] = self.links.of_lease(self.lease.lease_id)
        return listed


@pytest.fixture
def family(aws: Any, clock: FrozenClock) -> Family:
    """One tenant who owes 450 euros."""
    return Family(aws, clock)


@pytest.mark.parametrize(
    ("language", "debit", "own_space"),
    [("fr", "quelques jours ouvrés", "votre espace"), ("en", "a few working days", "your space")],
)
def test_who_comes_back_from_paying_is_told_what_is_so_for_them(
    aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, language: str, debit: str, own_space: str
) -> None:
    prepare(aws, monkeypatch)
    family = Family(aws, clock)
    family.checkout(10_000, key="own")
    family.pay(family.link(), 20_000)
    tenant, parent = (urlsplit(order.return_url) for order in family.sandbox.orders)
    portal = load("portal/pages")

    def text(url: SplitResult) -> str:
        event = http_event("GET", url.path, accept_language=language)
        event["rawQueryString"], event["queryStringParameters"] = url.query, dict(parse_qsl(url.query))
        answer = portal.handler(event, None)
        assert answer["statusCode"] == HTTPStatus.OK
        return str(answer["body"])

    assert debit in text(tenant)
    assert debit in text(parent)
    assert own_space in text(tenant)
    assert own_space not in text(parent)


def test_a_key_answered_with_the_page_that_waits_stands_for_that_request(family: Family) -> None:
    token = family.link()
    first = family.pay(token, 10_000, key="ka")

    assert family.pay(token, 10_000, key="kb") == first
    with pytest.raises(KeyReused):
        family.pay(token, 20_000, key="kb")
    assert family.only.link.tries.keys() == {first.payment_id}

    family.settle(first.payment_id, 10_000)
    assert family.pay(token, 10_000, key="kb") == first


def test_a_link_shows_given_names_reference_and_amount_and_pays(family: Family) -> None:
    token = family.link()

    shown = family.linked.look(token)
    started = family.pay(token)
    family.settle(started.payment_id, 45_000)

    assert (shown.given_names, shown.tenant_reference, shown.payable_cents) == (
        family.tenant.person.given_names,
        family.lease.tenant_reference,
        45_000,
    )
    assert started.amount_cents == 45_000
    assert family.balance == 0
    assert family.linked.look(token).payable_cents == 0
    assert (family.only.state, family.only.paid_cents) == (LinkState.USED_UP, 45_000)


def test_a_token_is_kept_nowhere(family: Family) -> None:
    token = family.link()
    family.pay(token)

    tables = (family.aws.money, family.aws.identity, family.aws.operations)
    kept = [family.aws.dynamodb.scan(TableName=table.name)["Items"] for table in tables]

    assert token not in str(kept)
    assert token[-22:] not in str(kept)
    assert all(token not in order.return_url for order in family.sandbox.orders)


def test_a_link_pays_no_more_than_its_cap_and_no_more_than_is_owed(family: Family) -> None:
    small, large = family.link(20_000), family.link(90_000)

    assert family.linked.look(small).payable_cents == 20_000
    assert family.linked.look(large).payable_cents == 45_000
    with pytest.raises(WrongAmount):
        family.pay(small, 20_001)
    with pytest.raises(WrongAmount):
        family.pay(large, 45_001)


def test_what_is_paid_and_what_is_under_way_count_against_the_cap(family: Family) -> None:
    token = family.link(30_000)
    family.settle(family.pay(token, 10_000, "k1").payment_id, 10_000)
    family.settle(family.pay(token, 15_000, "k2").payment_id, 0, "payment.pending")

    assert family.linked.look(token).payable_cents == 5_000
    with pytest.raises(WrongAmount):
        family.pay(token, 5_001, "k3")
    family.pay(token, 5_000, "k3")
    assert (family.only.paid_cents, family.only.under_way_cents) == (10_000, 15_000)


def test_all_of_it_being_paid_there_is_nothing_more_to_pay(family: Family) -> None:
    token = family.link(30_000)
    family.settle(family.pay(token).payment_id, 0, "payment.pending")

    assert family.linked.look(token).payable_cents == 0
    with pytest.raises(PaymentLinkUsedUp):
        family.pay(token, 30_000, "k2")


def test_a_try_that_was_left_or_refused_blocks_no_other(family: Family) -> None:
    token = family.link()
    left = family.pay(token, key="k1")
    other = family.pay(token, 40_000, key="k2")
    family.settle(other.payment_id, 0, "payment.failed")
    family.clock.advance(SAME_PAGE_FOR)

    again = family.pay(token, key="k3")

    assert len({left.payment_id, other.payment_id, again.payment_id}) == 3


def test_the_same_amount_again_soon_is_the_same_page_so_that_it_is_paid_once(family: Family) -> None:
    token = family.link()

    first, second = family.pay(token, key="k1"), family.pay(token, key="k2")

    assert first == second
    assert len(family.sandbox.orders) == 1


def test_a_key_stands_for_one_request_and_is_the_links_own(family: Family) -> None:
    token = family.link()
    mine = family.checkout(45_000, key="k1")
    first = family.pay(token, 10_000, key="k1")

    assert family.pay(token, 10_000, key="k1") == first
    assert mine.payment_id != first.payment_id
    with pytest.raises(KeyReused):
        family.pay(token, 11_000, key="k1")


def test_two_payers_at_one_moment_do_not_both_count_as_the_first(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = family.link(45_000)
    read = family.linked._open

    def slowly(given: str) -> Any:
        opened = read(given)
        monkeypatch.setattr(LinkedPayments, "_open", lambda _, one: read(one))
        family.pay(token, 30_000, key="other")
        return opened

    monkeypatch.setattr(LinkedPayments, "_open", lambda _, one: slowly(one))

    with pytest.raises(StillInFlight):
        family.pay(token, 40_000, key="k1")
    assert family.pay(token, 40_000, key="k1").amount_cents == 40_000


def test_more_than_the_cap_in_the_end_is_credit_and_ends_the_link(family: Family) -> None:
    token = family.link()
    first, second = family.pay(token, 45_000, "k1"), family.pay(token, 40_000, "k2")
    family.settle(first.payment_id, 45_000)
    family.settle(second.payment_id, 40_000)

    assert family.balance == -40_000
    assert family.only.state is LinkState.USED_UP


def test_money_given_back_may_be_paid_again(family: Family) -> None:
    token = family.link()
    first = family.pay(token).payment_id
    family.settle(first, 45_000)
    family.settle(first, 45_000, "payment.refunded")

    assert family.linked.look(token).payable_cents == 45_000


def test_the_tries_of_a_link_are_bounded(family: Family) -> None:
    token = family.link()
    for number in range(MOST_TRIES):
        family.pay(token, 1_000 + number, key=f"k{number}")

    with pytest.raises(PaymentLinkUsedUp):
        family.pay(token, 5_000, key="more")


def test_nothing_owed_is_said_plainly(family: Family) -> None:
    token = family.link()
    family.settle(family.checkout(45_000).payment_id, 45_000)

    assert family.linked.look(token).payable_cents == 0
    with pytest.raises(NothingToPay):
        family.pay(token, 1_000)


def test_a_link_ends_when_its_days_are_over(family: Family) -> None:
    token = family.link(days=1)
    family.clock.advance(timedelta(days=1))

    with pytest.raises(PaymentLinkEnded) as ended:
        family.linked.look(token)
    with pytest.raises(PaymentLinkEnded):
        family.pay(token)
    assert "Demandez-en un autre" in ended.value.detail["fr"]
    assert family.only.state is LinkState.EXPIRED


def test_a_withdrawn_link_ends_at_once_and_both_are_in_the_audit(family: Family) -> None:
    token = family.link()
    link_id = family.only.link.link_id
    family.clock.advance(timedelta(minutes=1))
    family.links.revoke(family.session(), link_id, source=SOMEWHERE)

    with pytest.raises(PaymentLinkEnded):
        family.linked.look(token)
    with pytest.raises(NotFound):
        family.links.revoke(family.session(), link_id, source=SOMEWHERE)
    entries = family.audit.of(family.lease.lease_id).entries
    assert [entry.action.value for entry in entries] == ["payment_link_revoked", "payment_link_created"]
    assert {entry.details["link_id"] for entry in entries} == {link_id}


def test_another_tenants_link_cannot_be_withdrawn(family: Family) -> None:
    token = family.link()
    other = admit(family.aws, ine=None, email="other@example.org")

    with pytest.raises(NotFound):
        family.links.revoke(family.session(other), family.only.link.link_id, source=SOMEWHERE)
    family.linked.look(token)


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 48, "A" * 50, "A" * 5000])
def test_what_we_did_not_sign_is_unknown_and_reads_nothing(
    family: Family, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setattr(family.aws.dynamodb, "get_item", pytest.fail)

    with pytest.raises(UnknownPaymentLink):
        family.linked.look(token)


def test_any_changed_character_of_a_token_is_refused(family: Family) -> None:
    token = family.link()
    # the last character carries bits of padding that mean nothing
    for place in range(len(token) - 1):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(UnknownPaymentLink):
            family.linked.look(changed)


def test_a_token_outlives_a_change_of_the_pepper(family: Family) -> None:
    token = family.link()
    both = json.dumps({"current": "2", "1": "p" * 64, "2": "q" * 64})
    family.aws.secrets.put_secret_value(SecretId=family.aws.pepper_secret, SecretString=both)
    family.aws.pepper.secrets._kept.clear()

    assert family.linked.look(token).payable_cents == 45_000
    assert family.linked.look(family.link()).payable_cents == 45_000


def test_live_links_are_bounded(family: Family) -> None:
    for _ in range(MOST_LINKS):
        family.link()
        family.clock.advance(timedelta(seconds=1))

    with pytest.raises(TooManyPaymentLinks):
        family.link()


# ---------------------------------------------------------------- over HTTP


@pytest.fixture
def functions(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    """The functions and the page, with a sandbox whose pages need no server."""
    secret = aws.secrets.create_secret(Name="sandbox", SecretString=SECRET)["ARN"]
    prepare(
        aws,
        monkeypatch,
        PROVIDER_SECRETS=json.dumps({"sandbox": secret}),
        SANDBOX_URL="http://sandbox.example",
    )

    def open_page(_self: Any, order: CheckoutOrder, _credentials: Credentials) -> Checkout:
        return Checkout(url=f"http://sandbox.example/pay/{order.payment_id}?a=1&b=2", provider_reference="co")

    monkeypatch.setattr("sesame.providers.sandbox.Sandbox.start_checkout", open_page)
    yield Functions(aws, lambda name: load(f"payments/{name}"))
    platform_aws.client.cache_clear()


@pytest.fixture
def page(functions: Functions) -> Any:
    """The page's function."""
    del functions
    return load("portal/pay")


def open_page(page: Any, method: str, token: str, form: str = "", language: str = "fr") -> tuple[int, str]:
    event = {
        "version": "2.0",
        "routeKey": f"{method} /payer/{{token}}",
        "rawPath": f"/payer/{token}",
        "rawQueryString": "",
        "headers": {"accept-language": language, "content-type": "application/x-www-form-urlencoded"},
        "requestContext": {
            "http": {"method": method, "path": f"/payer/{token}", "sourceIp": "192.0.2.1"},
            "stage": "$default",
            "requestId": "1",
        },
        "body": form,
        "isBase64Encoded": False,
    }
    answer = page.handler(event, None)
    assert "default-src 'none'" in str(answer)
    return answer["statusCode"], answer["body"]


def new_link(functions: Functions, cents: int = 45_000) -> str:
    body = {"amount_cents": cents, "expires_in_days": 7}
    status, created = functions.ask("POST", "/v1/me/payment-links", body)
    assert status == HTTPStatus.CREATED, created
    assert created["state"] == "live"
    url: str = created["url"]
    assert url.startswith("https://sesame.example/payer/")
    return url.rpartition("/")[2]


def test_a_link_from_its_making_to_its_withdrawal_over_http(functions: Functions) -> None:
    token = new_link(functions)
    session, functions.token = functions.token, "none"

    assert functions.ask("GET", "/v1/me/payment-links")[0] == HTTPStatus.UNAUTHORIZED
    status, shown = functions.ask("GET", f"/v1/payment-links/{token}")
    assert status == HTTPStatus.OK
    assert set(shown) == {"given_names", "tenant_reference", "amount_cents", "currency", "ends_at"}
    status, started = functions.ask("POST", f"/v1/payment-links/{token}", {}, idempotency_key="k1")
    assert (status, started["amount_cents"]) == (HTTPStatus.CREATED, 45_000)

    functions.token = session
    [listed] = functions.ask("GET", "/v1/me/payment-links")[1]["payment_links"]
    assert "url" not in listed
    assert functions.ask("GET", "/v1/me/payments")[1]["payments"][0]["through_link"] is True
    event_answer = functions.ask_raw("DELETE", f"/v1/me/payment-links/{listed['link_id']}")
    assert event_answer["statusCode"] == HTTPStatus.NO_CONTENT
    status, problem = functions.ask("GET", f"/v1/payment-links/{token}")
    assert (status, problem["type"]) == (HTTPStatus.GONE, "urn:sesame:problem:payment-link-ended")


def test_the_page_shows_whom_and_how_much_and_leads_to_the_providers_page(
    functions: Functions, page: Any
) -> None:
    token = new_link(functions)

    status, asked = open_page(page, "GET", token)
    key = re.search(r'name="key" value="([0-9a-z]{26})"', asked)
    assert status == HTTPStatus.OK
    assert "Thị Hương" in asked
    assert "Nguyễn" not in asked
    assert 'value="450,00"' in asked
    assert key is not None

    form = f"amount=300%2C50&key={key[1]}"
    status, on = open_page(page, "POST", token, form)
    assert status == HTTPStatus.OK
    assert "300,50" in on
    assert re.search(r'href="http://sandbox.example/pay/[0-9a-z]{26}\?a=1&amp;b=2"', on)
    assert open_page(page, "POST", token, form) == (status, on)


def test_the_page_says_in_the_payers_language_what_is_wrong(functions: Functions, page: Any) -> None:
    token, key = new_link(functions), "0" * 26

    assert "Enter an amount" in open_page(page, "POST", token, f"amount=all&key={key}", "en")[1]
    status, said = open_page(page, "POST", token, f"amount=450.01&key={key}", "en")
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Pay between €1.00 and €450.00." in said
    assert key not in said
    assert open_page(page, "GET", "nothing", "", "en")[0] == HTTPStatus.NOT_FOUND


def test_the_page_of_an_ended_link_says_what_to_do(functions: Functions, page: Any) -> None:
    token = new_link(functions)
    [listed] = functions.ask("GET", "/v1/me/payment-links")[1]["payment_links"]
    functions.ask_raw("DELETE", f"/v1/me/payment-links/{listed['link_id']}")

    status, said = open_page(page, "GET", token)

    assert status == HTTPStatus.GONE
    assert "Demandez-en un autre" in said


def test_no_token_is_logged(functions: Functions, page: Any, capsys: pytest.CaptureFixture[str]) -> None:
    token = new_link(functions)
    open_page(page, "GET", token)
    open_page(page, "POST", token, f"amount=450&key={'0' * 26}")

    assert token not in capsys.readouterr().out


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount_cents": 99},
        {"amount_cents": 10**9},
        {"amount_cents": 45_000, "expires_in_days": 0},
        {"amount_cents": 45_000, "expires_in_days": 91},
    ],
)
def test_a_link_without_bounds_is_not_made(functions: Functions, body: dict[str, Any]) -> None:
    assert functions.ask("POST", "/v1/me/payment-links", body)[0] == HTTPStatus.UNPROCESSABLE_ENTITY
