"""Keys name cells by value; study values survive JSON; random streams derive from seed and purpose."""

import dataclasses
import json
from dataclasses import replace

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.records.record import SCHEMA
from senet_lab.study import Cell, Protocol, Schedule, SESpec
from senet_lab.study.cell import UnknownFields, canonical_json, derive_seed, from_plain, to_plain
from senet_lab.study.detection import Detection
from senet_lab.study.protocol import PhotoSet, Precision
from senet_lab.study.values import left_out, schema_of, since
from tests.samples import PLAIN, PROTOCOL, SE

TEXT_OF_SE = (
    '{"backbone":"cifar_resnet11_bottleneck","protocol":{"batch_size":20,"crop":"pad-crop","crop_padding":4,"cutout":0,'
    '"dataset":"cifar10","decay_norm_and_bias":true,"epochs":2,"evaluation_split":"test","flip":true,"image_size":32,'
    '"label_smoothing":0.0,"momentum":0.9,"name":"sample","nesterov":false,"num_classes":10,"precision":"fp32",'
    '"resize":0,"schedule":{"decay":"cosine","drops":0,"factor":0.1,"milestones":[],"patience":0,"peak_lr":0.05,'
    '"warmup_lr":0.0,"warmup_ramp":false,"warmup_steps":0},"test_images":1000,"train_images":100,"version":1,'
    '"weight_decay":0.0001},"se":{"bias":false,"excitation":"fc","gate":"sigmoid","integration":"standard",'
    '"reduction":16,"squeeze":"avg","stages":"all"}}'
)


def test_the_hashed_text_is_this_one():
    """Sorted keys, no spaces, defaults included, no prose. A change here makes every record that exists unreadable."""
    assert canonical_json(SE) == TEXT_OF_SE


@pytest.mark.parametrize(
    ("table", "row", "protocol", "key"),
    [
        ("table7", "original", "paper", "f9f411cfd41aa5f0"),
        ("table7", "r=16", "paper", "3b06dc53b16fcacb"),
        ("tpami-table12", "Tanh", "paper", "deeccc0dd704fc5e"),
        ("tpami-table10", "r=16", "cifar10", "d4788611883bba1d"),
    ],
)
def test_known_cells_keep_their_keys(table, row, protocol, key):
    """These four cells have these keys. Where one changes by intent, records under the old key are no longer found."""
    found = studies.table_under(catalogue.find_table(table), protocol).row(row).cell

    assert key == found.key


def _changed_fields():
    """Every field of the values in a key, with the cell that differs from SE in that field only."""
    numbers = {str: "another", int: 3, float: 0.25}
    schedule = Schedule(decay="steps", peak_lr=1.0, milestones=(1.0,), warmup_ramp=True)
    special = {
        SESpec: {"stages": (2,), "bias": True, "squeeze": "max", "gate": "tanh", "integration": "pre"}
        | {"excitation": "group", "stage_reductions": (8, 4)},
        Schedule: {"decay": "steps", "milestones": (1.0,), "warmup_ramp": True},
        Protocol: {"dataset": "cifar100", "crop": "none", "precision": "bf16", "schedule": schedule}
        | {"flip": False, "nesterov": True, "decay_norm_and_bias": False, "train_images": 200, "departures": ()}
        | {"photos": PhotoSet("another", "folder"), "training_sizes": (24, 32)}
        | {"detection": Detection(head="pyramid", train="train2017", test="val2017", longest=64)}
        | {"small_photos": 400},
    }
    for value, put in (
        (SE.se, lambda se: replace(SE, se=se)),
        (PROTOCOL.schedule, lambda schedule: replace(SE, protocol=replace(PROTOCOL, schedule=schedule))),
        (PROTOCOL, lambda protocol: replace(SE, protocol=protocol)),
    ):
        for field in dataclasses.fields(value):
            changed = special[type(value)].get(field.name, numbers.get(field.type))
            of_photos = {"photos": "folder", "small_photos": "imagenette", "detection": "coco"}  # no other set has them
            whose = {"dataset": of_photos[field.name]} if field.name in of_photos else {}
            yield field.name, put(replace(value, **{field.name: changed}, **whose))


