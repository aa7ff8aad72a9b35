"""Rendered documents to sealed ones: the queue of documents to seal.

A function of its own: pyHanko takes longer to load than WeasyPrint, and the sealing key is nobody else's.
"""

from sesame.documents.seal import KmsSealer
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import Event, batch_handler
from sesame.platform.secrets import Secrets
from sesame.platform.settings import Settings
from sesame.services.sealing import Sealing
from sesame.store.documents import Documents
from sesame.store.table import Table


class SealSettings(Settings):
    """What this function is given."""

    documents_table: str
    bucket: str
    seal_key: str
    seal_certificate_secret: str
    timestamp_url: str = ""


settings = SealSettings.from_env()
sealing = Sealing(
    documents=Documents(Table(client("dynamodb"), settings.documents_table)),
    sealer=KmsSealer(
        kms=client("kms"),
        key=settings.seal_key,
        secrets=Secrets(client("secretsmanager")),
        certificate_secret=settings.seal_certificate_secret,
        timestamp_url=settings.timestamp_url,
    ),
    s3=client("s3"),
    bucket=settings.bucket,
    clock=utc_now,
)


def seal(event: Event) -> None:
    """One `document.rendered`."""
    sealing.seal(event["document_id"], event.data.get("object_key"))


handler = batch_handler(seal)
