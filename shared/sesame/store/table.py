"""One DynamoDB table, as plain dictionaries: ints for numbers, bytes for binary, and typed failures.

Every write that must not be lost or doubled is conditional; what touches several items is one transaction.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from time import sleep
from typing import Any

from botocore.exceptions import ClientError

from sesame.platform.errors import Unavailable

Item = dict[str, Any]
Key = Mapping[str, str]


class ConditionFailed(Exception):
    """A condition did not hold. `reasons` has one code per write of a transaction ("None" where it held);
    `items` the item that stood in the way, where the write asked for it."""

    def __init__(self, reasons: Sequence[str], items: Sequence[Item | None] = ()) -> None:
        super().__init__(f"condition failed: {list(reasons)}")
        self.reasons = list(reasons)
        self.items = list(items) or [None] * len(self.reasons)

    def failed(self, index: int) -> bool:
        """Whether the condition of the write at this place failed."""
        return self.reasons[index] == "ConditionalCheckFailed"


class Contention(Unavailable):
    """Another transaction held one of the items at that moment: try again."""


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Python values to DynamoDB's wire form. None is left out. Raises TypeError for what we never store.

    boto3's own serializer does the same, but importing boto3 costs every function a tenth of its cold start.
    """
    return {name: _wire(value) for name, value in item.items() if value is not None}


def unmarshal(wire: Mapping[str, Any]) -> Item:
    """DynamoDB's wire form to Python values: numbers to int, binary to bytes."""
    return {name: _plain(value) for name, value in wire.items()}


