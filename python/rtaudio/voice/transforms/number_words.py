"""What is said with numbers, language by language: data for numbers.py. Cardinals and ordinals come from num2words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class NumberWords:
    """`grouping`, `point_mark`: how numbers are written. `ordinal`: a pattern of what follows the digits of one.
    `clock`, `full_hour`: a time of day, with {h} and {m}; `one_hour` for {h} = 1. `date`: with {d}, {month} and {year}.
    `money`: how an amount with cents is said. `units`: symbol to (with one, with more): "ein Euro", "Euro"."""

    grouping: str
    point_mark: str
    point: str
    minus: str
    percent: str
    to: str
    ordinal: str
    clock: str
    full_hour: str
    one_hour: str
    date: str
    months: tuple[str, ...]
    money: str
    currencies: Mapping[str, tuple[str, str]]
    units: Mapping[str, tuple[str, str]]
    millions: str


def _list(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def _table(lines: str) -> dict[str, tuple[str, str]]:
    """A line for each: symbols, what is said with one, what is said with more; separated by bars."""
    table = dict[str, tuple[str, str]]()
    for line in lines.strip().splitlines():
        symbols, one, more = (part.strip() for part in line.split("|"))
        table |= dict.fromkeys(symbols.split(), (one, more))
    return table


_EN: Final = NumberWords(
    grouping=",",
    point_mark=".",
    point="point",
    minus="minus",
    percent="percent",
    to="to",
    ordinal="st|nd|rd|th",
    clock="{h} {m}",
    full_hour="{h} o'clock",
    one_hour="one",
    date="{month} {d}, {year}",
    months=_list("January February March April May June July August September October November December"),
    money="{whole} and {cents} {cent}",
    currencies=_table(
        """
        $ USD | one dollar | dollars
        € EUR | one euro | euros
        £ GBP | one pound | pounds
        ¥ JPY | one yen | yen
        CHF | one franc | francs
        """
    ),
    units=_table(
        """
        km | one kilometer | kilometers
        m | one meter | meters
        cm | one centimeter | centimeters
        mm | one millimeter | millimeters
        mi | one mile | miles
        ft | one foot | feet
        kg | one kilogram | kilograms
        g | one gram | grams
        mg | one milligram | milligrams
        lb lbs | one pound | pounds
        oz | one ounce | ounces
        l L | one liter | liters
        ml mL | one milliliter | milliliters
        km/h | one kilometer per hour | kilometers per hour
        mph | one mile per hour | miles per hour
        °C | one degree Celsius | degrees Celsius
        °F | one degree Fahrenheit | degrees Fahrenheit
        kW | one kilowatt | kilowatts
        kWh | one kilowatt hour | kilowatt hours
        MB | one megabyte | megabytes
        GB | one gigabyte | gigabytes
        h | one hour | hours
        min | one minute | minutes
        """
    ),
    millions="million|billion|trillion|thousand",
)
_DE: Final = NumberWords(
    grouping=".",
    point_mark=",",
    point="Komma",
    minus="minus",
    percent="Prozent",
    to="bis",
    ordinal="",
    clock="{h} Uhr {m}",
    full_hour="{h} Uhr",
    one_hour="ein",
    date="{d} {month} {year}",
    months=_list("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    money="{whole} {cents}",
    currencies=_table(
        """
        € EUR | ein Euro | Euro
        $ USD | ein Dollar | Dollar
        £ GBP | ein Pfund | Pfund
        CHF | ein Franken | Franken
        """
    ),
    units=_table(
        """
        km | ein Kilometer | Kilometer
        m | ein Meter | Meter
        cm | ein Zentimeter | Zentimeter
        mm | ein Millimeter | Millimeter
        kg | ein Kilogramm | Kilogramm
        g | ein Gramm | Gramm
        mg | ein Milligramm | Milligramm
        l | ein Liter | Liter
        ml | ein Milliliter | Milliliter
        km/h | ein Kilometer pro Stunde | Kilometer pro Stunde
        °C | ein Grad Celsius | Grad Celsius
        kW | ein Kilowatt | Kilowatt
        kWh | eine Kilowattstunde | Kilowattstunden
        MB | ein Megabyte | Megabyte
        GB | ein Gigabyte | Gigabyte
        h | eine Stunde | Stunden
        min | eine Minute | Minuten
        """
    ),
    millions="Millionen|Milliarden|Billionen",
)
_FR: Final = NumberWords(
    grouping="\u202f\u00a0 ",
    point_mark=",",
    point="virgule",
    minus="moins",
    percent="pour cent",
    to="à",
    ordinal="er|re|ère|ème|e",
    clock="{h} heures {m}",
    full_hour="{h} heures",
    one_hour="une",
    date="{d} {month} {year}",
    months=_list("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    money="{whole} {cents}",
    currencies=_table("€ EUR | un euro | euros\n $ USD | un dollar | dollars\n £ GBP | une livre | livres"),
    units=_table(
        """
        km | un kilomètre | kilomètres
        m | un mètre | mètres
        cm | un centimètre | centimètres
        kg | un kilogramme | kilogrammes
        g | un gramme | grammes
        l | un litre | litres
        km/h | un kilomètre à l'heure | kilomètres à l'heure
        °C | un degré | degrés
        h | une heure | heures
        min | une minute | minutes
        """
    ),
    millions="millions d'|milliards d'",
)
_ES: Final = NumberWords(
    grouping=".\u202f\u00a0",
    point_mark=",",
    point="coma",
    minus="menos",
    percent="por ciento",
    to="a",
    ordinal="[.]?[ºª]",
    clock="{h} y {m}",
    full_hour="{h} en punto",
    one_hour="una",
    date="{d} de {month} de {year}",
    months=_list("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    money="{whole} con {cents}",
    currencies=_table("€ EUR | un euro | euros\n $ USD | un dólar | dólares\n £ GBP | una libra | libras"),
    units=_table(
        """
        km | un kilómetro | kilómetros
        m | un metro | metros
        cm | un centímetro | centímetros
        kg | un kilo | kilos
        g | un gramo | gramos
        l | un litro | litros
        km/h | un kilómetro por hora | kilómetros por hora
        °C | un grado | grados
        h | una hora | horas
        min | un minuto | minutos
        """
    ),
    millions="millones de",
)
_IT: Final = NumberWords(
    grouping=".",
    point_mark=",",
    point="virgola",
    minus="meno",
    percent="per cento",
    to="a",
    ordinal="[.]?[ºª°]",
    clock="{h} e {m}",
    full_hour="{h} in punto",
    one_hour="una",
    date="{d} {month} {year}",
    months=_list("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
    money="{whole} e {cents}",
    currencies=_table("€ EUR | un euro | euro\n $ USD | un dollaro | dollari\n £ GBP | una sterlina | sterline"),
    units=_table(
        """
        km | un chilometro | chilometri
        m | un metro | metri
        cm | un centimetro | centimetri
        kg | un chilo | chili
        g | un grammo | grammi
        l | un litro | litri
        km/h | un chilometro all'ora | chilometri all'ora
        °C | un grado | gradi
        h | un'ora | ore
        min | un minuto | minuti
        """
    ),
    millions="milioni di",
)
_NL: Final = NumberWords(
    grouping=".",
    point_mark=",",
    point="komma",
    minus="min",
    percent="procent",
    to="tot",
    ordinal="ste|de|e",
    clock="{h} uur {m}",
    full_hour="{h} uur",
    one_hour="één",
    date="{d} {month} {year}",
    months=_list("januari februari maart april mei juni juli augustus september oktober november december"),
    money="{whole} {cents}",
    currencies=_table("€ EUR | één euro | euro\n $ USD | één dollar | dollar\n £ GBP | één pond | pond"),
    units=_table(
        """
        km | één kilometer | kilometer
        m | één meter | meter
        cm | één centimeter | centimeter
        kg | één kilo | kilo
        g | één gram | gram
        l | één liter | liter
        km/u | één kilometer per uur | kilometer per uur
        °C | één graad | graden
        min | één minuut | minuten
        """
    ),
    millions="miljoen|miljard",
)
_PT: Final = NumberWords(
    grouping=".\u202f\u00a0",
    point_mark=",",
    point="vírgula",
    minus="menos",
    percent="por cento",
    to="a",
    ordinal="[.]?[ºª]",
    clock="{h} e {m}",
    full_hour="{h} em ponto",
    one_hour="uma",
    date="{d} de {month} de {year}",
    months=_list("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    money="{whole} e {cents}",
    currencies=_table(
        "€ EUR | um euro | euros\n $ USD | um dólar | dólares\n R$ BRL | um real | reais\n £ GBP | uma libra | libras"
    ),
    units=_table(
        """
        km | um quilômetro | quilômetros
        m | um metro | metros
        cm | um centímetro | centímetros
        kg | um quilo | quilos
        g | um grama | gramas
        l | um litro | litros
        km/h | um quilômetro por hora | quilômetros por hora
        °C | um grau | graus
        h | uma hora | horas
        min | um minuto | minutos
        """
    ),
    millions="milhões de",
)
BY_LANGUAGE: Final[Mapping[str, NumberWords]] = {
    "de": _DE,
    "en": _EN,
    "es": _ES,
    "fr": _FR,
    "it": _IT,
    "nl": _NL,
    "pt": _PT,
}
