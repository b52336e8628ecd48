"""The pages of docs/frameworks: their examples run as they stand, and one line binds them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "frameworks"
PAGES = sorted(FOLDER.glob("*.md"))
EXAMPLES = [page for page in PAGES if page.name != "README.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)[^)]*\)")

# The example runs inside a recording; the provider that it makes is the one of the recording.
RUN = """
import sys
from partywall.testing import assert_bound, assert_none_unbound, recorded
with recorded() as run:
    exec(compile(sys.stdin.read(), "example", "exec"), {"__name__": "example"})
assert_bound(run.spans, tenant="acme", request="REQ-7")
assert_none_unbound(run.ended)
assert run.steps("tool"), [span.name for span in run.spans]
"""


def example(page: Path) -> str:
    (code,) = BLOCK.findall(page.read_text())
    return code


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN],
        input=code,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"OPENAI_API_KEY": "none", "PATH": ""},
    )


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.stem)
def test_the_example_runs_and_every_span_is_bound(page: Path) -> None:
    """With a scripted model and no network; there is a tool call, and all is bound to acme."""
    done = run(example(page))
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.stem)
def test_one_line_binds(page: Path) -> None:
    """The line is marked as such; without it nothing is bound, and that is said."""
    lines = example(page).splitlines()
    (binding,) = (number for number, line in enumerate(lines) if "# the line that binds" in line)
    assert "partywall.session(" in lines[binding]
    assert sum("partywall.session" in line for line in lines) == 1
    lines[binding] = "if True:" if lines[binding].startswith("with") else ""
    done = run("\n".join(lines))
    assert "partywall.tenant.id is 'missing'" in done.stderr
    assert "carries no tenant" in done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """No relative link of a page is dead."""
    assert not [
        link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()
    ]
