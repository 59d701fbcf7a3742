"""Terms: the words under which assets are found: of names, of texts, of what steps found."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from mediakiln.model.asset import Asset
from mediakiln.model.kind import Kind

MOST_CHARS: Final = 40
"""Of one term; longer words are found by their beginning."""
_FIRST_CHARS: Final = 4_000
"""Of one text; what comes later is not searched."""
_UNSPACED: Final = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
"""Writing without spaces between words: kana and Chinese characters."""
_WORD: Final = re.compile(r"[^\W_]+")
MOST_NAMED: Final = 32
"""Terms of one asset's name and tags."""
_FORMATS: Final[Mapping[Kind | None, str]] = {
    Kind.IMAGE: "image jpeg jpg jfif png apng gif webp avif heic heif tiff tif bmp svg jxl jp2 jpx "
    "j2c psd photoshop ico icon icns qoi exr hdr radiance dng raw cr2 cr3 nef arw orf rw2 raf dcm "
    "dicom portable anymap bitmap graymap pixmap pnm ppm pgm pbm",
    Kind.DOCUMENT: "document pdf doc docx docm msword word odt rtf xls xlsx excel sheet ods ppt "
    "pptx powerpoint presentation odp spreadsheet epub txt plain csv tsv tab separated values html "
    "htm xhtml md markdown ndjson eml message rfc822 msg outlook ics calendar vcf vcard srt subrip "
    "vtt openxmlformats officedocument wordprocessingml spreadsheetml presentationml macroenabled "
    "oasis opendocument",
    Kind.MODEL3D: "model3d model glb gltf stl obj ply off 3mf step stp fbx usdz usdc usda dae "
    "collada wrl vrml x3d",
    Kind.VIDEO: "video mov quicktime avi msvideo mkv flv wmv m4v mpg mp2t mj2 mxf asf",
    Kind.AUDIO: "audio mp3 wav wave flac aac opus aiff aif m4a caf mid midi amr ape wma ac3 eac3 "
    "wavpack",
    None: "application text binary x vnd ms adobe microsoft apple autodesk json xml zip mp4 mpeg "
    "ogg webm matroska 3gp 3gpp 3gpp2",
}
FORMATS: Final[Mapping[str, Kind | None]] = {
    word: kind for kind, listed in _FORMATS.items() for word in listed.split()
}
"""The words of kinds, media types and usual file extensions, and the kind that each is of.

None: of several kinds. So many assets have one that they are read off the record, not indexed.
"""


def words(text: str) -> list[str]:
    """The terms of a text, each once, in their order.

    Case, accents and widths of letters do not count. Writing without spaces is cut into pairs of
    characters that overlap, as Lucene's CJKBigramFilter does it.
    """
    folded = unicodedata.normalize("NFKD", text[:_FIRST_CHARS].casefold())
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    plain = unicodedata.normalize("NFKC", bare)
    return list(dict.fromkeys(term for word in _WORD.findall(plain) for term in _cut(word)))


def named(asset: Asset) -> list[str]:
    """The terms of an asset's name, without a usual extension, and of its tags."""
    stem, _, extension = asset.name.rpartition(".")
    plain = stem if set(words(extension)) <= FORMATS.keys() else asset.name
    return list(dict.fromkeys(term for text in (plain, *asset.tags) for term in words(text)))[
        :MOST_NAMED
    ]


def formats(asset: Asset) -> set[str]:
    """The terms of an asset's kind, media type and file extension."""
    extension = asset.name.rpartition(".")[2]
    texts = (asset.kind or "", asset.media_type or "", extension)
    return {term for text in texts for term in words(text) if term in FORMATS}


def _cut(word: str) -> Iterator[str]:
    end = 0
    for run in _UNSPACED.finditer(word):
        if word[end : run.start()]:
            yield word[end : run.start()][:MOST_CHARS]
        signs, end = run.group(), run.end()
        yield from (signs[at : at + 2] for at in range(max(1, len(signs) - 1)))
    if word[end:]:
        yield word[end:][:MOST_CHARS]


def _named(key: str, name: str) -> Callable[[Mapping[str, Any]], Iterable[Any]]:
    def texts(metadata: Mapping[str, Any]) -> Iterable[Any]:
        things = metadata.get(key)
        if isinstance(things, list):
            return [thing.get(name) for thing in things if isinstance(thing, Mapping)]
        return []

    return texts


def _described(metadata: Mapping[str, Any]) -> Iterable[Any]:
    keywords = metadata.get("keywords")
    return [*(keywords if isinstance(keywords, list) else [keywords]), metadata.get("title")]


_TEXTS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterable[Any]]]] = {
    "image.labels": _named("labels", "name"),
    "image.codes": _named("codes", "text"),
    "image.describe": _described,
    "image.ocr": _named("text", "text"),
}
"""Where the metadata of an operation's products has texts; the most telling first."""
SEARCHED: Final = tuple(_TEXTS)
"""The operations whose results are searched, the most telling first."""


def terms_of(op: str, metadata: Mapping[str, Any]) -> list[str]:
    """The terms in the metadata of one product of an operation."""
    texts = _TEXTS[op](metadata) if op in _TEXTS else []
    return list(
        dict.fromkeys(term for text in texts if isinstance(text, str) for term in words(text))
    )
