"""Deploys template.yaml to an emulator: zips to S3, one CloudFormation stack, a few settings after it."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from local import artefacts, authority, expansion
from local.doctor import Trouble
from local.instance import API_ID, PORTAL_HOST, REGION, ROOT, Instance
from local.student_issuer import AUDIENCE

STACK = "sesame-local"
ROUTES = "sesame-local-routes"
ARTEFACT_BUCKET = "sesame-local-artefacts"
DEPLOY_SECONDS = 120.0
SENDER = "sesame@residences.example"
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")

MOVED_CLOCK = {"platform/clock.py": Path(__file__).with_name("moved_clock.py")}
"""What is added to a module of the shared package where a story says what time it is."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was deployed, as the functions see it: their environment, and each resource's physical id."""

    created: bool
    resources: Mapping[str, str]
    types: Mapping[str, str]
    settings: Mapping[str, str]
    webhook_secrets: Mapping[str, str]
    trust: str
    """The authorities of documents' seals, the certificates of 2D-Docs, and where documents are verified."""

    def of_type(self, kind: str) -> dict[str, str]:
        """Physical ids by logical id, of one CloudFormation type."""
        return {name: self.resources[name] for name, its in self.types.items() if its == kind}

    @property
    def tables(self) -> dict[str, str]:
        """Physical table names by what they hold: identity, money, documents, operations."""
        suffix = "_TABLE"
        named = {name: value for name, value in self.settings.items() if name.endswith(suffix)}
        return {name.removesuffix(suffix).lower(): named[name] for name in sorted(named)}


def deploy(instance: Instance, say: Say, *, root: Path = ROOT, schedules: bool = True) -> Deployment:
    """Bring the emulator to what the template in `root` says. Repeated without a change, it does nothing.

    Raises Trouble with CloudFormation's reasons when the stack is refused.
    """
    template = yaml_parse((root / "template.yaml").read_text("utf-8"))
    parameters = _parameters(template, instance)
    told = instance.clock is not None
    code = _upload(instance, artefacts.build(template, root, added=MOVED_CLOCK if told else {}))
    expanded = expansion.expand(
        template,
        parameters,
        code,
        expansion.Local(region=REGION, api_id=API_ID, portal_host=PORTAL_HOST, schedules=schedules),
    )
    for name, kind in expanded.dropped:
        say(f"  left out, the local AWS has no {kind}: {name}")
    whole, routes = expansion.apart(expanded.template)
    created = _bring_about(instance, STACK, whole, parameters)
    resources, types = _resources(instance)
    functions = {name: resources[name] for name, kind in types.items() if kind == "AWS::Lambda::Function"}
    settings, arns = _functions(instance, functions)
    _bring_about(instance, ROUTES, expansion.tied(routes, resources, arns), parameters)
    if not told:  # by the emulator's own clock, which a story's time means nothing to
        _expire_items(instance, expanded.template, resources)
    _verify_sender(instance)
    return Deployment(
        created=created,
        resources=resources,
        types=types,
        settings=settings,
        webhook_secrets=_webhook_secrets(instance, settings.get("PROVIDER_SECRETS", "{}")),
        trust=authority.certify(instance.client, resources, instance.portal_url),
    )


def resources_of(instance: Instance) -> dict[str, str]:
    """Physical by logical id, of what is deployed."""
    return _resources(instance)[0]


def is_deployed(instance: Instance) -> bool:
    """Whether this emulator holds the stack, whole: a failed first deployment is nothing to build on."""
    return _stands(instance, STACK)


def _stands(instance: Instance, stack: str) -> bool:
    return _status(instance, stack) in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


def _parameters(template: Mapping[str, Any], instance: Instance) -> dict[str, str]:
    known = {
        "Stage": "local",
        "ApiUrl": instance.api_url,
        "PortalUrl": instance.portal_url,
        "SandboxUrl": instance.sandbox_url,
        "Sender": SENDER,
        "StudentIssuer": instance.student_issuer,
        "StudentAudience": AUDIENCE,
        # the story reminds at whatever hour it is told, and wakes nobody
        "QuietTime": "ignored",
        # the mailbox has no quota, and nobody waits a minute behind a file of welcomes
        "MailsPerSecond": "0",
    }
    declared = template.get("Parameters", {})
    missing = [name for name, p in declared.items() if "Default" not in p and name not in known]
    if missing:
        raise Trouble(f"template.yaml has parameters without a default that local/ does not know: {missing}")
    return {name: value for name, value in known.items() if name in declared}


