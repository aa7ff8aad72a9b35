"""DynamoDB in a dictionary, as far as posting speaks to it: moto would be most of what is measured.

Wire form in and out, so that our own marshalling is in the measure. No other writer is there, so a condition
that fails is a fault and raises.
"""

import re
from collections.abc import Mapping
from typing import Any

Wire = dict[str, Any]
_SET = re.compile(r"(#?\w+) = (:\w+)")


class MemoryDynamo:
    """Tables by name, items by key."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, str], Wire]] = {}

    def put_item(self, **request: Any) -> Wire:
        """Keep an item."""
        self._write("Put", request)
        return {}

    def get_item(self, *, TableName: str, Key: Wire, **_: Any) -> Wire:  # noqa: N803 - the API's names
        """An item by its key."""
        found = self._table(TableName).get(_key(Key))
        return {"Item": found} if found else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Wire:  # noqa: N803
        """Items by their keys."""
        found = {
            name: [item for key in asked["Keys"] if (item := self._table(name).get(_key(key)))]
            for name, asked in RequestItems.items()
        }
        return {"Responses": found}

    def query(self, *, TableName: str, ExpressionAttributeValues: Wire, **more: Any) -> Wire:  # noqa: N803
        """A whole partition of the table, in order."""
        if "IndexName" in more:
            raise NotImplementedError
        pk = ExpressionAttributeValues[":pk"]["S"]
        prefix = ExpressionAttributeValues.get(":sk", {"S": ""})["S"]
        table = self._table(TableName)
        keys = sorted(key for key in table if key[0] == pk and key[1].startswith(prefix))
        return {"Items": [table[key] for key in keys]}

    def transact_write_items(self, *, TransactItems: list[Wire]) -> Wire:  # noqa: N803
        """Check every condition, then write."""
        for element in TransactItems:
            [(operation, request)] = element.items()
            self._check(operation, request)
        for element in TransactItems:
            [(operation, request)] = element.items()
            self._apply(operation, request)
        return {}

    def _write(self, operation: str, request: Wire) -> None:
        self._check(operation, request)
        self._apply(operation, request)

    def _check(self, operation: str, request: Wire) -> None:
        before = self._table(request["TableName"]).get(_key(request["Item" if operation == "Put" else "Key"]))
        values = request.get("ExpressionAttributeValues", {})
        holds = {
            None: True,
            "attribute_not_exists(pk)": before is None,
            "attribute_exists(pk)": before is not None,
            "version = :before": before is not None and before.get("version") == values.get(":before"),
        }[request.get("ConditionExpression")]
        if not holds:
            raise AssertionError("a condition failed, where nobody else writes")

    def _apply(self, operation: str, request: Wire) -> None:
        table = self._table(request["TableName"])
        if operation == "Put":
            table[_key(request["Item"])] = request["Item"]
            return
        names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
        sets, _, removes = request["UpdateExpression"].partition(" REMOVE ")
        item: Wire = dict(table.get(_key(request["Key"])) or request["Key"])
        item |= {names.get(name, name): values[value] for name, value in _SET.findall(sets)}
        for name in removes.split(", "):
            item.pop(name, None)
        table[_key(request["Key"])] = item

    def _table(self, name: str) -> dict[tuple[str, str], Wire]:
        return self.tables.setdefault(name, {})


def _key(item: Wire) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
