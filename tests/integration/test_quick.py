"""What is spared in the accounts of these tests changes nothing of what they answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.table import Table

from tests.integration import quick
from tests.integration.conftest import fresh_account

EVERY_TYPE: dict[str, Any] = {
    "pk": {"S": "P#1"},
    "sk": {"S": "é"},
    "n": {"N": "1.50"},
    "b": {"B": b"\x00\xff"},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "bs": {"BS": [b"\x01"]},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
    "empty": {"S": ""},
    "list": {"L": [{"S": "x"}, {"L": []}, {"M": {"b": {"B": b"\x02"}}}]},
    "map": {"M": {"within": {"M": {}}, "n": {"N": "0"}}},
}


@contextmanager
def as_moto_does(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is spared is not."""
    with monkeypatch.context() as patched:
        patched.setattr(BaseJSONSerializer, "_serialize_type_map", quick._serialize_map)
        patched.setattr(Table, "query", quick._query)
        patched.setattr(Table, "all_items", quick._items)
        yield


def items(*keys: tuple[str, str]) -> Iterator[dict[str, Any]]:
    for number, (pk, sk) in enumerate(keys):
        yield {"pk": {"S": pk}, "sk": {"S": sk}, "at": {"N": str(number)}}


def test_an_attribute_of_any_type_is_answered_as_it_was_written(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.dynamodb.put_item(TableName="money", Item=EVERY_TYPE)
    key = {name: EVERY_TYPE[name] for name in ("pk", "sk")}

    answered = aws.dynamodb.get_item(TableName="money", Key=key)["Item"]

    with as_moto_does(monkeypatch):
        assert answered == aws.dynamodb.get_item(TableName="money", Key=key)["Item"]
    assert answered == EVERY_TYPE


def test_a_query_finds_what_moto_finds_page_by_page(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for item in items(("A", "1"), ("B", "2"), ("A", "10"), ("A", "2"), ("C", "1"), ("A", "é")):
        aws.dynamodb.put_item(TableName="money", Item=item)

    def found(**more: Any) -> list[Any]:
        pages = aws.dynamodb.get_paginator("query").paginate(
            TableName="money",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "A"}},
            PaginationConfig={"PageSize": 2},
            **more,
        )
        return [(page["Items"], page["ScannedCount"], page.get("LastEvaluatedKey")) for page in pages]

    for order in (True, False):
        quickly = found(ScanIndexForward=order)
        with as_moto_does(monkeypatch):
            assert quickly == found(ScanIndexForward=order)
    assert [item["sk"]["S"] for page, *_ in found() for item in page] == ["1", "10", "2", "é"]
    assert len(aws.dynamodb.scan(TableName="money")["Items"]) == 6


@pytest.mark.parametrize("name", ["identity", "money", "documents", "operations"])
def test_an_index_gives_what_moto_gives(name: str, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = aws.dynamodb.describe_table(TableName=name)["Table"]
    for index in declared.get("GlobalSecondaryIndexes", ()):
        attributes = [key["AttributeName"] for key in index["KeySchema"]]
        types = {of["AttributeName"]: of["AttributeType"] for of in declared["AttributeDefinitions"]}
        for number, item in enumerate(items(("A", "1"), ("B", "1"), ("C", "1"), ("D", "1"))):
            for attribute in attributes[: number % 3 or None]:
                item[attribute] = {types[attribute]: str(number % 2)}
            aws.dynamodb.put_item(TableName=name, Item=item)
        query = {
            "TableName": name,
            "IndexName": index["IndexName"],
            "KeyConditionExpression": f"{attributes[0]} = :it",
            "ExpressionAttributeValues": {":it": {types[attributes[0]]: "0"}},
        }

        quickly = aws.dynamodb.query(**query)["Items"]

        assert quickly
        with as_moto_does(monkeypatch):
            assert quickly == aws.dynamodb.query(**query)["Items"]


def test_a_transaction_that_is_refused_leaves_everything_as_it_was(aws: Any) -> None:
    for item in items(("A", "1"), ("A", "2"), ("B", "1")):
        aws.dynamodb.put_item(TableName="money", Item=item)
    before = aws.dynamodb.scan(TableName="money")["Items"]
    keys = [{name: item[name] for name in ("pk", "sk")} for item in before]
    [new] = items(("C", "1"))
    change: dict[str, Any] = {"TableName": "money", "UpdateExpression": "ADD #at :one SET told = :one"}
    change |= {"ExpressionAttributeNames": {"#at": "at"}, "ExpressionAttributeValues": {":one": {"N": "1"}}}
    writes: list[dict[str, Any]] = [
        {"Update": {"Key": keys[0], **change}},
        {"Delete": {"Key": keys[1], "TableName": "money"}},
        {"Put": {"Item": new, "TableName": "money"}},
        {"Put": {"Item": new, "TableName": "documents"}},
    ]
    refused = {
        "ConditionCheck": {
            "Key": keys[2],
            "TableName": "money",
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        aws.dynamodb.transact_write_items(TransactItems=[*writes, refused])
    after_refusal = aws.dynamodb.scan(TableName="money")["Items"]
    elsewhere = aws.dynamodb.scan(TableName="documents")["Items"]
    aws.dynamodb.transact_write_items(TransactItems=writes)

    assert after_refusal == before
    assert elsewhere == []
    now = {(item["pk"]["S"], item["sk"]["S"]): item for item in aws.dynamodb.scan(TableName="money")["Items"]}
    assert set(now) == {("A", "1"), ("B", "1"), ("C", "1")}
    assert now["A", "1"]["told"] == {"N": "1"}
    assert aws.dynamodb.scan(TableName="documents")["Items"] == [new]


def test_an_account_knows_nothing_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    with mock_aws():
        before = fresh_account(monkeypatch)
        before.dynamodb.meta.events.register("before-call", lambda model, **_: heard.append(model.name))
        before.dynamodb.put_item(TableName="money", Item=EVERY_TYPE)
        before.s3.put_object(Bucket=before.bucket, Key="k", Body=b"x")
        before.sqs.create_queue(QueueName="q")
        before.secrets.put_secret_value(SecretId=before.pepper_secret, SecretString="q" * 64)
    assert heard == ["PutItem"]

    with mock_aws():
        after = fresh_account(monkeypatch)
        assert after.dynamodb.scan(TableName="money")["Items"] == []
        assert "Contents" not in after.s3.list_objects_v2(Bucket=after.bucket)
        assert "QueueUrls" not in after.sqs.list_queues()
        assert after.secrets.get_secret_value(SecretId=after.pepper_secret)["SecretString"] == "p" * 64
    assert heard == ["PutItem"]


def test_a_snapshot_gives_back_files_messages_and_items(aws: Any) -> None:
    url = aws.sqs.create_queue(QueueName="q")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="m")
    aws.s3.put_object(Bucket=aws.bucket, Key="k", Body=b"x")
    aws.dynamodb.put_item(TableName="money", Item=EVERY_TYPE)
    taken = quick.Snapshot.take()
    key = {name: EVERY_TYPE[name] for name in ("pk", "sk")}

    for _ in range(2):
        taken.restore()
        assert aws.sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "m"
        assert aws.s3.get_object(Bucket=aws.bucket, Key="k")["Body"].read() == b"x"
        assert aws.dynamodb.scan(TableName="money")["Items"] == [EVERY_TYPE]
        aws.sqs.purge_queue(QueueUrl=url)
        aws.s3.delete_object(Bucket=aws.bucket, Key="k")
        aws.dynamodb.delete_item(TableName="money", Key=key)
