"""AWS in process (moto), with the tables, bucket, keys and secrets as template.yaml declares them."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

from local import authority
from sesame.platform.secrets import Pepper, Secrets
from sesame.store.table import Table
from tests.integration.quick import Snapshot, client_of, quick_accounts

ROOT = Path(__file__).resolve().parents[2]
REGION: Literal["eu-west-3"] = "eu-west-3"
BUCKET = "sesame-test"
SENDER = "ne-pas-repondre@sesame.example"
TABLES = ("identity", "money", "documents", "operations")
_TABLE_PROPERTIES = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


@dataclass(frozen=True, kw_only=True)
class Aws:
    """What the functions under test are given."""

    dynamodb: Any
    s3: Any
    kms: Any
    sqs: Any
    events: Any
    ses: Any
    secrets: Any
    identity: Table
    money: Table
    documents: Table
    operations: Table
    bucket: str
    codes_key: str
    seal_key: str
    seal_certificate_secret: str
    trust: str
    """What `sesame verify` reads: who seals and signs 2D-Docs here."""
    two_d_doc_key: str
    two_d_doc_certificate_secret: str
    pepper_secret: str
    pepper: Pepper

    def environment(self) -> dict[str, str]:
        """The variables that template.yaml gives to functions; not every function gets every one."""
        return {
            "STAGE": "local",
            "IDENTITY_TABLE": self.identity.name,
            "MONEY_TABLE": self.money.name,
            "DOCUMENTS_TABLE": self.documents.name,
            "OPERATIONS_TABLE": self.operations.name,
            "BUCKET": self.bucket,
            "CODES_KEY": self.codes_key,
            "TWO_D_DOC_KEY": self.two_d_doc_key,
            "TWO_D_DOC_CERTIFICATE_SECRET": self.two_d_doc_certificate_secret,
            "SEAL_KEY": self.seal_key,
            "SEAL_CERTIFICATE_SECRET": self.seal_certificate_secret,
            "PEPPER_SECRET": self.pepper_secret,
            "SENDER": SENDER,
            "PORTAL_URL": "https://sesame.example",
            "API_URL": "https://api.sesame.example",
            "OPERATOR_NAME": "Opérateur d'essai",
            "PARTNERS_SECRET": "partners",
        }


@pytest.fixture(scope="session", autouse=True)
def quickly() -> Iterator[None]:
    """Accounts in process are quick."""
    with quick_accounts():
        yield


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """A fresh account."""
    with mock_aws():
        yield fresh_account(monkeypatch)


def fresh_account(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An account with what template.yaml declares; to be called under `mock_aws`."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    if not _made:
        _made.append((account(), Snapshot.take()))
    first, as_made = _made[0]
    as_made.restore()
    return replace(first, **_clients(), **_handles(first.pepper_secret))


_made: list[tuple[Aws, Snapshot]] = []
"""The first account, which all others are like."""


def _clients() -> dict[str, Any]:
    services = ("dynamodb", "s3", "kms", "sqs", "events")
    clients = {service: client_of(service) for service in services}
    return clients | {"ses": client_of("sesv2"), "secrets": client_of("secretsmanager")}


def _handles(pepper_secret: str) -> dict[str, Any]:
    dynamodb, secrets = client_of("dynamodb"), client_of("secretsmanager")
    tables = {name: Table(dynamodb, name) for name in TABLES}
    return tables | {"pepper": Pepper(Secrets(secrets), pepper_secret)}


@cache
def _resources() -> dict[str, Any]:
    resources: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    return resources


def account() -> Aws:
    """What template.yaml declares, made with whatever AWS the environment leads to."""
    clients = _clients()
    for name in TABLES:
        declared = _resources()[f"{name.capitalize()}Table"]["Properties"]
        wanted = {property_: declared[property_] for property_ in _TABLE_PROPERTIES}
        clients["dynamodb"].create_table(TableName=name, **json.loads(json.dumps(wanted)))
    where = {"LocationConstraint": REGION}
    clients["s3"].create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    kms, secrets = clients["kms"], clients["secrets"]
    codes_key = kms.create_key()["KeyMetadata"]["Arn"]
    seal_key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    seal_certificate = authority.issue_seal(kms, seal_key)
    certificate_secret = secrets.create_secret(Name="seal", SecretString=seal_certificate)["ARN"]
    code_certificate = authority.issue_two_d_doc(kms, seal_key)
    code_secret = secrets.create_secret(Name="2d-doc", SecretString=code_certificate)["ARN"]
    pepper_secret = secrets.create_secret(Name="pepper", SecretString="p" * 64)["ARN"]
    clients["ses"].create_email_identity(EmailIdentity=SENDER)
    return Aws(
        bucket=BUCKET,
        codes_key=codes_key,
        seal_key=seal_key,
        seal_certificate_secret=certificate_secret,
        trust=authority.trust_file(seal_certificate, code_certificate, "https://sesame.example"),
        two_d_doc_key=seal_key,  # one key does for both here; the template gives each its own
        two_d_doc_certificate_secret=code_secret,
        pepper_secret=pepper_secret,
        **clients,
        **_handles(pepper_secret),
    )
