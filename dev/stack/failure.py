"""What a person can act on when the stack does not come up."""


class StackFailure(Exception):
    """The stack cannot start; the text is one clear sentence for the terminal."""
