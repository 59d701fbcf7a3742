"""Questions: which words are looked for, and which of them leads to the answers."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.terms import FORMATS, words
from mediakiln.stages.search.places import LEAST_BEGINNING

MOST_ASKED: Final = 16
"""Words of one question."""
MOST_CHARS: Final = 500
"""Of one question."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: all of the words, and words with all of the beginnings."""

    words: tuple[str, ...]
    beginnings: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Question":
        """Read a question: words, of which those that end with `*` are beginnings.

        Raises:
            InvalidRequest: it is too long, has no word, too many, or too short a beginning.
        """
        if len(text) > MOST_CHARS:
            raise InvalidRequest(
                f"a search is at most {MOST_CHARS} characters",
                field="q",
                limit=MOST_CHARS,
                value=len(text),
            )
        whole: list[str] = []
        begun: list[str] = []
        for part in text.split():
            found = words(part)
            if part.endswith("*") and found:
                begun.append(found.pop())
            whole += found
        asked = cls(tuple(dict.fromkeys(whole)), tuple(dict.fromkeys(begun)))
        asked._check()
        return asked

    def _check(self) -> None:
        count = len(self.words) + len(self.beginnings)
        if not count:
            raise InvalidRequest(
                "a search names at least one word",
                field="q",
                limit=1,
                value=0,
                hint="letters or digits, such as q=invoice or q=invo*",
            )
        if count > MOST_ASKED:
            raise InvalidRequest(
                f"a search names at most {MOST_ASKED} words",
                field="q",
                limit=MOST_ASKED,
                value=count,
            )
        for beginning in self.beginnings:
            if len(beginning) < LEAST_BEGINNING:
                raise InvalidRequest(
                    f"the beginning {beginning}* is too short",
                    field="q",
                    limit=LEAST_BEGINNING,
                    value=len(beginning),
                )

    @property
    def _rare(self) -> tuple[str, ...]:
        return tuple(word for word in self.words if word not in FORMATS)

    @property
    def leading(self) -> str:
        """The term, or the beginning of terms, whose entries are read: the longest, so the rarest.

        Words of formats lead only where there is nothing else, those of one kind before others.
        What is left is looked up in the terms of the assets that these name.
        """
        if self._rare or self.beginnings:
            return max(self._rare or self.beginnings, key=len)
        return max(self.words, key=lambda word: (FORMATS[word] is not None, len(word)))

    @property
    def begun(self) -> bool:
        """Whether what leads is a beginning."""
        return bool(self.beginnings) and not self._rare

    @property
    def of_formats(self) -> bool:
        """Whether all words are of formats, so that assets without an entry may answer it."""
        return not self.beginnings and not self._rare

    @property
    def single(self) -> bool:
        """Whether an entry is the answer, whatever else its asset says."""
        return len(self.words) == 1 and not self.beginnings

    def met_by(self, terms: Collection[str], formats: Collection[str]) -> bool:
        """Whether an asset answers it that has these terms, and words of formats beside them."""
        return all(word in terms or word in formats for word in self.words) and all(
            any(map(_begins(start), terms)) for start in self.beginnings
        )

    def first_at(self, term: str, terms: Collection[str]) -> bool:
        """Whether an entry of `term` is the one at which its asset is told.

        An asset with several terms of one beginning is told at the first of them only.
        """
        return not self.begun or term == min(filter(_begins(self.leading), terms), default="")


def _begins(start: str) -> Any:
    return lambda term: term.startswith(start)
