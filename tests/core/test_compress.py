"""Every browser gets the smallest form of a page that it understands, and the very same page."""

import gzip
import hashlib
from concurrent.futures import ThreadPoolExecutor

import brotli
import pytest
import zstandard

from portal.core.compress import Squeezed, compress

PAGE = b"".join(b"<li><b>Dana</b> 14:%02d<p>What do your hands do?\n" % n for n in range(60))
DICTIONARY = b"<li><b>Dana</b> 14:02<p>What do your hands do?"
DCZ = b"\x5e\x2a\x4d\x18\x20\x00\x00\x00"


def unpack(body: bytes, encoding: str | None) -> bytes:
    if encoding == "br":
        return bytes(brotli.decompress(body))
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompress(body)
    return body


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("BR", "br"),
        ("br;q=0.0", None),
        ("deflate", None),
        ("", None),
        ("dcz, br", "br"),
    ],
)
def test_the_best_form_that_is_accepted(accepted: str, chosen: str | None) -> None:
    body, encoding = compress(PAGE, accepted)
    assert encoding == chosen
    assert unpack(body, encoding) == PAGE


def test_what_would_not_shrink_stays_as_it_is() -> None:
    assert compress(b"ok", "br") == (b"ok", None)
    noise = hashlib.shake_256(b"noise").digest(200)
    assert compress(noise, "gzip") == (noise, None)


def test_a_dictionary_makes_it_smaller_and_names_itself() -> None:
    body, encoding = compress(PAGE[:400], "gzip, br, zstd, dcb, dcz", DICTIONARY)
    assert encoding == "dcz"
    assert body.startswith(DCZ + hashlib.sha256(DICTIONARY).digest())
    raw = zstandard.ZstdCompressionDict(DICTIONARY, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    unpacked = zstandard.ZstdDecompressor(dict_data=raw).decompress(body[40:])
    assert unpacked == PAGE[:400]


def test_threads_do_not_share_a_compressor() -> None:
    def often(_: int) -> bool:
        plain = all(unpack(*compress(PAGE, "zstd")) == PAGE for _ in range(50))
        return plain and all(compress(PAGE, "dcz", DICTIONARY)[1] == "dcz" for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(often, range(32)))


def test_files_are_squeezed_once_and_given_out_as_asked() -> None:
    file = Squeezed.of(PAGE)
    for accepted, chosen in (("gzip, br", "br"), ("gzip", "gzip"), ("", None)):
        body, encoding = file.for_browser(accepted)
        assert encoding == chosen
        assert unpack(body, encoding) == PAGE
