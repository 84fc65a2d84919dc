# SPDX-License-Identifier: MIT
"""Reads the kernel-doc comments of the library's headers."""
import dataclasses
import re


@dataclasses.dataclass
class Doc:
    name: str
    title: str
    header: str
    members: list = dataclasses.field(default_factory=list)
    body: list = dataclasses.field(default_factory=list)
    returns: list = dataclasses.field(default_factory=list)
    prototype: str = ""
    code: str = ""


@dataclasses.dataclass
class Docs:
    functions: dict = dataclasses.field(default_factory=dict)
    structs: dict = dataclasses.field(default_factory=dict)
    overviews: dict = dataclasses.field(default_factory=dict)


def _table_rows(lines):
    """Rows of a simple table; a row whose first column is empty goes on with the one before."""
    columns = [match.span() for match in re.finditer(r"=+", lines[0])]
    rows = []
    for line in lines[1:]:
        if line.startswith("="):
            continue
        cells = [line[start:(columns[i + 1][0] if i + 1 < len(columns) else None)].strip()
                 for i, (start, _) in enumerate(columns)]
        if cells[0] or not rows:
            rows.append(cells)
        else:
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells)]
    heads = [i for i, line in enumerate(lines) if line.startswith("=")]
    return rows[heads[1] - 1:] if len(heads) > 2 else rows


def _take_code(lines, at):
    """The indented lines from at on, without their indentation, and where they end."""
    end = at
    while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t"):
        end += 1
    block = lines[at:end]
    while block and not block[0].strip():
        block.pop(0)
    while block and not block[-1].strip():
        block.pop()
    indent = min((len(line) - len(line.lstrip("\t ")) for line in block if line.strip()),
                 default=0)
    return "\n".join(line[indent:] for line in block) + "\n", end


def blocks(lines):
    """Paragraphs, lists, tables and code of a comment's text."""
    out, at = [], 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.startswith(".. code-block::"):
            code, at = _take_code(lines, at + 1)
            out.append(("code", code))
        elif line.startswith("==="):
            end = at
            while end < len(lines) and lines[end].strip():
                end += 1
            out.append(("table", _table_rows(lines[at:end])))
            at = end
        elif re.match(r"\s+- ", line):
            items = []
            while at < len(lines) and lines[at].strip():
                item = re.match(r"\s+- (.*)", lines[at])
                if item:
                    items.append(item[1])
                elif not lines[at][0].isspace():
                    break
                else:
                    items[-1] += " " + lines[at].strip()
                at += 1
            out.append(("list", items))
        else:
            words = []
            while at < len(lines) and lines[at].strip() and not re.match(r"\s+- ", lines[at]):
                words.append(lines[at].strip())
                at += 1
            out.append(("paragraph", " ".join(words)))
    return out


def _read_comment(lines, name, title, header):
    doc = Doc(name, title, header)
    at = 0
    while at < len(lines):
        match = re.match(r"@([\w.]+):\s*(.*)", lines[at])
        if not match:
            break
        text = [match[2]]
        at += 1
        while at < len(lines) and lines[at].strip() and not lines[at].startswith("@"):
            text.append(lines[at].strip())
            at += 1
        doc.members.append((match[1], " ".join(text)))
    rest = lines[at:]
    for i, line in enumerate(rest):
        if line.startswith("Return:"):
            doc.returns = blocks([line[len("Return:"):].strip(), *rest[i + 1:]])
            rest = rest[:i]
            break
    doc.body = blocks(rest)
    return doc


def _read_header(docs, path):
    text = path.read_text(encoding="utf-8")
    header = f"hgshm/{path.name}"
    for match in re.finditer(r"/\*\*\n(.*?)\n \*/\n(.*?)(?=\n/\*|\n#|\Z)", text, re.DOTALL):
        lines = [re.sub(r"^ \* ?", "", line) for line in match[1].split("\n")]
        after = match[2]
        head = lines.pop(0)
        overview = re.match(r"DOC: (.*)", head)
        function = re.match(r"(\w+)\(\) - (.*)", head)
        struct = re.match(r"struct (\w+) - (.*)", head)
        if overview:
            docs.overviews[header] = Doc(header, overview[1], header, body=blocks(lines))
        elif function:
            doc = _read_comment(lines, function[1], function[2], header)
            doc.prototype = after[:after.index(";") + 1]
            docs.functions[doc.name] = doc
        elif struct and "{" in after:
            doc = _read_comment(lines, struct[1], struct[2], header)
            doc.code = after[:after.index("};") + 2]
            docs.structs[doc.name] = doc


def read(paths):
    docs = Docs()
    for path in paths:
        _read_header(docs, path)
    return docs
