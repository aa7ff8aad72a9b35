"""Items to DynamoDB's wire form and back, with boto3's own serializer as the judge."""

import json
from base64 import b64encode
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.tenancy import Language
from sesame.store.table import marshal, unmarshal

scalars = st.text() | st.integers(-(10**37), 10**37) | st.booleans() | st.binary()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
items = st.dictionaries(st.text(min_size=1), values, max_size=5)


@given(items)
def test_what_is_written_reads_back(item: dict[str, Any]) -> None:
    assert unmarshal(marshal(item)) == item


@given(items)
def test_the_wire_form_is_the_one_boto3_writes(item: dict[str, Any]) -> None:
    assert marshal(item) == {name: TypeSerializer().serialize(value) for name, value in item.items()}


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans()))
def test_boto3_reads_it_alike(item: dict[str, Any]) -> None:
    wire = marshal(item)

    assert {name: TypeDeserializer().deserialize(value) for name, value in wire.items()} == item


@given(st.binary())
def test_the_base64_of_a_streams_record_reads_as_bytes(value: bytes) -> None:
    record = json.loads(json.dumps({"body": {"B": b64encode(value).decode()}}))

    assert unmarshal(record) == {"body": value}


def test_what_is_none_is_left_out_and_enums_are_their_words() -> None:
    item = {"language": Language.FRENCH, "ine": None, "inner": {"phone": None}}

    assert unmarshal(marshal(item)) == {"language": "fr", "inner": {}}


@pytest.mark.parametrize("value", [1.5, {1, 2}, object()])
def test_a_float_or_anything_else_we_never_store_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        marshal({"amount_cents": value})
