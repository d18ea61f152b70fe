"""Numbers as they are said: "$3.50" as "three dollars and fifty cents", by the language of the agent.

Only what can be read in one way is changed; a voice gets the rest as it is written. Patterns are tried from the most
special to the plainest, and where one has matched no other looks. Digits that touch a letter, another mark of a number
or a slash ("B2B", "COVID-19", "1/2", "3.5.1") belong to something else and are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from rtaudio.voice.clause_rules import checked_language, rules_for
from rtaudio.voice.transforms.number_words import BY_LANGUAGE, NumberWords
from rtaudio.voice.transforms.spoken import Edit, Edits

_BEFORE: Final = r"(?<![\w/:@#$€£¥])(?<![\w\d][-.,'’])"
_AFTER: Final = r"(?![\w/:@°%]|[-.,'’]\w)"
_UNGROUPED: Final = r"(?<!\d[ \u202f\u00a0])"
_YEAR: Final = re.compile(r"(?:1[1-9]|20)\d\d")
_NOUN: Final = re.compile(r"\s+[^\W\d]")
MOST_DIGITS: Final = 15
"""Of a number that is said as one; longer ones, without marks, digit by digit."""
DIGIT_BY_DIGIT: Final = 7
"""From so many digits in a row on, a number is taken for one that names something: an account, a phone."""
_INFLECTED: Final = re.compile("am|dem|den|des|vom|zum|im|beim|ab|bis|seit|ihrem|ihren|seinem|seinen")
"""German words behind which an ordinal ends in -n."""


def numbers(language: str | None) -> Numbers:
    """For SessionOptions. Raises ValueError for a language whose numbers we cannot say, ImportError without
    rtaudio[numbers]."""
    checked_language(language)
    tag = (language or "").split("-")[0].lower()
    if tag not in BY_LANGUAGE:
        raise ValueError(f"text transform numbers: set language to one of {', '.join(BY_LANGUAGE)}, not {language!r}")
    try:
        import num2words  # noqa: F401
    except ImportError as error:
        raise ImportError("text transform numbers: pip install 'rtaudio[numbers]'") from error
    return _numbers(tag)


@lru_cache
def _numbers(tag: str) -> Numbers:
    return Numbers(tag, BY_LANGUAGE[tag])


class Numbers:
    """See the module. Pure; its clauses need not know of one another."""

    def __init__(self, tag: str, words: NumberWords) -> None:
        self._tag, self._words = tag, words
        self._ordinal_after = rules_for(tag).ordinal_after
        group, point = re.escape(words.grouping), re.escape(words.point_mark)
        whole = rf"(?:\d{{1,3}}(?:[{group}]\d{{3}})+|\d+)"
        number = rf"{whole}(?:{point}\d+)?"
        units = "|".join(re.escape(unit) for unit in sorted(words.units, key=len, reverse=True))
        money = "|".join(re.escape(sign) for sign in sorted(words.currencies, key=len, reverse=True))
        months = "|".join(words.months)
        scale = rf"(?:\s(?P<{{}}>{words.millions})(?!\w))?"
        clock = r"(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?P<half>(?=\s?[ap]\.?m\b))?"
        clock += "(?: Uhr)?" if tag == "de" else ""
        signed, bare = r"(?<![\w)])[-−]", rf"{_BEFORE}(?P<n4>{number})(?P<gap4>\s?)(?P<unit>{units})(?![\w/°²³])"
        kinds: list[tuple[str, Callable[[re.Match[str]], Iterator[Edit]]]] = [
            (rf"{_BEFORE}(?P<y>\d{{4}})-(?P<mo>0\d|1[0-2])-(?P<d>[0-3]\d){_AFTER}", self._date),
            (rf"{_BEFORE}\+?\(?\d+\)?(?:[- ]\(?\d+\)?)+{_AFTER}", self._phone),
            (rf"{_BEFORE}{_UNGROUPED}(?:\+\d{{7,}}|0\d+|\d{{{DIGIT_BY_DIGIT},}}){_AFTER}", self._digits_alone),
            (rf"{_BEFORE}{clock}{_AFTER}", self._time),
            (rf"(?<![\w$€£¥])(?P<c1>{money})\s?(?P<n1>{number}){scale.format('s1')}{_AFTER}", self._money_before),
            (rf"{_BEFORE}(?P<n2>{number}){scale.format('s2')}\s?(?P<c2>{money})(?!\w)", self._money_behind),
            (rf"(?P<sign3>{signed})?{_BEFORE}(?P<n3>{number})(?P<gap>\s?)%", self._percent),
            (rf"(?P<sign4>{signed})?{bare}", self._unit),
            (rf"{_BEFORE}(?P<from>{number})\s?[-–]\s?(?P<till>{number}){_AFTER}", self._range),
        ]
        if words.ordinal:
            kinds.append((rf"{_BEFORE}(?P<o>\d{{1,4}})(?P<suffix>{words.ordinal})(?!\w)", self._ordinal))
        if tag == "en":
            dated = rf"\b(?P<month>{months})\.?\s(?P<day>[1-9]|[12]\d|3[01])(?:,?\s(?P<year>(?:1\d|20)\d\d))?"
            kinds.insert(0, (rf"{dated}(?![\w:/%]|[.,]\d)", self._english_date))
            kinds.append((rf"(?<=\b[Ii]n )(?P<in>1[1-9]\d\d|20\d\d){_AFTER}(?!\s\w+s\b)", self._year))
        if tag == "de":
            dated = rf"{_BEFORE}(?P<d2>[0-3]?\d)\.(?P<mo2>[01]?\d)\.(?P<y2>\d{{4}}){_AFTER}"
            kinds.insert(0, (dated, self._german_date))
            kinds.insert(1, (r"(?P<before>\b\w+)\s(?P<o2>\d{1,2})\.(?=\s\w)", self._german_ordinal))
        kinds.append((rf"(?P<sign>{signed})?{_BEFORE}(?P<n>{number}){_AFTER}", self._number))
        self._kinds = [(re.compile(pattern), edits) for pattern, edits in kinds]
        self._cardinal = lru_cache(4096)(self._say)

    def begin(self) -> Edits:
        return self._edits

    def _edits(self, text: str) -> list[Edit]:
        if not any(map(str.isdigit, text)):
            return []
        found, taken = list[Edit](), bytearray(len(text))
        for pattern, edits in self._kinds:
            for match in pattern.finditer(text):
                start, end = match.span()
                if any(taken[start:end]):
                    continue
                new = list(edits(match))
                if new:
                    taken[start:end] = b"\1" * (end - start)
                    found += new
        return sorted(found)

    # ---- What is said for each.

    def _say(self, number: int, kind: str = "cardinal") -> str:
        from num2words import num2words

        return str(num2words(number, lang=self._tag, to=kind)).replace(",", "")

    def _spelt(self, digits: str) -> str:
        return " ".join(self._cardinal(int(digit)) for digit in digits)

    def _value(self, written: str) -> str | None:
        """The words of a number as it is written in this language; None if it is too long for one."""
        whole, _, rest = written.partition(self._words.point_mark)
        whole = re.sub(r"\D", "", whole)
        if len(whole) > MOST_DIGITS:
            return None
        said = self._cardinal(int(whole))
        return f"{said} {self._words.point} {self._spelt(rest)}" if rest else said

    def _signed(self, sign: str | None, said: str) -> str:
        return f"{self._words.minus} {said}" if sign else said

    def _is_one(self, written: str) -> bool:
        return written == "1"

    def _agrees(self, written: str, match: re.Match[str]) -> bool:
        """Whether the words depend on the noun that follows ("eine Stunde", "doscientas personas"): a voice knows."""
        if self._tag == "en" or not _NOUN.match(match.string, match.end()):
            return False
        whole = re.sub(r"\D", "", written.partition(self._words.point_mark)[0])
        hundreds = self._tag in ("es", "pt") and len(whole) >= 3 and whole != "100"
        return hundreds or whole[-1] == "1" or (self._tag == "pt" and whole[-1] == "2")

    def _number(self, match: re.Match[str]) -> Iterator[Edit]:
        if self._agrees(match["n"], match):
            return
        if (said := self._value(match["n"])) is not None:
            yield Edit(*match.span(), self._signed(match["sign"], said))

    def _range(self, match: re.Match[str]) -> Iterator[Edit]:
        low, high = self._value(match["from"]), self._value(match["till"])
        if _YEAR.fullmatch(match["from"]) and _YEAR.fullmatch(match["till"]):
            low, high = self._of_year(int(match["from"])), self._of_year(int(match["till"]))
        elif self._agrees(match["till"], match):
            return
        if low is not None and high is not None:
            yield Edit(*match.span(), f"{low} {self._words.to} {high}")

    def _percent(self, match: re.Match[str]) -> Iterator[Edit]:
        if (said := self._value(match["n3"])) is not None:
            yield Edit(match.start(), match.end("n3"), self._signed(match["sign3"], said))
            yield Edit(match.end() - 1, match.end(), self._words.percent if match["gap"] else f" {self._words.percent}")

    def _unit(self, match: re.Match[str]) -> Iterator[Edit]:
        one, more = self._words.units[match["unit"]]
        if len(match["unit"]) == 1 and not match["gap4"]:
            return  # "5G", "4h": may be anything
        if (said := self._value(match["n4"])) is None:
            return
        if self._is_one(match["n4"]):
            said, _, more = one.partition(" ") if " " in one else (one, "", "")
        yield Edit(match.start(), match.end("n4"), self._signed(match["sign4"], said))
        yield Edit(*match.span("unit"), more if match["gap4"] else f" {more}")

    def _money_before(self, match: re.Match[str]) -> Iterator[Edit]:
        yield from self._money(match, match["n1"], match["s1"], match["c1"])

    def _money_behind(self, match: re.Match[str]) -> Iterator[Edit]:
        yield from self._money(match, match["n2"], match["s2"], match["c2"])

    def _money(self, match: re.Match[str], written: str, scale: str | None, sign: str) -> Iterator[Edit]:
        one, more = self._words.currencies[sign]
        whole, _, rest = written.partition(self._words.point_mark)
        if scale or len(rest) not in (0, 2):
            if (said := self._value(written)) is not None:
                link = "" if scale and scale.endswith("'") else " "
                yield Edit(*match.span(), f"{said} {scale}{link}{more}" if scale else f"{said} {more}")
            return
        if (said := self._value(whole)) is None:
            return
        amount = one if self._is_one(whole) else f"{said} {more}"
        if rest.strip("0"):
            cent = "cent" if int(rest) == 1 else "cents"
            if sign in "£GBP":
                cent = "pence" if int(rest) > 1 else "penny"
            amount = self._words.money.format(whole=amount, cents=self._cardinal(int(rest)), cent=cent)
        yield Edit(*match.span(), amount)

    def _time(self, match: re.Match[str]) -> Iterator[Edit]:
        hour, minute = int(match["h"]), int(match["m"])
        hours = self._words.one_hour if hour == 1 else self._cardinal(hour)
        minutes = self._cardinal(minute)
        if self._tag == "en":
            minutes = f"oh {minutes}" if minute < 10 else minutes
            if minute == 0 and (match["half"] is not None or not 1 <= hour <= 12):
                yield Edit(*match.span(), hours if match["half"] is not None else f"{hours} hundred")
                return
        said = (self._words.clock if minute else self._words.full_hour).format(h=hours, m=minutes)
        if self._tag == "fr" and hour == 1:
            said = said.replace("heures", "heure")
        yield Edit(*match.span(), said)

    def _phone(self, match: re.Match[str]) -> Iterator[Edit]:
        groups = re.findall(r"\d+", match[0])
        digits = "".join(groups)
        plus = match[0].startswith("+")
        years = len(groups) == 2 and all(map(_YEAR.fullmatch, groups))
        thousands = " " in self._words.grouping and all(len(group) == 3 for group in groups[1:])
        if years or len(digits) < DIGIT_BY_DIGIT or len(digits) > 20 or (thousands and not plus and digits[0] != "0"):
            return
        if max(map(len, groups)) > 8 or ("-" not in match[0] and not plus and digits[0] != "0" and "(" not in match[0]):
            return
        said = ", ".join(self._spelt(group) for group in groups)
        yield Edit(*match.span(), f"plus {said}" if plus else said)

    def _digits_alone(self, match: re.Match[str]) -> Iterator[Edit]:
        said = self._spelt(match[0].lstrip("+"))
        yield Edit(*match.span(), f"plus {said}" if match[0].startswith("+") else said)

    def _ordinal(self, match: re.Match[str]) -> Iterator[Edit]:
        said, suffix = self._say(int(match["o"]), "ordinal"), match["suffix"]
        if suffix.endswith("ª"):
            said = re.sub(r"o\b", "a", said)
        elif suffix in ("re", "ère"):
            said = said.replace("premier", "première")
        yield Edit(*match.span(), said)

    def _german_ordinal(self, match: re.Match[str]) -> Iterator[Edit]:
        before = match["before"].lower()
        if before in self._ordinal_after:
            said = self._say(int(match["o2"]), "ordinal") + ("n" if _INFLECTED.fullmatch(before) else "")
            yield Edit(match.start("o2"), match.end(), said)

    def _german_date(self, match: re.Match[str]) -> Iterator[Edit]:
        yield from self._dated(match, int(match["d2"]), int(match["mo2"]), int(match["y2"]))

    def _date(self, match: re.Match[str]) -> Iterator[Edit]:
        yield from self._dated(match, int(match["d"]), int(match["mo"]), int(match["y"]))

    def _dated(self, match: re.Match[str], day: int, month: int, year: int) -> Iterator[Edit]:
        if not (1 <= day <= 31 and 1 <= month <= 12):
            return
        said = self._cardinal(day)
        if self._tag == "en" or (self._tag == "fr" and day == 1):
            said = self._say(day, "ordinal")
        elif self._tag == "de":
            before = match.string[: match.start()].split()[-1:]
            behind = before and _INFLECTED.fullmatch(before[0].lower())
            said = self._say(day, "ordinal") + ("n" if behind else "r")
        names = self._words.months
        yield Edit(*match.span(), self._words.date.format(d=said, month=names[month - 1], year=self._of_year(year)))

    def _of_year(self, year: int) -> str:
        return self._say(year, "year") if self._tag in ("en", "de", "nl") else self._cardinal(year)

    def _english_date(self, match: re.Match[str]) -> Iterator[Edit]:
        yield Edit(*match.span("day"), self._say(int(match["day"]), "ordinal"))
        if match["year"]:
            yield Edit(*match.span("year"), self._of_year(int(match["year"])))

    def _year(self, match: re.Match[str]) -> Iterator[Edit]:
        yield Edit(*match.span(), self._of_year(int(match["in"])))
