"""Languages that a release's name says it is in."""

import re

_WORDS: tuple[tuple[str, str], ...] = (
    ("English", r"ENGLISH|ENG|EN"),
    ("French", r"FRENCH|TRUEFRENCH|FRA|FRE|FR|VF[FQI2]?|VOF"),
    ("Spanish", r"SPANISH|CASTELLANO|ESPA[NÑ]OL|ESP|SPA"),
    ("German", r"GERMAN|GER|DE|DEU|SWISSGERMAN"),
    ("Italian", r"ITALIAN|ITA"),
    ("Danish", r"DANISH|DA|DK|DAN"),
    ("Dutch", r"DUTCH|NL"),
    ("Japanese", r"JAPANESE|JAP|JPN|JP"),
    ("Icelandic", r"ICELANDIC"),
    ("Chinese", r"CHINESE|MANDARIN|CANTONESE|CHI|CHS|CHT"),
    ("Russian", r"RUSSIAN|RUS|RU"),
    ("Polish", r"POLISH|PL|PLDUB|DUBPL|LEKTOR[ ._-]?PL|POL"),
    ("Vietnamese", r"VIETNAMESE|VIE|VIET"),
    ("Swedish", r"SWEDISH|SWE|SE"),
    ("Norwegian", r"NORWEGIAN|NOR"),
    ("Finnish", r"FINNISH|FIN|FI"),
    ("Turkish", r"TURKISH"),
    ("Portuguese", r"PORTUGUESE|POR|PT"),
    ("Flemish", r"FLEMISH"),
    ("Greek", r"GREEK"),
    ("Korean", r"KOREAN|KOR"),
    ("Hungarian", r"HUNGARIAN|HUN|HUNDUB"),
    ("Hebrew", r"HEBREW|HEBDUB|HEB"),
    ("Lithuanian", r"LITHUANIAN|LT"),
    ("Czech", r"CZECH|CZ"),
    ("Romanian", r"ROMANIAN|RODUBBED"),
    ("Hindi", r"HINDI|HIN"),
    ("Thai", r"THAI"),
    ("Bulgarian", r"BULGARIAN|BG|BGAUDIO"),
    ("Portuguese (Brazil)", r"DUBLADO|PTBR|PT-BR|LEGENDADO"),
    ("Arabic", r"ARABIC"),
    ("Ukrainian", r"UKRAINIAN|UKR|UA"),
    ("Persian", r"PERSIAN|FARSI"),
    ("Bengali", r"BENGALI"),
    ("Slovak", r"SLOVAK|SK"),
    ("Latvian", r"LATVIAN|LV"),
    ("Spanish (Latino)", r"LATINO|LAT"),
    ("Catalan", r"CATALAN"),
    ("Croatian", r"CROATIAN"),
    ("Serbian", r"SERBIAN"),
    ("Slovenian", r"SLOVENIAN"),
    ("Estonian", r"ESTONIAN"),
    ("Tamil", r"TAMIL"),
    ("Telugu", r"TELUGU"),
    ("Malayalam", r"MALAYALAM"),
    ("Kannada", r"KANNADA"),
    ("Albanian", r"ALBANIAN"),
    ("Georgian", r"GEORGIAN"),
    ("Urdu", r"URDU"),
    ("Punjabi", r"PUNJABI"),
    ("Mongolian", r"MONGOLIAN"),
    ("Tagalog", r"TAGALOG"),
    ("Indonesian", r"INDONESIAN"),
    ("Original", r"ORIGINAL"),
)
_ONLY_CAPITALS = frozenset(
    (
        *("EN", "FR", "DE", "DA", "DK", "NL", "JP", "RU", "PL", "SE", "FI", "PT", "LT", "CZ", "BG", "UA", "SK", "LV"),
        *("LAT", "ESP", "SPA", "HIN", "JPN", "SWE", "POR", "NOR"),
    )
)
"""Short codes: in lower case they are words of some language."""
_LANGUAGE = re.compile(
    "(?<![A-Za-z0-9])(?:" + "|".join(f"(?P<l{number}>{text})" for number, (_, text) in enumerate(_WORDS)) + ")"
    "(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_CHINESE = re.compile("[\u4e2d]")
_SUBTITLES_FOLLOW = re.compile(r"[ ._-]*(?:SUBS?|SUBBED|SUBTITLES?|CUT)(?![A-Za-z])", re.IGNORECASE)
_DL = re.compile(r"(?<![A-Za-z0-9-])(?<!WEB[ ._])DL(?![A-Za-z0-9])")
_ML = re.compile(r"(?<![A-Za-z0-9])ML(?![A-Za-z0-9])")
_HC = re.compile(r"(?<![A-Za-z0-9])HC(?![A-Za-z0-9])")
_HARDSUB = re.compile(
    r"(?<![A-Za-z0-9])(?:HARD-?SUBS?|HC-?SUBS?|KORSUBS?|FINSUB|HARDCODED[ ._-]?SUBS?|"
    r"(?:CHS|KOR)[ ._-]HARD-?SUBS?)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
ENGLISH, GERMAN, ORIGINAL = "English", "German", "Original"


def read_languages(tail: str) -> tuple[str, ...]:
    """The languages in what follows the year, each once; empty where the name says nothing."""
    found: dict[str, None] = {}
    for match in _LANGUAGE.finditer(tail):
        if match[0].upper() in _ONLY_CAPITALS and not match[0].isupper():
            continue
        if len(match[0]) <= 3 and _SUBTITLES_FOLLOW.match(tail, match.end()):
            continue
        found[_WORDS[int((match.lastgroup or "l0")[1:])][0]] = None
    if GERMAN in found and _DL.search(tail):
        found[ORIGINAL] = None
    if GERMAN in found and _ML.search(tail):
        found |= dict.fromkeys((ORIGINAL, ENGLISH))
    if _CHINESE.search(tail):
        found["Chinese"] = None
    return tuple(found)


def read_hardcoded_subtitles(tail: str) -> str | None:
    """The word that says that subtitles are part of the picture; soft ones (`ESub`, `NORDiCSUBS`) are none."""
    found = _HARDSUB.search(tail) or _HC.search(tail)
    return found[0] if found else None
