"""The code of the documentation fits the package: names, commands and options exist, and CONTRIBUTING's blocks run."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

from safr_lens import ModelConfig, load_data, measures, penalty
from safr_lens.backbones import registry
from safr_lens.cli import app
from safr_lens.data.sources import SOURCES
from safr_lens.runs.settings import make_settings, read_settings

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")), "analyses/README.md"]
COMMANDS = typer.main.get_command(app).commands


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(path, language="python"):
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(path), re.M | re.S)


def options(name):
    return {option for param in COMMANDS[name].params for option in [*param.opts, *param.secondary_opts]} | {"--help"}


def calls(path):
    """Each ``safr-lens ...`` of a page's blocks and inline code, as its words."""
    text = text_of(path).replace("\\\n", " ")
    lines = [line for block in re.findall(r"^```bash\n(.*?)^```", text, re.M | re.S) for line in block.splitlines()]
    for line in [*lines, *re.findall(r"`([^`\n]+)`", text)]:
        for call in re.findall(r"(?:safr-lens|-m safr_lens) (.*)", line):
            yield shlex.split(call, comments=True)


def dotted(node):
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return before and f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def resolve(name):
    """The object that a dotted name of the package means; AttributeError if there is none."""
    package, *parts = name.split(".")
    found = importlib.import_module(package)
    for part in parts:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", [*PAGES, "CONTRIBUTING.md"])
def test_names_in_python_blocks_exist(path):
    known = {"safr_lens": "safr_lens"}  # blocks of a page follow each other
    for block in blocks(path):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("safr_lens"):
                module = importlib.import_module(node.module)
                for one in node.names:
                    assert hasattr(module, one.name), f"{node.module}.{one.name}"
                    known[one.asname or one.name] = f"{node.module}.{one.name}"
        for node in ast.walk(tree):
            name = dotted(node) if isinstance(node, ast.Attribute) else None
            if name and (root := name.split(".")[0]) in known:
                resolve(known[root] + name[len(root) :])


@pytest.mark.parametrize("path", PAGES)
def test_names_in_prose_exist(path):
    for name in re.findall(r"`(safr_lens(?:\.\w+)+)\b(?!\.\w|/)", text_of(path)):
        resolve(name)


def test_names_of_the_reference_exist():
    found = re.findall(r"automodule:: (\S+)\n +:members:(.*)", text_of("docs/api.md"))
    assert len(found) >= 10
    for name, members in found:
        module = importlib.import_module(name)
        assert all(hasattr(module, member) for member in members.replace(",", " ").split()), name


def test_files_that_the_design_names_exist():
    rows = re.findall(r"^\| `(\w+)/` \| (.*) \|$", text_of("docs/design.md"), re.M)
    assert len(rows) >= 10
    for package, text in rows:
        for file in re.findall(r"`([\w/]+(?:\.py|/))`", text):
            assert (ROOT / "safr_lens" / package / file).exists(), f"{package}/{file}"


@pytest.mark.parametrize("path", [*PAGES, "CONTRIBUTING.md"])
def test_links_lead_to_files_and_headings(path):
    prose = re.sub(r"^```.*?^```", "", text_of(path), flags=re.M | re.S)
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose):
        file, _, anchor = link.partition("#")
        target = (ROOT / path).parent / file if file else ROOT / path
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M) if anchor else []
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, link


def test_every_page_is_in_the_table_of_contents():
    (listed,) = re.findall(r"```{toctree}\n(.*?)```", text_of("docs/index.md"), re.S)
    assert sorted(listed.split()) == sorted({path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"})


def test_names_that_docstrings_refer_to_exist():
    for path in sorted((ROOT / "safr_lens").rglob("*.py")):
        for name in re.findall(
            r":(?:func|class|meth|mod|data|attr):`~?(safr_lens(?:\.\w+)+)`", path.read_text("utf-8")
        ):
            resolve(name)


@pytest.mark.parametrize("path", PAGES)
def test_commands_and_their_options_exist(path):
    for name, *words in calls(path):
        if name in ("--help", "--version", "..."):
            continue
        assert name in COMMANDS, name
        unknown = {word.split("=")[0] for word in words if word.startswith("--")} - options(name)
        assert not unknown, f"safr-lens {name} has no {unknown}"


@pytest.mark.parametrize("path", ["docs/guide.md", "docs/measures.md", "docs/views.md"])
def test_options_named_alone_exist(path):
    everything = set().union(*(options(name) for name in COMMANDS))
    assert set(re.findall(r"`(--[a-z][a-z0-9-]*)", text_of(path))) <= everything


def test_settings_of_the_guide_are_settings(tmp_path):
    [block] = blocks("docs/guide.md", "yaml")
    file = tmp_path / "settings.yaml"
    file.write_text(block, encoding="utf-8")
    assert make_settings(read_settings(file)).data.data == "rotten_tomatoes"


@pytest.fixture
def registries():
    """Registries as they were, whatever a block adds."""
    kinds = dict(registry._FACTORIES)
    yield
    SOURCES.pop("haiku", None)
    measures.unregister_measure("activity_per_text")
    for term in penalty.registered_terms():
        if term.name == "square":
            penalty.unregister_term(term)
    registry._FACTORIES.clear()
    registry._FACTORIES.update(kinds)


def test_what_contributing_adds_works(registries):
    space = {}
    for block in blocks("CONTRIBUTING.md"):
        exec(compile(block, "CONTRIBUTING.md", "exec"), space)
    assert "activity_per_text" in measures.MEASURES
    assert sum(map(len, load_data("haiku").values())) == 20
    assert space["penalty"].weights(0.0)["square"] == 0.1
    assert space["config"] == ModelConfig(backbone="mine")
    assert space["shout"]("good").content == {"text": "GOOD"}
