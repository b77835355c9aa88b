"""Tables of the benchmarks, from the files in results/benchmarks that ``python -m benchmarks`` writes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import read_json
from senet_lab.report.blocks import Block

MEND = "restore it from git, or delete it and run make bench"


def speed_blocks(folder: Path) -> list[Block]:
    """The tables of every measured device, in the order of the files' names.

    Raises StudyError for a damaged file.
    """
    blocks: list[Block] = []
    for path in sorted(folder.glob("*.json")):
        device = read_json(path, MEND)
        if "sections" not in device:  # another kind of file: simulated studies
            continue
        try:
            blocks += blocks_of(device)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise StudyError(f"{path} is damaged ({error!r}); {MEND}") from None
    return blocks


def blocks_of(device: dict[str, Any]) -> Iterable[Block]:
    """A block for each section that was measured on one device. device: the content of its file."""
    sections = {name: section for name, section in device["sections"].items() if section["result"]}
    for make, names in ((_executors, ("executors",)), (_price, ("price",)), (_rest, ("lightning", "side-by-side"))):
        of_it = [sections[name] for name in names if name in sections]
        # Sections that were measured before each of them had its number of cores have that of the file.
        cores = " and ".join(dict.fromkeys(str(one.get("cores", device.get("cores"))) for one in of_it))
        block = make(sections, f"{device['device']}, {cores} cores")
        if block is not None:
            yield block


def _note(section: dict[str, Any]) -> str:
    versions = section["versions"]
    return (
        f"Medians of {section['rounds']} interleaved rounds of {section['steps']} steps; revision "
        f"{section['revision'][:10]}, torch {versions['torch']}, {section['finished_at'][:10]}."
    )


def _executors(sections: dict[str, Any], named: str) -> Block | None:
    if "executors" not in sections:
        return None
    section = sections["executors"]
    products = "fp32, on CUDA with TF32 in convolutions as torch has it" if "cuda" in section["versions"] else "fp32"
    who = list(next(iter(section["result"].values())))
    lines = [
        (
            network,
            *(
                f"{one['images_a_second']:.0f} ({one['times_bare_loop']:.2f}, {one['times_default_lightning']:.2f})"
                for one in (of[name] for name in who)
            ),
        )
        for network, of in section["result"].items()
    ]
    return Block(
        f"Training, images a second (times the bare loop, times default Lightning): {named}",
        ("network", *who),
        tuple(lines),
        (
            _note(section),
            "Bare loop and default Lightning: torchvision's transforms on PIL images in two loader processes, "
            f"{products}. "
            "Ours: bf16, compiled. Random images, batch 128. "
            "Every one has all cores: the fleet as processes, the others as threads.",
        ),
    )


def _price(sections: dict[str, Any], named: str) -> Block | None:
    if "price" not in sections:
        return None
    section = sections["price"]
    who = [name for name in next(iter(section["result"].values())) if not name.startswith("without")]
    lines = [(what, *(f"{of[name]['price']:.3f}" for name in who)) for what, of in section["result"].items()]
    return Block(
        f"The price of SE, time with it over time without: {named}",
        ("step", *who),
        tuple(lines),
        (_note(section), "Random images, bf16; each beside the same network without SE, eager or compiled as it is."),
    )


def _rest(sections: dict[str, Any], named: str) -> Block | None:
    lines = []
    notes = []
    if "lightning" in sections:
        found = sections["lightning"]["result"]["milliseconds_a_step"]
        lines.append(("Lightning's cost a step, ms", f"{found:.2f}"))
        notes.append(f"Lightning: {_note(sections['lightning'])}")
    if "side-by-side" in sections:
        result = sections["side-by-side"]["result"]
        for runs, rate in result["steps_a_second"].items():
            lines.append((f"steps a second, SE-ResNet-29-bottleneck, {runs} at once", f"{rate:.2f}"))
        hours = result["table7_5_seeds_200_epochs_hours"]
        lines.append(("table 7, 5 rows x 5 seeds x 200 epochs, hours (extrapolated)", f"{hours:.1f}"))
        notes.append(f"Side by side: {_note(sections['side-by-side'])} {result['extrapolated']}.")
    return Block(f"Also: {named}", ("what", "measured"), tuple(lines), tuple(notes)) if lines else None
