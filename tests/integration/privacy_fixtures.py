"""A tenant of whom everything is on record, and all that copies or erases it, on one account."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from secrets import token_bytes
from typing import Any

from sesame.domain.attachments import Side
from sesame.domain.certificates import Kind, Tenancy, residence_facts
from sesame.domain.lease_life import LifeEvent
from sesame.domain.payments import Payment
from sesame.domain.plans import AgreedPlan, Instalment
from sesame.domain.reminders import Hold, HoldKind, HoldReason
from sesame.domain.renewals import RenewalState, Warned
from sesame.domain.scope import EVERYWHERE
from sesame.domain.social_file import FileStep, News, PieceKind, SocialFile, Wanted, told
from sesame.domain.studies import EnrolmentStatus
from sesame.domain.tenancy import Language, LeaseStatus
from sesame.domain.threads import ThreadCategory
from sesame.platform.ids import new_id
from sesame.services.attachments import AttachmentChecking, AttachmentDesk
from sesame.services.confirming import Confirming
from sesame.services.data_exports import ExportMaking, ExportRequests
from sesame.services.desk_recovery import DeskRecoveries, DeskRequest, IdKind
from sesame.services.documents import CodeSlips, EntryDocuments, Order, keep
from sesame.services.erasures import Dossiers, ErasureRequests, ErasureRun
from sesame.services.one_time_codes import OneTimeCode
from sesame.services.rotation import Rotations
from sesame.services.sessions import Session
from sesame.services.social_files import new_enrolment
from sesame.services.staff import Role, Staff
from sesame.services.step_up import Purpose, StepUp
from sesame.services.threads import Author, Place, Talk, Topic, Words
from sesame.store import keys
from sesame.store.attachments import Attachments
from sesame.store.audit import Action, ActorKind, Audit, by_staff
from sesame.store.challenges import Challenges
from sesame.store.data_exports import DataExport, DataExports
from sesame.store.documents import Documents
from sesame.store.erasures import Erasure, Erasures
from sesame.store.lease_changes import LeaseChange, LeaseChanges
from sesame.store.messages import Message, MessageState
from sesame.store.pacing import Pacing
from sesame.store.payment_plans import PaymentPlans, PlanRecord
from sesame.store.payments import Payments
from sesame.store.people import People
from sesame.store.renewals import Renewal, Renewals
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.social_files import Enrolments, SocialFiles
from sesame.store.table import Item, transact, unmarshal
from sesame.store.tasks import Task, TaskKind, TaskOutcome, Tasks, task_id_of
from sesame.store.threads import Threads
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import Office
from tests.integration.tenants import RESIDENCE, Tenant, admit, admit_again
from tests.unit.test_file_contents import PICTURES

DAY = timedelta(days=1)
TABLES = ("identity", "money", "documents", "operations")


class Bureau(Office):
    """Billing and mail, and a tenant's right to their data."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        self.documents = Documents(aws.documents)
        self.exports = DataExports(aws.operations)
        self.export_requests = ExportRequests(
            self.exports, aws.pepper, aws.s3, aws.bucket, clock, token_bytes
        )
        self.making = ExportMaking(
            exports=self.exports,
            identity=aws.identity,
            money=aws.money,
            documents=aws.documents,
            operations=aws.operations,
            s3=aws.s3,
            bucket=aws.bucket,
            clock=clock,
        )
        self.step_up = StepUp(
            Confirming(
                Challenges(aws.identity), Pacing(aws.identity), Audit(aws.operations), aws.pepper, token_bytes
            ),
            clock,
            token_bytes,
        )
        self.store = Erasures(aws.identity, aws.operations)
        dossiers = Dossiers(People(aws.identity, aws.pepper), aws.money)
        self.requests = ErasureRequests(self.store, dossiers, self.step_up, aws.pepper, clock, token_bytes)
        self.erasing = ErasureRun(
            erasures=self.store,
            dossiers=dossiers,
            documents=self.documents,
            exports=self.exports,
            operations=aws.operations,
            s3=aws.s3,
            bucket=aws.bucket,
            budget=timedelta(hours=1),
        )

    def tenant(self, **of_person: Any) -> Tenant:
        """Admitted, billed, paid up; with papers, a message, a payment and an audit entry."""
        tenant = admit(self.aws, **({"phone": "+33639981234"} | of_person))
        lease_id, now = tenant.lease.lease_id, self.clock()
        self.bill(datetime(2026, 9, 1, 3, tzinfo=UTC))
        self.pay(tenant, 45_000)
        self.aws.money.write(
            Payments(self.aws.money).creating(
                Payment(
                    payment_id=new_id(),
                    lease_id=lease_id,
                    residence_id=RESIDENCE.residence_id,
                    provider="sandbox",
                    amount_cents=45_000,
                    currency="EUR",
                    created_at=now,
                )
            )
        )
        message = Message(message_id=new_id(), kind="notice", cause={"lease_id": lease_id}, lease_id=lease_id)
        self.messages.skip(message, MessageState.SUPERSEDED, now)
        Audit(self.aws.operations).record(
            by_staff(
                Action.LEASE_ADMITTED,
                now,
                staff_id="staff-7",
                random=token_bytes,
                lease_id=lease_id,
                residence_id=RESIDENCE.residence_id,
                source=self.aws.pepper.hash("source", "192.0.2.7"),
            )
        )
        EntryDocuments(self.documents)(tenant.lease, tenant.person, RESIDENCE, now)
        self.paper(tenant)
        return tenant

    def study(self, tenant: Tenant) -> None:
        """A social file with a piece, an enrolment, an answer in a renewal campaign, and a warning."""
        now, lease = self.clock(), tenant.lease
        identity, year = self.aws.identity, "2026-2027"
        wanted = Wanted(kind=PieceKind.OTHER, label="Livret de famille", due_on=now.date())
        nothing = SocialFile(
            person_id=lease.person_id,
            year=year,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
        )
        asked = told(nothing, News(step=FileStep.ASK_FOR_PIECES, wanted=(wanted,)), now)
        enrolled = new_enrolment(lease.person_id, year, "Lyon 2", EnrolmentStatus.ENROLLED, now, "staff-7")
        renewal = Renewal(
            lease_id=lease.lease_id,
            person_id=lease.person_id,
            residence_id=lease.residence_id,
            campaign_id=new_id(),
            state=RenewalState.LEAVING,
        )
        warned = Warned(
            warning_id=new_id(),
            lease_id=lease.lease_id,
            given_on=now.date(),
            rule="Article 4",
            recorded_at=now,
            recorded_by="staff-7",
        )
        longer = LeaseChange(
            change_id=new_id(),
            lease_id=lease.lease_id,
            event=LifeEvent.EXTENDED,
            said="-",
            at=now,
            by_kind=ActorKind.STAFF,
            by="staff-7",
            effective_on=lease.ends_on,
            ends_on=lease.ends_on,
        )
        transact(
            self.aws.dynamodb,
            [
                LeaseChanges(identity).recording(longer, tells=False),
                SocialFiles(identity).saving(asked, None),
                Enrolments(identity).saving(enrolled),
                Renewals(identity).saving(renewal),
                Renewals(identity).giving(warned),
            ],
        )

    def plan_hold_change_and_tasks(self, tenant: Tenant) -> None:
        """A payment plan, reminders held, another room, a task for the desk that is open, one that is not."""
        now, lease = self.clock(), tenant.lease
        account = self.accounts.get(lease.lease_id)
        assert account is not None
        instalments = (Instalment(due_on=date(2026, 10, 15), amount_cents=45_000),)
        record = PlanRecord(
            plan_id=new_id(),
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            debts=("notice:2026-09",),
            instalments=instalments,
            agreed_on=now.date(),
            agreed_at=now,
            agreed_by="staff-7",
            document_id=new_id(),
        )
        plan = AgreedPlan(
            plan_id=record.plan_id, debts=record.debts, instalments=instalments, resumes_from=now
        )
        until = now.date() + timedelta(days=9)
        hold = Hold(kind=HoldKind.HOLD, reason=HoldReason.HARDSHIP, until=until, by="staff-7", at=now)
        change = LeaseChange(
            change_id=new_id(),
            lease_id=lease.lease_id,
            event=LifeEvent.ROOM_CHANGED,
            said="-",
            at=now,
            by_kind=ActorKind.STAFF,
            by="staff-7",
            effective_on=until,
            ends_on=lease.ends_on,
            room="C301",
        )
        open_one, closed = (
            Task(
                task_id=task_id_of(kind, lease.lease_id),
                kind=kind,
                residence_id=lease.residence_id,
                lease_id=lease.lease_id,
                raised_at=now,
                details={"message": "notice"},
            )
            for kind in (TaskKind.UNREACHABLE, TaskKind.REFUSED)
        )
        tasks = Tasks(self.aws.operations)
        for task in (open_one, closed):
            tasks.raise_once(task)
        transact(
            self.aws.dynamodb,
            [
                self.accounts.arranging(account, hold=hold, plan=plan, next_step_at=now, since=None),
                PaymentPlans(self.aws.money).agreeing(record),
                LeaseChanges(self.aws.identity).recording(change, tells=False),
                tasks.closing(closed, TaskOutcome.DONE, "staff-7", now),
            ],
        )

    def paper(self, tenant: Tenant) -> str:
        """A certificate of residence, its file in the bucket; returns its object key."""
        now = self.clock()
        of = Tenancy(person=tenant.person, lease=tenant.lease, residence=RESIDENCE, language=Language.FRENCH)
        facts = residence_facts(of, as_of=now.date())
        document = keep(self.documents, token_bytes, Order(tenancy=of, facts=facts, now=now))
        assert document.kind is Kind.RESIDENCE_CERTIFICATE
        pdf = f"%PDF of {tenant.person.given_names}".encode()
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=document.object_key, Body=pdf)
        self.documents.mark_ready(document, now, file_digest=sha256(pdf).hexdigest())
        return document.object_key

    def talk(self, tenant: Tenant, category: ThreadCategory) -> str:
        """A conversation with a file in it, and an answer; returns the file's object key."""
        lease, person = tenant.lease, tenant.person
        files = AttachmentDesk(
            attachments=Attachments(self.aws.documents),
            s3=self.aws.s3,
            bucket=self.aws.bucket,
            clock=self.clock,
            random=token_bytes,
        )
        author = Author(side=Side.TENANT, id=person.person_id)
        photo = files.begin(lease.lease_id, lease.residence_id, author.uploader, "fuite.jpg").attachment
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=photo.upload_key, Body=PICTURES["png"])
        talk = Talk(threads=Threads(self.aws.documents), files=files, clock=self.clock, random=token_bytes)
        place = Place(lease_id=lease.lease_id, residence_id=lease.residence_id, person_id=person.person_id)
        said = Words(body=f"Ici {person.given_names}", attachments=(photo.attachment_id,))
        topic = Topic(category=category, subject="Une question")
        thread_id = talk.open(author, place, topic, said, key=new_id()).thread.thread_id
        staff = Author(side=Side.STAFF, id="staff-7")
        talk.post(staff, lease.lease_id, thread_id, Words(body="Bien reçu"), key=new_id())
        checking = AttachmentChecking(attachments=files.attachments, s3=self.aws.s3, bucket=self.aws.bucket)
        checking.check(lease.lease_id, photo.attachment_id)
        return photo.object_key

    def papers_with_the_code(self, tenant: Tenant) -> list[str]:
        """An entry document and a desk's slip, their files in the bucket; returns the documents' ids."""
        now = self.clock()
        entry_id = EntryDocuments(self.documents)(tenant.lease, tenant.person, RESIDENCE, now)
        slip_id, ordered = CodeSlips(self.documents).ordering(tenant.lease, tenant.person, RESIDENCE, now)
        transact(self.aws.dynamodb, ordered)
        for document_id in (entry_id, slip_id):
            document = self.documents.get(document_id)
            assert document is not None
            pdf = f"%PDF with {tenant.printed_code}".encode()
            self.aws.s3.put_object(Bucket=self.aws.bucket, Key=document.object_key, Body=pdf)
            self.documents.mark_ready(document, now, file_digest=new_id())
        return [entry_id, slip_id]

    def changed_at_desk(self, tenant: Tenant, email: str, phone: str) -> None:
        """Other contacts, put right at a reception."""
        people, audit = People(self.aws.identity, self.aws.pepper), Audit(self.aws.operations)
        rotations = Rotations(
            people=people,
            audit=audit,
            pepper=self.aws.pepper,
            kms=self.aws.kms,
            codes_key=self.aws.codes_key,
            clock=self.clock,
            random=token_bytes,
        )
        DeskRecoveries(
            people=people,
            pacing=Pacing(self.aws.identity),
            audit=audit,
            slips=CodeSlips(self.documents),
            rotations=rotations,
            pepper=self.aws.pepper,
            clock=self.clock,
            random=token_bytes,
        ).recover(
            Staff(staff_id="staff-7", groups=frozenset({Role.DESK}), scope=EVERYWHERE),
            tenant.lease.lease_id,
            DeskRequest(id_kind=IdKind.PASSPORT, id_last_characters="K4T9", email=email, phone=phone),
            source="192.0.2.9",
        )

    def session(self, tenant: Tenant) -> Session:
        """The tenant, signed in."""
        person = People(self.aws.identity, self.aws.pepper).person(tenant.person.person_id)
        assert person is not None
        now = self.clock()
        token = new_token(person.person_id, tenant.lease.lease_id, token_bytes)
        stored = StoredSession(
            session_id=token.session_id,
            person_id=person.person_id,
            lease_id=tenant.lease.lease_id,
            epoch=person.credential_epoch,
            created_at=now,
            last_seen_at=now,
            ends_at=now + timedelta(hours=8),
        )
        self.aws.identity.write(Sessions(self.aws.identity).opening(stored))
        return Session(stored=stored, person=person, lease=tenant.lease)

    def export(self, session: Session) -> DataExport:
        """A copy of the data, made."""
        export = self.export_requests.ask(session, source="192.0.2.1")
        self.making.make(export.export_id)
        return export

    def one_time_code(self, confirmation_id: str) -> str:
        """What the message to the contact on record says."""
        prepared = self.code_mail.one_time_codes.prepare(confirmation_id, new_id())
        assert isinstance(prepared, OneTimeCode)
        return prepared.shown

    def confirmation(self, session: Session) -> str:
        """A one-time code asked for from a session; the confirmation's id."""
        return self.step_up.start(session, Purpose.ERASURE, source="192.0.2.1").challenge_id

    def ask(self, session: Session) -> Erasure:
        """An erasure, confirmed."""
        confirmation_id = self.confirmation(session)
        erasure, _ = self.requests.ask(
            session,
            confirmation_id=confirmation_id,
            otp=self.one_time_code(confirmation_id),
            source="192.0.2.1",
        )
        return erasure

    def leave(self, tenant: Tenant, *, ended: date | None = None) -> Tenant:
        """The lease comes to its end, everything settled."""
        status = LeaseStatus.CLOSED if ended is None else LeaseStatus.ADMITTED
        ends_on = ended or tenant.lease.ends_on
        self.aws.identity.update(
            keys.lease(tenant.lease.lease_id),
            "SET #status = :status, ends_on = :ends_on",
            names={"#status": "status"},
            values={":status": status.value, ":ends_on": ends_on.isoformat()},
        )
        lease = replace(tenant.lease, status=status, ends_on=ends_on)
        return replace(tenant, lease=lease)

    def half_erased(self) -> tuple[Tenant, Tenant]:
        """A person of two leases: one is over and erased, the other is to come and keeps what it needs."""
        tenant = self.tenant()
        kept = admit_again(self.aws, tenant)
        over = self.leave(tenant)
        self.ask(self.session(kept))
        self.clock.advance(DAY)
        self.erasing.run(self.clock())
        lease = People(self.aws.identity, self.aws.pepper).lease(over.lease.lease_id)
        assert lease is not None
        return replace(over, lease=lease), kept

    def everything(self) -> dict[str, list[Item]]:
        """All items of all tables, and the bucket's keys."""
        found = {}
        for name in TABLES:
            table = getattr(self.aws, name)
            items = [unmarshal(item) for item in table.client.scan(TableName=table.name)["Items"]]
            found[name] = sorted(items, key=lambda item: (item["pk"], item["sk"]))
        listed = self.aws.s3.list_objects_v2(Bucket=self.aws.bucket).get("Contents", [])
        found["bucket"] = [{"key": one["Key"]} for one in listed]
        return found
