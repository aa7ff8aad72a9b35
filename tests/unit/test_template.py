"""What template.yaml promises and the local AWS cannot show, read off the template as AWS would expand it."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.expansion import expand_shorthand
from sesame.domain.certificates import Kind
from sesame.domain.retention import ACCOUNTS, RETENTION, SLIP, TRANSMISSION
from sesame.domain.threads import KEPT_FOR
from sesame.store.data_exports import EXPORT_LIFE
from sesame.store.document_runs import RUN_LIFE
from sesame.store.messages import LOST_AFTER

ROOT = Path(__file__).resolve().parents[2]
PARAMETERS = {
    "Stage": "prod",
    "PortalUrl": "https://sesame.example",
    "ApiUrl": "https://api.sesame.example",
    "Sender": "ne-pas-repondre@sesame.example",
}
MOST_RESOURCES = 500
"""Of a stack on AWS."""
ONLY_STAR = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""Actions for which IAM knows no narrower resource than `*`."""


@cache
def source() -> dict[str, Any]:
    return dict(yaml_parse((ROOT / "template.yaml").read_text("utf-8")))


@cache
def resources() -> dict[str, Any]:
    template = source()
    code = dict.fromkeys(template["Resources"], "s3://bucket/key")
    return dict(expand_shorthand(template, PARAMETERS, code, "eu-west-3")["Resources"])


def of_type(kind: str) -> dict[str, Any]:
    found = {name: each["Properties"] for name, each in resources().items() if each["Type"] == kind}
    assert found, f"no {kind} in the template"
    return found


def test_the_whole_template_fits_into_one_stack() -> None:
    assert len(resources()) < MOST_RESOURCES


TABLES = ("IdentityTable", "MoneyTable", "DocumentsTable", "OperationsTable")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_can_be_restored_forgets_what_has_expired_and_is_encrypted(name: str) -> None:
    table = of_type("AWS::DynamoDB::Table")[name]

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_production_cannot_be_deleted_by_mistake(name: str) -> None:
    assert of_type("AWS::DynamoDB::Table")[name]["DeletionProtectionEnabled"] == {
        "Fn::If": ["IsProd", True, False]
    }
    assert resources()[name]["DeletionPolicy"] == "Retain"


