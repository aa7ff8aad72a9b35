"""A person's right to their data: everything the tables hold on them, and their documents, in one zip.

The file is written to disk a page at a time, however much there is. What leaves is named, field by field:
what is not named stays, so that no hash, cipher or key of ours ever goes with it.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from botocore.exceptions import ClientError

from sesame.domain.attachments import Side
from sesame.domain.certificates import SHOWS_THE_CODE, DocumentStatus
from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound
from sesame.platform.ids import Random, new_id
from sesame.platform.logs import count
from sesame.platform.secrets import Pepper
from sesame.services.documents import LINK_SECONDS
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.attachments import Attachments, attachment_item
from sesame.store.audit import Action
from sesame.store.data_exports import ASK_AGAIN_AFTER, DataExport, DataExports, ExportStatus
from sesame.store.table import Item, Table

MOST_BYTES = 400 * 1024 * 1024
"""Of documents in one export: the function's disk is bounded, and a tenancy's papers are far below."""
DATA, READ_ME = "donnees.json", "LISEZMOI.txt"

SHOWN: dict[str, str] = {
    "person": "person_id family_name given_names birth_date ine email phone language hold "
    "reminders_by courtesy_reminders courtesy_changed_at unusable_email unusable_sms",
    "session": "lease_id created_at last_seen_at expires_at device",
    "erasure": "lease_id asked_at state begun_at erases waits_for",
    "export": "export_id lease_id asked_at status expires_at",
    "lease": "lease_id residence_id reference tenant_reference room starts_on ends_on "
    "rent_cents charges_cents deposit_cents code_tail code_rotated_at status terms departure renewed_from",
    "change": "change_id event at by_kind by effective_on ends_on room difference_cents corrected "
    "surcharges_reversed_cents import_id",
    "residence": "residence_id name address postal_code city time_zone desk_contact",
    "account": "balance_cents credit_cents outstanding unmatched adjustments renewal_block_waived "
    "reminder_hold payment_plan",
    "payment_plan": "plan_id debts instalments agreed_on agreed_at agreed_by document_id cancelled_at "
    "cancelled_by cancel_reason",
    "entry": "entry_id kind amount_cents effective_at period due_on designated reverses corrects source "
    "starts_on ends_on lines recorded_at method number credits withdraws replaced_by label reason by",
    "adjustment": "adjustment_id amount_cents label reason by waits recorded_at",
    "payment": "payment_id provider provider_reference amount_cents currency designated created_at "
    "state paid_at flags events posted overpaid_cents",
    "taking": "taking_id method purpose amount_cents received_on recorded_at recorded_by reference "
    "designated import_id document_id reversal",
    "aid": "period amount_cents taking_id notes reversed monthly_cents aid set_by set_at",
    "deposit": "held_cents",
    "deposit_return": "return_id held_cents deductions returned_cents method reference returned_on "
    "recorded_at recorded_by reversal",
    "refund": "refund_id amount_cents state requested_at not_before decided_at refused_because iban holder "
    "transfer_reference parts",
    "payment_link": "link_id cap_cents created_at ends_at revoked_at tries expires_at",
    "document": "document_id kind language period status validity validity_reason validity_since replaced_by "
    "number verification_code issued_on "
    "created_at asked_at ready_at expires_at",
    "thread": "thread_id category subject created_at created_by last_at state messages last_by read_by "
    "waiting_since first_answer_at first_answer_seconds assigned_to closed_at closed_by repair expires_at",
    "thread_message": "number at side author body attachments step expires_at",
    "attachment": "attachment_id file_name side uploaded_by created_at delete_at state attached_to file_type "
    "size refused_because",
    "message": "message_id kind channel cause state created_at accepted_at delivered_at failed_at failure "
    "complained_at sent_again_at told_in changed_at expires_at",
    "task": "task_id kind raised_at details outcome closed_at closed_by expires_at",
    "social_file": "year lease_id state echelon decided_on pieces changed_at expires_at",
    "enrolment": "year university status recorded_at recorded_by expires_at",
    "renewal": "campaign_id state reminded_on answered_at decided",
    "warning": "warning_id given_on rule recorded_at recorded_by withdrawn_at",
    "sharing": "kind agreed decided_at how",
    "transmission": "transmission_id kind recipient_name period number change built_at reference "
    "document_id consented_at state reason acknowledged_at expires_at",
    "audit": "entry_id at action actor_kind actor_id details expires_at",
}
"""The fields of each kind of item that leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportShown:
    """An export, and a link to its file once that is there."""

    export: DataExport
    url: str | None


