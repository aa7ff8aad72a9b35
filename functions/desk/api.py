"""The desk admits leases, one at a time or by the file, and reads what became of a file's rows."""

from dataclasses import asdict
from datetime import date
from secrets import token_bytes
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Depends, Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from sesame.domain.codes import CodeFormats
from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.lease_files import Column, LeaseRow, check_lease
from sesame.domain.logos import MAX_BYTES
from sesame.domain.tenancy import (
    CafSettings,
    Channel,
    DocumentSettings,
    Landlord,
    ReminderSettings,
    ReminderStep,
    RenewalBlock,
    RentWord,
    Residence,
    RoomSurface,
    Structure,
    Surcharge,
    Tone,
)
from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Conflict, Forbidden, Invalid, NotFound, Problem, TooLarge, UnsupportedMedia
from sesame.platform.http import (
    Api,
    Id,
    Language,
    Shown,
    Source,
    StrictModel,
    csv_file,
    raw_body,
    wants_csv,
)
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.admissions import Admissions, Origin, Rejected
from sesame.services.deeds import Deeds
from sesame.services.file_imports import FileImports, Report, StoredFiles
from sesame.services.import_reports import (
    FileReport,
    ImportTaken,
    RowShown,
    common_to_all,
    progress_of,
    rows_shown,
    taken_in,
)
from sesame.services.lease_change_imports import (
    IMPORTERS_OF_CHANGES,
    AmendmentImports,
    DepartureImports,
    UnreadableAmendmentFile,
    UnreadableDepartureFile,
)
from sesame.services.lease_imports import (
    IMPORTERS,
    RESIDENCE_CREATORS,
    LeaseImports,
    UnreadableLeaseFile,
)
from sesame.services.residences import Logos, Residences
from sesame.services.residences import Settings as SettingsOfResidence
from sesame.services.staff import Role, Staff, require, staff_dependency, within
from sesame.services.uploads import CSV, uploaded_file
from sesame.store.audit import Action, Audit
from sesame.store.imports import FileKind, Imports
from sesame.store.people import People
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table


class DeskSettings(Settings):
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


class LeaseRequest(StrictModel):
    """A lease as the desk types it. Amounts in cents of euro; dates in ISO 8601; phone as dialled."""

    reference: Annotated[str, Field(max_length=200)]
    residence: Annotated[str, Field(max_length=200)]
    address: Annotated[str, Field(max_length=200)]
    postal_code: Annotated[str, Field(max_length=20)]
    city: Annotated[str, Field(max_length=200)]
    room: Annotated[str, Field(max_length=200)]
    family_name: Annotated[str, Field(max_length=200)]
    given_names: Annotated[str, Field(max_length=200)]
    birth_date: date
    email: Annotated[str, Field(max_length=254)]
    starts_on: date
    ends_on: date
    rent_cents: int
    charges_cents: int
    deposit_cents: int
    ine: Annotated[str, Field(max_length=20)] = ""
    phone: Annotated[str, Field(max_length=30)] = ""
    language: Annotated[str, Field(max_length=10)] = ""
    tenant_code: Annotated[str, Field(max_length=40)] = ""

    def cells(self) -> dict[Column, str]:
        """As a file's cells, so that one lease obeys the same rules as a file of them."""
        return {column: _cell(getattr(self, column.value)) for column in Column}


LeaseFileKind = Literal["leases", "amendments", "departures"]
"""What a file says of leases: that they begin, that they change, that they end."""


class LeaseAdmitted(Shown):
    """The lease; of its tenant code only the last two symbols are ever shown here."""

    lease_id: str
    tenant_reference: str
    code_tail: str


class ImportReport(FileReport):
    """What became of a file: counts of rows, and why some were refused. Complete once `status` is `done`."""

    kind: LeaseFileKind
    progress: int
    """Percent of the rows."""
    created: int
    """Leases admitted, or changes of leases made."""
    unchanged: int
    """What was on record already."""
    rejected: int
    residences_created: list[str]
    notes: list[RowShown]


