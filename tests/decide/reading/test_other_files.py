"""A file that is not aws-auth is refused by the name of what it is, with the command that gets the
real ConfigMap.
"""

import gzip
import io
import json
import zipfile
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.config_map_file import read_config_map_file
from migrator.errors import Failed, MigratorError
from migrator.model.principal import parse_cluster_arn

CLUSTER = parse_cluster_arn("arn:aws:eks:eu-west-1:111122223333:cluster/prod")
GET = "kubectl -n kube-system get configmap aws-auth -o yaml"
ROW = {"rolearn": "arn:aws:iam::111122223333:role/dev", "username": "dev", "groups": ["devs"]}
MANIFEST = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "aws-auth", "namespace": "kube-system"},
    "data": {"mapRoles": json.dumps([ROW])},
}


def refused(content: str | bytes) -> Failed:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(Failed) as caught:
        read_config_map_file(raw, CLUSTER)
    assert caught.value.exit_code == 1
    assert caught.value.why
    return caught.value


TERRAFORM = """
# the module that makes our cluster
module "eks" {
  source = "terraform-aws-modules/eks/aws"

  manage_aws_auth_configmap = true
  aws_auth_roles = [
    {
      rolearn  = "arn:aws:iam::${var.account}:role/dev"
      username = "dev"
      groups   = ["devs"]
    },
  ]
}
"""
RESOURCE = """
resource "kubernetes_config_map_v1_data" "aws_auth" {
  metadata { name = "aws-auth" }
  data = { mapRoles = yamlencode(local.roles) }
}
"""
TEMPLATE = """apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    {{- range .Values.roles }}
    - rolearn: {{ .arn }}
    {{- end }}
"""
KUSTOMIZE = """apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/dev
"""
CDK = """import * as eks from 'aws-cdk-lib/aws-eks';
const cluster = new eks.Cluster(this, 'C', {});
cluster.awsAuth.addRoleMapping(role, { groups: ['devs'] });
"""
EKSCTL_TABLE = """ARN\t\t\t\t\tUSERNAME\tGROUPS\t\tACCOUNT
arn:aws:iam::111122223333:role/dev\tdev\t\tdevs
"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TERRAFORM, "Terraform code"),
        (RESOURCE, "Terraform code"),
        ('aws_auth_roles = [\n  { rolearn = "a" }\n]\n', "Terraform variables"),
        (json.dumps({"module": {"eks": {"aws_auth_roles": [ROW]}}}), "Terraform code in JSON"),
        (json.dumps({"terraform_version": "1", "lineage": "a", "resources": []}), "state"),
        (json.dumps({"format_version": "1.2", "terraform_version": "1"}), "Terraform plan"),
        (json.dumps({"aws_auth_roles": [ROW]}), "rows at aws_auth_roles"),
        ("eks:\n  awsAuth:\n    mapRoles:\n      - rolearn: a\n", "rows at eks.awsAuth.mapRoles"),
        ("mapRoles: |\n  - rolearn: a\n", "mapRoles alone"),
        (TEMPLATE, "data.mapRoles still holds a Jinja, Helm or Go template"),
        (TEMPLATE.replace("    {{-", "{{-"), "template of a Helm chart"),
        (KUSTOMIZE, "names no namespace"),
        ("kind: Kustomization\nresources: [a.yaml]\n", "Kustomization"),
        ("- op: add\n  path: /data/mapRoles\n  value: x\n", "JSON patch"),
        (
            json.dumps({"kind": "HelmRelease", "spec": {"values": {"mapRoles": [ROW]}}}),
            "inside a HelmRelease of Flux, at spec.values.mapRoles",
        ),
        (
            json.dumps({"kind": "Object", "spec": {"forProvider": {"manifest": MANIFEST}}}),
            "inside an Object of Crossplane, at spec.forProvider.manifest",
        ),
        (
            json.dumps({"Resources": {"Auth": {"Type": "Custom::AWSCDK-EKS-KubernetesResource"}}}),
            "CloudFormation template",
        ),
        (CDK, "program for CDK or Pulumi"),
        ("import pulumi_eks as eks\neks.Cluster('x', role_mappings=[])\n", "CDK or Pulumi"),
        (json.dumps({"version": 3, "deployment": {}}), "state of Pulumi"),
        ("- hosts: all\n  tasks: []\n", "playbook of Ansible"),
        (EKSCTL_TABLE, "table of `eksctl get iamidentitymapping`"),
        ("NAME       DATA   AGE\naws-auth   2      3y\n", "table that `kubectl get configmap`"),
        ("Error from server (Forbidden): configmaps is forbidden\n", "error message of kubectl"),
        ("error: You must be logged in to the server\n", "error message of kubectl"),
        (
            "An error occurred (AccessDenied) when calling the AssumeRole operation: no\n",
            "error message of the AWS CLI",
        ),
        ("<!DOCTYPE html>\n<html><body>Log in</body></html>\n", "web page"),
        ("#!/bin/sh\nkubectl apply -f - <<EOF\n", "script"),
        (json.dumps({"accessEntries": []}), "list-access-entries"),
        (json.dumps({"cluster": {"arn": "a", "name": "b"}}), "describe-cluster"),
        (json.dumps({"apiVersion": "v1", "kind": "List", "items": []}), "no ConfigMap, but List"),
        (json.dumps({"kind": ["x"], "a": 1}), "no ConfigMap"),
        (gzip.compress(b"a", mtime=0), "gzip archive"),
        (b"\x89PNG\r\n\x1a\n\x00", "picture"),
        (b"\x00\x01\x02\x03\xff\xfe", "no encoding"),
    ],
)
def test_a_file_is_named_for_what_it_is_with_the_command_that_gets_the_map(
    content: str | bytes, said: str
) -> None:
    problem = refused(content)
    assert said in problem.message
    assert GET in problem.remedy
    assert problem.code in {"manifest-not-aws-auth", "manifest-template", "manifest-encoding"}


def test_a_chart_as_an_archive_is_named() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("values.yaml", "mapRoles: []")
    assert "zip archive" in refused(content.getvalue()).message


@pytest.mark.parametrize(
    ("document", "remedy"),
    [
        (
            {"format": "migrator/snapshot/v1", "takenAt": "", "configMap": MANIFEST},
            "migrate plan --snapshot FILE",
        ),
        ({"format": "migrator/plan/v1", "planDigest": ""}, "migrate show FILE"),
    ],
)
def test_a_file_of_this_tool_is_named_with_the_command_that_takes_it(
    document: dict[str, object], remedy: str
) -> None:
    assert refused(json.dumps(document)).remedy == remedy


@pytest.mark.parametrize("around", ["{}\n---\n", "kind: Secret\n---\n", '{"a": [1]}\n---\n'])
def test_the_map_is_found_among_several_documents(around: str) -> None:
    found = read_config_map_file((around + json.dumps(MANIFEST)).encode(), CLUSTER)
    assert found.origin == "manifest"
    assert found.config_map == MANIFEST


def test_the_map_is_found_among_json_documents_one_behind_another() -> None:
    content = json.dumps({"kind": "Secret"}) + "\n" + json.dumps(MANIFEST)
    assert read_config_map_file(content.encode(), CLUSTER).config_map == MANIFEST


# Text of other files in a row or an annotation is the map's own.
@given(st.sampled_from([TERRAFORM, CDK, EKSCTL_TABLE, "Error from server", "#!/bin/sh"]))
def test_text_of_another_file_inside_the_map_does_not_rename_it(text: str) -> None:
    text = text.replace("${var.account}", "1")
    annotated = {**MANIFEST, "note": text}
    assert read_config_map_file(json.dumps(annotated).encode(), CLUSTER).config_map == annotated


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_is_read_or_refused_by_name(value: object) -> None:
    try:
        found = read_config_map_file(json.dumps(value).encode(), CLUSTER)
    except MigratorError as problem:
        assert problem.code.startswith("manifest-")
        assert problem.remedy
        return
    assert found.origin in ("manifest", "eksctl-mappings")


@pytest.mark.parametrize(
    "content",
    [
        '{"a": ' * 900 + "1" + "}" * 900,
        json.dumps({"a": [{"b": [{}] * 1000}] * 100}),
        "x: &x [1]\ny: [" + "*x, " * 50_000 + "]\n",
        'module "a" {\n' + "  x = 1\n" * 100_000,
        "Name:  a\n" + "a\n" * 400_000,
    ],
)
def test_a_large_or_deep_file_is_refused_quickly(content: str) -> None:
    before = process_time()
    refused(content)
    assert process_time() - before < 5