@dataclass(frozen=True, slots=True)
class ExportRequests:
    """What a tenant may do: ask, and look."""

    exports: DataExports
    pepper: Pepper
    s3: Any
    bucket: str
    clock: Clock
    random: Random

    def ask(self, session: Session, *, source: str) -> DataExport:
        """An export to be made; or the one of the last day. One transaction; two more reads for a repeat."""
        now, person_id = self.clock().replace(microsecond=0), session.person.person_id
        export = DataExport(
            export_id=new_id(self.random),
            person_id=person_id,
            lease_id=session.lease.lease_id,
            object_key=f"exports/{new_id(self.random)}.zip",
            asked_at=now,
        )
        entry = session.deed(
            Action.DATA_EXPORTED,
            now,
            random=self.random,
            source=self.pepper.hash("source", source),
        )
        kept_id = self.exports.ask(export, entry)
        if kept_id == export.export_id:
            return export
        same = self.exports.get(kept_id)
        if same is None:
            raise NotFound
        if same.status is ExportStatus.REQUESTED and now - same.asked_at >= ASK_AGAIN_AFTER:
            self.exports.ask_again(same, now)
        return same

    def of(self, session: Session, export_id: str) -> ExportShown:
        """One of the person's exports. Raises NotFound for any other, and for one that is over. One read."""
        export = self.exports.get(export_id)
        if export is None or export.person_id != session.person.person_id:
            raise NotFound
        if export.expires_at <= self.clock():
            raise NotFound
        return ExportShown(export=export, url=self._url(export))

    def _url(self, export: DataExport) -> str | None:
        if export.status is not ExportStatus.READY:
            return None
        name = f"donnees-{export.asked_at:%Y-%m-%d}.zip"
        link = self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": export.object_key,
                "ResponseContentType": "application/zip",
                "ResponseContentDisposition": f'attachment; filename="{name}"',
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=LINK_SECONDS,
        )
        return str(link)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paper:
    """A document's file: where it lies, and its name in the zip."""

    object_key: str
    name: str