def test_every_field_that_is_not_prose_moves_the_key():
    """Of all fields of SESpec, Schedule and Protocol only title and departures are not in the key."""
    cells = dict(_changed_fields())

    assert {"title", "departures"} == {name for name, cell in cells.items() if cell.key == SE.key}
    assert len(cells) == sum(len(dataclasses.fields(kind)) for kind in (SESpec, Schedule, Protocol))


FIELDS_OF_SCHEMA_1 = {
    Cell: "backbone se protocol",
    SESpec: "reduction squeeze gate integration excitation stages bias",
    Schedule: "decay peak_lr milestones factor warmup_steps warmup_lr warmup_ramp patience drops",
    Protocol: "name version dataset num_classes image_size train_images test_images evaluation_split crop crop_padding "
    "flip cutout resize batch_size epochs schedule momentum nesterov weight_decay decay_norm_and_bias label_smoothing "
    "precision title departures",
}


@pytest.mark.parametrize("kind", FIELDS_OF_SCHEMA_1)
def test_fields_that_came_later_say_so(kind):
    """Those of the first schema are these; another one has a default and says since when, or every record is lost."""
    later = [f for f in dataclasses.fields(kind) if f.name not in FIELDS_OF_SCHEMA_1[kind].split()]

    assert [f.name for f in later if not 2 <= f.metadata.get("since", 0) <= SCHEMA] == []
    assert [f.name for f in later if left_out(f, object())] == []  # and it has a default, or this raises
    assert [
        f.name for f in dataclasses.fields(kind) if f.name not in [f.name for f in later] and "since" in f.metadata
    ] == []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grown:
    """A study value that got two fields after the first schema."""

    old: int = 1
    new: float = dataclasses.field(default=0.5, metadata=since(2))
    newest: tuple[int, ...] = dataclasses.field(default=(), metadata=since(3))


def test_a_new_field_at_its_default_is_not_in_the_json():
    """So keys and digests stay what they were before it was there, and the first schema can say the value."""
    assert canonical_json(Grown()) == '{"old":1}'
    assert to_plain(Grown(new=0.5), prose=True) == {"old": 1}
    assert [schema_of(Grown()), schema_of(Grown(new=1.0)), schema_of(Grown(newest=(4,)))] == [1, 2, 3]
    assert schema_of((Grown(), [Grown(new=1.0)])) == 2


def test_a_new_field_off_its_default_is_another_value():
    """It is in the JSON, and comes back."""
    value = Grown(new=2.0, newest=(4,))

    assert canonical_json(value) == '{"new":2.0,"newest":[4],"old":1}'
    assert from_plain(Grown, json.loads(canonical_json(value))) == value


def test_a_new_field_is_filled_in():
    """Data without it takes its default; an older field must be there, and an unknown one is of a later version."""
    assert from_plain(Grown, {"old": 7}) == Grown(old=7)
    with pytest.raises(ValueError, match=r"missing fields \['old'\]"):
        from_plain(Grown, {"new": 1.0})
    with pytest.raises(UnknownFields, match=r"Grown: unknown fields \['later'\]"):
        from_plain(Grown, {"old": 7, "later": 1})


def test_a_new_field_needs_a_default():
    """Said when it is first written."""

    @dataclasses.dataclass(frozen=True)
    class Wrong:
        new: int = dataclasses.field(metadata=since(2))

    with pytest.raises(TypeError, match="the field new says since when it is there, so it needs a default"):
        to_plain(Wrong(3))


def test_prose_makes_no_difference():
    """Title and departures are neither in the key nor in what makes two protocols equal."""
    reworded = replace(PROTOCOL, title="other words", departures=())

    assert SE.key == replace(SE, protocol=reworded).key
    assert reworded == PROTOCOL
    assert {PROTOCOL} == {PROTOCOL, reworded}


