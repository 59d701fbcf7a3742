"""HTML: the text a reader would see, parsed as browsers do (by Lexbor)."""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

from mediakiln.operations.document.charset import decode

_INVISIBLE = (
    "script, style, template, noscript, iframe, object, embed, svg, math, canvas, audio, video, "
    "select, datalist, textarea, head, [hidden], [aria-hidden=true]"
)
_PARAGRAPHS = (
    "p, h1, h2, h3, h4, h5, h6, ul, ol, dl, table, blockquote, pre, section, article, header, "
    "footer, main, nav, aside, figure, form, fieldset, hr"
)
_LINES = "div, li, dt, dd, tr, br, address, figcaption, caption, legend, summary, details, option"
_CELLS = "td, th"

# Signs between pieces of text, taken from the separators that no HTML text contains.
_PARAGRAPH, _LINE, _CELL, _SPACE = "\x1d", "\x1e", "\x1f", "\x1c"
_SIGNS = re.compile(f"[{_PARAGRAPH}{_LINE}{_CELL}{_SPACE}]")
_WHITE = re.compile(r"[ \t\n\r\f]+")
_BREAK = re.compile(f"[ {_LINE}{_PARAGRAPH}]*[{_LINE}{_PARAGRAPH}][ {_LINE}{_PARAGRAPH}]*")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:.-]{1,40})", re.IGNORECASE)
_PRESCAN_BYTES = 1024
"""How far browsers look for a declared encoding (HTML standard, 13.2.3.2)."""


@dataclass(frozen=True, slots=True)
class HtmlText:
    """What an HTML document shows, and its title and author if it names them."""

    text: str
    title: str | None
    author: str | None


def parse(data: bytes) -> HtmlText:
    """Decode by byte order mark, declared encoding or content, and lay the text out in lines.

    Raises:
        BadMedia: it is no text.
    """
    declared = _CHARSET.search(data[:_PRESCAN_BYTES])
    source = decode(data, declared[1].decode("ascii") if declared else None)
    tree = LexborHTMLParser(_SIGNS.sub("", source))
    title = tree.css_first("head title")
    author = tree.css_first('meta[name="author" i]')
    # Read before the invisible parts, which these are among, are taken out.
    named = title.text() if title else None
    by = author.attributes.get("content") if author else None
    return HtmlText(text=_visible(tree), title=named, author=by)


def _visible(tree: LexborHTMLParser) -> str:
    for node in tree.css(_INVISIBLE):
        node.decompose()
    for selector, sign in ((_PARAGRAPHS, _PARAGRAPH), (_LINES, _LINE)):
        for node in tree.css(selector):
            node.insert_before(sign)
            node.insert_after(sign)
    for node in tree.css(_CELLS):
        node.insert_after(_CELL)
    for node in tree.css("pre"):
        kept = node.text(deep=True, separator="").strip("\n")
        node.replace_with(kept.replace("\n", _LINE).replace(" ", _SPACE))
    body = tree.body
    text = "" if body is None else body.text(deep=True, separator="")
    return _laid_out(_WHITE.sub(" ", text))


def _laid_out(text: str) -> str:
    """Turn signs into white space: the strongest of several in a row counts."""
    text = re.sub(f" *{_CELL}(?=[ {_LINE}{_PARAGRAPH}{_CELL}]*[{_LINE}{_PARAGRAPH}])", "", text)
    text = _BREAK.sub(lambda run: "\n\n" if _PARAGRAPH in run[0] else "\n", text)
    text = re.sub(f" *{_CELL} *", "\t", text)
    return text.replace(_SPACE, " ").strip("\n ")
