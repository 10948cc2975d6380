"""
Tell a web server something: one POST of JSON, and another if the first came to nothing.

Certificates are verified, and redirections are not followed: they would turn the POST into a GET,
or carry what the header says to somebody else. What is said of a failure never shows the address,
which is all that some of these servers ask for.
"""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from deployer.errors import DeployerError

_ATTEMPTS = 2
_PAUSE = 1.0
"""Seconds between the two."""
_BUSY = 429
_SERVER_ERROR = 500


class NotDelivered(DeployerError):
    """Nobody is known to have heard of the run."""


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Has a redirection end as an error."""

    def redirect_request(self, *_: object) -> None:
        """Go nowhere."""


def post(
    url: str, facts: Mapping[str, object], *, headers: Mapping[str, str], timeout: float
) -> None:
    """Send facts; each attempt is over within the timeout. Raises `NotDelivered`."""
    body = json.dumps(facts, ensure_ascii=False).encode()
    sent = {"Content-Type": "application/json", **headers}
    for left in reversed(range(_ATTEMPTS)):
        # The settings let through https, and http for this computer itself.
        request = urllib.request.Request(url, body, sent, method="POST")  # noqa: S310
        problem, again = _within(timeout, request)
        if not problem:
            return
        if not again or not left:
            raise NotDelivered(f"{urlsplit(url).hostname} was not told of this run: {problem}")
        time.sleep(_PAUSE)


def _within(timeout: float, request: urllib.request.Request) -> tuple[str, bool]:
    """
    Make one attempt; return what was wrong, and whether another may go better.

    In a thread: neither the look-up of a name, nor a server that sends a byte now and then, knows
    of our deadline.
    """
    answers: SimpleQueue[tuple[str, bool]] = SimpleQueue()
    attempt = threading.Thread(
        target=lambda: answers.put(_attempt(request, timeout)), daemon=True, name="webhook"
    )
    attempt.start()
    try:
        return answers.get(timeout=timeout)
    except Empty:
        return f"no answer within {timeout:g} s", True


def _attempt(request: urllib.request.Request, timeout: float) -> tuple[str, bool]:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirection()]
    if request.type == "http":  # that is this computer itself: no proxy is to hear of it
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout):
            return "", False
    except urllib.error.HTTPError as error:
        with error:
            return f"it answered {error.code}", error.code == _BUSY or error.code >= _SERVER_ERROR
    except urllib.error.URLError as error:
        reason = error.reason
        words = getattr(reason, "verify_message", "") or getattr(reason, "strerror", "")
        return f"{words or reason}".lower(), True
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{getattr(error, 'strerror', None) or type(error).__name__}".lower(), True
