"""What a person is told when a move cannot go on."""


class MoveFailure(Exception):
    """Ends the command; its text is one or two sentences that say what to do."""
