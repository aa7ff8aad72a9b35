"""Partners check papers by their numbers, by requests that they sign."""

from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from pydantic import Field

from sesame.domain import http_signatures
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import TooManyRequests
from sesame.platform.http import Api, StrictModel, raw_body
from sesame.platform.secrets import Secrets
from sesame.platform.settings import Settings
from sesame.services.partners import BadSignature, Partners, PartnerVerifications, Replayed
from sesame.services.verification_answers import VerificationAnswer, answer_of
from sesame.store.documents import Documents
from sesame.store.table import Table

MAX_BODY_BYTES = 4_096


class PartnersSettings(Settings):
    """What this function is given."""

    documents_table: str
    operations_table: str
    partners_secret: str


class PaperToCheck(StrictModel):
    """A paper at hand: its number, and the second half of the verification code printed beside it."""

    number: Annotated[str, Field(min_length=1, max_length=40, examples=["2026-7K3M-9QZ2"])]
    code_end: Annotated[str, Field(min_length=1, max_length=40, examples=["9QZ2-4TBX"])]
    """The last eight symbols; case, spaces and hyphens do not matter."""


settings = PartnersSettings.from_env()
dynamodb = client("dynamodb")
verifications = PartnerVerifications(
    partners=Partners(Secrets(client("secretsmanager")), settings.partners_secret),
    documents=Documents(Table(dynamodb, settings.documents_table)),
    operations=Table(dynamodb, settings.operations_table),
    clock=utc_now,
    random=token_bytes,
)

api = Api(max_json_bytes=MAX_BODY_BYTES)


@api.post(
    "/v1/partners/verifications",
    summary="Whether a paper with a number is genuine, for partners",
    errors=[BadSignature, Replayed, TooManyRequests],
    tag="partners",
)
def verify(body: PaperToCheck, request: Request) -> VerificationAnswer:
    """Signed by HTTP Message Signatures (RFC 9421, HMAC-SHA256) over method, path and Content-Digest.

    Answers what anyone with the whole code is answered, and 200 for an unknown paper too: "is it genuine?"
    has been answered. Each request has a nonce of its own, and is answered once.
    """
    event = request.resolved_event
    signed = http_signatures.Request(
        method=event.http_method,
        path=event.path,
        headers={name.lower(): value for name, value in event.headers.items()},
        body=raw_body(request, limit=MAX_BODY_BYTES),
    )
    return answer_of(verifications.check(signed, number=body.number, code_end=body.code_end))


handler = api.handler
