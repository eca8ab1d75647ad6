"""What a thief gets: the disk, the queue, the logs, what was sent, what runs; and all the settings.

Nothing that anybody typed is found, in any dress. Whoever also has the configuration gets names and
addresses, as the README says, and no content: for that they would need somebody's passphrase.
"""

import ast
import base64
import bz2
import gzip
import json
import lzma
import re
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import brotli
import psycopg
import pytest
import redis
import zstandard
from sqlalchemy import Table, select

from portal.accounts.keys import Owner
from portal.accounts.models import WrapKind
from portal.core import crypto
from portal.core.columns import Base
from portal.core.crypto import Box, Unreadable, label
from portal.core.keyring import Keyring, name_place
from portal.modules import own, published
from portal.modules import queries as work
from portal.notifications import formats
from portal.threads import queries
from portal.threads.access import subject_place
from portal.vault.keys import OpenVault, Place, escrow_place, grant_place
from tests import servers
from tests.guards.canaries.story import Story
from tests.guards.disguises import disguises
from tests.guards.sealed_columns import HOLDERS, SEALED, SERVERS, WORKERS, columns_of_bytes

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("theft")]

ROOT = Path(__file__).parents[2]
_ZSTD = zstandard.ZstdDecompressor()


def unpacked(content: bytes) -> Iterator[bytes]:
    """What lies compressed inside."""
    ways: list[tuple[bytes, Callable[[bytes], bytes]]] = [
        (b"\x1f\x8b\x08", lambda part: zlib.decompressobj(31).decompress(part)),
        (b"\x78\x01", lambda part: zlib.decompressobj().decompress(part)),
        (b"\x78\x9c", lambda part: zlib.decompressobj().decompress(part)),
        (b"\x78\xda", lambda part: zlib.decompressobj().decompress(part)),
        (b"BZh", lambda part: bz2.BZ2Decompressor().decompress(part)),
        (b"\xfd7zXZ\0", lambda part: lzma.LZMADecompressor().decompress(part)),
        (b"\x28\xb5\x2f\xfd", lambda part: _ZSTD.decompressobj().decompress(part)),
    ]  # fmt: skip
    for magic, unpack in ways:
        for match in re.finditer(re.escape(magic), content):
            try:
                yield unpack(content[match.start() :])
            except (zlib.error, OSError, EOFError, lzma.LZMAError, zstandard.ZstdError):
                continue
    try:
        yield brotli.decompress(content)
    except brotli.error:
        return


def spilt(content: bytes, words: list[str]) -> list[str]:
    """In which dresses any of the words is in there."""
    contents = [content, *unpacked(content)]
    return [
        f"{word}: {dress}"
        for word in words
        for dress, needle in disguises(word).items()
        if any(needle in one for one in contents)
    ]


@pytest.mark.parametrize("dress", disguises("qzkwordword"))
def test_the_search_finds_every_dress(dress: str) -> None:
    word = "qzkwordword"
    around = {f"base64 at {n}": n for n in range(3)}
    text = f"{'x' * around.get(dress, 0)}{word}yy"
    shown = disguises(word)[dress]
    if dress in around:
        assert shown in base64.b64encode(text.encode())
    for content in (shown, b"\0\x78\x9c" + shown, b"x" + shown + b"y"):
        assert spilt(content, [word])
    packed = (gzip.compress, zlib.compress, bz2.compress, lzma.compress, brotli.compress)
    for pack in (*packed, zstandard.ZstdCompressor().compress):
        before = b"" if pack is brotli.compress else b"before"
        assert spilt(before + pack(shown), [word]), pack
    assert spilt(b"qzkwordwor", [word]) == []


