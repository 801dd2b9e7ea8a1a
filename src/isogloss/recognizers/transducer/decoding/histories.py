"""Tokens and frames of the hypotheses of a beam, as two trees whose common prefixes are shared.

A prefix is a node of the token tree, and the same tokens are always the same node, so that two hypotheses are the same
label sequence exactly when their nodes are. The frames of a hypothesis are a node of a second tree.
"""


class Histories:
    """The token sequences of a batch's hypotheses and the frames of their tokens.

    Nodes are integers; node b is the empty history of stream b in both trees.
    """

    def __init__(self, batch: int) -> None:
        self._prefixes = [(-1, 0)] * batch
        self._node_of: dict[tuple[int, int], int] = {}
        self._alignments = [(-1, 0)] * batch

    def append(self, prefix: int, alignment: int, token: int, frame: int) -> tuple[int, int]:
        """The nodes of a history and of its frames after one more token."""
        key = (prefix, token)
        node = self._node_of.get(key)
        if node is None:
            node = self._node_of[key] = len(self._prefixes)
            self._prefixes.append(key)
        self._alignments.append((alignment, frame))
        return node, len(self._alignments) - 1

    def read(self, prefix: int, alignment: int) -> tuple[list[int], list[int]]:
        """The tokens of a prefix and the frames of an alignment, from the first on."""
        return _path(self._prefixes, prefix), _path(self._alignments, alignment)


def _path(nodes: list[tuple[int, int]], node: int) -> list[int]:
    """The values from a root to a node; the root has none."""
    values = []
    parent, value = nodes[node]
    while parent >= 0:
        values.append(value)
        parent, value = nodes[parent]
    return values[::-1]