def _upload(instance: Instance, zips: Mapping[str, artefacts.Artefact]) -> dict[str, str]:
    """Store each zip once, under the hash of its content. Returns the s3:// address by logical id."""
    s3 = instance.client("s3")
    try:
        stored = {
            entry["Key"]
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=ARTEFACT_BUCKET)
            for entry in page.get("Contents", [])
        }
    except ClientError:
        s3.create_bucket(Bucket=ARTEFACT_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        stored = set()
    for zipped in zips.values():
        if zipped.key not in stored:
            s3.put_object(Bucket=ARTEFACT_BUCKET, Key=zipped.key, Body=zipped.content)
            stored.add(zipped.key)
    return {name: f"s3://{ARTEFACT_BUCKET}/{zipped.key}" for name, zipped in zips.items()}


def _bring_about(
    instance: Instance, stack: str, template: Mapping[str, Any], parameters: Mapping[str, str]
) -> bool:
    """Create or update a stack and wait for it. True when it was created."""
    formation = instance.client("cloudformation")
    instance.client("s3").put_object(
        Bucket=ARTEFACT_BUCKET, Key=f"{stack}.json", Body=json.dumps(template).encode()
    )
    request = {
        "StackName": stack,
        # By address: given inline, a template may have 51,200 bytes at most.
        "TemplateURL": f"{instance.endpoint}/{ARTEFACT_BUCKET}/{stack}.json",
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    created = not _stands(instance, stack)
    try:
        (formation.create_stack if created else formation.update_stack)(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return False
        raise Trouble(f"The local AWS refuses the template: {error.response['Error']['Message']}") from error
    deadline = time.monotonic() + DEPLOY_SECONDS
    while (status := _status(instance, stack) or "").endswith("IN_PROGRESS") and time.monotonic() < deadline:
        time.sleep(0.05)
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise Trouble("\n  ".join([f"The stack did not deploy ({status}):", *_reasons(instance, stack)]))
    return created


def _status(instance: Instance, stack: str) -> str | None:
    try:
        stacks = instance.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError:
        return None
    return str(stacks[0]["StackStatus"])


def _reasons(instance: Instance, stack: str) -> list[str]:
    events = instance.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        f"{event['LogicalResourceId']} ({event.get('ResourceType')}): {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
    ][:10]


def _resources(instance: Instance) -> tuple[dict[str, str], dict[str, str]]:
    pages = instance.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    found = [summary for page in pages for summary in page["StackResourceSummaries"]]
    return (
        {entry["LogicalResourceId"]: entry["PhysicalResourceId"] for entry in found},
        {entry["LogicalResourceId"]: entry["ResourceType"] for entry in found},
    )


def _functions(instance: Instance, functions: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Every environment variable of the deployed functions, together, since one name means one thing
    throughout; and each one's ARN by its logical id."""
    lambda_ = instance.client("lambda")
    settings: dict[str, str] = {}
    arns: dict[str, str] = {}
    for logical, physical in functions.items():
        found = lambda_.get_function_configuration(FunctionName=physical)
        settings |= found.get("Environment", {}).get("Variables", {})
        arns[logical] = found["FunctionArn"]
    return settings, arns


def _expire_items(instance: Instance, template: Mapping[str, Any], resources: Mapping[str, str]) -> None:
    """Turn on the tables' time to live, which the emulator reads from this call only."""
    dynamodb = instance.client("dynamodb")
    for name, resource in template["Resources"].items():
        ttl = resource.get("Properties", {}).get("TimeToLiveSpecification")
        if resource["Type"] != "AWS::DynamoDB::Table" or not ttl or name not in resources:
            continue
        now = dynamodb.describe_time_to_live(TableName=resources[name])["TimeToLiveDescription"]
        if now.get("TimeToLiveStatus") != "ENABLED":
            dynamodb.update_time_to_live(
                TableName=resources[name],
                TimeToLiveSpecification={"AttributeName": ttl["AttributeName"], "Enabled": True},
            )


def _verify_sender(instance: Instance) -> None:
    """In AWS someone proves that the sending domain is theirs; here nobody reads the mail."""
    ses = instance.client("ses")
    ses.verify_email_identity(EmailAddress=SENDER)
    ses.verify_domain_identity(Domain=SENDER.partition("@")[2])


def _webhook_secrets(instance: Instance, provider_secrets: str) -> dict[str, str]:
    """The sandbox provider's webhook secret: made at the first start (Standard Webhooks form), then kept.

    Those of real providers stay empty, so that they are not offered.
    """
    manager = instance.client("secretsmanager")
    secret_id = json.loads(provider_secrets)["sandbox"]
    value = manager.get_secret_value(SecretId=secret_id).get("SecretString", "")
    if not WEBHOOK_SECRET.fullmatch(value):
        value = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        manager.put_secret_value(SecretId=secret_id, SecretString=value)
    return {"sandbox": value}
