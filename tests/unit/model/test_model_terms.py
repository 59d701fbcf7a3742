"""Terms: words of texts, alike however they are written."""

import pytest

from mediakiln.model.kind import Kind
from mediakiln.model.terms import FORMATS, MOST_NAMED, formats, named, terms_of, words
from mediakiln.testing.catalog_samples import an_asset
from mediakiln.testing.specimen_table import SPECIMENS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Invoice 2024-117", ["invoice", "2024", "117"]),
        ("CAFÉ cafe\u0301 café", ["cafe"]),
        ("STRASSE Straße", ["strasse"]),
        ("\uff21\uff22\uff13", ["ab3"]),
        ("snake_case, it's", ["snake", "case", "it", "s"]),
        ("合同编号", ["合同", "同编", "编号"]),
        ("页7页", ["页", "7"]),
        ("한국어", ["한국어"]),
        ("https://example.org/?a=1", ["https", "example", "org", "a", "1"]),
        ("x" * 60, ["x" * 40]),
        ("\0 \ud800 —", []),
    ],
)
def test_a_text_has_its_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("op", "metadata", "expected"),
    [
        ("image.labels", {"labels": [{"name": "tabby cat"}, {"name": "cat"}]}, ["tabby", "cat"]),
        ("image.ocr", {"text": [{"text": "Total due"}], "count": 1}, ["total", "due"]),
        (
            "image.codes",
            {"codes": [{"text": "5901234123457", "format": "EAN13"}]},
            ["5901234123457"],
        ),
        ("image.describe", {"title": "Kiln", "keywords": ["fire", 3]}, ["fire", "kiln"]),
        ("image.describe", {"keywords": "clay"}, ["clay"]),
        ("image.resize", {"labels": [{"name": "cat"}]}, []),
        ("image.ocr", {"text": "no list"}, []),
    ],
)
def test_products_have_the_terms_of_their_operation(
    op: str, metadata: dict[str, object], expected: list[str]
) -> None:
    assert terms_of(op, metadata) == expected


@pytest.mark.parametrize(
    ("name", "tags", "expected"),
    [
        ("IMG_0042.jpg", (), ["img", "0042"]),
        ("a.b.c.TAR", (), ["a", "b", "c", "tar"]),
        ("README", ("for all",), ["readme", "for", "all"]),
        (".png", (), []),
        ("photo.", ("photo", "Foto"), ["photo", "foto"]),
        ("1. draft image", (), ["1", "draft", "image"]),
        (" ".join(f"w{n}" for n in range(60)) + ".pdf", (), [f"w{n}" for n in range(MOST_NAMED)]),
    ],
)
def test_a_name_gives_its_words_but_not_a_usual_extension(
    name: str, tags: tuple[str, ...], expected: list[str]
) -> None:
    assert named(an_asset(name=name, tags=tags)) == expected


@pytest.mark.parametrize(
    ("name", "kind", "media_type", "expected"),
    [
        ("a.JPG", Kind.IMAGE, "image/jpeg", {"image", "jpeg", "jpg"}),
        ("a", None, None, set()),
        ("a.glb", Kind.MODEL3D, "model/gltf-binary", {"model3d", "model", "gltf", "binary", "glb"}),
        ("a.odd", Kind.VIDEO, "video/x-msvideo", {"video", "x", "msvideo"}),
    ],
)
def test_formats_are_those_of_kind_type_and_extension(
    name: str, kind: Kind | None, media_type: str | None, expected: set[str]
) -> None:
    assert formats(an_asset(name=name, kind=kind, media_type=media_type)) == expected


def test_every_word_of_a_format_is_a_term_by_itself() -> None:
    assert all(words(word) == [word] for word in FORMATS)
    assert {str(kind) for kind in Kind} <= FORMATS.keys()
    assert all(FORMATS[kind] is kind for kind in Kind)


def test_every_type_that_is_told_apart_is_found_by_its_words_in_its_kind() -> None:
    for specimen in SPECIMENS:
        told = words(specimen.media_type or "") if specimen.kind else []
        for word in told:
            assert word.isdigit() or FORMATS[word] in {None, specimen.kind}, (specimen.name, word)
