"""Every exception botocore can raise, and every error code the APIs in use document, has one
meaning here.
"""

from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.exceptions import BotoCoreError, ClientError

from migrator.adapters.aws_errors import translate
from migrator.errors import Failed, MigratorError


def answered(
    code: str, operation: str, text: str = "", *, status: int = 400, service: str = "eks"
) -> MigratorError:
    response: Any = {
        "Error": {"Code": code, "Message": text},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    error = ClientError(response, operation)
    return translate(error, service=service, operation=operation, subject="cluster demo")


@pytest.mark.parametrize(
    ("operation", "code", "text", "expected"),
    [
        (
            "DescribeCluster",
            "ResourceNotFoundException",
            "No cluster found for name: demo.",
            "cluster-not-found",
        ),
        (
            "CreateAccessEntry",
            "ResourceNotFoundException",
            "No cluster found for name: demo.",
            "cluster-not-found",
        ),
        (
            "DescribeAccessEntry",
            "ResourceNotFoundException",
            "The specified principalArn could not be found. You can view your available access "
            "entries with "
            "'list-access-entries'.",
            "entry-not-found",
        ),
        (
            "AssociateAccessPolicy",
            "ResourceNotFoundException",
            "The specified policyArn could not be found.",
            "policy-not-found",
        ),
        (
            "DescribeNodegroup",
            "ResourceNotFoundException",
            "No node group found for name: ng.",
            "not-found",
        ),
        (
            "ListAccessEntries",
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to "
            "perform this "
            "operation.",
            "entries-not-enabled",
        ),
        (
            "CreateAccessEntry",
            "ResourceInUseException",
            "The specified access entry resource is already in use on this cluster.",
            "entry-exists",
        ),
        (
            "UpdateClusterConfig",
            "ResourceInUseException",
            "Cannot perform the update",
            "update-in-progress",
        ),
        (
            "UpdateClusterConfig",
            "InvalidParameterException",
            "Unsupported authentication mode update from CONFIG_MAP to API",
            "unsupported-change",
        ),
        (
            "CreateAccessEntry",
            "InvalidParameterException",
            "The specified principalArn is invalid: invalid principal.",
            "invalid-principal",
        ),
        (
            "CreateAccessEntry",
            "InvalidParameterException",
            "The principalArn parameter format is not valid",
            "invalid-principal",
        ),
        (
            "UpdateAccessEntry",
            "InvalidParameterException",
            "The caller is not allowed to modify access entries with a principalArn value of a "
            "Service Linked Role",
            "invalid-principal",
        ),
        (
            "CreateAccessEntry",
            "InvalidParameterException",
            "The kubernetes group name system:masters is invalid, it cannot start with system:",
            "invalid-entry",
        ),
        (
            "CreateAccessEntry",
            "InvalidParameterException",
            "The username must not begin with system:",
            "invalid-entry",
        ),
        (
            "AssociateAccessPolicy",
            "InvalidParameterException",
            'This operation can only be performed on Access Entries with a type of "STANDARD".',
            "invalid-policy",
        ),
        ("CreateAccessEntry", "ResourceLimitExceededException", "limit", "limit-exceeded"),
        ("DescribeCluster", "ServerException", "internal", "aws-server-error"),
        ("DescribeCluster", "ClientException", "bad", "aws-refused"),
        ("DescribeCluster", "ThrottlingException", "Rate exceeded", "throttled"),
        ("DescribeCluster", "TooManyRequestsException", "", "throttled"),
        ("DescribeInstances", "RequestLimitExceeded", "", "throttled"),
        ("DescribeInstances", "UnauthorizedOperation", "You are not authorized", "iam-denied"),
        ("GetRole", "AccessDenied", "no", "iam-denied"),
        ("GetRole", "NoSuchEntity", "The role with name x cannot be found.", "principal-not-found"),
        (
            "GetRole",
            "ExpiredToken",
            "The security token included in the request is expired",
            "credentials-expired",
        ),
        ("DescribeCluster", "ExpiredTokenException", "expired", "credentials-expired"),
        (
            "GetCallerIdentity",
            "InvalidClientTokenId",
            "The security token is invalid",
            "credentials-invalid",
        ),
        ("DescribeCluster", "UnrecognizedClientException", "invalid", "credentials-invalid"),
        (
            "DescribeInstances",
            "AuthFailure",
            "AWS was not able to validate the credentials",
            "credentials-invalid",
        ),
        ("GetCallerIdentity", "RegionDisabledException", "STS is not activated", "region-disabled"),
        ("DescribeInstances", "OptInRequired", "subscribe first", "region-disabled"),
        ("GetObject", "NoSuchBucket", "", "bucket-not-found"),
        ("PutObject", "PreconditionFailed", "", "state-changed"),
        ("DescribeCluster", "SomethingNew", "?", "aws-error"),
    ],
)
def test_error_codes_of_the_apis(operation: str, code: str, text: str, expected: str) -> None:
    error = answered(code, operation, text)
    assert error.code == expected
    assert isinstance(error, Failed)
    assert error.message
    assert error.remedy


def test_a_denial_names_the_action_in_the_answer() -> None:
    text = (
        "User: arn:aws:iam::111122223333:user/a is not authorized to perform: "
        "eks:DescribeAccessEntry on resource: x"
    )
    error = answered("AccessDeniedException", "ListAccessEntries", text)
    assert "eks:DescribeAccessEntry" in error.message
    assert "eks:DescribeAccessEntry" in error.remedy


_SUBJECT = "User: arn:aws:sts::111122223333:assumed-role/permissions-boundary-admins/session"
_DENIED = (
    f"{_SUBJECT} is not authorized to perform: eks:UpdateClusterConfig on resource: {'x' * 90}"
)
_ARN = "arn:aws:organizations::987654321098:policy/o-abc/service_control_policy/p-1"
_ALLOWS = "allows the eks:UpdateClusterConfig action"
# A kind of policy, and the words of the remedy that no other kind has.
_KINDS = {
    "service control policy": "A service control policy of the organization denies it",
    "resource control policy": "A resource control policy of the organization denies it",
    "permissions boundary": "in the permissions boundary of the caller",
    "session policy": "in the session policy that the caller's role was assumed with",
    "VPC endpoint policy": "in the policy of the VPC endpoint",
    "role trust policy": "in the trust policy of the role",
    "resource-based policy": "in the policy of the resource",
    "identity-based policy": "the caller's policies",
    "nothing allows": "Give the caller eks:UpdateClusterConfig.",
    "not said": "a service control policy or permissions boundary can deny it too",
}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        *((f"with an explicit deny in a {kind}", kind) for kind in [*_KINDS][:7]),
        *((f"because no {kind} {_ALLOWS}", kind) for kind in [*_KINDS][:7]),
        (f"with an explicit deny in a service control policy: {_ARN}", "service control policy"),
        (f"with an explicit deny in a permissions boundary: {_ARN}", "permissions boundary"),
        ("with an explicit deny in an identity-based policy", "identity-based policy"),
        (f"with an explicit deny in an identity-based policy: {_ARN}", "identity-based policy"),
        (f"because no identity-based policy {_ALLOWS}", "nothing allows"),
        ("", "not said"),
        ("with an explicit deny", "not said"),
    ],
)
def test_a_denial_is_told_by_the_kind_of_policy_in_its_text(reason: str, kind: str) -> None:
    """The name of the role, which names another kind, and the length of the text do not matter."""
    error = answered("AccessDeniedException", "UpdateClusterConfig", f"{_DENIED} {reason}")
    assert [each for each, words in _KINDS.items() if words in error.remedy] == [kind]
    assert (_ARN in error.remedy) == (_ARN in reason)


