"""Plays the story of a whole tenancy: a year from admission to the deposit's way back, with time passed in.

It has a stack of its own, whose clock it moves (`local/story_clock.py`). Between two steps the clock's jobs
run on each day as their schedules have it, and every e-mail that is sent meanwhile is told.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from local.chronicle import Chronicle, dated, span
from local.instance import Instance, free_port
from local.residents import ADDRESS, CITY, HEADER, POSTAL_CODE, RESIDENCE, SETTINGS
from local.running import LocalStack
from local.stack import Stack
from local.story_clock import StoryClock
from local.telling import Newcomer, euros, once_ready, short
from local.telling import play as play_story
from sesame.documents.verify import Trust, Verdict, verify

ZONE = ZoneInfo(str(SETTINGS["time_zone"]))
ADMITTED = date(2024, 8, 19)
"""Of a year that is over: its papers can be looked at later as any others."""
START = datetime.combine(ADMITTED, time(9), ZONE)
EARLY = time(8)
SESSION_USED = timedelta(minutes=20)
"""Shorter than the half hour after which an idle session ends."""

ANOUK = Newcomer(
    reference="TIL2024-207",
    given_names="Anouk",
    family_name="Le Guennec",
    birth_date=date(2005, 3, 14),
    ine="071234567GK",
    email="anouk.le-guennec@example.org",
    room="B207",
)
ARRIVES, ENDS, DEPOSIT, AID = date(2024, 8, 26), date(2025, 7, 31), 312_50, 152_00
RENEWED_UNTIL, RENEWED_RENT = date(2026, 7, 31), 355_00
LEAVES = date(2025, 6, 20)
KEPT = {"cleaning": 45_00, "keys": 25_00}
IBAN = "FR7630006000011234567890189"
"""The example of the standard's registry, nobody's account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A room from a day on, and what it costs: cents a month."""

    since: date
    room: str
    rent: int
    charges: int


HOMES = (
    Home(since=ARRIVES, room=ANOUK.room, rent=312_50, charges=41_00),
    Home(since=date(2024, 10, 16), room="C312", rent=348_00, charges=44_00),
)


def play(own: Path, folder: Path, say: Callable[[str], None]) -> int:
    """Play every step on a stack that is brought up for it in `own`, and stopped again.

    Returns 0, or 1 at a step that is not as promised. PDFs and e-mails go to `folder`, emptied before.
    """
    shutil.rmtree(folder, ignore_errors=True)
    clock = StoryClock(own / "clock", START)
    instance = Instance(
        port=free_port(), mailbox_port=free_port(), folder=own, keeps_state=False, clock=clock.file
    )
    with LocalStack(instance, say, seeded=False, schedules=False, present=clock) as running:
        return play_story(Year(running.content, folder, say, clock))


class Year(Chronicle):
    """The year, step by step."""

    who = ANOUK

    def __init__(self, stack: Stack, folder: Path, say: Callable[[str], None], clock: StoryClock) -> None:
        super().__init__(stack, folder, say, clock, ZONE)
        self.trust = Trust.of_text(Path(stack["trust"]).read_text("utf-8"))
        self.code = self.lease = self.residence = self.reference = self.campaign = ""
        self.session: dict[str, str] = {}
        self.session_at: datetime | None = None
        self.papers: dict[str, str] = {}
        """The verification codes of what was handed out, by what it is called here."""

    def tell(self) -> None:
        """The whole year. Raises BrokenPromiseError at the first step that is not as promised."""
        self.admission()
        self.arrival()
        self.september()
        self.aid_comes_late()
        self.room_change()
        november = self.paid_and_receipted(date(2024, 11, 4))
        self.aid(date(2024, 11, 26))
        self.first_return(november)
        december = self.paid_and_receipted(date(2024, 12, 3))
        self.second_return(december)
        self.plan()
        self.plan_kept()
        self.campaign_opens()
        self.renewal()
        self.notice_to_leave()
        self.last_weeks()
        self.final_account()
        self.deposit_returned()
        self.closing()
        self.where_things_stand()

    # --- the steps ---

    def admission(self) -> None:
        """A file brings the lease; a link and a birth date show the code and the entry document."""
        self.on(ADMITTED, "The desk imports the lease of a student who was admitted.")
        report = self.import_file("lease-imports", _lease_file())
        self.must(report["created"] == 1 and not report["problems"], f"a lease, the report says {report}")
        [house] = self.at_desk("GET", "/v1/desk/residences")["residences"]
        self.residence = house["residence_id"]
        self.at_desk("PUT", f"/v1/desk/residences/{self.residence}", json=SETTINGS)
        [found] = self.at_desk("POST", "/v1/desk/lease-searches", json={"ine": ANOUK.ine})["leases"]
        self.lease = found["lease_id"]
        self.got(f"{ANOUK.given_names} {ANOUK.family_name}, room {ANOUK.room}, {span(ARRIVES, ENDS)}")
        self.got(f"{euros(HOMES[0].rent)} a month, and {euros(HOMES[0].charges)} of charges")
        self.must_be_at("admitted")

        self.step(f"{ANOUK.given_names} opens the link of the welcome e-mail and gives her birth date.")
        self.hear("Welcome", "welcome")
        mail, token = self.welcome_mail(ANOUK)
        body = {"token": token, "birth_date": ANOUK.birth_date.isoformat()}
        opened = self.answer("POST", "/v1/welcomes", json=body)
        self.code = str(opened["tenant_code"])
        self.must(self.code.replace("-", "") not in mail["text"].replace("-", ""), "no code in the e-mail")
        self.got(f"tenant code {self.code}")
        entry = self.until(
            lambda: once_ready(self.answer("POST", "/v1/welcomes", json=body)["entry_document"]),
            "the entry document",
            every=2.0,  # A page asked again counts as a try of the link, of which there are ten.
        )
        self.keep("entry-document", entry["download_url"])

    def arrival(self) -> None:
        """The deposit is taken at the desk; the first days are billed, and paid."""
        self.on(ARRIVES, "She moves in. August is billed by day; the desk takes the deposit.")
        self.must_be_at("active")
        deposit = {
            "kind": "card_terminal",
            "purpose": "deposit",
            "amount_cents": DEPOSIT,
            "received_on": ARRIVES.isoformat(),
        }
        self.at_desk("POST", self.of_lease("payments"), status=201, json=deposit)
        held = self.at_desk("GET", self.of_lease("deposit"))["held_cents"]
        self.must(held == DEPOSIT, f"the deposit held, there is {held}")
        self.got(f"deposit held, apart from rent: {euros(held)}")

        self.step("She signs in with the tenant code and a one-time code, and pays August.")
        session = self.sign_in()
        self.reference = self.answer("GET", "/v1/me", headers=session)["lease"]["tenant_reference"]
        self.got(f"tenant reference {self.reference}, by which the CAF pays")
        self.pay(session, notices=["2024-08"])
        self.must_owe(session, 0)

    def september(self) -> None:
        """She counts on housing aid, pays her part, and is chased for the rest."""
        self.on(date(2024, 9, 3), "Housing aid is granted. She pays her part of September.")
        granted = {"monthly_cents": AID, "aid": "apl"}
        self.at_desk("PUT", self.of_lease("expected-aid"), json=granted)
        session = self.sign_in()
        self.paper(session, "certificate-b207", kind="residence_certificate")
        self.pay(session, notices=["2024-09"], amount_cents=rent_of("2024-09") - AID)
        self.must_owe(session, AID)

        self.on(date(2024, 9, 16), "The CAF has not paid. Reminders went out; the desk now holds them.")
        chased = self.reminded_since(date(2024, 9, 3))
        self.must(len(chased) >= 2, f"the month chased, there was {chased}")  # noqa: PLR2004
        refused = self.api.post(
            "/v1/me/certificates",
            headers=self.sign_in(),
            json={"kind": "receipt", "period": "2024-09"},
        )
        self.must(refused.status_code == httpx.codes.CONFLICT, f"409, got {short(refused)}")
        self.got(f"a receipt for September is refused: 409 {refused.json()['title']}")
        hold = {"kind": "hold", "reason": "aid_expected", "until": "2024-10-31"}
        self.at_desk("PUT", self.of_lease("reminders/hold"), json=hold)
        self.got("held until 31 October 2024: aid is expected")

    def aid_comes_late(self) -> None:
        """October is paid in full; then the CAF pays September, whose receipt can be had."""
        self.on(date(2024, 10, 3), "She pays October whole, so as not to be late again.")
        session = self.sign_in()
        self.pay(session, notices=["2024-10"])
        self.must_owe(session, AID)
        self.aid(date(2024, 10, 8), "2024-09", again=True)
        since = self.reminded_since(date(2024, 9, 16))
        self.must(not since, f"no reminder while they were held, there was {since}")
        session = self.sign_in()
        self.must_owe(session, 0)
        self.paper(session, "receipt-2024-09", kind="receipt", period="2024-09")

    def room_change(self) -> None:
        """Another room from the 16th: a credit note and a new notice; the old certificate holds no more."""
        old, new = HOMES
        self.on(date(2024, 10, 14), f"A manager gives her another room from {dated(new.since)}.")
        wanted = {
            "starts_on": new.since.isoformat(),
            "room": new.room,
            "rent_cents": new.rent,
            "charges_cents": new.charges,
        }
        path, key = self.of_lease("room-change"), {"Idempotency-Key": secrets.token_hex(16)}
        [shown] = self.at_desk("POST", path, json=wanted | {"preview": True})["corrections"]
        self.got(f"preview: October from {euros(shown['before_cents'])} to {euros(shown['after_cents'])}")
        self.must(shown["after_cents"] == rent_of("2024-10"), f"{rent_of('2024-10')} by day, in two rooms")
        done = self.at_desk("POST", path, json=wanted, headers=key)
        again = self.at_desk("POST", path, json=wanted, headers=key)
        self.must(again["change_id"] == done["change_id"], "the same key gives the same change")
        issued = self.at_desk("GET", self.of_lease("notices"))
        [credit_note] = issued["credit_notes"]
        first, second = (one for one in issued["notices"] if one["period"] == "2024-10")
        self.must(first["withdrawn"] and not second["withdrawn"], "another notice in the first one's place")
        self.got(f"credit note: {euros(credit_note['amount_cents'])}; notice no. {second['number']}:")
        for line in second["lines"]:
            days = span(date.fromisoformat(line["starts_on"]), date.fromisoformat(line["ends_on"]))
            self.got(f"  {line['room']}, {days}, {line['kind']}: {euros(line['amount_cents'])}")
        self.hear("Your change of room", "room-change")
        self.hear("Corrected notice", "corrected-notice")

        self.on(date(2024, 10, 17), f"She lives in {new.room}. The certificate of {old.room} is void.")
        self.must_hold("certificate-b207", "revoked")
        session = self.sign_in()
        self.paper(session, "certificate-c312", kind="residence_certificate")
        self.pay(session, notices=["2024-10"])
        self.aid(date(2024, 10, 28))
        self.must_owe(self.sign_in(), -AID)
        self.got("October is paid already: it is credit for November")

    def paid_and_receipted(self, day: date) -> dict[str, Any]:
        """A month is paid as usual. Returns the payment."""
        period = f"{day:%Y-%m}"
        self.on(day, f"She pays {day:%B} and has its receipt.")
        session = self.sign_in()
        paid = self.pay(session, notices=[period])
        self.paper(session, f"receipt-{period}", kind="receipt", period=period)
        return paid

    def first_return(self, payment: Mapping[str, Any]) -> None:
        """The bank takes November's payment back."""
        self.on(date(2024, 11, 28), "Her bank takes November's payment back: a webhook says so.")
        self.taken_back(payment)
        self.must_hold("receipt-2024-11", "revoked")
        self.must_owe(self.sign_in(), payment["amount_cents"] - AID)
        self.got("what the CAF paid for November has gone to November")

    def second_return(self, payment: Mapping[str, Any]) -> None:
        """And December's."""
        reminded = self.reminded_since(date(2024, 11, 28))
        self.must(bool(reminded), "a reminder of November")
        self.on(date(2024, 12, 5), "And December's, early in the morning.", at=EARLY)
        self.taken_back(payment)
        self.must_hold("receipt-2024-12", "revoked")

    def plan(self) -> None:
        """What is owed is spread over three instalments, before anything formal is sent."""
        self.on(date(2024, 12, 9), "Reminders have begun again. At the desk she agrees a payment plan.")
        self.must(bool(self.reminded_since(date(2024, 12, 5))), "a reminder of both months")
        owed = self.at_desk("GET", self.of_lease("reminders"))["owed"]
        for row in owed:
            self.got(f"owed of {row['period']}: {euros(row['unpaid_cents'])}")
        cents = sum(row["unpaid_cents"] for row in owed)
        days = ("2025-01-15", "2025-02-14", "2025-03-14")
        parts = (cents - 2 * (cents // 3), cents // 3, cents // 3)
        order = {
            "debts": [row["entry_id"] for row in owed],
            "instalments": [
                {"due_on": day, "amount_cents": part} for day, part in zip(days, parts, strict=True)
            ],
        }
        agreed = self.at_desk("POST", self.of_lease("payment-plan"), status=201, json=order)
        for one in agreed["instalments"]:
            self.got(f"instalment {one['number']}: {euros(one['amount_cents'])} by {one['due_on']}")
        url = self.until(
            lambda: self.at_desk("GET", self.of_lease("payment-plan"))["document_url"], "the plan to sign"
        )
        self.hear("Your document is ready", "payment-plan-ready")
        self.keep("payment-plan", url)

    def plan_kept(self) -> None:
        """Rent is paid each month; the plan by the aid that comes and by her; nobody is reminded."""
        self.aid(date(2024, 12, 27), "2024-12")
        for month in (1, 2, 3):
            day = date(2025, month, 3)
            self.on(day, f"She pays {day:%B}, and on the 10th what the aid has left of the instalment.")
            self.pay(self.sign_in(), notices=[f"{day:%Y-%m}"])
            self.pass_to(day.replace(day=10))
            session = self.sign_in()
            instalment = self.plan_of(session)["instalments"][month - 1]
            self.pay(session, amount_cents=instalment["unpaid_cents"])
            plan = self.plan_of(session)
            left = sum(one["unpaid_cents"] for one in plan["instalments"])
            self.got(f"the plan is {plan['status']}: {euros(left)} of {euros(plan['debt_cents'])} are left")
            self.aid(date(2025, month, 26))
        self.must(plan["status"] == "completed", f"the plan paid off, it is {plan['status']}")
        since = self.reminded_since(date(2024, 12, 10))
        self.must(not since, f"no reminder while the plan was kept, there was {since}")
        self.got("no reminder was sent since it was agreed")

    def campaign_opens(self) -> None:
        """A renewal campaign: its rules are data; the clock opens it."""
        self.on(date(2025, 3, 28), "A manager sets a renewal campaign for the residence, from 2 April.")
        campaign = {
            "residence_ids": [self.residence],
            "opens_on": "2025-04-02",
            "closes_on": "2025-04-30",
            "leases_end_from": "2025-07-01",
            "leases_end_to": "2025-08-31",
            "renews_until": RENEWED_UNTIL.isoformat(),
            "rules": {"debt_tolerance_cents": 0, "enrolment_year": "2025-2026", "most_renewals": 2},
        }
        made = self.at_desk("POST", "/v1/desk/renewal-campaigns", status=201, json=campaign)
        self.campaign = made["campaign_id"]
        self.got(f"who has not answered is written to on {', '.join(made['steps'])}")

    def renewal(self) -> None:
        """What is lacking is said, mended, and the lease renewed at a new rent."""
        self.on(date(2025, 4, 3), "She pays April and looks whether she may stay another year.")
        session = self.sign_in()
        self.pay(session, notices=["2025-04"])
        asked = self.answer("GET", "/v1/me/renewal", headers=session)
        self.must(not asked["eligible"], "the enrolment lacking")
        for one in asked["criteria"]:
            self.got(f"{'met' if one['met'] else 'lacking'}: {one['said']} {one['remedy']}".rstrip())

        self.on(date(2025, 4, 7), "She shows her enrolment at the desk and asks to stay; it is accepted.")
        enrolled = {"university": "Université Grenoble Alpes", "status": "pre_enrolled"}
        self.at_desk("PUT", self.of_lease("enrolments/2025-2026"), json=enrolled)
        session = self.sign_in()
        self.must(self.answer("GET", "/v1/me/renewal", headers=session)["eligible"], "nothing lacking")
        self.answer("POST", "/v1/me/renewal", headers=session, json={"wish": "renew"})
        decided = self.at_desk(
            "POST",
            self.of_lease(f"renewals/{self.campaign}/decision"),
            json={"decision": "accept", "rent_cents": RENEWED_RENT},
        )
        self.hear("Your renewal is accepted", "renewal-accepted")
        self.must(decided["state"] == "accepted", f"accepted, it is {decided['state']}")
        self.must_be_at("renewed")
        lease = self.answer("GET", "/v1/me", headers=session)["lease"]
        self.must(lease["ends_on"] == RENEWED_UNTIL.isoformat(), f"another year, it ends {lease['ends_on']}")
        self.got(f"until {dated(RENEWED_UNTIL)}, from August 2025 at {euros(RENEWED_RENT)}")
        self.must_hold("certificate-c312", "genuine")
        self.aid(date(2025, 4, 28))

    def notice_to_leave(self) -> None:
        """An internship elsewhere: notice of a full month, after a look at what it comes to."""
        self.on(date(2025, 5, 3), "She pays May.")
        self.pay(self.sign_in(), notices=["2025-05"])
        self.on(date(2025, 5, 12), "She has a job elsewhere: what would leaving on 20 June come to?")
        session, path = self.sign_in(), "/v1/me/departure"
        early = self.api.get(path, headers=session, params={"on": "2025-06-01"})
        self.must(early.status_code == httpx.codes.CONFLICT, f"409, got {short(early)}")
        self.got(f"on 1 June: 409 {early.json()['title']}")
        shown = self.answer("GET", path, headers=session, params={"on": LEAVES.isoformat()})
        self.got(f"instead of {shown['ends_on']}; from {shown['earliest_on']} on is possible")
        for month in shown["months"]:
            self.got(f"{month['period']}: {month['days']} days, {euros(month['rent_cents'])}")
        self.got(
            f"left to pay {euros(shown['left_to_pay_cents'])}, deposit {euros(shown['deposit_held_cents'])}"
        )
        self.must(shown["months"][-1]["rent_cents"] == rent_of("2025-06"), "the last rent by day")

        self.step("She confirms those figures.")
        unseen = {"leaves_on": LEAVES.isoformat(), "shown": "0" * 32}
        refused = self.api.post(path, headers=session, json=unseen)
        self.must(refused.status_code == httpx.codes.CONFLICT, f"409 for other figures, got {short(refused)}")
        self.answer("POST", path, status=201, headers=session, json=unseen | {"shown": shown["shown"]})
        self.hear("Your departure is recorded", "departure")
        self.must_be_at("notice_given")
        self.must_hold("certificate-c312", "revoked")
        self.aid(date(2025, 5, 27))

    def last_weeks(self) -> None:
        """June is billed to its twentieth day, and paid."""
        self.on(date(2025, 6, 3), "She pays the days of June.")
        session = self.sign_in()
        [june] = [one for one in self.notices(session) if one["period"] == "2025-06"]
        self.must(june["amount_cents"] == rent_of("2025-06"), f"{rent_of('2025-06')}, got {june}")
        self.must(june["ends_on"] == LEAVES.isoformat(), "billed to her last day")
        self.pay(session, notices=["2025-06"])
        self.must_owe(session, 0)

    def final_account(self) -> None:
        """The deposit, item by item."""
        self.on(LEAVES + timedelta(days=3), "She has left. The desk draws up the final account.")
        self.must_be_at("departed")
        items = [{"kind": kind, "amount_cents": cents} for kind, cents in KEPT.items()]
        self.at_desk("POST", self.of_lease("final-account"), status=201, json={"deductions": items})
        session = self.sign_in()
        final = self.answer("GET", "/v1/me/final-account", headers=session)
        self.got(f"deposit {euros(DEPOSIT)}")
        for one in final["deductions"]:
            self.got(f"kept for {one['kind']}: {euros(one['amount_cents'])}")
        kept = sum(KEPT.values())
        self.must(final["returned_cents"] == DEPOSIT - kept, f"the rest returned, got {final}")
        self.must_owe(session, kept - DEPOSIT)

    def deposit_returned(self) -> None:
        """To an IBAN that a fresh one-time code confirms, a day later."""
        self.step("She asks for it to her account, which a fresh one-time code confirms.")
        session, seen = self.sign_in(), len(self.mails(ANOUK))
        asked = self.answer(
            "POST", "/v1/me/confirmations", status=202, headers=session, json={"purpose": "refund"}
        )
        to = {
            "iban": IBAN,
            "holder": f"{ANOUK.given_names} {ANOUK.family_name}",
            "confirmation_id": asked["confirmation_id"],
        }
        otp = self.one_time_code(ANOUK, after=seen)
        wrong = self.api.post(
            "/v1/me/refunds", headers=session, json={"to": to | {"otp": f"{(int(otp) + 1) % 10**8:08}"}}
        )
        self.must(wrong.is_client_error, f"a wrong code refused, got {short(wrong)}")
        refund = self.answer(
            "POST", "/v1/me/refunds", status=201, headers=session, json={"to": to | {"otp": otp}}
        )
        self.got(f"{euros(refund['amount_cents'])} to {refund['iban']}, decided from {refund['not_before']}")
        self.hear("A refund to a bank account was asked for", "refund")
        path = self.of_lease(f"refunds/{refund['refund_id']}/approval")
        order = {"transfer_reference": "VIR-2025-0624"}
        self.at_desk("POST", path, status=409, json=order)
        self.got("approved at once: 409, it waits a day in which she can still object")

        self.on(LEAVES + timedelta(days=5), "The accountant orders the transfer.")
        done = self.at_desk("POST", path, json=order)
        self.must(done["state"] == "done", f"the refund done, it is {done['state']}")
        self.got(f"transfer {order['transfer_reference']}: {euros(done['amount_cents'])}")

    def closing(self) -> None:
        """Nothing is left to settle: the lease is closed, with its last certificate."""
        self.step("Nothing hinders closing the lease, which makes the end-of-stay certificate.")
        final = self.at_desk("GET", self.of_lease("final-account"))
        self.must(not final["hinders"], f"nothing in the way, there is {final['hinders']}")
        self.at_desk("POST", self.of_lease("closing"))
        self.must_be_at("closed")
        session = self.sign_in()
        self.paper(session, "end-of-stay", kind="end_of_stay_certificate")
        self.paper(session, "statement", kind="statement_of_account")

    def where_things_stand(self) -> None:
        """The books: what is owed is zero, and the rent is that of the days lived."""
        self.step("Where things stand: rent by the days lived, and where the money came from.")
        issued = self.at_desk("GET", self.of_lease("notices"))
        standing = [one for one in issued["notices"] if not one["withdrawn"]]
        for notice in standing:
            period, cents = notice["period"], notice["amount_cents"]
            self.must(cents == rent_of(period), f"{euros(rent_of(period))} for {period}, got {euros(cents)}")
            self.got(f"{period}: {_days_of(period):2} days, {euros(cents):>10}")
        rent = sum(one["amount_cents"] for one in standing)
        lived = (LEAVES - ARRIVES).days + 1
        self.must(sum(_days_of(one["period"]) for one in standing) == lived, f"{lived} days billed")
        self.got(f"rent of {lived} days: {euros(rent)}")

        account = self.answer("GET", "/v1/me/account", headers=self.sign_in())
        kinds: dict[str, int] = {}
        for entry in account["entries"]:
            kinds[entry["kind"]] = kinds.get(entry["kind"], 0) + entry["amount_cents"]
        for kind, cents in kinds.items():
            self.got(f"{kind.replace('_', ' '):<16} {euros(cents):>12}")
        self.must(sum(kinds.values()) == 0, f"a ledger that sums to zero, it comes to {sum(kinds.values())}")
        self.must(account["balance_cents"] == account["credit_cents"] == 0, "nothing owed, nothing left over")
        self.must(kinds["notice"] + kinds["credit_note"] == rent, "notices less credit notes are the rent")
        held = self.at_desk("GET", self.of_lease("deposit"))["held_cents"]
        self.must(held == 0, f"no deposit held, there is {held}")
        self.got(f"the ledger's {len(account['entries'])} entries sum to 0.00 EUR, no deposit is held")

        self.step("What her papers' pages say, and what the night's reconciliation finds.")
        ends = {name: self.status_of(name) for name in self.papers}
        for name, status in ends.items():
            self.got(f"{name}: {status}")
        void = {name for name, status in ends.items() if status == "revoked"}
        expected = {"certificate-b207", "certificate-c312", "receipt-2024-11", "receipt-2024-12"}
        self.must(void == expected, f"{sorted(expected)} void, they are {sorted(void)}")
        self.reconciled()
        untold = self.untold()
        self.must(not untold, f"no e-mail that nobody expected, there was {untold}")
        self.got(f"{len(self.mails(ANOUK))} e-mails in all, {len(self.reminded)} of them reminders")

    # --- how ---

    def billed(self) -> None:
        """Each month's notice, by the daily run of its first day (or that of her arrival)."""
        first = max(self.today.replace(day=1), ARRIVES)
        if self.today != first or self.today > LEAVES:
            return
        period = f"{self.today:%Y-%m}"
        path = self.of_lease("notices")

        def issued() -> dict[str, Any] | None:
            notices = self.at_desk("GET", path)["notices"]
            return next((one for one in notices if one["period"] == period), None)

        notice = self.until(issued, f"the notice of {period}")
        self.got(f"notice {period}: {euros(notice['amount_cents'])}, due {notice['due_on']}")
        self.hear("Your rent for", "notice")

    def of_lease(self, what: str) -> str:
        """A desk's route of the lease."""
        return f"/v1/desk/leases/{self.lease}/{what}"

    def at_desk(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> dict[str, Any]:
        """What staff get; each request is a new one unless `headers` say otherwise."""
        key = {"Idempotency-Key": secrets.token_hex(16)} if method == "POST" else {}
        return self.answer(
            method, path, status=status, headers=self.staff | key | dict(headers or {}), **request
        )

    def sign_in(self) -> dict[str, str]:
        """The headers of a session: a new one once the last is no more in use."""
        if self.session_at is None or self.clock() - self.session_at > SESSION_USED:
            self.session, self.session_at = self.signed_in(ANOUK, self.code), self.clock()
        return self.session

    def notices(self, session: Mapping[str, str]) -> list[dict[str, Any]]:
        """What the tenant sees of them."""
        found: list[dict[str, Any]] = self.answer("GET", "/v1/me/notices", headers=session)["notices"]
        return found

    def plan_of(self, session: Mapping[str, str]) -> dict[str, Any]:
        """The tenant's view of the payment plan."""
        return self.answer("GET", "/v1/me/payment-plan", headers=session)

    def pay(self, session: Mapping[str, str], **order: Any) -> dict[str, Any]:
        """Pay on the provider's page. Returns the checkout that was paid."""
        key = {"Idempotency-Key": secrets.token_hex(16)}
        started = self.answer("POST", "/v1/me/payments", status=201, headers=dict(session) | key, json=order)
        self.press(started["checkout_url"], "pay")
        path = f"/v1/me/payments/{started['payment_id']}"
        self.until(lambda: self.answer("GET", path, headers=session)["state"] == "paid", "the payment")
        self.got(f"paid online: {euros(started['amount_cents'])}")
        return started

    def taken_back(self, payment: Mapping[str, Any]) -> None:
        """The bank takes a payment back, as the provider's webhook then says."""
        self.press(payment["checkout_url"], "return", "duplicate")
        path = f"/v1/me/payments/{payment['payment_id']}"
        session = self.sign_in()
        self.until(lambda: self.answer("GET", path, headers=session)["state"] == "failed", "its return")
        self.got(f"returned unpaid: {euros(payment['amount_cents'])}")

    def aid(self, day: date, period: str = "", *, again: bool = False) -> None:
        """A file says what the CAF paid the landlord, the day before, for a month."""
        period = period or f"{day:%Y-%m}"
        self.on(day, f"The CAF's file comes: {euros(AID)} for {period}.")
        paid_on = day - timedelta(days=1)
        row = f"{self.reference};{period[5:]}/{period[:4]};{AID // 100},{AID % 100:02};{paid_on:%d/%m/%Y};APL"
        header = "Référence locataire;Mois;Montant versé;Versé le;Prestation"
        file = f"{header}\r\n{row}\r\n".encode("cp1252")
        report = self.import_file("aid-imports", file)
        self.must(report["posted"] == 1 and not report["differences"], f"one row posted, got {report}")
        self.got("posted as of the day it was paid")
        if again:
            report = self.import_file("aid-imports", file)
            self.must((report["posted"], report["known"]) == (0, 1), f"known the second time, got {report}")
            self.got("the same file once more: known, nothing posted")

    def paper(self, session: Mapping[str, str], name: str, **wish: Any) -> None:
        """Ask for a document, keep it, and verify it both ways."""
        asked = self.api.post("/v1/me/certificates", headers=session, json=wish)
        self.must(asked.status_code == httpx.codes.ACCEPTED, f"202, got {short(asked)}")
        self.hear("Your document is ready", f"{name}-ready")
        ready = self.document(asked.headers["Location"], session, name)
        self.keep(name, ready["download_url"])
        self.papers[name] = ready["verification_code"]
        self.must_hold(name, "genuine")

    def keep(self, name: str, url: str) -> None:
        """Download a PDF, and verify it from the file alone, as `sesame verify` does."""
        content = self.keep_pdf(f"{name}.pdf", url)
        report = verify(content, self.trust, datetime.now(UTC))
        self.must(report.verdict is Verdict.HOLDS, f"{name} genuine, got {report}")
        self.got(f"sesame verify: genuine{f', {report.number}' if report.number else ''}")

    def must_hold(self, name: str, status: str) -> None:
        """What a paper's verification says, once it does; and the page that its QR code leads to."""
        self.until(lambda: self.status_of(name) == status, f"{name} {status}")
        page = self.api.get(f"/verification/{self.papers[name]}")
        words = {"genuine": "This document is genuine", "revoked": "This document was revoked"}[status]
        self.must(words in page.text, f"{words!r} on its page, got {short(page)}")
        self.got(f"the page of {name} says: {words}")

    def status_of(self, name: str) -> str:
        """What the public is told of a paper."""
        return str(self.answer("GET", f"/v1/verifications/{self.papers[name]}")["status"])

    def must_owe(self, session: Mapping[str, str], cents: int) -> None:
        """The account's balance; below zero it is credit."""
        balance = self.answer("GET", "/v1/me/account", headers=session)["balance_cents"]
        self.must(balance == cents, f"a balance of {euros(cents)}, it is {euros(balance)}")
        self.got(f"balance: {euros(abs(cents))}{' in credit' if cents < 0 else ' owed' if cents else ''}")

    def must_be_at(self, stage: str) -> None:
        """Where the lease is in its life."""
        found = self.at_desk("GET", self.of_lease("life"))["stage"]
        self.must(found == stage, f"a lease that is {stage}, it is {found}")
        self.got(f"the lease is {stage.replace('_', ' ')}")

    def reconciled(self) -> None:
        """The daily job compares each stored balance with its journal, and asks what the provider knows."""
        self.invoke("ReconcilePlanFunction", {"scheduled_time": self.clock().isoformat()})
        path = f"/v1/desk/reconciliations/{self.clock().date()}"

        def finished() -> dict[str, Any] | None:
            report = self.answer("GET", path, headers=self.staff)
            return report if report["finished"] else None

        report = self.until(finished, "the reconciliation's report")
        self.must(not report["differing"] and not report["missed"], f"no difference, got {report}")
        self.got(f"{report['accounts']} account as its journal says, no event of the provider's missed")


# --- The oracle: rent by the days lived, counted without the product's own rules


def rent_of(period: str) -> int:
    """Cents due of a month: each home's days of it, rent and charges each rounded by the running total."""
    days = _lived(period)
    length = _length(period)
    total = 0
    for home, until in zip(HOMES, (HOMES[1].since, LEAVES + timedelta(days=1)), strict=True):
        mine = [day.day for day in days if home.since <= day < until]
        if mine:
            for monthly in (home.rent, home.charges):
                total += _due_by(monthly, mine[-1], length) - _due_by(monthly, mine[0] - 1, length)
    return total


def _due_by(monthly: int, day: int, length: int) -> int:
    """What of a month is due by the end of a day, to the nearest cent."""
    whole, rest = divmod(monthly * day, length)
    return whole + (2 * rest >= length)


def _length(period: str) -> int:
    year, month = map(int, period.split("-"))
    return (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days


def _lived(period: str) -> list[date]:
    first = date.fromisoformat(f"{period}-01")
    days = (first + timedelta(days=number) for number in range(_length(period)))
    return [day for day in days if ARRIVES <= day <= LEAVES]


def _days_of(period: str) -> int:
    return len(_lived(period))


def _lease_file() -> bytes:
    home = HOMES[0]
    row = (
        f"{ANOUK.reference};{RESIDENCE};{ADDRESS};{POSTAL_CODE};{CITY};{home.room};{ANOUK.family_name};"
        f"{ANOUK.given_names};{ANOUK.birth_date:%d/%m/%Y};{ANOUK.ine};{ANOUK.email};06 39 98 12 34;en;"
        f"{ARRIVES:%d/%m/%Y};{ENDS:%d/%m/%Y};{_comma(home.rent)};{_comma(home.charges)};{_comma(DEPOSIT)}"
    )
    return f"{HEADER}\r\n{row}\r\n".encode("cp1252")


def _comma(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02}"