class LandlordSettings(StrictModel):
    """The landlord as certificates print it. The CAF's code (*code bailleur*) is copied, never guessed."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    address: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=6, default_factory=list)]
    siret: Annotated[str, Field(max_length=14)] = ""
    caf_landlord_code: Annotated[str, Field(max_length=20)] = ""
    signatory: Annotated[str, Field(max_length=200)] = ""
    signatory_title: Annotated[str, Field(max_length=200)] = ""


ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9]{1,40}(:[a-z0-9-]{1,40})?$", examples=["stripe:lyon"])]
"""A payment provider, and after a colon which account of it, if not the operator's own."""


class RoomSurfaceSettings(StrictModel):
    """The living space of rooms: `rooms` is a name or a pattern, `B2*`. The first that matches counts."""

    rooms: Annotated[str, Field(min_length=1, max_length=60)]
    square_decimetres: Annotated[int, Field(ge=100, le=100_000)]


class CafCertificateSettings(StrictModel):
    """What the CAF's rent certificate states: without structure and surfaces, it is refused."""

    structure: Structure | None = None
    agency_code: Annotated[str, Field(max_length=20)] = ""
    agreement_number: Annotated[str, Field(max_length=60)] = ""
    agreement_on: date | None = None
    furnished: bool = True
    third_party_payment: bool = True
    surfaces: Annotated[list[RoomSurfaceSettings], Field(max_length=50, default_factory=list)]


class DocumentWording(StrictModel):
    """How documents speak. `rent_word` is what rent is called; footers are the operator's own words."""

    rent_word: RentWord = RentWord.RENT
    footer_fr: Annotated[str, Field(max_length=300)] = ""
    footer_en: Annotated[str, Field(max_length=300)] = ""
    debt_tolerance_cents: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """What may be overdue of who is still certified to be up to date."""
    caf: CafCertificateSettings = CafCertificateSettings(surfaces=[])
    two_d_doc: bool = False
    """Whether proofs of address carry a 2D-Doc, once the operator has a certificate for it."""


class ReminderStepSettings(StrictModel):
    """A step, so many days from the last day to pay. Your own words open the message in the tone's place."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40, examples=["late-1"])]
    days: Annotated[int, Field(ge=-28, le=365)]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=2)] = (Channel.EMAIL,)
    tone: Tone = Tone.COURTESY
    words_fr: Annotated[str, Field(max_length=300)] = ""
    words_en: Annotated[str, Field(max_length=300)] = ""
    formal_notice: bool = False
    """Whether it is the *mise en demeure*: a sealed document, told of by e-mail."""


class SurchargeRule(StrictModel):
    """What being late costs, once a notice: flat, a share of what is unpaid, or both, and capped."""

    flat_cents: Annotated[int, Field(ge=0, le=100_000)] = 0
    basis_points: Annotated[int, Field(ge=0, le=2_000)] = 0
    """Of what is unpaid: 500 for five per cent."""
    cap_cents: Annotated[int, Field(ge=1, le=100_000)]
    grace_days: Annotated[int, Field(ge=1, le=180)]
    source: Annotated[str, Field(min_length=3, max_length=200, examples=["Règlement intérieur, article 12"])]
    """The text that it rests on, shown beside it before it applies."""
    applies_from: date
    """Notices issued before that day never bear it."""


class RenewalBlockRule(StrictModel):
    """When being late bars a lease from renewal, until it is paid: so many days late, and by how much."""

    days: Annotated[int, Field(ge=1, le=365)]
    over_cents: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """As much may be late without it."""
    source: Annotated[str, Field(min_length=3, max_length=200, examples=["Règlement intérieur, article 14"])]
    """The text that it rests on, shown beside it before it applies."""
    applies_from: date
    """Notices issued before that day never count."""


class ReminderRules(StrictModel):
    """Whom to remind, when and how. Days count from the last day to pay."""

    steps: Annotated[list[ReminderStepSettings], Field(max_length=12)]
    tolerance_cents: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Who owes no more than this in all is left alone."""
    pay_by_days: Annotated[int, Field(ge=8, le=60)] = 8
    """What a formal notice gives to pay."""
    plan_steps: Annotated[list[ReminderStepSettings], Field(max_length=6)]
    """Around each instalment of a payment plan."""
    plan_grace_days: Annotated[int, Field(ge=1, le=60)] = 8
    """A plan is broken once an instalment is unpaid this many days after its own."""
    surcharge: SurchargeRule | None = None
    renewal_block: RenewalBlockRule | None = None
    territory: Annotated[str, Field(max_length=40)] = ""
    """Whose public holidays are kept; by the postal code where it is not given."""


