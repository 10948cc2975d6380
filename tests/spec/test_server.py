from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import DeployerError
from deployer.layouts import DEBIAN, RHEL
from deployer.spec.problems import SpecError
from deployer.spec.server import ServerSpec, server_spec, server_specs
from deployer.spec.vhost import VhostSpec
from tests.inventory.written import host, inventory


def spec(variables: str) -> ServerSpec:
    return server_spec(host(variables))


def refused(variables: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec(variables)
    return caught.value.message.splitlines()


def only(variables: str) -> VhostSpec:
    (vhost,) = spec(variables).vhosts
    return vhost


def test_everything_has_a_default() -> None:
    assert spec("ansible_host: 10.0.0.1") == ServerSpec(
        host="web1", layout=None, vhosts=(), default_vhost="deny", confirm_timeout=60
    )


def test_a_group_may_say_once_what_its_sites_leave_open() -> None:
    vhosts = spec("""
        mtls_verify: optional
        mtls_tls: modern
        mtls_depth: 3
        mtls_lifetime: 30d
        mtls_document_root: "/srv/{{ inventory_hostname }}"
        apache_vhosts:
          - server_name: a.lab
          - {server_name: b.lab, tls: intermediate, client_auth: {verify: require}}
    """).vhosts

    assert [vhost.document_root for vhost in vhosts] == ["/srv/web1", "/srv/web1"]
    assert [vhost.tls for vhost in vhosts] == ["modern", "intermediate"]
    assert [vhost.client_auth.verify for vhost in vhosts] == ["optional", "require"]
    assert [vhost.client_auth.depth for vhost in vhosts] == [3, 3]
    assert [vhost.lifetime.days for vhost in vhosts] == [30, 30]


def test_the_host_as_a_whole_has_settings() -> None:
    read = spec("{mtls_default_vhost: leave, mtls_confirm_timeout: 5, mtls_layout: debian}")

    assert (read.default_vhost, read.confirm_timeout, read.layout) == ("leave", 5, DEBIAN)


LAYOUT = """
    mtls_layout:
      name: sandbox
      config_root: /tmp/x/apache2
      vhost_dir: /tmp/x/apache2/sites/
      state_dir: /tmp/x/state
      httpd: [/usr/sbin/apache2, -d, /tmp/x]
      reload: [/usr/sbin/apache2, -k, graceful]
      start: [/usr/sbin/apache2]
      pid_file: /tmp/x/apache2.pid
      log_dir: ${APACHE_LOG_DIR}
"""


def test_a_layout_may_be_written_out_as_plain_data() -> None:
    layout = spec(LAYOUT).layout

    assert layout is not None
    assert layout.name == "sandbox"
    assert layout.httpd == ("/usr/sbin/apache2", "-d", "/tmp/x")
    assert layout.vhost_dir == "/tmp/x/apache2/sites"
    assert layout.log_dir == "${APACHE_LOG_DIR}"


def test_a_layout_may_be_like_one_that_we_know() -> None:
    read = spec("""
        mtls_layout:
          like: rhel
          config_root: /opt/httpd
          vhost_dir: /opt/httpd/sites
          group: web
    """).layout

    changes = {"config_root": "/opt/httpd", "vhost_dir": "/opt/httpd/sites", "group": "web"}
    assert read == replace(RHEL, **changes)  # type: ignore[arg-type]


def test_a_layout_like_nothing_that_we_know_is_refused() -> None:
    assert refused("mtls_layout: {like: slackware, name: x}") == [
        (
            "hosts.yml:4: mtls_layout.like: no layout 'slackware', known are debian, rhel, suse, "
            "alpine, arch, freebsd, or a mapping with its fields (host web1)"
        ),
    ]
    assert refused("mtls_layout: {like: debian, vhostdir: /x}") == [
        "hosts.yml:4: mtls_layout.vhostdir: unknown key, did you mean vhost_dir? (host web1)"
    ]


def test_a_layout_of_null_is_looked_for_on_the_host() -> None:
    assert spec("mtls_layout: null").layout is None


def test_every_mistake_in_a_layout_has_its_line() -> None:
    text = LAYOUT.replace("pid_file", "pidfile").replace("/tmp/x/state", "${HOME}/state")

    assert refused(text) == [
        "hosts.yml:4: mtls_layout.pid_file: it is missing (host web1)",
        "hosts.yml:8: mtls_layout.state_dir: contains ${, which Apache would expand (host web1)",
        "hosts.yml:12: mtls_layout.pidfile: unknown key, did you mean pid_file? (host web1)",
    ]


def test_an_unknown_layout_gets_the_names_of_those_there_are() -> None:
    assert refused("mtls_layout: debain") == [
        "hosts.yml:4: mtls_layout: no layout 'debain', did you mean debian? (host web1)"
    ]


def test_every_mistake_is_reported_with_its_line_and_the_nearest_name() -> None:
    lines = refused("""
        mtls_confirm_timout: 5
        apache_vhost: []
        mtls_tls: modren
        mtls_confirm_timeout: yes
        apache_vhosts:
          - server_name: a.lab
            document_root: /srv
            client_auth:
              verfy: require
              verify: no
            tls: modern
          - server_name: "a..b"
            document_rot: /srv
            tls: modern
          - text
          - server_name: c.lab
            tls: modern
          - document_root: "/srv/{{ missing }}"
            listen: 443x
    """)

    assert [line.removesuffix(" (host web1)").removeprefix("hosts.yml:") for line in lines] == [
        "4: mtls_confirm_timout: unknown variable, did you mean mtls_confirm_timeout?",
        "5: apache_vhost: unknown variable, did you mean apache_vhosts?",
        "6: mtls_tls: must be 'intermediate' or 'modern'",
        "7: mtls_confirm_timeout: must be a number, not yes or no",
        "12: apache_vhosts[0].client_auth.verfy: unknown key, did you mean verify?",
        "13: apache_vhosts[0].client_auth.verify: YAML reads this as false: write none",
        "15: apache_vhosts[1].server_name: 'a..b' is not a DNS name: it has an empty label",
        "16: apache_vhosts[1].document_rot: unknown key, did you mean document_root?",
        "18: apache_vhosts[2]: must be a mapping",
        "19: apache_vhosts[3]: document_root or proxy is needed: it serves nothing",
        "21: apache_vhosts[4].document_root: 'missing' is undefined",
        "21: apache_vhosts[4].server_name: it is missing",
        "22: apache_vhosts[4].listen: '443x' is not a port from 1 to 65535",
    ]


def test_a_site_whose_address_cannot_be_resolved_is_not_called_incomplete() -> None:
    assert refused("""
        root: "{{ missing }}"
        apache_vhosts: [{server_name: a.lab, document_root: "{{ root }}"}]
    """) == ["hosts.yml:4: root: 'missing' is undefined (host web1)"]


def test_a_wrong_default_is_reported_once_and_where_it_is_written() -> None:
    assert refused("""
        mtls_verify: no
        apache_vhosts:
          - {server_name: a.lab, document_root: /srv}
          - {server_name: b.lab, document_root: /srv}
    """) == ["hosts.yml:4: mtls_verify: YAML reads this as false: write none (host web1)"]


def test_a_key_that_another_version_knows_is_unknown_and_not_ignored() -> None:
    (line,) = refused("apache_vhosts: [{server_name: a.lab, document_root: /srv, allow: []}]")

    assert "apache_vhosts[0].allow: unknown key" in line


@pytest.mark.fault(68)
@pytest.mark.parametrize(
    ("second", "clash"),
    [
        ("{server_name: a.lab, document_root: /srv}", "a.lab on *:443"),
        ("{server_name: b.lab, server_aliases: [A.lab], document_root: /srv}", "a.lab on *:443"),
        ("{server_name: a.lab, document_root: /srv, listen: 8443}", ""),
        ("{server_name: a.lab, document_root: /srv, listen: '10.0.0.1:443'}", ""),
        ("{server_name: b.lab, server_aliases: [b.lab], document_root: /srv}", ""),
    ],
)
def test_one_name_on_one_address_is_one_site(second: str, clash: str) -> None:
    variables = f"""
        apache_vhosts:
          - {{server_name: a.lab, document_root: /srv}}
          - {second}
    """
    if clash:
        assert refused(variables) == [
            f"hosts.yml:6: apache_vhosts[1]: {clash} is apache_vhosts[0] already (host web1)"
        ]
    else:
        assert len({vhost.slug for vhost in spec(variables).vhosts}) == 2


def test_a_mistake_that_many_hosts_share_is_reported_once() -> None:
    loaded = inventory("""
        web:
          hosts: {"web[1:5]": }
          vars:
            apache_vhosts: [{server_name: "{{ inventory_hostname }}.lab", documentroot: /srv}]
    """)

    with pytest.raises(SpecError) as caught:
        server_specs(loaded.hosts.values())
    assert [line.rpartition(" (")[2] for line in caught.value.message.splitlines()] == [
        "hosts web1, web2 and 3 more)"
    ]


def test_hosts_that_are_right_have_their_own_specs() -> None:
    loaded = inventory("""
        web:
          hosts: {"web[1:2]": }
          vars:
            apache_vhosts: [{server_name: "{{ inventory_hostname }}.lab", document_root: /srv}]
    """)

    names = [one.vhosts[0].server_name for one in server_specs(loaded.hosts.values())]

    assert names == ["web1.lab", "web2.lab"]


def test_sites_that_come_from_a_template_are_at_its_line() -> None:
    assert refused("""
        sites: [{server_name: a.lab, port: 443}]
        apache_vhosts: "{{ sites }}"
    """) == [
        "hosts.yml:5: apache_vhosts[0].port: unknown key, known are "
        + ", ".join(VhostSpec.model_fields)
        + " (host web1)",
    ]


keys = st.sampled_from([*VhostSpec.model_fields, "verify", "path", "to", "x"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["a.lab", "/srv", "http://a", "{{ x }}", "none", "${X}"]),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(keys, below, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        keys.map("mtls_{}".format) | st.sampled_from(["apache_vhosts", "mtls_layout"]),
        values | st.lists(values, max_size=2),
        max_size=3,
    )
)
def test_any_variables_give_a_spec_or_errors_with_places(variables: dict[str, object]) -> None:
    lines: list[str] = []
    try:
        server_spec(inventory(repr({"web": {"hosts": {"web1": variables}}})).host("web1"))
    except DeployerError as error:
        lines = error.message.splitlines()

    assert all(line.startswith("hosts.yml:1: ") for line in lines)