def _wire(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": str(value)}
        case int():
            return {"N": str(int(value))}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": marshal(value)}
        case list() | tuple():
            return {"L": [_wire(inner) for inner in value if inner is not None]}
    raise TypeError(f"{type(value).__name__} is not stored")


def _plain(wire: Mapping[str, Any]) -> Any:
    [(kind, value)] = wire.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value)
        case "B":
            # A stream's record, which Lambda receives as JSON, has binary in base64.
            return b64decode(value) if isinstance(value, str) else bytes(value)
        case "M":
            return unmarshal(value)
        case "L":
            return [_plain(inner) for inner in value]
        case "NULL":
            return None
    raise TypeError(f"{kind} is not ours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Writes a whole item; with `condition`, only where it holds."""

    table: str
    item: Mapping[str, Any]
    condition: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """The transaction's element."""
        return {"Put": {"TableName": self.table, "Item": marshal(self.item)} | _conditional(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Changes an item by an update expression."""

    table: str
    key: Key
    expression: str
    condition: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """The transaction's element."""
        body = {"TableName": self.table, "Key": marshal(self.key), "UpdateExpression": self.expression}
        return {"Update": body | _conditional(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Holds an item to a condition without changing it."""

    table: str
    key: Key
    condition: str
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """The transaction's element."""
        return {"ConditionCheck": {"TableName": self.table, "Key": marshal(self.key)} | _conditional(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Removes an item."""

    table: str
    key: Key
    condition: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """The transaction's element."""
        return {"Delete": {"TableName": self.table, "Key": marshal(self.key)} | _conditional(self)}


Write = Put | Update | Check | Delete

NOT_THERE = "attribute_not_exists(pk)"
"""The condition of a first write."""


def _conditional(write: Write) -> dict[str, Any]:
    request: dict[str, Any] = {}
    if write.condition is not None:
        request |= {"ConditionExpression": write.condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if write.values:
        request["ExpressionAttributeValues"] = {name: _wire(value) for name, value in write.values.items()}
    if write.names:
        request["ExpressionAttributeNames"] = dict(write.names)
    return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some items, and where to go on (None at the end)."""

    items: list[Item]
    next: Key | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table by its name, on a DynamoDB client."""

    client: Any
    name: str

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """The item, or None."""
        answer = self.client.get_item(TableName=self.name, Key=marshal(key), ConsistentRead=consistent)
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def put(self, item: Mapping[str, Any], *, unless_exists: bool = False) -> None:
        """Writes an item. With `unless_exists` raises ConditionFailed, holding the item that is there."""
        condition = NOT_THERE if unless_exists else None
        self._one(Put(table=self.name, item=item, condition=condition))

    def write(self, write: Write) -> None:
        """One write by itself. Raises ConditionFailed."""
        self._one(write)

    def update(
        self,
        key: Key,
        expression: str,
        *,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> Item:
        """Changes an item and returns it as it now is. Raises ConditionFailed."""
        change = Update(
            table=self.name,
            key=key,
            expression=expression,
            condition=condition,
            values=values or {},
            names=names or {},
        )
        try:
            answer = self.client.update_item(**change.request()["Update"], ReturnValues="ALL_NEW")
        except ClientError as error:
            raise _failure(error) from error
        return unmarshal(answer["Attributes"])

    def query(
        self,
        pk: str,
        sk_prefix: str = "",
        *,
        index: str | None = None,
        limit: int | None = None,
        forward: bool = True,
        start: Key | None = None,
        up_to: str | None = None,
        between: tuple[str, str] | None = None,
        consistent: bool | None = None,
    ) -> Page:
        """One page of a partition, by sort key. `up_to` (inclusive) bounds the sort key from above, `between`
        (inclusive) from both sides.

        Consistent by default on the table, which an index cannot be.
        """
        hash_name, range_name = ("pk", "sk") if index is None else (f"{index}pk", f"{index}sk")
        values: dict[str, Any] = {":pk": pk}
        condition = f"{hash_name} = :pk"
        if between is not None:
            condition += f" AND {range_name} BETWEEN :low AND :high"
            values[":low"], values[":high"] = between
        elif up_to is not None:
            condition += f" AND {range_name} <= :sk"
            values[":sk"] = up_to
        elif sk_prefix:
            condition += f" AND begins_with({range_name}, :sk)"
            values[":sk"] = sk_prefix
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": marshal(values),
            "ScanIndexForward": forward,
            "ConsistentRead": index is None if consistent is None else consistent,
        }
        if index is not None:
            request["IndexName"] = index
        if limit is not None:
            request["Limit"] = limit
        if start is not None:
            request["ExclusiveStartKey"] = marshal(start)
        answer = self.client.query(**request)
        last = answer.get("LastEvaluatedKey")
        items = [unmarshal(item) for item in answer["Items"]]
        return Page(items=items, next=unmarshal(last) if last else None)

    def query_all(
        self,
        pk: str,
        sk_prefix: str = "",
        *,
        index: str | None = None,
        up_to: str | None = None,
    ) -> Iterator[Item]:
        """Every item of a partition, page after page; `up_to` as in `query`."""
        start: Key | None = None
        while True:
            page = self.query(pk, sk_prefix, index=index, start=start, up_to=up_to)
            yield from page.items
            if page.next is None:
                return
            start = page.next

    def _one(self, write: Write) -> None:
        [(operation, request)] = write.request().items()
        call = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}[operation]
        try:
            getattr(self.client, call)(**request)
        except ClientError as error:
            raise _failure(error) from error


KEYS_A_CALL = 100
"""Of one BatchGetItem."""


def batch_get(client: Any, keys: Sequence[tuple[str, Key]], *, consistent: bool = True) -> list[Item | None]:
    """Items of several tables in one call, in the order asked, None where there is none. At most 100 keys."""
    asked: dict[str, Any] = {}
    for table, key in keys:
        asked.setdefault(table, {"Keys": [], "ConsistentRead": consistent})["Keys"].append(marshal(key))
    found: dict[tuple[str, str, str], Item] = {}
    while asked:
        answer = client.batch_get_item(RequestItems=asked)
        for table, items in answer["Responses"].items():
            for item in map(unmarshal, items):
                found[table, item["pk"], item["sk"]] = item
        asked = answer.get("UnprocessedKeys") or {}
    return [found.get((table, key["pk"], key["sk"])) for table, key in keys]


def same_table(table: Table, wanted: Sequence[Key]) -> list[Item | None]:
    """Items of one table, strongly consistent, in the order asked: a call for each hundred, none for none."""
    return [
        item
        for some in batched(wanted, KEYS_A_CALL, strict=False)
        for item in batch_get(table.client, [(table.name, key) for key in some])
    ]


def transact(client: Any, writes: Sequence[Write], *, token: str | None = None, attempts: int = 1) -> None:
    """All of the writes or none. Raises ConditionFailed, or Contention when it is worth trying again.

    `token` (at most 36 characters) makes a repeat within ten minutes the same transaction. More `attempts`
    than one suit writes that need no fresh read: a second click meets the first one's transaction.
    """
    for number in range(1, attempts):
        try:
            return transact(client, writes, token=token)
        except Contention:
            sleep(0.03 * number)
    request: dict[str, Any] = {"TransactItems": [write.request() for write in writes]}
    if token is not None:
        request["ClientRequestToken"] = token
    try:
        client.transact_write_items(**request)
    except ClientError as error:
        raise _failure(error) from error


def _failure(error: ClientError) -> Exception:
    response: dict[str, Any] = dict(error.response)
    code = response.get("Error", {}).get("Code")
    if code == "ConditionalCheckFailedException":
        old = response.get("Item")
        return ConditionFailed(["ConditionalCheckFailed"], [unmarshal(old) if old else None])
    if code == "TransactionCanceledException":
        reasons = response.get("CancellationReasons", [])
        codes = [reason.get("Code", "None") for reason in reasons]
        if "ConditionalCheckFailed" in codes:
            olds = [unmarshal(reason["Item"]) if reason.get("Item") else None for reason in reasons]
            return ConditionFailed(codes, olds)
        if {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"} & set(codes):
            return Contention()
    if code in {"TransactionConflictException", "TransactionInProgressException"}:
        return Contention()
    return error
