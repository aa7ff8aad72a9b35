"""DynamoDB in dictionaries: what our stores say to it, conditions and indexes included, with units counted.

Wire form in and out, so that our own marshalling is in the measure. Units are counted as DynamoDB bills them:
by the size of items, whole kilobytes written and four of them read; a transaction twice; an index's entry
once more where it stays, twice where its key moves. tests/bench/reminders.py compares with the emulator's.
"""

import pickle
import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

Wire = dict[str, Any]
PAGE_BYTES = 1_000_000
_CLAUSE = re.compile(r"(?:(attribute_exists|attribute_not_exists)\((\S+)\)|(\S+) (=|<>|<=|<) (\S+))$")
_LISTED = re.compile(r"(\S+) IN \(([^)]*)\)$")
_SECTION = re.compile(r"\b(SET|REMOVE|ADD)\b")
_IF_NOT_EXISTS = re.compile(r"if_not_exists\((\S+?), (:\w+)\)")
_PARTS = re.compile(r",\s*(?![^(]*\))")


def size_of(item: Mapping[str, Any]) -> int:
    """The bytes that an item counts for."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(wire: Mapping[str, Any]) -> int:
    [(kind, value)] = wire.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return (len(value.lstrip("-").replace(".", "")) + 1) // 2 + 1
        case "B":
            return len(value)
        case "M":
            return 3 + len(value) + size_of(value)
        case "L":
            return 3 + len(value) + sum(map(_value_size, value))
    return 1


class FakeDynamo:
    """Tables by name, items by key, one index `gsi1` that holds whole items.

    `written` hears of each item as it is written, before and after: an outbox for tests.
    """

    def __init__(self, written: Callable[[Wire | None, Wire], None] | None = None) -> None:
        self.read_units = 0.0
        self.write_units = 0.0
        self.calls: Counter[str] = Counter()
        self.fuse: int | None = None
        """How many calls are left before one fails."""
        self.fails_after = False
        """Whether that one has its effect all the same, if it writes."""
        self.failure: type[BaseException] = ConnectionError
        self.blown = False
        """Whether one has failed."""
        self._burnt = False
        self._written = written
        self._items: dict[tuple[str, str, str], Wire | bytes] = {}
        self._sizes: dict[tuple[str, str, str], int] = {}
        self._partitions: dict[tuple[str, str], list[str]] = {}
        self._index: dict[tuple[str, str], list[tuple[str, str, str]]] = {}

    def load(self, table: str, item: Wire) -> None:
        """Puts an item there that was always there, packed: no units, and a quarter of the memory."""
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        self._items[table, pk, sk] = pickle.dumps(item)
        insort(self._partitions.setdefault((table, pk), []), sk)
        if "gsi1pk" in item:
            insort(self._index.setdefault((table, item["gsi1pk"]["S"]), []), (item["gsi1sk"]["S"], pk, sk))

    def get_item(self, *, TableName: str, Key: Wire, ConsistentRead: bool = True, **_: Any) -> Wire:  # noqa: N803
        """An item by its key."""
        self._call("GetItem")
        found = self._find(TableName, Key["pk"]["S"], Key["sk"]["S"])
        self._read(size_of(found) if found else 0, consistent=ConsistentRead)
        return {"Item": found} if found else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Wire:  # noqa: N803
        """Items by their keys, each rounded up by itself."""
        self._call("BatchGetItem")
        answer: dict[str, list[Wire]] = {}
        for table, asked in RequestItems.items():
            for key in asked["Keys"]:
                found = self._find(table, key["pk"]["S"], key["sk"]["S"])
                self._read(size_of(found) if found else 0, consistent=asked.get("ConsistentRead", False))
                if found:
                    answer.setdefault(table, []).append(found)
            answer.setdefault(table, [])
        return {"Responses": answer}

    def query(self, *, TableName: str, KeyConditionExpression: str, **request: Any) -> Wire:  # noqa: N803
        """A page of a partition, of the table or of the index."""
        self._call("Query")
        values = request["ExpressionAttributeValues"]
        pk, bound = values[":pk"]["S"], values.get(":sk", {}).get("S")
        places = self._places(TableName, pk, indexed="IndexName" in request)
        if not request.get("ScanIndexForward", True):
            places = places[::-1]
        if bound is not None:
            prefix = "begins_with" in KeyConditionExpression
            places = [one for one in places if (one[0].startswith(bound) if prefix else one[0] <= bound)]
        if start := request.get("ExclusiveStartKey"):
            keys = [one[1:] for one in places]
            places = places[keys.index((start["pk"]["S"], start["sk"]["S"])) + 1 :]
        found, read, last = [], 0, None
        for _, part, sort in places:
            item = self._find(TableName, part, sort)
            assert item is not None
            found.append(item)
            read += self._size(TableName, part, sort, item)
            if read >= PAGE_BYTES or len(found) == request.get("Limit"):
                last = {name: item[name] for name in ("pk", "sk", "gsi1pk", "gsi1sk") if name in item}
                break
        self._read(read, consistent=request.get("ConsistentRead", False))
        return {"Items": found} | ({"LastEvaluatedKey": last} if last and len(found) < len(places) else {})

    def put_item(self, **request: Any) -> Wire:
        """Keeps an item."""
        self._call("PutItem")
        self._one("Put", request)
        return self._done({})

    def update_item(self, **request: Any) -> Wire:
        """Changes an item."""
        self._call("UpdateItem")
        return self._done({"Attributes": self._one("Update", request)})

    def delete_item(self, **request: Any) -> Wire:
        """Removes an item."""
        self._call("DeleteItem")
        self._one("Delete", request)
        return self._done({})

    def transact_write_items(self, *, TransactItems: list[Wire], **_: Any) -> Wire:  # noqa: N803
        """All or none."""
        self._call("TransactWriteItems")
        reasons = [self._refusal(*next(iter(element.items()))) for element in TransactItems]
        if any(reasons):
            self._done({})
            refused: Any = {
                "Error": {"Code": "TransactionCanceledException", "Message": ""},
                "CancellationReasons": [reason or {"Code": "None"} for reason in reasons],
            }
            raise ClientError(refused, "TransactWriteItems")
        for element in TransactItems:
            [(operation, request)] = element.items()
            if operation != "ConditionCheck":
                self._apply(operation, request, times=2)
        return self._done({})

    def _call(self, name: str) -> None:
        self.calls[name] += 1
        if self.fuse is None:
            return
        self.fuse -= 1
        if self.fuse >= 0:
            return
        self.fuse, self.blown = None, True
        if not self.fails_after or name in {"GetItem", "BatchGetItem", "Query"}:
            raise self.failure(name)
        self._burnt = True

    def _done(self, answer: Wire) -> Wire:
        """The answer of a write, a refusal too, unless it is the one whose answer is lost."""
        if self._burnt:
            self._burnt = False
            raise self.failure("the answer was lost")
        return answer

    def _one(self, operation: str, request: Wire) -> Wire:
        if refusal := self._refusal(operation, request):
            self.write_units += 1
            self._done({})
            refused: Any = {
                "Error": {"Code": "ConditionalCheckFailedException", "Message": ""},
                "Item": refusal.get("Item"),
            }
            raise ClientError(refused, operation)
        return self._apply(operation, request, times=1)

    def _refusal(self, operation: str, request: Wire) -> Wire | None:
        condition = request.get("ConditionExpression")
        if condition is None:
            return None
        key = request["Item"] if operation == "Put" else request["Key"]
        item = self._find(request["TableName"], key["pk"]["S"], key["sk"]["S"])
        if all(_holds(clause, item or {}, request) for clause in condition.split(" AND ")):
            return None
        return {"Code": "ConditionalCheckFailed"} | ({"Item": item} if item else {})

    def _apply(self, operation: str, request: Wire, times: int) -> Wire:
        table = request["TableName"]
        key = request["Item"] if operation == "Put" else request["Key"]
        pk, sk = key["pk"]["S"], key["sk"]["S"]
        before = self._find(table, pk, sk)
        if operation == "Delete":
            self._count((table, pk, sk), before, None, times)
            self._place(table, before, None)
            return before or {}
        after = request["Item"] if operation == "Put" else _updated(before or dict(key), request)
        self._count((table, pk, sk), before, after, times)
        self._place(table, before, after)
        if self._written:
            self._written(before, after)
        return after

    def _place(self, table: str, before: Wire | None, after: Wire | None) -> None:
        pk, sk = (after or before or {})["pk"]["S"], (after or before or {})["sk"]["S"]
        if before is None:
            insort(self._partitions.setdefault((table, pk), []), sk)
        if before is not None and "gsi1pk" in before:
            entries = self._index[table, before["gsi1pk"]["S"]]
            entries.pop(bisect_left(entries, (before["gsi1sk"]["S"], pk, sk)))
        if after is None:
            self._items.pop((table, pk, sk), None)
            self._partitions[table, pk].remove(sk)
            return
        self._items[table, pk, sk] = after
        if "gsi1pk" in after:
            insort(self._index.setdefault((table, after["gsi1pk"]["S"]), []), (after["gsi1sk"]["S"], pk, sk))

    def _count(
        self, place: tuple[str, str, str], before: Wire | None, after: Wire | None, times: int
    ) -> None:
        sizes = [size_of(item) for item in (before, after) if item]
        self._sizes.pop(place, None)
        self.write_units += times * _units(max(sizes, default=0), 1024)
        entries = [
            (item["gsi1pk"]["S"], item["gsi1sk"]["S"]) if item and "gsi1pk" in item else None
            for item in (before, after)
        ]
        if entries[0] == entries[1]:
            self.write_units += _units(max(sizes), 1024) if entries[0] and before != after else 0
            return
        for item, entry in zip((before, after), entries, strict=True):
            if item and entry:
                self.write_units += _units(size_of(item), 1024)

    def _read(self, read: int, *, consistent: bool) -> None:
        self.read_units += _units(read, 4096) * (1 if consistent else 0.5)

    def _places(self, table: str, pk: str, *, indexed: bool) -> list[tuple[str, str, str]]:
        if indexed:
            return self._index.get((table, pk), [])
        return [(sk, pk, sk) for sk in self._partitions.get((table, pk), [])]

    def _find(self, table: str, pk: str, sk: str) -> Wire | None:
        found = self._items.get((table, pk, sk))
        if isinstance(found, bytes):
            found = self._items[table, pk, sk] = pickle.loads(found)  # noqa: S301 - our own
        return found

    def _size(self, table: str, pk: str, sk: str, item: Wire) -> int:
        place = (table, pk, sk)
        if place not in self._sizes:
            self._sizes[place] = size_of(item)
        return self._sizes[place]


def _units(size: int, unit: int) -> int:
    return max(1, -(-size // unit))


def _holds(clause: str, item: Wire, request: Wire) -> bool:
    if listed := _LISTED.match(clause.strip()):
        attribute = request.get("ExpressionAttributeNames", {}).get(listed[1], listed[1])
        options = [request["ExpressionAttributeValues"][name.strip()] for name in listed[2].split(",")]
        return item.get(attribute) in options
    match = _CLAUSE.match(clause.strip())
    if match is None:
        raise NotImplementedError(clause)
    function, name, left, comparison, right = match.groups()
    names, values = (
        request.get("ExpressionAttributeNames", {}),
        request.get("ExpressionAttributeValues", {}),
    )
    attribute = str(name or left)
    found = item.get(names.get(attribute, attribute))
    if function:
        return (found is not None) == (function == "attribute_exists")
    other = values[right]
    match comparison:
        case "=":
            return bool(found == other)
        case "<>":
            return bool(found != other)
    if found is None:
        return False
    [one], [two] = found.values(), other.values()
    return bool(one < two or (comparison == "<=" and one == two))


def _updated(before: Wire, request: Wire) -> Wire:
    names = request.get("ExpressionAttributeNames", {})
    values = request.get("ExpressionAttributeValues", {})
    item = dict(before)
    parts = _SECTION.split(request["UpdateExpression"])
    for section, body in zip(parts[1::2], parts[2::2], strict=True):
        for part in _PARTS.split(body.strip()):
            if section == "REMOVE":
                item.pop(names.get(part.strip(), part.strip()), None)
            elif section == "ADD":
                name, value = part.split()
                old = int(item.get(names.get(name, name), {"N": "0"})["N"])
                item[names.get(name, name)] = {"N": str(old + int(values[value]["N"]))}
            else:
                name, _, value = part.strip().partition(" = ")
                _set(item, names.get(name, name), _value(value, item, values, names))
    return item


def _value(value: str, item: Wire, values: Wire, names: Wire) -> Any:
    if kept := _IF_NOT_EXISTS.match(value):
        return item.get(str(names.get(kept[1], kept[1])), values[kept[2]])
    return values[value]


def _set(item: Wire, path: str, value: Any) -> None:
    outer, _, inner = path.partition(".")
    if inner:
        item[outer] = {"M": {**item[outer]["M"], inner: value}}
    else:
        item[outer] = value
