"""Addresses as people type them, as they are used, and as they are recognised again."""

import re
import uuid
from collections.abc import Iterable
from functools import cache

from portal.core.crypto import Unreadable, label
from portal.core.errors import Invalid
from portal.core.keyring import Keyring
from portal.notifications.models import Channel

LONGEST_MAIL = 254
# What a header or an envelope could misread is not in an address that people use.
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})


def usable(channel: Channel, typed: str, time_zone: str) -> str:
    """What a person typed as it is used: a mail address, or a number as +13035550142.

    A number without its country is taken to be of the country that the clinic's time zone is in.
    Raises Invalid.
    """
    return _mail(typed) if channel is Channel.EMAIL else _mobile(typed, _country(time_zone))


def _mail(typed: str) -> str:
    address = typed.strip()
    local = address.rpartition("@")[0]
    is_good = _MAIL.fullmatch(address) and ".." not in local and local.strip(".") == local
    if not is_good or len(address) > LONGEST_MAIL:
        raise Invalid(address="mail_unknown")
    return address


def _mobile(typed: str, country: str) -> str:
    # Late: the worker sends to thousands of numbers and never needs to read one.
    import phonenumbers as phones

    try:
        number = phones.parse(typed.strip()[:40], country)
    except phones.NumberParseException:
        raise Invalid(address="mobile_unknown") from None
    kinds = (phones.PhoneNumberType.MOBILE, phones.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if not phones.is_valid_number(number) or phones.number_type(number) not in kinds:
        raise Invalid(address="mobile_unknown")
    return str(phones.format_number(number, phones.PhoneNumberFormat.E164))


def number_of(said: str, time_zones: Iterable[str]) -> str:
    """The number that a provider says a text came from, as `usable` would write it.

    Providers leave out the plus, write dashes, or leave out the country, which is then one of those
    that the clinics are in. Raises Invalid for what is no number, such as a name.
    """
    bare = re.sub(r"[\s().-]", "", said)
    if re.fullmatch(r"\+[1-9][0-9]{6,14}", bare):
        return bare
    # Late, as above.
    import phonenumbers as phones

    local = [(said[:40], _country(zone)) for zone in time_zones]
    for text, country in [*local, (f"+{bare}", None)]:
        try:
            number = phones.parse(text, country)
        except phones.NumberParseException:
            continue
        if phones.is_valid_number(number):
            return str(phones.format_number(number, phones.PhoneNumberFormat.E164))
    raise Invalid(address="mobile_unknown")


@cache
def _country(time_zone: str) -> str:
    from babel.core import get_global

    return str(get_global("zone_territories").get(time_zone, "US"))


def lookup(keyring: Keyring, channel: Channel, address: str) -> bytes:
    """A keyed hash by which the same address is known again, however it is written."""
    return keyring.lookup(f"address:{channel.value}", _same_for_all(channel, address))


def _same_for_all(channel: Channel, address: str) -> str:
    """Mail that goes into one box counts as one address: the part after a plus is a label."""
    if channel is Channel.SMS:
        return address
    local, _, domain = address.lower().rpartition("@")
    local = local.partition("+")[0]
    return f"{local.replace('.', '') if domain in _DOTLESS else local}@{domain}"


def hint(channel: Channel, address: str) -> str:
    """Enough for its owner to recognise it, as "…42" or "m…@example.org"."""
    if channel is Channel.SMS:
        return f"…{address[-2:]}"
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def seal_hint(keyring: Keyring, table: str, row: uuid.UUID, channel: Channel, text: str) -> bytes:
    return keyring.seal_text(text, hint_place(table, row, channel))


def open_hint(
    keyring: Keyring, table: str, row: uuid.UUID, channel: Channel, sealed: bytes | None
) -> str:
    """The hint, or "…" where there is none or it does not open: a page must not fail over it."""
    try:
        return keyring.open_text(sealed or b"", hint_place(table, row, channel))
    except Unreadable:
        return "…"


def hint_place(table: str, row: uuid.UUID, channel: Channel) -> bytes:
    """Where a sealed hint belongs."""
    return label("server", table, "hint", row, channel.value)


def address_place(clinic_id: uuid.UUID, user_id: uuid.UUID, channel: Channel) -> bytes:
    """Where a sealed address belongs."""
    return label("addresses", clinic_id, user_id, channel.value)


def code_place(clinic_id: uuid.UUID, user_id: uuid.UUID, channel: Channel) -> bytes:
    """Where the sealed code belongs that proves an address."""
    return label("address_proofs", clinic_id, user_id, channel.value)
