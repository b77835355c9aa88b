"""What the numbers in files and JSON are of: protocol, data, epoch, and the devices and revisions that made them."""

from collections.abc import Collection, Iterable, Sequence

from senet_lab.records.record import Record
from senet_lab.report.comparison import ComparedRow
from senet_lab.report.views import View
from senet_lab.study.names import versioned
from senet_lab.study.protocol import Protocol


def made_by(records: Sequence[Record]) -> dict[str, str]:
    """For the numbers of these runs: ``selection``, ``device`` and ``revision``, each device and revision once."""
    return {
        "selection": "final",
        "device": "; ".join(dict.fromkeys(record.provenance.device for record in records)),
        "revision": "; ".join(dict.fromkeys(name for record in records for name in record.provenance.revisions)),
    }


def trained_by(protocol: Protocol) -> dict[str, str]:
    """For a number under this protocol: ``protocol``, ``dataset`` and ``split``."""
    name = versioned(protocol.name, protocol.version)
    return {"protocol": name, "dataset": protocol.data_name, "split": protocol.evaluation_split}


def mean_made_by(view: View, compared: ComparedRow, seeds: Collection[int] | None = None) -> dict[str, str]:
    """As ``made_by``, for a row's runs with these seeds; None for those of its mean."""
    row, chosen = compared.row, compared.summary.compared if seeds is None else seeds
    return made_by([one for one in view.records if one.run.cell.key == row.cell.key and one.run.seed in chosen])


def difference_made_by(view: View, compared: ComparedRow) -> dict[str, str]:
    """As ``made_by``, for the runs of a row and of its baseline that their difference is made of."""
    runs = compared.result.runs if compared.result else ()
    return made_by([record for record in view.records if record.run in runs])


def made_text(records: Iterable[Record]) -> str:
    """The devices, revisions and data that these runs are of, each once, in words."""
    made = [record.provenance for record in records]
    devices = ", ".join(dict.fromkeys(f"{p.device} ({p.executor}, {p.threads} thread(s))" for p in made))
    revisions = ", ".join(dict.fromkeys(name for p in made for name in p.revisions))
    data = ", ".join(dict.fromkeys(p.data_sha256["test"][:10] for p in made))
    return f"Device {devices}; revision {revisions}; evaluation data sha256 {data}."
