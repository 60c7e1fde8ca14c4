"""The base of all tables: column types that mean the same in SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeEngine


class UTCDateTime(TypeDecorator[datetime]):
    """A moment, stored and returned in UTC; a time without a zone is refused rather than guessed."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC on the way in."""
        if value is None:
            return None
        assert value.tzinfo is not None, f"{value!r} has no time zone"
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back: SQLite has no type for it."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Ids of files are compared byte by byte, so that "sorted by id" is one order in Python, SQLite and PostgreSQL.
ByteOrdered = String().with_variant(String(collation="C"), "postgresql")
# 64 bits on PostgreSQL; SQLite gives a rowid, which is fast and 64 bits as well, only to INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")
# JSON, not JSONB: the text is kept as it was sent, so numbers and key order survive.
PlainJSON = JSON(none_as_null=True)

Id = Annotated[int, mapped_column(BigId, primary_key=True)]
ProjectId = Annotated[int, mapped_column(ForeignKey("project.id"), index=True)]


class Base(DeclarativeBase):
    """Declarative base; every constraint has a name, so that a migration can speak of it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, TypeEngine[Any]]] = {
        datetime: UTCDateTime(),
        dict[str, Any]: PlainJSON,
        list[Any]: PlainJSON,
    }


def table_of(cls: type[Base]) -> Table:
    """The table of a class, for statements that go past the ORM."""
    return cast(Table, cls.__table__)


def utc_now() -> datetime:
    """The clock of columns that record when a row was written."""
    return datetime.now(UTC)
