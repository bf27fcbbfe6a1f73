"""One request after another to an endpoint; what it sends back is read, never believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import openai

from egpo_verl.client.endpoint import Endpoint
from egpo_verl.client.failures import short, unreachable
from egpo_verl.client.reply import Reply, read_reply
from egpo_verl.errors import UserError

CONNECT = 10.0
"""Seconds until an endpoint that takes no connection counts as unreachable."""


class Connection:
    """Sends from as many threads as one likes.

    Attributes:
        url: of the endpoint, without a name and password that may stand in it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """UserError where `base_url` is none."""
        self._endpoint = endpoint
        connect = min(CONNECT, endpoint.timeout)
        self._client = openai.OpenAI(
            api_key=endpoint.api_key,
            base_url=endpoint.base_url,
            timeout=openai.Timeout(endpoint.timeout, connect=connect),
            max_retries=0,  # retries are ours, so that they can be counted and stopped
        )
        self.url = _without_password(str(self._client.base_url))
        self._reached = False

    def send(self, body: Mapping[str, Any], key: str) -> Reply:
        """The reply to a chat completion.

        Args:
            body: of the request, without the model.
            key: its `Idempotency-Key`; empty for none.

        Raises:
            openai.OpenAIError: the request failed.
            UserError: nobody is at that address.
        """
        try:
            # `chat.completions.create` believes what it is sent; this gives the bytes.
            response = self._client.post(
                "/chat/completions",
                body={"model": self._endpoint.model, **body},
                cast_to=openai.HttpxBinaryResponseContent,
                options={"headers": {"Idempotency-Key": key} if key else {}},
            )
        except openai.APIConnectionError as error:
            if not self._reached and unreachable(error):
                reason = short(error.__cause__ or error, self._endpoint)
                raise UserError(
                    f"{self.url} cannot be reached ({reason}); start the server, or fix --base_url."
                ) from error
            raise
        except openai.APIStatusError:
            self._reached = True
            raise
        self._reached = True
        return read_reply(response.content).masked(self._endpoint)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
