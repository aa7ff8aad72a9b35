"""Spares the account in process what takes most of its time and no test looks at.

Nothing here changes an answer. What is spared: reading the services' descriptions again, making the same
tables and keys again, copying whole tables for a transaction, sorting whole tables for a query, and asking
of each attribute of an item under which of some twenty names moto might keep it.
"""

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy, deepcopy
from copyreg import dispatch_table
from dataclasses import dataclass
from functools import cache
from inspect import signature
from threading import Condition
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.signers import RequestSigner
from botocore.useragent import UserAgentString
from cryptography.hazmat.primitives.asymmetric import rsa
from moto import backend_index
from moto.core import DEFAULT_ACCOUNT_ID, responses  # type: ignore[attr-defined]
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.models import botocore_stubber
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import dynamo_to_dict
from moto.dynamodb.parsing import ast_nodes, expressions

from sesame.platform import aws as platform_aws

_nodes: Any = ast_nodes
_expressions: Any = expressions
_serialize_map = BaseJSONSerializer._serialize_type_map
_transact, _query, _items = DynamoDBBackend.transact_write_items, Table.query, Table.all_items
_QUERY = signature(_query)


@contextmanager
def quick_accounts() -> Iterator[None]:
    """While it lasts, accounts in process are quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        # what moto draws for every KMS key, of whatever kind
        patch.setattr(rsa, "generate_private_key", cache(rsa.generate_private_key))
        patch.setitem(dispatch_table, Condition, lambda _queues: (Condition, ()))  # for snapshots
        patch.setattr(platform_aws, "_session", _Sessions())
        patch.setattr(RequestSigner, "sign", _sign)
        patch.setattr(UserAgentString, "to_string", lambda _: "tests")
        patch.setattr(BaseBackend, "urls", property(_urls))
        patch.setattr(backend_index, "backend_url_patterns", _most_asked_first())
        patch.setattr(
            responses,
            "method_names_from_class",
            cache(responses.method_names_from_class),  # type: ignore[attr-defined]
        )
        patch.setattr(BaseJSONSerializer, "_serialize_type_map", _serialize_type_map)
        patch.setattr(DynamoDBBackend, "transact_write_items", _transact_write_items)
        patch.setattr(
            _expressions.UpdateExpressionParser, "make", cache(_expressions.UpdateExpressionParser.make)
        )
        patch.setattr(_nodes.Node, "__deepcopy__", _copied, raising=False)
        patch.setattr(_nodes.DepthFirstTraverser, "nodes_to_be_processed", _nodes_to_be_processed)
        patch.setattr(Table, "__deepcopy__", _backup, raising=False)
        patch.setattr(Table, "query", _query_partition)
        patch.setattr(Table, "all_items", _all_items)
        yield


# --- Clients and sessions outlive the account: they know of it no more than its keys


def _keys() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(of for of in os.environ.items() if of[0].startswith("AWS_")))


@cache
def _session(_keys: tuple[tuple[str, str], ...]) -> botocore.session.Session:
    return botocore.session.get_session()


class _Sessions:
    """In place of the platform's: one for whatever account the environment leads to."""

    def __call__(self) -> botocore.session.Session:
        return _session(_keys())

    def cache_clear(self) -> None:
        """Nothing of another account is ever given out."""


@cache
def _client(service: str, _keys: tuple[tuple[str, str], ...]) -> tuple[Any, Any]:
    client: Any = _boto3_session(_keys).client(service)  # type: ignore[call-overload]
    return client, copy(client.meta.events._emitter)


@cache
def _boto3_session(_keys: tuple[tuple[str, str], ...]) -> boto3.Session:
    return boto3.Session()


def client_of(service: str) -> Any:
    """A client as boto3 makes it, with no hooks of whoever had it before."""
    client, as_made = _client(service, _keys())
    client.meta.events._emitter.__dict__.update(copy(as_made).__dict__)
    return client


# --- The way of a request: no signature that nobody checks, no search for whom it is to


_signed = RequestSigner.sign


def _sign(
    signer: RequestSigner,
    operation_name: str,
    request: Any,
    region_name: str | None = None,
    signing_type: str = "standard",
    expires_in: int | None = None,
    signing_name: str | None = None,
) -> None:
    """What goes to S3, links and forms are signed as ever: there moto looks."""
    if signing_type != "standard" or signer.signing_name == "s3":
        _signed(signer, operation_name, request, region_name, signing_type, expires_in, signing_name)


_stock_urls: Any = vars(BaseBackend)["urls"].fget
_urls_of: dict[type, Any] = {}


def _urls(backend: BaseBackend) -> Any:
    if type(backend) not in _urls_of:
        _urls_of[type(backend)] = _stock_urls(backend)
    return _urls_of[type(backend)]


def _most_asked_first() -> list[tuple[str, Any]]:
    asked = ("dynamodb", "kms", "sqs", "secretsmanager")
    return sorted(backend_index.backend_url_patterns, key=lambda one: one[0] not in asked)


