"""Secrets that must be read again, such as private keys: kept encrypted, never as they are.

AES-256-GCM under a key derived (HKDF, RFC 5869) from ``VDEPT_SECRET_KEY``, or from a file in the data folder
that is made when it is first needed. Whoever has a dump of the database has nothing without that key.
"""

import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vdept.kernel.settings import Settings

SHORTEST = 32
"""Characters of a secret key: it is derived from as it is, so it must be random and not a password."""

FILE = "secret_key"
_FORM = b"\x01"
_NONCE = 12


class VaultError(Exception):
    """The secret key is missing, unfit or another one than before: one sentence that says what to do."""


class Vault:
    """Encrypts and decrypts under one secret key."""

    def __init__(self, secret: str) -> None:
        """``secret``: at least 32 random characters; raises VaultError for fewer."""
        if len(secret) < SHORTEST:
            msg = (
                f"The secret key has {len(secret)} characters and needs {SHORTEST}: set VDEPT_SECRET_KEY to "
                "what `openssl rand -hex 32` prints."
            )
            raise VaultError(msg)
        self._secret = secret.encode()
        self._cipher = AESGCM(self.key("vault 1"))

    @classmethod
    def of(cls, settings: Settings) -> "Vault":
        """The vault of this installation; makes the key's file where there is neither key nor file."""
        return cls(settings.secret_key or secret_in(settings.data_path))

    def key(self, purpose: str) -> bytes:
        """256 bits for one purpose, the same each time; one key says nothing of another."""
        info = f"vdept {purpose}".encode()
        return HKDF(SHA256(), length=32, salt=None, info=info).derive(self._secret)

    def encrypt(self, plain: bytes) -> bytes:
        """``plain`` as it may be stored; twice the same gives different bytes."""
        nonce = os.urandom(_NONCE)
        return _FORM + nonce + self._cipher.encrypt(nonce, plain, _FORM)

    def decrypt(self, kept: bytes) -> bytes:
        """What was encrypted; raises VaultError for anything that this key did not encrypt."""
        form, nonce, sealed = kept[:1], kept[1 : 1 + _NONCE], kept[1 + _NONCE :]
        try:
            if form != _FORM:
                raise InvalidTag
            return self._cipher.decrypt(nonce, sealed, form)
        except (InvalidTag, ValueError):
            msg = (
                "A stored secret cannot be decrypted: it was encrypted with another secret key, or damaged. "
                f"Give the earlier VDEPT_SECRET_KEY (or the file `{FILE}` of the earlier data folder) back."
            )
            raise VaultError(msg) from None


def secret_in(folder: Path) -> str:
    """The secret in the folder's key file, which is made when there is none.

    Of two processes at once, both answer with the same secret: the file appears whole, under its name, once.
    """
    path = folder / FILE
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _make(path)
        _require_private(path)
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"The secret key's file {path} cannot be read or made ({error}): set VDEPT_SECRET_KEY."
        raise VaultError(msg) from error


def _make(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return  # somebody else was first: theirs counts
    finally:
        draft.unlink()


def _require_private(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"The secret key's file {path} is open to others: run `chmod 600` on it."
        raise VaultError(msg)
