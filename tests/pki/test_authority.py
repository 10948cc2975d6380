import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployer.pki.authority import Authority, AuthorityState
from deployer.pki.profiles import CLIENT, SERVER
from tests.pki.examples import pki, throwaway
from tests.pki.forgery import forge

ROOT = pki().root.authority.certificate


def imported(name: str, *purposes: x509.ObjectIdentifier) -> Authority:
    usage = [x509.ExtendedKeyUsage(purposes)] if purposes else []
    certificate = forge(ROOT, throwaway(), add=usage)
    return Authority(name=name, generation=1, certificate=certificate, chain=())


@pytest.mark.parametrize(
    ("authority", "servers", "clients"),
    [
        (pki().servers.authority, True, False),
        (pki().clients.authority, False, True),
        (pki().root.authority, False, False),
        (imported("ca"), True, True),
        (imported("ca", ExtendedKeyUsageOID.CLIENT_AUTH), False, True),
        (imported("ca", ExtendedKeyUsageOID.SERVER_AUTH), True, False),
        (imported("clients", ExtendedKeyUsageOID.SERVER_AUTH), False, False),
    ],
)
def test_an_authority_issues_what_its_name_and_its_purposes_allow(
    authority: Authority, *, servers: bool, clients: bool
) -> None:
    assert authority.issues(SERVER) is servers
    assert authority.issues(CLIENT) is clients


def test_an_import_is_called_by_its_organization_or_its_cn_or_all_it_has() -> None:
    names = {
        "Corp": [(NameOID.COMMON_NAME, "CA"), (NameOID.ORGANIZATION_NAME, "Corp")],
        "CA": [(NameOID.COMMON_NAME, "CA")],
        "OU=Ops": [(NameOID.ORGANIZATIONAL_UNIT_NAME, "Ops")],
    }
    for called, attributes in names.items():
        subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in attributes])
        certificate = forge(ROOT, throwaway(), subject=subject)
        authority = Authority(name="ca", generation=1, certificate=certificate, chain=())

        assert authority.organization == called


def test_hosts_trust_an_authority_from_before_it_issues_until_it_is_retired() -> None:
    trusted = [state for state in AuthorityState if state.is_trusted]

    assert trusted == ["prepared", "active", "retiring"]
