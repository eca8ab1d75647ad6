"""Cryptography by name: places, padding, nonces, suites."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.crypto import (
    NONCE_BYTES,
    SUITE_HYBRID,
    SUITE_X25519,
    Box,
    KeyPair,
    Unreadable,
    derive,
    label,
    new_key,
    open_with,
    open_with_recovery,
    pad,
    padded_length,
    recovery_key_pair,
    seal_to,
    seal_to_recovery,
    unpad,
)
from portal.core.ids import new_id

PARTS = st.lists(st.one_of(st.binary(max_size=20), st.text(max_size=10)), max_size=4)


def test_a_hundred_thousand_seals_repeat_no_nonce() -> None:
    box = Box(new_key())
    nonces = {box.seal(b"", b"")[:NONCE_BYTES] for _ in range(100_000)}
    assert len(nonces) == 100_000


def test_the_same_text_is_never_sealed_alike() -> None:
    box = Box(new_key())
    assert box.seal_text("the same", b"here") != box.seal_text("the same", b"here")


@given(PARTS, PARTS)
def test_no_two_places_have_one_name(one: list[bytes | str], other: list[bytes | str]) -> None:
    as_bytes = [[p.encode() if isinstance(p, str) else p for p in parts] for parts in (one, other)]
    assert (label(*one) == label(*other)) == (as_bytes[0] == as_bytes[1])


@given(st.text(max_size=600))
def test_text_comes_back_as_it_was(text: str) -> None:
    box = Box(new_key())
    assert box.open_text(box.seal_text(text, b"here"), b"here") == text


@given(st.binary(max_size=3000))
def test_padding_is_taken_off_again(plain: bytes) -> None:
    assert unpad(pad(plain)) == plain


@given(st.integers(257, 10_000_000))
def test_padding_costs_at_most_an_eighth_and_leaves_few_lengths(length: int) -> None:
    padded = padded_length(length)
    assert length <= padded <= length * 1.125
    assert padded_length(padded) == padded
    # Padmé: of the length's bits only about as many stay as their number has bits.
    bits = padded.bit_length()
    assert padded % (1 << (bits - 1 - bits.bit_length())) == 0


def test_all_short_texts_have_one_length() -> None:
    box = Box(new_key())
    lengths = {len(box.seal_text("x" * count, b"")) for count in range(252)}
    assert len(lengths) == 1
    assert len(box.seal_text("x" * 253, b"")) not in lengths


def test_eight_thousand_lengths_become_a_few_dozen() -> None:
    assert len({padded_length(length) for length in range(1, 8001)}) < 100
    assert math.log2(len({padded_length(length) for length in range(1, 32_001)})) < 7


def test_what_is_sealed_to_somebody_opens_for_them_alone_and_there_alone() -> None:
    mine, theirs, here = KeyPair.new(), KeyPair.new(), label("here", new_id())
    sealed = seal_to(mine.public, b"for me", here)
    assert sealed[0] == SUITE_X25519
    assert open_with(mine.private, sealed, here) == b"for me"
    for private, place in ((theirs.private, here), (mine.private, label("there"))):
        with pytest.raises(Unreadable):
            open_with(private, sealed, place)


@pytest.mark.parametrize("suite", [0, SUITE_HYBRID, 3, 255])
def test_no_other_suite_is_taken_for_ours(suite: int) -> None:
    pair, recovery = KeyPair.new(), recovery_key_pair(bytes(32))
    sealed = seal_to(pair.public, b"for me", b"")
    with pytest.raises(Unreadable):
        open_with(pair.private, bytes([suite]) + sealed[1:], b"")
    escrowed = seal_to_recovery(recovery.public, b"for later", b"")
    assert escrowed[0] == SUITE_HYBRID
    with pytest.raises(Unreadable):
        open_with_recovery(bytes(32), bytes([SUITE_X25519]) + escrowed[1:], b"")


def test_the_recovery_key_comes_from_its_seed_alone() -> None:
    assert recovery_key_pair(b"a" * 32) == recovery_key_pair(b"a" * 32)
    assert recovery_key_pair(b"a" * 32).public != recovery_key_pair(b"b" * 32).public
    sealed = seal_to_recovery(recovery_key_pair(b"a" * 32).public, b"for later", b"here")
    assert open_with_recovery(b"a" * 32, sealed, b"here") == b"for later"
    with pytest.raises(Unreadable):
        open_with_recovery(b"b" * 32, sealed, b"here")


def test_each_purpose_has_a_key_of_its_own() -> None:
    purposes = ["content", "roster", "sess", "auth", "kek", "queue", "server/names"]
    assert len({derive(b"secret", purpose) for purpose in purposes}) == len(purposes)
