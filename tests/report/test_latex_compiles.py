"""Every committed LaTeX table compiles with pdflatex and fits its column or page."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TABLES = Path(__file__).parents[2] / "results" / "tables"
PREAMBLE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}
\usepackage[letterpaper,textwidth=7in,columnsep=0.4in,textheight=9in]{geometry}
\usepackage{booktabs,array}
\begin{document}
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex (texlive-latex-recommended)")
def test_every_table_compiles_and_fits(tmp_path):
    """No error and no overfull box on a page of two columns of 3.3 inches, tables and notes."""
    files = sorted(TABLES.glob("*.tex"))
    body = "\n".join(rf"\input{{{path.with_suffix('')}}}\clearpage" for path in files)
    (tmp_path / "all.tex").write_text(PREAMBLE + body + "\n\\end{document}\n")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "all.tex"], cwd=tmp_path, capture_output=True, check=False
    )
    said = done.stdout.decode(errors="replace")

    assert len(files) > 30
    assert re.findall(r"^(?:! .*|Overfull .hbox.*)", said, re.MULTILINE) == []
    assert done.returncode == 0
