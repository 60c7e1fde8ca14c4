"""Label Studio as a target: its own server from pip on SQLite, one account a worker, rankings over its API."""

import asyncio
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.service_load.connection import Connection
from tests.end_to_end.label_studio_server import LabelStudio, Person, label_studio

LAYOUT = """<View><Text name="prompt" value="$prompt"/><List name="answers" value="$items" title="Answers"/>
<Ranker name="rank" toName="answers"><Bucket name="r1" title="1"/><Bucket name="r2" title="2"/>
<Bucket name="r3" title="3"/><Bucket name="r4" title="4"/></Ranker></View>"""


class LabelStudioWorker:
    """One annotator over HTTP, on one connection kept open, as Label Studio's page does it."""

    def __init__(self, person: Person, project: int) -> None:
        self.connection = Connection(person.url)
        self.headers = {"Authorization": f"Token {person.token}"}
        self.project = project

    async def next(self):
        """The next task of the project for this account, which Label Studio locks for it."""
        answer = await self.connection.request(
            "GET", f"/api/projects/{self.project}/next", headers=self.headers
        )
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise RuntimeError(f"next {answer.status} {answer.body[:200]!r}")
        return answer.json()

    async def submit(self, task):
        """Send a ranking of the task; returns the annotation's number."""
        buckets = {f"r{n}": [item["id"]] for n, item in enumerate(task["data"]["items"], start=1)}
        result = {"from_name": "rank", "to_name": "answers", "type": "ranker", "value": {"ranker": buckets}}
        answer = await self.connection.request(
            "POST",
            f"/api/tasks/{task['id']}/annotations/",
            {"result": [result], "lead_time": 1.0},
            self.headers,
        )
        if answer.status != 201:
            raise RuntimeError(f"submit {answer.status} {answer.body[:200]!r}")
        return answer.json()["id"]


class LabelStudioTarget:
    """A project of the server, and accounts that rank in it."""

    def __init__(self, server: LabelStudio, *, tasks: int, annotators: int, text) -> None:
        admin = server.admin
        made = {"title": "load", "label_config": LAYOUT, "maximum_annotations": 1}
        self.project = admin.call("POST", "/api/projects", json=made)["id"]
        rows = [
            {
                "prompt": f"Question {n}: {text(n)}",
                "items": [
                    {"id": f"i{i}", "title": "ABCD"[i], "body": f"{n}.{i} {text(n + i)}"} for i in range(4)
                ],
            }
            for n in range(tasks)
        ]
        admin.call("POST", f"/api/projects/{self.project}/import", json=[{"data": row} for row in rows])
        self.people = [server.sign_up(f"annotator{n}") for n in range(annotators)]

    async def worker(self, n: int) -> LabelStudioWorker:
        await asyncio.sleep(0)
        return LabelStudioWorker(self.people[n], self.project)


@contextmanager
def label_studio_target(*, tasks: int, annotators: int, text):
    """The server with a project that is ready to be ranked, stopped at the end."""
    with TemporaryDirectory(prefix="label-studio") as folder, label_studio(Path(folder)) as server:
        yield LabelStudioTarget(server, tasks=tasks, annotators=annotators, text=text)
