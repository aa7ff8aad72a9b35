"""Documents' facts to PDF: the queue of requested documents."""

from sesame.documents.render import Renderer
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.events import Event, batch_handler
from sesame.platform.secrets import Secrets
from sesame.platform.settings import Settings
from sesame.services.rendering import Rendering
from sesame.services.two_d_docs import TwoDDocs
from sesame.store.documents import Documents
from sesame.store.table import Table


class RenderSettings(Settings):
    """What this function is given."""

    documents_table: str
    bucket: str
    codes_key: str
    two_d_doc_key: str
    two_d_doc_certificate_secret: str
    portal_url: str


settings = RenderSettings.from_env()
documents = Documents(Table(client("dynamodb"), settings.documents_table))
rendering = Rendering(
    documents,
    Renderer(settings.portal_url),
    Later("kms"),  # for the few that print a code
    settings.codes_key,
    Later("s3"),
    settings.bucket,
    utc_now,
    TwoDDocs(
        documents=documents,
        kms=client("kms"),
        key=settings.two_d_doc_key,
        secrets=Secrets(Later("secretsmanager")),
        certificate_secret=settings.two_d_doc_certificate_secret,
    ),
)


def render(event: Event) -> None:
    """One `document.requested`."""
    rendering.render(event["document_id"], event.data.get("object_key"))


handler = batch_handler(render)
