"""The exception that commands turn into one line for the user."""


class StudyError(Exception):
    """A mistake that the user can correct. The text names what is wrong and what to do.

    Commands print it as one line, without a traceback, and exit with ``exit_status``.
    """

    exit_status = 2
