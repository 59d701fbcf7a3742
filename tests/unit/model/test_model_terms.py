"""Terms: words of texts, alike however they are written."""

import pytest

from mediakiln.model.terms import terms_of, words


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
