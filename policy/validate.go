package policy

import "strings"

// validator turns JSON into a Document. The order of its checks is AWS's, since a document
// with two faults must get the answer that AWS gives first.
type validator struct {
	kind   Kind
	words  words
	src    string
	strict bool
	pos    *positions
	raw    []rawStatement
}

// rawStatement keeps what the later checks need beside a Statement.
type rawStatement struct {
	at         int
	effect     string
	sidAt      int
	principals bool // Principal or NotPrincipal is there
	actions    bool
	resources  bool
}

func (v *validator) errAt(offset int, msg, detail string) error {
	e := &Error{Code: v.words.code, Message: msg, Detail: detail}
	if offset >= 0 {
		e.Pos = newPositions(v.src).of(offset)
	}
	return e
}

func (v *validator) syntax(offset int, detail string) error {
	return v.errAt(offset, v.words.syntax, detail)
}

func (v *validator) document(d *Document, root *node) error {
	v.pos = newPositions(v.src)
	d.version = Version2008
	var statements *node
	for i, k := range root.keys {
		item := &root.items[i]
		switch k.name {
		case "Version":
			if item.kind != nodeString || item.text != Version2008 && item.text != Version2012 {
				if v.strict || item.kind != nodeString {
					return v.errAt(item.start, v.words.version, "Version is neither 2012-10-17 nor 2008-10-17")
				}
			}
			d.version = item.text
		case "Id":
			if item.kind != nodeString {
				return v.syntax(item.start, "Id is not a string")
			}
			d.id = item.text
		case "Statement":
			statements = item
		default:
			if v.strict {
				return v.syntax(k.pos, "unknown element "+quote(k.name))
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

func (v *validator) statementList(root, statements *node) ([]node, error) {
	if statements == nil {
		return nil, v.errAt(root.start, v.words.noStatement, "Statement is missing")
	}
	list := statements.items
	switch statements.kind {
	case nodeObject:
		list = []node{*statements}
	case nodeArray:
	case nodeString, nodeNumber, nodeBool, nodeNull:
		return nil, v.syntax(statements.start, "Statement is neither an object nor a list")
	}
	if len(list) == 0 && v.strict {
		return nil, v.errAt(statements.start, v.words.noStatement, "Statement is empty")
	}
	for i := range list {
		if list[i].kind != nodeObject {
			return nil, v.syntax(list[i].start, "a statement is not an object")
		}
	}
	return list, nil
}

func (v *validator) statement(s *Statement, raw *rawStatement, n *node) error {
	s.Start, raw.at = v.pos.of(n.start), n.start
	var both [3]string // of each pair of exclusive elements, the one that was seen
	for i, k := range n.keys {
		item := &n.items[i]
		var err error
		pair := -1
		switch k.name {
		case "Sid":
			if item.kind != nodeString {
				return v.syntax(item.start, "Sid is not a string")
			}
			s.Sid, raw.sidAt = item.text, item.start
		case "Effect":
			if item.kind != nodeString {
				return v.syntax(item.start, "Effect is not a string")
			}
			raw.effect = item.text
		case "Principal", "NotPrincipal":
			pair, raw.principals = 0, true
			s.NotPrincipal = k.name == "NotPrincipal"
			s.Principals, err = v.principals(item, s)
		case "Action", "NotAction":
			pair, raw.actions = 1, true
			s.NotAction = k.name == "NotAction"
			s.Actions, err = v.list(item, k.name)
		case "Resource", "NotResource":
			pair, raw.resources = 2, true
			s.NotResource = k.name == "NotResource"
			s.Resources, err = v.list(item, k.name)
		case "Condition":
			s.Conditions, err = v.conditions(item, s)
		default:
			if v.strict {
				return v.syntax(k.pos, "unknown element "+quote(k.name))
			}
			s.Unknown = true
		}
		if err != nil {
			return err
		}
		if pair >= 0 {
			if both[pair] != "" {
				return v.syntax(k.pos, both[pair]+" and "+k.name+" exclude each other")
			}
			both[pair] = k.name
		}
	}
	s.End = v.pos.of(n.end)
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
	case !equalFold(raw.effect, "allow") && !equalFold(raw.effect, "deny"):
		return v.syntax(raw.at, "Effect is neither Allow nor Deny")
	}
	return nil
}

func (v *validator) list(n *node, element string) ([]string, error) {
	switch n.kind {
	case nodeString:
		return []string{n.text}, nil
	case nodeArray:
		out := make([]string, len(n.items))
		for i := range n.items {
			if n.items[i].kind != nodeString {
				return nil, v.syntax(n.items[i].start, "a value of "+element+" is not a string")
			}
			out[i] = n.items[i].text
		}
		return out, nil
	case nodeNumber, nodeBool, nodeNull, nodeObject:
	}
	return nil, v.syntax(n.start, element+" is neither a string nor a list of strings")
}

func (v *validator) conditions(n *node, s *Statement) ([]Condition, error) {
	if n.kind != nodeObject {
		return nil, v.syntax(n.start, "Condition is not an object")
	}
	var out []Condition
	for i, op := range n.keys {
		keys := &n.items[i]
		if keys.kind != nodeObject {
			return nil, v.syntax(keys.start, "condition operator "+op.name+" does not hold an object")
		}
		// AWS accepts an operator that it does not know as long as it holds no key.
		if _, ok := parseOperator(op.name); !ok && len(keys.keys) > 0 {
			if v.strict {
				return nil, v.unknownOperator(op)
			}
			s.Unknown = true
		}
		for j, k := range keys.keys {
			values, err := v.conditionValues(&keys.items[j], k.name)
			if err != nil {
				return nil, err
			}
			out = append(out, Condition{Operator: op.name, Key: k.name, Values: values, Pos: v.pos.of(k.pos)})
		}
	}
	return out, nil
}

func (v *validator) unknownOperator(op key) error {
	if v.words.legacy == "" {
		return v.errAt(op.pos, "Invalid Condition type : "+op.name, "unknown condition operator")
	}
	return v.syntax(op.pos, "unknown condition operator "+quote(op.name))
}

func (v *validator) conditionValues(n *node, name string) ([]string, error) {
	scalar := func(n *node) (string, bool) {
		return n.text, n.kind == nodeString || n.kind == nodeNumber || n.kind == nodeBool
	}
	if n.kind == nodeArray {
		out := make([]string, len(n.items))
		for i := range n.items {
			text, ok := scalar(&n.items[i])
			if !ok {
				return nil, v.syntax(n.items[i].start, "a value of condition key "+name+" is not a string")
			}
			out[i] = text
		}
		return out, nil
	}
	text, ok := scalar(n)
	if !ok {
		return nil, v.syntax(n.start, "the value of condition key "+name+" is not a string")
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
			op, ok := parseOperator(c.Operator)
			if !ok {
				continue
			}
			for _, value := range c.Values {
				if why := op.badValue(value, d.version == Version2012); why != "" {
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
		if (c < '0' || c > '9') && (lower(c) < 'a' || lower(c) > 'z') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
