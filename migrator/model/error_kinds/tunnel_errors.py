"""Errors of the way through Session Manager."""

from migrator.model.error_kind import ErrorKind

KINDS: tuple[ErrorKind, ...] = (
    ErrorKind(
        "no-online-instance",
        (1,),
        "No instance that --via may choose from is online in Session Manager.",
        "They have no agent, its connection is lost, it is too old, or none has the tag.",
        "Give their role AmazonSSMManagedInstanceCore and a way to ssm and ssmmessages, or name "
        "one that is online.",
        "aws ssm describe-instance-information",
    ),
    ErrorKind(
        "plugin-missing",
        (1,),
        "The Session Manager plugin is not installed on this machine.",
        "--via needs it, and PATH has none that runs.",
        "Install it (Systems Manager user guide), or use --proxy-url.",
    ),
    ErrorKind(
        "plugin-too-old",
        (1,),
        "The Session Manager plugin is too old.",
        "It would show the session's token in the list of processes.",
        "Install version 1.2.497 or later.",
    ),
    ErrorKind(
        "target-not-connected",
        (1,),
        "Session Manager has no connection to the instance of --via.",
        "Its agent does not run, may not connect, or it is in another account or Region.",
        "Start the agent, give its role AmazonSSMManagedInstanceCore, or let one be chosen: "
        "--via ssm:auto.",
        "aws ssm describe-instance-information",
    ),
    ErrorKind(
        "tunnel-failed",
        (1,),
        "The Session Manager tunnel did not open.",
        "The plugin ended, or its port did not open in time; what it said is in the error.",
        "Run the same command again; look at the plugin's log.",
    ),
    ErrorKind(
        "tunnel-lost",
        (7,),
        "The Session Manager tunnel ended on the way, and again after it was opened once more.",
        "The network, the instance or the session's time limit ended it.",
        "Run the same command again: it continues from here.",
    ),
    ErrorKind(
        "tunnel-no-way",
        (1,),
        "The tunnel is open, and its instance does not reach the target.",
        "A security group, a name that does not resolve in the VPC, or nothing listens there.",
        "Let the instance out to that port and the target in from it, or name another instance.",
        "aws ssm describe-instance-information",
    ),
    ErrorKind(
        "via-malformed",
        (64,),
        "The value of --via names no way to the cluster.",
        "What is wrong is in the error.",
        "Give ssm:INSTANCE, ssm:tag:KEY=VALUE or ssm:auto; :HOST:PORT behind it for a proxy.",
    ),
)
