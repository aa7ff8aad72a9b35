"""Errors a caller can act on: each class carries its HTTP status and a public message in both languages."""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class Problem(Exception):
    """An answer of RFC 9457. Subclasses sit beside the rule they serve; none ever holds personal data."""

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "bad-request"
    title: ClassVar[Mapping[str, str]] = {"fr": "Demande incorrecte", "en": "Bad request"}

    def __init__(
        self,
        *,
        detail_fr: str = "",
        detail_en: str = "",
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, object]] = (),
    ) -> None:
        super().__init__(self.slug)
        self.detail = {"fr": detail_fr, "en": detail_en}
        self.headers = dict(headers or {})
        self.errors = list(errors)

    def document(self, language: str) -> dict[str, object]:
        """The `application/problem+json` body in `fr` or `en`."""
        body: dict[str, object] = {
            "type": f"urn:sesame:problem:{self.slug}",
            "title": self.title[language],
            "status": self.status,
        }
        if self.detail[language]:
            body["detail"] = self.detail[language]
        if self.errors:
            body["errors"] = self.errors
        return body


class Unauthenticated(Problem):
    """No session, or one that has ended."""

    status = 401
    slug = "unauthenticated"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Connectez-vous pour continuer",
        "en": "Sign in to continue",
    }


class Forbidden(Problem):
    """Signed in, but not allowed."""

    status = 403
    slug = "forbidden"
    title: ClassVar[Mapping[str, str]] = {"fr": "Accès refusé", "en": "Not allowed"}


class NotFound(Problem):
    """Nothing there, or nothing that this caller may see: both look the same."""

    status = 404
    slug = "not-found"
    title: ClassVar[Mapping[str, str]] = {"fr": "Introuvable", "en": "Not found"}


class Conflict(Problem):
    """The request meets a state that does not allow it."""

    status = 409
    slug = "conflict"
    title: ClassVar[Mapping[str, str]] = {"fr": "Demande en conflit avec l'état actuel", "en": "Conflict"}


class TooLarge(Problem):
    """The body is over its limit."""

    status = 413
    slug = "too-large"
    title: ClassVar[Mapping[str, str]] = {"fr": "Contenu trop volumineux", "en": "Content too large"}


class UnsupportedMedia(Problem):
    """The body's type is not one that this route takes."""

    status = 415
    slug = "unsupported-media-type"
    title: ClassVar[Mapping[str, str]] = {"fr": "Format non pris en charge", "en": "Unsupported media type"}


class Invalid(Problem):
    """The body or a parameter breaks a rule; `errors` names each."""

    status = 422
    slug = "invalid"
    title: ClassVar[Mapping[str, str]] = {"fr": "Données invalides", "en": "Invalid data"}


class TooManyRequests(Problem):
    """Too often; `Retry-After` says how long to wait. Given alike whether or not the person exists."""

    status = 429
    slug = "too-many-requests"
    title: ClassVar[Mapping[str, str]] = {"fr": "Trop de tentatives", "en": "Too many attempts"}

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(
            detail_fr=f"Réessayez dans {retry_after} secondes.",
            detail_en=f"Try again in {retry_after} seconds.",
            headers={"Retry-After": str(retry_after)},
        )


class Unavailable(Problem):
    """Something that we depend on does not answer; nothing was lost, the caller may try again."""

    status = 503
    slug = "unavailable"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Service momentanément indisponible",
        "en": "Service unavailable for the moment",
    }


class InternalError(Problem):
    """Our own fault; the log has the reference."""

    status = 500
    slug = "internal-error"
    title: ClassVar[Mapping[str, str]] = {"fr": "Erreur interne", "en": "Internal error"}
