"""2D-Docs: those of the specification are read, ours are read like them, and no change passes."""

import base64
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.certificates import Facts, Issue, Tenancy, residence_facts
from sesame.domain.tenancy import Language
from sesame.domain.two_d_doc import (
    GROUP,
    RECORD,
    UNIT,
    NotEncodable,
    Signatory,
    Unreadable,
    agrees,
    carried,
    complete,
    der_signature,
    fields_of,
    message,
    raw_signature,
    read,
)
from tests.unit.documents import ISSUE, LEASE, PERSON, RESIDENCE

SIGNATORY = Signatory(authority="FR9Z", certificate="0001")
KEY = ec.generate_private_key(ec.SECP256R1())


def holds(text: str, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether its signature is of a key."""
    found = read(text)
    try:
        key.verify(der_signature(found.signature), found.signed_bytes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def facts_of(person: Any = PERSON, **residence: Any) -> Facts:
    """A residence certificate of somebody."""
    tenancy = Tenancy(
        person=person, lease=LEASE, residence=replace(RESIDENCE, **residence), language=Language.FRENCH
    )
    return residence_facts(tenancy, as_of=date(2026, 11, 23))


def signed(facts: Facts, issue: Issue = ISSUE) -> str:
    """Its 2D-Doc."""
    text = message(facts, issue, SIGNATORY)
    return complete(text, KEY.sign(text.encode(), ec.ECDSA(hashes.SHA256())))


VECTORS = Path(__file__).parents[3] / "shared/vectors/2ddoc.json"


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    """The public test set: codes signed with the specification's own test key."""
    return dict(json.loads(VECTORS.read_text("utf-8")))


if VECTORS.exists():

    def test_the_specifications_codes_are_judged_as_their_authors_do(vectors: dict[str, Any]) -> None:
        certificate = x509.load_pem_x509_certificate(vectors["test_certificate_pem"].encode())
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)

        for vector in vectors["vectors"]:
            assert holds(vector["raw"], key) == vector["signature_valid_with_FR00_0001"], vector["name"]

    def test_a_proof_of_address_of_the_specification_is_read_field_by_field(
        vectors: dict[str, Any],
    ) -> None:
        [raw] = [one["raw"] for one in vectors["vectors"] if one["name"] == "ants_testlist_2_type00"]

        found = read(raw)

        assert found.signatory == Signatory(authority="FR00", certificate="0001")
        assert found.type == "00"
        assert found.fields == {
            "26": "FR",
            "24": "57000",
            "10": "MLLE/SAMPLE/ANGELA",
            "20": "",
            "21": "BAT 2 ETG 3",
            "22": "7 PLACE DES SPECIMENS",
            "23": "",
            "25": "METZ",
        }

    def test_ours_has_every_field_that_the_specification_demands_and_no_other(
        vectors: dict[str, Any],
    ) -> None:
        demanded = vectors["mandatory_optional_by_type"]["00"]

        said = set(read(signed(facts_of())).fields)

        assert said >= set(demanded["O"])
        assert said >= set(demanded["C"][0][1])
        assert said <= {*demanded["O"], *demanded["F"], *demanded["C"][0][1]}


def test_ours_says_who_lives_where_and_which_document_it_stands_on() -> None:
    found = read(signed(facts_of()))

    assert found.issued_on == ISSUE.on
    assert found.fields == {
        "01": "7K3M9QZ20XWH4TBC",
        "26": "FR",
        "24": "92160",
        "11": "",
        "12": "CHLOE",
        "13": "D ALMEIDA",
        "20": "LOGEMENT B434",
        "21": "RESIDENCE JEAN ZAY",
        "22": "2 ALLEE JEAN ZAY",
        "23": "",
        "25": "ANTONY",
    }
    assert holds(signed(facts_of()), KEY.public_key())
    assert agrees(found, facts_of(), ISSUE)


def test_letters_of_europe_and_vietnam_lose_their_marks_and_other_alphabets_go_without() -> None:
    def family_name(name: str) -> str:
        return fields_of(facts_of(replace(PERSON, family_name=name)), ISSUE)["13"]

    assert family_name("Đặng-Œuvré Ñuß") == "DANG OEUVRE NUSS"
    with pytest.raises(NotEncodable):
        family_name("王")
    with pytest.raises(NotEncodable):
        family_name("الحسن")


def test_what_is_too_long_is_cut_and_marked_so() -> None:
    facts = facts_of(replace(PERSON, family_name="A" * 60))

    text = message(facts, ISSUE, SIGNATORY)

    found = read(signed(facts))
    assert f"13{'A' * 38}{RECORD}" in text
    assert found.cut == {"13"}
    assert agrees(found, facts, ISSUE)


@pytest.mark.parametrize(
    "other",
    [
        facts_of(replace(PERSON, given_names="Zoé")),
        facts_of(name="Les Tilleuls"),
        facts_of(address=("3 allée Jean-Zay", "92160 Antony")),
        facts_of(address=("2 allée Jean-Zay", "92330 Sceaux"), postal_code="92330", city="Sceaux"),
    ],
)
def test_a_code_of_another_paper_does_not_agree(other: Facts) -> None:
    assert not agrees(read(signed(other)), facts_of(), ISSUE)
    assert not agrees(read(signed(facts_of(), replace(ISSUE, verification_code="0" * 16))), facts_of(), ISSUE)


def test_only_who_lives_there_now_has_a_proof_of_address() -> None:
    tenancy = Tenancy(person=PERSON, lease=LEASE, residence=RESIDENCE, language=Language.FRENCH)

    assert carried(facts_of())
    assert not carried(residence_facts(tenancy, as_of=date(2026, 8, 1)))
    assert not carried(residence_facts(tenancy, as_of=date(2027, 10, 1)))


@given(at=st.integers(0, 130), swap=st.sampled_from("AZ059 "))
def test_no_changed_character_passes(at: int, swap: str) -> None:
    text = signed(facts_of())
    at %= text.index(UNIT)
    changed = text[:at] + swap + text[at + 1 :]

    try:
        passes = holds(changed, KEY.public_key())
    except Unreadable:
        passes = False
    assert passes == (changed == text)


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_a_signature_is_the_same_in_both_its_forms(r: int, s: int) -> None:
    raw = r.to_bytes(32) + s.to_bytes(32)

    assert raw_signature(der_signature(raw)) == raw


@pytest.mark.parametrize(
    "text", ["", "DC04", "https://example.org", f"DC04FR9Z0001{UNIT}AAAA", f"{GROUP}{UNIT}"]
)
def test_what_is_no_2d_doc_is_told(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_a_signature_takes_103_characters() -> None:
    assert len(signed(facts_of()).partition(UNIT)[2]) == 103
    assert len(base64.b32decode(signed(facts_of()).partition(UNIT)[2] + "=")) == 64
