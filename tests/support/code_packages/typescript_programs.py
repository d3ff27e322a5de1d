"""Runs generated TypeScript: one process of Node, which takes the types off and loads a program
after the other, beside recorded constructors.

The Node is the one that Playwright brings (a development dependency), so that it is there wherever
the tests are.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from playwright._impl._driver import compute_driver_executable

from migrator.model.plan import ClusterRef
from tests.support.code_packages import AnotherPlaceError, Made, check_place, checked, record

_SERVER = """\
import { createInterface } from "node:readline";
globalThis.made = [];
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  globalThis.made = [];
  globalThis.stacks = [];
  globalThis.reached = order.reached;
  try {
    if (order.literal !== undefined) {
      console.log(JSON.stringify({ value: (0, eval)(order.literal) }));
      continue;
    }
    const found = await import(order.program);
    for (const each of Object.values(found)) new each(undefined, "stack", order.props);
    console.log(JSON.stringify({ made: globalThis.made, stacks: globalThis.stacks }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
"""
_RESOURCE = """\
function resource(kind) {
  return class {
    constructor(name, args, options) {
      this.principalArn = args.principalArn;
      const kept = options.retainOnDelete === true;
      globalThis.made.push({ kind, name, arguments: args, kept });
    }
  };
}
"""
_PACKAGES = {
    "constructs/index.js": "",
    "aws-cdk-lib/index.js": 'export const RemovalPolicy = { RETAIN: "retain" };\n'
    "export class Stack { constructor(scope, id, props) { globalThis.stacks.push(props); } }\n",
    "aws-cdk-lib/aws-eks.js": """\
export class CfnAccessEntry {
  constructor(scope, name, args) {
    this.made = { kind: "CfnAccessEntry", name, arguments: args, kept: false };
    globalThis.made.push(this.made);
  }
  applyRemovalPolicy(policy) { this.made.kept = policy === "retain"; }
}
""",
    "@pulumi/aws/index.js": _RESOURCE
    + """\
function getClusterOutput({ name }) {
  if (name !== globalThis.reached.name) throw new Error("no cluster of this name");
  return { arn: { apply: (then) => then(globalThis.reached.arn) } };
}
export const eks = {
  getClusterOutput,
  AccessEntry: resource("AccessEntry"),
  AccessPolicyAssociation: resource("AccessPolicyAssociation"),
};
""",
}
_EXPORTS = {
    "constructs": {".": "./index.js"},
    "aws-cdk-lib": {".": "./index.js", "./aws-eks": "./aws-eks.js"},
    "@pulumi/aws": {".": "./index.js"},
}


class TypeScript:
    """A process of Node. ``folder`` holds the packages and each program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = 0
        for name, text in _PACKAGES.items():
            place = folder / "node_modules" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        for name, exports in _EXPORTS.items():
            package = {"name": name, "type": "module", "exports": exports}
            (folder / "node_modules" / name / "package.json").write_text(json.dumps(package))
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "server.mjs").write_text(_SERVER)
        node = compute_driver_executable()[0]
        self.process = subprocess.Popen(
            [node, "--no-warnings", str(folder / "server.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def evaluate(self, literal: str) -> object:
        """What a literal stands for."""
        answer = self._ask({"literal": literal})
        assert set(answer) == {"value"}, answer
        return answer["value"]

    def run(self, text: str, reached: ClusterRef) -> list[Made]:
        """What the program makes with credentials that reach a cluster; every class that it exports
        is made once, for an account that is not the cluster's.
        """
        self.programs += 1
        program = self.folder / f"program-{self.programs}.ts"
        program.write_text(text, encoding="utf-8")
        answer = self._ask(
            {
                "program": str(program),
                "props": {"env": {"account": "000000000000", "region": "eu-west-9"}},
                "reached": {"name": reached.name, "arn": reached.arn},
            }
        )
        if "another account or Region" in answer.get("error", ""):
            raise AnotherPlaceError(answer["error"])
        assert set(answer) == {"made", "stacks"}, answer
        for props in answer["stacks"]:
            check_place(reached, props["env"])
        return [
            Made(each["kind"], each["name"], _in_python(each), each["kept"])
            for each in answer["made"]
        ]

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def _in_python(made: dict[str, Any]) -> dict[str, Any]:
    """The arguments in Python's spelling, checked against the record."""
    packages = "cdk" if made["kind"] == "CfnAccessEntry" else "pulumi"
    names = {there: here for here, there in record(packages)["typescript"].items()}

    def renamed(value: object) -> object:
        if isinstance(value, list):
            return list(map(renamed, value))
        if isinstance(value, dict):
            return {names[key]: renamed(each) for key, each in value.items()}
        return value

    arguments = renamed(made["arguments"])
    assert isinstance(arguments, dict)
    return checked(packages, made["kind"], arguments)
