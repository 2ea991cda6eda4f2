"""Hash a list into one root, and prove that one item was in it without showing the others (RFC 6962, section 2.1).

A leaf is hashed behind the byte 0x00, a node behind 0x01, so that no node can be passed off as a leaf; the left subtree
holds the largest power of two that is smaller than the number of leaves; the hash is SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

__all__ = ["EMPTY_ROOT", "MerkleTree", "inclusion_proof", "leaf_hash", "root_of", "root_from_proof"]

EMPTY_ROOT = sha256(b"").digest()
"""The root of no leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Return a leaf's hash."""
    return sha256(b"\x00" + data).digest()


class MerkleTree:
    """Grows by one leaf at a time and keeps only the roots of whole subtrees: 32 bytes for each bit of the count."""

    __slots__ = ("_peaks", "count")

    def __init__(self) -> None:
        self.count = 0
        self._peaks: list[bytes] = []

    def add(self, data: bytes) -> None:
        """Append a leaf."""
        node = sha256(b"\x00" + data).digest()
        number = self.count
        peaks = self._peaks
        while number & 1:
            node = sha256(b"\x01" + peaks.pop() + node).digest()
            number >>= 1
        peaks.append(node)
        self.count += 1

    def root(self) -> bytes:
        """Return the root of what was added so far."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = sha256(b"\x01" + peak + node).digest()
        return node


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of a list of leaves' data."""
    tree = MerkleTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path (RFC 6962, 2.1.1) of the leaf at `index`: the siblings from the leaf up."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    return _path([leaf_hash(leaf) for leaf in leaves], index)


def root_from_proof(data: bytes, index: int, count: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that a leaf and its audit path lead to; `ValueError` for a path of the wrong length.

    The leaf was there if that is the root that was signed. (The algorithm of RFC 9162, 2.1.3.2.)
    """
    if not 0 <= index < count:
        raise ValueError(f"there is no leaf {index} among {count}")
    node, at, last = leaf_hash(data), index, count - 1
    for sibling in proof:
        if last == 0:
            raise ValueError("the path is too long")
        if at & 1 or at == last:
            node = sha256(b"\x01" + sibling + node).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + sibling).digest()
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return node


def _path(hashes: list[bytes], index: int) -> list[bytes]:
    if len(hashes) == 1:
        return []
    left = 1 << (len(hashes) - 1).bit_length() - 1
    if index < left:
        return [*_path(hashes[:left], index), _node_of(hashes[left:])]
    return [*_path(hashes[left:], index - left), _node_of(hashes[:left])]


def _node_of(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + _node_of(hashes[:left]) + _node_of(hashes[left:])).digest()
