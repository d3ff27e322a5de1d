"""The AWS profiles of this machine."""

from migrator.adapters.aws_errors import translate


def profiles_here() -> frozenset[str]:
    """The names in the configuration and credentials files, wherever AWS_CONFIG_FILE and
    AWS_SHARED_CREDENTIALS_FILE say that they are. Raises what
    :func:`migrator.adapters.aws_errors.translate` makes of a file that cannot be read.
    """
    from botocore.session import get_session

    try:
        return frozenset(get_session().available_profiles)
    except Exception as error:
        raise translate(error, service="sts", operation="GetCallerIdentity") from error
