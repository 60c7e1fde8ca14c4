"""The server: the few calls that the bridge makes through Label Studio's SDK, with errors that say the way out."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from workbench.errors import ConfigError, DataError

T = TypeVar("T")

_PAGE = 100
_SECONDS = 60.0
_ONCE = {"max_retries": 0}
"""For what makes something: an answer that failed may have done it all the same, and the next push looks first."""


class Server:
    """A Label Studio server, spoken to with one token; closed where its `with` ends."""

    def __init__(self, url: str, token_env: str) -> None:
        self.url = clean_url(url)
        self._token_env = token_env
        token = os.environ.get(token_env, "").strip()
        if not token:
            raise ConfigError(
                f"the environment variable {token_env} holds no token for {self.url}; copy one from 'Account & "
                f"Settings' of Label Studio, or name another variable with --token-env"
            )
        self._is_personal = token.count(".") == 2
        # Imported here: the rest of Accord works without the SDK.
        try:
            from httpx import Client, HTTPError
            from label_studio_sdk.client import LabelStudio
            from label_studio_sdk.core.api_error import ApiError
        except ImportError as error:
            raise ConfigError(
                "Label Studio's SDK is not installed; install it with pip install 'label-studio-sdk>=2'"
            ) from error
        # Any: its types describe the Enterprise edition, and lack fields that the community edition sends.
        make: Any = LabelStudio
        self._client: Any
        self._api_error, self._network_error = ApiError, HTTPError
        # Joined to the address without its last part unless that ends in a slash, where a personal token is renewed.
        base = self.url + "/" if self._is_personal and urlsplit(self.url).path else self.url
        self._connection = Client(timeout=_SECONDS, follow_redirects=True)
        try:
            self._client = self._call(
                "sign in", lambda: make(base_url=base, api_key=token, httpx_client=self._connection)
            )
            self._call("sign in", lambda: self._client.users.whoami())
        except DataError:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def find_project(self, description: str) -> int | None:
        """The number of the project with that description; None if there is none."""
        what = "look for a project that was made before"
        pages: Iterator[Any] = self._call(
            what, lambda: iter(self._client.projects.list(page_size=_PAGE, include="id,description"))
        )
        while (project := self._call(what, lambda: next(pages, None))) is not None:
            if project.description == description:
                return int(project.id)
        return None

    def create_project(
        self, title: str, label_config: str, overlap: int, instruction: str, description: str
    ) -> int:
        """Make a project and return its number."""
        made = self._call(
            f"make the project '{title}'",
            lambda: self._client.projects.create(
                title=title,
                description=description,
                label_config=label_config,
                maximum_annotations=overlap,
                show_skip_button=True,
                enable_empty_annotation=False,
                expert_instruction=instruction,
                show_instruction=bool(instruction),
                request_options=_ONCE,
            ),
        )
        return int(made.id)

    def update_project(self, number: int, overlap: int, instruction: str) -> None:
        """Set what a continued project shows and how many annotations it asks for."""
        self._call(
            f"change project {number}",
            lambda: self._client.projects.update(
                id=number,
                maximum_annotations=overlap,
                expert_instruction=instruction,
                show_instruction=bool(instruction),
            ),
        )

    def has_project(self, number: int) -> bool:
        """Whether the project is still there."""
        try:
            self._client.projects.get(id=number)
        except self._api_error as error:
            if error.status_code == 404:
                return False
            raise self._explain(f"look at project {number}", error) from error
        except self._network_error as error:
            raise self._unreachable(f"look at project {number}", error) from error
        return True

    def add_tasks(self, number: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Import tasks into a project; returns their numbers, in the same order."""
        answer = self._call(
            f"send {len(tasks)} tasks to project {number}",
            lambda: self._client.projects.import_tasks(
                id=number, request=list(tasks), return_task_ids=True, request_options=_ONCE
            ),
        )
        return list(answer.task_ids or ())

    def tasks(self, number: int, *, since: datetime | None = None) -> Iterator[dict[str, Any]]:
        """The project's tasks with all their annotations; with `since`, those that changed at or after that moment."""
        query = None
        if since is not None:
            # Label Studio knows "greater" alone, and to the millisecond: what is seen twice is known.
            rule = {
                "filter": "filter:tasks:updated_at",
                "operator": "greater",
                "type": "Datetime",
                "value": since.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            }
            query = json.dumps({"filters": {"conjunction": "and", "items": [rule]}})
        what = f"read the tasks of project {number}"
        pages: Iterator[Any] = self._call(
            what, lambda: iter(self._client.tasks.list(project=number, page_size=_PAGE, query=query))
        )
        while (task := self._call(what, lambda: next(pages, None))) is not None:
            yield json.loads(task.model_dump_json())

    def ensure_webhook(self, number: int, url: str, secret: str) -> None:
        """Let the project tell `url` of new, changed and deleted annotations; one webhook an address."""
        what = f"set the webhook of project {number}"
        for hook in self._call(what, lambda: self._client.webhooks.list(project=str(number))):
            if hook.url == url and hook.id is not None:
                self._call(what, partial(self._client.webhooks.delete, id=hook.id))
        self._call(
            what,
            lambda: self._client.webhooks.create(
                url=url,
                project=number,
                send_payload=False,
                send_for_all_actions=False,
                actions=["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"],
                headers={"X-Accord-Secret": secret},
            ),
        )

    def _call(self, what: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except self._api_error as error:
            raise self._explain(what, error) from error
        except self._network_error as error:
            raise self._unreachable(what, error) from error

    def _unreachable(self, what: str, error: Exception) -> DataError:
        return DataError(
            f"cannot {what}: {self.url} does not answer ({error or type(error).__name__}). Is Label Studio running "
            "there, and is the port right? It moves to the next port by itself where its own is taken"
        )

    def _explain(self, what: str, error: Any) -> DataError:
        if error.status_code == 401:
            return DataError(
                f"cannot {what}: {self.url} refuses the token in {self._token_env}. {self._tokens()}"
            )
        if error.status_code == 403:
            return DataError(
                f"cannot {what}: the owner of the token in {self._token_env} may not do that in Label Studio"
            )
        return DataError(f"cannot {what}: {self.url} answers {error.status_code}: {_detail(error.body)}")

    def _tokens(self) -> str:
        if self._is_personal:
            return (
                "It looks like a personal access token; it may have been revoked, or belong to another server. "
                "Make a new one in 'Account & Settings'"
            )
        return (
            "It looks like a legacy token, which Label Studio refuses unless the organisation allows them; a personal "
            "access token (it has two dots in it) from 'Account & Settings' always works"
        )


def clean_url(url: str) -> str:
    """The address without what follows its path; ConfigError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"--url must look like https://labels.example.org, got '{url}'")
    if parts.username or parts.password:
        raise ConfigError("--url must not hold a name or password; the token is the key")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _detail(body: Any) -> str:
    if isinstance(body, Mapping):
        reasons = body.get("validation_errors") or body.get("detail") or body
        return reasons if isinstance(reasons, str) else json.dumps(reasons, ensure_ascii=False)[:500]
    return str(body)[:500]
