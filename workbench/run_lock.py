"""The lock of a run folder: one process at a time writes, and a dead one's lock is taken over."""

import json
import os
import socket
import threading
import time
from pathlib import Path

from workbench.errors import RunError

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 60.0


class RunLock:
    """A file that names the process that holds a run; its modification time is the heartbeat.

    It is stale when its process is gone (same host) or its heartbeat is older than a minute (another host).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def take(self) -> None:
        """Take it, and begin the heartbeat; RunError naming the process that holds it."""
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "start": _process_start(os.getpid())}
        for _ in range(2):
            try:
                with self.path.open("x", encoding="utf-8") as file:
                    json.dump(holder, file)
            except FileExistsError:
                self._clear_if_stale()
            else:
                self._thread.start()
                return
        raise RunError(
            f"{self.path} was taken by another process just now; try again when that run has ended"
        )

    def _clear_if_stale(self) -> None:
        try:
            age = time.time() - self.path.stat().st_mtime
            holder = json.loads(self.path.read_text(encoding="utf-8") or "{}")
        except FileNotFoundError:
            return
        except json.JSONDecodeError:
            holder = {}
        here = holder.get("host") == socket.gethostname()
        alive = _process_start(holder.get("pid", -1)) == holder.get("start") if here else age < STALE_SECONDS
        # An empty lock is one that is being written, or was cut off while it was.
        if alive if holder else age < HEARTBEAT_SECONDS:
            raise RunError(
                f"run '{self.path.parent.name}' is in use by process {holder.get('pid')} on {holder.get('host')} "
                f"(heartbeat {age:.0f} s ago). Wait for it, or use another name with --run"
            )
        self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                os.utime(self.path)
            except FileNotFoundError:
                return  # The run folder was removed under us; the next write says so.

    def release(self) -> None:
        """Give it back."""
        self._stop.set()
        self._thread.join()
        self.path.unlink(missing_ok=True)


def _process_start(pid: int) -> str | None:
    """What tells a process from a later one with the same number; None if there is no such process."""
    if pid == os.getpid() or pid > 0:
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            return stat.read_text().rsplit(")", 1)[1].split()[19]
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return "running"
        return "running"
    return None
