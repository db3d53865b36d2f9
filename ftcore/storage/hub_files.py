"""Files on the Hugging Face Hub, with what identifies their content."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file on the Hub.

    Attributes:
        size: bytes.
        etag: the SHA-256 of a file in large file storage, otherwise Git's SHA-1; "" if unknown.
    """

    name: str
    size: int
    etag: str

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, or "" if the Hub does not give it."""
        return self.etag if SHA256.fullmatch(self.etag) else ""


def described(sibling: "RepoSibling") -> HubFile:
    """Return a file as the Hub describes it. Raises ValueError without a size and a checksum."""
    etag = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id or ""
    if sibling.size is None or not (SHA256.fullmatch(etag) or COMMIT.fullmatch(etag)):
        raise ValueError(f"no size or checksum of {sibling.rfilename}")
    return HubFile(sibling.rfilename, int(sibling.size), etag)
