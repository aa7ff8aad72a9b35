"""Lease files and the services that take them in, built on the in-process AWS."""

import copy
import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from secrets import token_bytes
from types import SimpleNamespace
from typing import Any

import pytest
from moto.dynamodb import models as moto_models
from moto.dynamodb.models.table import Table as MotoTable

from sesame.domain.codes import CodeFormats
from sesame.domain.lease_files import HEADERS, Column
from sesame.domain.scope import EVERYWHERE
from sesame.platform.clock import Clock
from sesame.platform.events import event_of
from sesame.platform.secrets import Pepper, Secrets
from sesame.services.admissions import Admissions
from sesame.services.deeds import Deeds
from sesame.services.file_imports import StoredFiles
from sesame.services.lease_imports import ImportWorker, LeaseImports
from sesame.services.staff import Role, Staff
from sesame.store.audit import Audit
from sesame.store.imports import Imports
from sesame.store.people import People

MANAGER = Staff(staff_id="manager-1", groups=frozenset({Role.MANAGER}), scope=EVERYWHERE)
DESK = Staff(staff_id="desk-1", groups=frozenset({Role.DESK}), scope=EVERYWHERE)
NETWORK = "192.0.2.1"

CELLS: dict[Column, str] = {
    Column.RESIDENCE: "Les Tanneurs",
    Column.ADDRESS: "14 rue des Tanneurs",
    Column.POSTAL_CODE: "69005",
    Column.CITY: "Lyon",
    Column.ROOM: "C209",
    Column.FAMILY_NAME: "Nguyễn",
    Column.GIVEN_NAMES: "Zoé",
    Column.BIRTH_DATE: "18/01/2000",
    Column.PHONE: "06 39 98 12 34",
    Column.LANGUAGE: "fr",
    Column.STARTS_ON: "01/09/2026",
    Column.ENDS_ON: "31/08/2027",
    Column.RENT: "351,94",
    Column.CHARGES: "35,60",
    Column.DEPOSIT: "351,94",
    Column.TENANT_CODE: "",
}


def cells_of(number: int, **changed: str) -> dict[Column, str]:
    """The cells of a good row; each number is another tenant and lease. `changed` by column value."""
    own = {
        Column.REFERENCE: f"L{number:06}",
        Column.INE: f"{number:09}AB",
        Column.EMAIL: f"tenant.{number}@example.org",
    }
    return CELLS | own | {Column(name): cell for name, cell in changed.items()}


def lease_file(rows: Iterable[dict[Column, str]], encoding: str = "utf-8-sig") -> bytes:
    """A file as a spreadsheet would write it."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([HEADERS[column][0] for column in Column])
    writer.writerows([row[column] for column in Column] for row in rows)
    return out.getvalue().encode(encoding)


def without_table_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares moto the copy of the whole table that it takes for each item of each transaction.

    The copy serves to undo a transaction that fails, so this is only for tests where none does.
    """

    def deepcopy(value: Any) -> Any:
        return value if isinstance(value, MotoTable) else copy.deepcopy(value)

    monkeypatch.setattr(moto_models, "copy", SimpleNamespace(deepcopy=deepcopy, copy=copy.copy))


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Everything an import needs, and its queue, worked by hand."""

    aws: Any
    people: People
    admissions: Admissions
    imports: LeaseImports
    worker: ImportWorker
    queue_url: str

    def announce(self, import_id: str) -> None:
        """Puts on the queue what the outbox would, from the item itself."""
        item = self.aws.operations.get({"pk": f"IMPORT#{import_id}", "sk": "IMPORT"})
        envelope = {"detail-type": item["announce"]["type"], "detail": item["announce"]}
        self.aws.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(envelope))

    def messages(self) -> list[str]:
        """Takes every message off the queue."""
        bodies: list[str] = []
        while True:
            batch = self.aws.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
                "Messages"
            )
            if not batch:
                return bodies
            for message in batch:
                self.aws.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(message["Body"])

    def work(self, order: Callable[[list[str]], list[str]] = list) -> None:
        """Consumes messages until the queue is empty, each batch in the given order."""
        while bodies := self.messages():
            for body in order(bodies):
                self.worker.consume(event_of(body))

    def import_file(self, data: bytes, staff: Staff = MANAGER) -> Any:
        """Takes a file in and works it through: its report."""
        import_id = self.imports.take(data, staff, NETWORK).import_id
        self.announce(import_id)
        self.work()
        return self.imports.report(import_id, staff)


def desk_on(aws: Any, clock: Clock) -> Desk:
    """The desk's services on an in-process AWS."""
    queue_url = aws.sqs.create_queue(QueueName="imports")["QueueUrl"]
    people, audit = People(aws.identity, aws.pepper), Audit(aws.operations)
    admissions = Admissions(
        people=people,
        audit=audit,
        pepper=aws.pepper,
        kms=aws.kms,
        codes_key=aws.codes_key,
        operator_name="Opérateur d'essai",
        clock=clock,
        random=token_bytes,
        pause=lambda _seconds: None,
        formats=CodeFormats(imported="10C[0-9]{5}"),
    )
    store, files = Imports(aws.operations), StoredFiles(aws.s3, aws.bucket)
    return Desk(
        aws=aws,
        people=people,
        admissions=admissions,
        imports=LeaseImports(
            imports=store,
            files=files,
            audit=audit,
            deeds=Deeds(
                pepper=Pepper(Secrets(aws.secrets), aws.pepper_secret), clock=clock, random=token_bytes
            ),
            clock=clock,
            random=token_bytes,
        ),
        worker=ImportWorker(
            imports=store, files=files, admissions=admissions, sqs=aws.sqs, queue_url=queue_url
        ),
        queue_url=queue_url,
    )
