"""Each function, as IAM sees it: it may do its own work, and is refused what is not its own."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.deploy import Deployment
from local.instance import Instance

Call = Callable[[Callable[[str], Any], dict[str, str]], Any]


def reads(table: str) -> Call:
    return lambda client, names: client("dynamodb").get_item(
        TableName=names[f"{table}Table"], Key={"pk": {"S": "X"}, "sk": {"S": "X"}}
    )


def writes(table: str) -> Call:
    return lambda client, names: client("dynamodb").put_item(
        TableName=names[f"{table}Table"], Item={"pk": {"S": "PROBE"}, "sk": {"S": "PROBE"}}
    )


def updates(table: str) -> Call:
    return lambda client, names: client("dynamodb").update_item(
        TableName=names[f"{table}Table"],
        Key={"pk": {"S": "PROBE"}, "sk": {"S": "PROBE"}},
        UpdateExpression="SET probed = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )


def deletes(table: str) -> Call:
    return lambda client, names: client("dynamodb").delete_item(
        TableName=names[f"{table}Table"], Key={"pk": {"S": "PROBE"}, "sk": {"S": "PROBE"}}
    )


def queries(table: str, *, index: str | None = None) -> Call:
    def call(client: Callable[[str], Any], names: dict[str, str]) -> Any:
        request: dict[str, Any] = {
            "TableName": names[f"{table}Table"],
            "KeyConditionExpression": f"{index or ''}pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "X"}},
        }
        return client("dynamodb").query(**request | ({"IndexName": index} if index else {}))

    return call


def stores(prefix: str) -> Call:
    return lambda client, names: client("s3").put_object(
        Bucket=names["Bucket"], Key=f"{prefix}/probe", Body=b"-"
    )


def forgets(prefix: str) -> Call:
    """Looks for versions of a file, and deletes one."""

    def call(client: Callable[[str], Any], names: dict[str, str]) -> Any:
        client("s3").list_object_versions(Bucket=names["Bucket"], Prefix=f"{prefix}/probe")
        return client("s3").delete_object(Bucket=names["Bucket"], Key=f"{prefix}/probe", VersionId="null")

    return call


def encrypts() -> Call:
    return lambda client, names: client("kms").encrypt(
        KeyId=names["CodesKey"], Plaintext=b"-", EncryptionContext={"lease_id": "probe"}
    )


def decrypts() -> Call:
    def call(client: Callable[[str], Any], names: dict[str, str]) -> Any:
        return client("kms").decrypt(
            KeyId=names["CodesKey"],
            CiphertextBlob=names["cipher"].encode("latin-1"),
            EncryptionContext={"lease_id": "probe"},
        )

    return call


def signs(key: str) -> Call:
    return lambda client, names: client("kms").sign(
        KeyId=names[key], Message=b"-", MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
    )


def knows(secret: str) -> Call:
    return lambda client, names: client("secretsmanager").get_secret_value(SecretId=names[secret])


def sends(queue: str) -> Call:
    return lambda client, names: client("sqs").send_message(QueueUrl=names[queue], MessageBody="probe")


def receives(queue: str) -> Call:
    return lambda client, names: client("sqs").receive_message(QueueUrl=names[queue])


def publishes() -> Call:
    return lambda client, names: client("events").put_events(
        Entries=[{"Source": "probe", "DetailType": "probe", "Detail": "{}", "EventBusName": names["Bus"]}]
    )


# Its own, and what it must be refused. What is refused is what would hurt most, were the function taken over.
CASES: dict[str, tuple[Call | None, list[Call]]] = {
    "CodesFunction": (
        reads("Identity"),
        [reads("Money"), reads("Operations"), updates("Operations"), encrypts(), deletes("Money")],
    ),
    "CredentialsFunction": (decrypts(), [reads("Money"), reads("Operations"), deletes("Operations")]),
    "PersonalSpaceFunction": (
        queries("Identity"),
        [encrypts(), writes("Identity"), updates("Identity"), reads("Operations"), reads("Money")],
    ),
    "PortalFunction": (updates("Identity"), [deletes("Identity"), reads("Money"), reads("Operations")]),
    "TenancyFunction": (reads("Money"), [writes("Money"), reads("Documents"), decrypts()]),
    "PaymentsFunction": (
        writes("Money"),
        [writes("Identity"), reads("Documents"), decrypts(), reads("Operations"), updates("Operations")],
    ),
    "RefundsFunction": (
        writes("Money"),
        [updates("Money"), reads("Documents"), decrypts(), reads("Operations"), updates("Operations")],
    ),
    "DeskRefundsFunction": (
        queries("Money", index="gsi1"),
        [writes("Identity"), queries("Identity"), reads("Documents"), decrypts(), updates("Operations")],
    ),
    "PayPageFunction": (
        writes("Money"),
        [queries("Money"), deletes("Money"), reads("Identity"), writes("Identity"), writes("Operations")],
    ),
    "WebhooksFunction": (writes("Money"), [reads("Money"), deletes("Money"), reads("Identity")]),
    "PostingFunction": (reads("Money"), [deletes("Money"), reads("Identity"), sends("PostingQueue")]),
    "DeskFunction": (encrypts(), [decrypts(), reads("Money"), stores("documents")]),
    "DeskPeopleFunction": (
        queries("Identity", index="gsi1"),
        [writes("Identity"), reads("Money"), decrypts()],
    ),
    "DeskRecoveryFunction": (
        encrypts(),
        [decrypts(), reads("Money"), reads("Operations"), updates("Operations"), stores("documents")],
    ),
    "DeskRemindersFunction": (
        updates("Money"),
        [deletes("Money"), writes("Identity"), deletes("Documents"), reads("Operations"), decrypts()],
    ),
    "DeskMoneyFunction": (
        deletes("Documents"),
        [deletes("Money"), writes("Identity"), reads("Operations"), decrypts(), stores("documents")],
    ),
    "DeskLifeFunction": (
        writes("Documents"),
        [
            deletes("Identity"),
            deletes("Money"),
            deletes("Documents"),
            reads("Operations"),
            updates("Operations"),
            decrypts(),
        ],
    ),
    "DepartureFunction": (
        updates("Identity"),
        [deletes("Identity"), deletes("Money"), reads("Documents"), reads("Operations"), decrypts()],
    ),
    "DeskNoticesFunction": (
        updates("Money"),
        [deletes("Money"), writes("Identity"), reads("Operations"), reads("Documents"), decrypts()],
    ),
    "AccountingFunction": (
        updates("Money"),
        [deletes("Money"), writes("Identity"), reads("Documents"), knows("SandboxSecret"), decrypts()],
    ),
    "SweepFunction": (
        sends("PostingQueue"),
        [reads("Money"), writes("Money"), reads("Identity"), sends("RenderQueue")],
    ),
    "ReconcilePlanFunction": (
        sends("ReconciliationQueue"),
        [reads("Money"), writes("Identity"), updates("Operations"), knows("StripeSecret")],
    ),
    "ReconcileFunction": (
        knows("StripeSecret"),
        [updates("Money"), deletes("Money"), reads("Identity"), sends("PostingQueue"), decrypts()],
    ),
    "AidImportFunction": (
        sends("AidImportQueue"),
        [deletes("Money"), writes("Identity"), stores("imports"), knows("PepperSecret"), decrypts()],
    ),
    "DeskStaffFunction": (queries("Identity", index="gsi1"), [deletes("Identity"), queries("Operations")]),
    "DeskDocumentsFunction": (
        queries("Documents", index="gsi1"),
        [reads("Money"), writes("Identity"), updates("Documents"), stores("documents"), decrypts()],
    ),
    "DocumentRunFunction": (
        stores("runs"),
        [writes("Money"), writes("Identity"), deletes("Documents"), stores("documents"), decrypts()],
    ),
    "ImportRowsFunction": (sends("ImportQueue"), [decrypts(), deletes("Money"), sends("RenderQueue")]),
    "CertificatesFunction": (reads("Documents"), [writes("Money"), decrypts(), stores("documents")]),
    "RenderFunction": (
        decrypts(),
        [encrypts(), signs("SealKey"), reads("Identity"), reads("Money"), forgets("documents")],
    ),
    "SealFunction": (
        signs("SealKey"),
        [signs("TwoDDocKey"), decrypts(), reads("Identity"), knows("PepperSecret"), stores("unsealed")],
    ),
    "ReceiptWatchFunction": (
        queries("Documents"),
        [writes("Documents"), writes("Money"), deletes("Money"), queries("Identity"), decrypts()],
    ),
    "PrivacyFunction": (reads("Operations"), [writes("Money"), reads("Documents"), decrypts()]),
    "DataExportFunction": (stores("exports"), [writes("Identity"), stores("documents"), decrypts()]),
    "ErasureFunction": (
        forgets("documents"),
        [deletes("Money"), writes("Identity"), forgets("logos"), stores("documents"), decrypts()],
    ),
    "MessagesFunction": (
        stores("uploads"),
        [deletes("Documents"), reads("Money"), writes("Operations"), stores("attachments"), decrypts()],
    ),
    "DeskMessagesFunction": (
        queries("Documents", index="gsi1"),
        [reads("Money"), writes("Identity"), queries("Operations"), stores("attachments"), decrypts()],
    ),
    "AttachmentCheckFunction": (
        stores("attachments"),
        [reads("Identity"), reads("Money"), deletes("Documents"), stores("uploads"), knows("PepperSecret")],
    ),
    "AttachmentRemovalFunction": (
        deletes("Documents"),
        [writes("Documents"), reads("Identity"), stores("attachments"), writes("Operations")],
    ),
    "BillingPlanFunction": (sends("BillingQueue"), [reads("Money"), writes("Identity")]),
    "BillingIssueFunction": (reads("Money"), [writes("Identity"), deletes("Money"), reads("Operations")]),
    "StudiesFunction": (
        writes("Identity"),
        [deletes("Identity"), writes("Money"), writes("Documents"), reads("Operations"), decrypts()],
    ),
    "DeskStudiesFunction": (
        queries("Identity", index="gsi1"),
        [deletes("Identity"), updates("Identity"), reads("Money"), writes("Documents"), decrypts()],
    ),
    "DeskRenewalsFunction": (
        updates("Identity"),
        [deletes("Identity"), deletes("Money"), reads("Documents"), reads("Operations"), decrypts()],
    ),
    "RenewalPlanFunction": (
        queries("Identity", index="gsi1"),
        [reads("Money"), updates("Identity"), reads("Identity"), updates("Operations")],
    ),
    "ReminderPlanFunction": (
        queries("Money", index="gsi1"),
        [deletes("Money"), queries("Documents"), writes("Identity"), stores("documents")],
    ),
    "SendFunction": (
        updates("Money"),
        [writes("Money"), deletes("Identity"), knows("StripeSecret"), sends("NotificationQueue"), decrypts()],
    ),
    "FeedbackFunction": (
        sends("NotificationQueue"),
        [reads("Money"), writes("Identity"), deletes("Identity"), deletes("Operations"), decrypts()],
    ),
    "MessagesAgainFunction": (
        sends("NotificationQueue"),
        [reads("Identity"), reads("Operations"), writes("Operations"), reads("Money")],
    ),
    "CalendarFunction": (
        deletes("Identity"),
        [reads("Money"), writes("Money"), reads("Operations"), updates("Operations"), decrypts()],
    ),
    "DeskFollowUpFunction": (
        queries("Operations", index="gsi1"),
        [writes("Identity"), deletes("Identity"), writes("Money"), deletes("Operations"), decrypts()],
    ),
    "TransmissionPlanFunction": (
        sends("TransmissionQueue"),
        [reads("Money"), writes("Identity"), reads("Operations"), stores("transmissions")],
    ),
    "TransmissionBuildFunction": (
        stores("transmissions"),
        [writes("Identity"), writes("Money"), writes("Documents"), stores("documents"), decrypts()],
    ),
    "DeskTransmissionsFunction": (
        queries("Operations", index="gsi1"),
        [writes("Identity"), reads("Money"), reads("Documents"), stores("transmissions"), decrypts()],
    ),
    "PartnersFunction": (
        reads("Documents"),
        [reads("Identity"), reads("Money"), reads("Operations"), writes("Documents"), knows("PepperSecret")],
    ),
    "SendCodeFunction": (updates("Identity"), [reads("Money"), deletes("Identity"), decrypts()]),
    "OutboxFunction": (publishes(), [reads("Identity"), sends("PostingQueue"), writes("Money")]),
    "OpenApiFunction": (None, [reads("Identity"), knows("PepperSecret"), publishes()]),
}


CONSUMES = {
    "PostingFunction": "PostingQueue",
    "ImportRowsFunction": "ImportQueue",
    "ReceiptWatchFunction": "ReceiptWatchQueue",
    "RenderFunction": "RenderQueue",
    "SealFunction": "SealQueue",
    "DocumentRunFunction": "DocumentRunQueue",
    "DataExportFunction": "DataExportQueue",
    "AttachmentCheckFunction": "AttachmentQueue",
    "BillingIssueFunction": "BillingQueue",
    "ReconcileFunction": "ReconciliationQueue",
    "AidImportFunction": "AidImportQueue",
    "TransmissionBuildFunction": "TransmissionQueue",
    "SendFunction": "NotificationQueue",
    "FeedbackFunction": "FeedbackQueue",
    "SendCodeFunction": "OneTimeCodeQueue",
}
QUEUES = tuple(CONSUMES.values())


@pytest.fixture(scope="module")
def names(instance: Instance, deployment: Deployment) -> dict[str, str]:
    """Logical to physical names, and a tenant code's cipher to try keys on."""
    cipher = instance.client("kms").encrypt(
        KeyId=deployment.resources["CodesKey"], Plaintext=b"-", EncryptionContext={"lease_id": "probe"}
    )["CiphertextBlob"]
    return {**deployment.resources, "cipher": cipher.decode("latin-1")}


