"""A tenant's due dates for their own calendar: a private address that they can end at any time.

Whoever has the address reads it without a session, and calendars are kept by companies far from here and
shown to families and colleagues. So it says when something is to be paid and for which month, and nothing
else: no amount, name, room, residence or debt's history.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sesame.domain.calendar import local_date
from sesame.domain.due_dates import DueDate, due_dates
from sesame.domain.tenancy import Language, RentWord
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, NotFound
from sesame.platform.ids import Random, derived_id
from sesame.platform.secrets import Pepper
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.accounts import account_of
from sesame.store.audit import Action, Audit, AuditEntry
from sesame.store.calendar_feeds import CalendarFeed, CalendarFeeds
from sesame.store.people import lease_of, person_of, residence_of
from sesame.store.table import ConditionFailed, Table, batch_get, transact

_TOKEN_BYTES = 32
_MOST_OF_A_TOKEN = 64
REFRESH = timedelta(hours=12)
"""How often calendars are asked to look again."""
_ALARMS = (timedelta(days=-3, hours=9), timedelta(hours=9))
"""From the first moment of the day: at nine, three days before and on the day itself."""
_MONTHS = {
    Language.FRENCH: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    Language.ENGLISH: "January February March April May June July August September October November December",
}
_WORDS = {
    (Language.FRENCH, RentWord.RENT): ("Loyers", "Loyer {of}\u00a0: dernier jour pour payer"),
    (Language.FRENCH, RentWord.FEE): ("Redevances", "Redevance {of}\u00a0: dernier jour pour payer"),
    (Language.ENGLISH, RentWord.RENT): ("Rent", "Rent for {of}: last day to pay"),
    (Language.ENGLISH, RentWord.FEE): ("Residence fee", "Residence fee for {of}: last day to pay"),
}
_AGREED = {
    Language.FRENCH: "Versement convenu\u00a0: dernier jour pour payer",
    Language.ENGLISH: "Agreed payment: last day to pay",
}
"""An instalment, in words that tell whoever looks on no more than that something is to be paid."""
_DETAILS = {
    Language.FRENCH: "Le détail est dans votre espace\u00a0: ",
    Language.ENGLISH: "The details are in your tenant space: ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCalendarFeed:
    """A tenant's own feed: made, made anew, ended. Each is in the audit."""

    feeds: CalendarFeeds
    audit: Audit
    pepper: Pepper
    api_url: str
    clock: Clock
    random: Random

    def since(self, session: Session) -> datetime | None:
        """Since when there is one; None where there is none. One read."""
        feed = self.feeds.of(session.person.person_id, session.lease.lease_id)
        return feed.created_at if feed else None

    def make(self, session: Session, *, source: str) -> str:
        """A new address, not shown again; the one of before ends at once. Raises Conflict where asked twice
        at the same moment. Two calls."""
        lease, person = session.lease, session.person
        before = self.feeds.of(person.person_id, lease.lease_id)
        token = urlsafe_b64encode(self.random(_TOKEN_BYTES)).rstrip(b"=").decode()
        feed = CalendarFeed(
            token_hash=_hashed(token),
            person_id=person.person_id,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            created_at=self.clock(),
        )
        entry = self._entry(Action.CALENDAR_FEED_SET, session, source)
        writes = [*self.feeds.setting(feed, before), self.audit.recording(entry)]
        try:
            transact(self.feeds.table.client, writes, attempts=3)
        except ConditionFailed as failure:
            raise Conflict from failure
        return f"{self.api_url}/v1/calendar-feeds/{token}.ics"

    def end(self, session: Session, *, source: str) -> None:
        """Ends it. Raises NotFound where there is none. Two calls."""
        feed = self.feeds.of(session.person.person_id, session.lease.lease_id)
        if feed is None:
            raise NotFound
        entry = self._entry(Action.CALENDAR_FEED_ENDED, session, source)
        try:
            transact(
                self.feeds.table.client,
                [*self.feeds.ending(feed), self.audit.recording(entry)],
                attempts=3,
            )
        except ConditionFailed as failure:
            raise NotFound from failure

    def _entry(self, action: Action, session: Session, source: str) -> AuditEntry:
        return session.deed(
            action,
            self.clock(),
            random=self.random,
            source=self.pepper.hash("source", source),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarReader:
    """What whoever holds an address gets."""

    feeds: CalendarFeeds
    identity: Table
    money: Table
    portal_url: str
    clock: Clock

    def read(self, token: str) -> str:
        """The calendar (RFC 5545). Raises NotFound for whatever is not a token in use. Two calls."""
        token = token.removesuffix(".ics")
        feed = self.feeds.get(_hashed(token)) if len(token) <= _MOST_OF_A_TOKEN else None
        if feed is None:
            raise NotFound
        identity = self.identity.name
        lease, person, residence, account = batch_get(
            self.identity.client,
            [
                (identity, keys.lease(feed.lease_id)),
                (identity, keys.person(feed.person_id)),
                (identity, keys.residence(feed.residence_id)),
                (self.money.name, keys.account(feed.lease_id)),
            ],
        )
        if not (lease and person and residence):
            raise NotFound
        where, now = residence_of(residence), self.clock()
        today = local_date(now, where.time_zone)
        standing = account_of(account) if account else None
        outstanding = standing.checkpoint.outstanding if standing else ()
        plan = standing.plan if standing else None
        dates = due_dates(lease_of(lease), where, outstanding, today, plan)
        language, word = person_of(person).language, where.documents.rent_word
        return calendar_of(feed.lease_id, dates, language, self.portal_url, now, word)


def calendar_of(
    lease_id: str,
    dates: list[DueDate],
    language: Language,
    portal_url: str,
    now: datetime,
    rent_word: RentWord = RentWord.RENT,
) -> str:
    """Due dates as whole days, each with its alarms; each has the same UID whenever it is asked for."""
    # 3 MB that no other function needs
    from icalendar import Alarm, Calendar, Event  # noqa: PLC0415

    name, summary = _WORDS[language, rent_word]
    calendar = Calendar()
    calendar.add("prodid", "-//Sesame//Due dates//FR")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH)
    calendar.add("x-published-ttl", "PT12H")
    for one in dates:
        said = _AGREED[language] if one.instalment else summary.format(of=_of(one.period, language))
        cause = (one.plan_id, str(one.instalment)) if one.instalment else (one.period,)
        event = Event()
        event.add("uid", f"{derived_id('calendar', lease_id, *cause)}@sesame")
        event.add("dtstamp", now)
        event.add("dtstart", one.due_on)
        event.add("dtend", one.due_on + timedelta(days=1))
        event.add("summary", said)
        event.add("description", _DETAILS[language] + portal_url)
        event.add("transp", "TRANSPARENT")
        for before in _ALARMS:
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", said)
            alarm.add("trigger", before)
            event.add_component(alarm)
        calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text.decode()


def _of(period: str, language: Language) -> str:
    year, month = period.split("-")
    name = f"{_MONTHS[language].split()[int(month) - 1]} {year}"
    if language is not Language.FRENCH:
        return name
    return f"d'{name}" if name[0] in "ao" else f"de {name}"


def _hashed(token: str) -> str:
    return sha256(token.encode()).hexdigest()
