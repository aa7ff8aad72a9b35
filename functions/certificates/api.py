"""Tenants ask for certificates and receipts and download them; anyone may check that one is genuine."""

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from sesame.domain import codes
from sesame.domain.certificates import DocumentStatus, Kind, Validity
from sesame.domain.tenancy import Language
from sesame.domain.validity import Ending
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Invalid, NotFound
from sesame.platform.http import Api, Id, Shown, Source, StrictModel, accepted
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.certificates import (
    PAGE,
    REFUSALS,
    AskedByTenants,
    Certificates,
    Links,
)
from sesame.services.documents import Downloads, Verifications
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.services.verification_answers import VerificationAnswer, answer_of
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.documents import Document, Documents
from sesame.store.sessions import Sessions
from sesame.store.table import Table


class CertificatesSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    bucket: str
    operations_table: str
    pepper_secret: str


class CertificateRequest(StrictModel):
    """What is wanted: receipts and rent notices take a period, a statement may. `en` adds English.

    What the residence makes of its own accord (payment receipt, code slip, payment-plan agreement, formal
    notice) is refused with where to turn.
    """

    kind: Kind
    period: Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", examples=["2026-10"])] | None = None
    language: Language | None = None
    """The tenant's own by default."""


class Certificate(Shown):
    """A document. `download_url` is there once it is ready, for five minutes: ask again for another.

    An `expired` one is kept no longer: ask for the document anew.
    """

    id: str
    kind: Kind
    status: DocumentStatus
    language: Language
    period: str | None
    number: str
    verification_code: str
    """As printed: whoever is given the document may check it with this."""
    validity: Validity
    since: datetime | None = None
    """When it ceased to hold."""
    reason: Ending | None = None
    created_at: datetime
    download_url: str | None = None


class CertificateList(Shown):
    """Newest first. Where there is more, give `next` as `after`."""

    certificates: list[Certificate]
    next: str | None


Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


settings = CertificatesSettings.from_env()
dynamodb = client("dynamodb")
identity = Table(dynamodb, settings.identity_table)
documents = Documents(Table(dynamodb, settings.documents_table))
certificates = Certificates(documents, identity, Accounts(Table(dynamodb, settings.money_table)), utc_now)
audit = Audit(Table(dynamodb, settings.operations_table))
pepper = Pepper(Secrets(Later("secretsmanager")), settings.pepper_secret)
asked_by_tenants = AskedByTenants(certificates=certificates, audit=audit, pepper=pepper)
downloads = Downloads(documents, Later("s3"), settings.bucket, utc_now)
links = Links(downloads=downloads, audit=audit, pepper=pepper, clock=utc_now)
verifications = Verifications(documents, utc_now)
CurrentSession = Annotated[Session, Depends(session_dependency(SessionCheck(Sessions(identity), utc_now)))]

api = Api()


@api.post(
    "/v1/me/certificates",
    status=202,
    summary="Ask for a certificate or a receipt",
    errors=list(REFUSALS.values()),
    security="session",
    tag="certificates",
)
def request_certificate(
    body: CertificateRequest, session: CurrentSession, source: Source
) -> Response[Certificate]:
    """Asking twice for the same facts gives the same document."""
    document = asked_by_tenants.request(
        session, body.kind, source, period=body.period, language=body.language
    )
    return accepted(_shown(document), f"/v1/me/certificates/{document.document_id}")


@api.get(
    "/v1/me/certificates",
    summary="The tenant's documents",
    errors=[Invalid],
    security="session",
    tag="certificates",
)
def list_certificates(
    session: CurrentSession, after: Annotated[str | None, Query(max_length=40)] = None
) -> CertificateList:
    """Newest first, without links: ask for one document to download it."""
    found = certificates.of_lease(session, after)
    return CertificateList(
        certificates=[_shown(document) for document in found],
        next=found[-1].document_id if len(found) == PAGE else None,
    )


@api.get(
    "/v1/me/certificates/<document_id>",
    summary="One document, with its download link",
    errors=[NotFound],
    security="session",
    tag="certificates",
)
def get_certificate(document_id: Id, session: CurrentSession, source: Source) -> Certificate:
    """Ask every second or so until its status is `ready`. A link to the entry document is in the audit."""
    document = certificates.of(session, document_id)
    return _shown(document, links.to(session, document, source))


@api.get("/v1/verifications/<verification_code>", summary="Whether a document is genuine")
def verify(verification_code: str) -> VerificationAnswer:
    """200 for an unknown code too: "is this paper genuine?" has been answered, and the answer is no.

    A 404 could as well mean a mistyped address; whoever checks a paper must be able to tell the two apart.
    """
    return answer_of(verifications.check(verification_code))


@api.get("/v1/verifications/files/<sha256>", summary="Whether a file is one that was issued, unchanged")
def verify_file(sha256: Sha256) -> VerificationAnswer:
    """By the SHA-256 of the file (hexadecimal), made by whoever checks: the file itself stays with them."""
    return answer_of(verifications.check_digest(sha256))


def _shown(document: Document, download_url: str | None = None) -> Certificate:
    return Certificate(
        id=document.document_id,
        kind=document.kind,
        status=downloads.status(document),
        language=document.language,
        period=document.period,
        number=document.issue.number,
        verification_code=codes.printed(document.issue.verification_code),
        validity=document.validity,
        since=document.validity_since,
        reason=document.validity_reason,
        created_at=document.created_at,
        download_url=download_url,
    )


handler = api.handler