def test_equal_values_have_equal_keys():
    """A rate of 1 is one of 1.0, "bf16" is Precision.BF16, a list of milestones a tuple of numbers."""
    exact = replace(PROTOCOL, precision="bf16", schedule=Schedule(decay="steps", peak_lr=1.0, milestones=(30.0, 60.0)))
    loose = replace(PROTOCOL, precision="bf16", schedule=Schedule(decay="steps", peak_lr=1, milestones=[30, 60]))

    assert replace(SE, protocol=exact).key == replace(SE, protocol=loose).key
    assert Precision.BF16 is loose.precision


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"epochs": True}, "epochs is True"),
        ({"epochs": 0}, "0 epochs"),
        ({"batch_size": 101}, "batches of 101"),
        ({"precision": "fp16"}, "precision is 'fp16'; it must be one of 'fp32', 'bf16'"),
        ({"dataset": "mnist"}, "dataset is 'mnist'"),
        ({"flip": 1}, "flip is 1"),
        ({"momentum": "0.9"}, "momentum is '0.9'"),
        ({"schedule": 0.1}, "schedule is 0.1"),
        ({"departures": "one"}, "departures is 'one'"),
    ],
)
def test_a_protocol_refuses_values_of_another_type(fields, named):
    """They would train something else than they say, or leave a record that cannot be read."""
    with pytest.raises(ValueError, match=named):
        replace(PROTOCOL, **fields)


@pytest.mark.parametrize("fields", [{"se": 16}, {"se": "r=16"}, {"backbone": None}, {"protocol": "demo"}])
def test_a_cell_refuses_values_of_another_type(fields):
    """The message names the field."""
    with pytest.raises(ValueError, match=f"{next(iter(fields))} is "):
        replace(SE, **fields)


@pytest.mark.parametrize("cell", [SE, PLAIN, replace(SE, se=SESpec(stages=(2, 3), gate="relu", bias=True))])
def test_cells_survive_json(cell):
    """A cell that went through JSON is equal, prose included."""
    data = json.loads(json.dumps(to_plain(cell, prose=True)))
    found = from_plain(Cell, data)

    assert cell == found
    assert cell.key == found.key
    assert (found.protocol.title, found.protocol.departures) == ("a sample", ("it is never trained",))


def test_every_declared_cell_survives_json():
    """All rows of all tables, and all protocols."""
    cells = [row.cell for table in catalogue.tables() for row in table.rows]
    cells += [replace(SE, protocol=protocol) for protocol in catalogue.protocols()]

    assert [c.key for c in cells] == [from_plain(Cell, json.loads(json.dumps(to_plain(c)))).key for c in cells]


def _without(data, name):
    return {key: value for key, value in data.items() if key != name}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data | {"depth": 3}, r"unknown fields \['depth'\]"),
        (lambda data: _without(data, "se"), r"missing fields \['se'\]"),
        (lambda data: data | {"protocol": _without(data["protocol"], "epochs")}, r"missing fields \['epochs'\]"),
        (lambda data: data | {"backbone": 3}, "3 is no str"),
        (lambda data: data | {"se": data["se"] | {"reduction": "16"}}, "'16' is no int"),
        (lambda data: data | {"se": data["se"] | {"gate": "softmax"}}, "softmax"),
        (lambda data: data | {"se": data["se"] | {"stages": "some"}}, "'some' is no list"),
        (lambda data: data | {"se": 16}, "16 is no SESpec"),
        (lambda data: data | {"protocol": None}, "None is no Protocol"),
        (lambda data: [], r"\[\] is no Cell"),
    ],
)
def test_other_data_is_no_cell(change, named):
    """Unknown, missing and wrong fields raise a ValueError that names them."""
    with pytest.raises(ValueError, match=named):
        from_plain(Cell, change(to_plain(SE)))


def test_seeds_of_streams_are_these():
    """The streams of every record that exists derive from these numbers."""
    assert derive_seed(0, "batches", 0) == 5126427835458478393
    assert derive_seed(0, "augment", 3, 17) == 1463957240788947304


def test_streams_are_told_apart():
    """Seed, purpose and the place where one word ends and the next begins all matter; each seed fits 63 bits."""
    seeds = [
        derive_seed(0, "batches", 0),
        derive_seed(1, "batches", 0),
        derive_seed(0, "batches", 1),
        derive_seed(0, "augment", 0),
        derive_seed(0, "a", "bc"),
        derive_seed(0, "ab", "c"),
        derive_seed(0, "abc"),
    ]

    assert len(seeds) == len(set(seeds))
    assert all(0 <= seed < 2**63 for seed in seeds)
