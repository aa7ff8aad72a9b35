"""Takes a file of leases in, some rows at a time, as the queue asks."""

from secrets import token_bytes

from sesame.domain.codes import CodeFormats
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import batch_handler
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.admissions import Admissions
from sesame.services.file_imports import StoredFiles
from sesame.services.lease_imports import ImportWorker
from sesame.store.audit import Audit
from sesame.store.imports import Imports
from sesame.store.people import People
from sesame.store.table import Table


class ImportSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    bucket: str
    pepper_secret: str
    codes_key: str
    operator_name: str
    code_formats: str = ""
    imported_codes: str = ""
    default_provider: str = ""
    import_queue_url: str


settings = ImportSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
worker = ImportWorker(
    imports=Imports(Table(dynamodb, settings.operations_table)),
    files=StoredFiles(client("s3"), settings.bucket),
    admissions=Admissions(
        people=People(Table(dynamodb, settings.identity_table), pepper),
        audit=Audit(Table(dynamodb, settings.operations_table)),
        pepper=pepper,
        kms=client("kms"),
        codes_key=settings.codes_key,
        operator_name=settings.operator_name,
        clock=utc_now,
        random=token_bytes,
        formats=CodeFormats.of(settings.code_formats, settings.imported_codes),
        default_provider=settings.default_provider,
    ),
    sqs=client("sqs"),
    queue_url=settings.import_queue_url,
)

handler = batch_handler(worker.consume)
