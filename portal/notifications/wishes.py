"""What a text from a telephone means, by its words alone.

A keyword counts as a whole text, and so does a sentence that is about our own texts from its first
word to its last. Whatever else sounds like "stop" may be about somebody's life: it takes nothing
away, and is answered with whom to call and how to hear no more of us.
"""

import re
import unicodedata

from portal.notifications.models import HeardKind

# What carriers and the FCC (47 CFR 64.1200(a)(10)) take as a wish to be left alone, and Spanish.
_STOPS = frozenset(
    {
        *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke"),
        *("optout", "opt-out", "opt out", "alto", "parar", "pare", "detener", "cancelar"),
        *("baja", "dar de baja", "fin", "basta", "no mas"),
    }
)
_STARTS = frozenset({"start", "unstop", "empezar", "comenzar", "iniciar"})
_HELPS = frozenset({"help", "info", "ayuda", "informacion"})

_NOTES = r"(text|sms|note|notification|(text )?message)s"
_THESE = rf"((all|any|these|those|the|your|more|of) )*{_NOTES}"
_AVISOS = r"(mensajes?( de texto)?|textos?|sms|notas?|avisos?|notificaciones)"
_ESTOS = rf"((mas|estos|estas|los|las|sus|a|de|todos|todas) )*{_AVISOS}"
# Each must be the whole of what was said, but for a please before and a thank you after it.
_SENTENCES = (
    r"stop|unsubscribe|alto|parar",
    r"(text|send|reply|envie|mande) (stop|alto)",
    r"(stop|quit|cease) (texting|messaging)( me)?",
    rf"(stop|quit|cease) sending( me)? ({_THESE}|these)",
    rf"(stop|quit|end|cancel|no more|unsubscribe( me)? from) {_THESE}",
    r"(do not|dont|never) (text|message) me",
    rf"(do not|dont|never) send me ({_THESE}|these)",
    rf"i (do not|dont) want( to (get|receive))? {_THESE}|i want no more {_NOTES}",
    rf"(unsubscribe|opt) me( out)?( (of|from) {_THESE})?",
    r"(remove|delete) my (phone )?number( from your list)?|(remove|take) me (from|off) your list",
    r"(you have |this is |its )?(a |the )?wrong number",
    rf"(ya )?no me (escriban?|(manden?|envien?)( mas)? {_ESTOS})",
    rf"(dejen?|paren?) de (escribirme|(mandar|enviar)(me)? {_ESTOS})",
    rf"(alto|basta|no mas|paren?|parar|cancelar|detener) {_ESTOS}",
    rf"(ya )?no (quiero|deseo)( recibir)? {_ESTOS}|(ya )?no (quiero|deseo) recibir",
    r"d(en|e)me de baja|(borren?|quiten?) mi numero|quitenme de (la|su) lista|numero equivocado",
)
_BEFORE = r"((please|pls|plz|hi|hey|hello|ok|sorry|hola|por favor|perdon) )*"
_AFTER = (
    r"( (please|pls|plz|now|already|any ?more|again|thanks|thank you|ya|mas|por favor|gracias))*"
)
_WISH = re.compile(f"{_BEFORE}({'|'.join(_SENTENCES)}){_AFTER}")
_SPANISH = re.compile(r"\b(alto|ayuda|baja|parar|basta|por favor|no|ya|numero|quiero|empezar)\b")
_ENGLISH = re.compile(r"\b(stop|the|please|me|my|you|more|no thanks)\b")


def classify(words: str) -> HeardKind:
    """What a text means. In doubt it is anything else."""
    plain = _plain(words)
    if plain in _STOPS or _WISH.fullmatch(plain):
        return HeardKind.STOP
    if plain in _STARTS:
        return HeardKind.START
    if plain in _HELPS:
        return HeardKind.HELP
    return HeardKind.OTHER


def is_spanish(words: str) -> bool:
    """A guess, for somebody whom the portal does not know."""
    plain = _plain(words)
    return bool(_SPANISH.search(plain)) and not _ENGLISH.search(plain)


def _plain(words: str) -> str:
    """In small letters, without accents, punctuation and pictures."""
    bare = unicodedata.normalize("NFKD", words.casefold().replace("’", "'"))
    letters = "".join(one for one in bare if not unicodedata.combining(one)).replace("'", "")
    return " ".join(re.sub(r"[^\w-]+", " ", letters).split()).strip("-_ ")
