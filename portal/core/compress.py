"""Fewest bytes for each browser: Brotli, Zstandard with a shared dictionary, gzip."""

import gzip
import hashlib
import threading
import zlib
from dataclasses import dataclass
from functools import lru_cache

import brotli
import zstandard

TOO_SMALL = 64  # below this the smallest format has nothing to give
WINDOW_BITS = 16  # our pages fit in 64 KiB; a larger window only costs memory
BROTLI_LEVEL, ZSTD_LEVEL, GZIP_LEVEL = 5, 3, 6


@dataclass(frozen=True)
class Squeezed:
    """One body in every format a browser may ask for, made once at the start."""

    plain: bytes
    br: bytes
    gzip: bytes

    @classmethod
    def of(cls, body: bytes) -> "Squeezed":
        """Takes its time: the best level of each format."""
        best = brotli.compress(body, mode=brotli.MODE_TEXT, quality=11)
        return cls(body, best, gzip.compress(body, 9, mtime=0))

    def for_browser(self, accept_encoding: str) -> tuple[bytes, str | None]:
        """The smallest form this browser takes, and its name (None for the plain form)."""
        accepted = _accepted(accept_encoding)
        forms = [(self.br, "br"), (self.gzip, "gzip")]
        allowed = [(form, name) for form, name in forms if name in accepted]
        return min([*allowed, (self.plain, None)], key=lambda form: len(form[0]))


def compress(
    body: bytes, accept_encoding: str, dictionary: bytes | None = None
) -> tuple[bytes, str | None]:
    """A page as this browser reads it best, and the name for Content-Encoding (None: unchanged).

    dictionary: public text that this browser has said it holds (RFC 9842). Never anything personal:
    it must not reveal what it is compared with.
    """
    if len(body) < TOO_SMALL:
        return body, None
    name = _choose(_accepted(accept_encoding), has_dictionary=dictionary is not None)
    if name is None:
        return body, None
    packed = _pack(body, name, dictionary)
    return (packed, name) if len(packed) < len(body) else (body, None)


def _choose(accepted: frozenset[str], *, has_dictionary: bool) -> str | None:
    """Brotli before Zstandard: it is smaller. With a dictionary it is the other way about."""
    if has_dictionary and "dcz" in accepted:
        return "dcz"
    return next((name for name in ("br", "zstd", "gzip") if name in accepted), None)


def _pack(body: bytes, name: str, dictionary: bytes | None) -> bytes:
    if name == "br":
        mode = brotli.MODE_TEXT
        return bytes(brotli.compress(body, mode=mode, quality=BROTLI_LEVEL, lgwin=WINDOW_BITS))
    if name == "gzip":
        return zlib.compress(body, GZIP_LEVEL, wbits=31)
    if name == "dcz" and dictionary is not None:
        return _dcz_header(dictionary) + _zstd(dictionary).compress(body)
    return _zstd(None).compress(body)


# A compressor shared between threads takes the whole worker down, so each thread has its own.
_local = threading.local()


def _zstd(dictionary: bytes | None) -> zstandard.ZstdCompressor:
    compressors: dict[bytes | None, zstandard.ZstdCompressor]
    compressors = _local.__dict__.setdefault("zstd", {})
    if dictionary not in compressors:
        compressors[dictionary] = _new_zstd(dictionary)
    return compressors[dictionary]


def _new_zstd(dictionary: bytes | None) -> zstandard.ZstdCompressor:
    if dictionary is None:
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, dict_data=raw)


@lru_cache(maxsize=8)
def _dcz_header(dictionary: bytes) -> bytes:
    """RFC 9842 §4: a skippable frame that names the dictionary by its digest."""
    return b"\x5e\x2a\x4d\x18\x20\x00\x00\x00" + hashlib.sha256(dictionary).digest()


@lru_cache(maxsize=256)
def _accepted(accept_encoding: str) -> frozenset[str]:
    """The names a browser lists, without those it refuses with q=0."""
    entries = (entry.strip().lower().partition(";") for entry in accept_encoding.split(","))
    return frozenset(name.strip() for name, _, rest in entries if name and not _is_zero(rest))


def _is_zero(parameters: str) -> bool:
    key, _, value = parameters.strip().partition("=")
    return key.strip() == "q" and value.strip().strip("0.") == "" and value.strip() != ""
