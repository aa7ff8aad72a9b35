"""Takes files in, some rows at a time, as the queue asks: leases, what became of them, studies."""

from secrets import token_bytes

from sesame.domain.codes import CodeFormats
from sesame.domain.lease_change_files import read_amendment_file, read_departure_file
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import Event, batch_handler
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.admissions import Admissions
from sesame.services.file_imports import StoredFiles
from sesame.services.lease_change_imports import LeaseChangeWorker
from sesame.services.lease_imports import ImportWorker
from sesame.services.lease_life import LeaseLife
from sesame.services.lease_terms import LeaseTerms
from sesame.services.social_files import SocialFileChanges
from sesame.services.study_imports import EnrolmentWorker, SocialFileWorker
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.imports import FileKind, Imports
from sesame.store.lease_changes import LeaseChanges
from sesame.store.people import People
from sesame.store.social_files import Enrolments, SocialFiles
from sesame.store.table import Table


class ImportSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
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
identity, operations = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.operations_table)
people, audit = People(identity, pepper), Audit(operations)
imports, files = Imports(operations), StoredFiles(client("s3"), settings.bucket)
worker = ImportWorker(
    imports=imports,
    files=files,
    admissions=Admissions(
        people=people,
        audit=audit,
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
enrolments = EnrolmentWorker(
    imports=imports,
    files=files,
    sqs=client("sqs"),
    queue_url=settings.import_queue_url,
    people=people,
    audit=audit,
    clock=utc_now,
    random=token_bytes,
    enrolments=Enrolments(identity),
)
social_files = SocialFileWorker(
    imports=imports,
    files=files,
    sqs=client("sqs"),
    queue_url=settings.import_queue_url,
    people=people,
    audit=audit,
    clock=utc_now,
    random=token_bytes,
    changes=SocialFileChanges(SocialFiles(identity), audit),
)
life = LeaseLife(
    terms=LeaseTerms(
        people=people, books=Bookkeeping(Accounts(Table(dynamodb, settings.money_table)), utc_now)
    ),
    changes=LeaseChanges(identity),
    audit=audit,
)
amendments, departures = (
    LeaseChangeWorker(
        imports=imports,
        files=files,
        sqs=client("sqs"),
        queue_url=settings.import_queue_url,
        life=life,
        random=token_bytes,
        reader=reader,
    )
    for reader in (read_amendment_file, read_departure_file)
)


def consume(event: Event) -> None:
    """Each kind of file has a worker of its own; an event of before there were kinds is about leases."""
    match event.data.get("kind", FileKind.LEASES):
        case FileKind.ENROLMENTS:
            enrolments.consume(event)
        case FileKind.SOCIAL_FILES:
            social_files.consume(event)
        case FileKind.AMENDMENTS:
            amendments.consume(event)
        case FileKind.DEPARTURES:
            departures.consume(event)
        case _:
            worker.consume(event)


handler = batch_handler(consume)
