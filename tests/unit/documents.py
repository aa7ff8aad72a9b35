"""What the tests and the bench of documents have in common: facts of every kind, drawn once."""

import hashlib
import io
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pypdfium2
from PIL import Image, ImageDraw

from sesame.documents.render import Rendered, Renderer
from sesame.domain import codes
from sesame.domain.caf import caf_facts
from sesame.domain.certificates import (
    Facts,
    Issue,
    Tenancy,
    entry_facts,
    residence_facts,
    slip_facts,
)
from sesame.domain.codes import CodeFormat
from sesame.domain.debts import demand_of, formal_notice_facts, payment_plan_facts
from sesame.domain.journal import Entry, EntryKind, Standing, fold
from sesame.domain.notices import notice_for
from sesame.domain.plans import Instalment, PaymentPlan
from sesame.domain.receipts import (
    Billed,
    PeriodStanding,
    Settlement,
    part_payment_facts,
    payment_receipt_facts,
    period_standing,
    receipt_facts,
    rent_notice_facts,
)
from sesame.domain.standings import end_of_stay_facts, statement_facts, up_to_date_facts
from sesame.domain.takings import Method, Taking, TakingPurpose
from sesame.domain.tenancy import (
    CafSettings,
    Channel,
    ContactHold,
    DocumentSettings,
    Landlord,
    Language,
    Lease,
    LeaseStatus,
    Person,
    Residence,
    RoomSurface,
    Structure,
)
from sesame.domain.terms import amended, as_of

PORTAL = "https://locataires.example"
TENANT_CODE = codes.printed("7K3M9QZ" + CodeFormat().check_symbol("7K3M9QZ"))
ISSUE = Issue(
    on=date(2026, 11, 23),
    at=datetime(2026, 11, 23, 9, tzinfo=UTC),
    number="2026-7K3M-9QZ2",
    verification_code="7K3M9QZ20XWH4TBC",
)
LANDLORD = Landlord(
    name="Résidences Horizon",
    address=("12 avenue du Général-Leclerc", "75014 Paris"),
    siret="81234567800012",
    caf_landlord_code="0924417",
    signatory="Hélène Garnier-Moreau",
    signatory_title="Directrice de la gestion locative",
)
RESIDENCE = Residence(
    residence_id="jean-zay",
    name="Jean-Zay",
    address=("2 allée Jean-Zay", "92160 Antony"),
    postal_code="92160",
    city="Antony",
    time_zone="Europe/Paris",
    landlord=LANDLORD,
    desk_contact="accueil@example.org",
    documents=DocumentSettings(
        footer_fr="Résidences Horizon, SAS au capital de 50 000 €, RCS Paris 812 345 678",
        caf=CafSettings(
            structure=Structure.UNIVERSITY_RESIDENCE,
            agreement_number="92/2019/0417",
            agreement_on=date(2019, 7, 1),
            surfaces=(RoomSurface(rooms="B4*", square_decimetres=1_850),),
        ),
    ),
)
LEASE = Lease(
    lease_id="l1",
    person_id="p1",
    residence_id="jean-zay",
    reference="L0100000",
    tenant_reference="48213",
    room="B434",
    starts_on=date(2026, 9, 1),
    ends_on=date(2027, 8, 31),
    rent_cents=117_468,
    charges_cents=5_982,
    deposit_cents=47_468,
    code_tail="9X",
    code_cipher=b"cipher",
    code_hash="1:hash",
)
PERSON = Person(person_id="p1", family_name="D'Almeida", given_names="Chloé", birth_date=date(2004, 11, 10))


def tenancy(language: Language = Language.FRENCH, **of_person: Any) -> Tenancy:
    """Chloé, or somebody else in her room."""
    person = replace(PERSON, **of_person)
    return Tenancy(person=person, lease=LEASE, residence=RESIDENCE, language=language)


CHEQUE = Taking(
    taking_id="t",
    lease_id=LEASE.lease_id,
    residence_id=LEASE.residence_id,
    method=Method.CHEQUE,
    purpose=TakingPurpose.DEPOSIT,
    amount_cents=35_000,
    received_on=date(2026, 10, 3),
    recorded_at=ISSUE.at,
    recorded_by="staff",
    reference="1234567",
)