def everything_in(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def test_what_lies_on_the_disk_holds_nothing_that_was_typed(story: Story) -> None:
    words, seen = [story.mark, *story.secrets], []
    for path, content in everything_in(story.config.data):
        seen.append(path.name)
        assert spilt(content, words) == [], path
    assert any(name.startswith("appendonly") for name in seen), "the queue's own files"
    if story.config.database_url.startswith("sqlite"):
        assert {"portal.sqlite", "portal.sqlite-wal"} <= set(seen)


def test_the_database_shows_nothing_that_was_typed(story: Story) -> None:
    """Every column of every row, as a dump would have it."""
    rows, words = 0, [story.mark, *story.secrets]
    with story.cast.database.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                rows += 1
                for value in row:
                    content = value if isinstance(value, bytes) else str(value).encode()
                    assert spilt(content, words) == [], table.name
    assert rows > 100
    assert _count(story, "messages") >= 5
    for name in ("drafts", "kept_texts", "addresses", "known_networks", "invitations"):
        assert name == "invitations" or _count(story, name), f"the story has no {name}"


def _count(story: Story, table: str) -> int:
    with story.cast.database.reading() as session:
        return len(session.execute(select(Base.metadata.tables[table])).all())


def _column(story: Story, table: str, column: str) -> list[Any]:
    with story.cast.database.reading() as session:
        return list(session.scalars(select(Base.metadata.tables[table].c[column])))


def test_the_files_of_postgresql_hold_nothing_that_was_typed(
    story: Story, postgresql: servers.PostgreSQL
) -> None:
    """Tables, indexes, and the log of what was written."""
    if story.config.database_url.startswith("sqlite"):
        return
    with psycopg.connect(story.config.database_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    needles, looked = list(disguises(story.mark).values()), 0
    for path, content in everything_in(postgresql.folder / "data"):
        looked += len(content)
        assert not any(needle in content for needle in needles), path
    assert looked > 10_000_000


def test_the_queue_holds_nothing_but_ids(story: Story) -> None:
    with redis.Redis.from_url(story.config.queue_url) as queue:
        contents = [key + repr(_value(queue, key)).encode() for key in queue.scan_iter()]
    assert contents
    for content in contents:
        assert spilt(content, [story.mark, *story.secrets]) == []


def _value(queue: redis.Redis, key: bytes) -> Any:
    readers: dict[Any, Callable[[], Any]] = {
        b"string": lambda: queue.get(key),
        b"hash": lambda: queue.hgetall(key),
        b"list": lambda: queue.lrange(key, 0, -1),
        b"set": lambda: queue.smembers(key),
        b"zset": lambda: queue.zrange(key, 0, -1, withscores=True),
        b"stream": lambda: queue.xrange(key),
    }
    return readers.get(queue.type(key), lambda: None)()


def test_what_was_sent_says_nothing(story: Story) -> None:
    assert story.mails.received
    assert story.gateway.received
    for mail in story.mails.received:
        assert story.mark in str(mail["To"]), "the address, and it is the only thing"
        del mail["To"]
        assert spilt(mail.as_bytes(), [story.mark, *story.secrets]) == []
        assert not re.search(rb"https?://|Porchlight|Larkspur|Ruth|Dana", mail.as_bytes())
    for headers, body in story.gateway.received:
        assert story.mark in body.pop("to")
        said = json.dumps([headers, body]).encode()
        assert spilt(said, [story.mark, *story.secrets]) == []
        assert not re.search(rb"Porchlight|Larkspur|Ruth|Dana", said)


def test_texts_and_mails_that_came_in_are_kept_nowhere_and_not_quoted(story: Story) -> None:
    """That the disk, the database, the queue and the logs hold nothing of them is shown above."""
    assert _count(story, "heard_texts") == len(story.replies) == 4
    assert _count(story, "opt_outs") == 1
    for reply in story.replies:
        assert spilt(reply.encode(), [story.mark, *story.secrets]) == []
    assert "not monitored" in story.replies[0]
    assert any(row == "returned_5.1.1" for row in _column(story, "pointers", "last_error_code"))


def test_what_runs_shows_nothing_in_its_arguments_and_environment(story: Story) -> None:
    pids = story.processes
    assert len(pids) >= 5
    private = (story.config.data / "keys" / "worker.key").read_text().strip()
    server = story.config.server_keys[0][1].hex()
    read = 0
    for pid in pids:
        for name in ("cmdline", "environ", "comm"):
            # A process that did one job may have ended meanwhile.
            with suppress(FileNotFoundError, ProcessLookupError):
                content = Path(f"/proc/{pid}/{name}").read_bytes()
                assert spilt(content, [story.mark, *story.secrets]) == [], (pid, name)
                assert private.encode() not in content
                assert server.encode() not in content
                read += 1
    assert read >= 15


# With the whole configuration in hand.


def purposes() -> set[str]:
    """Every purpose for which the program derives a key, and those with a variable part."""
    found = {f"code/{kind.value}" for kind in WrapKind}
    for path in (ROOT / "portal").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "derive":
                found |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    assert {"content", "server/names", "sess", "queue", "code/lookup"} <= found
    return found


def configured(story: Story) -> list[bytes]:
    """Every 32 bytes that the configuration holds."""
    keys = [key for _, key in story.config.server_keys]
    for path in sorted((story.config.data / "keys").iterdir()):
        raw = path.read_bytes()
        keys += [raw] if len(raw) == 32 else []
        for part in re.findall(rb"[A-Za-z0-9+/]{43}=", raw):
            keys.append(base64.b64decode(part))
    assert len(set(keys)) >= 4, "server's, worker's two, audit's"
    return sorted(set(keys))


def all_keys(bases: list[bytes]) -> list[bytes]:
    """Those keys, and all that the program could make of them."""
    keys = [*bases, *(crypto.digest(base) for base in bases), b"\0" * 32]
    keys += [crypto.derive(base, purpose) for base, purpose in product(bases, sorted(purposes()))]
    return keys


class Thief:
    """Has the database and keys, knows every format, and tries every key on everything."""

    def __init__(self, story: Story, keys: list[bytes]) -> None:
        self._keys = keys
        self._boxes = [Box(key) for key in keys]
        self._engine = story.cast.database.engine
        self.tables: dict[str, list[Any]] = {}
        with self._engine.connect() as connection:
            for name, table in Base.metadata.tables.items():
                self.tables[name] = list(connection.execute(select(table)).mappings())

    def opened(self, table: str, column: str) -> list[bytes]:
        """What comes out of this column."""
        found: list[bytes] = []
        for row in self.tables[table]:
            sealed, place = row[column], self._place(table, column, row)
            if sealed:
                found += self._try(bytes(sealed), place)
        return found

    def _try(self, sealed: bytes, place: bytes) -> Iterator[bytes]:
        _, _, rest = sealed.partition(b":")
        ways = [partial(box.open, blob) for box in self._boxes for blob in (sealed, rest)]
        ways += [partial(crypto.open_with, key, sealed) for key in self._keys]
        ways += [partial(crypto.open_with_recovery, key, sealed) for key in self._keys]
        for way in ways:
            with suppress(Unreadable, ValueError):
                yield way(place)

    def _place(self, table: str, column: str, row: Any) -> bytes:
        """As the program names the place of this value."""
        clinic: uuid.UUID = row.get("clinic_id") or row["id"]
        places: dict[str, Callable[[], bytes]] = {
            "users": lambda: name_place(table, column.removesuffix("_sealed"), row["id"]),
            "clinics": lambda: name_place(table, column.removesuffix("_sealed"), row["id"]),
            "addresses": lambda: self._place_of_address(table, column, row),
            "address_proofs": lambda: self._place_of_address(table, column, row),
            "guardian_contacts": lambda: self._place_of_address(table, column, row),
            "grants": lambda: grant_place(clinic, row["vault_id"], row["epoch"], row["holder_id"]),
            "epochs": lambda: escrow_place(clinic, row["vault_id"], row["number"]),
            "key_wraps": lambda: Owner(row["user_id"], clinic).place(row["kind"]),
            "kept_texts": lambda: queries.kept_label(clinic, row["place_id"], row["id"]),
            "kept_module_texts": lambda: own.kept_place(clinic, row["draft_id"], row["id"]),
            "module_revisions": lambda: own.revision_place(
                clinic, row["draft_id"], row["seq"], row["author_id"]
            ),
            "published_modules": lambda: published.place(clinic, row["id"]),
            "kept_answers": lambda: work.kept_label(
                clinic, row["assignment_id"], row["step_id"], row["id"]
            ),
            "browser_sessions": lambda: label(
                "browser_sessions",
                row["user_id"],
                bytes(row["cookie_digest"]),
                row["expires_at"].isoformat(),
            ),
        }
        return places.get(table, lambda: self._place_in_vault(table, clinic, row))()

    def _place_of_address(self, table: str, column: str, row: Any) -> bytes:
        channel = row["channel"]
        if column == "hint":
            owner = row["user_id"] if table == "addresses" else row["id"]
            return formats.hint_place(table, owner, channel)
        place = formats.code_place if column == "code_sealed" else formats.address_place
        return place(row["clinic_id"], row["user_id"], channel)

    def _place_in_vault(self, table: str, clinic: uuid.UUID, row: Any) -> bytes:
        ways: dict[str, Callable[[], tuple[Place, uuid.UUID]]] = {
            "messages": lambda: (
                queries.message_place(row["thread_id"], row["seq"], row["author_id"]),
                row["thread_id"],
            ),
            "threads": lambda: (subject_place(row["id"], row["begun_by"]), row["id"]),
            "drafts": lambda: (
                queries.draft_place(row["place_id"], row["author_id"]),
                row["place_id"],
            ),
            "responses": lambda: (
                work.answers_place(
                    row["assignment_id"], row["step_id"], row["seq"], row["author_id"]
                ),
                row["assignment_id"],
            ),
            "feedback": lambda: (
                work.feedback_place(
                    row["assignment_id"], row["step_id"], row["seq"], row["author_id"]
                ),
                row["assignment_id"],
            ),
            "homework_reports": lambda: (
                work.report_place(row["assignment_id"], row["prompt_id"], row["seq"], row["by"]),
                row["assignment_id"],
            ),
        }
        place, where = ways[table]()
        epoch = row["subject_epoch"] if table == "threads" else row["epoch"]
        return OpenVault(self._vault(where), clinic, epoch, {})._label(place, epoch)

    def _vault(self, where: uuid.UUID) -> uuid.UUID:
        owners = [*self.tables["threads"], *self.tables["assignments"], *self.tables["engagements"]]
        found: uuid.UUID = next(row["vault_id"] for row in owners if row["id"] == where)
        return found


@pytest.fixture(scope="session")
def thief(story: Story) -> Thief:
    return Thief(story, all_keys(configured(story)))


def test_the_thief_knows_every_sealed_column(story: Story, thief: Thief) -> None:
    assert columns_of_bytes() >= SEALED
    for table, column in SEALED:
        assert any(row[column] for row in thief.tables[table]), f"the story has no {table}"


@pytest.mark.parametrize(("table", "column"), sorted(HOLDERS), ids=lambda name: name)
def test_no_content_opens_with_all_that_the_server_is_configured_with(
    thief: Thief, table: str, column: str
) -> None:
    assert thief.opened(table, column) == []


@pytest.mark.parametrize(("table", "column"), sorted(SERVERS | WORKERS), ids=lambda name: name)
def test_names_and_addresses_do_open_with_the_configuration(
    story: Story, thief: Thief, table: str, column: str
) -> None:
    """So it is said in the README: this is what such a theft costs."""
    found = thief.opened(table, column)
    assert len(found) == sum(bool(row[column]) for row in thief.tables[table])
    if table != "clinics" and column != "code_sealed":
        assert any(story.mark.encode() in name for name in found)


def test_names_do_not_open_without_the_configuration(story: Story) -> None:
    stranger = Thief(story, all_keys([b"\5" * 32]))
    for table, column in sorted(SERVERS | WORKERS):
        assert stranger.opened(table, column) == []


def test_with_one_persons_key_the_same_thief_reads_what_that_person_reads(
    story: Story, thief: Thief
) -> None:
    """So the thief is a good one, and what holds them off is the key alone."""
    private_key = story.cast._private_keys["mateo"]
    inside = Thief(story, [private_key])
    grants = inside.opened("grants", "sealed")
    assert len(grants) == 1
    vault_key = crypto.derive(grants[0], "content")
    reader = Thief(story, [vault_key])
    read = [crypto.unpad(one).decode() for one in reader.opened("messages", "sealed")]
    assert sorted(read) == sorted([story.said("to mateo"), story.said("from mateo")])
    assert len(thief.tables["messages"]) > len(read)


def test_the_servers_lookup_finds_a_name_only_for_who_has_the_keys(story: Story) -> None:
    """A stolen table alone cannot be searched for somebody by name."""
    name = f"{story.mark}.client"
    right = Keyring(story.config.server_keys).lookup("user_name", name)
    wrong = Keyring((("k1", b"\5" * 32),)).lookup("user_name", name)
    users: Table = Base.metadata.tables["users"]
    with story.cast.database.engine.connect() as connection:
        stored = {
            bytes(row[0]) for row in connection.execute(select(users.c.user_name_lookup)) if row[0]
        }
    assert right in stored
    assert wrong not in stored


def test_after_it_has_stopped_the_disk_still_holds_nothing(story: Story) -> None:
    """The last of these: SQLite has folded its log into the file, the queue has closed its own."""
    story.cast.database.dispose()
    story.stop()
    for path, content in everything_in(story.config.data):
        assert spilt(content, [story.mark, *story.secrets]) == [], path
    assert spilt(story.log.read_bytes(), [story.mark, *story.secrets]) == []