class ResidenceSettings(StrictModel):
    """What a lease file cannot know of a residence. Days are days of the month."""

    address: Annotated[list[Annotated[str, Field(max_length=200)]], Field(min_length=1, max_length=6)]
    time_zone: Annotated[str, Field(max_length=60)]
    landlord: LandlordSettings
    desk_contact: Annotated[str, Field(max_length=200)] = ""
    issue_day: Annotated[int, Field(ge=1, le=28)] = 1
    due_day: Annotated[int, Field(ge=1, le=28)] = 10
    notice_months: Annotated[int, Field(ge=0, le=3)] | None = None
    """Full months of notice that a tenant gives to leave; left as it is where it is not given."""
    provider: ProviderName | Literal[""] = ""
    other_providers: Annotated[list[ProviderName], Field(max_length=5, default_factory=list)]
    documents: DocumentWording | None = None
    """Left as it is where it is not given."""
    reminders: ReminderRules | None = None
    """Left as they are where they are not given."""


class ResidenceView(Shown):
    """A residence. `confirmed` is false while its settings come from a lease file only."""

    residence_id: str
    name: str
    postal_code: str
    city: str
    confirmed: bool
    has_logo: bool
    settings: ResidenceSettings


class ResidenceList(Shown):
    """The residences that are the caller's to see, by id."""

    residences: list[ResidenceView]


settings = DeskSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, operations = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.operations_table)
people, audit = People(identity, pepper), Audit(operations)
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
residences = Residences(people, audit, utc_now)
logos = Logos(residences, Later("s3"), settings.bucket)
admissions = Admissions(
    people=people,
    audit=audit,
    pepper=pepper,
    kms=Later("kms"),
    codes_key=settings.codes_key,
    operator_name=settings.operator_name,
    clock=utc_now,
    random=token_bytes,
    formats=CodeFormats.of(settings.code_formats, settings.imported_codes),
    default_provider=settings.default_provider,
)
imports = Imports(operations)
by_kind: dict[FileKind, FileImports[Any]] = {
    one.kind: one(
        imports=imports,
        files=StoredFiles(Later("s3"), settings.bucket),
        audit=audit,
        deeds=deeds,
        clock=utc_now,
        random=token_bytes,
    )
    for one in (LeaseImports, AmendmentImports, DepartureImports)
}

api = Api()
CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]


@api.post(
    "/v1/desk/leases",
    status=201,
    summary="Admit a lease",
    errors=[Forbidden, Conflict],
    security="staff",
)
def admit_lease(
    body: LeaseRequest, staff: CurrentStaff, language: Language, network: Source
) -> LeaseAdmitted:
    """The same lease sent again is the same lease; another under its reference is refused."""
    require(staff, *IMPORTERS)
    spoken = SpokenLanguage(language)
    row = check_lease(body.cells())
    if not isinstance(row, LeaseRow):
        raise Invalid(errors=[_field_error(problem, spoken) for problem in row])
    origin = Origin(
        staff_id=staff.staff_id,
        scope=staff.scope,
        source=pepper.hash("source", network),
        creates_residences=staff.has(*RESIDENCE_CREATORS),
    )
    outcome = admissions.admit(row, origin)
    if isinstance(outcome, Rejected):
        problem = RowProblem(line=1, column=outcome.column.value, fault=outcome.fault)
        raise _REFUSALS.get(outcome.fault, Conflict)(errors=[_field_error(problem, spoken)])
    return LeaseAdmitted(
        lease_id=outcome.lease_id,
        tenant_reference=outcome.tenant_reference,
        code_tail=outcome.code_tail,
    )


_REFUSALS: dict[Fault, type[Problem]] = {Fault.UNKNOWN_RESIDENCE: Invalid, Fault.OTHER_RESIDENCE: Forbidden}
"""What an admission's refusal is over HTTP; any other is a conflict with what is on record."""


