"""Accounts: a lease's journal in one partition, with the fold's checkpoint beside it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from sesame.domain.calendar import Period
from sesame.domain.journal import (
    EMPTY,
    Checkpoint,
    Entry,
    EntryKind,
    Outstanding,
    Position,
    notice_entry_id,
)
from sesame.domain.notices import Adjustment, LineKind, Notice, NoticeLine
from sesame.domain.plans import AgreedPlan, Instalment
from sesame.domain.reminders import Dun, Hold, HoldKind, HoldReason
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.table import NOT_THERE, Check, ConditionFailed, Item, Key, Put, Table, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where a lease's account stands. `version` 0: nothing is stored yet."""

    lease_id: str
    residence_id: str
    checkpoint: Checkpoint = EMPTY
    next_step_at: datetime | None = None
    """When the reminders' planner must look at it; None while nothing is owed."""
    since: datetime | None = None
    """From when on steps still wait, where the planner's instant was moved without taking them."""
    hold: Hold | None = None
    plan: AgreedPlan | None = None
    reopened: Mapping[str, datetime] = field(default_factory=dict)
    """What is owed again since money was taken back, by entry, and since when."""
    formal_notice: "OrderedNotice | None" = None
    """The formal notice that was ordered last, told of or not."""
    adjustments: tuple[Adjustment, ...] = ()
    """What staff added for the next notice."""
    lease_version: int = 0
    """The version that the lease had when its terms last changed: whoever bills must have read it or a later
    one, so that no notice goes out on terms that hold no more."""
    billed_to: str = ""
    """The latest period (`YYYY-MM`) that was ever billed; empty where nobody has noted it."""
    block_waived: tuple[Period, ...] = ()
    """The months whose being late bars nobody from renewal any more."""
    issuing: "IssuedNotice | None" = None
    """The notice last billed by two writes: part of the account already, its own item perhaps not yet."""
    version: int = 0

    def dun(self, look_at: datetime) -> Dun:
        """The account as far as reminders go, were it to be looked at then."""
        return Dun(
            unpaid=self.checkpoint.outstanding,
            look_at=look_at,
            since=self.since,
            hold=self.hold,
            plan=self.plan,
            reopened=self.reopened,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedNotice:
    """A formal notice: its document, the step and the debt that it is for, and what tells its demand from
    another one (`services.demands`)."""

    document_id: str
    entry_id: str
    step: str
    demand: str
    reopened_at: str = ""
    """As of `Reached`."""
    withdrawn: bool = False
    """Whether staff took it back: what is still to tell of it is told no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where the planner's instant goes, and what is written along."""

    next_step_at: datetime | None
    since: datetime | None = None
    plan_broken_on: date | None = None
    announce: Mapping[str, str] | None = None
    formal_notice: OrderedNotice | None = None
    """One that is ordered with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedNotice:
    """A rent notice, and when it was issued (UTC)."""

    notice: Notice
    issued_at: datetime

    @property
    def entry_id(self) -> str:
        """Of the debit that it is."""
        return notice_entry_id(self.notice.period, self.notice.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAdjustment:
    """An adjustment as staff asked for it: who, when, why in a word; and whether it waited for a notice."""

    adjustment: Adjustment
    asked_at: datetime
    reason: str
    by: str
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """All that a lease's account holds; notices are among the entries too."""

    account: Account | None
    notices: tuple[IssuedNotice, ...]
    """Those that stand: one a period at most."""
    entries: tuple[Entry, ...]
    withdrawn: tuple[IssuedNotice, ...] = ()
    """Those that a credit note has taken away."""
    asked: tuple[AskedAdjustment, ...] = ()
    """All that staff ever added, whatever became of it."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of the money table."""

    table: Table

    def key(self, lease_id: str) -> Key:
        """Where a lease's checkpoint is kept, for those who read it along with other items."""
        return keys.account(lease_id)

    def get(self, lease_id: str) -> Account | None:
        """Balance, credit and what is outstanding, in one strongly consistent read."""
        item = self.table.get(keys.account(lease_id))
        return account_of(item) if item else None

    def journal(self, lease_id: str) -> Journal:
        """The whole account, in one query."""
        account: Account | None = None
        notices: list[IssuedNotice] = []
        entries: list[Entry] = []
        asked: list[AskedAdjustment] = []
        for item in self.table.query_all(keys.account(lease_id)["pk"]):
            if item["sk"] == keys.account(lease_id)["sk"]:
                account = account_of(item)
                continue
            if "adjustment_id" in item:
                asked.append(_asked_of(item))
                continue
            entries.append(_entry_of(item))
            if item["kind"] == EntryKind.NOTICE:
                notices.append(_notice_of(item))
        pending = account.issuing if account else None
        if pending is not None and all(one.entry_id != pending.entry_id for one in notices):
            # billed, and its own item not written yet, or lost with who was to write it
            notices.append(pending)
            entries.append(notice_entry(pending.notice, pending.issued_at))
        gone = {entry.credits for entry in entries if entry.withdraws}
        return Journal(
            account=account,
            notices=tuple(one for one in notices if one.entry_id not in gone),
            entries=tuple(entries),
            withdrawn=tuple(one for one in notices if one.entry_id in gone),
            asked=tuple(asked),
        )

    def due(
        self, residence_id: str, now: datetime, unreadable: Callable[[Item, Exception], None] | None = None
    ) -> Iterator[Account]:
        """The accounts of a residence that a reminder's step waits for, the longest waiting first.

        `unreadable` is told of an item that is no account, which is left out; without it that raises.
        """
        start: Key | None = None
        while True:
            page = self.table.query(
                keys.due_accounts(residence_id), index=keys.GSI1, up_to=now.isoformat(), start=start
            )
            for item in page.items:
                try:
                    account = account_of(item)
                except Exception as error:
                    if unreadable is None:
                        raise
                    unreadable(item, error)
                else:
                    yield account
            if page.next is None:
                return
            start = page.next

    def move_step(self, account: Account, move: Move) -> bool:
        """Take an account's step: see `moving`. False when the account was changed since it was read: then
        nothing is written."""
        if account.next_step_at is None:
            return False
        try:
            self.table.write(self.moving(account, move))
        except ConditionFailed:
            return False
        return True

    def moving(self, account: Account, move: Move) -> Update:
        """The write that sets when to look at an account again (None: never), and announces what was done.

        The step is a change like any other, a version of its own: an entry posted meanwhile is thought over
        again with it.
        """
        change = _Change(account)
        change.look_at(move.next_step_at)
        change.keep("waits_since", account.since, move.since, datetime.isoformat)
        if account.plan is not None and account.plan.asks_desk:  # who moves an account has asked
            change.set("payment_plan.asks_desk", False)
        if move.plan_broken_on is not None:
            change.set("payment_plan.broken_on", move.plan_broken_on.isoformat())
        if move.announce is not None:
            change.set("announce", dict(move.announce))
        if move.formal_notice is not None:
            change.set("formal_notice", asdict(move.formal_notice))
        return change.update(self.table.name)

    def arranging(
        self,
        account: Account,
        *,
        hold: Hold | None,
        plan: AgreedPlan | None,
        next_step_at: datetime | None,
        since: datetime | None,
        block_waived: tuple[Period, ...] | None = None,
    ) -> Update:
        """The write that holds, releases or plans what an account owes, or waives what being late leads to
        (None leaves that as it is), if nobody changed it since."""
        change = _Change(account)
        change.look_at(next_step_at)
        change.keep("waits_since", account.since, since, datetime.isoformat)
        change.keep("reminder_hold", account.hold, hold, _hold_item)
        change.keep("payment_plan", account.plan, plan, _plan_item)
        if block_waived is not None:
            change.keep("renewal_block_waived", account.block_waived, block_waived, list)
        return change.update(self.table.name)

    def withdrawing(self, account: Account) -> Update:
        """The write that notes that the formal notice ordered last was taken back."""
        change = _Change(account)
        change.set("formal_notice.withdrawn", True)
        return change.update(self.table.name)

    def put_off(self, lease_id: str, look_at: datetime, *, since: datetime) -> bool:
        """Gives a step back (`since`: when it was due), to be thought of again then.

        False where the account was changed meanwhile: try again. True too where nothing is owed any more.
        """
        account = self.get(lease_id)
        if account is None or not account.checkpoint.outstanding:
            return True
        back = min(since, account.since) if account.since else since
        change = _Change(account)
        change.look_at(min(look_at, account.next_step_at) if account.next_step_at else look_at)
        change.keep("waits_since", account.since, back, datetime.isoformat)
        try:
            self.table.write(change.update(self.table.name))
        except ConditionFailed:
            return False
        return True

    def unchanged(self, account: Account) -> Check:
        """Holds an account to the version that was read, for what is written on the strength of it."""
        return Check(
            table=self.table.name,
            key=keys.account(account.lease_id),
            condition="version = :read",
            values={":read": account.version},
        )

    def saving(
        self,
        before: Account,
        checkpoint: Checkpoint,
        next_step_at: datetime | None,
        *,
        adjustments: Sequence[Adjustment] | None = None,
        lease_version: int | None = None,
        issuing: IssuedNotice | None = None,
        billed_to: str | None = None,
        reopened: Mapping[str, datetime] | None = None,
        plan: AgreedPlan | None = None,
    ) -> Update:
        """The write that brings an account to a checkpoint, if nobody changed it since it was read.

        The reminders' instant, `reopened` and `plan` are written where they change, `adjustments` and
        `lease_version` where given.
        """
        values = {f":{name}": value for name, value in _checkpoint_item(checkpoint).items()}
        sets = [f"{name[1:]} = {name}" for name in values]
        sets += ["lease_id = :lease_id", "residence_id = :residence_id", "version = :after"]
        values |= {
            ":lease_id": before.lease_id,
            ":residence_id": before.residence_id,
            ":after": before.version + 1,
        }
        removes = [] if checkpoint.folded_to else ["folded_to"]
        if adjustments is not None and tuple(adjustments) != before.adjustments:
            if adjustments:
                sets.append("adjustments = :adjustments")
                values[":adjustments"] = [asdict(one) for one in adjustments]
            else:
                removes.append("adjustments")
        if reopened is not None and reopened != before.reopened:
            if reopened:
                sets.append("reopened = :reopened")
                values[":reopened"] = {entry_id: at.isoformat() for entry_id, at in reopened.items()}
            else:
                removes.append("reopened")
        more = {
            "lease_version": lease_version,
            "issuing": _issuing_item(issuing) if issuing else None,
            "billed_to": billed_to,
            "payment_plan": _plan_item(plan) if plan is not None and plan != before.plan else None,
        }
        for name, value in more.items():
            if value is not None:
                sets.append(f"{name} = :{name}")
                values[f":{name}"] = value
        if next_step_at != before.next_step_at:
            if next_step_at is None:
                removes += ["gsi1pk", "gsi1sk", "waits_since"]
            else:
                sets += ["gsi1pk = :due", "gsi1sk = :next"]
                values |= {":due": keys.due_accounts(before.residence_id), ":next": next_step_at.isoformat()}
        if before.version:
            values[":before"] = before.version
        return Update(
            table=self.table.name,
            key=keys.account(before.lease_id),
            expression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
            condition="version = :before" if before.version else NOT_THERE,
            values=values,
        )

    def issuing(self, notice: Notice, issued_at: datetime, *, silently: bool = False) -> Put:
        """The write that issues a notice, once a lease, period and number, and announces it."""
        entry = notice_entry(notice, issued_at)
        announce = announcement(
            "notice.issued",
            issued_at,
            id=derived_id("notice.issued", notice.lease_id, notice.period, *_again(notice)),
            lease_id=notice.lease_id,
            period=notice.period,
            **({"number": str(notice.number)} if notice.number > 1 else {}),
        )
        item = {
            **keys.notice(notice.lease_id, notice.period, notice.number),
            **_entry_item(entry),
            "lease_id": notice.lease_id,
            "residence_id": notice.residence_id,
            "starts_on": notice.starts_on.isoformat(),
            "ends_on": notice.ends_on.isoformat(),
            "lines": [_line_item(line) for line in notice.lines],
            "number": notice.number if notice.number > 1 else None,
            "announce": None if silently else announce,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)

    def is_issued(self, notice: Notice) -> bool:
        """Whether a notice's own item is there; one just written may not be seen yet."""
        key = keys.notice(notice.lease_id, notice.period, notice.number)
        return self.table.get(key, consistent=False) is not None

    def crediting(self, lease_id: str, note: Entry, recorded_at: datetime, *, reason: str, by: str) -> Put:
        """The write of a credit note, once; it announces that a month's notice is no more what it was.

        `reason` is why, in a word; `by` the member of staff.
        """
        announce = announcement(
            "notice.corrected",
            recorded_at,
            id=derived_id("notice.corrected", lease_id, note.entry_id),
            lease_id=lease_id,
            period=note.period or "",
        )
        return self.entering(lease_id, note, recorded_at, reason=reason, by=by, announce=announce)

    def asking(self, lease_id: str, asked: AskedAdjustment) -> Put:
        """The write that keeps what staff asked for, once an id."""
        item = {
            **keys.adjustment(lease_id, asked.adjustment.adjustment_id),
            **asdict(asked.adjustment),
            "recorded_at": asked.asked_at.isoformat(),
            "reason": asked.reason,
            "by": asked.by,
            "waits": asked.waits,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)

    def entering(self, lease_id: str, entry: Entry, recorded_at: datetime, **more: object) -> Put:
        """The write that adds an entry other than a notice, once; one that takes money back is announced.

        Whoever takes it, a desk or a provider: papers that rest on the money are looked at again.
        """
        told = announcement(
            "account.changed",
            recorded_at,
            id=derived_id("account.changed", lease_id, entry.entry_id),
            lease_id=lease_id,
        )
        item = {
            **keys.entry(lease_id, entry.entry_id),
            **_entry_item(entry),
            "recorded_at": recorded_at.isoformat(),
            "announce": told if entry.takes_back else None,
            **more,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)


def notice_entry(notice: Notice, issued_at: datetime) -> Entry:
    """The debit that a notice is."""
    return Entry(
        entry_id=notice_entry_id(notice.period, notice.number),
        kind=EntryKind.NOTICE,
        amount_cents=notice.amount_cents,
        effective_at=issued_at,
        period=notice.period,
        due_on=notice.due_on,
    )


def _again(notice: Notice) -> tuple[str, ...]:
    return (str(notice.number),) if notice.number > 1 else ()


def account_of(item: Item) -> Account:
    """An account's item, read."""
    return Account(
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        checkpoint=Checkpoint(
            balance_cents=item["balance_cents"],
            credit_cents=item["credit_cents"],
            outstanding=tuple(_outstanding_of(one) for one in item["outstanding"]),
            folded_to=_position_of(item["folded_to"]) if "folded_to" in item else None,
            unmatched=item["unmatched"],
        ),
        next_step_at=datetime.fromisoformat(item["gsi1sk"]) if "gsi1sk" in item else None,
        since=datetime.fromisoformat(item["waits_since"]) if "waits_since" in item else None,
        hold=_hold_of(item["reminder_hold"]) if "reminder_hold" in item else None,
        plan=_plan_of(item["payment_plan"]) if "payment_plan" in item else None,
        reopened={entry_id: datetime.fromisoformat(at) for entry_id, at in item.get("reopened", {}).items()},
        formal_notice=OrderedNotice(**item["formal_notice"]) if "formal_notice" in item else None,
        adjustments=tuple(Adjustment(**one) for one in item.get("adjustments", ())),
        lease_version=item.get("lease_version", 0),
        billed_to=item.get("billed_to", ""),
        block_waived=tuple(item.get("renewal_block_waived", ())),
        issuing=_issuing_of(item) if "issuing" in item else None,
        version=item["version"],
    )


class _Change:
    """A change of how an account is reminded, built up from what differs."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._sets = ["version = :after"]
        self._removes: list[str] = []
        self._values: dict[str, Any] = {":before": account.version, ":after": account.version + 1}

    def set(self, name: str, value: Any) -> None:
        place = f":value{len(self._values)}"
        self._sets.append(f"{name} = {place}")
        self._values[place] = value

    def keep[Value](
        self, name: str, before: Value | None, after: Value | None, stored: Callable[[Value], Any]
    ) -> None:
        if after == before:
            return
        if after is None:
            self._removes.append(name)
        else:
            self.set(name, stored(after))

    def look_at(self, instant: datetime | None) -> None:
        before = self._account.next_step_at
        if instant == before:
            return
        if instant is None:
            self._removes += ["gsi1pk", "gsi1sk"]
            return
        if before is None:
            self.set("gsi1pk", keys.due_accounts(self._account.residence_id))
        self.set("gsi1sk", instant.isoformat())

    def update(self, table: str) -> Update:
        removes = f" REMOVE {', '.join(self._removes)}" if self._removes else ""
        return Update(
            table=table,
            key=keys.account(self._account.lease_id),
            expression=f"SET {', '.join(self._sets)}{removes}",
            condition="version = :before",
            values=self._values,
        )


def _hold_item(hold: Hold) -> dict[str, Any]:
    return {
        "kind": hold.kind.value,
        "reason": hold.reason.value,
        "until": hold.until.isoformat(),
        "by": hold.by,
        "at": hold.at.isoformat(),
    }


def _hold_of(item: Item) -> Hold:
    return Hold(
        kind=HoldKind(item["kind"]),
        reason=HoldReason(item["reason"]),
        until=date.fromisoformat(item["until"]),
        by=item["by"],
        at=datetime.fromisoformat(item["at"]),
    )


def _plan_item(plan: AgreedPlan) -> dict[str, Any]:
    return {
        "plan_id": plan.plan_id,
        "debts": list(plan.debts),
        "instalments": [
            {"due_on": one.due_on.isoformat(), "amount_cents": one.amount_cents} for one in plan.instalments
        ],
        "resumes_from": plan.resumes_from.isoformat(),
        "broken_on": plan.broken_on.isoformat() if plan.broken_on else None,
        "cancelled": plan.cancelled or None,
        "corrected_at": plan.corrected_at.isoformat() if plan.corrected_at else None,
        "asks_desk": plan.asks_desk or None,
    }


def _plan_of(item: Item) -> AgreedPlan:
    return AgreedPlan(
        plan_id=item["plan_id"],
        debts=tuple(item["debts"]),
        instalments=tuple(
            Instalment(due_on=date.fromisoformat(one["due_on"]), amount_cents=one["amount_cents"])
            for one in item["instalments"]
        ),
        resumes_from=datetime.fromisoformat(item["resumes_from"]),
        broken_on=date.fromisoformat(item["broken_on"]) if "broken_on" in item else None,
        cancelled=item.get("cancelled", False),
        corrected_at=datetime.fromisoformat(item["corrected_at"]) if "corrected_at" in item else None,
        asks_desk=item.get("asks_desk", False),
    )


def _checkpoint_item(checkpoint: Checkpoint) -> dict[str, Any]:
    item: dict[str, Any] = {
        "balance_cents": checkpoint.balance_cents,
        "credit_cents": checkpoint.credit_cents,
        "outstanding": [
            {
                "entry_id": one.entry_id,
                "period": one.period,
                "due_on": one.due_on.isoformat(),
                "amount_cents": one.amount_cents,
                "paid_cents": one.paid_cents,
                "issued_at": one.issued_at.isoformat(),
            }
            for one in checkpoint.outstanding
        ],
        "unmatched": checkpoint.unmatched,
    }
    if checkpoint.folded_to:
        at, entry_id = checkpoint.folded_to
        item["folded_to"] = {"at": at.isoformat(), "entry_id": entry_id}
    return item


def _outstanding_of(item: Item) -> Outstanding:
    return Outstanding(
        entry_id=item["entry_id"],
        period=item.get("period"),
        due_on=date.fromisoformat(item["due_on"]),
        amount_cents=item["amount_cents"],
        paid_cents=item["paid_cents"],
        issued_at=datetime.fromisoformat(item["issued_at"]),
    )


def _position_of(item: Item) -> Position:
    return Position(datetime.fromisoformat(item["at"]), item["entry_id"])


def _entry_item(entry: Entry) -> dict[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "kind": entry.kind.value,
        "amount_cents": entry.amount_cents,
        "effective_at": entry.effective_at.isoformat(),
        "period": entry.period,
        "due_on": entry.due_on.isoformat() if entry.due_on else None,
        "designated": list(entry.designated) or None,
        "source": entry.source,
        "reverses": entry.reverses,
        "corrects": entry.corrects,
        "method": entry.method,
        "credits": entry.credits,
        "withdraws": entry.withdraws or None,
        "replaced_by": entry.replaced_by,
        "label": entry.label,
    }


def _entry_of(item: Item) -> Entry:
    return Entry(
        entry_id=item["entry_id"],
        kind=EntryKind(item["kind"]),
        amount_cents=item["amount_cents"],
        effective_at=datetime.fromisoformat(item["effective_at"]),
        period=item.get("period"),
        due_on=date.fromisoformat(item["due_on"]) if "due_on" in item else None,
        designated=tuple(item.get("designated", ())),
        source=item.get("source"),
        reverses=item.get("reverses"),
        corrects=item.get("corrects"),
        method=item.get("method"),
        credits=item.get("credits"),
        withdraws=item.get("withdraws", False),
        replaced_by=item.get("replaced_by"),
        label=item.get("label"),
    )


def _issuing_item(issued: IssuedNotice) -> list[Any]:
    """A notice in few bytes: it is written on an item that must stay below a kilobyte."""
    notice = issued.notice
    days = _days(notice)
    lines = [
        [
            line.kind.value,
            line.monthly_cents,
            line.amount_cents,
            *(
                ("", "")
                if (line.starts_on, line.ends_on) == days
                else (str(line.starts_on), str(line.ends_on))
            ),
            line.room,
            line.label,
        ]
        for line in notice.lines
    ]
    return [notice.period, *map(str, (*days, notice.due_on)), issued.issued_at.isoformat(), lines]


def _days(of: Notice | NoticeLine) -> tuple[date, date]:
    return of.starts_on, of.ends_on


def _issuing_of(account: Item) -> IssuedNotice:
    period, starts_on, ends_on, due_on, issued_at, lines = account["issuing"]
    return IssuedNotice(
        notice=Notice(
            lease_id=account["lease_id"],
            residence_id=account["residence_id"],
            period=period,
            starts_on=date.fromisoformat(starts_on),
            ends_on=date.fromisoformat(ends_on),
            due_on=date.fromisoformat(due_on),
            lines=tuple(
                NoticeLine(
                    kind=LineKind(kind),
                    starts_on=date.fromisoformat(first or starts_on),
                    ends_on=date.fromisoformat(last or ends_on),
                    monthly_cents=monthly,
                    amount_cents=cents,
                    room=room,
                    label=label,
                )
                for kind, monthly, cents, first, last, room, label in lines
            ),
        ),
        issued_at=datetime.fromisoformat(issued_at),
    )


def _asked_of(item: Item) -> AskedAdjustment:
    return AskedAdjustment(
        adjustment=Adjustment(
            adjustment_id=item["adjustment_id"], amount_cents=item["amount_cents"], label=item["label"]
        ),
        asked_at=datetime.fromisoformat(item["recorded_at"]),
        reason=item["reason"],
        by=item["by"],
        waits=item["waits"],
    )


def _line_item(line: NoticeLine) -> dict[str, Any]:
    named = {"room": line.room or None, "label": line.label or None}
    return named | {
        "kind": line.kind.value,
        "starts_on": line.starts_on.isoformat(),
        "ends_on": line.ends_on.isoformat(),
        "monthly_cents": line.monthly_cents,
        "amount_cents": line.amount_cents,
    }


def _notice_of(item: Item) -> IssuedNotice:
    return IssuedNotice(
        notice=Notice(
            lease_id=item["lease_id"],
            residence_id=item["residence_id"],
            period=item["period"],
            starts_on=date.fromisoformat(item["starts_on"]),
            ends_on=date.fromisoformat(item["ends_on"]),
            due_on=date.fromisoformat(item["due_on"]),
            lines=tuple(
                NoticeLine(
                    kind=LineKind(line["kind"]),
                    starts_on=date.fromisoformat(line["starts_on"]),
                    ends_on=date.fromisoformat(line["ends_on"]),
                    monthly_cents=line["monthly_cents"],
                    amount_cents=line["amount_cents"],
                    room=line.get("room", ""),
                    label=line.get("label", ""),
                )
                for line in item["lines"]
            ),
            number=item.get("number", 1),
        ),
        issued_at=datetime.fromisoformat(item["effective_at"]),
    )