def october(*paid: int) -> PeriodStanding:
    """October, 1,234.50 euros, and what came in for it."""
    return PeriodStanding(
        period="2026-10",
        starts_on=date(2026, 10, 1),
        ends_on=date(2026, 10, 31),
        rent_cents=117_468,
        charges_cents=5_982,
        settlements=[
            Settlement(received_on=date(2026, 10, 3 + 6 * number), amount_cents=cents, method="card")
            for number, cents in enumerate(paid)
        ],
    )


def _with_new_contact(who: Tenancy) -> Tenancy:
    """Whose e-mail address the desk has just changed."""
    until = ISSUE.at + timedelta(hours=24)
    hold = ContactHold(until=until, held=(Channel.EMAIL,), recovery_id="r", changed_by=("s",))
    return replace(who, person=replace(who.person, hold=hold))


def every_kind(language: Language) -> dict[str, tuple[Facts, str | None]]:
    """Facts of each kind, and the code to print."""
    who = tenancy(language)
    wall = ZoneInfo(RESIDENCE.time_zone)
    return {
        "residence_certificate": (residence_facts(who, as_of=ISSUE.on), None),
        "caf_rent_certificate": (caf_facts(who, as_of=ISSUE.on, overdue_cents=0), None),
        "rent_notice": (
            rent_notice_facts(
                who, october(), Billed(due_on=date(2026, 10, 10), brought_forward_cents=12_345)
            ),
            None,
        ),
        "receipt": (receipt_facts(who, october(100_000, 23_450)), None),
        "part_payment_receipt": (part_payment_facts(who, october(100_000)), None),
        "statement_of_account": (
            statement_facts(
                who, autumn(), starts_on=date(2026, 10, 1), ends_on=date(2026, 11, 23), wall=wall
            ),
            None,
        ),
        "up_to_date_certificate": (up_to_date_facts(who, (), as_of=ISSUE.on), None),
        "end_of_stay_certificate": (
            end_of_stay_facts(moved_out(who), autumn(), as_of=date(2027, 9, 6), wall=wall),
            None,
        ),
        "payment_receipt": (payment_receipt_facts(who, CHEQUE), None),
        "entry_document": (entry_facts(who), TENANT_CODE),
        "code_slip": (slip_facts(_with_new_contact(who), ISSUE.at), TENANT_CODE),
        "payment_plan_agreement": (payment_plan_facts(who, PLAN), None),
        "formal_notice": (
            formal_notice_facts(
                who,
                demand_of(fold(autumn()).checkpoint.outstanding, as_of=ISSUE.on, pay_by=date(2026, 12, 8)),
            ),
            None,
        ),
    }


MOVED = amended(LEASE, date(2026, 10, 16), room="B101", rent_cents=120_000)


def after_a_move(language: Language) -> dict[str, Facts]:
    """Papers of whoever changed rooms in mid-October, which the CAF and the deposit helped to pay."""
    there = replace(
        RESIDENCE,
        documents=replace(
            RESIDENCE.documents,
            caf=replace(
                RESIDENCE.documents.caf, surfaces=(RoomSurface(rooms="B*", square_decimetres=1_200),)
            ),
        ),
    )
    who = replace(tenancy(language), lease=as_of(MOVED, ISSUE.on), residence=there)
    notice = notice_for(MOVED, there, "2026-10")
    if notice is None:
        raise LookupError("October is billed")
    paid = [
        Settlement(received_on=date(2026, 10, day), amount_cents=cents, method=method)
        for day, cents, method in ((5, 20_000, "aid"), (9, 90_000, "card"), (20, 5_000, "deposit"))
    ]
    standing = Standing(
        entry_id="notice:2026-10",
        period=notice.period,
        due_on=notice.due_on,
        amount_cents=notice.amount_cents,
        effective_at=ISSUE.at,
        allocations=(),
    )
    part = replace(period_standing(notice, standing, UTC), settlements=paid)
    rest = Settlement(received_on=date(2026, 10, 21), amount_cents=part.outstanding_cents, method="card")
    wall = ZoneInfo(RESIDENCE.time_zone)
    return {
        "residence_certificate": residence_facts(who, as_of=ISSUE.on),
        "caf_rent_certificate": caf_facts(who, as_of=ISSUE.on, overdue_cents=0),
        "up_to_date_certificate": up_to_date_facts(who, (), as_of=ISSUE.on),
        "end_of_stay_certificate": end_of_stay_facts(
            moved_out(who), autumn(), as_of=date(2027, 9, 6), wall=wall
        ),
        "rent_notice": rent_notice_facts(
            who, part, Billed(due_on=date(2026, 10, 10), brought_forward_cents=0, notice=notice)
        ),
        "part_payment_receipt": part_payment_facts(who, part),
        "receipt": receipt_facts(who, replace(part, settlements=[*paid, rest])),
    }


