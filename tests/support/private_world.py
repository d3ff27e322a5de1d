"""A cluster with a private endpoint, and nodes that Session Manager reaches, or does not."""

from pathlib import Path

NODE = "i-0a1b2c3d4e5f60001"
LOST = "i-0a1b2c3d4e5f60002"
OLD = "i-0a1b2c3d4e5f60003"
POD_ROLE = "migrate-in-cluster"  # for pods, by Pod Identity
OPERATOR = "arn:aws:iam::111122223333:role/operator"
_INSTANCE = "region: eu-central-1, privateDnsName: ip-10-0-1-1.eu-central-1.compute.internal"
PRIVATE_WORLD = f"""\
format: migrator/world/v1
name: private
operator: {OPERATOR}
settings: {{region: eu-central-1, propagationSeconds: 1, updateSeconds: 2}}
accounts:
  - id: "111122223333"
    roles:
      - {{name: operator}}
      - {{name: second-admin, path: /team/}}
      - {{name: developer}}
      - {{name: creator}}
      - name: {POD_ROLE}
        trustPolicy:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Principal: {{Service: pods.eks.amazonaws.com}}
              Action: ["sts:AssumeRole", "sts:TagSession"]
    instances:
      - {{id: {NODE}, {_INSTANCE}, ssmPingStatus: Online,
         tags: {{kubernetes.io/cluster/small: owned, Name: node-1}}}}
      - {{id: {LOST}, {_INSTANCE}, ssmPingStatus: ConnectionLost,
         tags: {{kubernetes.io/cluster/small: owned, Name: node-2}}}}
      - {{id: {OLD}, {_INSTANCE}, ssmPingStatus: Online, ssmAgentVersion: 3.0.222.0,
         tags: {{Name: bastion}}}}
clusters:
  - name: small
    account: "111122223333"
    creator: arn:aws:iam::111122223333:role/creator
    resourcesVpcConfig: {{endpointPublicAccess: false, endpointPrivateAccess: true}}
    kubernetes:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {{name: aws-auth, namespace: kube-system}}
        data:
          mapRoles: |
            - {{rolearn: "{OPERATOR}", username: operator, groups: ["system:masters"]}}
            - {{rolearn: "arn:aws:iam::111122223333:role/second-admin", username: second, groups: ["system:masters"]}}
            - {{rolearn: "arn:aws:iam::111122223333:role/developer", username: dev, groups: [developers]}}
"""  # noqa: E501


def plugins(endpoint: str) -> list[int]:
    """Processes of this machine that forward for sessions of the lab at this endpoint."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        if b"StartSession" in words and endpoint.encode() in words:
            found.append(int(path.parent.name))
    return found
