"""What ends a clause, language by language: data for clauses.py.

A language is named by its BCP 47 tag; the first part counts. None, and one that is not here, gets COMMON: the
abbreviations that are no word at the end of a sentence in any of the languages below. Marks hold for all languages, as
none uses another's for something else; the Greek question mark, which looks like a semicolon, is the exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

STRONG: Final = frozenset(".!?…؟۔።‼⁇⁈⁉")
"""Before white space. Latin, Arabic, Urdu, Ethiopic."""
STRONG_ANYWHERE: Final = frozenset("。｡！？।॥։។။")
"""Of scripts that put no space behind them: Chinese and Japanese, Devanagari, Armenian, Khmer, Burmese."""
WEAK: Final = frozenset(",;:–—-،؛")
"""Before white space, once the clause is long enough."""
WEAK_ANYWHERE: Final = frozenset("、，；：")
CLOSING: Final = frozenset("\"'”’“‘»«›‹)]}*_」』）】》〉］｝")
"""Directly behind a strong end they belong to it. “ closes in German, « in Danish."""
OPENING: Final = "\"'“‘„‚«»‹([{*_¿¡「『（【《〈［｛"

_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Rules:
    """Words in lower case, without their last period. `never_end`: abbreviations that go on; `before_capital`: those
    that may end a sentence, which they do before a capital letter; `before_number`: those that are one before a number
    only. One letter is an initial and goes on. `ordinal_after`, `months` (their first three letters): "3." is "third"
    behind, or before, one of those.
    `strong`: marks of this language alone."""

    never_end: frozenset[str]
    before_capital: frozenset[str]
    before_number: frozenset[str]
    ordinal_after: frozenset[str] = frozenset()
    months: frozenset[str] = frozenset()
    strong: frozenset[str] = frozenset()


def _rules(never_end: str, before_capital: str, before_number: str, after: str = "", months: str = "") -> Rules:
    return Rules(*(frozenset(words.split()) for words in (never_end, before_capital, before_number, after, months)))


_EN: Final = _rules(
    "dr mr mrs ms prof st vs e.g i.e cf approx dept est rev gen lt sgt capt hon",
    "etc a.m p.m inc ltd co corp jr sr ave blvd rd",
    "no nos fig vol pp apt jan feb mar apr jun jul aug sep sept oct nov dec",
)
_DE: Final = _rules(
    "dr hr fr prof dipl ing st z.b d.h bzw vgl evtl ggf inkl exkl zzgl ca i.d.r u.a o.ä s.o s.u gem lt max min mind "
    "geb hrsg sog tel allg bspw",
    "usw etc u.s.w str co gmbh jh jr sr",
    "nr abs art bd kap abb tab ziff jan feb mrz apr jun jul aug sep sept okt nov dez",
    "am der die das den dem des vom zum im beim ab bis seit zur ihr ihre ihrem ihren sein seine seinem",
    "jan feb mär apr mai jun jul aug sep okt nov dez",
)
_FR: Final = _rules(
    "av ex mm dr mme mlle mgr st ste cf p.ex c.-à-d env vs tél",
    "etc j.-c cie bd",
    "no art pp vol chap fig janv févr avr juil sept oct nov déc",
)
_ES: Final = _rules(
    "sr sra srta sres dr dra dª prof lic ing gral p.ej vs aprox tel av avda pza ud uds",
    "etc ee.uu cía ltda jr",
    "núm no art pág págs vol cap fig ene feb mar abr may jun jul ago sept oct nov dic",
)
_PT: Final = _rules(
    "sr sra srta dr dra prof profa eng exmo p.ex vs aprox tel av",
    "etc ltda cia jr",
    "nº art pág págs vol cap fig jan fev mar abr mai jun jul ago set out nov dez",
)
_IT: Final = _rules(
    "sig sigg sig.ra dott dott.ssa prof prof.ssa ing avv geom rag on p.es es ca tel vs",
    "ecc a.c d.c",
    "nn art pag pagg vol cap fig gen feb mar apr mag giu lug ago set ott nov dic",
)
_NL: Final = _rules(
    "dhr mevr mw dr drs ir ing mr prof bijv bv d.w.z o.a i.v.m t.a.v m.b.t ca incl excl evt resp tel vgl",
    "enz etc jr sr",
    "nr art blz fig jan feb mrt apr jun jul aug sept okt nov dec",
)
_PL: Final = _rules(
    "dr mgr inż prof ks św ul al pl np m.in tzn tj tel ww",
    "itd itp",
    "nr str poz art ust pkt",
    "dnia do od po na",
)
_SV: Final = _rules(
    "dr prof t.ex bl.a d.v.s ca resp s.k f.d p.g.a tel",
    "osv m.m etc",
    "nr kap jan feb apr jun jul aug sept okt nov dec",
)
_DA: Final = _rules(
    "dr hr fr prof f.eks bl.a dvs d.v.s ca evt inkl ekskl tlf jf",
    "osv mv m.m etc",
    "nr kap jan feb mar apr jun jul aug sept okt nov dec",
    "den",
    "jan feb mar apr maj mai jun jul aug sep okt nov dec des",
)
_RU: Final = _rules("г ул пр им т.е т.к т.н гр тел проф акад руб коп", "др пр т.д т.п", "д кв стр рис № п ст гл")
_EL: Final = replace(
    _rules("κ κα π.χ δηλ καθ αρ τηλ οδ", "κ.λπ κλπ κ.ά μ.μ π.μ", "σελ αριθ"),
    strong=frozenset(";\u037e"),
)
_BY_LANGUAGE: Final = {
    "en": _EN,
    "de": _DE,
    "fr": _FR,
    "es": _ES,
    "pt": _PT,
    "it": _IT,
    "nl": _NL,
    "pl": _PL,
    "sv": _SV,
    "da": _DA,
    "nb": _DA,
    "no": _DA,
    "ru": _RU,
    "el": _EL,
}
COMMON: Final = _rules(
    "dr mr mrs ms prof st vs e.g i.e cf approx dept lt sgt capt z.b d.h bzw mme mlle sr sra srta dra sig dott dhr mevr "
    "p.ex p.ej p.es m.in t.ex f.eks bl.a d.v.s ggf evtl vgl",
    "etc a.m p.m inc ltd corp jr ave blvd rd usw ecc itd itp osv ee.uu",
    "no nos nr fig vol pp apt ca art pág págs pag núm "
    "jan feb mar apr abr jun jul aug ago sep sept oct okt ott nov dec dez dic déc",
)
LANGUAGES: Final = tuple(sorted(_BY_LANGUAGE))


def checked_language(tag: str | None) -> str | None:
    """The tag as it is. Raises ValueError for one that is none."""
    if tag is not None and not _TAG.fullmatch(tag):
        raise ValueError(f"language = {tag!r}: give a BCP 47 tag such as 'de' or 'en-GB', or None")
    return tag


def rules_for(language: str | None) -> Rules:
    """Those of the language of a tag ("de-AT": German's); the common ones for None and for languages without own."""
    return COMMON if language is None else _BY_LANGUAGE.get(language.split("-")[0].lower(), COMMON)
