"""Runs the cells of a notebook as Jupyter would, without its packages, and keeps what they give.

``python -m tests.notebook_cells notebooks/NAME.ipynb`` runs one and stores its outputs, which are committed.
"""

import ast
import base64
import contextlib
import io
import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

DPI = 80  # of pictures in a notebook: a page, not a print


def executed(path: Path) -> dict:
    """The notebook with the outputs of this run. Raises whatever a cell raises."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    namespace: dict[str, object] = {"__name__": "__main__"}
    for number, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), start=1):
        cell["outputs"], cell["execution_count"] = _outputs("".join(cell["source"]), namespace, number), number
    return notebook


def _outputs(source: str, namespace: dict[str, object], number: int) -> list[dict]:
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(body, []), "<cell>", "exec"), namespace)
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace) if last else None
    outputs = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        if isinstance(value, Figure):
            data = {"image/png": _png(value), "text/plain": ["<Figure>"]}
        outputs.append({"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"})
    return outputs


def _png(figure: Figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI, metadata={"Software": None})
    return base64.b64encode(data.getvalue()).decode()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(json.dumps(executed(path), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
