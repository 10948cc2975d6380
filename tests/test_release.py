"""Releases as values: what a thousand of them have in common is in memory once."""

from deployer.release import File, Release


def text(words: str) -> bytes:
    """A content of its own, as if it were of another host."""
    return words.encode()


def test_what_releases_have_in_common_is_in_memory_once() -> None:
    one = File.of("trust/shop.pem", text("the authorities"))
    other = File.of("trust/wiki.pem", text("the authorities"))

    assert one.content is other.content
    assert one.digest is other.digest


def test_secrets_are_not_kept_for_others() -> None:
    one = File.of("tls/shop/key.pem", text("a key"), secret=True)
    other = File.of("tls/wiki/key.pem", text("a key"), secret=True)

    assert one.digest == other.digest
    assert one.content is not other.content


def test_a_release_takes_equal_files_from_the_one_that_was_planned() -> None:
    planned = Release(
        files=(File.of("a.conf", text("a"), secret=True), File.of("b.conf", b"")), include="z.conf"
    )
    final = Release(
        files=(File.of("a.conf", text("a"), secret=True), File.of("b.conf", b"b")), include="z.conf"
    )

    sharing = final.sharing(planned)

    assert sharing == final
    assert sharing.manifest == final.manifest
    assert sharing.file("a.conf") is planned.file("a.conf")
    assert sharing.file("b.conf") is final.file("b.conf")
