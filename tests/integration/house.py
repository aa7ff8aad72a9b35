"""The whole system in process: every entry file, wired as template.yaml says, on one account and one clock.

Requests are routed as the gateway does, what tables announce goes through the outbox to the functions behind
queues, and what leaves for SES and SNS is kept as it was handed over.
"""

import io
import json
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from sesame.store.table import Table
from tests.conftest import FrozenClock
from tests.integration.conftest import ROOT
from tests.integration.entries import http_event, load, prepare
from tests.integration.quick import announcing
from tests.integration.staff_members import as_staff

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TABLES = ("identity", "money", "documents", "operations")
SOMEWHERE = "192.0.2.7"


@cache
def resources() -> dict[str, Any]:
    """What template.yaml declares."""
    return dict(yaml_parse((ROOT / "template.yaml").read_text("utf-8"))["Resources"])


def functions() -> Iterator[tuple[str, dict[str, Any]]]:
    """(entry, properties) of each function of the template; an entry is like `codes/api`."""
    for resource in resources().values():
        if resource["Type"] == "AWS::Serverless::Function":
            of = resource["Properties"]
            folder = of["CodeUri"].removeprefix("functions/").rstrip("/")
            yield f"{folder}/{of['Handler'].removesuffix('.handler')}", of


def routes() -> dict[str, str]:
    """`POST /v1/sign-ins` -> the entry that answers it."""
    return {
        f"{event['Properties']['Method']} {event['Properties']['Path']}": entry
        for entry, of in functions()
        for event in of.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }


def behind_queues() -> dict[str, str]:
    """A queue -> the entry that takes its messages."""
    return {
        event["Properties"]["Queue"]["Fn::GetAtt"][0]: entry
        for entry, of in functions()
        for event in of.get("Events", {}).values()
        if event["Type"] == "SQS"
    }


def queue_variables() -> set[tuple[str, str]]:
    """(variable, queue) of the queues that functions are given the address of."""
    return {
        (name, value["Ref"])
        for _, of in functions()
        for name, value in of.get("Environment", {}).get("Variables", {}).items()
        if name.endswith("_QUEUE_URL")
    }


def consumers() -> dict[str, str]:
    """The type of an event -> the entry behind the queue that a rule sends it to."""
    behind = behind_queues()
    return {
        kind: behind[rule["Properties"]["Targets"][0]["Arn"]["Fn::GetAtt"][0]]
        for rule in resources().values()
        if rule["Type"] == "AWS::Events::Rule"
        for kind in rule["Properties"]["EventPattern"]["detail-type"]
    }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a caller gets."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        """Read as JSON."""
        return json.loads(self.text or "null")


@dataclass(kw_only=True)
class Sent:
    """What was handed to SES and SNS, oldest first; `failure`, while set, is what they answer."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    failure: Exception | None = None

    def watch(self, client: Any) -> None:
        """Notes what a client of SES or SNS is given."""
        service = client.meta.service_model.service_name
        operation = {"sesv2": "SendEmail", "sns": "Publish"}[service]
        client.meta.events.register(f"provide-client-params.{service}.{operation}", self._note)
        client.meta.events.register(f"before-call.{service}.{operation}", self._fail)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        if "PhoneNumber" in params:
            self.messages.append((params["PhoneNumber"], params["Message"]))
        else:
            text = params["Content"]["Simple"]["Body"]["Text"]["Data"]
            self.messages.append((params["Destination"]["ToAddresses"][0], text))

    def _fail(self, **_: Any) -> None:
        if self.failure is not None:
            raise self.failure

    def to(self, contact: str) -> list[str]:
        """The texts sent to a contact, with plain spaces."""
        return [" ".join(text.split()) for whom, text in self.messages if whom == contact]

    def one_time_code(self, contact: str) -> str:
        """The last one sent to a contact, as shown."""
        found = [code for text in self.to(contact) for code in re.findall(r"\b\d{4} \d{4}\b", text)]
        assert found, f"no one-time code among {len(self.to(contact))} messages"
        return str(found[-1])


