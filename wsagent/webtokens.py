"""JSON Web Tokens: L{WebTokens} checks those that somebody else has signed."""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from zope.interface import implementer

from .credentials import IToken

_SECRET_SIZES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Octets of a secret, at least (RFC 7518 section 3.2)."""


@implementer(ICredentialsChecker)
class WebTokens:
    """
    Knows the tokens that are signed with a key.

    The algorithm is the server's to choose, never the token's.  A token has to
    expire; that, its signature, C{nbf}, audience and issuer are checked by
    PyJWT, which C{wsagent[jwt]} brings.

    @see: RFC 7519, RFC 8725.
    """

    credentialInterfaces = (IToken,)

    def __init__(
        self,
        key: bytes,
        algorithm: str,
        audience: str | None = None,
        issuer: str | None = None,
        claim: str = "sub",
    ) -> None:
        """
        @param key: the public key, as PEM; or of HS256, HS384 and HS512 the
            secret, as long as the hash at least.
        @param algorithm: such as C{"RS256"}, C{"ES256"} or C{"EdDSA"}.
        @param audience: whom a token has to be for; without, it may not say.
        @param issuer: who has to have signed it.
        @param claim: where it says whose it is.
        @raise ImportError: PyJWT, or for this algorithm cryptography, is missing.
        @raise ValueError: there is no such algorithm, or no such key.
        """
        try:
            import jwt
        except ImportError:
            raise ImportError("no PyJWT: pip install 'wsagent[jwt]'") from None
        self._jwt: Any = jwt
        self._algorithm = algorithm
        self._key = self._prepared(key)
        self._audience = audience
        self._issuer = issuer
        self._claim = claim

    def requestAvatarId(self, credentials: Any) -> Any:
        """
        Find whose token it is, and until when.

        @raise UnauthorizedLogin: it is not signed with our key, or not for us,
            or not for now.
        """
        try:
            claims = self._jwt.decode(
                bytes(credentials.token),
                self._key,
                algorithms=[self._algorithm],
                audience=self._audience,
                issuer=self._issuer,
                options={"require": ["exp", self._claim]},
            )
            name = claims[self._claim].encode()
            expires = float(claims["exp"])
        except (
            self._jwt.InvalidTokenError,
            AttributeError,
            OverflowError,
            ValueError,
        ):
            # Or the name is no text, or no UTF-8 can be made of it, or no time
            # of a number.
            raise UnauthorizedLogin from None
        credentials.expires = expires
        return name

    def _prepared(self, key: bytes) -> Any:
        """Read the key, once and for all."""
        name = self._algorithm
        try:
            algorithm = (
                None if name == "none" else self._jwt.get_algorithm_by_name(name)
            )
        except NotImplementedError:
            algorithm = None
        if algorithm is None:
            if name in self._jwt.algorithms.requires_cryptography:
                raise ImportError("no cryptography: pip install 'wsagent[jwt]'")
            raise ValueError(f"algorithm {name!r}, allowed: such as RS256 or ES256")
        if b"PRIVATE KEY" in key:
            raise ValueError("a private key, needed: the public one")
        size = _SECRET_SIZES.get(name, 0)
        if len(key) < size:
            raise ValueError(
                f"a secret of {len(key)} octets, needed for {name}: {size}"
            )
        try:
            return algorithm.prepare_key(key)
        except (self._jwt.InvalidKeyError, ValueError, TypeError):
            raise ValueError(f"no key for {name}, needed: PEM") from None
