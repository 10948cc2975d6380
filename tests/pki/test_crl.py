from datetime import timedelta
from itertools import pairwise

import pytest
from cryptography import x509

from deployer.pki.crl import ClockWentBack, Revocation, ladder
from deployer.pki.renewal import are_crls_due, crls_end
from tests.pki.examples import NOW, pki

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)

FIRED = Revocation(
    serial=77,
    revoked_at=NOW,
    expires=NOW + 10 * DAY,
    reason=x509.ReasonFlags.affiliation_changed,
)


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_each_rung_starts_a_day_before_the_one_below_it_ends() -> None:
    rungs = ladder(pki().clients, (), first_number=5, now=NOW)

    for below, above in pairwise(rungs):
        assert below.next_update_utc is not None
        assert above.last_update_utc == below.next_update_utc - DAY
        assert number(above) == number(below) + 1
    assert number(rungs[0]) == 5
    assert rungs[0].last_update_utc == NOW - HOUR
    assert crls_end(rungs) >= NOW + 35 * DAY


def test_the_roots_list_lasts_a_year_for_its_key_may_be_in_a_safe() -> None:
    (crl,) = ladder(pki().root, (), first_number=1, now=NOW)

    assert crl.next_update_utc == NOW - HOUR + 365 * DAY


def test_two_ladders_of_one_second_differ_in_their_time() -> None:
    first = ladder(pki().clients, (), first_number=1, now=NOW)[0]
    second = ladder(
        pki().clients, (), first_number=7, now=NOW, previous_this_update=first.last_update_utc
    )[0]

    assert second.last_update_utc == first.last_update_utc + SECOND


def test_a_list_is_never_signed_for_the_future() -> None:
    with pytest.raises(ClockWentBack, match="2026-03-01 12:00:00 UTC here") as refusal:
        ladder(pki().clients, (), first_number=7, now=NOW, previous_this_update=NOW + DAY)

    assert refusal.value.hint == "set this computer's clock"


def test_a_list_names_its_issuers_key_and_is_signed_with_it() -> None:
    clients = pki().clients
    crl = ladder(clients, [FIRED], first_number=1, now=NOW)[0]
    extensions = [extension.oid for extension in crl.extensions]

    assert crl.is_signature_valid(clients.key.public_key())
    assert x509.AuthorityKeyIdentifier.oid in extensions
    assert x509.DeltaCRLIndicator.oid not in extensions
    assert x509.IssuingDistributionPoint.oid not in extensions


def test_an_entry_carries_its_reason_and_does_not_know_the_future() -> None:
    crl = ladder(pki().clients, [FIRED], first_number=1, now=NOW)[0]
    entry = crl.get_revoked_certificate_by_serial_number(77)

    assert entry is not None
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.affiliation_changed
    assert entry.revocation_date_utc == crl.last_update_utc


def test_an_unspecified_reason_is_left_out() -> None:
    plain = Revocation(serial=1, revoked_at=NOW - DAY, expires=NOW + DAY)
    crl = ladder(pki().clients, [plain], first_number=1, now=NOW)[0]
    entry = crl.get_revoked_certificate_by_serial_number(1)

    assert entry is not None
    assert not list(entry.extensions)
    assert entry.revocation_date_utc == NOW - DAY


def test_an_entry_leaves_one_list_after_its_certificates_end() -> None:
    rungs = ladder(pki().clients, [FIRED], first_number=1, now=NOW)
    listed = [crl.get_revoked_certificate_by_serial_number(77) is not None for crl in rungs]

    # It ends on day 10; the rungs begin on days 0, 6, 12, 18, 24 and 30.
    assert listed == [True, True, True, False, False, False]


def test_a_ladder_is_due_at_half_of_its_time() -> None:
    rungs = ladder(pki().clients, (), first_number=1, now=NOW)

    assert not are_crls_due(rungs, NOW + 18 * DAY)
    assert are_crls_due(rungs, NOW + 19 * DAY)
