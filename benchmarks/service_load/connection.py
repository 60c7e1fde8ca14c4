"""A lean HTTP/1.1 connection for the load generator: it must cost little beside the servers that it measures."""

import asyncio
import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit


class Broken(Exception):
    """The connection was refused or ended within an answer."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


@dataclass
class Connection:
    """One keep-alive connection, opened again when the server closes it; cookies are kept."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)
    _streams: tuple | None = None

    async def request(self, method: str, path: str, body=None, headers=None, *, form=None) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        lines = {"Host": urlsplit(self.address).netloc, "Content-Length": str(len(content))}
        if form is not None:
            from urllib.parse import urlencode

            content = urlencode(form).encode()
            lines |= {
                "Content-Length": str(len(content)),
                "Content-Type": "application/x-www-form-urlencoded",
            }
        elif body is not None:
            lines["Content-Type"] = "application/json"
        if self.cookies:
            lines["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        lines |= headers or {}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"
        try:
            reader, writer = await self._open()
            writer.write(head.encode() + content)
            return await self._read(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            self.close()
            raise Broken(repr(error)) from error

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _open(self):
        if self._streams is None:
            place = urlsplit(self.address)
            self._streams = await asyncio.open_connection(place.hostname, place.port or 80)
        return self._streams

    async def _read(self, reader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        headers: dict[str, str] = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "set-cookie":
                cookie = value.split(";")[0].strip()
                self.cookies[cookie.split("=")[0]] = cookie.partition("=")[2]
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            parts = []
            while size := int((await reader.readline()).split(b";")[0], 16):
                parts.append(await reader.readexactly(size))
                await reader.readline()
            await reader.readline()
            body = b"".join(parts)
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body)