@pytest.mark.parametrize(
    ("action", "reason", "remedy"),
    [
        (
            "s3:PutObject",
            "with an explicit deny in a resource-based policy",
            "Remove the Deny of s3:PutObject and allow s3:PutObject to the caller in the policy of "
            "the resource.",
        ),
        (
            "kms:Decrypt",
            "because the resource does not exist in this Region, no resource-based policies allow "
            "access, or a resource-based policy explicitly denies access",
            "Allow kms:Decrypt to the caller in the policy of the KMS key, and check that the key "
            "exists in this Region.",
        ),
        (
            "sts:AssumeRole",
            "",
            "Give the caller sts:AssumeRole, and see that the trust policy of the role names the "
            "caller and asks for no other external id; a service control policy or permissions "
            "boundary can deny it too.",
        ),
    ],
)
def test_denial_by_the_policy_of_a_resource_names_what_to_change(
    action: str, reason: str, remedy: str
) -> None:
    text = f"User: arn:aws:iam::1:user/u is not authorized to perform: {action} {reason}"
    assert answered("AccessDenied", "PutObject", text).remedy == remedy


def test_a_service_control_policy_that_forgets_the_null_condition_is_explained() -> None:
    reason = "with an explicit deny in a service control policy"
    error = answered("AccessDeniedException", "UpdateClusterConfig", f"{_DENIED} {reason}")
    assert '"Null": {"eks:controlPlaneEgressMode": "false"}' in error.remedy
    text = _DENIED.replace("UpdateClusterConfig", "DescribeCluster")
    other = answered("AccessDeniedException", "DescribeCluster", f"{text} {reason}")
    assert "controlPlaneEgressMode" not in other.remedy


