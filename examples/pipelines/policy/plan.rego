# Policy set for OPA and Conftest on plan.json of `migrate plan`.
#   conftest test plan.json --policy policy
#   opa eval --data policy --input plan.json 'data.main.deny'
package main

import rego.v1

administrators := {"AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy"}

# Changes of who may log in, and what a person has accepted: `access` does not have all of them.
changes := {
	"authenticated-group-gained",
	"gain-accepted",
	"log-in-population-gained",
	"loss-accepted",
	"new-grant",
}

# Principals that may become administrators: set it in a data file, as {"main_allowed": {"administrators": ["arn:…"]}}.
allowed contains arn if some arn in data.main_allowed.administrators

policies(principal) := {name |
	some policy in principal.entry.accessPolicies
	parts := split(policy.policyArn, "/")
	name := parts[count(parts) - 1]
}

deny contains message if {
	input.format != "migrator/plan/v1"
	message := sprintf("format %v is not migrator/plan/v1", [input.format])
}

deny contains message if {
	some finding in input.findings
	finding.severity == "block"
	message := sprintf("%v %v: a person must decide first", [finding.code, finding.source])
}

deny contains message if {
	some finding in input.findings
	finding.code in changes
	message := sprintf("%v %v: logins gain or lose access", [finding.code, finding.source])
}

deny contains message if {
	some principal in input.principals
	principal.action == "block"
	message := sprintf("%v is blocked", [principal.principalArn])
}

deny contains message if {
	some principal in input.principals
	count(principal.access.gained) > 0
	message := sprintf("%v gains access", [principal.principalArn])
}

deny contains message if {
	some principal in input.principals
	count(principal.access.lost) > 0
	message := sprintf("%v loses access", [principal.principalArn])
}

deny contains message if {
	some principal in input.principals
	principal.before.via != "access-entry"
	count(policies(principal) & administrators) > 0
	not "system:masters" in principal.before.groups
	message := sprintf("%v becomes an administrator and was in no group system:masters", [principal.principalArn])
}

warn contains message if {
	some principal in input.principals
	count(policies(principal) & administrators) > 0
	not principal.principalArn in allowed
	message := sprintf("%v is an administrator and is not on the list", [principal.principalArn])
}

warn contains message if {
	object.get(input, "breakGlass", null) == null
	message := "the plan names no break-glass principal"
}

warn contains message if {
	some principal in input.principals
	principal.action == "skip"
	message := sprintf("%v gets no entry", [principal.principalArn])
}
