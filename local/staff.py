"""Members of staff to try the desk with: users of the deployed pool.

One is in every group, so an administrator, who sees every residence; the other is a receptionist of the demo
residence alone.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.deploy import Deployment
from local.doctor import Trouble
from local.instance import Instance

STAFF_EMAIL = "accueil@residences.example"
DESK_EMAIL = "tilleuls@residences.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token for the API, and when it ends (epoch seconds)."""

    value: str
    expires_at: float

    def ends_within(self, seconds: float, now: float) -> bool:
        """Whether it is time to get another."""
        return now + seconds >= self.expires_at


class StaffMember:
    """A demo staff member of a deployment, in every group unless `groups` says which.

    Their password is drawn afresh at each start, kept nowhere.
    """

    def __init__(
        self,
        instance: Instance,
        deployment: Deployment,
        clock: Callable[[], float] = time.time,
        *,
        email: str = STAFF_EMAIL,
        groups: Sequence[str] = (),
    ) -> None:
        self._email = email
        self._groups = groups
        self._cognito = instance.client("cognito-idp")
        self._clock = clock
        pools = deployment.of_type("AWS::Cognito::UserPool")
        clients = deployment.of_type("AWS::Cognito::UserPoolClient")
        if not pools or not clients:
            raise Trouble("template.yaml has no user pool for staff: there is nobody to sign in at the desk.")
        self._pool = next(iter(pools.values()))
        self._client = next(iter(clients.values()))
        self._password = f"Aa1-{secrets.token_urlsafe(24)}"
        self._enrol()

    def token(self) -> Token:
        """Sign in."""
        answer = self._cognito.admin_initiate_auth(
            UserPoolId=self._pool,
            ClientId=self._client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": self._email, "PASSWORD": self._password},
        )
        if "AuthenticationResult" not in answer:
            raise Trouble(f"The staff pool asks for more than a password: {answer.get('ChallengeName')}.")
        result = answer["AuthenticationResult"]
        return Token(value=result["AccessToken"], expires_at=self._clock() + result["ExpiresIn"])

    def _enrol(self) -> None:
        attributes = {"email": self._email, "email_verified": "true"}
        # They exist already where state was kept from an earlier run.
        with contextlib.suppress(self._cognito.exceptions.UsernameExistsException):
            self._cognito.admin_create_user(
                UserPoolId=self._pool,
                Username=self._email,
                TemporaryPassword=self._password,
                MessageAction="SUPPRESS",
                UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
            )
        self._cognito.admin_set_user_password(
            UserPoolId=self._pool, Username=self._email, Password=self._password, Permanent=True
        )
        every = [group["GroupName"] for group in self._cognito.list_groups(UserPoolId=self._pool)["Groups"]]
        for group in self._groups or every:
            self._cognito.admin_add_user_to_group(
                UserPoolId=self._pool, Username=self._email, GroupName=group
            )
