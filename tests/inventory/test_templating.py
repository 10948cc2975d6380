import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import DeployerError
from deployer.inventory.place import InventoryError
from tests.inventory.written import host, inventory


def value(template: str, **others: str) -> object:
    more = "".join(f"{name}: {text}\n" for name, text in others.items())
    return host(f"x: {template}\n{more}").variables["x"]


def refused(template: str, **others: str) -> str:
    with pytest.raises(InventoryError) as caught:
        value(template, **others)
    return caught.value.message


def test_a_value_may_name_other_variables_which_name_others() -> None:
    assert value("'{{ a }}.internal'", a="'{{ b }}1'", b="web") == "web1.internal"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("'{{ n }}'", 5),
        ("'{{ n }}{{ n }}'", "55"),
        ("' {{ n }}'", " 5"),
        ("'{{ digits }}'", "443"),
        ("'{{ l }}'", [1, 5]),
        ("'{{ l + [n] }}'", [1, 5, 5]),
        ("'{{ l | map(\"string\") }}'", ["1", "5"]),
        ("'{{ {\"a\": n} }}'", {"a": 5}),
        ("'{{ n > 3 }}'", True),
        ("'{% if n > 3 %}big{% endif %}'", "big"),
        ("'{{ missing | default(7) }}'", 7),
        ("'{{ none }}'", None),
        ('"line\\n{{ n }}\\n"', "line\n5\n"),
    ],
)
def test_a_lone_expression_keeps_its_type_and_anything_else_is_text(
    template: str, expected: object
) -> None:
    assert value(template, n="5", digits="'443'", l="[1, '{{ n }}']") == expected


def test_templates_are_resolved_inside_lists_and_mappings() -> None:
    assert value("[{a: '{{ n }}', b: plain}]", n="5") == [{"a": 5, "b": "plain"}]


def test_what_a_template_gives_is_not_a_template_again() -> None:
    assert value("'{{ a }}'", a="!unsafe '{{ evil }}'") == "{{ evil }}"
    assert value("\"{{ '{{' }} x }}\"") == "{{ x }}"


def test_templates_see_the_host_its_groups_and_the_other_hosts() -> None:
    loaded = inventory("""
        web:
          hosts: {web1.lab: {ip: 10.0.0.1}, web2.lab: {ip: "10.0.0.{{ 1 + 1 }}"}}
          vars:
            me: "{{ inventory_hostname }} {{ inventory_hostname_short }} {{ group_names[0] }}"
            peers: "{% for h in groups['web'] %}{{ hostvars[h].ip }} {% endfor %}"
            whence: "{{ inventory_dir }}/{{ inventory_file }}"
    """)
    variables = loaded.host("web2.lab").variables

    assert variables["me"] == "web2.lab web2 web"
    assert variables["peers"] == "10.0.0.1 10.0.0.2 "
    assert variables["whence"] == "./hosts.yml"


@pytest.mark.fault(66, how="an undefined variable")
def test_an_undefined_name_is_an_error_with_host_variable_line_and_the_nearest_name() -> None:
    assert refused("'{{ domian }}'", domain="lab") == (
        "hosts.yml:4: x: 'domian' is undefined, did you mean domain? (host web1)"
    )


def test_the_error_is_where_the_mistake_is_and_not_where_it_is_noticed() -> None:
    message = refused("'{{ a }}'", a="\n        - good\n        - '{{ missing }}'")

    assert message == "hosts.yml:7: a[1]: 'missing' is undefined (host web1)"


def test_every_mistake_in_a_value_is_reported() -> None:
    message = refused("['{{ a }}', '{{ b', {c: '{{ 1 | nofilter }}'}]")

    assert [line.split(": ")[1] for line in message.splitlines()] == ["x[0]", "x[1]", "x[2].c"]


def test_variables_that_refer_to_each_other_in_a_ring_are_refused() -> None:
    message = refused("'{{ a }}'", a="'{{ x }}'")

    assert message == "hosts.yml:4: x: it refers to itself: x -> a -> x (host web1)"


def test_a_ring_through_other_hosts_is_refused() -> None:
    loaded = inventory("""
        web:
          hosts:
            one: {x: "{{ hostvars['two'].x }}"}
            two: {x: "{{ hostvars['one'].x }}"}
    """)

    with pytest.raises(InventoryError, match="refers to itself"):
        loaded.host("one").variables["x"]


def test_the_same_name_on_another_host_is_no_ring() -> None:
    loaded = inventory("""
        web:
          hosts:
            one: {x: "{{ hostvars['two'].x }}1"}
            two: {x: base}
    """)

    assert loaded.host("one").variables["x"] == "base1"


def test_a_very_long_chain_is_refused() -> None:
    chain = {f"v{i}": f"'{{{{ v{i + 1} }}}}'" for i in range(200)}

    assert "refer to each other in a row" in refused("'{{ v0 }}'", **chain)


@pytest.mark.fault(66, how="templates that try to")
@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ inventory_hostname.__init__.__globals__ }}",
        "{{ hostvars._hosts }}",
        "{{ self.__init__ }}",
        "{{ groups['all'].append('x') }}",
        "{{ range(10**9) | list }}",
        "{{ lipsum() }}",
        "{{ [1, 2] | random }}",
        "{% include '/etc/passwd' %}",
        "{{ groups.get }}",
        "{{ 1 / 0 }}",
        "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    ],
)
def test_a_template_cannot_leave_its_box(template: str) -> None:
    quoted = template.replace("'", "''")

    assert refused(f"'{quoted}'").startswith("hosts.yml:4: x: ")


def test_an_error_does_not_quote_the_values_that_caused_it() -> None:
    assert "hunter2" not in refused("'{{ secret + 1 }}'", secret="hunter2")
    assert "hunter2" not in refused("'{{ secret.missing }}'", secret="hunter2")


def test_values_have_no_repr() -> None:
    one = host("ansible_become_password: hunter2")

    assert "hunter2" not in repr(one)
    assert "hunter2" not in repr(one.variables.written["ansible_become_password"])


@given(st.text(alphabet="{}%# ax1.'|[]()", max_size=30))
def test_any_template_gives_a_plain_value_or_an_error(template: str) -> None:
    quoted = template.replace("'", "''")
    message = "hosts.yml:4: "
    try:
        found = value(f"'{quoted}'", a="1")
        assert found is None or isinstance(found, bool | int | float | str | list | dict)
    except DeployerError as error:
        message = error.message

    assert message.startswith("hosts.yml:4: ")
