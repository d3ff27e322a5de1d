"""Where the rules are written down: pages of the EKS user guide and files of the authenticator and
Kubernetes.
"""

_GUIDE = "https://docs.aws.amazon.com/eks/latest/userguide"
_AUTHENTICATOR = "https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master"

ACCESS_ENTRIES = f"{_GUIDE}/access-entries.html"
CREATING_ENTRIES = f"{_GUIDE}/creating-access-entries.html"
MIGRATING_ENTRIES = f"{_GUIDE}/migrating-access-entries.html"
SETTING_UP_ENTRIES = f"{_GUIDE}/setting-up-access-entries.html"
ACCESS_POLICIES = f"{_GUIDE}/access-policies.html"
POLICY_PERMISSIONS = f"{_GUIDE}/access-policy-permissions.html"
AUTH_CONFIGMAP = f"{_GUIDE}/auth-configmap.html"
FARGATE_ROLE = f"{_GUIDE}/pod-execution-role.html"
WINDOWS = f"{_GUIDE}/windows-support.html"
HYBRID_ROLE = f"{_GUIDE}/hybrid-nodes-cluster-prep.html"
CONFIGMAP_MAPPER = f"{_AUTHENTICATOR}/pkg/mapper/configmap/configmap.go"
ROW_MATCHING = f"{_AUTHENTICATOR}/pkg/config/mapper.go"
CANONICAL_ARN = f"{_AUTHENTICATOR}/pkg/arn/arn.go"
SERVER = f"{_AUTHENTICATOR}/pkg/server/server.go"
FEATURES = f"{_AUTHENTICATOR}/pkg/config/features.go"
RBAC = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/"
NODE_AUTHORIZER = "https://kubernetes.io/docs/reference/access-authn-authz/node/"
FLOW_CONTROL = "https://kubernetes.io/docs/concepts/cluster-administration/flow-control/"
IAM_ROLES = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"
OIDC = f"{_GUIDE}/authenticate-oidc-identity-provider.html"
PASS_ROLE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"  # noqa: S105 - a page
