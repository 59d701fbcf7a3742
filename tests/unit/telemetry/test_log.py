"""Lines of the log."""

import json
import logging

from mediakiln.telemetry.log import JsonFormatter, TextFormatter


def a_record(message: str, **extra: str) -> logging.LogRecord:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, message, None, None)
    record.__dict__.update(extra)
    return record


def test_words_that_others_chose_make_no_lines_and_speak_to_no_terminal() -> None:
    harm = "GET /a\nerror   forged\r\x1b[2J\x9b1m\u2028é"
    line = TextFormatter().format(a_record(harm, key="b\nc"))
    assert line == "info    GET /a\\nerror   forged\\r\\x1b[2J\\x9b1m\\u2028é  (key=b\\nc)"
    plain = JsonFormatter().format(a_record(harm))
    assert plain.isprintable()
    assert json.loads(plain)["message"] == harm
