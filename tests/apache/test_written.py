"""Reading back what was rendered: the sites that visitors meet."""

from deployer.apache.written import sites_of
from deployer.inventory.loading import load_inventory
from deployer.sources import read_sources
from deployer.spec.server import ServerSpec, server_specs
from deployer.spec.vhost import VhostSpec
from tests.apache.test_rendering import GOLDEN, PROJECTS


def meant(vhost: VhostSpec) -> tuple[object, ...]:
    asks = vhost.client_auth.verify != "none"
    return (
        vhost.ip or "*",
        vhost.port,
        vhost.server_name,
        vhost.names[1:],
        vhost.client_auth.verify,
        vhost.client_auth.revocation if asks else "none",
        "" if vhost.certificate.on_host else f"tls/{vhost.slug}/fullchain.pem",
        f"trust/{vhost.slug}.pem" if asks else "",
        f"trust/{vhost.slug}.names.pem" if asks else "",
    )


def specs() -> dict[str, ServerSpec]:
    return {
        f"{name}/{spec.host}": spec
        for name, (_, inventory) in PROJECTS.items()
        for spec in server_specs(load_inventory(read_sources([inventory])).hosts.values())
    }


def test_every_site_that_is_written_is_read_as_it_was_meant() -> None:
    for directory, spec in specs().items():
        texts = {
            str(path.relative_to(GOLDEN / directory)): path.read_text()
            for path in (GOLDEN / directory).rglob("*.conf")
        }
        # A template of somebody's own may leave out what it likes.
        wanted = sorted(meant(vhost) for vhost in spec.vhosts if vhost.template is None)

        found = sorted(
            (
                site.address,
                site.port,
                site.server_name,
                site.aliases,
                site.verify,
                site.revocation,
                site.path("SSLCertificateFile"),
                site.path("SSLCACertificateFile"),
                site.path("SSLCADNRequestFile"),
            )
            for site in sites_of(texts)
            if site.server_name not in {v.server_name for v in spec.vhosts if v.template}
        )

        assert found == wanted, directory


def test_whatever_a_template_of_ones_own_says_last_and_outside_of_sections_counts() -> None:
    text = """
        <VirtualHost _default_:8443 [::1]:8443>
            serverName   "a.example.com"
            SSLEngine On
            <IfModule mod_ssl.c>
            SSLCertificateFile \\
                /etc/ssl/a.pem
            </IfModule>
            SSLVerifyClient require
            # SSLVerifyClient none
            <Location "/x">
                SSLVerifyClient none
            </Location>
            SSLVerifyClient optional
        </VirtualHost>
        <VirtualHost *:443>
            ServerName plain.example.com
        </VirtualHost>
    """

    (site,) = sites_of({"sites/a.conf": text, "sites/000-server.conf": text, "include.conf": text})

    assert (site.address, site.port, site.server_name) == ("*", 8443, "a.example.com")
    assert site.verify == "optional"
    assert site.path("SSLCertificateFile") == ""
    assert site.revocation == "none"
