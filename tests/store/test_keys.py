import threading

import pytest

from deployer.pki.keys import KeyType, is_same_key, key_type
from deployer.store.keys import DEFAULT_COST, DamagedKey, WrongPassphrase, seal, unseal
from deployer.store.randomness import generate_key, random_serial_number
from tests.pki.examples import key_of
from tests.store.examples import CHEAP, PASSPHRASE

KEY = key_of(KeyType.P384, "sealed")
SEALED = seal(KEY, PASSPHRASE, owner="clients G1", cost=CHEAP)


@pytest.mark.parametrize("kind", KeyType)
def test_every_kind_of_key_is_made_and_recognised(kind: KeyType) -> None:
    assert key_type(key_of(kind, "made").public_key()) is kind


@pytest.mark.parametrize("kind", [KeyType.P256, KeyType.RSA2048, KeyType.ED25519])
def test_a_sealed_key_comes_back_with_its_passphrase(kind: KeyType) -> None:
    key = key_of(kind, "sealed")
    sealed = seal(key, PASSPHRASE, owner="root G1", cost=CHEAP)

    opened = unseal(sealed, PASSPHRASE, owner="root G1")

    assert is_same_key(opened.public_key(), key.public_key())


@pytest.mark.parametrize("guess", ["", "wrong", PASSPHRASE + " ", PASSPHRASE.upper()])
def test_a_wrong_passphrase_is_refused(guess: str) -> None:
    with pytest.raises(WrongPassphrase, match="does not open the key of clients G1") as refusal:
        unseal(SEALED, guess, owner="clients G1")
    assert refusal.value.hint
    assert PASSPHRASE not in repr(refusal.value)


def test_a_passphrase_is_the_same_however_its_accents_are_typed() -> None:
    sealed = seal(KEY, "caf\u00e9", owner="root G1", cost=CHEAP)

    opened = unseal(sealed, "cafe\u0301", owner="root G1")

    assert is_same_key(opened.public_key(), KEY.public_key())


def test_an_empty_passphrase_protects_nothing_and_is_refused() -> None:
    with pytest.raises(WrongPassphrase, match="empty"):
        seal(KEY, "", owner="root G1", cost=CHEAP)


def test_the_key_of_one_authority_does_not_pass_for_anothers() -> None:
    with pytest.raises(WrongPassphrase):
        unseal(SEALED, PASSPHRASE, owner="servers G1")


@pytest.mark.parametrize("position", range(0, len(SEALED), 7))
def test_a_changed_byte_is_noticed(position: int) -> None:
    changed = bytearray(SEALED)
    changed[position] ^= 1

    with pytest.raises((WrongPassphrase, DamagedKey)):
        unseal(bytes(changed), PASSPHRASE, owner="clients G1")


@pytest.mark.parametrize("length", [0, 10, 55])
def test_a_cut_off_key_is_damaged(length: int) -> None:
    with pytest.raises(DamagedKey):
        unseal(SEALED[:length], PASSPHRASE, owner="clients G1")


def test_each_guess_costs_64_mebibytes() -> None:
    assert DEFAULT_COST.memory_kib == 64 * 1024
    key = generate_key(KeyType.ED25519)

    opened = unseal(seal(key, PASSPHRASE, owner="root G1"), PASSPHRASE, owner="root G1")

    assert is_same_key(opened.public_key(), key.public_key())


def test_serial_numbers_are_positive_and_fit_into_twenty_octets() -> None:
    numbers = {random_serial_number() for _ in range(1000)}

    assert len(numbers) == 1000
    assert all(0 < number < 1 << 159 for number in numbers)


def test_two_keys_can_be_opened_at_once() -> None:
    # What protects them has threads of its own, which would wait for each other.
    sealed = seal(KEY, PASSPHRASE, owner="clients G1", cost=DEFAULT_COST)
    opening = [
        threading.Thread(target=unseal, args=(sealed, PASSPHRASE), kwargs={"owner": "clients G1"})
        for _ in range(2)
    ]
    for thread in opening:
        thread.daemon = True
        thread.start()
    for thread in opening:
        thread.join(timeout=60)

    assert not [thread for thread in opening if thread.is_alive()]
