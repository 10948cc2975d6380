"""
Certificate revocation lists, one at a time and as ladders.

OpenSSL chooses among the lists of one issuer by thisUpdate alone. Two with the same second mean
that the one loaded first wins, so thisUpdate strictly rises; a revocation replaces every rung of
a ladder, for a rung that was signed before it would let the revoked back in.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from cryptography import x509

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.authority import Signer
from deployer.pki.issue import BACKDATE
from deployer.pki.profiles import CrlSchedule, crl_schedule

CRL = x509.CertificateRevocationList


_Begun = dict[tuple[datetime, x509.ReasonFlags], x509.RevokedCertificateBuilder]
"""Entries without a number. Many have a day and a reason in common, which cost most to check."""


class ClockWentBack(DeployerError):
    """The clock reads less than when the last list was signed."""


class Revocation(NamedTuple):
    """
    One certificate that is no longer good.

    A tuple, for thousands are made for each ladder.
    """

    serial: int
    revoked_at: datetime
    expires: datetime
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


def issue_crl(
    signer: Signer,
    revoked: Iterable[Revocation],
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
) -> CRL:
    """Sign one complete list: no deltas and no distribution points, which mislead Apache."""
    begun: _Begun = {}
    entries = [_entry(one, this_update, begun) for one in revoked]
    return _sign(signer, entries, number=number, this_update=this_update, next_update=next_update)


def _sign(
    signer: Signer,
    entries: list[x509.RevokedCertificate],
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
) -> CRL:
    authority = signer.authority
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=authority.certificate.subject,
        last_update=this_update,
        next_update=next_update,
        revoked_certificates=entries,
    )
    builder = builder.add_extension(x509.CRLNumber(number), critical=False).add_extension(
        authority.key_identifier, critical=False
    )
    return signer.sign_crl(builder)


def ladder(
    signer: Signer,
    revoked: Sequence[Revocation],
    *,
    first_number: int,
    now: datetime,
    previous_this_update: datetime | None = None,
) -> tuple[CRL, ...]:
    """
    Sign the lists of the coming weeks, each starting before the one below it ends.

    The first is backdated as certificates are, but never to or before the list that it
    replaces. If that would put it into the future, every client would be refused: the clock is
    wrong, and nothing is signed.
    """
    schedule = crl_schedule(signer.authority.name)
    first = now.replace(microsecond=0) - BACKDATE
    if previous_this_update is not None:
        first = max(first, previous_this_update + timedelta(seconds=1))
    if first > now:
        raise ClockWentBack(
            f"it is {now:%Y-%m-%d %H:%M:%S} UTC here, but the authority {signer.authority.name} "
            f"signed a CRL for {previous_this_update:%Y-%m-%d %H:%M:%S} UTC before",
            hint="set this computer's clock",
        )
    # Most rungs list the same: with thousands revoked, building entries takes longest.
    dated = list(zip(revoked, _entries(revoked), strict=True))
    return tuple(
        _rung(
            signer,
            dated,
            schedule,
            number=first_number + rung,
            this_update=first + rung * _step(schedule),
        )
        for rung in range(schedule.rungs)
    )


def _step(schedule: CrlSchedule) -> timedelta:
    return schedule.length - schedule.overlap


def _rung(
    signer: Signer,
    dated: Sequence[tuple[Revocation, x509.RevokedCertificate]],
    schedule: CrlSchedule,
    *,
    number: int,
    this_update: datetime,
) -> CRL:
    # An entry stays until one list after its certificate's end: RFC 5280 section 3.3.
    gone = this_update - schedule.length
    begun: _Begun = {}
    listed = [
        entry if one.revoked_at <= this_update else _entry(one, this_update, begun)
        for one, entry in dated
        if one.expires > gone
    ]
    next_update = this_update + schedule.length
    return _sign(signer, listed, number=number, this_update=this_update, next_update=next_update)


def _entries(revoked: Iterable[Revocation]) -> Iterator[x509.RevokedCertificate]:
    for (at, reason), alike in groupby(revoked, itemgetter(1, 3)):
        builder = _begin(at, reason)
        for one in alike:
            yield builder.serial_number(one.serial).build()


def _entry(revocation: Revocation, latest: datetime, begun: _Begun) -> x509.RevokedCertificate:
    # A backdated list must not seem to know the future.
    key = min(revocation.revoked_at, latest), revocation.reason
    builder = begun.get(key)
    if builder is None:
        builder = begun[key] = _begin(*key)
    return builder.serial_number(revocation.serial).build()


def _begin(date: datetime, reason: x509.ReasonFlags) -> x509.RevokedCertificateBuilder:
    builder = x509.RevokedCertificateBuilder().revocation_date(date)
    if reason is x509.ReasonFlags.unspecified:  # RFC 5280 section 5.3.1
        return builder
    return builder.add_extension(x509.CRLReason(reason), critical=False)


@lru_cache(maxsize=64)
def newest_numbers(lists: bytes) -> tuple[tuple[str, int], ...]:
    """
    Return the highest CRL number (RFC 5280 §5.2.3) of each authority, by its key identifier in hex.

    `lists` is PEM. One without a number, or without the key identifier of its issuer, is left out.
    """
    found: dict[str, int] = {}
    for crl in pem.read_crls(lists) if lists else ():
        with suppress(x509.ExtensionNotFound):
            issuer = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
            number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            if issuer.key_identifier is not None:
                key = issuer.key_identifier.hex()
                found[key] = max(number, found.get(key, 0))
    return tuple(sorted(found.items()))
