"""Plays the story of a tenancy's first weeks: the desk, the students, the clock, the payment provider."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx

from local import residents
from local.residents import HEADER
from local.stack import Stack
from local.telling import Newcomer, Teller, at_least, euros, once_ready, short
from local.telling import play as play_story
from local.webhooks import signed

FORGERS_SECRET = "whsec_Zm9yZ2VkIHNlY3JldCBvZiAyNCBieXRlcw=="  # noqa: S105  (theirs, not ours)


def play(stack: Stack, folder: Path, say: Callable[[str], None]) -> int:
    """Play every step. Returns 0, or 1 at one that is not as promised. PDFs and e-mails go to `folder`."""
    return play_story(Story(stack, folder, say, datetime.now(UTC)))


class Story(Teller):
    """The first weeks, step by step."""

    def __init__(self, stack: Stack, folder: Path, say: Callable[[str], None], now: datetime) -> None:
        super().__init__(stack, folder, say)
        self.now = now
        self.first_month = _month_before(now.date())
        self.payer, self.debtor = self._newcomers(now)

    def tell(self) -> None:
        """The whole story. Raises BrokenPromiseError at the first step that is not as promised."""
        self.desk_imports_leases()
        code = self.welcome(self.payer)
        self.recover(self.payer, code)
        self.personal_space(self.payer, code)
        code = self.reception(self.payer, code)
        self.clock_bills()
        session = self.sign_in(self.payer, code)
        self.look_at_account(session)
        self.pay(session)
        self.clock_reminds()
        self.certificates(session)

    # --- the steps ---

    def desk_imports_leases(self) -> None:
        """Good rows in, the bad one named; the same file again changes nothing."""
        self.step("The desk imports a file of leases: two good rows, and one with an impossible date.")
        file = self._lease_file()
        report = self.import_file("lease-imports", file)
        self.must(report["created"] == 2, f"two leases in, the report says {report}")  # noqa: PLR2004
        self.must(len(report["problems"]) == 1, "one row refused")
        problem = report["problems"][0]
        self.got(f"{report['created']} leases in, {report['rejected']} refused:")
        self.got(f"line {problem['line']}, column {problem['column']}: {problem['reason']}")
        self.got(f"remedy: {problem['remedy']}")

        self.step("The same file once more.")
        again = self.import_file("lease-imports", file)
        self.must(again["created"] == 0, "nothing created the second time")
        self.must(again["unchanged"] == 2, "both rows known")  # noqa: PLR2004
        self.got(f"{again['created']} created, {again['unchanged']} unchanged.")

    def welcome(self, who: Newcomer) -> str:
        """The link of the welcome e-mail and the birth date show the tenant code and the entry document."""
        self.step(f"{who.given_names} gets the welcome e-mail, which carries a link and no code.")
        mail, token = self.welcome_mail(who)
        self.got(mail["subject"])

        self.step(f"{who.given_names} opens the link and gives the wrong birth date, then the right one.")
        wrong = self.api.post("/v1/welcomes", json={"token": token, "birth_date": "1990-01-01"})
        self.must(wrong.status_code == httpx.codes.UNPROCESSABLE_ENTITY, f"422, got {short(wrong)}")
        self.got(f"422 {wrong.json()['title']}: {wrong.json().get('detail', '')}")
        body = {"token": token, "birth_date": who.birth_date.isoformat()}
        opened = self.answer("POST", "/v1/welcomes", json=body)
        code = str(opened["tenant_code"])
        self.must(code.replace("-", "") not in mail["text"].replace("-", ""), "no code in the e-mail")
        self.got(f"tenant code {code}, {opened['residence']}, room {opened['room']}")

        self.step("The entry document is made meanwhile.")
        ready = self.until(
            lambda: once_ready(self.answer("POST", "/v1/welcomes", json=body)["entry_document"]),
            "the entry document",
            every=2.0,  # A page asked again counts as a try of the link, of which there are ten.
        )
        self.keep_pdf("entry-document.pdf", ready["download_url"])
        return code

    def recover(self, who: Newcomer, code: str) -> None:
        """E-mail or INE, and birth date; a one-time code by e-mail; the tenant code."""
        self.step(f"{who.given_names} has lost the code: gives the INE and the birth date.")
        identity = {"ine": who.ine, "birth_date": who.birth_date.isoformat()}
        started = self.answer("POST", "/v1/code-recoveries", status=202, json=identity)
        stranger = {"email": f"nobody.{self.payer.email}", "birth_date": "2000-01-01"}
        unknown = self.answer("POST", "/v1/code-recoveries", status=202, json=stranger)
        self.must(set(started) == set(unknown), "the same answer for somebody unknown")
        self.got("202, the same answer as for somebody unknown")
        otp = self.one_time_code(who)
        self.got("the one-time code is in the mailbox")
        path = f"/v1/code-recoveries/{started['recovery_id']}/confirm"
        recovered = self.answer("POST", path, json={"otp": otp})
        self.must(recovered["tenant_code"] == code, "the same tenant code as before")
        self.got(f"tenant code {recovered['tenant_code']}")
        self.must(self.api.post(path, json={"otp": otp}).status_code == httpx.codes.UNAUTHORIZED, "once only")
        self.got("the one-time code works once: 401 the second time")

    def personal_space(self, who: Newcomer, code: str) -> None:
        """The students' identity provider says who they are; the code is shown."""
        self.step(f"{who.given_names} finds it in the personal space too, signed in by the university.")
        shown = self._code_in_personal_space(who)
        self.must(shown == code, "the same tenant code as before")
        self.got(f"tenant code {shown}")

    def reception(self, who: Newcomer, code: str) -> str:
        """An ID shown at the desk: a slip with a new code. Returns that code."""
        self.step(f"{who.given_names} fears that it is known: the desk looks at an ID and replaces it.")
        asked = {"ine": who.ine}
        found = self.answer("POST", "/v1/desk/lease-searches", headers=self.staff, json=asked)["leases"]
        self.must(len(found) == 1, f"one lease, found {len(found)}")
        path = f"/v1/desk/leases/{found[0]['lease_id']}/code-recoveries"
        seen = len(self.mails(who))
        shown = {"id_document": {"kind": "passport", "last_characters": "K4T9"}, "new_code": True}
        done = self.answer("POST", path, status=201, headers=self.staff, json=shown)
        self.keep_pdf("code-slip.pdf", self.document(done["slip"], self.staff, "slip")["download_url"])
        mail = self.mail_to(who, lambda one: "reception" in one["subject"], "told", after=seen)
        self.got(f"and every contact is told: {mail['subject']}")
        new = self._code_in_personal_space(who)
        self.must(new != code, "a new code")
        return new

    def clock_bills(self) -> None:
        """The daily job issues what is missing, as on the first day of last month and of this one."""
        self.step("The clock runs the daily billing job, for the first of last month and of this one.")
        for month in (self.first_month, self.now.date().replace(day=1)):
            at = datetime(month.year, month.month, 1, 3, tzinfo=UTC)
            self.invoke("BillingPlanFunction", {"scheduled_time": at.isoformat()})
        self.got("done")

    def sign_in(self, who: Newcomer, code: str) -> dict[str, str]:
        """Tenant code and one-time code: a session. Returns the headers that carry it."""
        self.step(f"{who.given_names} signs in with the tenant code and a one-time code.")
        mistyped = self.api.post("/v1/sign-ins", json={"tenant_code": code[:-1] + _other_symbol(code[-1])})
        self.must(mistyped.status_code == httpx.codes.UNPROCESSABLE_ENTITY, f"422, got {short(mistyped)}")
        self.got(f"a typing error is said at once: 422 {mistyped.json()['title']}")
        seen = len(self.mails(who))
        started = self.answer("POST", "/v1/sign-ins", status=202, json={"tenant_code": code})
        otp = self.one_time_code(who, after=seen)
        opened = self.answer("POST", f"/v1/sign-ins/{started['sign_in_id']}/confirm", json={"otp": otp})
        self.got(f"a session, until {opened['expires_at']}")
        return {"Authorization": f"Bearer {opened['session_token']}"}

    def look_at_account(self, session: dict[str, str]) -> None:
        """Who, the notices, the account."""
        self.step("What the tenant sees: who, the notices, the account.")
        me = self.answer("GET", "/v1/me", headers=session)
        tenant, lease = me["tenant"], me["lease"]
        self.got(f"{tenant['given_names']} {tenant['family_name']}, room {lease['room']}")
        self.got(
            f"tenant reference {lease['tenant_reference']}, code ends with {lease['tenant_code_ends_with']}"
        )
        notices = self.until(
            lambda: at_least(self.answer("GET", "/v1/me/notices", headers=session), "notices", 2),
            "two rent notices",
        )
        for notice in notices:
            self.got(f"notice {notice['period']}: {euros(notice['amount_cents'])}, due {notice['due_on']}")
        account = self.answer("GET", "/v1/me/account", headers=session)
        self.must(account["balance_cents"] > 0, f"something is owed, the account says {account}")
        self.got(f"balance: {euros(account['balance_cents'])} owed")
        mail = self.mail_to(
            self.payer, lambda one: one["subject"].startswith(("Votre loyer", "Your rent")), "notice"
        )
        self.got(f"and by e-mail: {mail['subject']}")

    def pay(self, session: dict[str, str]) -> None:
        """Checkout, the provider's page, its signed webhooks, each twice; a forged one."""
        balance = int(self.answer("GET", "/v1/me/account", headers=session)["balance_cents"])
        self.step(f"The tenant pays all of it, {euros(balance)}, on the sandbox provider's page.")
        key = {"Idempotency-Key": secrets.token_hex(16)}
        order = {"amount_cents": balance, "provider": "sandbox"}
        started = self.answer("POST", "/v1/me/payments", status=201, headers=session | key, json=order)
        same = self.answer("POST", "/v1/me/payments", status=201, headers=session | key, json=order)
        self.must(same["payment_id"] == started["payment_id"], "the same key gives the same payment")
        self.got(f"201, payment {started['payment_id']}; asked again with the same key: the same")
        self.press(started["checkout_url"], "pay", "duplicate")
        path = f"/v1/me/payments/{started['payment_id']}"
        self.until(lambda: self.answer("GET", path, headers=session)["state"] == "paid", "the payment")
        account = self.answer("GET", "/v1/me/account", headers=session)
        self.must(account["balance_cents"] == 0, f"nothing owed, the account says {account['balance_cents']}")
        paid = [entry for entry in account["entries"] if entry["amount_cents"] < 0]
        self.must(sum(entry["amount_cents"] for entry in paid) == -balance, f"paid once, not {paid}")
        self.got("the provider sent each of its webhooks twice: posted once, balance 0.00 EUR")

        self.step("Somebody forges a webhook.")
        body = json.dumps({"id": "evt_forged", "type": "payment.settled"}).encode()
        forged = self.api.post(
            "/v1/webhooks/sandbox", content=body, headers=signed(FORGERS_SECRET, "msg_forged", body)
        )
        self.must(forged.status_code == httpx.codes.UNAUTHORIZED, f"401, got {short(forged)}")
        same = self.answer("GET", "/v1/me/account", headers=session)
        self.must(same["entries"] == account["entries"], "nothing changed by it")
        self.got("401, and nothing changed")

    def clock_reminds(self) -> None:
        """Who owes is written to, who has paid is not."""
        self.step(f"The clock runs the reminder job: {self.debtor.given_names} owes, the other has paid.")
        before = {who: len(self.mails(who)) for who in (self.payer, self.debtor)}
        for at in self._sending_times():
            self.invoke("ReminderPlanFunction", {"scheduled_time": at.isoformat()})
        reminder = self.mail_to(self.debtor, lambda _one: True, "reminder", after=before[self.debtor])
        self.got(f"to {self.debtor.given_names}: {reminder['subject']}")
        meanwhile = [mail["subject"] for mail in self.mails(self.payer)[: -before[self.payer] or None]]
        self.must(not meanwhile, f"no reminder to who has paid, who got {meanwhile}")
        self.got(f"to {self.payer.given_names}: nothing")

    def certificates(self, session: dict[str, str]) -> None:
        """A residence certificate and a receipt: requested, rendered, downloaded, verified by anyone."""
        for name, wish in {
            "residence-certificate": {"kind": "residence_certificate"},
            "receipt": {"kind": "receipt", "period": f"{self.first_month:%Y-%m}"},
        }.items():
            self.step(f"The tenant asks for a document: {name}.")
            asked = self.api.post("/v1/me/certificates", headers=session, json=wish)
            self.must(asked.status_code == httpx.codes.ACCEPTED, f"202, got {short(asked)}")
            path = asked.headers["Location"]
            ready = self.document(path, session, name)
            self.keep_pdf(f"{name}.pdf", ready["download_url"])
            verified = self.answer("GET", f"/v1/verifications/{ready['verification_code']}")
            self.must(verified["status"] == "genuine", f"genuine, got {verified}")
            self.got(f"verified by its code {ready['verification_code']}: {verified['status']}")

    # --- how ---

    def _code_in_personal_space(self, who: Newcomer) -> str:
        minted = self.web.post(f"{self.stack['student_issuer']}/token", json={"ine": who.ine}).json()
        token = {"Authorization": f"Bearer {minted['id_token']}"}
        return str(self.answer("GET", "/v1/personal-space/tenant-code", headers=token)["tenant_code"])

    def _newcomers(self, now: datetime) -> tuple[Newcomer, Newcomer]:
        stamp = f"{now:%y%m%d%H%M%S}"

        def newcomer(number: int, given_names: str, family_name: str, born: date) -> Newcomer:
            return Newcomer(
                reference=f"DEMO-{stamp}-{number}",
                given_names=given_names,
                family_name=family_name,
                birth_date=born,
                ine=f"{secrets.randbelow(10**9):09}{secrets.choice('ABCDEFGHJK')}K",
                email=f"demo.{stamp}.{number}@example.org",
                room=f"E{number:02}",
            )

        return (
            newcomer(1, "Anouk", "Le Guennec", date(2005, 3, 14)),
            newcomer(2, "Thiago", "Conceição", date(2004, 11, 2)),
        )

    def _lease_file(self) -> bytes:
        starts_on = self.first_month
        ends_on = starts_on.replace(year=starts_on.year + 1) - timedelta(days=1)
        place = "Résidence Les Tilleuls;8 allée des Tilleuls;38400;Saint-Martin-d'Hères"
        terms = f"06 39 98 12 34;en;{starts_on:%d/%m/%Y};{ends_on:%d/%m/%Y};312,50;41,00;312,50"
        rows = [
            f"{one.reference};{place};{one.room};{one.family_name};{one.given_names};"
            f"{one.birth_date:%d/%m/%Y};{one.ine};{one.email};{terms}"
            for one in (self.payer, self.debtor)
        ]
        rows.append(
            rows[0].replace(self.payer.reference, f"{self.payer.reference}-bad").replace("14/03", "31/02")
        )
        return "\r\n".join([HEADER, *rows, ""]).encode("cp1252")

    def _sending_times(self) -> list[datetime]:
        """Three weekdays' mornings, once the first bill is late: one at least is no public holiday."""
        due_day = int(str(residents.SETTINGS["due_day"]))
        due = datetime(self.first_month.year, self.first_month.month, due_day, 9, 5, tzinfo=UTC)
        mornings = [due + timedelta(days=after) for after in range(3, 10)]
        return [day for day in mornings if day.isoweekday() <= 5][:3]  # noqa: PLR2004  (Monday to Friday)


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def _other_symbol(symbol: str) -> str:
    return "X" if symbol != "X" else "Y"
