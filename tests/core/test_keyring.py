"""The server's own keys, and taking new ones."""

import pytest

from portal.core.crypto import Unreadable
from portal.core.ids import new_id
from portal.core.keyring import Keyring, name_place

OLD, NEW = ("k1", b"\1" * 32), ("k2", b"\2" * 32)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before, after, place = (
        Keyring((OLD,)),
        Keyring((NEW, OLD)),
        name_place("users", "name", new_id()),
    )
    sealed = before.seal_text("Dana", place)
    assert after.open_text(sealed, place) == "Dana"
    assert after.seal_text("Dana", place).startswith(b"k2:")
    with pytest.raises(Unreadable):
        before.open_text(after.seal_text("Dana", place), place)


def test_names_are_found_after_a_new_key_came() -> None:
    assert Keyring((NEW, OLD)).lookup("user_name", "dana") == Keyring((OLD,)).lookup(
        "user_name", "dana"
    )
    assert Keyring((OLD,)).lookup("network", "dana") != Keyring((OLD,)).lookup("user_name", "dana")


def test_forms_that_were_given_out_before_still_hold() -> None:
    stamp = Keyring((OLD,)).stamp("nonce", b"a", "b")
    after = Keyring((NEW, OLD))
    assert after.is_stamp(stamp, "nonce", b"a", "b")
    assert not after.is_stamp(stamp, "other", b"a", "b")
    assert not after.is_stamp(stamp, "nonce", b"a", "c")
    assert not Keyring((NEW,)).is_stamp(stamp, "nonce", b"a", "b")


def test_a_name_opens_in_its_own_row_only() -> None:
    keyring, place = Keyring((OLD,)), name_place("users", "name", new_id())
    sealed = keyring.seal_text("Dana", place)
    for other in (
        name_place("users", "name", new_id()),
        name_place("users", "user_name", new_id()),
    ):
        with pytest.raises(Unreadable):
            keyring.open_text(sealed, other)


@pytest.mark.parametrize("sealed", [b"", b"k1", b"k9:" + bytes(40), b"\xff:" + bytes(40)])
def test_what_no_key_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(Unreadable):
        Keyring((OLD,)).open_text(sealed, b"")