class House:
    """All functions, as warm as they get. With a clock, everything in it goes by that clock."""

    def __init__(
        self, aws: Any, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock, only: tuple[str, ...] = ()
    ) -> None:
        self.aws, self.clock = aws, clock
        self.queues = {
            queue: aws.sqs.create_queue(QueueName=queue)["QueueUrl"]
            for queue in {queue for _, queue in queue_variables()}
        }
        aws.events.create_event_bus(Name="sesame")
        secret = aws.secrets.create_secret(Name="sandbox", SecretString=WEBHOOK_SECRET)["ARN"]
        prepare(
            aws,
            monkeypatch,
            BUS="sesame",
            **{variable: self.queues[queue] for variable, queue in queue_variables()},
            PROVIDER_SECRETS=json.dumps({"sandbox": secret}),
            SANDBOX_URL="http://sandbox.example",
            SMS_SENDER="Sesame",
        )
        monkeypatch.setattr("sesame.platform.clock.utc_now", clock)
        wanted = [entry for entry, _ in functions() if not only or entry in only]
        self.entries: dict[str, ModuleType] = {entry: load(entry) for entry in wanted}
        self._routes = [(route, entry, _pattern(route)) for route, entry in routes().items()]
        # a path that is written out comes before one that a parameter would match
        self._routes.sort(key=lambda one: one[0].count("{"))
        self._consumers = consumers()
        self.sent = Sent()
        for entry in ("notifications/send", "notifications/send_code"):
            if entry in self.entries:
                module = self.entries[entry]
                mailer = (module.mail if entry.endswith("code") else module.correspondence).mailer
                self.sent.watch(mailer.email.client)
                self.sent.watch(mailer.texts.client)
        self._published: list[dict[str, Any]] = []
        publisher = self.entries.get("outbox/publish")
        if publisher is not None:
            bus = publisher.outbox.events.meta.events
            bus.register("provide-client-params.events.PutEvents", self._note_published)
        self._told: set[str] = set()
        self.ran: set[str] = set()
        self.crash: Callable[[str], None] = lambda _trace: None

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        source: str = SOMEWHERE,
        claims: dict[str, Any] | None = None,
        staff: tuple[str, ...] = (),
        query: str = "",
        **headers: str,
    ) -> Answer:
        """A request as the gateway hands it over. `staff` is a subject and roles, `claims` a student's."""
        route, entry = self.route(method, path)
        event = http_event(method, path, body, **headers)
        event["routeKey"] = route
        event["rawQueryString"] = query
        event["queryStringParameters"] = dict(part.split("=", 1) for part in query.split("&") if part)
        event["requestContext"]["http"]["sourceIp"] = source
        if staff:
            as_staff(event, *staff)
        if claims is not None:
            event["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}
        self.ran.add(entry)
        answer = self.entries[entry].handler(event, None)
        return Answer(
            status=answer["statusCode"], headers=dict(answer["headers"]), text=answer.get("body") or ""
        )

    def run(self, entry: str, event: dict[str, Any]) -> Any:
        """Calls a function that is not behind the gateway; an error it raises is told as the runtime does."""
        self.ran.add(entry)
        try:
            return self.entries[entry].handler(event, None)
        except Exception:
            trace = io.StringIO()
            traceback.print_exc(file=trace)
            self.crash(trace.getvalue())
            return None

    def relay(self) -> list[str]:
        """What tables announced since, by the outbox, the bus and the queues, until all is told.

        Returns the types of the events, in order.
        """
        told: list[str] = []
        self._drain()
        while records := list(self._records()):
            self._published.clear()
            self.run("outbox/publish", {"Records": records})
            for entry in list(self._published):
                told.append(entry["DetailType"])
                if (consumer := self._consumers.get(entry["DetailType"])) in self.entries:
                    body = {"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
                    self.deliver(str(consumer), json.dumps(body))
            self._drain()
        return told

    def deliver(self, consumer: str, body: str) -> Any:
        """A queue's message to its function."""
        return self.run(consumer, {"Records": [{"messageId": "1", "body": body}]})

    def _drain(self) -> None:
        """Messages that functions queue for functions."""
        for queue, consumer in behind_queues().items():
            url = self.queues.get(queue)
            while (
                url
                and consumer in self.entries
                and (found := self.aws.sqs.receive_message(QueueUrl=url).get("Messages"))
            ):
                self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
                self.deliver(consumer, found[0]["Body"])

    def _records(self) -> Iterator[dict[str, Any]]:
        for name in TABLES:
            table: Table = getattr(self.aws, name)
            for item in announcing(table):
                announced = item.get("announce", {}).get("M", {}).get("id", {}).get("S")
                if announced and announced not in self._told:
                    self._told.add(announced)
                    keys = {"pk": item["pk"], "sk": item["sk"]}
                    yield {"eventID": announced, "dynamodb": {"Keys": keys, "NewImage": item}}

    def _note_published(self, params: dict[str, Any], **_: Any) -> None:
        self._published.extend(params["Entries"])

    def route(self, method: str, path: str) -> tuple[str, str]:
        """The route that a request is for, and the entry that answers it."""
        for route, entry, pattern in self._routes:
            if pattern.fullmatch(f"{method} {path}"):
                return route, entry
        raise LookupError(f"{method} {path}")


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route)))
