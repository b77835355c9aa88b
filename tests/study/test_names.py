"""Names that become parts of paths and labels that become lines of tables are refused where they enter."""

import json
from dataclasses import replace

import pytest

from senet_lab.records.record import RecordError, from_json
from senet_lab.study import Row
from senet_lab.study.claim import Claim, Lower
from tests.samples import PLAIN, PROTOCOL, TABLE, altered, finished

BAD_NAMES = ["", "../x", "a/b", ".hidden", "a b", "a\n", "-x", "x" * 121, "ä", None, 7]
BAD_LABELS = ["", " ", "two\nlines", "a\tb", "\x1b[31m", "x" * 121, None]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_is_a_part_of_a_path(name):
    """Edition, number and topic of a table, name of a protocol and of a claim."""
    for field in ("edition", "number", "topic"):
        with pytest.raises(ValueError, match=f"{field} is "):
            replace(TABLE, **{field: name})
    with pytest.raises(ValueError, match="name is "):
        replace(PROTOCOL, name=name)
    with pytest.raises(ValueError, match="name is "):
        Claim(name=name, table=TABLE, statement="s", source="s", parts=(Lower("SE", "plain"),))


@pytest.mark.parametrize("label", BAD_LABELS)
def test_a_label_is_one_printable_line(label):
    """Of a row; a table's caption likewise. What Markdown or LaTeX would read as more is escaped on its way out."""
    with pytest.raises(ValueError, match="a row of table99 is "):
        replace(TABLE, baseline=label, rows=(Row(label, PLAIN),))
    with pytest.raises(ValueError, match="the caption of table99 is "):
        replace(TABLE, caption=label)


def test_names_of_every_kind_in_use_are_accepted():
    """With digits, dots, plus, underscores and hyphens."""
    for name in ("cifar10-quick", "imagenette-by-x_2", "a.b+c", "7"):
        assert replace(PROTOCOL, name=name).name == name
    assert replace(TABLE, rows=(Row("plain", PLAIN), Row("SE & <b> | #1", PLAIN))).rows[1].label


def test_a_record_that_would_write_elsewhere_is_refused():
    """A protocol named ../../elsewhere in a record's file, with a digest that fits."""
    record = finished()
    cell = json.loads(altered(record))["cell"]
    cell["protocol"]["name"] = "../../elsewhere"
    with pytest.raises(RecordError, match=r"name is '\.\./\.\./elsewhere'"):
        from_json(altered(record, cell=cell), "x.json")
