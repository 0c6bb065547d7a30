"""Where the samples of the five texts are, which test runs which, and whether a test makes the calls of its sample."""

import ast
import dataclasses
import functools
import html
import inspect
import re
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1].parent / "shared" / "manual"

# Short names of the texts.
TEXTS = {
    "manual": "keras-manual-2018-05-zh.txt",
    "about": "about-keras-models-zh.html.txt",
    "about-cn": "about-models-keras-cn.txt",
    "notes": "notes-keras-2.0.9-zh.txt",
    "notes-models": "notes-sequential-and-model-zh.txt",
}

# Arguments that only say how long something runs: a test may give them other values.
LENGTHS = {"epochs", "nb_epoch", "steps_per_epoch", "samples_per_epoch", "validation_steps"}
# Calls that only make data or print.
FREE = {"print", "open", "range", "zip", "len", "enumerate", "super", "list", "tuple", "int", "dict", "process_line"}


def sample(place, *lines, text="manual", instead=None):
    """Marks a test as running the samples that begin in the given lines of a text.

    Arguments:
        place: string, the section's number or heading.
        lines: ints, the lines in which the samples begin (those of the opening fence, where there is one).
        text: string, key of `TEXTS`.
        instead: dict, calls of the sample that the test makes otherwise, with the reason.

    Returns:
        A decorator that leaves the test as it is: the marks are read from the source.
    """
    return lambda test: test


@functools.cache
def blocks(text):
    """Reads the samples of a text.

    Arguments:
        text: string, key of `TEXTS`.

    Returns:
        A dict from the line in which a sample begins to its code.
    """
    lines = (SHARED / TEXTS[text]).read_text(encoding="utf-8").split("\n")
    if text == "about":
        return _preformatted(lines)
    found = {}
    start, code = None, []
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            if start is None:
                start, code = number, []
            else:
                found[start] = "\n".join(code)
                start = None
        elif start is not None:
            code.append(line)
        elif re.fullmatch(r"`[\w.]+\(.*\)`|keras\.[\w.]+\(.*\)", line):
            found[number] = line.strip("`")
        elif re.fullmatch(r"In \[\d+\]:", line):
            cell = []
            for following in lines[number:]:
                # Cells have no end mark: prose is recognised by a first letter that no statement begins with.
                if re.match(r"In \[|[^\x00-\x7f]|#{2,}", following):
                    break
                cell.append(following)
            found[number] = "\n".join(cell)
    if text == "notes-models":
        found.update(_turned(lines))
    return found


def _preformatted(lines):
    found = {}
    whole = "\n".join(lines)
    for match in re.finditer(r"<pre><code[^>]*>(.*?)</code></pre>", whole, re.S):
        found[whole.count("\n", 0, match.start()) + 1] = html.unescape(match.group(1))
    return found


def _turned(lines):
    """The end of that text has its fences the wrong way round: each is empty, and the code follows it."""
    found = {}
    marks = [n for n in range(1, len(lines)) if lines[n - 1 : n + 2] == ["```python", "", "```"]]
    for mark, end in zip(marks, [*marks[1:], len(lines) + 1]):
        found[mark + 2] = "\n".join(lines[mark + 2 : end - 1])
    return found


def statements(code):
    """Parses a sample, however the extraction from PDF or HTML left it.

    Arguments:
        code: string.

    Returns:
        A list of `ast` nodes: the whole where it parses, else the pieces that do.
    """
    lines = code.split("\n")
    if any(line.startswith(">>>") for line in lines):
        lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    # In the turned text, comments and the statements after them share lines.
    lines = [re.sub(r"(?<=[)\]0-9])(assert|from) ", r"\n\1 ", line) for line in lines]
    lines = "\n".join(lines).split("\n")
    try:
        return [ast.parse(textwrap.dedent("\n".join(lines)))]
    except SyntaxError:
        pass
    nodes = []
    at = 0
    while at < len(lines):
        for end in range(min(len(lines), at + 12), at, -1):
            piece = textwrap.dedent("\n".join(lines[at:end]))
            try:
                nodes.append(ast.parse(piece))
            except SyntaxError:
                continue
            at = end
            break
        else:
            at += 1
    return nodes


def _is_data(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith("np.random.")


def calls(nodes):
    """Lists the calls that are Keras' business.

    Arguments:
        nodes: list of `ast` nodes.

    Returns:
        A dict from the call in one spelling to its function's name; numbers drawn at random, and the values of
        arguments in `LENGTHS`, are left out of it.
    """
    found = {}
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in FREE or name.split(".")[0] in {"np", "numpy", "f"}:
            continue
        given = ["data" if _is_data(argument) else ast.unparse(argument) for argument in node.args]
        for keyword in node.keywords:
            value = "_" if keyword.arg in LENGTHS else ast.unparse(keyword.value)
            given.append(f"{keyword.arg}={value}")
        found[f"{name}({', '.join(given)})"] = name
    return found


class Marked:
    """A test, what it is marked with, and its calls."""

    def __init__(self, path, function, decorator, functions):
        self.file, self.name = path.name, function.name
        self.place, *self.lines = [ast.literal_eval(argument) for argument in decorator.args]
        options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
        self.text = options.get("text", "manual")
        self.instead = options.get("instead", {})
        self.calls = calls(_with_helpers(function, functions))


def _with_helpers(function, functions):
    taken, waiting = {}, [function]
    while waiting:
        node = waiting.pop()
        taken[node.name] = node
        names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        if isinstance(node, ast.FunctionDef):
            names |= {argument.arg for argument in node.args.args}
        waiting += [functions[name] for name in names if name in functions and name not in taken]
    return list(taken.values())


@functools.cache
def marked():
    """Reads the marks of all tests of this folder.

    Returns:
        A list of `Marked`.
    """
    found = []
    for path in sorted(HERE.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        for function in functions.values():
            for decorator in function.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "sample":
                    found.append(Marked(path, function, decorator, functions))
    return found


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature that a text shows."""

    text: str
    lines: tuple
    name: str
    parameters: str

    def defaults(self):
        """Reads the parameters.

        Returns:
            A dict from name to default; `inspect.Parameter.empty` for none.
        """
        arguments = ast.parse(f"def f({self.parameters}): pass").body[0].args
        names = [argument.arg for argument in arguments.args]
        values = [ast.literal_eval(node) if not isinstance(node, ast.Call) else None for node in arguments.defaults]
        return dict(zip(names, [inspect.Parameter.empty] * (len(names) - len(values)) + values))


def signatures():
    """Reads the list of signatures.

    Returns:
        A list of `Signature`.
    """
    found = []
    for row in (HERE / "signatures.txt").read_text(encoding="utf-8").splitlines():
        text, lines, shown = row.split("\t")
        name, _, parameters = shown.partition("(")
        found.append(Signature(text, tuple(int(n) for n in lines.split(",")), name, parameters[:-1]))
    return found


def table():
    """Writes the list of samples and their tests.

    Returns:
        Lines of Markdown, string.
    """
    rows = ["| text | place | lines | test |", "|---|---|---|---|"]
    order = list(TEXTS)
    for test in sorted(marked(), key=lambda m: (order.index(m.text), m.lines)):
        lines = " ".join(str(line) for line in test.lines)
        rows.append(f"| {test.text} | {test.place} | {lines} | `{test.file}::{test.name}` |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    readme = HERE / "README.md"
    head = readme.read_text(encoding="utf-8").partition("| text |")[0]
    readme.write_text(head + table(), encoding="utf-8")
