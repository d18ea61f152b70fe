"""Digits, yes and no as people say them, in English: pure, and sure or silent. What is not plain is for the model.

"oh double five, twelve thirty-four"     0551234
"one two three, no, four"                124: what comes after a correction takes the place of as many digits
"no, 6 instead" (a turn of its own)      takes the place of the last digit
"six instead of five"                    takes the place of the last five
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


UNITS: Final = dict(
    zip(
        _words("zero oh o nought one two three four five six seven eight nine"),
        _words("0 0 0 0 1 2 3 4 5 6 7 8 9"),
        strict=True,
    )
)
TEEN_WORDS: Final = _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
TEENS: Final = {word: str(number) for number, word in enumerate(TEEN_WORDS, 10)}
TENS: Final = {
    word: str(number) for number, word in enumerate(_words("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
TIMES: Final = {"double": 2, "triple": 3, "treble": 3}
CORRECTS: Final = frozenset(_words("no sorry wait rather actually instead correction"))
FILLERS: Final = frozenset(
    _words(
        "my the a it its it's is that that's thats number code and then um uh er okay ok so please yes well i mean "
        "meant was should be digits digit account customer pin"
    )
)
"""What may stand beside digits. No "to", "for" and "not": they may be digits misheard, or change what is meant."""
YES: Final = frozenset(_words("yes yeah yep yup correct right exactly sure okay ok absolutely definitely true"))
NO: Final = frozenset(_words("no nope nah wrong incorrect negative false"))
POLITE: Final = frozenset(_words("please thanks thank you that's thats that is it it's its of course all um"))
WORD: Final = re.compile(r"[a-z']+|\d+")


@dataclass(frozen=True, slots=True)
class SpokenDigits:
    """`digits`: in order. `corrects`: they take the place of the last ones before them, of `instead_of` where said."""

    digits: str
    corrects: bool = False
    instead_of: str = ""

    def after(self, before: str) -> str:
        """All digits, with those that were there before this was said."""
        if not self.corrects:
            return before + self.digits
        if self.instead_of:
            at = before.rfind(self.instead_of)
            if at >= 0:
                return before[:at] + self.digits + before[at + len(self.instead_of) :]
        return before[: max(0, len(before) - len(self.digits))] + self.digits


def words_of(text: str) -> list[str]:
    """In lower case, without punctuation; hyphens part words."""
    return WORD.findall(text.lower().replace("’", "'").replace("-", " "))


def spoken_digits(text: str) -> SpokenDigits | None:
    """None: there are none, or there is more than digits and what goes with them."""
    words = words_of(text)
    said, changed = "", ""
    if "instead" in words and words[words.index("instead") + 1 : words.index("instead") + 2] == ["of"]:
        at = words.index("instead")
        new, old = _digits(words[:at]), _digits(words[at + 2 :])
        return SpokenDigits(new, True, old) if new and old else None
    parts: list[list[str]] = [[]]
    for word in words:
        if word in CORRECTS:
            parts.append([])
        else:
            parts[-1].append(word)
    read = [_digits(part) for part in parts]
    if any(digits is None for digits in read) or not any(read):
        return None
    said = read[0] or ""
    for digits in filter(None, read[1:]):
        changed = SpokenDigits(digits, corrects=True).after(said or changed) if said or changed else digits
        said = changed if said else ""
    return SpokenDigits(said) if said else SpokenDigits(changed, corrects=True)


def _digits(words: list[str]) -> str | None:
    """None: a word that is none of it."""
    digits, times, at = "", 1, 0
    while at < len(words):
        word, found = words[at], ""
        at += 1
        if word in TIMES:
            times = TIMES[word]
            continue
        if word.isdigit():
            found = word
        elif word in UNITS:
            found = UNITS[word]
            if words[at : at + 1] == ["hundred"]:
                at += 1
                rest, at = _below_hundred(words, at + (words[at : at + 1] == ["and"]), at)
                found += rest or "00"
        elif word in TEENS:
            found = TEENS[word]
        elif word in TENS:
            unit = UNITS.get(words[at], "") if at < len(words) and words[at] not in ("oh", "o", "zero") else ""
            at += bool(unit)
            found = TENS[word] + (unit or "0")
        elif word not in FILLERS:
            return None
        digits, times = digits + found * (times if found else 1), (1 if found else times)
    return digits


def _below_hundred(words: list[str], at: int, otherwise: int) -> tuple[str, int]:
    """What may follow "hundred": a teen, or tens; ("", otherwise) if nothing does."""
    word = words[at] if at < len(words) else ""
    if word in TEENS:
        return TEENS[word], at + 1
    if word in TENS:
        unit = UNITS.get(words[at + 1], "") if at + 1 < len(words) else ""
        return TENS[word] + (unit or "0"), at + 1 + bool(unit)
    if at > otherwise and word in UNITS:
        return "0" + UNITS[word], at + 1
    return "", otherwise


def yes_or_no(text: str) -> bool | None:
    """None: it is neither, or both, or more than that."""
    words = words_of(text)
    joined = " ".join(words)
    if re.search(r"\b(not|isn't|that isn't)\b", joined):
        plain = set(words) - {"not", "isn't", "no"} <= POLITE | {"right", "correct", "true", "quite"}
        return False if plain else None
    yes, no = bool(YES & set(words)), bool(NO & set(words))
    if yes == no or set(words) - YES - NO - POLITE:
        return None
    return yes
