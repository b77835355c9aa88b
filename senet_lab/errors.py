"""The one exception that a command turns into one line for its user."""


class StudyError(Exception):
    """A mistake that its maker can mend: the text names what is wrong and what to do.

    Commands print it as one line, without a traceback, and exit with ``exit_status``.
    """

    exit_status = 2
