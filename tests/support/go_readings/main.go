// What the libraries of aws-iam-authenticator make of aws-auth data: how tests/data/vectors-go-yaml.jsonl.gz was recorded.
//
// Lines {"data": {"mapRoles": "..."}} in, lines {"error", "roles", "users", "accounts"} out. YAML, JSON and their step in
// between are read by the libraries themselves (gopkg.in/yaml.v2, sigs.k8s.io/yaml, encoding/json); the rules around them
// are those of pkg/mapper/configmap/configmap.go (ParseMap, saveMap) and pkg/config/mapper.go. No test runs this: it is
// here so that the file can be recorded again wherever there is Go.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	yamlv2 "gopkg.in/yaml.v2"
	"sigs.k8s.io/yaml"
)

type SSO struct {
	PermissionSetName string `json:"permissionSetName"`
	AccountID         string `json:"accountID"`
	Partition         string `json:"partition,omitempty"`
}
type RoleMapping struct {
	RoleARN  string   `json:"rolearn,omitempty"`
	SSO      *SSO     `json:"sso,omitempty"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
	UserId   string   `json:"userid,omitempty"`
}
type UserMapping struct {
	UserARN  string   `json:"userarn"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
	UserId   string   `json:"userid,omitempty"`
}

var accountRe = regexp.MustCompile(`^\d{12}$`)
var permRe = regexp.MustCompile(`^[\w+=,.@-]{1,32}$`)
var partitions = map[string]bool{"aws": true, "aws-cn": true, "aws-us-gov": true, "aws-iso": true, "aws-iso-b": true, "aws-iso-e": true, "aws-iso-f": true, "aws-eusc": true}

func (m *RoleMapping) ok() bool {
	if m.SSO == nil {
		return m.RoleARN != ""
	}
	if m.RoleARN != "" {
		return false
	}
	if !accountRe.MatchString(m.SSO.AccountID) || !permRe.MatchString(m.SSO.PermissionSetName) {
		return false
	}
	return m.SSO.Partition == "" || partitions[m.SSO.Partition]
}
func (m *RoleMapping) key() string {
	if m.SSO != nil {
		p := "aws"
		if m.SSO.Partition != "" {
			p = ""
		}
		return fmt.Sprintf("arn:%s:iam::%s:role/awsreservedsso_%s_*", p, m.SSO.AccountID, strings.ToLower(m.SSO.PermissionSetName))
	}
	return strings.ToLower(m.RoleARN)
}
func skip(v string) bool {
	t := strings.TrimSpace(v)
	return t == "" || t == "``" || t == `""` || t == "''"
}

type out struct {
	Error    bool                   `json:"error"`
	Roles    map[string]interface{} `json:"roles"`
	Users    map[string]interface{} `json:"users"`
	Accounts []string               `json:"accounts"`
	Panic    string                 `json:"panic,omitempty"`
}

func run(data map[string]string) (o out) {
	defer func() {
		if r := recover(); r != nil {
			o.Panic = fmt.Sprint(r)
		}
	}()
	o = out{Roles: map[string]interface{}{}, Users: map[string]interface{}{}, Accounts: []string{}}
	if t, ok := data["mapUsers"]; ok && !skip(t) {
		var ms []UserMapping
		j, err := yaml.YAMLToJSON([]byte(t))
		if err != nil {
			o.Error = true
		} else {
			if err = json.Unmarshal(j, &ms); err != nil {
				o.Error = true
			}
			for _, m := range ms {
				if m.UserARN == "" {
					o.Error = true
					continue
				}
				o.Users[m.UserARN] = map[string]interface{}{"arn": m.UserARN, "username": m.Username, "groups": m.Groups}
			}
		}
	}
	if t, ok := data["mapRoles"]; ok && !skip(t) {
		var ms []RoleMapping
		j, err := yaml.YAMLToJSON([]byte(t))
		if err != nil {
			o.Error = true
		} else {
			if err = json.Unmarshal(j, &ms); err != nil {
				o.Error = true
			}
			for i := range ms {
				m := &ms[i]
				if !m.ok() {
					o.Error = true
					continue
				}
				if m.SSO != nil {
					o.Roles[m.key()] = map[string]interface{}{"sso": true, "username": m.Username, "groups": m.Groups}
				} else {
					o.Roles[m.key()] = map[string]interface{}{"arn": m.RoleARN, "username": m.Username, "groups": m.Groups}
				}
			}
		}
	}
	if t, ok := data["mapAccounts"]; ok && !skip(t) {
		var acc []string
		err := yamlv2.Unmarshal([]byte(t), &acc)
		if err != nil {
			o.Error = true
		}
		o.Accounts = append(o.Accounts, acc...)
	}
	return
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 64<<20)
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	for in.Scan() {
		var rec struct {
			Data map[string]string `json:"data"`
		}
		if err := json.Unmarshal(in.Bytes(), &rec); err != nil {
			panic(err)
		}
		b, _ := json.Marshal(run(rec.Data))
		w.Write(b)
		w.WriteByte('\n')
	}
}