def test_a_denial_without_text_names_the_operation_that_was_called() -> None:
    assert "iam:ListRoles" in answered("AccessDenied", "ListRoles", service="iam").message


def test_a_denied_hop_of_a_role_chain_is_about_assuming_and_not_about_the_call() -> None:
    response: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
    error = translate(
        ClientError(response, "AssumeRole"), service="eks", operation="DescribeCluster"
    )
    assert "sts:AssumeRole" in error.message


def test_an_unknown_code_with_status_403_is_a_denial() -> None:
    assert answered("Whatever", "ListRoles", status=403).code == "iam-denied"


def test_a_refused_signature_is_not_quoted_because_it_repeats_the_request() -> None:
    text = (
        "The Canonical String for this request should have been 'POST / "
        "x-amz-security-token:FwoGZXIvYXdzEBYaDE'"
    )
    error = answered("SignatureDoesNotMatch", "GetCallerIdentity", text, service="sts")
    assert error.code == "credentials-invalid"
    assert error.why == ""


def test_foreign_text_is_cut() -> None:
    assert len(answered("ClientException", "DescribeCluster", "x" * 5000).why) <= 256


def test_braces_in_foreign_text_are_text() -> None:
    error = answered("AccessDenied", "ListRoles", "{0} {action} {{SessionName}}")
    assert error.why == "{0} {action} {{SessionName}}"


def test_an_error_of_ours_passes_unchanged() -> None:
    ours = Failed("iam-denied", "x")
    assert translate(ours, service="eks", operation="X") is ours


def _all_sdk_errors() -> list[type[BotoCoreError]]:
    found = [
        value
        for value in vars(sdk).values()
        if isinstance(value, type) and issubclass(value, BotoCoreError)
    ]
    return sorted(set(found), key=lambda one: one.__name__)


@pytest.mark.parametrize("kind", _all_sdk_errors(), ids=lambda kind: kind.__name__)
def test_every_exception_class_of_the_sdk_has_a_meaning(kind: type[BotoCoreError]) -> None:
    unmade: Any = kind  # without its arguments, which differ from class to class
    error = translate(unmade.__new__(kind), service="eks", operation="DescribeCluster")
    assert error.code not in ("aws-error", "")
    assert error.remedy


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sdk.NoCredentialsError(), "no-credentials"),
        (
            sdk.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
            "no-credentials",
        ),
        (sdk.CredentialRetrievalError(provider="process", error_msg="exit 1"), "no-credentials"),
        (sdk.ProfileNotFound(profile="x"), "profile-not-found"),
        (sdk.UnauthorizedSSOTokenError(), "credentials-expired"),
        (sdk.SSOTokenLoadError(error_msg="x"), "credentials-expired"),
        (sdk.TokenRetrievalError(provider="sso", error_msg="x"), "credentials-expired"),
        (sdk.NoRegionError(), "no-region"),
        (sdk.InvalidRegionError(region_name="x!"), "no-region"),
        (sdk.EndpointConnectionError(endpoint_url="https://eks"), "aws-unreachable"),
        (sdk.ConnectTimeoutError(endpoint_url="https://eks"), "aws-unreachable"),
        (sdk.ReadTimeoutError(endpoint_url="https://eks"), "aws-no-answer"),
        (sdk.ConnectionClosedError(endpoint_url="https://eks"), "aws-no-answer"),
        (sdk.HTTPClientError(error="x"), "aws-no-answer"),
        (sdk.SSLError(endpoint_url="https://eks", error="bad certificate"), "aws-tls-failed"),
        (sdk.ProxyConnectionError(proxy_url="http://u:hunter2@p", error="x"), "aws-unreachable"),
        (sdk.ParamValidationError(report="x"), "aws-refused"),
        (sdk.UnknownServiceError(service_name="eks", known_service_names="s3"), "sdk-too-old"),
        (sdk.OperationNotPageableError(operation_name="x"), "sdk-too-old"),
        (sdk.ConfigParseError(path="x", error="y"), "aws-config-invalid"),
        (sdk.InvalidRetryModeError(provided_retry_mode="x", valid_modes="y"), "aws-config-invalid"),
        (ValueError("Invalid endpoint: nonsense"), "aws-config-invalid"),
        (RuntimeError("?"), "aws-error"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_exceptions_of_the_sdk(error: Exception, expected: str) -> None:
    ours = translate(error, service="eks", operation="DescribeCluster")
    assert ours.code == expected
    assert "hunter2" not in ours.why
