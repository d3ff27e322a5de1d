"""The AWS APIs of the lab: EKS, IAM, STS, CloudTrail, CloudWatch Logs, EC2, IAM Identity Center."""
