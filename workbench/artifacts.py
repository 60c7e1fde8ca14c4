"""Artifacts: files and folders that are whole or absent, and the hashes that name them."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import BinaryIO, cast

from workbench.errors import AccordError


@contextmanager
def write_file_aside(target: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `target`; on success sync it and rename it into place, else remove it."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(
        dir=target.parent, prefix=f".{target.name}.", suffix=".part", delete=False
    ) as file:
        try:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException as error:
            # Before anything is removed, which frees what the error does not always name: space.
            full = _full_disk(error, target)
            Path(file.name).unlink(missing_ok=True)
            if full:
                raise full from error
            raise
    os.chmod(file.name, 0o644)
    os.replace(file.name, target)
    _sync_folder(target.parent)


@contextmanager
def write_folder_aside(target: str | Path) -> Iterator[Path]:
    """A temporary folder beside `target` to fill; on success everything is synced and it is renamed into place.

    On any error the temporary folder is removed and `target` is untouched; a full disk becomes an AccordError. A
    folder that is already at `target` is replaced: it is moved away first and removed once the new one stands.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    try:
        yield aside
        _sync_tree(aside)
    except BaseException as error:
        full = _full_disk(error, target)
        shutil.rmtree(aside, ignore_errors=True)
        if full:
            raise full from error
        raise
    os.chmod(aside, 0o755)
    old: Path | None = None
    if target.exists():
        old = Path(mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".old"))
        os.replace(target, old)
    os.replace(aside, target)
    _sync_folder(target.parent)
    if old is not None:
        shutil.rmtree(old)


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_files(folder: str | Path) -> list[Path]:
    """The files below a folder, as sorted paths relative to it."""
    folder = Path(folder)
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def hash_folder(folder: str | Path, *, leave_out: tuple[str, ...] = ()) -> str:
    """SHA-256 over the names and hashes of all files below a folder, but for the relative paths left out."""
    digest = hashlib.sha256()
    for path in list_files(folder):
        if path.as_posix() not in leave_out:
            digest.update(f"{path.as_posix()}\x00{hash_file(Path(folder) / path)}\n".encode())
    return digest.hexdigest()


def _full_disk(error: BaseException, target: Path) -> AccordError | None:
    """The error in our words where the disk or the file is full; None for any other."""
    # torch and safetensors report a full disk in words of their own, without an errno.
    code = error.errno if isinstance(error, OSError) else None
    said = str(error) if isinstance(error, Exception) else ""
    if code == errno.EFBIG or "File too large" in said:
        return AccordError(
            f"a file would be larger than the system allows: {target} was not written, and what was there before is "
            "unchanged. Raise the limit (ulimit -f) and run the same command again"
        )
    words = "No space left on device" in said
    unsaid = isinstance(error, RuntimeError) and shutil.disk_usage(target.parent).free < 2**16
    if code in (errno.ENOSPC, errno.EDQUOT) or words or unsaid:
        return AccordError(
            f"the disk is full: {target} was not written, and what was there before is unchanged. "
            "Free some space and run the same command again"
        )
    return None


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
