"""Who may do what: keys, projects, upload tokens, uploaders and the audit trail."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from mediakiln.client import awaiting, blocking
from mediakiln.client.awaiting import AsyncResource, there
from mediakiln.client.blocking import Resource, here
from mediakiln.client.call import Call, Pages, given, once, paged, part
from mediakiln.client.models import ApiKey, AuditEntry, Erasure, NewApiKey, Project, UploadToken
from mediakiln.client.sink import Target
from mediakiln.model.access import Scope


def create_key(
    name: str,
    scopes: Iterable[Scope | str],
    *,
    project: str | None = None,
    uploader: str | None = None,
    rate: str | None = None,
    files_a_day: int | None = None,
    bytes_a_day: int | None = None,
    expires_at: datetime | None = None,
) -> Call[NewApiKey]:
    """Make a key. Its secret is in the answer and nowhere else.

    Args:
        name: what people call it.
        scopes: what it allows.
        project: whose it is; by default that of the key that asks.
        uploader: stands on every upload by this key, whatever the upload says.
        rate: requests, like `20/second; 5000/hour`; by default what the settings say.
        files_a_day: that it may put in; by default what the settings say.
        bytes_a_day: that it may put in; by default what the settings say.
        expires_at: with a time zone; by default never.
    """
    body = given(
        name=name,
        scopes=[Scope(scope) for scope in scopes],
        project=project,
        uploader=uploader,
        rate=rate,
        quota=given(files=files_a_day, bytes=bytes_a_day) or None,
        expires_at=expires_at and expires_at.isoformat(),
    )
    # A key that was made and never heard of would stay: not to be tried again.
    return Call("POST", "/v1/keys", NewApiKey.model_validate, body=body, repeatable=False)


def keys() -> Pages[ApiKey]:
    """Keys of the project, those that ended lately as well."""
    return paged("/v1/keys", "keys", ApiKey.model_validate)


def revoke(id: str) -> Call[ApiKey]:
    """End a key, and the upload tokens made with it."""
    return Call("DELETE", f"/v1/keys/{part(id)}", ApiKey.model_validate)


def create_project(name: str) -> Call[Project]:
    """Make a project: 1 to 40 of a-z, 0-9 and -. For the owner's key."""
    body, headers = {"name": name}, once()
    return Call("POST", "/v1/projects", Project.model_validate, headers=headers, body=body)


def projects() -> Pages[Project]:
    """Every project for the owner; for other keys their own."""
    return paged("/v1/projects", "projects", Project.model_validate)


def create_token(
    *,
    max_bytes: int | None = None,
    max_count: int | None = None,
    types: Iterable[str] = (),
    recipe: str | None = None,
    uploader: str | None = None,
    expires_in: int | None = None,
    renews: str | None = None,
) -> Call[UploadToken]:
    """Make a token that uploads within limits, and opens nothing else.

    Args:
        max_bytes: of one file.
        max_count: files in all.
        types: media types, perhaps like `image/*`.
        recipe: the preset that is used, whatever an upload says.
        uploader: stands on every upload by this token.
        expires_in: seconds, at most a day.
        renews: an earlier token, perhaps expired, whose uploads this one goes on with.
    """
    body = given(
        max_bytes=max_bytes,
        max_count=max_count,
        types=list(types) or None,
        recipe=recipe,
        uploader=uploader,
        expires_in=expires_in,
        renews=renews,
    )
    # One more that nobody hears of is no harm, and an answer that is kept for repetition were one.
    return Call("POST", "/v1/tokens", UploadToken.model_validate, body=body)


def audit(
    *,
    project: str | None = None,
    who: str | None = None,
    what: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Pages[AuditEntry]:
    """Entries of the audit trail, newest first.

    Args:
        project: for the owner's key: of this project only.
        who: a principal, such as `owner`.
        what: such as `key.created`, or its beginning, `key`.
        subject: an id, or a name.
        since: with a time zone.
        until: with a time zone.
    """
    return paged(
        "/v1/audit",
        "entries",
        AuditEntry.model_validate,
        project=project,
        who=who,
        what=what,
        subject=subject,
        since=since and since.isoformat(),
        until=until and until.isoformat(),
    )


def erase(uploader: str) -> Call[Erasure]:
    """Erase everything of an uploader in the project; `erasure` says how far it is."""
    body, headers = {"uploader": uploader}, once()
    return Call("POST", "/v1/erasures", Erasure.model_validate, headers=headers, body=body)


def erasure(id: str) -> Call[Erasure]:
    """How far an erasure is."""
    return Call("GET", f"/v1/erasures/{part(id)}", Erasure.model_validate)


def _export(uploader: str, *, files: bool) -> str:
    return f"/v1/uploaders/{part(uploader)}/export?files={str(files).lower()}"


class Uploaders(Resource):
    """Everything of one uploader, given out or erased."""

    erase = here(erase)
    erasure = here(erasure)

    def export(self, uploader: str, to: Target, *, files: bool = True) -> Path | None:
        """Save a tar archive of records and, with `files`, originals and products.

        `to` and what is returned are as with `download`.
        """
        return self._driver.save(_export(uploader, files=files), to, None)


class AsyncUploaders(AsyncResource):
    """Everything of one uploader, given out or erased."""

    erase = there(erase)
    erasure = there(erasure)

    async def export(self, uploader: str, to: Target, *, files: bool = True) -> Path | None:
        """Save a tar archive of records and, with `files`, originals and products.

        `to` and what is returned are as with `download`.
        """
        return await self._driver.save(_export(uploader, files=files), to, None)


class Keys(Resource):
    """API keys."""

    create = here(create_key)
    list = blocking.listed(keys)
    revoke = here(revoke)


class AsyncKeys(AsyncResource):
    """API keys."""

    create = there(create_key)
    list = awaiting.listed(keys)
    revoke = there(revoke)


class Projects(Resource):
    """Tenants."""

    create = here(create_project)
    list = blocking.listed(projects)


class AsyncProjects(AsyncResource):
    """Tenants."""

    create = there(create_project)
    list = awaiting.listed(projects)


class Tokens(Resource):
    """Short-lived leave to upload, for browsers and other strangers."""

    create = here(create_token)


class AsyncTokens(AsyncResource):
    """Short-lived leave to upload, for browsers and other strangers."""

    create = there(create_token)


class Audit(Resource):
    """Who did what, when and from where."""

    list = blocking.listed(audit)


class AsyncAudit(AsyncResource):
    """Who did what, when and from where."""

    list = awaiting.listed(audit)
