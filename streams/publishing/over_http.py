"""Publishing over HTTP: many requests at once, each answered once its command is committed."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from schemas.message import Command
from streams.http_client import LINES_MAX_COUNT, Answer, HttpClient
from streams.intake.routes import ALIASES, OPERATOR_HEADER, command_path
from streams.publishing.errors import NotAllowed, NotTaken
from streams.publishing.pace import Pace
from streams.publishing.senders import C, Sent

#: How long to wait after a 503 that does not say so.
RETRY_AFTER_S = 1.0
#: How often one command is offered to a server that is overloaded.
OFFERS_MAX_COUNT = 60
FORBIDDEN, NOT_FOUND, OVERLOADED = 403, 404, 503


class HttpSender:
    """POSTs commands in order, up to LINES_MAX_COUNT of them at the same time."""

    def __init__(self, client: HttpClient, key: str, pace: Pace) -> None:
        self._client = client
        self._key = key
        self._pace = pace

    async def send(self, commands: Iterable[C], progress: Callable[[Sequence[C]], None]) -> Sent[C]:
        left, sent, new = iter(commands), Sent[C](), set[str]()
        async with asyncio.TaskGroup() as group:
            for _ in range(LINES_MAX_COUNT):
                group.create_task(self._drain(left, sent, new, progress))
        sent.repeated -= new  # what a second line repeats was not there before the first
        return sent

    async def _drain(
        self,
        left: Iterator[C],
        sent: Sent[C],
        new: set[str],
        progress: Callable[[Sequence[C]], None],
    ) -> None:
        for command in left:
            await self._pace.turns()
            answer = await self._offer(command)
            if answer.status < 300:
                subject = command.spec.subject(command)
                sent.accepted.add(subject)
                (sent.repeated if answer.json()["repeated"] else new).add(subject)
                progress([command])
            else:
                sent.refused.append((command, _problem(answer)))

    async def _offer(self, command: Command) -> Answer:
        headers = {"content-type": "application/json"}
        if command.spec.operator:
            headers[OPERATOR_HEADER] = self._key
        path, body = path_of(command), command.payload()
        answer = await self._client.request("POST", path, body, headers)
        for _ in range(OFFERS_MAX_COUNT):
            if answer.status != OVERLOADED:
                break
            await asyncio.sleep(_seconds(answer.headers.get("retry-after", "")))
            answer = await self._client.request("POST", path, body, headers)
        if answer.status == FORBIDDEN:
            raise NotAllowed(
                f"{self._client.url} takes {command.spec.name} from the operator only: name the"
                " data folder that it runs on with --data"
            )
        if answer.status == NOT_FOUND:
            raise NotTaken(
                f"{self._client.url} takes no {command.spec.name}; name with --url the part that"
                " does, such as an intake, or publish with --via bus"
            )
        return answer

    async def close(self) -> None:
        """The client belongs to whoever made it."""


def path_of(command: Command) -> str:
    """Where this command is posted."""
    stem = command.spec.wire.rpartition(".v")[0]
    return next((a.path for a in ALIASES if a.command == stem), command_path(type(command)))


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else RETRY_AFTER_S


def _problem(answer: Answer) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return f"status {answer.status}"
    if not isinstance(problem, dict):
        return f"status {answer.status}"
    return str(problem.get("reason") or problem.get("title") or f"status {answer.status}")
