"""Two of three custodians open the recovery key; one alone, or a wrong slip, does not."""

import secrets
import time
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shamir_mnemonic import generate_mnemonics

from portal.core.errors import DomainError
from portal.vault.recovery_shares import SECRET_BYTES, SharesRefused, combine, split

SECRET = bytes(range(32))


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_any_two_of_three_give_the_secret_back(secret: bytes) -> None:
    shares = split(secret)
    assert len(shares) == 3
    for pair in combinations(shares, 2):
        assert combine(pair) == secret


@pytest.mark.parametrize(("custodians", "needed"), [(2, 2), (3, 3), (5, 3), (16, 2)])
def test_other_splits(custodians: int, needed: int) -> None:
    shares = split(SECRET, custodians, needed)
    assert len(set(shares)) == custodians
    assert combine(shares[-needed:]) == SECRET
    with pytest.raises(SharesRefused):
        combine(shares[: needed - 1])


def test_all_three_may_come() -> None:
    assert combine(split(SECRET)) == SECRET


def test_each_share_is_33_plain_words() -> None:
    for share in split(SECRET):
        words = share.split()
        assert len(words) == 33
        assert all(word.isascii() and word.islower() for word in words)


def test_layout_and_case_do_not_matter() -> None:
    first, second, _ = split(SECRET)
    words = first.split()
    in_lines = "\n".join(" ".join(words[start : start + 5]) for start in range(0, 33, 5))
    assert combine([f"  {in_lines.upper()} \r\n", second.replace(" ", "\t"), ""]) == SECRET


def test_the_same_share_twice_is_one() -> None:
    first = split(SECRET)[0]
    with pytest.raises(SharesRefused):
        combine([first, first.upper()])


def test_no_shares_open_nothing() -> None:
    for nothing in ([], [""], ["   "]):
        with pytest.raises(SharesRefused):
            combine(nothing)


def test_shares_of_two_sets_do_not_mix() -> None:
    for _ in range(20):
        with pytest.raises(SharesRefused):
            combine([split(SECRET)[0], split(SECRET)[1]])


@given(st.integers(min_value=0, max_value=32), st.sampled_from(["academic", "zero", "porchlight"]))
def test_a_wrong_word_is_noticed(place: int, word: str) -> None:
    first, second, _ = split(SECRET)
    words = first.split()
    wrong = [*words[:place], word, *words[place + 1 :]]
    if wrong == words:
        return
    with pytest.raises(SharesRefused):
        combine([" ".join(wrong), second])


@pytest.mark.parametrize("cut", [slice(0, 20), slice(0, 32), slice(1, 33), slice(0, 1)])
def test_an_incomplete_share_is_refused(cut: slice) -> None:
    first, second, _ = split(SECRET)
    with pytest.raises(SharesRefused):
        combine([" ".join(first.split()[cut]), second])


def test_swapped_words_are_noticed() -> None:
    first, second, _ = split(SECRET)
    words = first.split()
    words[10], words[11] = words[11], words[10]
    if words != first.split():
        with pytest.raises(SharesRefused):
            combine([" ".join(words), second])


@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_text_is_refused_calmly(typed: list[str]) -> None:
    with pytest.raises(SharesRefused):
        combine(typed)


def test_a_secret_of_another_kind_is_refused() -> None:
    shorter: list[str] = generate_mnemonics(1, [(2, 3)], secrets.token_bytes(16))[0]
    with pytest.raises(SharesRefused):
        combine(shorter[:2])


def test_the_refusal_quotes_no_words() -> None:
    first = split(SECRET)[0]
    with pytest.raises(DomainError) as refusal:
        combine([first])
    assert str(refusal.value) == "shares_refused"
    assert refusal.value.__suppress_context__


def test_impossible_splits_are_the_callers_mistake() -> None:
    for secret, custodians, needed in [
        (SECRET[:16], 3, 2),
        (SECRET, 3, 1),
        (SECRET, 2, 3),
        (SECRET, 17, 2),
    ]:
        with pytest.raises(ValueError, match="cannot be split"):
            split(secret, custodians, needed)


def test_splitting_and_combining_take_no_noticeable_time() -> None:
    start = time.perf_counter()
    combine(split(SECRET)[:2])
    assert time.perf_counter() - start < 2
