"""Whoever may knock: certificates of every kind that a client could show, good and bad."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployer.pki.keys import private_key_pem
from deployer.pki.pem import write_certificates
from tests.conformance import forge
from tests.conformance.forge import Party
from tests.conformance.today import DAY, HOUR, NOW
from tests.pki.forgery import forge as forged


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody with a certificate, described in the words of the documentation."""

    name: str
    words: str
    above: tuple[str, ...] = ()
    """The authorities from the issuer up to the root; none for what signed itself."""
    cn: str = ""
    units: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    good: bool = True
    """Whether it is a client's, and of today."""
    revoked: bool = False


NOBODY = Visitor(name="nobody", words="no certificate")
OURS = ("clients", "root")
ALICE = Visitor(
    name="alice",
    words="a client of ours",
    above=OURS,
    cn="alice",
    units=("staff", "shop"),
    emails=("Alice@example.com",),
)
ADA = Visitor(
    name="ada", words="one of the OU `admins`", above=OURS, cn="ada", units=("staff", "admins")
)
BATCH = Visitor(name="batch", words="one called `batch-7`", above=OURS, cn="batch-7")
ODD = Visitor(
    name="odd",
    words='one called `Jürgen "M." Müller+1, %s: x`',
    above=OURS,
    cn='Jürgen "M." Müller+1, %s: x',
)
REVOKED = Visitor(name="mallory", words="a revoked client", above=OURS, cn="mallory", revoked=True)
SIBLING = Visitor(
    name="sibling",
    words="one of the same name from a sibling authority",
    above=("partner", "root"),
    cn="ada",
    units=("staff", "admins"),
)
AUTHORITY = Visitor(
    name="authority",
    words="a sibling authority itself, whose key may sign anything",
    above=("root",),
    cn="Example Partner CA",
)
VISITORS: tuple[Visitor, ...] = (
    NOBODY,
    ALICE,
    ADA,
    BATCH,
    ODD,
    REVOKED,
    Visitor(name="expired", words="an expired client", above=OURS, cn="carol", good=False),
    Visitor(name="tomorrow", words="a client of tomorrow", above=OURS, cn="dave", good=False),
    Visitor(
        name="server",
        words="a server of ours",
        above=("servers", "root"),
        cn="host.example.com",
        good=False,
    ),
    SIBLING,
    AUTHORITY,
    Visitor(
        name="our-authority",
        words="our client authority itself",
        above=("root",),
        cn="Example Client CA G1",
        good=False,
    ),
    Visitor(name="self-signed", words="a certificate that signed itself", cn="ada"),
    Visitor(
        name="stranger", words="a client of another CA", above=("other clients", "other"), cn="ada"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A certificate with its chain, and its key, as curl and Python take them."""

    certificate: x509.Certificate
    chain: Path
    key: Path = field(repr=False)

    @property
    def serial(self) -> str:
        """As mod_ssl writes it."""
        number = f"{self.certificate.serial_number:X}"
        return number.zfill(len(number) + len(number) % 2)

    @classmethod
    def write(cls, stem: Path, chain: list[x509.Certificate], key: bytes) -> "Wallet":
        """Write two files beside each other."""
        made = cls(certificate=chain[0], chain=Path(f"{stem}.pem"), key=Path(f"{stem}.key"))
        made.chain.write_bytes(write_certificates(chain))
        made.key.write_bytes(key)
        return made


def wallets(authorities: Mapping[str, Party], directory: Path) -> dict[str, Wallet]:
    """Make a wallet for everybody whom the product did not give one."""
    other = forge.authority("Other Root")
    known = {
        **authorities,
        "partner": forge.authority("Example Partner CA", authorities["root"]),
        "other": other,
        "other clients": forge.authority("Other Client CA", other),
    }
    made = {}
    for one in VISITORS:
        if one not in (NOBODY, REVOKED):
            party = _party(one, known)
            chain = [known[name].certificate for name in one.above[:-1]]
            made[one.name] = Wallet.write(
                directory / one.name, [party.certificate, *chain], private_key_pem(party.key)
            )
    return made


def _party(visitor: Visitor, known: Mapping[str, Party]) -> Party:
    match visitor.name:
        case "our-authority":
            return known["clients"]
        case "authority":
            partner, root = known["partner"], known["root"]
            usage = leaf_and_authority_usage()
            return Party(
                certificate=forged(partner.certificate, root.key, add=[usage]), key=partner.key
            )
    validity = {"expired": (NOW - 90 * DAY, NOW - DAY), "tomorrow": (NOW + DAY, NOW + 90 * DAY)}
    issuer = known[visitor.above[0]] if visitor.above else None
    purpose = "SERVER_AUTH" if visitor.name == "server" else "CLIENT_AUTH"
    leaf = forge.leaf(
        visitor.cn,
        issuer or known["other"],
        purposes=(getattr(ExtendedKeyUsageOID, purpose),),
        names=[x509.RFC822Name(email) for email in visitor.emails],
        validity=validity.get(visitor.name, (NOW - HOUR, NOW + 30 * DAY)),
    )
    subject = _subject(visitor)
    return Party(
        certificate=forged(
            leaf.certificate,
            issuer.key if issuer else leaf.key,
            subject=subject,
            issuer=None if issuer else subject,
            without=() if issuer else (x509.AuthorityKeyIdentifier,),
        ),
        key=leaf.key,
    )


def _subject(visitor: Visitor) -> x509.Name:
    """More than our own authority writes: clients of others' have organizational units."""
    written = [(NameOID.ORGANIZATION_NAME, "Example")]
    written += [(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in visitor.units]
    written.append((NameOID.COMMON_NAME, visitor.cn))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in written])


def leaf_and_authority_usage() -> x509.KeyUsage:
    """What some CAs' own certificates may be used for: anything."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
