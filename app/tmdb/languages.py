"""English names of languages by their ISO 639-1 codes, as release names are read (`app/releases/languages.py`)."""

from collections.abc import Mapping
from types import MappingProxyType

_NAMES = (
    "ar Arabic, az Azerbaijani, be Belarusian, bg Bulgarian, bn Bengali, bs Bosnian, ca Catalan, cn Chinese, cs "
    "Czech, da Danish, de German, el Greek, en English, es Spanish, et Estonian, eu Basque, fa Persian, fi Finnish, "
    "fr French, ga Irish, gl Galician, gu Gujarati, he Hebrew, hi Hindi, hr Croatian, hu Hungarian, hy Armenian, id "
    "Indonesian, is Icelandic, it Italian, ja Japanese, ka Georgian, kk Kazakh, km Khmer, kn Kannada, ko Korean, ku "
    "Kurdish, lt Lithuanian, lv Latvian, mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay, my "
    "Burmese, nb Norwegian, ne Nepali, nl Dutch, no Norwegian, pa Punjabi, pl Polish, ps Pashto, pt Portuguese, ro "
    "Romanian, ru Russian, sk Slovak, sl Slovenian, sq Albanian, sr Serbian, sv Swedish, ta Tamil, te Telugu, th "
    "Thai, tl Tagalog, tr Turkish, uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese, zh Chinese"
)
LANGUAGES: Mapping[str, str] = MappingProxyType(dict(each.split(" ", 1) for each in _NAMES.split(", ")))