# --- Accounts are made once, then set back to how they were


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All that accounts in process hold at a moment."""

    backends: list[tuple[Any, str, str, BaseBackend, dict[str, Any]]]

    @classmethod
    def take(cls) -> "Snapshot":
        """Of this moment."""
        there = [
            (of_service, account_id, region, backend)
            for of_service in BackendDict._instances  # type: ignore[misc]
            for account_id, region, backend in of_service.iter_backends()
        ]
        memo = {id(backend): backend for *_, backend in there}
        return cls(backends=[(*which, deepcopy(which[-1].__dict__, dict(memo))) for which in there])

    def restore(self) -> None:
        """Under `mock_aws`, where there is nothing yet."""
        now = {id(old): service[account][region] for service, account, region, old, _ in self.backends}
        for *_, old, held in self.backends:
            now[id(old)].__dict__.update(deepcopy(held, dict(now)))


def announcing(table: Any) -> Iterator[dict[str, Any]]:
    """The items of a table of ours that announce something, as streams have them: {"pk": {"S": ...}, ...}."""
    if botocore_stubber.enabled:  # in process they are at hand
        region = table.client.meta.region_name
        kept = dynamodb_backends[DEFAULT_ACCOUNT_ID][region].tables[table.name]
        for item in kept.all_items():
            if "announce" in item.attrs:
                yield dynamo_to_dict(dict(item.attrs))
    else:
        scan = {"TableName": table.name, "FilterExpression": "attribute_exists(announce)"}
        for page in table.client.get_paginator("scan").paginate(**scan):
            yield from page["Items"]


# --- Answers: an attribute is written as it is, without trying every name it might have


def _serialize_type_map(
    serializer: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str
) -> None:
    if shape.value.name != "AttributeValue":
        return _serialize_map(serializer, serialized, value, shape, key)
    written = {name: _attribute(attribute) for name, attribute in value.items()}
    return serializer._default_serialize(serialized, written, shape, key)


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """An attribute's value as DynamoDB writes it in JSON."""
    [(kind, content)] = value.items()
    match kind:
        case "M":
            return {kind: {name: _attribute(inner) for name, inner in content.items()}}
        case "L":
            return {kind: [_attribute(inner) for inner in content]}
        case "B":
            return {kind: _base64(content)}
        case "BS":
            return {kind: [_base64(one) for one in content]}
        case _:
            return {kind: content}


def _base64(content: bytes | str) -> str:
    return b64encode(content.encode() if isinstance(content, str) else content).decode()


# --- Updates: an expression is read once; what moto then does to it, it does to a copy


def _copied(node: Any, memo: dict[int, Any]) -> Any:
    twin: Any = object.__new__(type(node))
    memo[id(node)] = twin
    twin.__dict__.update({name: deepcopy(held, memo) for name, held in node.__dict__.items()})
    return twin


def _nodes_to_be_processed(traverser: Any) -> Any:
    if "_nodes" not in traverser.__dict__:
        traverser._nodes = tuple(traverser._processing_map())
    return traverser._nodes


# --- Transactions: what is kept for a rollback is what may change, not the whole table for each operation


def _transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    tables: set[str] = set()
    for [operation] in (one.values() for one in transact_items):
        table = backend.tables.get(operation["TableName"])
        if table is not None:
            tables.add(table.name)
            key = operation.get("Key") or operation["Item"]
            table.__dict__.setdefault("_at_stake", []).append(key)
    try:
        _transact(backend, transact_items)
    finally:
        for name in tables:  # the one in force may be a backup by now
            backend.tables[name].__dict__.pop("_at_stake", None)


def _backup(table: Table, memo: dict[int, Any]) -> Table:
    """The table, its items as they are now where the transaction that is on may touch them."""
    at_stake = table.__dict__.get("_at_stake")
    kept = copy(table)
    if at_stake is None:
        kept.__dict__ = deepcopy(table.__dict__, memo)
        return kept
    kept.items = copy(table.items)
    for key in at_stake:
        whose = DynamoType(key[table.hash_key_attr])
        if whose in table.items:
            kept.items[whose] = copy(table.items[whose])
    for key in at_stake:
        whose, which = DynamoType(key[table.hash_key_attr]), DynamoType(key[table.range_key_attr])
        if which in kept.items.get(whose, ()):
            kept.items[whose][which] = deepcopy(table.items[whose][which])
    return kept


# --- Queries: only the partition that is asked for is gone through


def _query_partition(table: Any, *args: Any, **kwargs: Any) -> Any:
    asked = _QUERY.bind(table, *args, **kwargs).arguments
    if asked.get("index_name"):
        table._asked = dict(asked.get("hash_key_conditions") or ())
    else:
        table._asked = {table.hash_key_attr: asked["hash_key"]}
    try:
        return _query(table, *args, **kwargs)
    finally:
        del table._asked


def _all_items(table: Table) -> list[Item]:
    """In the order of their keys; while a query is on, those that it is about."""
    asked = table.__dict__.get("_asked", {})
    only = asked.get(table.hash_key_attr)
    partitions = [table.items.get(only, {})] if only is not None else table.items.values()
    wanted = [(name, value.value) for name, value in asked.items() if value.type == "S"]
    found = [
        item
        for partition in partitions
        for item in partition.values()
        if all(name in item.attrs and item.attrs[name].value == value for name, value in wanted)
    ]
    return sorted(found, key=lambda item: (item.hash_key.cast_value, item.range_key.cast_value))