@dataclass(slots=True)
class _Papers:
    """What was met on the way through the tables: files to add, and those left out, by their names."""

    found: list[_Paper] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    """Erased while the zip was made, or missing for a reason that somebody should look into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportMaking:
    """Turns `data_export.requested` into a file."""

    exports: DataExports
    identity: Table
    money: Table
    documents: Table
    operations: Table
    s3: Any
    bucket: str
    clock: Clock
    most_bytes: int = MOST_BYTES
    folder: Path | None = None
    """Where the file is made: the system's place for such files by default."""

    def make(self, export_id: str) -> bool:
        """Writes the file and announces it; False where it was there already. Safe to repeat."""
        export = self.exports.get(export_id)
        if export is None or export.status is ExportStatus.READY:
            return False
        now = self.clock()
        with TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / "export.zip"
            papers = _Papers()
            with ZipFile(path, "w", ZIP_DEFLATED) as archive:
                with archive.open(_entry(DATA, now, ZIP_DEFLATED), "w", force_zip64=True) as out:
                    self._write_data(export, now, out, papers)
                self._add_papers(archive, now, papers)
                archive.writestr(_entry(READ_ME, now, ZIP_DEFLATED), read_me(papers.too_large, papers.gone))
            with path.open("rb") as file:
                self.s3.put_object(
                    Bucket=self.bucket, Key=export.object_key, Body=file, ContentType="application/zip"
                )
        is_made = self.exports.mark_ready(export, now)
        if not is_made and self.exports.get(export_id) is None:  # an erasure came between
            self.s3.delete_object(Bucket=self.bucket, Key=export.object_key)
        return is_made

    def _write_data(self, export: DataExport, now: datetime, out: IO[bytes], papers: _Papers) -> None:
        pk = keys.person(export.person_id)["pk"]
        person = self.identity.get(keys.person(export.person_id))
        if person is None:
            raise LookupError("an export without its person")
        pointers = list(self.identity.query_all(pk, "LEASE#"))
        erasure = self.identity.get(keys.person_erasure(export.person_id))
        sections: list[tuple[str, Any]] = [
            ("generated_at", now.isoformat()),
            ("person", shown("person", person)),
            ("sessions", (shown("session", item) for item in self.identity.query_all(pk, "SESSION#"))),
            ("erasure", shown("erasure", erasure) if erasure else None),
            ("sharing", [shown("sharing", one) for one in self.identity.query_all(pk, "SHARING#")]),
            (
                "social_files",
                (
                    shown("social_file", item)
                    for item in self.identity.query_all(*keys.social_files_of(export.person_id))
                ),
            ),
            (
                "enrolments",
                (
                    shown("enrolment", item)
                    for item in self.identity.query_all(*keys.enrolments_of(export.person_id))
                ),
            ),
            ("exports", [shown("export", self.operations.get(keys.data_export(export.export_id)) or {})]),
        ]
        _write_object(
            out, [*sections, ("leases", (self._lease(one["lease_id"], papers) for one in pointers))]
        )

    def _lease(self, lease_id: str, papers: _Papers) -> list[tuple[str, Any]]:
        """A lease's sections; whatever there may be many of is read while it is written."""
        lease = self.identity.get(keys.lease(lease_id)) or {}
        residence = self.identity.get(keys.residence(lease.get("residence_id", "-"))) or {}
        account = self.money.get(keys.account(lease_id))
        pk = keys.account(lease_id)["pk"]
        return [
            ("lease", shown("lease", lease)),
            ("changes", self._of_lease("change", lease_id)),
            ("residence", shown("residence", residence)),
            ("account", shown("account", account) if account else None),
            ("notices", (shown("entry", item) for item in self.money.query_all(pk, "NOTICE#"))),
            ("adjustments", (shown("adjustment", item) for item in self.money.query_all(pk, "ADJUSTMENT#"))),
            ("entries", (shown("entry", item) for item in self.money.query_all(pk, "ENTRY#"))),
            (
                "payment_plans",
                (shown("payment_plan", item) for item in self.money.query_all(keys.payment_plans(lease_id))),
            ),
            (
                "payments",
                (
                    shown("payment", item)
                    for item in self.money.query_all(
                        keys.payments_of_lease(lease_id), "PAYMENT#", index=keys.GSI1
                    )
                ),
            ),
            (
                "refunds",
                (
                    shown("refund", item)
                    for item in self.money.query_all(keys.refunds_of(lease_id), "REFUND#")
                ),
            ),
            (
                "payment_links",
                (
                    shown("payment_link", item)
                    for item in self.money.query_all(
                        keys.payments_of_lease(lease_id), "LINK#", index=keys.GSI1
                    )
                ),
            ),
            (
                "takings",
                (
                    shown("taking", item)
                    for item in self.money.query_all(keys.takings_of_lease(lease_id), index=keys.GSI1)
                ),
            ),
            (
                "aid",
                (shown("aid", item) for item in self.money.query_all(keys.expected_aid(lease_id)["pk"])),
            ),
            (
                "deposit",
                (
                    shown("deposit" if item["sk"] == "DEPOSIT" else "deposit_return", item)
                    for item in self.money.query_all(keys.deposit(lease_id)["pk"])
                ),
            ),
            ("renewals", self._of_lease("renewal", lease_id)),
            ("warnings", self._of_lease("warning", lease_id)),
            ("documents", self._documents(lease_id, papers)),
            ("threads", self._threads(lease_id)),
            ("attachments", self._attachments(lease_id, papers)),
            (
                "messages",
                (
                    shown("message", item)
                    for item in self.operations.query_all(keys.messages_of_lease(lease_id), index=keys.GSI1)
                ),
            ),
            ("tasks", (shown("task", item) for item in self._tasks(lease_id, residence))),
            (
                "transmissions",
                (
                    shown("transmission", item)
                    for item in self.operations.query_all(
                        keys.transmitted_of_lease(lease_id), index=keys.GSI1
                    )
                ),
            ),
            (
                "audit",
                (shown("audit", item) for item in self.operations.query_all(keys.audit_of(lease_id))),
            ),
        ]

    def _of_lease(self, kind: str, lease_id: str) -> Iterator[dict[str, Any]]:
        """What the lease's own partition holds of a kind."""
        for item in self.identity.query_all(keys.lease(lease_id)["pk"], f"{kind.upper()}#"):
            yield shown(kind, item)

    def _tasks(self, lease_id: str, residence: Item) -> Iterator[Item]:
        """What staff have to see to of a lease, and had: filed by residence while open, then by lease."""
        for item in self.operations.query_all(
            keys.open_tasks(residence.get("residence_id", "-")), index=keys.GSI1
        ):
            if item.get("lease_id") == lease_id:
                yield item
        yield from self.operations.query_all(keys.closed_tasks(lease_id), index=keys.GSI1)

    def _documents(self, lease_id: str, papers: _Papers) -> Iterator[dict[str, Any]]:
        for item in self.documents.query_all(keys.documents_of_lease(lease_id), index=keys.GSI1):
            file = None
            if item["status"] == DocumentStatus.READY and item["kind"] not in SHOWS_THE_CODE:
                file = f"documents/{item['kind']}-{item['number']}.pdf"
                papers.found.append(_Paper(object_key=item["object_key"], name=file))
            yield shown("document", item) | {"states": json.loads(item["facts"]), "file": file}

    def _threads(self, lease_id: str) -> Iterator[list[tuple[str, Any]]]:
        for item in self.documents.query_all(keys.threads_of(lease_id), "THREAD#"):
            said = self.documents.query_all(keys.messages_of_thread(item["thread_id"]))
            yield [
                *shown("thread", item).items(),
                ("written", (shown("thread_message", one) for one in said)),
            ]

    def _attachments(self, lease_id: str, papers: _Papers) -> Iterator[dict[str, Any]]:
        """Those that the person may look at: what staff have not sent is none of theirs yet."""
        for one in Attachments(self.documents).of_lease(lease_id):
            if not one.is_seen_by(Side.TENANT):
                continue
            file = None
            if one.file_type is not None:
                file = f"attachments/{one.attachment_id}.{one.file_type.extension}"
                papers.found.append(_Paper(object_key=one.object_key, name=file))
            yield shown("attachment", attachment_item(one)) | {"file": file}

    def _add_papers(self, archive: ZipFile, now: datetime, papers: _Papers) -> None:
        left = self.most_bytes
        for paper in papers.found:
            answer = self._stored(paper)
            if answer is None:
                papers.gone.append(paper.name)
                continue
            with answer["Body"] as body:
                if answer["ContentLength"] > left:
                    papers.too_large.append(paper.name)
                    continue
                left -= answer["ContentLength"]
                with archive.open(_entry(paper.name, now, ZIP_STORED), "w", force_zip64=True) as out:
                    shutil.copyfileobj(body, out)
        if left_out := len(papers.too_large) + len(papers.gone):
            count("ExportLeftDocumentsOut", left_out)

    def _stored(self, paper: _Paper) -> Any:
        """The file, or None where it is not there. S3 says so to who may list the bucket."""
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=paper.object_key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None


