"""Tocsin on one machine: the real template in an AWS emulator, behind a small front."""

from dev.stack.failure import StackFailure
from dev.stack.stack import Stack

__all__ = ["Stack", "StackFailure"]
