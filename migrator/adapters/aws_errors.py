"""The one place where botocore's exceptions become ours, most specific rule first.

Codes and texts of the EKS API: botocore's service model and the EKS user guide ("Create access
entries", "Troubleshooting IAM"); generic codes: "Common errors" of the API references. Foreign text
goes into ``why`` as one scrubbed line of at most 256 characters.
"""

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from migrator.adapters.aws_denials import denial_remedy
from migrator.adapters.foreign_text import foreign
from migrator.adapters.lab_folder import lab_is_down
from migrator.errors import Failed, MigratorError
from migrator.model.way import said_skew

_ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9*]+)")
_SERVICE_NAMES = {
    "eks": "EKS",
    "iam": "IAM",
    "sts": "STS",
    "ec2": "EC2",
    "logs": "CloudWatch Logs",
    "s3": "S3",
    "organizations": "Organizations",
    "ssm": "Systems Manager",
    "cloudtrail": "CloudTrail",
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """``{service}``, ``{action}`` and ``{subject}`` are filled into ``message`` and ``remedy``.

    ``operations`` and ``text`` narrow a rule down; rules are tried in order.
    """

    codes: frozenset[str]
    error: str
    message: str
    remedy: str
    operations: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None
    quote: bool = True  # False where the foreign text repeats the request


def _rule(
    codes: str,
    error: str,
    message: str,
    remedy: str,
    *,
    on: str = "",
    text: str = "",
    quote: bool = True,
) -> _Rule:
    pattern = re.compile(text) if text else None
    return _Rule(
        frozenset(codes.split()),
        error,
        message,
        remedy,
        frozenset(on.split()),
        pattern,
        quote,
    )


_NOT_FOUND = "ResourceNotFoundException"
_INVALID = "InvalidParameterException"
_ENTRY_READS_AND_WRITES = (
    "DescribeAccessEntry UpdateAccessEntry DeleteAccessEntry AssociateAccessPolicy "
    "DisassociateAccessPolicy "
    "ListAssociatedAccessPolicies CreateAccessEntry ListAccessEntries"
)

_RULES: tuple[_Rule, ...] = (
    # EKS, by operation
    _rule(
        _NOT_FOUND,
        "policy-not-found",
        "EKS knows no such access policy ({subject}).",
        "Compare with: `aws eks list-access-policies`.",
        on="AssociateAccessPolicy DisassociateAccessPolicy",
        text="policyArn",
    ),
    _rule(
        _NOT_FOUND,
        "cluster-not-found",
        "There is no such EKS cluster ({subject}).",
        "Check name, --region and the account of the credentials: `aws eks list-clusters`.",
        text="(?i)no cluster found",
    ),
    _rule(
        _NOT_FOUND,
        "cluster-not-found",
        "There is no such EKS cluster ({subject}).",
        "Check name, --region and the account of the credentials: `aws eks list-clusters`.",
        on="DescribeCluster UpdateClusterConfig ListAccessEntries ListNodegroups "
        "ListFargateProfiles "
        "ListIdentityProviderConfigs ListCapabilities CreateAccessEntry",
    ),
    _rule(
        _NOT_FOUND,
        "entry-not-found",
        "There is no such access entry ({subject}).",
        "Make a fresh plan; another writer may have deleted it.",
        on=_ENTRY_READS_AND_WRITES,
    ),
    _rule(
        "InvalidRequestException " + _INVALID,
        "entries-not-enabled",
        "Access entries are not enabled on this cluster ({subject}).",
        "The cluster's authentication mode must be API_AND_CONFIG_MAP or API.",
        text="authentication mode must be set",
    ),
    _rule(
        "ResourceInUseException",
        "entry-exists",
        "The principal has an access entry already ({subject}).",
        "Make a fresh plan; EKS or another writer made the entry.",
        on="CreateAccessEntry",
    ),
    _rule(
        "ResourceInUseException",
        "update-in-progress",
        "Another update of the cluster is running ({subject}).",
        "Wait until the cluster is ACTIVE and run the same command again.",
    ),
    _rule(
        "InvalidRequestException",
        "update-in-progress",
        "Another update of the cluster is running ({subject}).",
        "Wait until the cluster is ACTIVE and run the same command again.",
        on="UpdateClusterConfig",
        text="(?i)in progress|not (currently )?active|currently (updating|not)",
    ),
    _rule(
        _INVALID + " InvalidRequestException",
        "unsupported-change",
        "EKS refuses this change of the authentication mode ({subject}).",
        "Modes go CONFIG_MAP, API_AND_CONFIG_MAP, API, one step at a time and never back.",
        on="UpdateClusterConfig",
        text="(?i)unsupported authentication mode",
    ),
    _rule(
        _INVALID,
        "invalid-principal",
        "EKS does not take this principal ({subject}).",
        "The ARN must be that of an existing role (with its path) or user, and not of a "
        "service-linked role.",
        on=_ENTRY_READS_AND_WRITES,
        text="(?i)principalArn|invalid principal|service linked role",
    ),
    _rule(
        _INVALID,
        "invalid-policy",
        "EKS does not take this access policy or scope ({subject}).",
        "Check policy ARN, partition and scope: `aws eks list-access-policies`.",
        on="AssociateAccessPolicy DisassociateAccessPolicy",
    ),
    _rule(
        _INVALID,
        "invalid-entry",
        "EKS does not take this access entry ({subject}).",
        "Change username, groups or type in decisions.yaml and plan again.",
        on=_ENTRY_READS_AND_WRITES,
    ),
    _rule(
        _NOT_FOUND,
        "logs-off",
        "The cluster writes no control-plane logs ({subject}).",
        "Switch them on: `aws eks update-cluster-config --name CLUSTER --logging "
        '{{"clusterLogging":[{{"types":["audit","authenticator"],"enabled":true}}]}}`.',
        on="FilterLogEvents StartQuery DescribeLogStreams",
    ),
    _rule(
        _NOT_FOUND,
        "not-found",
        "{service} does not find it ({subject}).",
        "Make a fresh plan; it may have been deleted.",
    ),
    # IAM, STS, EC2, S3
    _rule(
        "NoSuchEntity",
        "principal-not-found",
        "IAM knows no such principal ({subject}).",
        "Check name and account.",
    ),
    _rule(
        "AWSOrganizationsNotInUseException",
        "no-organization",
        "The account is in no AWS organization.",
        "List the accounts in fleet.yaml instead.",
    ),
    # Systems Manager
    _rule(
        "TargetNotConnected",
        "target-not-connected",
        "Session Manager has no connection to {subject}.",
        "Start the SSM agent, give the role of the instance AmazonSSMManagedInstanceCore and a way "
        "to the endpoints of ssm and ssmmessages, and check --region; or let one be chosen: --via "
        "ssm:auto.",
    ),
    _rule("NoSuchKey", "not-found", "There is no such object ({subject}).", "Check --state-dir."),
    _rule(
        "NoSuchBucket",
        "bucket-not-found",
        "There is no such bucket ({subject}).",
        "Check --state-dir.",
    ),
    _rule(
        "NotImplemented",
        "state-unwritable",
        "The store has no conditional writes, without which two runs could work at the same time "
        "({subject}).",
        "Keep the state in Amazon S3, or in a store that obeys If-Match and If-None-Match.",
        on="PutObject DeleteObject",
    ),
    _rule(
        "PreconditionFailed ConditionalRequestConflict",
        "state-changed",
        "Another writer changed the state ({subject}).",
        "Run again.",
    ),
    # who the caller is
    _rule(
        "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired ExpiredTokenError",
        "credentials-expired",
        "The AWS credentials have expired.",
        "Log in again (for IAM Identity Center: `aws sso login`) and run the same command again.",
    ),
    _rule(
        "SignatureDoesNotMatch InvalidSignatureException RequestTimeTooSkewed",
        "clock-skewed",
        "{service} does not accept the time of {action}: this machine's clock is off.",
        "Set this machine's clock, then run the same command again: `sudo timedatectl set-ntp "
        "true`",
        text="(?i)signature expired|signature not yet current|time is too large",
        quote=False,
    ),
    _rule(
        "SignatureDoesNotMatch InvalidSignatureException RequestTimeTooSkewed",
        "credentials-invalid",
        "{service} does not accept the signature of {action}.",
        "Check the secret key of the profile: `aws sts get-caller-identity`",
        quote=False,
    ),
    _rule(
        "InvalidClientTokenId UnrecognizedClientException AuthFailure MissingAuthenticationToken "
        "MissingAuthenticationTokenException InvalidAccessKeyId InvalidToken IncompleteSignature "
        "NotSignedUp",
        "credentials-invalid",
        "{service} does not know these AWS credentials.",
        "Check the profile; in a Region that is not enabled for the account every key is unknown.",
    ),
    _rule(
        "OptInRequired RegionDisabledException SubscriptionRequiredException",
        "region-disabled",
        "The Region, or {service} in it, is not enabled for this account.",
        "Check --region, or enable the Region.",
    ),
    _rule(
        "AccessDenied AccessDeniedException AccessDeniedError UnauthorizedOperation "
        "UnauthorizedException "
        "AuthorizationError AuthorizationErrorException NotAuthorized NotAuthorizedException "
        "Client.UnauthorizedOperation UnauthorizedAccess Forbidden 403",
        "iam-denied",
        "IAM does not allow {action} ({subject}).",
        "",  # by the kind of policy that denied it
    ),
    # how it went
    _rule(
        "Throttling ThrottlingException ThrottledException RequestThrottled "
        "RequestThrottledException "
        "RequestLimitExceeded TooManyRequestsException SlowDown BandwidthLimitExceeded "
        "LimitExceededException "
        "PriorRequestNotComplete ProvisionedThroughputExceededException EC2ThrottledException "
        "TransactionInProgressException 429",
        "throttled",
        "{service} throttles {action}, also after retries.",
        "Run the same command again later, or with a lower --max-rate.",
    ),
    _rule(
        "ResourceLimitExceededException",
        "limit-exceeded",
        "The cluster has as many access entries as it may have ({subject}).",
        "This quota cannot be raised: delete entries that no principal needs, or leave principals "
        "out (action: skip and accept_loss), and plan again.",
        on="CreateAccessEntry",
    ),
    _rule(
        "ResourceLimitExceededException ServiceQuotaExceededException LimitExceeded",
        "limit-exceeded",
        "A quota of {service} is used up ({subject}).",
        "Ask for a higher quota (Service Quotas) and run the same command again.",
    ),
    _rule(
        "ServerException InternalError InternalFailure InternalServerError ServiceUnavailable "
        "ServiceUnavailableException ServiceException ServiceFailure RequestTimeout "
        "RequestTimeoutException "
        "HttpTimeoutException Unavailable InternalServerException 500 502 503 504",
        "aws-server-error",
        "{service} failed at {action}, also after retries.",
        "Run the same command again; what was sent may have been done, which is found out by "
        "looking.",
    ),
    _rule(
        "ClientException InvalidRequestException ValidationException ValidationError "
        "InvalidParameterException "
        "InvalidInput InvalidParameterValue MalformedQueryString MalformedQueryException "
        "InvalidAction",
        "aws-refused",
        "{service} refuses {action} ({subject}).",
        "See the reason; make a fresh plan if the cluster changed.",
    ),
)


def translate(
    error: Exception,
    *,
    service: str,
    operation: str,
    subject: str = "",
    skew: timedelta | None = None,
) -> MigratorError:
    """What a botocore exception means. ``service`` is the IAM prefix (``eks``), ``operation`` the
    API's name (``CreateAccessEntry``), ``subject`` what it was about, ``skew`` how far this
    machine's clock is ahead of the answer's date. An error that is ours already is returned as it
    is.
    """
    from botocore.exceptions import ClientError

    if isinstance(error, MigratorError):
        return error
    if isinstance(error, ClientError):
        return _from_answer(error, service, operation, subject, skew)
    ours = _from_sdk(error, service, operation)
    if ours.code == "aws-unreachable":
        return lab_is_down(os.environ) or ours
    return ours


def _from_answer(
    error: Any,
    service: str,
    operation: str,
    subject: str,
    skew: timedelta | None,
) -> MigratorError:
    """An answer of AWS that is an error. Its operation can be another one: AssumeRole on the way to
    EKS.
    """
    details = error.response.get("Error", {})
    code, text = str(details.get("Code", "")), str(details.get("Message", ""))
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    done = getattr(error, "operation_name", None) or operation
    if done != operation and done.startswith("AssumeRole"):
        service = "sts"
    found = _ACTION.search(text)
    filled = {
        "action": found.group(1) if found else f"{service}:{done}",
        "service": _SERVICE_NAMES.get(service, service),
        "subject": foreign(subject or done),
    }
    rule = _match(code, done, text) or _match(status, done, text)
    if rule is None:
        message = "{service} refuses {action} with {code} ({subject}).".format(
            code=foreign(code, limit=64), **filled
        )
        return Failed(
            "aws-error",
            message,
            why=foreign(text),
            remedy="See the reason; run again with --traceback.",
        )
    why = foreign(text) if rule.quote else ""
    remedy = rule.remedy.format(**filled)
    if rule.error == "clock-skewed" and skew is not None:
        why = said_skew(skew)
    if rule.error == "iam-denied":
        remedy = denial_remedy(text, filled["action"])
    return Failed(rule.error, rule.message.format(**filled), why=why, remedy=remedy)


def _match(code: str, operation: str, text: str) -> _Rule | None:
    for rule in _RULES:
        if code not in rule.codes or (rule.operations and operation not in rule.operations):
            continue
        if rule.text is None or rule.text.search(text):
            return rule
    return None


def _from_sdk(error: Exception, service: str, operation: str) -> MigratorError:
    """An exception of the SDK itself: nothing was answered. Subclasses come before their bases."""
    from botocore import exceptions as sdk

    name = _SERVICE_NAMES.get(service, service)
    unreachable = f"{name} cannot be reached for {service}:{operation}"
    table: tuple[tuple[tuple[type[Exception], ...], str, str, str], ...] = (
        (
            (sdk.ProfileNotFound,),
            "profile-not-found",
            "There is no such AWS profile.",
            "Check --profile and AWS_PROFILE: `aws configure list-profiles`.",
        ),
        (
            (
                sdk.UnauthorizedSSOTokenError,
                sdk.SSOTokenLoadError,
                sdk.TokenRetrievalError,
                sdk.LoginRefreshRequired,
            ),
            "credentials-expired",
            "The session of the AWS profile has expired.",
            "Log in again: `aws sso login` (or `aws login`) with the same profile.",
        ),
        (
            (
                sdk.NoCredentialsError,
                sdk.PartialCredentialsError,
                sdk.CredentialRetrievalError,
                sdk.NoAuthTokenError,
                sdk.SSOError,
                sdk.LoginError,
                sdk.RefreshWithMFAUnsupportedError,
                sdk.MetadataRetrievalError,
                sdk.UnknownCredentialError,
            ),
            "no-credentials",
            "No AWS credentials were found.",
            "Set AWS_PROFILE or --profile, or log in (`aws sso login`).",
        ),
        (
            (sdk.NoRegionError, sdk.InvalidRegionError),
            "no-region",
            "The AWS Region is not known.",
            "Set --region or AWS_REGION.",
        ),
        (
            (sdk.SSLError,),
            "aws-tls-failed",
            f"TLS to {name} failed for {service}:{operation}.",
            "Set AWS_CA_BUNDLE to the certificate authority of the proxy in between.",
        ),
        (
            (sdk.ProxyConnectionError, sdk.InvalidProxiesConfigError),
            "aws-unreachable",
            f"The proxy does not let {service}:{operation} through.",
            "Check HTTPS_PROXY and NO_PROXY.",
        ),
        (
            (sdk.ConnectTimeoutError, sdk.EndpointConnectionError, sdk.ConnectionError),
            "aws-unreachable",
            unreachable,
            "Check network, proxy (HTTPS_PROXY, NO_PROXY), --region and AWS_ENDPOINT_URL.",
        ),
        (
            (
                sdk.ReadTimeoutError,
                sdk.ConnectionClosedError,
                sdk.HTTPClientError,
                sdk.IncompleteReadError,
            ),
            "aws-no-answer",
            f"{name} did not answer {service}:{operation}.",
            "Run the same command again; what was sent may have been done, which is found out by "
            "looking.",
        ),
        (
            (sdk.UnknownServiceError, sdk.OperationNotPageableError, sdk.DataNotFoundError),
            "sdk-too-old",
            f"This boto3 does not know {service}:{operation}.",
            "Upgrade boto3.",
        ),
        (
            (sdk.ParamValidationError, sdk.ValidationError),
            "aws-refused",
            f"{service}:{operation} cannot be asked like this.",
            "Correct the name, ARN or Region that the reason names.",
        ),
        (
            (sdk.BotoCoreError, ValueError),  # ValueError: an AWS_ENDPOINT_URL that is no URL
            "aws-config-invalid",
            f"The AWS configuration does not allow {service}:{operation}.",
            "Check ~/.aws/config, AWS_ENDPOINT_URL and the other AWS_ variables.",
        ),
    )
    for classes, code, message, remedy in table:
        if isinstance(error, classes):
            return Failed(code, message, why=foreign(error), remedy=remedy)
    return Failed(
        "aws-error",
        f"{service}:{operation} failed.",
        why=foreign(f"{type(error).__name__}: {error}"),
    )
