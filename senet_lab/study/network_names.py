"""Names of networks: ``resnet50:gate=tanh,reduction=8`` on a command line, and their descriptions in headings."""

from senet_lab.study.block import BlockSpec
from senet_lab.study.cell import from_plain, to_plain
from senet_lab.study.se import SESpec

# What descriptions begin with.
_SE_FIELDS = ("reduction", "stage_reductions")
_BLOCK_FIELDS = ("block", "parameters")


def parse_network(text: str) -> tuple[str, SESpec]:
    """Reads ``resnet50:gate=tanh,reduction=8,stages=2+3`` as a backbone's name and an SESpec.

    ``reduction=4+8`` gives each stage its own ratio. Raises ValueError for text of another form.
    """
    name, _, rest = text.partition(":")
    fields, given = to_plain(SESpec()), set[str]()
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in fields:
            raise ValueError(f"{part!r} is no field=value of an SESpec ({', '.join(fields)})")
        if key in given:
            raise ValueError(f"{key} is given twice")
        given.add(key)
        if key == "reduction" and "+" in value:
            key = "stage_reductions"
        fields[key] = _value(key, value)
    return name, from_plain(SESpec, fields)


def parse_plain_or_se(text: str) -> tuple[str, SESpec | None]:
    """As ``parse_network``, but ``resnet50:plain`` names a network without SE."""
    name, _, rest = text.partition(":")
    return (name, None) if rest == "plain" else parse_network(text)


def _value(key: str, value: str) -> object:
    parts = value.split("+") if key in ("stages", "stage_reductions") and value != "all" else [value]
    if key in ("reduction", "stages", "stage_reductions") and value != "all":
        if not all(part.isdecimal() for part in parts):
            raise ValueError(f"{key}={value} is no whole number")
        return int(value) if key == "reduction" else [int(part) for part in parts]
    if key == "bias" and value not in ("true", "false"):
        raise ValueError(f"bias={value} is neither true nor false")
    return value == "true" if key == "bias" else value


def described(backbone: str, se: SESpec | BlockSpec | None) -> str:
    """A network in a few words: its backbone and its block.

    It names r, or the block and its parameters, and every other field that is not at its default.
    """
    if se is None:
        return f"{backbone}, plain"
    if isinstance(se, BlockSpec):
        shown, named = [" ".join([se.block, *(f"{one.name}={one.value}" for one in se.parameters)])], _BLOCK_FIELDS
    else:
        shown, named = [f"SE {se.ratio}"], _SE_FIELDS
    for field, default in type(se).__dataclass_fields__.items():
        value = getattr(se, field)
        if field not in named and value != default.default:
            shown.append("with biases" if field == "bias" else f"{field} {value}")
    return f"{backbone}, {', '.join(shown)}"
