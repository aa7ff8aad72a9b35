"""Payment providers tell us what happened: the notification is verified, kept, and answered at once."""

from aws_lambda_powertools.event_handler import Request, Response

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import TooLarge
from sesame.platform.http import Api, raw_body
from sesame.platform.secrets import Secrets
from sesame.providers.base import Notification
from sesame.providers.registry import ProviderSettings, Registry, UnknownProvider
from sesame.services.intake import Intake, UnreadableNotification
from sesame.store.deliveries import Deliveries
from sesame.store.table import Table

MAX_BODY_BYTES = 256 * 1024
MAX_QUERY = 8 * 1024


class WebhookSettings(ProviderSettings):
    """What this function is given."""

    money_table: str


settings = WebhookSettings.from_env()
intake = Intake(
    Deliveries(Table(client("dynamodb"), settings.money_table)),
    Registry.of(settings, Secrets(client("secretsmanager"))),
    utc_now,
)
# the gateway may hand a body over in base64, which is a third longer; `raw_body` counts the bytes themselves
api = Api(max_json_bytes=MAX_BODY_BYTES * 4 // 3 + 4)


@api.post(
    "/v1/webhooks/<provider>",
    status=204,
    summary="Takes a payment provider's notification",
    errors=[UnreadableNotification, UnknownProvider, TooLarge],
)
def notify(provider: str, request: Request) -> Response[str]:
    """Answers as each provider expects: 2xx once it is kept, or was before; 4xx to a forged one."""
    event = request.resolved_event
    query = event.get("rawQueryString") or ""
    if len(query) > MAX_QUERY:
        raise TooLarge
    answer = intake.take(
        provider,
        Notification(
            body=raw_body(request, limit=MAX_BODY_BYTES),
            headers={name.lower(): value for name, value in event.headers.items()},
            query=query,
        ),
    )
    return Response(status_code=answer.status, content_type=answer.content_type, body=answer.body)


handler = api.handler
