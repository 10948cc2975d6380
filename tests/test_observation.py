"""What an observation says of files that somebody edited on the host."""

import pytest

from deployer.observation import Observation, parse

DIGEST, OTHER = "a" * 64, "b" * 64
AS_BROUGHT = f"""\
manifest file 0644 {DIGEST} sites/www.conf
manifest file 0600 {DIGEST} tls/www/key.pem
mode -rw-r--r-- sites/www.conf
mode -rw------- tls/www/key.pem
digest {DIGEST} sites/www.conf
digest {DIGEST} tls/www/key.pem
"""


def observed(facts: str) -> Observation:
    always = "clock 1\nuser 0\nlayout debian\nversion 2.4.62\ncurrent x\nmachine boot ns\n"
    return parse(f"deployer-observation\n{always}{facts}end\n")


def test_a_release_as_it_was_brought_is_not_edited() -> None:
    assert observed(AS_BROUGHT).edited == ()
    assert observed("").edited == ()


@pytest.mark.parametrize(
    ("before", "after", "edited"),
    [
        (f"digest {DIGEST} sites/www.conf", f"digest {OTHER} sites/www.conf", "sites/www.conf"),
        (f"digest {DIGEST} tls/www/key.pem\n", "", "tls/www/key.pem"),
        (f"manifest file 0644 {DIGEST} sites/www.conf\n", "", "sites/www.conf"),
    ],
    ids=["changed", "removed", "added"],
)
def test_files_that_somebody_touched_are_named(before: str, after: str, edited: str) -> None:
    assert before in AS_BROUGHT

    assert observed(AS_BROUGHT.replace(before, after)).edited == (edited,)


def test_a_machine_is_known_by_what_no_other_has() -> None:
    assert observed("").machine == "boot ns"