@api.get("/v1/desk/residences", summary="The residences", errors=[Forbidden], security="staff")
def list_residences(staff: CurrentStaff) -> ResidenceList:
    """With their settings, and whether anybody has confirmed them."""
    require(staff, *Role)
    seen = [residence for residence in residences.all() if staff.sees(residence.residence_id)]
    return ResidenceList(residences=[_residence(residence) for residence in seen])


@api.put(
    "/v1/desk/residences/<residence_id>",
    summary="Set and confirm a residence's settings",
    errors=[Forbidden, NotFound],
    security="staff",
)
def set_residence(
    residence_id: str, body: ResidenceSettings, staff: CurrentStaff, network: Source
) -> ResidenceView:
    """Holds for what comes: notices and documents that are out stay as they are."""
    require(staff, *RESIDENCE_CREATORS)
    within(staff, residence_id)
    landlord = body.landlord
    return _residence(
        residences.confirm(
            residence_id,
            SettingsOfResidence(
                address=tuple(body.address),
                time_zone=body.time_zone,
                landlord=Landlord(
                    name=landlord.name,
                    address=tuple(landlord.address),
                    siret=landlord.siret,
                    caf_landlord_code=landlord.caf_landlord_code,
                    signatory=landlord.signatory,
                    signatory_title=landlord.signatory_title,
                ),
                desk_contact=body.desk_contact,
                issue_day=body.issue_day,
                due_day=body.due_day,
                notice_months=body.notice_months,
                provider=body.provider,
                other_providers=tuple(body.other_providers),
                documents=_documents(body.documents) if body.documents else None,
                reminders=_reminders(body.reminders) if body.reminders else None,
            ),
            deeds.entry(Action.RESIDENCE_SET, staff, network, residence_id=residence_id),
        )
    )


@api.put(
    "/v1/desk/residences/<residence_id>/logo",
    summary="Set the logo on a residence's documents",
    errors=[Forbidden, NotFound, TooLarge],
    security="staff",
)
def set_logo(residence_id: str, request: Request, staff: CurrentStaff, network: Source) -> ResidenceView:
    """The body is a PNG, of 100 kB and 1,200 pixels a side at most. It holds for documents to come."""
    require(staff, *RESIDENCE_CREATORS)
    within(staff, residence_id)
    entry = deeds.entry(Action.RESIDENCE_SET, staff, network, residence_id=residence_id)
    return _residence(logos.set(residence_id, raw_body(request, limit=MAX_BYTES), entry))


@api.post(
    "/v1/desk/lease-imports",
    status=202,
    summary="Import a file of leases, of their amendments or of departures",
    errors=[
        Forbidden,
        TooLarge,
        UnsupportedMedia,
        UnreadableLeaseFile,
        UnreadableAmendmentFile,
        UnreadableDepartureFile,
    ],
    security="staff",
)
def take_lease_file(
    request: Request,
    staff: CurrentStaff,
    network: Source,
    kind: Annotated[LeaseFileKind, Query()] = "leases",
) -> Response[ImportTaken]:
    """The body is the file: `application/octet-stream` in any encoding, `text/csv` in UTF-8, or a form."""
    takes = by_kind[FileKind(kind)]
    require(staff, *(IMPORTERS if takes.kind is FileKind.LEASES else IMPORTERS_OF_CHANGES))
    taken = takes.take(uploaded_file(request, CSV), staff, network)
    return taken_in(taken, "/v1/desk/lease-imports")


@api.get(
    "/v1/desk/lease-imports/<import_id>",
    summary="Read what became of a file about leases",
    errors=[Forbidden, NotFound],
    security="staff",
)
def lease_import_report(
    import_id: Id,
    request: Request,
    staff: CurrentStaff,
    language: Language,
    format: Annotated[Literal["json", "csv"], Query()] = "json",
) -> Response[ImportReport | str]:
    """The report; with `?format=csv` or `Accept: text/csv`, the refused rows to mend and send again."""
    require(staff, *IMPORTERS)
    found = imports.with_chunks(import_id)
    takes = by_kind.get(found[0].kind) if found else None
    if found is None or takes is None:
        raise NotFound
    report, spoken = takes.told(*found, staff), SpokenLanguage(language)
    if wants_csv(request, format):
        return csv_file(takes.rejected_csv(report, spoken), f"import-{import_id}.csv")
    return Response(status_code=200, content_type="application/json", body=_shown(report, spoken))


