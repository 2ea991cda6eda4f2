"""The tree is the one of RFC 6962, and its proofs prove."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.audit.merkle import EMPTY_ROOT, inclusion_proof, root_from_proof, root_of

leaves = st.lists(st.binary(max_size=5), max_size=20)


def by_definition(data: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + by_definition(data[:k]) + by_definition(data[k:])).digest()


@given(leaves)
def test_a_root_is_what_the_rfc_defines(data: list[bytes]) -> None:
    assert root_of(data) == by_definition(data)


def test_known_roots() -> None:
    # The test vectors of Certificate Transparency's reference implementation (merkle_tree_test.cc).
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]

    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of(map(bytes.fromhex, inputs)).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


@given(st.data(), leaves.filter(bool))
def test_a_proof_leads_from_a_leaf_to_the_root(data: st.DataObject, items: list[bytes]) -> None:
    index = data.draw(st.integers(0, len(items) - 1))

    proof = inclusion_proof(items, index)

    assert root_from_proof(items[index], index, len(items), proof) == root_of(items)


@given(st.data(), leaves.filter(bool), st.binary(max_size=5))
def test_no_other_leaf_has_that_proof(data: st.DataObject, items: list[bytes], other: bytes) -> None:
    index = data.draw(st.integers(0, len(items) - 1))
    if other == items[index]:
        return

    proof = inclusion_proof(items, index)

    assert root_from_proof(other, index, len(items), proof) != root_of(items)


def test_a_proof_of_the_wrong_length_is_refused() -> None:
    items = [b"a", b"b", b"c"]
    proof = inclusion_proof(items, 0)

    with pytest.raises(ValueError, match="too short"):
        root_from_proof(b"a", 0, 3, proof[:-1])
    with pytest.raises(ValueError, match="too long"):
        root_from_proof(b"a", 0, 3, [*proof, proof[0]])
    with pytest.raises(ValueError, match="no leaf 3 among 3"):
        root_from_proof(b"a", 3, 3, proof)
    with pytest.raises(IndexError):
        inclusion_proof(items, 3)
