"""Files of comparisons that a lead adds in the browser."""

import json


def upload(service, token: str, content: bytes, name: str = "c.jsonl", project: str = "stories"):
    return service.browser.post(
        f"/projects/{project}/upload", data={"csrf": token}, files={"file": (name, content)}
    )


def lines(*objects) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def comparison(number: int = 0, **more):
    return {
        "id": f"c{number}",
        "prompt": f"p{number}",
        "completions": [{"text": "a", "source": "m"}, {"text": "b"}],
        **more,
    }
