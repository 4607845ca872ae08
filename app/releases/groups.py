"""The group that made a release, and what people who post it add behind the name."""

import re

_EXTENSION = re.compile(
    r"\.(?:mkv|mk3d|mp4|m4v|avi|divx|wmv|mov|mpe?g|m2ts|ts|iso|img|vob|webm|flv|ogm|rmvb|nzb|torrent|rar|zip|7z|par2|sfv|"
    r"nfo|srr|srs|srt|sub|idx|ass|ssa|strm|asf|r[0-9]{2}|part[0-9]{1,3}(?:\.rar)?|vol[0-9]+\+[0-9]+)$",
    re.IGNORECASE,
)
_POSTED = re.compile(
    r"(?:[-. ]|(?=\[))(?:\[?(?:eztv|ettv|rartv|rarbg|TGx|xpost|obfuscated|obfuscation|postbot|Scrambled|BUYMORE|"
    r"AsRequested|"
    r"AlternativeToRequested|GEROV|NZBGeek|Z0iDS3N|Chamele0n|4P|4Planet|AlteZachen|WhiteRev|RePACKPOST|Rakuv[a-z0-9]*|"
    r"sample|BTN|1|Pre|RP|EVO-TGx)(?:\])?)$",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"(?<= )\[(?P<group>[A-Za-z0-9][A-Za-z0-9-]{0,40})\]$")
_NO_GROUP = re.compile(
    r"^(?:[0-9]+|480p|576p|720p|1080[pi]|2160p|DL|Rip|RAY|D|HD|ES|MA|264|bit|The|265|[Ss]ub|HDR|MULTI|DUAL)$",
    re.IGNORECASE,
)
MAX_SUFFIXES = 4


def without_suffixes(name: str) -> str:
    """The name without endings of files and without what posters add."""
    text = name.rstrip()
    for _ in range(MAX_SUFFIXES):
        shorter = _POSTED.sub("", _EXTENSION.sub("", text)).rstrip()
        if shorter == text:
            break
        text = shorter
    return text


def read_group(name: str, leading: str | None) -> str | None:
    """A group in brackets at the beginning wins; else it follows the last hyphen, or stands in brackets at the end."""
    if leading is not None:
        return leading
    at = name.rfind("-")
    if at >= 0:
        word = re.match(r"-\[?([A-Za-z0-9]+)", name[at:])
        rest = name[at + (word.end() if word else 0) :]
        if word and not _NO_GROUP.match(word[1]) and re.match(r"^[\])]?(?:[._@!(\[{ ].{0,60})?$", rest):
            return word[1]
    ending = _BRACKETED.search(name)
    return ending["group"] if ending and not _NO_GROUP.match(ending["group"]) else None