PLAN = PaymentPlan(
    debt_cents=123_450,
    agreed_on=ISSUE.on,
    instalments=[Instalment(due_on=date(2026, 12, 5), amount_cents=41_150)]
    + [Instalment(due_on=date(2027, month, 5), amount_cents=41_150) for month in (1, 2)],
)


def moved_out(who: Tenancy) -> Tenancy:
    """Whose stay is over."""
    return replace(who, lease=replace(who.lease, status=LeaseStatus.CLOSED))


def autumn() -> list[Entry]:
    """September paid, October in part, a payment returned, November not."""

    def at(month: int, day: int) -> datetime:
        return datetime(2026, month, day, 9, tzinfo=UTC)

    notices = [
        Entry(
            entry_id=f"notice:2026-{month:02}",
            kind=EntryKind.NOTICE,
            amount_cents=123_450,
            effective_at=at(month, 1),
            period=f"2026-{month:02}",
            due_on=date(2026, month, 10),
        )
        for month in (9, 10, 11)
    ]
    paid = [
        Entry(
            entry_id=f"payment:{number}",
            kind=EntryKind.PAYMENT,
            amount_cents=-cents,
            effective_at=at(month, day),
            source=f"payment:{number}",
        )
        for number, (month, day, cents) in enumerate([(9, 8, 123_450), (10, 9, 100_000), (10, 20, 23_450)])
    ]
    returned = Entry(
        entry_id="returned:2",
        kind=EntryKind.REFUND,
        amount_cents=23_450,
        effective_at=at(10, 27),
        reverses="payment:2",
    )
    return [*notices, *paid, returned]


KINDS = sorted(every_kind(Language.FRENCH))


@dataclass(frozen=True, slots=True)
class Logo:
    """An operator's picture, and the name it is kept under."""

    png: bytes

    @property
    def digest(self) -> str:
        """SHA-256, hex."""
        return hashlib.sha256(self.png).hexdigest()


def _logo() -> Logo:
    """A hill with a door in it."""
    picture = Image.new("RGBA", (240, 120), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.pieslice((0, 0, 240, 240), 180, 360, fill=(29, 78, 107, 255))
    pen.rectangle((100, 60, 140, 120), fill=(240, 196, 83, 255))
    png = io.BytesIO()
    picture.save(png, "PNG")
    return Logo(png.getvalue())


LOGO = _logo()


@cache
def the_renderer() -> Renderer:
    """One for all: it is reused in the function too."""
    return Renderer(PORTAL)


@cache
def drawn(kind: str, language: Language = Language.FRENCH) -> Rendered:
    """One document of a kind, drawn the first time it is looked at."""
    facts, code = every_kind(language)[kind]
    return the_renderer().render(facts, ISSUE, tenant_code=code)


def text_of(pdf: bytes) -> str:
    """What a reader selects and copies, lines joined."""
    document = pypdfium2.PdfDocument(pdf)
    pages = [page.get_textpage().get_text_range() for page in document]
    return re.sub(r"[ \r\n]+", " ", " ".join(pages))


def png_of(image: Image.Image) -> bytes:
    """A picture in black and white, a bit a pixel."""
    png = io.BytesIO()
    image.convert("1").save(png, "PNG")
    return png.getvalue()