def clients_of(function: str, instance: Instance, names: dict[str, str]) -> Callable[[str], Any]:
    """AWS clients with a function's own role."""
    role = instance.client("lambda").get_function(FunctionName=names[function])["Configuration"]["Role"]
    credentials = instance.client("sts").assume_role(RoleArn=role, RoleSessionName="probe")["Credentials"]
    session = boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name="eu-west-3",
    )
    return lambda service: session.client(service, endpoint_url=instance.endpoint)  # type: ignore[call-overload]


@pytest.mark.parametrize("function", CASES)
def test_a_function_is_refused_what_is_not_its_own(
    function: str, instance: Instance, names: dict[str, str]
) -> None:
    client = clients_of(function, instance, names)
    own, foreign = CASES[function]

    if own is not None:
        own(client, names)
    queue = CONSUMES.get(function)
    if queue is not None:
        receives(queue)(client, names)
    for attempt in [*foreign, *(receives(other) for other in QUEUES if other != queue)]:
        with pytest.raises(ClientError) as refused:
            attempt(client, names)
        assert "AccessDenied" in refused.value.response["Error"]["Code"]


def test_every_function_of_the_template_has_such_a_test(deployment: Deployment) -> None:
    functions = {name for name in deployment.resources if name.endswith("Function")}

    assert functions == set(CASES)