def shown(kind: str, item: Item) -> dict[str, Any]:
    """The fields of an item that leave, in their order; times in epoch seconds as ISO 8601."""
    return {name: _plain(name, item[name]) for name in SHOWN[kind].split() if name in item}


def _plain(name: str, value: Any) -> Any:
    is_moment = isinstance(value, int) and name.endswith("_at")
    return datetime.fromtimestamp(value, UTC).isoformat() if is_moment else value


def _write_object(out: IO[bytes], sections: Iterable[tuple[str, Any]], indent: str = "") -> None:
    """Writes an object whose values may be generators, without ever holding more than one of their items."""
    inner = indent + " "
    out.write(b"{")
    for number, (name, value) in enumerate(sections):
        out.write(f"{',' if number else ''}\n{inner}{json.dumps(name)}: ".encode())
        if isinstance(value, Iterator):
            _write_array(out, value, inner)
        else:
            out.write(_dump(value, inner))
    out.write(f"\n{indent}}}".encode())


def _write_array(out: IO[bytes], items: Iterator[Any], indent: str) -> None:
    inner, number = indent + " ", -1
    out.write(b"[")
    for number, item in enumerate(items):
        out.write(f"{',' if number else ''}\n{inner}".encode())
        if isinstance(item, Mapping):
            out.write(_dump(item, inner))
        else:
            _write_object(out, item, inner)
    out.write(f"\n{indent}]".encode() if number >= 0 else b"]")


