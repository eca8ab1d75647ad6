"""What tables are made of: identifiers, moments, words, and the parent of every model."""

import datetime as dt
import enum
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Enum,
    LargeBinary,
    MetaData,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator, TypeEngine


class Id(TypeDecorator[uuid.UUID]):
    """An identifier: 16 bytes on SQLite, the native type on PostgreSQL."""

    impl = LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Uuid())
        return dialect.type_descriptor(LargeBinary(16))

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        if dialect.name == "postgresql":
            return None
        return _uuid_to_bytes

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], Any] | None:
        if dialect.name == "postgresql":
            return None
        return _bytes_to_uuid


def _uuid_to_bytes(value: uuid.UUID | None) -> bytes | None:
    return None if value is None else value.bytes


# Pages read the same few identifiers over and over, and making one costs more than finding it.
@lru_cache(maxsize=20_000)
def _bytes_to_uuid(value: bytes | None) -> uuid.UUID | None:
    return None if value is None else uuid.UUID(bytes=value)


class Moment(TypeDecorator[dt.datetime]):
    """An aware UTC time: microseconds since 1970 on SQLite, timestamptz on PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        if dialect.name == "postgresql":
            return None
        return _moment_to_microseconds

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], Any] | None:
        if dialect.name == "postgresql":
            return _in_utc
        return _microseconds_to_moment


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def _moment_to_microseconds(value: dt.datetime | None) -> int | None:
    return None if value is None else (value - _EPOCH) // _MICROSECOND


def _microseconds_to_moment(value: int | None) -> dt.datetime | None:
    return None if value is None else _EPOCH + dt.timedelta(0, 0, value)


def _in_utc(value: dt.datetime | None) -> dt.datetime | None:
    return None if value is None else value.astimezone(dt.UTC)


def words(kind: type[enum.StrEnum], length: int = 20) -> Enum:
    """A column that holds one of a few words, as plain text that anybody can read."""
    return Enum(
        kind,
        native_enum=False,
        length=length,
        create_constraint=False,
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    """The parent of every model."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        uuid.UUID: Id(),
        dt.datetime: Moment(),
        bytes: LargeBinary(),
    }
