"""What a client can get wrong."""

from mediakiln.model.errors.base import MediakilnError


class InvalidRequest(MediakilnError):
    """The request cannot be understood."""

    code = "invalid_request"


class InvalidRecipe(MediakilnError):
    """The recipe is not valid."""

    code = "invalid_recipe"


class UnknownRecipe(InvalidRecipe):
    """There is no recipe of that name."""

    code = "unknown_recipe"


class RecipeKindMismatch(MediakilnError):
    """No step of the recipe applies to a file of this kind."""

    code = "recipe_kind_mismatch"


class EmptyFile(MediakilnError):
    """The file has no bytes."""

    code = "empty_file"


class UnsupportedMedia(MediakilnError):
    """The file's content is not of a type that is accepted."""

    code = "unsupported_media_type"


class TooLarge(MediakilnError):
    """The file is larger than this door allows."""

    code = "too_large"


class InvalidName(MediakilnError):
    """The file name cannot be used."""

    code = "invalid_name"


class IncompleteUpload(MediakilnError):
    """The upload ended before all of its announced bytes arrived."""

    code = "incomplete_upload"


class Unauthorised(MediakilnError):
    """A valid key is needed."""

    code = "unauthorised"


class ForeignOrigin(MediakilnError):
    """A page of another site may not do this with your session."""

    code = "foreign_origin"


class NotFound(MediakilnError):
    """There is nothing here under that name."""

    code = "not_found"


class Gone(MediakilnError):
    """The asset was deleted."""

    code = "gone"


class Conflict(MediakilnError):
    """The asset is not in a state that allows this."""

    code = "conflict"


class ArchiveLocked(MediakilnError):
    """Archived objects cannot be deleted before their lock ends."""

    code = "archive_locked"