def _dump(value: Any, indent: str) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).replace("\n", f"\n{indent}").encode()


def _entry(name: str, at: datetime, compression: int) -> ZipInfo:
    """A member of the zip, dated; readable by its owner alone once unpacked."""
    member = ZipInfo(name, at.timetuple()[:6])
    member.compress_type = compression
    member.external_attr = 0o600 << 16
    return member


def read_me(too_large: Sequence[str] = (), gone: Sequence[str] = ()) -> str:
    """What is in the file, in French and in English; and which documents are not, by the names they had."""
    french, english = _FRENCH, _ENGLISH
    if too_large:
        french += f"\nTrop volumineux pour ce fichier ; demandez-les à l'accueil :\n{_listed(too_large)}\n"
        english += f"\nToo large for this file; ask for them at the reception desk:\n{_listed(too_large)}\n"
    if gone:
        french += f"\nPlus conservés au moment de la copie :\n{_listed(gone)}\n"
        english += f"\nNo longer kept when the copy was made:\n{_listed(gone)}\n"
    return f"{french}\n{'-' * 70}\n\n{english}"


def _listed(names: Sequence[str]) -> str:
    return "\n".join(f"  {name}" for name in names)


_FRENCH = """VOS DONNÉES

donnees.json   Tout ce que nous tenons sur vous. Les noms des champs sont en anglais ; les montants sont
               en centimes d'euro, les heures en temps universel (UTC).
  person       votre identité et vos coordonnées
  sessions     vos connexions en cours
  erasure      votre demande d'effacement, s'il y en a une
  sharing      ce que vous avez accepté ou refusé de faire connaître à d'autres
  social_files votre dossier social étudiant, année par année : où il en est, les pièces demandées
  enrolments   vos inscriptions, telles que votre établissement nous les a dites
  exports      cette demande de copie
  leases       vos séjours, et pour chacun :
    lease      ses conditions
    changes    ce qui a été décidé de votre bail, quand et par qui ; le personnel y est un numéro
    residence  la résidence
    account    le solde ; au-dessus de zéro, vous le devez ; ce qui suspend les relances, s'il y a lieu
    notices    les avis d'échéance, y compris ceux qu'un avoir a annulés
    adjustments  ce que le personnel a ajouté à vos avis, ou en a retiré, et pourquoi
    entries    les autres écritures du compte : paiements, remboursements, corrections
    payment_plans  les échelonnements convenus avec vous, ceux qui ont pris fin compris
    payments   vos paiements en ligne et ce que le prestataire en a dit
    refunds    les remboursements que vous avez demandés
    payment_links  les liens de paiement que vous avez créés, sans leur adresse, que nous ne gardons pas
    takings    ce que l'accueil, votre banque ou la CAF nous ont remis pour vous
    aid        l'aide au logement que la CAF nous a versée, et celle qui est attendue
    deposit    votre dépôt de garantie : ce que nous en détenons, et ce qui a été rendu
    renewals   vos réponses aux campagnes de renouvellement, et ce qui a été décidé
    warnings   les avertissements, ceux qui ont été retirés compris
    documents  vos documents et ce que chacun atteste ; « file » nomme le fichier joint
    threads    vos échanges avec l'équipe de la résidence ; un membre du personnel y est un numéro
    attachments  les fichiers de ces échanges ; « file » nomme le fichier joint
    messages   les messages envoyés : quand et pourquoi, sans leur texte, que nous ne gardons pas
    tasks      ce que le personnel a eu à régler pour vous, par exemple une adresse qui ne répond plus
    transmissions  ce qui a été préparé pour la CAF ou votre université, et leur réponse
    audit      qui a fait quoi sur votre séjour ; un membre du personnel y est un numéro
documents/     Vos documents, au format PDF.
attachments/   Les fichiers de vos échanges.

Ce qui n'y est pas : votre code locataire, dont seuls les deux derniers signes figurent ici, car il ouvre
votre espace, et les documents qui le montrent (votre document d'entrée, que votre espace vous donne ; les
fiches remises à l'accueil) ; les empreintes et les clés qui le protègent ; les demandes de connexion en
cours, qui s'effacent en dix minutes ; les avis bruts des prestataires de paiement, qui ne sont pas classés
par personne et dont le contenu utile est sous payments.
"""

