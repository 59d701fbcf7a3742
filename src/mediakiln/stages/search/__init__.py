"""Search: find assets by words of their names and tags, and by what their steps found in them.

Each term of an asset is a record whose key is project, term, and the asset's id turned around,
so that a term's assets are listed newest first, and a beginning's terms lie together. Beside it
one record per asset names all its terms. Records are spread over many spaces, by a term's first
two letters or by the asset, since an engine may keep a space in one place.

Words of formats (kinds, media types, usual extensions) are in so many assets that they are read
off the assets' own records instead.
"""

from mediakiln.stages.search.index import MOST_TERMS, Index
from mediakiln.stages.search.question import MOST_ASKED, MOST_CHARS, Question
from mediakiln.stages.search.stage import Search

__all__ = ["MOST_ASKED", "MOST_CHARS", "MOST_TERMS", "Index", "Question", "Search"]
