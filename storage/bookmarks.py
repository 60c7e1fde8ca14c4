"""Bookmarks: how far a background duty has read, so that one worker at a time reads on from there."""

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.tables import Bookmark


def take_bookmark(session: Session, name: str, start: int = 0) -> int:
    """Where the duty is; another worker that wants the same bookmark waits until this transaction ends."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(Bookmark).values(name=name, position=start).on_conflict_do_nothing())
    query = select(Bookmark).where(Bookmark.name == name).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one().position


def read_bookmark(session: Session, name: str) -> int:
    """Where the duty was, without waiting for who has it; 0 where it never was."""
    return session.scalar(select(Bookmark.position).where(Bookmark.name == name)) or 0


def move_bookmark(session: Session, name: str, position: int) -> None:
    """Set it; `take_bookmark` came before."""
    session.get_one(Bookmark, name).position = position
