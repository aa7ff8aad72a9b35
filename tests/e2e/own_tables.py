"""A corner of the local AWS for services: tables as template.yaml declares them, without streams."""

from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

from samtranslator.yaml_helper import yaml_parse

from local.instance import Instance
from sesame.platform.secrets import Pepper, Secrets
from sesame.store.table import Table

_PARTS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


def account_on(instance: Instance, *tables: str) -> SimpleNamespace:
    """What services are given, with these tables; nothing else of the stack hears of what they hold."""
    dynamodb, suffix = instance.client("dynamodb"), uuid4().hex[:8]
    resources = yaml_parse((Path(__file__).parents[2] / "template.yaml").read_text())["Resources"]
    made = {}
    for name in tables:
        declared = resources[f"{name.capitalize()}Table"]["Properties"]
        dynamodb.create_table(TableName=f"own-{name}-{suffix}", **{part: declared[part] for part in _PARTS})
        made[name] = Table(dynamodb, f"own-{name}-{suffix}")
    secrets, kms = instance.client("secretsmanager"), instance.client("kms")
    pepper = secrets.create_secret(Name=f"own-{suffix}", SecretString="p" * 64)["ARN"]
    return SimpleNamespace(
        dynamodb=dynamodb,
        kms=kms,
        sqs=instance.client("sqs"),
        secrets=secrets,
        codes_key=kms.create_key()["KeyMetadata"]["Arn"],
        pepper=Pepper(Secrets(secrets), pepper),
        **made,
    )
