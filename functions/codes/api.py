"""Tenants sign in with their code, recover a lost one, and open their welcome link."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from sesame.domain.codes import CodeFormats
from sesame.domain.contacts import normal_email, normal_ine, normal_phone
from sesame.domain.devices import device_of
from sesame.domain.tenancy import Channel
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Invalid, TooManyRequests
from sesame.platform.http import Api, Id, Language, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.access import Confirmations, MistypedCode, Starts
from sesame.services.confirming import (
    Confirming,
    RequestEnded,
    WrongOneTimeCode,
)
from sesame.services.documents import Downloads, EntryDocuments
from sesame.services.lost_code_help import LostCodeHelp
from sesame.services.tenant_codes import CodeErased, Decipher
from sesame.services.waiting import HELP, Waiting, waiting
from sesame.services.welcome import WelcomeLinkEnded, Welcomes, WrongBirthDate
from sesame.store.audit import Audit
from sesame.store.challenges import ChallengeKind, Challenges
from sesame.store.documents import Documents
from sesame.store.pacing import Pacing
from sesame.store.people import People
from sesame.store.sessions import Sessions
from sesame.store.table import Table


class CodesSettings(Settings):
    """What this function is given."""

    identity_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str
    codes_key: str
    sender: str
    code_formats: str = ""
    imported_codes: str = ""


class SignInRequest(StrictModel):
    """A tenant code as printed, or as somebody typed it; and how the one-time code is to come."""

    tenant_code: Annotated[str, Field(min_length=1, max_length=40)]
    send_by: Channel | None = None


class Resend(StrictModel):
    """Asks for the message once more; by another way, where one is named."""

    send_by: Channel | None = None


class SignInStarted(Waiting):
    """Whether the code is known or not: if it is, a one-time code is on its way to the contact on record."""

    sign_in_id: str


class OneTimeCodeGiven(StrictModel):
    """The eight digits received by message; spaces do not matter."""

    otp: Annotated[str, Field(min_length=1, max_length=40)]


class SessionOpened(Shown):
    """Send the token as `Authorization: Bearer`. It ends after 30 idle minutes, or at `expires_at`."""

    session_token: str
    expires_at: datetime


class RecoveryRequest(StrictModel):
    """Who lost the code: exactly one of e-mail, INE or phone, and the birth date."""

    email: Annotated[str, Field(max_length=254)] | None = None
    ine: Annotated[str, Field(max_length=20)] | None = None
    phone: Annotated[str, Field(max_length=30)] | None = None
    birth_date: date
    send_by: Channel | None = None


class RecoveryStarted(Waiting):
    """Whether the person is known or not: if so, a one-time code is on its way to the contact on record."""

    recovery_id: str


class DeskShown(Shown):
    """A reception, as any visitor sees it."""

    residence: str
    address: list[str]
    postal_code: str
    city: str
    contact: str


class LostCodeAdvice(Shown):
    """What to try, in order; and the receptions that match what was searched for."""

    steps: list[str]
    desks: list[DeskShown]
    more_desks: bool
    """Whether more match than are shown: name the town, or the postal code."""


class CodeOfLease(Shown):
    """The tenant code of one lease."""

    tenant_code: str
    residence: str
    room: str
    starts_on: date
    ends_on: date


class CodeRecovered(Shown):
    """The tenant code of the newest lease, and those of all leases, by residence, the newest first."""

    tenant_code: str
    leases: list[CodeOfLease]


class WelcomeRequest(StrictModel):
    """The token of the welcome link, and the tenant's birth date."""

    token: Annotated[str, Field(min_length=1, max_length=200)]
    birth_date: date


class EntryDocument(Shown):
    """The entry document: ask again in a few seconds until its status is `ready`."""

    document_id: str
    status: str
    download_url: str | None = None


class Welcomed(Shown):
    """What the welcome link shows. Asking again within 30 minutes shows the same."""

    tenant_code: str
    tenant: str
    residence: str
    room: str
    starts_on: date
    ends_on: date
    tenant_reference: str
    entry_document: EntryDocument


settings = CodesSettings.from_env()
dynamodb = client("dynamodb")
identity = Table(dynamodb, settings.identity_table)
challenges = Challenges(identity)
sessions = Sessions(identity)
pacing = Pacing(identity)
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
decipher = Decipher(Later("kms"), settings.codes_key)
formats = CodeFormats.of(settings.code_formats, settings.imported_codes)
audit = Audit(Table(dynamodb, settings.operations_table))
confirming = Confirming(challenges, pacing, audit, pepper, token_bytes)
starts = Starts(confirming, utc_now, token_bytes, formats)
confirmations = Confirmations(
    confirming=confirming,
    sessions=sessions,
    audit=audit,
    decipher=decipher,
    clock=utc_now,
    random=token_bytes,
)
advice = LostCodeHelp(People(identity, pepper).residences, settings.sender)
documents = Documents(Table(dynamodb, settings.documents_table))
welcomes = Welcomes(challenges, audit, pepper, decipher, EntryDocuments(documents), utc_now, token_bytes)
downloads = Downloads(documents, Later("s3"), settings.bucket, utc_now)

api = Api()


@api.post(
    "/v1/sign-ins",
    status=202,
    summary="Start a sign-in by tenant code",
    errors=[MistypedCode, TooManyRequests],
)
def start_sign_in(body: SignInRequest, source: Source) -> SignInStarted:
    """The same answer whether the code is known or not; a typing error is said at once."""
    started = starts.sign_in(body.tenant_code, source=source, send_by=body.send_by)
    return SignInStarted(sign_in_id=started.challenge_id, **waiting(started, utc_now()))


