package export

import (
	"encoding/json"
	"strings"
)

func formats() []string { return []string{"sh", "fish", "powershell", "dotenv", "json"} }

func dialectOf(format string) (func([]variable) string, bool) {
	switch format {
	case "sh":
		return lines(func(n, v string) string { return "export " + n + "=" + quoteSh(v) }, func(n string) string { return "unset " + n }), true
	case "fish":
		return lines(func(n, v string) string { return "set -gx " + n + " " + quoteFish(v) }, func(n string) string { return "set -e " + n }), true
	case "powershell":
		return lines(func(n, v string) string { return "$env:" + n + " = " + quotePowerShell(v) },
			func(n string) string { return "Remove-Item Env:" + n + " -ErrorAction SilentlyContinue" }), true
	case "dotenv":
		// A dotenv file cannot take a variable away; its readers would take an empty one for set.
		return lines(func(n, v string) string { return n + "=" + quoteDotenv(v) }, func(string) string { return "" }), true
	case "json":
		return object, true
	}
	return nil, false
}

func lines(set func(name, value string) string, unset func(name string) string) func([]variable) string {
	return func(vars []variable) string {
		var b strings.Builder
		for _, v := range vars {
			line := unset(v.name)
			if v.set {
				line = set(v.name, v.value)
			}
			if line != "" {
				b.WriteString(line + "\n")
			}
		}
		return b.String()
	}
}

// quoteSh uses single quotes, in which POSIX shells read everything as it stands.
func quoteSh(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteFish uses single quotes, in which fish knows two escapes.
func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// quotePowerShell uses single quotes. PowerShell takes typographic ones for quotes, too.
func quotePowerShell(s string) string {
	return "'" + strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(s) + "'"
}

// quoteDotenv leaves plain values bare, since Docker's --env-file knows no quotes at all.
func quoteDotenv(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+/=_.:,@%-", r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	if !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
}

// object maps names to values, and names to take away to null.
func object(vars []variable) string {
	m := make(map[string]*string, len(vars))
	for _, v := range vars {
		m[v.name] = nil
		if v.set {
			m[v.name] = &v.value
		}
	}
	text, _ := json.MarshalIndent(m, "", "  ") // strings always encode
	return string(text) + "\n"
}
