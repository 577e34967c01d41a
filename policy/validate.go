package policy

import (
	"strings"

	"github.com/rolecall-dev/rolecall/policy/internal/jsontree"
	"github.com/rolecall-dev/rolecall/policy/internal/operator"
	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

// validator turns JSON into a Document. The order of its checks is AWS's, since a document
// with two faults must get the answer that AWS gives first.
type validator struct {
	kind   Kind
	words  words
	src    string
	strict bool
	pos    *jsontree.Positions
	raw    []rawStatement
}

// rawStatement keeps what the later checks need beside a Statement.
type rawStatement struct {
	at         int32
	effect     string
	sidAt      int32
	principals bool // Principal or NotPrincipal is there
	actions    bool
	resources  bool
}

func (v *validator) errAt(offset int32, msg, detail string) error {
	e := &Error{Code: v.words.code, Message: msg, Detail: detail}
	if offset >= 0 {
		e.Pos = positionAt(jsontree.NewPositions(v.src), offset)
	}
	return e
}

func positionAt(p *jsontree.Positions, offset int32) Position { return Position(p.Of(int(offset))) }

func quote(s string) string { return `"` + s + `"` }

func (v *validator) syntax(offset int32, detail string) error {
	return v.errAt(offset, v.words.syntax, detail)
}

func (v *validator) document(d *Document, root *jsontree.Node) error {
	v.pos = jsontree.NewPositions(v.src)
	d.version = Version2008
	var statements *jsontree.Node
	for i := range root.Items {
		item := &root.Items[i]
		switch item.Name {
		case "Version":
			if item.Kind != jsontree.String || item.Text != Version2008 && item.Text != Version2012 {
				if v.strict || item.Kind != jsontree.String {
					return v.errAt(item.Start, v.words.version, "Version is neither 2012-10-17 nor 2008-10-17")
				}
			}
			d.version = item.Text
		case "Id":
			if item.Kind != jsontree.String {
				return v.syntax(item.Start, "Id is not a string")
			}
			d.id = item.Text
		case "Statement":
			statements = item
		default:
			if v.strict {
				return v.unknownElement(item)
			}
		}
	}
	list, err := v.statementList(root, statements)
	if err != nil {
		return err
	}
	d.statements = make([]Statement, len(list))
	v.raw = make([]rawStatement, len(list))
	for i := range list {
		if err := v.statement(&d.statements[i], &v.raw[i], &list[i]); err != nil {
			return err
		}
	}
	if !v.strict {
		return nil
	}
	switch v.kind {
	case Trust:
		return v.checkTrust(d)
	case Resource, KeyPolicy, RCP:
		return v.checkResourcePolicy(d)
	case Identity, Managed, Boundary, Session, SCP:
	}
	return v.checkIdentity(d, root)
}

func (v *validator) unknownElement(item *jsontree.Node) error {
	if v.words.unknown != "" {
		return v.errAt(item.NameAt, v.words.unknown+item.Name, "")
	}
	return v.syntax(item.NameAt, "unknown element "+quote(item.Name))
}

func (v *validator) statementList(root, statements *jsontree.Node) ([]jsontree.Node, error) {
	if statements == nil {
		return nil, v.errAt(root.Start, v.words.noStatement, "Statement is missing")
	}
	list := statements.Items
	switch statements.Kind {
	case jsontree.Object:
		list = []jsontree.Node{*statements}
	case jsontree.Array:
	case jsontree.String, jsontree.Number, jsontree.Bool, jsontree.Null:
		return nil, v.syntax(statements.Start, "Statement is neither an object nor a list")
	}
	if len(list) == 0 && v.strict {
		return nil, v.errAt(statements.Start, v.words.noStatement, "Statement is empty")
	}
	for i := range list {
		if list[i].Kind != jsontree.Object {
			return nil, v.syntax(list[i].Start, "a statement is not an object")
		}
	}
	return list, nil
}

func (v *validator) statement(s *Statement, raw *rawStatement, n *jsontree.Node) error {
	s.Start, raw.at = positionAt(v.pos, n.Start), n.Start
	var both [3]string // of each pair of exclusive elements, the one that was seen
	for i := range n.Items {
		item := &n.Items[i]
		var err error
		pair := -1
		switch item.Name {
		case "Sid":
			if item.Kind != jsontree.String {
				return v.syntax(item.Start, "Sid is not a string")
			}
			s.Sid, raw.sidAt = item.Text, item.Start
		case "Effect":
			if item.Kind != jsontree.String {
				return v.syntax(item.Start, "Effect is not a string")
			}
			raw.effect = item.Text
		case "Principal", "NotPrincipal":
			pair, raw.principals = 0, true
			s.NotPrincipal = item.Name == "NotPrincipal"
			s.Principals, err = v.principals(item, s)
		case "Action", "NotAction":
			pair, raw.actions = 1, true
			s.NotAction = item.Name == "NotAction"
			s.Actions, err = v.list(item, item.Name)
		case "Resource", "NotResource":
			pair, raw.resources = 2, true
			s.NotResource = item.Name == "NotResource"
			s.Resources, err = v.list(item, item.Name)
		case "Condition":
			s.Conditions, err = v.conditions(item, s)
		default:
			if v.strict {
				return v.unknownElement(item)
			}
			s.Unknown = true
		}
		if err != nil {
			return err
		}
		if pair >= 0 {
			if both[pair] != "" {
				return v.syntax(item.NameAt, both[pair]+" and "+item.Name+" exclude each other")
			}
			both[pair] = item.Name
		}
	}
	s.End = positionAt(v.pos, n.End)
	return v.effect(s, raw)
}

func (v *validator) effect(s *Statement, raw *rawStatement) error {
	switch {
	case raw.effect == "Allow":
		s.Effect = Allow
	case raw.effect == "Deny":
		s.Effect = Deny
	case !v.strict:
		// Deny is the zero value: an effect that nobody knows takes rights away.
		s.Unknown = true
	case raw.effect == "":
		return v.errAt(raw.at, v.words.noEffect, "Effect is missing")
	case v.words.legacy == "":
		return v.errAt(raw.at, "Invalid effect: "+raw.effect, "Effect is neither Allow nor Deny")
	case !text.EqualFold(raw.effect, "allow") && !text.EqualFold(raw.effect, "deny"):
		return v.syntax(raw.at, "Effect is neither Allow nor Deny")
	}
	return nil
}

func (v *validator) list(n *jsontree.Node, element string) ([]string, error) {
	switch n.Kind {
	case jsontree.String:
		return []string{n.Text}, nil
	case jsontree.Array:
		out := make([]string, len(n.Items))
		for i := range n.Items {
			if n.Items[i].Kind != jsontree.String {
				return nil, v.syntax(n.Items[i].Start, "a value of "+element+" is not a string")
			}
			out[i] = n.Items[i].Text
		}
		return out, nil
	case jsontree.Number, jsontree.Bool, jsontree.Null, jsontree.Object:
	}
	return nil, v.syntax(n.Start, element+" is neither a string nor a list of strings")
}

func (v *validator) conditions(n *jsontree.Node, s *Statement) ([]Condition, error) {
	if n.Kind != jsontree.Object {
		return nil, v.syntax(n.Start, "Condition is not an object")
	}
	var out []Condition
	for i := range n.Items {
		op := &n.Items[i]
		if op.Kind != jsontree.Object {
			return nil, v.syntax(op.Start, "condition operator "+op.Name+" does not hold an object")
		}
		// AWS accepts an operator that it does not know as long as it holds no key.
		if _, ok := operator.Parse(op.Name); !ok && len(op.Items) > 0 {
			if v.strict {
				return nil, v.unknownOperator(op)
			}
			s.Unknown = true
		}
		for j := range op.Items {
			key := &op.Items[j]
			values, err := v.conditionValues(key)
			if err != nil {
				return nil, err
			}
			out = append(out, Condition{Operator: op.Name, Key: key.Name, Values: values, Pos: positionAt(v.pos, key.NameAt)})
		}
	}
	return out, nil
}

func (v *validator) unknownOperator(op *jsontree.Node) error {
	if v.words.legacy == "" {
		return v.errAt(op.NameAt, "Invalid Condition type : "+op.Name, "unknown condition operator")
	}
	return v.syntax(op.NameAt, "unknown condition operator "+quote(op.Name))
}

func (v *validator) conditionValues(n *jsontree.Node) ([]string, error) {
	scalar := func(n *jsontree.Node) (string, bool) {
		return n.Text, n.Kind == jsontree.String || n.Kind == jsontree.Number || n.Kind == jsontree.Bool
	}
	if n.Kind == jsontree.Array {
		out := make([]string, len(n.Items))
		for i := range n.Items {
			text, ok := scalar(&n.Items[i])
			if !ok {
				return nil, v.syntax(n.Items[i].Start, "a value of condition key "+n.Name+" is not a string")
			}
			out[i] = text
		}
		return out, nil
	}
	text, ok := scalar(n)
	if !ok {
		return nil, v.syntax(n.Start, "the value of condition key "+n.Name+" is not a string")
	}
	return []string{text}, nil
}

// checkSids refuses a Sid that is given twice.
func (v *validator) checkSids(d *Document) error {
	seen := make(map[string]bool, len(d.statements))
	for i := range d.statements {
		sid := d.statements[i].Sid
		if sid != "" && seen[sid] {
			return v.errAt(v.raw[i].sidAt, v.words.duplicateSid, "Sid "+quote(sid)+" is given twice")
		}
		seen[sid] = true
	}
	return nil
}

// checkValues refuses condition values and variables that could not be evaluated.
func (v *validator) checkValues(d *Document, msg string) error {
	for i := range d.statements {
		s := &d.statements[i]
		for _, c := range s.Conditions {
			op, ok := operator.Parse(c.Operator)
			if !ok {
				continue
			}
			for _, value := range c.Values {
				if why := badValue(op, value, d.version == Version2012); why != "" {
					return &Error{Code: v.words.code, Message: msg, Pos: c.Pos, Detail: c.Operator + " " + c.Key + ": " + why}
				}
			}
		}
		if d.version != Version2012 {
			continue
		}
		for _, r := range s.Resources {
			if !readable(r, true) {
				return v.errAt(v.raw[i].at, v.words.syntax, "malformed variable in "+quote(r))
			}
		}
	}
	return nil
}

// checkActions refuses actions that are not service:operation.
func (v *validator) checkActionWords(action string) (msg string) {
	if action == "*" {
		return ""
	}
	vendor, op, found := strings.Cut(action, ":")
	switch {
	case !found:
		return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	case strings.Contains(op, ":"):
		return "Actions/Condition can contain only one colon."
	case vendor != "*" && !isVendor(vendor):
		return "Vendor " + vendor + " is not valid"
	}
	return ""
}

func isVendor(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
