"""Partners check a paper by its number: who they are, how often they may ask, each request once.

A partner is known by the secret that signs its requests. Several secrets of one partner may be live at once,
so that one is changed without a minute's silence.
"""

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sesame.domain.certificates import Validity, ends_verification_code, read_document_number
from sesame.domain.http_signatures import (
    TOLERANCE,
    NotSigned,
    Refusal,
    Request,
    is_made_with,
    read_signature,
)
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, TooManyRequests, Unauthenticated
from sesame.platform.ids import Random, new_id
from sesame.platform.logs import count
from sesame.platform.secrets import Secrets
from sesame.services.documents import Verification, Verifications
from sesame.store import keys
from sesame.store.audit import Action, Actor, ActorKind, Audit, AuditEntry
from sesame.store.documents import Document, Documents
from sesame.store.table import NOT_THERE, ConditionFailed, Put, Table, Update, Write, transact

PER_MINUTE = 60
"""What a partner may ask a minute unless its record says otherwise."""
_TRIES = 6


class BadSignature(Unauthenticated):
    """The request is not signed as docs/partners.md has it; `errors` says what is wrong, never whose key."""

    slug = "bad-signature"
    title: ClassVar = {"fr": "Demande non signée, ou mal signée", "en": "Request not signed, or wrongly"}


class Replayed(Conflict):
    """A request with this nonce was answered already: sign the next one anew."""

    slug = "replayed-request"
    title: ClassVar = {"fr": "Demande déjà traitée", "en": "Request already answered"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """Who asks."""

    partner_id: str
    per_minute: int = PER_MINUTE


_WORDS: dict[Refusal, tuple[str, str]] = {
    Refusal.MISSING: (
        "En-têtes Signature-Input et Signature attendus.",
        "Signature-Input and Signature headers expected.",
    ),
    Refusal.MALFORMED: ("La signature est illisible.", "The signature cannot be read."),
    Refusal.NOT_COVERED: (
        "La signature doit couvrir @method, @path et content-digest.",
        "The signature must cover @method, @path and content-digest.",
    ),
    Refusal.CLOCK: ("L'heure de signature est trop éloignée.", "The time of signing is too far away."),
    Refusal.DIGEST: (
        "Le condensat n'est pas celui du corps.",
        "The digest is not that of the body.",
    ),
    Refusal.SIGNATURE: ("La signature n'est pas la bonne.", "The signature is not the right one."),
}


@dataclass(frozen=True, slots=True)
class Partners:
    """The partners of a secret: `{"<partner>": {"per_minute": 60, "keys": {"<key id>": {"secret": "<base64>",
    "not_after": "2027-01-31T00:00:00Z"}}}}`; `per_minute` and `not_after` may be left out.
    """

    secrets: Secrets
    secret_id: str

    def key(self, key_id: str, now: datetime) -> tuple[Partner, bytes] | None:
        """The partner of a live key, and its secret; None where there is none."""
        for partner_id, of in self._all().items():
            found = of.get("keys", {}).get(key_id)
            if found is None:
                continue
            ends_at = found.get("not_after")
            if ends_at is not None and now >= datetime.fromisoformat(ends_at):
                return None
            secret = b64decode(found["secret"])
            if not secret:
                return None  # an empty secret would be anybody's
            return Partner(partner_id=partner_id, per_minute=of.get("per_minute", PER_MINUTE)), secret
        return None

    def _all(self) -> Mapping[str, Any]:
        try:
            text = self.secrets.get(self.secret_id)
        except LookupError:  # nobody was let in yet
            return {}
        found: Mapping[str, Any] = json.loads(text)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerVerifications:
    """What a partner may ask."""

    partners: Partners
    documents: Documents
    operations: Table
    clock: Clock
    random: Random

    def check(self, request: Request, *, number: str, code_end: str) -> Verification:
        """Whether a paper with this number, whose code ends so, is genuine. Never more than the paper says.

        Raises BadSignature, Replayed, TooManyRequests. One query, two reads where there is such a paper, and
        a transaction: the nonce, what was used of the minute, the audit entry.
        """
        now = self.clock()
        partner, nonce = self._signed(request, now)
        verification, document = self._found(number, code_end)
        self._account_for(partner, nonce, verification, document, now)
        return verification

    def _signed(self, request: Request, now: datetime) -> tuple[Partner, str]:
        try:
            signature = read_signature(request, now)
            found = self.partners.key(signature.key_id, now)
            # a made-up secret for a key that is not there: both take the same time
            partner, secret = found or (None, self.random(32))
            if not is_made_with(signature, secret) or partner is None:
                raise NotSigned(Refusal.SIGNATURE)
        except NotSigned as error:
            count("PartnerRefused")
            french, english = _WORDS[error.refusal]
            raise BadSignature(
                detail_fr=french,
                detail_en=english,
                errors=[{"field": "signature", "reason": error.refusal.value}],
            ) from error
        return partner, signature.nonce

    def _found(self, number: str, code_end: str) -> tuple[Verification, Document | None]:
        read = read_document_number(number)
        candidates = self.documents.codes_by_number(read) if read else []
        code = next((code for code in candidates if ends_verification_code(code, code_end)), None)
        if code is None:
            return Verification(validity=Validity.UNKNOWN), None
        found = self.documents.by_verification_code(code)
        verification = Verifications(self.documents, self.clock).of(found)
        return verification, found if isinstance(found, Document) else None

    def _account_for(
        self,
        partner: Partner,
        nonce: str,
        verification: Verification,
        document: Document | None,
        now: datetime,
    ) -> None:
        name = self.operations.name
        nonce_hash = hashlib.sha256(nonce.encode()).hexdigest()
        gone = int((now + 2 * TOLERANCE + timedelta(minutes=1)).timestamp())
        entry = AuditEntry(
            entry_id=new_id(self.random),
            at=now,
            action=Action.DOCUMENT_VERIFIED,
            actor=Actor(kind=ActorKind.PARTNER, id=partner.partner_id),
            subject=document.lease_id if document else partner.partner_id,
            residence_id=document.residence_id if document else None,
            details={"answer": verification.validity.value}
            | ({"document_id": document.document_id} if document else {}),
        )
        writes: list[Write] = [
            Put(
                table=name,
                item={**keys.partner_nonce(partner.partner_id, nonce_hash), "expires_at": gone},
                condition=NOT_THERE,
            ),
            Update(
                table=name,
                key=keys.partner_use(partner.partner_id, f"{now:%Y-%m-%dT%H:%M}"),
                expression="SET expires_at = :gone ADD used :one",
                condition="attribute_not_exists(used) OR used < :most",
                values={":gone": gone, ":one": 1, ":most": partner.per_minute},
            ),
            Audit(self.operations).recording(entry),
        ]
        try:
            transact(self.operations.client, writes, attempts=_TRIES)
        except ConditionFailed as failure:
            if failure.failed(0):
                raise Replayed from failure
            count("PartnerSlowed")
            raise TooManyRequests(retry_after=60 - now.second) from failure
