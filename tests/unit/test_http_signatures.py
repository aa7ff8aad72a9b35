"""Signed requests of partners: the standard's own example, and everything that must not pass for signed."""

import hmac
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.http_signatures import (
    NotSigned,
    Refusal,
    Request,
    is_made_with,
    read_signature,
    signature_base,
)

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
SECRET = b"a secret of thirty-two bytes....."
BODY = b'{"number":"2026-7K3M-9QZ2","code_end":"9QZ2-4TBX"}'
COVERED = '("@method" "@path" "content-digest")'


def signed(
    body: bytes = BODY,
    *,
    secret: bytes = SECRET,
    covered: str = COVERED,
    at: datetime = NOW,
    more: str = ';keyid="caf-1";nonce="n-12345678"',
) -> Request:
    digest = b64encode(sha256(body).digest()).decode()
    params = f"{covered};created={int(at.timestamp())}{more}"
    lines = {
        "@method": "POST",
        "@path": "/v1/partners/verifications",
        "content-digest": f"sha-256=:{digest}:",
    }
    base = [f'"{name}": {value}' for name, value in lines.items() if f'"{name}"' in covered]
    text = "\n".join([*base, f'"@signature-params": {params}'])
    mac = b64encode(hmac.digest(secret, text.encode(), sha256)).decode()
    return Request(
        method="POST",
        path="/v1/partners/verifications",
        headers={
            "content-digest": lines["content-digest"],
            "signature-input": f"sig1={params}",
            "signature": f"sig1=:{mac}:",
        },
        body=body,
    )


def refusal_of(request: Request, secret: bytes = SECRET) -> Refusal | None:
    try:
        signature = read_signature(request, NOW)
    except NotSigned as error:
        return error.refusal
    return None if is_made_with(signature, secret) else Refusal.SIGNATURE


def test_the_standards_own_hmac_example_has_the_signature_that_it_says() -> None:
    params = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    request = Request(
        method="POST",
        path="/foo",
        headers={
            "host": "example.com",
            "date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "content-type": "application/json",
        },
        body=b'{"hello": "world"}',
    )
    secret = b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )

    base = signature_base(request, ["date", "@authority", "content-type"], params)

    made = b64encode(hmac.digest(secret, base, sha256)).decode()
    assert made == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="  # RFC 9421, appendix B.2.5


def test_a_signed_request_is_its_signers() -> None:
    signature = read_signature(signed(), NOW)

    assert (signature.key_id, signature.nonce) == ("caf-1", "n-12345678")
    assert is_made_with(signature, SECRET)
    assert not is_made_with(signature, b"another")


@given(st.binary(max_size=60))
def test_no_other_body_passes(body: bytes) -> None:
    request = replace(signed(), body=body)

    assert refusal_of(request) is (None if body == BODY else Refusal.DIGEST)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (replace(signed(), headers={}), Refusal.MISSING),
        (replace(signed(), method="PUT"), Refusal.SIGNATURE),
        (replace(signed(), path="/v1/other"), Refusal.SIGNATURE),
        (signed(secret=b"of somebody else"), Refusal.SIGNATURE),
        (signed(at=NOW - timedelta(minutes=5, seconds=1)), Refusal.CLOCK),
        (signed(at=NOW + timedelta(minutes=5, seconds=1)), Refusal.CLOCK),
        (signed(covered='("@method" "@path")'), Refusal.NOT_COVERED),
        (signed(covered='("@method" "content-digest")'), Refusal.NOT_COVERED),
        (signed(covered='("@method" "@method" "@path" "content-digest")'), Refusal.NOT_COVERED),
        (signed(covered='("@method" "@path" "content-digest" "x-not-there")'), Refusal.NOT_COVERED),
        (signed(more=';keyid="caf-1"'), Refusal.MALFORMED),
        (signed(more=';nonce="n-12345678"'), Refusal.MALFORMED),
        (signed(more=';keyid="caf-1";nonce="short"'), Refusal.MALFORMED),
        (signed(more=';keyid="caf-1";nonce="n-12345678";alg="none"'), Refusal.MALFORMED),
        (signed(more=f';keyid="k";nonce="n-12345678";expires={int(NOW.timestamp()) - 1}'), Refusal.CLOCK),
    ],
)
def test_what_is_not_signed_as_it_must_be_is_refused_and_says_why(request_: Request, why: Refusal) -> None:
    assert refusal_of(request_) is why


@pytest.mark.parametrize("name", ["signature-input", "signature", "content-digest"])
@given(text=st.text(max_size=80))
def test_whatever_stands_in_a_header_is_refused_and_never_breaks(name: str, text: str) -> None:
    request = signed()

    assert refusal_of(replace(request, headers=dict(request.headers) | {name: text})) is not None