def test_the_bucket_is_private_encrypted_and_answers_over_tls_only() -> None:
    bucket = of_type("AWS::S3::Bucket")["Bucket"]
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    [statement] = of_type("AWS::S3::BucketPolicy")["BucketPolicy"]["PolicyDocument"]["Statement"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_files_of_leases_and_half_made_uploads_do_not_stay() -> None:
    rules = {
        rule["Id"]: rule for rule in of_type("AWS::S3::Bucket")["Bucket"]["LifecycleConfiguration"]["Rules"]
    }

    assert rules["Imports"]["Prefix"] == "imports/"
    assert rules["Imports"]["ExpirationInDays"] == 30
    assert rules["Exports"]["Prefix"] == "exports/"
    assert rules["Exports"]["ExpirationInDays"] == EXPORT_LIFE.days
    assert rules["Exports"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rules["Runs"]["Prefix"] == "runs/"
    assert rules["Runs"]["ExpirationInDays"] == RUN_LIFE.days
    assert (rules["UnsealedSlips"]["Prefix"], rules["UnsealedSlips"]["ExpirationInDays"]) == (
        "unsealed/slips/",
        rules["Slips"]["ExpirationInDays"],
    )
    assert rules["Slips"]["Prefix"] == f"{SLIP.folder}/"
    assert rules["Slips"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rules["Uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert (rules["Incoming"]["Prefix"], rules["Incoming"]["ExpirationInDays"]) == ("uploads/", 1)
    assert rules["Attachments"]["Prefix"] == "attachments/"
    assert rules["Attachments"]["ExpirationInDays"] > max(KEPT_FOR.values()).days
    assert {rule["Status"] for rule in rules.values()} == {"Enabled"}


def test_only_the_portals_pages_post_files_to_the_bucket() -> None:
    [rule] = of_type("AWS::S3::Bucket")["Bucket"]["CorsConfiguration"]["CorsRules"]

    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == ([{"Ref": "PortalUrl"}], ["POST"])


def test_the_bucket_keeps_the_files_of_every_kind_exactly_as_long_as_the_table_of_retention_says() -> None:
    rules = of_type("AWS::S3::Bucket")["Bucket"]["LifecycleConfiguration"]["Rules"]
    days = {
        rule["Prefix"]: rule["ExpirationInDays"]
        for rule in rules
        if rule.get("Prefix", "").startswith("documents/")
    }

    assert days == {f"{one.folder}/": one.file.days for one in RETENTION.values()}
    [sent] = [rule for rule in rules if rule.get("Prefix") == f"{TRANSMISSION.folder}/"]
    assert sent["ExpirationInDays"] == TRANSMISSION.file.days
    assert sent["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_the_table_of_retention_knows_every_kind_and_loses_no_file_before_its_record_may_say_so() -> None:
    assert set(RETENTION) == set(Kind)
    for kind, one in RETENTION.items():
        assert one.record >= one.file, kind
        # a year's accounts are kept to the end of the tenth year after it, whichever day they are of
        assert one is not ACCOUNTS or datetime(2027, 1, 1) + one.file >= datetime(2037, 12, 31)  # noqa: DTZ001


def test_a_function_reads_the_files_of_those_kinds_only_that_it_gives_out() -> None:
    """Entry documents and slips show the tenant code: whoever has no business with it cannot read them."""
    readers: dict[str, set[str]] = {}
    for name, role in of_type("AWS::IAM::Role").items():
        for statement in allowed(role):
            if "s3:GetObject" in statement["Action"]:
                resources = statement["Resource"]
                for one in resources if isinstance(resources, list) else [resources]:
                    folder = re.fullmatch(r"\$\{Bucket\.Arn\}/documents/(.*)\*", one.get("Fn::Sub", ""))
                    if folder:
                        readers.setdefault(folder[1], set()).add(name)

    assert readers == {
        "": {"SealRole"},
        "eleven-years/": {"CertificatesRole", "DataExportRole", "DeskMoneyRole", "DocumentRunRole"},
        "five-years/": {"CertificatesRole", "DataExportRole", "DeskRemindersRole"},
        "entry/": {"CertificatesRole", "CodesRole", "PortalRole"},
        "slips/": {"DeskRecoveryRole"},
    }
    assert {f"{one.folder}/" for one in RETENTION.values()} == {f"documents/{one}" for one in readers if one}


def allowed(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a role's own policies let it do."""
    for policy in role.get("Policies", []):
        statements = policy.get("PolicyDocument", {}).get("Statement", [])
        yield from (one for one in statements if one["Effect"] == "Allow")


def consumers() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(function, queue, event source mapping) of every function behind a queue."""
    for mapping in of_type("AWS::Lambda::EventSourceMapping").values():
        queue = mapping["EventSourceArn"]["Fn::GetAtt"][0]
        if queue in of_type("AWS::SQS::Queue"):
            yield mapping["FunctionName"]["Ref"], queue, mapping


def test_every_queue_with_a_consumer_has_dead_letters_and_time_for_six_tries_of_its_function() -> None:
    functions, queues = of_type("AWS::Lambda::Function"), of_type("AWS::SQS::Queue")

    for function, queue, mapping in consumers():
        assert queues[queue]["VisibilityTimeout"] >= 6 * functions[function]["Timeout"], queue
        target = queues[queue]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        assert target in queues
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_no_flood_of_documents_or_imports_can_starve_sign_in() -> None:
    limits = {
        queue: mapping.get("ScalingConfig", {}).get("MaximumConcurrency") for _, queue, mapping in consumers()
    }

    assert limits.pop("OneTimeCodeQueue") is None
    assert all(limit is not None and limit <= 50 for limit in limits.values()), limits


def test_every_queue_is_encrypted() -> None:
    assert all(queue["SqsManagedSseEnabled"] is True for queue in of_type("AWS::SQS::Queue").values())


def test_every_rule_sends_to_a_queue_that_lets_exactly_this_rule_in() -> None:
    allowed = {
        (queue["Fn::GetAtt"][0], statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0])
        for policy in of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        for queue in statement["Resource"]
    }

    for name, rule in of_type("AWS::Events::Rule").items():
        [target] = rule["Targets"]
        assert (target["Arn"]["Fn::GetAtt"][0], name) in allowed
        assert (target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0], name) in allowed


MOST_METRICS_OF_AN_ALARM = 10
"""AWS refuses an alarm of more."""

NOBODY_LISTENS_YET: set[str] = set()
BY_WHAT_HAPPENED = {"lease.changed", "lease.cancelled"}
"""Announced under a name that is chosen: `services/lease_life.py`."""


def test_every_type_of_event_that_is_announced_has_a_rule_and_every_rule_a_type() -> None:
    routed = {
        kind
        for rule in of_type("AWS::Events::Rule").values()
        if rule["EventPattern"]["source"] == ["sesame"]
        for kind in rule["EventPattern"]["detail-type"]
    }
    written = "".join(path.read_text("utf-8") for path in (ROOT / "shared" / "sesame").rglob("*.py"))
    announced = set(re.findall(r'announcement\(\s*"([a-z_.]+)"', written))

    assert announced | BY_WHAT_HAPPENED == routed | NOBODY_LISTENS_YET


def test_a_message_that_keeps_failing_reaches_its_dead_letters_before_it_is_forgotten() -> None:
    for name, queue in of_type("AWS::SQS::Queue").items():
        if "RedrivePolicy" in queue:
            tries = queue["RedrivePolicy"]["maxReceiveCount"]
            assert queue["VisibilityTimeout"] * (tries + 1) < queue["MessageRetentionPeriod"], name


def test_the_alarms_on_dead_letters_watch_every_one_of_them() -> None:
    watched: list[str] = []
    for name in ("DeadLetterAlarm", "FilesDeadLetterAlarm", "MoneyDeadLetterAlarm"):
        metrics = of_type("AWS::CloudWatch::Alarm")[name]["Metrics"]
        stats = [metric for metric in metrics if "MetricStat" in metric]
        # A queue that nobody touches sends no figures for hours: FILL counts it as empty, not as unknown.
        terms = next(each["Expression"] for each in metrics if "Expression" in each).split(" + ")
        summed = {term.removeprefix("FILL(").removesuffix(", 0)") for term in terms}
        assert all(term.startswith("FILL(") for term in terms)
        assert summed == {metric["Id"] for metric in stats}
        assert len(stats) <= MOST_METRICS_OF_AN_ALARM
        watched += [one["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0] for one in stats]

    assert sorted(watched) == sorted(
        name for name in of_type("AWS::SQS::Queue") if name.endswith("DeadLetters")
    )


def test_alarms_tell_of_a_late_outbox_and_of_runs_that_did_not_happen() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")

    assert alarms["OutboxAgeAlarm"]["MetricName"] == "IteratorAge"
    assert alarms["OutboxAgeAlarm"]["Threshold"] < 24 * 3600 * 1000
    for name, metric in (
        ("BillingAlarm", "BillingRun"),
        ("ReminderAlarm", "ReminderRun"),
        ("ErasureAlarm", "ErasureRun"),
        ("RenewalAlarm", "RenewalRun"),
        ("SweepAlarm", "SweepRun"),
        ("MessagesAgainAlarm", "MessagesAgainRun"),
        ("TransmissionAlarm", "TransmissionRun"),
        ("ReconciliationAlarm", "ReconciliationRun"),
    ):
        assert alarms[name]["TreatMissingData"] == "breaching"
        assert (alarms[name]["Namespace"], alarms[name]["MetricName"]) == ("Sesame", metric)
        assert alarms[name]["Dimensions"] == [{"Name": "stage", "Value": {"Ref": "Stage"}}]
    assert all(alarm["AlarmActions"] for alarm in alarms.values())


SLOWEST_MAIL_SECONDS = 15
"""SES's time-outs (2 s to connect, 8 s to answer) and the reads and writes around them."""


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("StuckDeliveryAlarm", "DeliveryStuck"),
        ("UnknownPaymentAlarm", "PaymentUnknown"),
        ("MissedPaymentAlarm", "PaymentMissed"),
        ("ReconciliationUnfinishedAlarm", "ReconciliationUnfinished"),
        ("UnreadableProviderAlarm", "ProviderUnreadable"),
        ("JournalAlarm", "JournalDiffers"),
    ],
)
def test_money_that_is_not_seen_or_does_not_add_up_raises_an_alarm_at_once(name: str, metric: str) -> None:
    alarm = of_type("AWS::CloudWatch::Alarm")[name]

    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("Sesame", metric, "Sum")
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarm["Dimensions"] == [{"Name": "stage", "Value": {"Ref": "Stage"}}]
    assert alarm["EvaluationPeriods"] == 1


def test_a_payment_that_only_staff_can_put_right_raises_an_alarm_at_once() -> None:
    alarm = of_type("AWS::CloudWatch::Alarm")["FlaggedPaymentAlarm"]
    counted = [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]

    assert [each["MetricName"] for each in counted] == [
        "PaymentCurrencyDiffers",
        "PaymentDisputed",
        "PaymentMoreReturned",
        "PaymentRefundCameHome",
    ]
    assert all(each["Namespace"] == "Sesame" for each in counted)
    assert all(each["Dimensions"] == [{"Name": "stage", "Value": {"Ref": "Stage"}}] for each in counted)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def test_a_sender_has_time_for_the_slowest_batch() -> None:
    functions = of_type("AWS::Lambda::Function")

    for function, _, mapping in consumers():
        if function in {"SendFunction", "SendCodeFunction"}:
            worst = mapping["BatchSize"] * SLOWEST_MAIL_SECONDS
            assert worst <= functions[function]["Timeout"], function


def test_no_sender_is_given_up_for_lost_while_it_may_still_run() -> None:
    functions = of_type("AWS::Lambda::Function")
    senders = ("SendFunction", "SendCodeFunction")

    assert LOST_AFTER.total_seconds() >= 2 * max(functions[name]["Timeout"] for name in senders)


def test_a_delivery_that_waits_for_a_slow_provider_takes_no_other_down_with_it() -> None:
    [mapping] = [mapping for function, _, mapping in consumers() if function == "PostingFunction"]

    assert mapping["BatchSize"] == 1


def test_scheduled_runs_come_when_they_are_meant_to() -> None:
    expressions = {
        schedule["ScheduleExpression"]: schedule.get("ScheduleExpressionTimezone")
        for schedule in of_type("AWS::Scheduler::Schedule").values()
    }

    assert expressions == {
        "cron(0 10 * * ? *)": "Europe/Paris",
        "cron(5 * * * ? *)": None,
        "cron(35 * * * ? *)": None,
        "cron(20 * * * ? *)": None,
        "cron(50 * * * ? *)": None,
        "cron(*/5 * * * ? *)": None,
        "cron(0 5 * * ? *)": "Europe/Paris",
        "cron(30 5 * * ? *)": "Europe/Paris",
    }


def test_scheduled_runs_are_told_their_time_and_are_tried_again() -> None:
    for schedule in of_type("AWS::Scheduler::Schedule").values():
        target = schedule["Target"]
        assert json.loads(target["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 3
        assert target["DeadLetterConfig"]["Arn"]


def test_every_function_runs_on_the_same_python_and_logs_where_logs_are_forgotten_in_time() -> None:
    for name, function in of_type("AWS::Lambda::Function").items():
        assert function["Runtime"] == "python3.13", name
        assert function["LoggingConfig"]["LogGroup"] == {"Ref": "Logs"}, name
    for group in of_type("AWS::Logs::LogGroup").values():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"} or group["RetentionInDays"] > 0


def test_the_gateway_throttles_and_logs_no_path_and_no_address() -> None:
    [stage] = of_type("AWS::ApiGatewayV2::Stage").values()

    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert "$context.path" not in stage["AccessLogSettings"]["Format"]
    assert "sourceIp" not in stage["AccessLogSettings"]["Format"]


def test_every_door_has_a_throttle_of_its_own_for_all_callers_together() -> None:
    [stage] = of_type("AWS::ApiGatewayV2::Stage").values()
    doors = {
        f"{event['Properties']['Method']} {event['Properties']['Path']}"
        for name in ("CodesFunction", "PersonalSpaceFunction")
        for event in source()["Resources"][name]["Properties"]["Events"].values()
    }

    for door in doors | {"POST /bienvenue/{token}", "POST /v1/me/confirmations"}:
        assert stage["RouteSettings"][door]["ThrottlingRateLimit"] == {"Ref": "AccessThrottleRate"}, door


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in of_type("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            if "Fn::If" in policy:
                policy = policy["Fn::If"][1]  # noqa: PLW2901  the stage that has it
            found = policy["PolicyDocument"]["Statement"]
            for statement in found if isinstance(found, list) else [found]:
                yield name, statement


def test_whoever_may_delete_money_items_may_delete_no_journal_payment_or_delivery() -> None:
    deletes: set[str] = set()
    spares: set[str] = set()
    for role, statement in statements():
        if (
            "MoneyTable" not in str(statement.get("Resource"))
            or "dynamodb:DeleteItem" not in statement["Action"]
        ):
            continue
        if statement["Effect"] == "Deny":
            keys = statement["Condition"]["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"]
            assert {"ACCOUNT#*", "PAYMENT#*", "DELIVERY#*"} <= set(keys)
            spares.add(role)
        else:
            deletes.add(role)

    assert deletes
    assert deletes == spares


def test_no_function_may_do_everything_or_touch_everything() -> None:
    for role, statement in statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert all("*" not in action for action in actions), role
        if "NotResource" in statement:
            # a text message has no resource of its own: everything but topics
            assert actions == ["sns:Publish"], role
            assert statement["NotResource"] == {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}, role
            continue
        wanted = statement["Resource"]
        wide = "*" in (wanted if isinstance(wanted, list) else [wanted])
        assert not wide or set(actions) <= ONLY_STAR, role


def test_no_managed_policy_widens_a_functions_role() -> None:
    roles = {name for name, role in resources().items() if role["Type"] == "AWS::IAM::Role"}
    used = {function["Role"]["Fn::GetAtt"][0] for function in of_type("AWS::Lambda::Function").values()}

    assert len(used) == len(of_type("AWS::Lambda::Function"))
    assert used <= roles
    assert not any(of_type("AWS::IAM::Role")[role].get("ManagedPolicyArns") for role in used)


WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}
NEVER_OF_AUDIT = {"UpdateItem", "DeleteItem", "BatchWriteItem"}


def test_no_role_that_may_write_beside_the_audit_may_change_what_it_says() -> None:
    operations = {"Fn::GetAtt": ["OperationsTable", "Arn"]}
    writers, refused = set(), set()
    for role, statement in statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        names = {action.removeprefix("dynamodb:") for action in actions}
        wanted = statement.get("Resource")
        if operations not in (wanted if isinstance(wanted, list) else [wanted]):
            continue
        if statement["Effect"] == "Allow" and names & WRITES:
            writers.add(role)
        if statement["Effect"] == "Deny" and names >= NEVER_OF_AUDIT:
            assert statement["Condition"] == {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["AUDIT#*"]}}
            refused.add(role)

    assert writers
    assert writers == refused


def test_alarms_may_use_the_key_of_the_topic_that_tells_of_them() -> None:
    topic = of_type("AWS::SNS::Topic")["AlarmTopic"]
    allowed = [
        statement
        for statement in of_type("AWS::KMS::Key")["DataKey"]["KeyPolicy"]["Statement"]
        if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ]

    assert topic["KmsMasterKeyId"] == {"Ref": "DataKey"}
    assert [set(statement["Action"]) for statement in allowed] == [{"kms:Decrypt", "kms:GenerateDataKey*"}]


def test_a_scheduled_run_that_fails_is_kept_among_the_dead_letters() -> None:
    for configuration in of_type("AWS::Lambda::EventInvokeConfig").values():
        target = configuration["DestinationConfig"]["OnFailure"]["Destination"]
        assert target == {"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]}
    assert len(of_type("AWS::Lambda::EventInvokeConfig")) == len(of_type("AWS::Scheduler::Schedule"))


AUTHORIZED = {"/v1/desk": [["Staff"]], "/v1/personal-space": [["Student"]]}


def paths() -> dict[str, Any]:
    """The API's paths, those that a condition may leave out included."""
    [api] = of_type("AWS::ApiGatewayV2::Api").values()
    return {
        path: {method: _whole(operation) for method, operation in _whole(item).items()}
        for path, item in api["Body"]["paths"].items()
    }


def _whole(part: dict[str, Any]) -> dict[str, Any]:
    return dict(part["Fn::If"][1]) if "Fn::If" in part else part


def test_the_personal_space_is_there_only_with_an_issuer_of_students() -> None:
    [api] = of_type("AWS::ApiGatewayV2::Api").values()
    authorizer = api["Body"]["components"]["securitySchemes"]["Student"]["x-amazon-apigateway-authorizer"]

    assert api["Body"]["paths"]["/v1/personal-space/tenant-code"]["Fn::If"][::2] == [
        "HasStudentIssuer",
        {"Ref": "AWS::NoValue"},
    ]
    for name in ("PersonalSpaceFunction", "PersonalSpaceRole"):
        assert resources()[name]["Condition"] == "HasStudentIssuer"
    assert authorizer["jwtConfiguration"]["issuer"]["Fn::If"][:2] == [
        "HasStudentIssuer",
        {"Ref": "StudentIssuer"},
    ]
    assert authorizer["jwtConfiguration"]["audience"] == [
        {"Fn::If": ["HasStudentIssuer", {"Ref": "StudentAudience"}, "nobody"]}
    ]


def test_every_staff_route_asks_the_gateway_for_a_staff_token_and_no_other_does() -> None:
    for path, methods in paths().items():
        for method, operation in methods.items():
            asks = [list(scheme) for scheme in operation.get("security", [])]
            assert asks == AUTHORIZED.get("/".join(path.split("/")[:3]), []), f"{method} {path}"


def test_staff_need_a_second_factor_outside_the_local_stage() -> None:
    pool = of_type("AWS::Cognito::UserPool")["StaffPool"]

    assert pool["MfaConfiguration"] == {"Fn::If": ["IsLocal", "OFF", "ON"]}
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True


def test_the_sandbox_provider_exists_in_the_local_stage_only() -> None:
    assert resources()["SandboxSecret"]["Condition"] == "IsLocal"


def test_the_routes_of_the_template_are_the_routes_of_the_openapi_document() -> None:
    documented = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))["paths"]

    deployed = {
        (path, method)
        for path, methods in paths().items()
        for method in methods
        if path.startswith("/v1/") and path != "/v1/openapi.json"
    }

    assert deployed == {(path, method) for path, methods in documented.items() for method in methods}