@api.post(
    "/v1/sign-ins/<sign_in_id>/resend",
    status=202,
    summary="Ask for a sign-in's message again",
    errors=[RequestEnded, TooManyRequests],
)
def resend_sign_in(sign_in_id: Id, body: Resend, source: Source) -> Waiting:
    """The code sent last is the one that counts; tries already made stay counted."""
    started = starts.again(ChallengeKind.SIGN_IN, sign_in_id, source=source, send_by=body.send_by)
    return Waiting(**waiting(started, utc_now()))


@api.post(
    "/v1/sign-ins/<sign_in_id>/confirm",
    summary="Open a session with the one-time code",
    errors=[WrongOneTimeCode],
)
def confirm_sign_in(
    sign_in_id: Id, body: OneTimeCodeGiven, source: Source, request: Request
) -> SessionOpened:
    """Five tries, ten minutes, once."""
    device = device_of(request.headers.get("user-agent", ""))
    opened = confirmations.sign_in(sign_in_id, body.otp, source=source, device=device)
    return SessionOpened(session_token=opened.token, expires_at=opened.ends_at)


@api.post(
    "/v1/code-recoveries",
    status=202,
    summary="Start the recovery of a lost tenant code",
    errors=[TooManyRequests],
)
def start_recovery(body: RecoveryRequest, source: Source) -> RecoveryStarted:
    """The same answer, by the same calls, whoever asks."""
    kind, identity_given = identity_of(body)
    started = starts.recovery(kind, identity_given, body.birth_date, source=source, send_by=body.send_by)
    return RecoveryStarted(recovery_id=started.challenge_id, **waiting(started, utc_now()))


@api.post(
    "/v1/code-recoveries/<recovery_id>/resend",
    status=202,
    summary="Ask for a recovery's message again",
    errors=[RequestEnded, TooManyRequests],
)
def resend_recovery(recovery_id: Id, body: Resend, source: Source) -> Waiting:
    """The code sent last is the one that counts; tries already made stay counted."""
    started = starts.again(ChallengeKind.RECOVERY, recovery_id, source=source, send_by=body.send_by)
    return Waiting(**waiting(started, utc_now()))


@api.post(
    "/v1/code-recoveries/<recovery_id>/confirm",
    summary="Trade the one-time code for the tenant code",
    errors=[WrongOneTimeCode],
)
def confirm_recovery(recovery_id: Id, body: OneTimeCodeGiven, source: Source) -> CodeRecovered:
    """Shown once; every contact on record is told."""
    recovered = confirmations.recovery(recovery_id, body.otp, source=source)
    shown = [
        CodeOfLease(
            tenant_code=found.tenant_code,
            residence=found.residence.name,
            room=found.lease.room,
            starts_on=found.lease.starts_on,
            ends_on=found.lease.ends_on,
        )
        for found in recovered
    ]
    return CodeRecovered(
        tenant_code=recovered[0].tenant_code, leases=sorted(shown, key=lambda one: one.residence)
    )


@api.get(HELP, summary="What to do when no message comes, and at which desk", errors=[Invalid])
def lost_code_help(language: Language, search: Annotated[str, Query(max_length=100)] = "") -> LostCodeAdvice:
    """The same for everybody. `search` is a residence's name, town or postal code, or part of it."""
    found = advice.desks(search)
    return LostCodeAdvice(
        steps=advice.steps(language),
        desks=[
            DeskShown(
                residence=one.name,
                address=list(one.address),
                postal_code=one.postal_code,
                city=one.city,
                contact=one.desk_contact,
            )
            for one in found.residences
        ],
        more_desks=found.more,
    )


@api.post(
    "/v1/welcomes",
    summary="Open a welcome link",
    errors=[WelcomeLinkEnded, WrongBirthDate, CodeErased],
)
def open_welcome(body: WelcomeRequest, source: Source) -> Welcomed:
    """Shows the tenant code and the entry document to who has the link and knows the birth date."""
    welcomed = welcomes.open(body.token, body.birth_date, source=source)
    download = downloads.of(welcomed.document_id)
    return Welcomed(
        tenant_code=welcomed.tenant_code,
        tenant=welcomed.person.full_name,
        residence=welcomed.residence.name,
        room=welcomed.lease.room,
        starts_on=welcomed.lease.starts_on,
        ends_on=welcomed.lease.ends_on,
        tenant_reference=welcomed.lease.tenant_reference,
        entry_document=EntryDocument(
            document_id=welcomed.document_id, status=download.status, download_url=download.url
        ),
    )


def identity_of(body: RecoveryRequest) -> tuple[str, str]:
    """Which contact was given, in its normal form. Raises Invalid: none, several, or not one at all."""
    given = {
        kind: (text, normalise)
        for kind, text, normalise in (
            ("email", body.email, normal_email),
            ("ine", body.ine, normal_ine),
            ("phone", body.phone, normal_phone),
        )
        if text is not None
    }
    if len(given) != 1:
        raise Invalid(
            detail_fr="Indiquez soit l'adresse e-mail, soit l'INE, soit le téléphone.",
            detail_en="Give exactly one of e-mail, INE or phone.",
        )
    [(kind, (text, normalise))] = given.items()
    normal = normalise(text)
    if normal is None:
        raise Invalid(
            detail_fr=_UNREADABLE[kind][0],
            detail_en=_UNREADABLE[kind][1],
            errors=[{"field": kind}],
        )
    return kind, normal


_UNREADABLE = {
    "email": ("Cette adresse e-mail est incomplète.", "This e-mail address is incomplete."),
    "ine": (
        "Un INE compte onze caractères ; il figure sur votre certificat de scolarité.",
        "An INE has eleven characters; it is on your enrolment certificate.",
    ),
    "phone": (
        "Ce numéro de téléphone est incomplet ; hors de France, commencez par +.",
        "This phone number is incomplete; outside France, start with +.",
    ),
}

handler = api.handler