_ENGLISH = """YOUR DATA

donnees.json   All that we hold about you. Amounts are in euro cents, times in UTC.
  person       your identity and contact details
  sessions     where you are signed in
  erasure      your request for erasure, if there is one
  sharing      what you agreed to have told to others, or refused
  social_files your student social file, year by year: where it stands, the pieces asked for
  enrolments   your enrolments, as your university told them
  exports      this request for a copy
  leases       your stays, and for each:
    lease      its terms
    changes    what was decided of your lease, when and by whom; a member of staff is a number there
    residence  the residence
    account    the balance; above zero, you owe it; what holds reminders back, where anything does
    notices    the rent notices, those too that a credit note has withdrawn
    adjustments  what staff added to your notices, or took off them, and why
    entries    the account's other entries: payments, refunds, corrections
    payment_plans  the payment plans agreed with you, those that have ended included
    payments   your online payments and what the provider said of them
    refunds    the refunds that you asked for
    payment_links  the payment links that you made, without their addresses, which we do not keep
    takings    what the reception, your bank or the CAF handed us for you
    aid        the housing benefit that the CAF paid us, and what is expected
    deposit    your deposit: what we hold of it, and what was given back
    renewals   your answers in renewal campaigns, and what was decided
    warnings   warnings, those taken back included
    documents  your documents and what each states; "file" names the file that is enclosed
    threads    your conversations with those who manage the residence; a member of staff is a number there
    attachments  the files of these conversations; "file" names the file that is enclosed
    messages   the messages sent: when and why, without their text, which we do not keep
    tasks      what staff had to see to for you, for instance an address that no longer works
    transmissions  what was prepared for the CAF or your university, and their answer
    audit      who did what to your stay; a member of staff is a number there
documents/     Your documents, as PDF.
attachments/   The files of your conversations.

What is not here: your tenant code, of which only the last two symbols appear, since it opens your space, and
the documents that show it (your entry document, which your space gives you; slips handed over at the desk);
the hashes and keys that protect it; sign-ins under way, which are forgotten within ten minutes; payment
providers' raw notifications, which are not filed by person and whose useful content is under payments.
"""
