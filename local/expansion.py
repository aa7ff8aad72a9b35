"""Turns template.yaml into what the emulator can deploy: SAM's shorthand expanded, the HTTP API spelled out.

The emulator ignores the OpenAPI `Body` that SAM gives an HTTP API, so every path of it becomes a route, an
integration and, where the path asks for one, an authorizer: the same API in CloudFormation's other notation.
Pure: dicts in, dicts out.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template

Template = dict[str, Any]
Resource = dict[str, Any]

# Types that make the emulator refuse the whole stack. What they would do is asserted on the template instead.
UNSUPPORTED = frozenset(
    {
        "AWS::Budgets::Budget",
        "AWS::CloudTrail::Trail",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::Events::Archive",
        "AWS::Logs::QueryDefinition",
        "AWS::SES::Template",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::WAFv2::LoggingConfiguration",
        "AWS::WAFv2::WebACLAssociation",
    }
)
RESOURCE_POLICIES = frozenset({"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"})
BATCHES = {"sqs:SendMessage": "sqs:SendMessageBatch"}
WITHOUT_RESOURCE = frozenset({"ses:SendEmail"})
# The least that AWS allows. Streams, which have a starting position, are read one batch at a time anyway.
QUEUE_CONCURRENCY = 2
NO_VALUE = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """What the local deployment decides itself, beyond the template's own parameters."""

    region: str
    api_id: str
    portal_host: str
    # False holds the clock's jobs back, so that tests run them when they choose to.
    schedules: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """A template of plain CloudFormation, and the logical ids (with type) that had to be left out of it."""

    template: Template
    dropped: tuple[tuple[str, str], ...]


def expand(
    template: Mapping[str, Any], parameters: Mapping[str, str], code: Mapping[str, str], local: Local
) -> Expansion:
    """Expand a SAM template.

    `parameters` are the values the stack is deployed with; `code` gives each function and layer, by logical
    id, the s3:// address of its zip. Raises samtranslator's InvalidDocumentException on a template that SAM
    refuses, KeyError when a function has no zip.
    """
    expanded = expand_shorthand(template, parameters, code, local.region)
    resources = cast("dict[str, Resource]", expanded["Resources"])
    for name, resource in list(resources.items()):
        if resource["Type"] == "AWS::ApiGatewayV2::Api":
            resources |= _spell_out(name, resource, local)
        elif resource["Type"] == "AWS::Scheduler::Schedule" and not local.schedules:
            resource["Properties"]["State"] = "DISABLED"
        elif resource["Type"] == "AWS::Lambda::Function":
            _forget_layer_paths(resource)
        elif resource["Type"] == "AWS::Lambda::EventSourceMapping":
            _narrow_queue(resource)
        elif resource["Type"] == "AWS::IAM::Role":
            _fit_to_emulator(resource["Properties"].get("Policies"))
        elif resource["Type"] in RESOURCE_POLICIES and _allow_plain_http(resource):
            del resources[name]
    _merge_permissions(resources)
    return Expansion(template=expanded, dropped=tuple(_drop_unsupported(expanded)))


def expand_shorthand(
    template: Mapping[str, Any], parameters: Mapping[str, str], code: Mapping[str, str], region: str
) -> Template:
    """Plain CloudFormation, as AWS itself would deploy it: nothing is left out or made local."""
    source = copy.deepcopy(dict(template))
    for name, resource in source["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code[name]
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = code[name]
    # What samtranslator's own `transform` does, with the region given rather than taken from the environment.
    # No managed policies by name: the template has none, so there is nothing to look up in AWS.
    values = dict(parameters)
    to_py27_compatible_template(source, values)
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    plain = undo_mark_unicode_str_in_template(translator.translate(source, values))
    translator.metrics.publish()  # To nobody; unpublished figures make it complain on the way out.
    return cast("Template", plain)


def _spell_out(api: str, resource: Resource, local: Local) -> dict[str, Resource]:
    """Replace the API's Body by resources of its own, which are returned with the API itself."""
    properties = resource["Properties"]
    body = properties.pop("Body")
    properties |= {
        "Name": api,
        "ProtocolType": "HTTP",
        "Tags": {**properties.get("Tags", {}), "ms-custom-id": local.api_id},
    }
    if cors := body.get("x-amazon-apigateway-cors"):
        properties["CorsConfiguration"] = {_pascal(key): value for key, value in cors.items()}
    schemes = body.get("components", {}).get("securitySchemes", {})
    spelled = {api: resource}
    for scheme, definition in schemes.items():
        spelled[_authorizer_id(api, scheme)] = _authorizer(api, scheme, definition)
    for path, method, operation, condition in _operations(body.get("paths", {})):
        spelled |= _route(api, _route_key(method, path), operation, condition)
    return spelled | _portal(api, local.portal_host)


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], str | None]]:
    """Each (path, method, operation, name of the condition it depends on or None)."""
    for path, item in paths.items():
        for method, operation in _unless(item)[0].items():
            content, condition = _unless(operation)
            yield path, method, content, condition or _unless(item)[1]


