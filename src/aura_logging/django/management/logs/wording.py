"""Say how many there are, and lay out a subcommand's help with its examples as they were written."""

from __future__ import annotations

import argparse
import textwrap

__all__ = ["HelpText", "counted"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 line`, `1,200 lines`, `2 processes`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


class HelpText(argparse.HelpFormatter):
    """Fills paragraphs to the terminal's width and leaves indented lines, which are examples, a line each."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        blocks = []
        for block in text.strip().split("\n\n"):
            if block.startswith("    "):
                blocks.append(textwrap.indent(textwrap.dedent(block), f"{indent}  "))
            else:
                filled = textwrap.fill(" ".join(block.split()), width, initial_indent=indent, subsequent_indent=indent)
                blocks.append(filled)
        return "\n\n".join(blocks)
