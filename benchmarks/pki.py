"""
How much the books cost: what the store does, next to the bare library doing the same.

`python -m benchmarks.pki` prints ratios, each the median of several rounds in which both sides
take turns, so that a busy machine slows both. `--quick` is a tenth of it.
"""
# ruff: noqa: INP001 (run by name, imported by nobody)

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from deployer.pki.authority import Signer
from deployer.pki.issue import BACKDATE, LeafRequest
from deployer.pki.keys import KeyType, key_digest, leaf_key_usage, private_key_pem, signature_hash
from deployer.pki.names import subject_alternative_names
from deployer.pki.profiles import AUTHORITIES, SERVER
from deployer.store import rows, schema
from deployer.store.keys import Cost
from deployer.store.randomness import generate_key, random_serial_number
from deployer.store.records import CertificateRequest
from deployer.store.rows import CertificateRow
from deployer.store.state import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSPHRASE = "benchmark"  # noqa: S105 (it protects nothing)
CHEAP = Cost(memory_kib=64, iterations=1, lanes=1)


def issued_bare(signer: Signer, count: int) -> None:
    """Make keys and certificates as the store does, and keep nothing."""
    issuer = signer.authority.certificate
    for number in range(count):
        key = generate_key(KeyType.P256)
        private_key_pem(key)
        name = f"h{number}.example.com"
        public = key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer.subject)
            .public_key(public)
            .serial_number(random_serial_number())
            .not_valid_before(NOW - BACKDATE)
            .not_valid_after(NOW + SERVER.lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(leaf_key_usage(public), critical=True)
            .add_extension(x509.ExtendedKeyUsage([SERVER.purpose]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName(subject_alternative_names(hosts=[name])),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(signer.authority.key_identifier, critical=False)
        )
        builder.sign(signer.key, signature_hash(signer.key)).public_bytes(Encoding.PEM)


def issued_by_store(store: Store, signer: Signer, count: int) -> None:
    """Make keys, and certificates that are checked, recorded and in the journal."""
    requests = []
    for number in range(count):
        key = generate_key(KeyType.P256)
        name = f"h{number}.example.com"
        leaf = LeafRequest(
            profile=SERVER,
            common_name=name,
            alternative_names=subject_alternative_names(hosts=[name]),
            public_key=key.public_key(),
        )
        digest = key_digest(private_key_pem(key))
        requests.append(CertificateRequest(leaf=leaf, host=name, name=name, key_sha256=digest))
    for one in store.certificates.issue_all(requests, signer, now=NOW):
        one.certificate.public_bytes(Encoding.PEM)


def crl_bare(signer: Signer, serials: list[int], lists: int) -> None:
    """Sign lists with as many entries as the store's, which are built once for all of them."""
    entry = x509.RevokedCertificateBuilder().revocation_date(NOW)
    entries = [entry.serial_number(serial).build() for serial in serials]
    for number in range(lists):
        builder = (
            # `add_revoked_certificate` copies the list each time, and nobody should use it.
            x509.CertificateRevocationListBuilder(revoked_certificates=entries)
            .issuer_name(signer.authority.certificate.subject)
            .last_update(NOW)
            .next_update(NOW + timedelta(days=7))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(signer.authority.key_identifier, critical=False)
        )
        builder.sign(signer.key, signature_hash(signer.key)).public_bytes(Encoding.DER)


def fill(store: Store, signer: Signer, count: int, *, revoked: bool) -> list[int]:
    """Put certificates on record that nobody signed: only their number matters here."""
    time_of = schema.moment
    serials = [random_serial_number() for _ in range(count)]
    template = signer.authority.certificate.public_bytes(Encoding.DER)
    with store._database.writer() as writer, writer.transaction() as connection:  # noqa: SLF001
        first = rows.next_id(connection, schema.certificates)
        authority_id = connection.exec_driver_sql(
            "SELECT id FROM authorities WHERE name = ?", (signer.authority.name,)
        ).scalar_one()
        records = [
            CertificateRow(
                id=first + index,
                serial=f"{serial:x}",
                authority_id=authority_id,
                kind="client",
                subject=f"user{index}",
                host="",
                name=f"user{index}",
                status="issued",
                certificate=template,
                key_sha256="0" * 64,
                not_before=time_of(NOW),
                not_after=time_of(NOW + timedelta(days=365)),
                created_at=time_of(NOW),
                revoked_at=time_of(NOW) if revoked else None,
                reason="unspecified" if revoked else None,
            )
            for index, serial in enumerate(serials)
        ]
        rows.write(connection, schema.certificates, records)
    return serials


def seconds(work: Callable[[], object]) -> float:
    """Time one round."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(
    name: str,
    ours: Callable[[], object],
    bare: Callable[[], object] | None,
    *,
    rounds: int,
    limit: float,
) -> bool:
    """Print a line about one comparison, and say whether it is within its limit."""
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(seconds(ours))
        if bare is not None:
            theirs.append(seconds(bare))
    if theirs:
        ratio = statistics.median(one / two for one, two in zip(mine, theirs, strict=True))
        unit, value = "times the bare library", ratio
    else:
        unit, value = "s", statistics.median(mine)
    medians = f"{statistics.median(mine):.2f} s"
    medians += f" against {statistics.median(theirs):.2f} s" if theirs else ""
    verdict = "ok" if value <= limit else "TOO SLOW"
    sys.stdout.write(f"{name}: {value:.2f} {unit} (at most {limit:g}; {medians}): {verdict}\n")
    return value <= limit


@contextmanager
def a_store(kind: KeyType) -> Iterator[Store]:
    """Found a CA in a state that is gone afterwards."""
    with tempfile.TemporaryDirectory() as room, Store.create(Path(room, "s"), now=NOW) as store:
        store.init_ca(
            organization="Benchmark", passphrase=PASSPHRASE, now=NOW, key_type=kind, cost=CHEAP
        )
        yield store


def issuing(kind: KeyType, count: int, rounds: int, limit: float) -> bool:
    """Compare the issuing of leaves."""
    with a_store(kind) as store:
        signer = store.unlock("servers", PASSPHRASE)
        return compare(
            f"{count} P-256 leaves from a {kind} authority",
            lambda: issued_by_store(store, signer, count),
            lambda: issued_bare(signer, count),
            rounds=rounds,
            limit=limit,
        )


def revoking(name: str, count: int, rounds: int, limit: float) -> bool:
    """Compare the making of revocation lists: read, signed, kept, and in the journal."""
    with a_store(KeyType.P384) as store:
        signer = store.unlock(name, PASSPHRASE)
        serials = fill(store, signer, count, revoked=True)
        rungs = AUTHORITIES[name].crls.rungs
        return compare(
            f"{rungs} CRL{'s' if rungs > 1 else ''} of {len(serials)} entries",
            lambda: store.crls.publish(signer, now=NOW + timedelta(hours=2)),
            lambda: crl_bare(signer, serials, rungs),
            rounds=rounds,
            limit=limit,
        )


def listing(count: int, rounds: int) -> bool:
    """Time a list of everything."""
    with a_store(KeyType.P384) as store:
        signer = store.unlock("clients", PASSPHRASE)
        fill(store, signer, count // 5, revoked=True)
        fill(store, signer, count - count // 5, revoked=False)
        return compare(
            f"a list of {count} certificates",
            store.certificates.list,
            None,
            rounds=rounds,
            limit=1,
        )


def main() -> int:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    part = 10 if options.quick else 1
    within = (
        issuing(KeyType.P384, 2000 // part, options.rounds, limit=2),
        # A faster key makes the second opinion weigh more: it costs as much for every key.
        issuing(KeyType.P256, 2000 // part, options.rounds, limit=3),
        revoking("root", 20_000 // part, options.rounds, limit=3),
        revoking("clients", 20_000 // part, options.rounds, limit=2.5),
        listing(100_000 // part, options.rounds),
    )
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
