"""A small client of the service's API, for scripts: sign in, take tasks, answer them."""

import re
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from workbench.errors import AccordError

TIMEOUT = 60.0


class ServiceError(AccordError):
    """The service refused a request; `status` and `code` say why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message} ({status} {code})")
        self.status, self.code = status, code


class Client:
    """One annotator's connection to a service; not for use by several threads at once.

    `with Client("http://127.0.0.1:8000", token="...") as client: task = client.next("stories")["task"]`
    """

    def __init__(self, address: str, *, token: str | None = None, http: httpx.Client | None = None) -> None:
        self.http = http or httpx.Client(base_url=address, timeout=TIMEOUT)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def sign_in(self, login: str, password: str) -> None:
        """Begin a session as the browser does; with an API token it is not needed."""
        form = {"login": login, "password": password, "csrf": self._form_token("/sign-in")}
        answer = self.http.post("/sign-in", data=form, follow_redirects=False)
        if answer.status_code != 303:
            raise ServiceError(answer.status_code, "not-signed-in", f"'{login}' could not sign in")
        self._headers = {"X-CSRF-Token": self._form_token("/")}

    def projects(self) -> list[dict[str, Any]]:
        """The projects in which the account has a role."""
        return list(self._call("GET", "/projects")["projects"])

    def next(self, project: str, *, exclude: Sequence[str] = ()) -> dict[str, Any]:
        """The next task, or the reason why there is none; `exclude` names the tasks that are held already."""
        return self._call("POST", f"/projects/{_part(project)}/tasks/next", {"exclude": list(exclude)})

    def heartbeat(self, task: str) -> dict[str, Any]:
        """Keep a task."""
        return self._call("POST", f"/tasks/{_part(task)}/heartbeat")

    def draft(self, task: str, content: Mapping[str, Any], *, seconds: float = 0.0) -> dict[str, Any]:
        """Keep unsent work."""
        return self._call(
            "PUT", f"/tasks/{_part(task)}/draft", {"content": dict(content), "seconds": seconds}
        )

    def submit(
        self, task: str, tiers: Mapping[str, Sequence[int | None]], *, key: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """Send tiers by criterion, in the places as shown; `more` is the rest of the body. A new key by default."""
        rankings = {name: {"tiers": list(places)} for name, places in tiers.items()}
        return self._call(
            "POST", f"/tasks/{_part(task)}/submit", {"rankings": rankings, **more}, key=_key(key)
        )

    def skip(self, task: str, reason: str, *, key: str | None = None, **more: Any) -> dict[str, Any]:
        """Send a reason instead of a ranking."""
        return self._call("POST", f"/tasks/{_part(task)}/skip", {"reason": reason, **more}, key=_key(key))

    def revise(self, submission: int) -> dict[str, Any]:
        """A submission as a task again."""
        return self._call("POST", f"/submissions/{submission}/revise")

    def history(self, project: str, *, before: int | None = None, limit: int = 20) -> list[dict[str, Any]]:
        """Own submissions, newest first."""
        query = f"?limit={limit}" + ("" if before is None else f"&before={before}")
        return list(self._call("GET", f"/projects/{_part(project)}/history{query}")["submissions"])

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        headers = self._headers | ({} if key is None else {"Idempotency-Key": key})
        answer = self.http.request(method, f"/api/v1{path}", json=body, headers=headers)
        if answer.is_success:
            return dict(answer.json())
        try:
            error = answer.json()["error"]
        except (ValueError, KeyError, TypeError):
            # A proxy in between answers in its own words.
            error = {"code": "no-json", "message": answer.text[:200]}
        raise ServiceError(answer.status_code, error["code"], error["message"])

    def _form_token(self, page: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.http.get(page).text)
        if found is None:
            raise ServiceError(200, "no-form", f"{page} has no form; is this an Accord service?")
        return found[1]


def _key(key: str | None) -> str:
    return key or str(uuid.uuid4())


def _part(name: str) -> str:
    return quote(name, safe="")
