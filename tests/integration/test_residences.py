"""Residences' settings over HTTP: read by all staff, set and confirmed by who is in charge."""

import base64
import io
import json
from datetime import date
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from sesame.domain.logos import logo_key
from sesame.domain.tenancy import RentWord
from sesame.services.residences import is_siret
from sesame.store.people import People, residence_item
from tests.integration.entries import http_event, load, prepare
from tests.integration.staff_members import enrol
from tests.integration.tenants import RESIDENCE

SETTINGS: dict[str, Any] = {
    "address": ["12 rue des Tilleuls", "97490 Saint-Denis"],
    "time_zone": "Indian/Reunion",
    "landlord": {
        "name": "Résidences Horizon",
        "address": ["12 avenue du Général-Leclerc", "75014 Paris"],
        "siret": "73282932000074",
        "signatory": "Hélène Garnier",
        "signatory_title": "Directrice",
    },
    "desk_contact": "01 99 00 12 34",
    "issue_day": 25,
    "due_day": 5,
    "provider": "sandbox",
}


@pytest.fixture
def desk(aws: Any, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    prepare(aws, monkeypatch)
    enrol(aws, "s")
    aws.identity.put(residence_item(RESIDENCE) | {"confirmed": False})
    return load("desk/api")


def ask(
    desk: ModuleType, method: str, path: str, body: Any = None, groups: str = "[manager]"
) -> tuple[int, Any]:
    event = http_event(method, path, body)
    event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "s", "cognito:groups": groups}}}
    answer = desk.handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


PATH = f"/v1/desk/residences/{RESIDENCE.residence_id}"


def test_a_manager_sets_and_thereby_confirms_a_residence(desk: ModuleType, aws: Any) -> None:
    status, shown = ask(desk, "PUT", PATH, SETTINGS)

    kept = People(aws.identity, aws.pepper).residence(RESIDENCE.residence_id)
    assert status == 200
    assert shown["confirmed"] is True
    assert kept is not None
    assert (kept.due_day, kept.time_zone, kept.landlord.signatory) == (5, "Indian/Reunion", "Hélène Garnier")
    assert (kept.name, kept.city) == (RESIDENCE.name, RESIDENCE.city)


def test_the_length_of_notice_to_leave_is_a_setting_and_stays_where_nothing_is_said(
    desk: ModuleType, aws: Any
) -> None:
    set_so = [
        ask(desk, "PUT", PATH, SETTINGS | more)[1]["settings"]["notice_months"]
        for more in ({}, {"notice_months": 2}, {})
    ]

    assert set_so == [1, 2, 2]
    assert ask(desk, "PUT", PATH, SETTINGS | {"notice_months": 4})[0] == 422


def test_what_was_set_is_listed_and_can_be_sent_back_as_it_is(desk: ModuleType) -> None:
    ask(desk, "PUT", PATH, SETTINGS)

    _, listed = ask(desk, "GET", "/v1/desk/residences", groups="[desk]")

    [residence] = listed["residences"]
    assert ask(desk, "PUT", PATH, residence["settings"]) == (200, residence)


@pytest.mark.parametrize(
    "changed",
    [
        {"time_zone": "Europe/Lyon"},
        {"due_day": 31},
        {"address": []},
        {"landlord": {"name": "X", "siret": "73282932000075"}},
        {"landlord": {"name": ""}},
    ],
)
def test_settings_that_cannot_be_are_refused_and_nothing_changes(
    desk: ModuleType, aws: Any, changed: dict[str, Any]
) -> None:
    status, _ = ask(desk, "PUT", PATH, SETTINGS | changed)

    kept = People(aws.identity, aws.pepper).residence(RESIDENCE.residence_id)
    assert status == 422
    assert kept is not None
    assert kept.confirmed is False


def test_the_desk_may_read_but_not_set(desk: ModuleType) -> None:
    assert ask(desk, "GET", "/v1/desk/residences", groups="[desk]")[0] == 200
    assert ask(desk, "PUT", PATH, SETTINGS, groups="[desk]")[0] == 403
    assert ask(desk, "GET", "/v1/desk/residences", groups="[gardeners]")[0] == 403


@pytest.mark.parametrize("residence_id", ["nowhere-00000", "x" * 3000])
def test_a_residence_that_is_not_there_is_not_found(desk: ModuleType, residence_id: str) -> None:
    assert ask(desk, "PUT", f"/v1/desk/residences/{residence_id}", SETTINGS)[0] == 404


@pytest.mark.parametrize(
    ("number", "right"),
    [
        ("73282932000074", True),
        ("73282932000075", False),
        ("7328293200007", False),
        ("35600000049837", True),
        ("٧٣٢٨٢٩٣٢٠٠٠٠٧٤", False),
    ],
)
def test_a_siret_is_checked_by_its_sum(number: str, right: bool) -> None:
    assert is_siret(number) is right


DOCUMENTS: dict[str, Any] = {
    "two_d_doc": True,
    "rent_word": "redevance",
    "footer_fr": "Établissement public",
    "footer_en": "Public body",
    "debt_tolerance_cents": 500,
    "caf": {
        "structure": "university_residence",
        "agency_code": "",
        "agreement_number": "974/2019/0417",
        "agreement_on": "2019-07-01",
        "furnished": True,
        "third_party_payment": True,
        "surfaces": [{"rooms": "B2*", "square_decimetres": 1850}],
    },
}


def test_what_documents_say_is_kept_and_shown_and_stays_when_not_given(desk: ModuleType, aws: Any) -> None:
    ask(desk, "PUT", PATH, SETTINGS | {"documents": DOCUMENTS})
    status, shown = ask(desk, "PUT", PATH, SETTINGS | {"issue_day": 26})

    kept = People(aws.identity, aws.pepper).residence(RESIDENCE.residence_id)
    assert status == 200
    assert shown["settings"]["documents"] == DOCUMENTS
    assert kept is not None
    assert kept.issue_day == 26
    assert kept.documents.rent_word is RentWord.FEE
    assert kept.documents.caf.agreement_on == date(2019, 7, 1)


def send_logo(desk: ModuleType, png: bytes, groups: str = "[manager]") -> tuple[int, Any]:
    event = http_event("PUT", f"{PATH}/logo", None)
    event["headers"]["content-type"] = "image/png"
    event |= {"body": base64.b64encode(png).decode(), "isBase64Encoded": True}
    event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "s", "cognito:groups": groups}}}
    answer = desk.handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_logo_is_kept_under_its_digest_and_survives_other_settings(desk: ModuleType, aws: Any) -> None:
    png = io.BytesIO()
    Image.new("RGB", (240, 60), (29, 78, 107)).save(png, "PNG")

    status, shown = send_logo(desk, png.getvalue())
    ask(desk, "PUT", PATH, SETTINGS | {"documents": DOCUMENTS})

    kept = People(aws.identity, aws.pepper).residence(RESIDENCE.residence_id)
    assert kept is not None
    stored = aws.s3.get_object(Bucket=aws.bucket, Key=logo_key(kept.documents.logo))["Body"].read()
    assert (status, shown["has_logo"]) == (200, True)
    assert stored == png.getvalue()


def test_a_logo_that_cannot_be_drawn_or_is_not_theirs_to_set_is_refused(desk: ModuleType) -> None:
    assert send_logo(desk, b"GIF89a")[0] == 422
    assert send_logo(desk, b"GIF89a", groups="[desk]")[0] == 403