def _shown(report: Report, language: SpokenLanguage) -> ImportReport:
    return ImportReport(
        **common_to_all(report, language),
        kind=report.taken.kind.value,
        progress=progress_of(report),
        created=report.created,
        unchanged=report.unchanged,
        rejected=report.rejected,
        residences_created=report.residences_created,
        notes=rows_shown(report.notes, language),
    )


def _field_error(problem: RowProblem, language: SpokenLanguage) -> dict[str, object]:
    return {
        "field": problem.column,
        "reason": problem.reason(language),
        "remedy": problem.remedy(language),
    }


def _cell(value: str | int | date) -> str:
    if isinstance(value, int):
        sign, cents = "-" if value < 0 else "", abs(value)
        return f"{sign}{cents // 100}.{cents % 100:02}"
    return value.isoformat() if isinstance(value, date) else value


def _documents(body: DocumentWording) -> DocumentSettings:
    caf = body.caf
    return DocumentSettings(
        rent_word=body.rent_word,
        footer_fr=body.footer_fr,
        footer_en=body.footer_en,
        debt_tolerance_cents=body.debt_tolerance_cents,
        two_d_doc=body.two_d_doc,
        caf=CafSettings(
            structure=caf.structure,
            agency_code=caf.agency_code,
            agreement_number=caf.agreement_number,
            agreement_on=caf.agreement_on,
            furnished=caf.furnished,
            third_party_payment=caf.third_party_payment,
            surfaces=tuple(
                RoomSurface(rooms=one.rooms, square_decimetres=one.square_decimetres) for one in caf.surfaces
            ),
        ),
    )


def _reminders(body: ReminderRules) -> ReminderSettings:
    return ReminderSettings(
        steps=tuple(map(_step, body.steps)),
        tolerance_cents=body.tolerance_cents,
        pay_by_days=body.pay_by_days,
        plan_steps=tuple(map(_step, body.plan_steps)),
        plan_grace_days=body.plan_grace_days,
        surcharge=Surcharge(**body.surcharge.model_dump()) if body.surcharge else None,
        renewal_block=RenewalBlock(**body.renewal_block.model_dump()) if body.renewal_block else None,
        territory=body.territory,
    )


def _step(body: ReminderStepSettings) -> ReminderStep:
    return ReminderStep(**body.model_dump())


def _wording(documents: DocumentSettings) -> DocumentWording:
    caf = documents.caf
    return DocumentWording(
        rent_word=documents.rent_word,
        footer_fr=documents.footer_fr,
        footer_en=documents.footer_en,
        debt_tolerance_cents=documents.debt_tolerance_cents,
        two_d_doc=documents.two_d_doc,
        caf=CafCertificateSettings(
            structure=caf.structure,
            agency_code=caf.agency_code,
            agreement_number=caf.agreement_number,
            agreement_on=caf.agreement_on,
            furnished=caf.furnished,
            third_party_payment=caf.third_party_payment,
            surfaces=[
                RoomSurfaceSettings(rooms=one.rooms, square_decimetres=one.square_decimetres)
                for one in caf.surfaces
            ],
        ),
    )


def _residence(residence: Residence) -> ResidenceView:
    return ResidenceView(
        residence_id=residence.residence_id,
        name=residence.name,
        postal_code=residence.postal_code,
        city=residence.city,
        confirmed=residence.confirmed,
        has_logo=bool(residence.documents.logo),
        settings=ResidenceSettings(
            address=list(residence.address),
            time_zone=residence.time_zone,
            landlord=LandlordSettings(
                **asdict(residence.landlord) | {"address": list(residence.landlord.address)}
            ),
            desk_contact=residence.desk_contact,
            issue_day=residence.issue_day,
            due_day=residence.due_day,
            notice_months=residence.notice_months,
            provider=residence.provider,
            other_providers=list(residence.other_providers),
            documents=_wording(residence.documents),
            reminders=ReminderRules(**asdict(residence.reminders)),
        ),
    )


handler = api.handler
