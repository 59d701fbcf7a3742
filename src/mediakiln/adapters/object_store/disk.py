"""The local engine's calls on the disk, each made from a thread of its own."""

import os
import stat
import threading
from collections.abc import Iterator, Sequence

from mediakiln.adapters.object_store.checks import check_sum
from mediakiln.adapters.object_store.files import (
    copy_all,
    create_new,
    digest_of,
    info_of,
    open_regular,
    sync_folder,
)
from mediakiln.adapters.object_store.folders import Folders
from mediakiln.adapters.object_store.incoming import Draft, Incoming
from mediakiln.adapters.object_store.listing import walk
from mediakiln.adapters.object_store.local_reader import open_object
from mediakiln.adapters.object_store.multipart.inplace import InPlaceUploads
from mediakiln.model.errors import EngineMisconfigured, NotFound
from mediakiln.model.keys import Bucket
from mediakiln.ports.folders import FULL
from mediakiln.ports.multipart import Part
from mediakiln.ports.object_store import ObjectInfo


class Disk:
    """Objects as files below a root folder. Every method may raise `OSError`."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._tops = {bucket: f"{root}/{bucket}" for bucket in Bucket}
        self._folders = Folders(frozenset(self._tops.values()))
        self.incoming = Incoming(f"{root}/.incoming")
        self.uploads = InPlaceUploads(root, self._folders)
        self.scratch = f"{root}/.scratch"

    def ensure(self) -> None:
        """Make the folders, clear away what dead writers left, and try the file system out."""
        inner = [*self._tops.values(), f"{self._root}/.incoming", self.uploads.root, self.scratch]
        for folder in (self._root, *inner):
            os.makedirs(folder, exist_ok=True)
        if len({os.stat(folder).st_dev for folder in inner}) > 1:
            raise EngineMisconfigured(
                "The store's folders lie on different file systems.",
                hint="Mount one file system at the store's root, none below it.",
            )
        sync_folder(self._root)
        sync_folder(os.path.dirname(self._root))
        self.incoming.sweep()
        self.uploads.sweep()
        try:
            self.incoming.probe()
        except OSError as error:
            if error.errno not in FULL:  # a full store still reads and deletes
                raise

    def path(self, bucket: Bucket, key: str) -> str:
        """Where an object's file is, or would be."""
        return f"{self._tops[bucket]}/{key}"

    def publish(self, draft: Draft, bucket: Bucket, key: str, *, if_absent: bool) -> ObjectInfo:
        """Make a draft's bytes durable and visible."""
        status = draft.seal()
        self._folders.publish(draft.path, self.path(bucket, key), if_absent=if_absent)
        return info_of(key, status)

    def put(self, bucket: Bucket, key: str, data: bytes, *, if_absent: bool) -> ObjectInfo:
        """Store bytes."""
        draft = self.incoming.create()
        try:
            draft.write([data])
            return self.publish(draft, bucket, key, if_absent=if_absent)
        finally:
            draft.discard()

    def take_file(
        self,
        path: str,
        bucket: Bucket,
        key: str,
        stop: threading.Event,
        *,
        if_absent: bool,
        checksum: str | None,
    ) -> ObjectInfo:
        """Store a file, by a link where that is possible and safe, else by copying its bytes.

        Raises:
            ChecksumMismatch: it is given, and the bytes have another one.
        """
        draft = self.incoming.adopt(path)
        if draft is None:
            source = open_regular(path)
            draft = self._filled(source, stop)
        try:
            if checksum is not None:
                check_sum(digest_of(draft.path, stop), checksum, key)
            return self.publish(draft, bucket, key, if_absent=if_absent)
        finally:
            draft.discard()

    def copy(
        self,
        source: tuple[Bucket, str],
        target: tuple[Bucket, str],
        stop: threading.Event,
        *,
        if_absent: bool,
    ) -> ObjectInfo:
        """Give an object's bytes a second key."""
        path = self.path(*source)
        draft = self.incoming.adopt(path, durable=True)
        if draft is None:
            descriptor, _ = open_object(path, source[1])
            draft = self._filled(descriptor, stop)
        try:
            return self.publish(draft, *target, if_absent=if_absent)
        finally:
            draft.discard()

    def complete(self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]) -> ObjectInfo:
        """Make an object of an upload's parts; once it is made, tell it again."""
        try:
            return self.uploads.complete(bucket, key, upload, parts, self.path(bucket, key))
        except NotFound:
            info = self.head(bucket, key)
            if info is None or info.size != sum(part.size for part in parts):
                raise
            return info

    def head(self, bucket: Bucket, key: str) -> ObjectInfo | None:
        """What is known of an object."""
        try:
            status = os.lstat(self.path(bucket, key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return info_of(key, status) if stat.S_ISREG(status.st_mode) else None

    def get(self, bucket: Bucket, key: str) -> bytes:
        """An object's bytes."""
        descriptor, _ = open_object(self.path(bucket, key), key)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return file.read()

    def download(self, bucket: Bucket, key: str, path: str, stop: threading.Event) -> None:
        """Write an object to a new file, which is removed again when that fails.

        Raises:
            AlreadyExists: there is a file.
        """
        source, _ = open_object(self.path(bucket, key), key)
        with os.fdopen(source, "rb", buffering=0), create_new(path) as target:
            copy_all(source, target, stop)

    def delete(self, bucket: Bucket, keys: Sequence[str]) -> None:
        """Delete objects, durably, and the folders that have become empty."""
        emptied = set()
        for key in keys:
            path = self.path(bucket, key)
            try:
                os.unlink(path)
            except (IsADirectoryError, NotADirectoryError):
                continue
            except FileNotFoundError:
                pass
            emptied.add(os.path.dirname(path))
        self._folders.prune(emptied)

    def walk(self, bucket: Bucket, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
        """Objects in key order."""
        return walk(self._tops[bucket], prefix, start_after)

    def free_bytes(self) -> int:
        """Bytes that an unprivileged process can still write."""
        status = os.statvfs(self._root)
        return status.f_bavail * status.f_frsize

    def _filled(self, source: int, stop: threading.Event) -> Draft:
        """A draft with a copy of an open file's bytes; closes the file."""
        with os.fdopen(source, "rb", buffering=0):
            draft = self.incoming.create()
            try:
                draft.fill(source, stop)
            except BaseException:
                draft.discard()
                raise
            return draft