def _unless(value: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Take {"Fn::If": [condition, content, nothing]} apart; anything else depends on no condition."""
    if "Fn::If" in value:
        condition, content, otherwise = value["Fn::If"]
        if otherwise != NO_VALUE:
            raise ValueError(f"a route with two definitions under condition {condition}")
        return content, condition
    return dict(value), None


def _route(api: str, key: str, operation: Mapping[str, Any], condition: str | None) -> dict[str, Resource]:
    integration = operation["x-amazon-apigateway-integration"]
    integration_id = f"{api}Integration{_digest(json.dumps([integration['uri'], condition], sort_keys=True))}"
    properties: dict[str, Any] = {
        "ApiId": {"Ref": api},
        "RouteKey": key,
        "Target": {"Fn::Sub": f"integrations/${{{integration_id}}}"},
    }
    # SAM writes an open route of an API with a default authorizer as `security: [{NONE: []}]`.
    rules = {name: scopes for rule in operation.get("security", []) for name, scopes in rule.items()}
    schemes = [(name, scopes) for name, scopes in rules.items() if name != "NONE"]
    if len(schemes) > 1:
        raise ValueError(f"{key} asks for several authorizers, which an HTTP API cannot do")
    for scheme, scopes in schemes:
        properties |= {
            "AuthorizationType": "JWT",
            "AuthorizerId": {"Ref": _authorizer_id(api, scheme)},
            "AuthorizationScopes": scopes,
        }
    spelled: dict[str, Resource] = {
        integration_id: {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration.get("payloadFormatVersion", "2.0"),
            },
        },
        f"{api}Route{_digest(key)}": {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties},
    }
    if condition is not None:
        for resource in spelled.values():
            resource["Condition"] = condition
    return spelled


def _route_key(method: str, path: str) -> str:
    if path == "/$default":
        return "$default"
    return f"{'ANY' if method == 'x-amazon-apigateway-any-method' else method.upper()} {path}"


def _authorizer(api: str, scheme: str, definition: Mapping[str, Any]) -> Resource:
    authorizer = definition["x-amazon-apigateway-authorizer"]
    if authorizer.get("type") != "jwt":
        raise ValueError(f"authorizer {scheme} is not a JWT authorizer")
    jwt = authorizer["jwtConfiguration"]
    return {
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            "ApiId": {"Ref": api},
            "Name": scheme,
            "AuthorizerType": "JWT",
            "IdentitySource": [authorizer["identitySource"]],
            "JwtConfiguration": {"Issuer": jwt["issuer"], "Audience": jwt["audience"]},
        },
    }


def _merge_permissions(resources: dict[str, Resource]) -> None:
    """The gateway's permissions, one a function: SAM writes one a route, a stack has 500 resources.

    The emulator does not ask who may invoke; what AWS gets is asserted on the expansion as AWS makes it.
    """
    seen: set[str] = set()
    for name, resource in list(resources.items()):
        if resource["Type"] != "AWS::Lambda::Permission":
            continue
        properties = resource["Properties"]
        if properties.get("Principal") != "apigateway.amazonaws.com":
            continue
        function = json.dumps(properties["FunctionName"], sort_keys=True)
        if function in seen:
            del resources[name]
            continue
        seen.add(function)
        source = properties["SourceArn"]["Fn::Sub"]
        source[0] = re.sub(r"(\$\{__Stage__\}/).*", r"\g<1>*", source[0])


def _portal(api: str, host: str) -> dict[str, Resource]:
    """A host name that serves the API at its root, as CloudFront does in AWS: links and cookies need that."""
    return {
        "LocalCertificate": {
            "Type": "AWS::CertificateManager::Certificate",
            "Properties": {"DomainName": host, "ValidationMethod": "DNS"},
        },
        "LocalDomain": {
            "Type": "AWS::ApiGatewayV2::DomainName",
            "Properties": {
                "DomainName": host,
                "DomainNameConfigurations": [{"CertificateArn": {"Ref": "LocalCertificate"}}],
            },
        },
        "LocalMapping": {
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "DependsOn": ["LocalDomain", f"{api}ApiGatewayDefaultStage"],
            "Properties": {"ApiId": {"Ref": api}, "DomainName": host, "Stage": "$default"},
        },
    }


def _fit_to_emulator(policies: object) -> None:
    """Say what a role may do in the emulator's words, where they differ from those of AWS.

    Sending ten messages at once is an action of its own there, and e-mail is sent on no resource of its own.
    """
    if isinstance(policies, list):
        for policy in policies:
            _fit_to_emulator(policy)
    elif isinstance(policies, dict):
        if isinstance(actions := policies.get("Action"), list):
            actions += [BATCHES[action] for action in actions if action in BATCHES]
            if set(actions) <= WITHOUT_RESOURCE:
                policies["Resource"] = "*"
        for inner in policies.values():
            _fit_to_emulator(inner)


def _narrow_queue(mapping: Resource) -> None:
    """Let few processes work through a queue: each new one costs a core a second before its first message."""
    if "StartingPosition" not in mapping["Properties"]:
        mapping["Properties"]["ScalingConfig"] = {"MaximumConcurrency": QUEUE_CONCURRENCY}


def _allow_plain_http(policy: Resource) -> bool:
    """Take out what refuses requests without TLS: loopback has none. True when nothing else was in."""
    document = policy["Properties"]["PolicyDocument"]
    refusal = {"aws:SecureTransport": "false"}
    kept = [rule for rule in document["Statement"] if refusal not in rule.get("Condition", {}).values()]
    document["Statement"] = kept
    return not kept


def _forget_layer_paths(function: Resource) -> None:
    """Layers are not unpacked under /opt here: what points there falls back to this machine's own files."""
    variables = function["Properties"].get("Environment", {}).get("Variables", {})
    for name in [n for n, value in variables.items() if isinstance(value, str) and value.startswith("/opt/")]:
        del variables[name]


def _drop_unsupported(template: Template) -> Iterator[tuple[str, str]]:
    """Remove what the emulator refuses, with the outputs and orderings that name it."""
    resources = cast("dict[str, Resource]", template["Resources"])
    gone = {name: r["Type"] for name, r in resources.items() if _is_unsupported(r)}
    for name in gone:
        del resources[name]
    for resource in resources.values():
        if depends := resource.get("DependsOn"):
            named = [depends] if isinstance(depends, str) else depends
            resource["DependsOn"] = [name for name in named if name not in gone]
    for output, value in list(template.get("Outputs", {}).items()):
        if any(_names(value, name) for name in gone):
            del template["Outputs"][output]
    yield from sorted(gone.items())


def _is_unsupported(resource: Resource) -> bool:
    # Alarms on one metric are taken, alarms on an expression over several are not.
    expression = resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    return expression or resource["Type"] in UNSUPPORTED


def _names(value: object, name: str) -> bool:
    return re.search(rf'("Ref": "|"Fn::GetAtt": \["|\$\{{){name}["}}.]', json.dumps(value)) is not None


def _authorizer_id(api: str, scheme: str) -> str:
    return f"{api}Authorizer{re.sub(r'[^A-Za-z0-9]', '', scheme)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _pascal(key: str) -> str:
    return key[0].upper() + key[1:]
